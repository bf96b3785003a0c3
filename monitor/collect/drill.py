"""A drill: the real collector, judge and cache on a simulated internet and clock.

It runs as a process of its own beside the desk, which steers it through a pipe: one JSON
array a line, ``["pause"]``, ``["speed", 2000]``, ``["jump"]``.  When the pipe ends, so does
the drill.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from monitor.cache.lock import CollectorLock
from monitor.cache.reader import Reader
from monitor.cache.schema import side_files
from monitor.cache.writer import Writer
from monitor.collect.collector import Collector, Tempo
from monitor.collect.drillworld import DrillOrigins, DrillRoutes
from monitor.collect.hush import Hush
from monitor.collect.sender import AppriseSender, Rehearsal
from monitor.collect.service import AlreadyCollecting
from monitor.collect.sink import Sink
from monitor.collect.telling import Teller, TellerOf
from monitor.records import HOUR, SECOND, Micros, Verdict
from monitor.simulation.debrief import debrief, render
from monitor.simulation.drills import Drill, load_drill
from monitor.simulation.events import Event
from monitor.simulation.loop import SimClock, SimLoop, run
from monitor.simulation.prober import SimProber, keep_time
from monitor.watchlist.model import Watchlist

SLOWEST: Final = 1.0
FASTEST: Final = 100_000.0
# A drill that begins in the middle first watches for a while, so that it knows what is usual.
WARM_UP: Final = 2 * HOUR
_EVENTS: Final = 1_000_000


def serve(
    name: str, cache: Path, *, speed: float, begin: Micros, notify: Watchlist | None = None
) -> None:
    """Run a drill until its pipe (standard input) ends.

    The alerts of ``notify`` are sent for real, marked as synthetic; without it nothing is.
    Raises KeyError for an unknown drill, AlreadyCollecting, CacheError.
    """
    drill = load_drill(name)
    lock = CollectorLock(cache)
    if not lock.acquire():
        holder = CollectorLock.holder(cache)
        raise AlreadyCollecting(holder.pid if holder else 0)
    try:
        for path in (cache, *side_files(cache)):
            path.unlink(missing_ok=True)
        writer = Writer(cache)
        try:
            start = max(drill.script.start, begin - WARM_UP)

            def tells(clock: SimClock) -> TellerOf:
                return lambda put: teller(drill, clock, put, notify, Hush(cache))

            run(lambda clock: _play(drill, clock, writer, speed, begin, tells=tells), start)
        finally:
            writer.close()
    finally:
        lock.release()


async def _play(
    drill: Drill,
    clock: SimClock,
    writer: Writer,
    speed: float,
    begin: Micros,
    *,
    tells: Callable[[SimClock], TellerOf],
) -> None:
    world = drill.world()
    collector = Collector(
        drill.watchlist,
        SimProber(world, clock),
        clock,
        Sink(writer, clock, threaded=False),
        {},
        pid=os.getpid(),
        tempo=Tempo().at(speed),
        routes=lambda found: DrillRoutes(world, found.networks, clock, drill.script.end),
        origins=lambda _: DrillOrigins(world, clock),
        tells=tells(clock),
    )
    collector.name_drill(drill.script.name, drill.script.end)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    controls = Controls(drill, clock, loop, collector, speed)
    if begin > clock.true():
        loop.jump_to(clock.loop_time(begin))
    loop.add_reader(0, controls.read)
    tasks = [
        asyncio.create_task(collector.run(), name="collector"),
        asyncio.create_task(controls.keep_time(world.clock_events), name="clock"),
    ]
    try:
        await controls.over.wait()
    finally:
        loop.remove_reader(0)
        loop.set_speed(None)
        loop.pause(paused=False)
        collector.stop()
        await tasks[0]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def teller(
    drill: Drill,
    clock: SimClock,
    put: Callable[[Verdict], None],
    notify: Watchlist | None,
    hush: Hush,
) -> Teller:
    """Who tells people in a drill: in earnest only by the rules of ``notify``."""
    return Teller(
        drill.watchlist if notify is None else notify,
        clock,
        put,
        {},
        Rehearsal() if notify is None else AppriseSender(),
        hush=hush,
        drill=drill.script.name,
        rings=notify is not None,
    )


class Controls:
    """What people may do to the time of a drill."""

    def __init__(
        self, drill: Drill, clock: SimClock, loop: SimLoop, collector: Collector, speed: float
    ) -> None:
        self._drill = drill
        self._clock = clock
        self._loop = loop
        self._collector = collector
        self._speed = min(FASTEST, max(SLOWEST, speed))
        self._paused = False
        self._rest = b""
        self.over = asyncio.Event()
        self._apply()

    def read(self) -> None:
        """Take commands from the pipe; its end ends the drill."""
        data = os.read(0, 65_536)
        if not data:
            self.over.set()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.do(line)

    def do(self, line: bytes) -> None:
        """Carry out one command; anything else is ignored."""
        try:
            verb, *rest = msgspec.json.decode(line, type=list[str | float])
        except msgspec.DecodeError:
            return
        if verb == "pause":
            self._paused = not self._paused
        elif verb == "speed" and rest and isinstance(rest[0], float | int):
            self._speed = min(FASTEST, max(SLOWEST, float(rest[0])))
            self._paused = False
        elif verb == "jump":
            self._paused = False
            self._jump()
        self._apply()

    def _apply(self) -> None:
        self._loop.set_speed(self._speed)
        self._loop.pause(self._paused)
        self._collector.pace(self._speed, paused=self._paused)

    def _jump(self) -> None:
        """On to just before the next change in the script."""
        now = self._clock.true()
        times = {event.at for event in self._drill.script.events}
        times |= {event.until for event in self._drill.script.events if event.until}
        later = sorted(at for at in times if at > now + SECOND)
        if later:
            self._loop.jump_to(self._clock.loop_time(later[0] - SECOND))

    async def keep_time(self, events: Iterable[Event]) -> None:
        """Suspend and step the clock as scripted; at the end hold it, to be read."""
        await keep_time(events, self._clock, self._drill.script.end)
        self._paused = True
        self._apply()


def debriefing(name: str, cache: Path) -> list[str]:
    """What the desk said beside the truth, as far as the drill was played; lines of text.

    Raises KeyError and CacheError.
    """
    truth = load_drill(name).truth
    reader = Reader(cache)
    try:
        events = reader.events(limit=_EVENTS)[::-1]
    finally:
        reader.close()
    if not events:
        return ["nothing was played"]
    first, last = events[0].at, min(truth.end, events[-1].at)
    seen = tuple(change for change in truth.changes if change.at < last)
    before = [change for change in seen if change.at <= first]
    if before:
        kept = msgspec.structs.replace(before[-1], at=first)
        seen = (kept, *(change for change in seen if change.at > first))
    played = msgspec.structs.replace(truth, start=first, end=last, changes=seen)
    return render(debrief(events, played))
