"""A collector in a hurry: real packets, but a clock of its own that runs many times as fast.

    python -m tests.lab.hurried WATCHLIST CACHE SPEED

What takes the collector minutes is over in seconds.  Probes keep the time of people: their
observations are put on the hurried clock.  It ends when its standard input does.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec

from monitor.cache.writer import Writer
from monitor.clock import RealClock
from monitor.collect.collector import Collector, Tempo
from monitor.collect.own import OwnPlaces
from monitor.collect.sink import Sink
from monitor.probes.base import RealProber
from monitor.watchlist.loader import load

# However fast the clock runs: a slow machine needs so long to hear an answer.
_TIMEOUT_S = 1.0


class HurriedClock:
    """Wall and monotonic time from one source, so that they never jump apart."""

    name = "hurried"

    def __init__(self, speed):
        self._speed = speed
        self._wall, self._monotonic = time.time_ns() // 1000, time.monotonic()

    def at(self, real_wall):
        """A real moment in Micros on this clock."""
        return self._wall + round((real_wall - self._wall) * self._speed)

    def wall(self):
        return self._wall + round((time.monotonic() - self._monotonic) * self._speed * 1e6)

    def monotonic(self):
        return time.monotonic() * self._speed

    async def sleep(self, seconds):
        await asyncio.sleep(max(0.0, seconds) / self._speed)


class HurriedProber:
    """Real probes whose observations stand on the hurried clock."""

    def __init__(self, clock, speed):
        self._clock, self._speed = clock, speed
        self._real = RealProber(RealClock())

    async def probe(self, check):
        seen = await self._real.probe(msgspec.structs.replace(check, timeout_s=_TIMEOUT_S))
        at, took_ms = self._clock.at(seen.at), seen.took_ms * self._speed
        return msgspec.structs.replace(seen, at=at, took_ms=took_ms)

    async def close(self):
        await self._real.close()


async def collect(watchlist, cache, speed):
    clock = HurriedClock(speed)
    writer = Writer(cache)
    collector = Collector(
        load(watchlist),
        HurriedProber(clock, speed),
        clock,
        Sink(writer, clock),
        {},
        pid=os.getpid(),
        tempo=Tempo().at(speed),
        own=OwnPlaces().checks,
    )
    asyncio.get_running_loop().add_reader(0, collector.stop)
    try:
        await collector.run()
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(collect(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])))
