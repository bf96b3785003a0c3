"""The collector as a process: its lock, its cache, its signals, its orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from monitor.cache.enduring import EnduringWriter
from monitor.cache.lock import CollectorLock
from monitor.cache.upkeep import Retention
from monitor.clock import Clock, RealClock
from monitor.collect.collector import Collector
from monitor.collect.hosting import OriginSource
from monitor.collect.hush import Hush
from monitor.collect.names import NameSource
from monitor.collect.own import OwnPlaces
from monitor.collect.routes import RouteSource
from monitor.collect.sender import AppriseSender
from monitor.collect.sink import Sink
from monitor.collect.telling import Teller
from monitor.collect.witness import WitnessSource
from monitor.probes.base import RealProber
from monitor.records import SECOND
from monitor.routing.cymru import Origins
from monitor.routing.reverse import Reverse
from monitor.watchlist.follow import Follower
from monitor.watchlist.model import Keep, Watchlist

STOP_S: Final = 15.0


class AlreadyCollecting(Exception):  # noqa: N818 - an answer, not an error
    """Another process holds the cache; ``pid`` says which."""

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.pid = pid


def serve(
    watchlist: Watchlist,
    follower: Follower,
    cache: Path,
    *,
    by_desk: bool,
    said: Callable[[str], None],
) -> None:
    """Collect until SIGTERM, SIGINT or SIGHUP.

    Raises AlreadyCollecting, or CacheError when the cache cannot be opened; ``said`` is
    given sentences for people.
    """
    lock = CollectorLock(cache)
    if not lock.acquire():
        holder = CollectorLock.holder(cache)
        raise AlreadyCollecting(holder.pid if holder else 0)
    try:
        writer = EnduringWriter(cache, retention_of(watchlist.keep))
        if writer.notice:
            said(writer.notice)
        try:
            clock = RealClock()
            rows = writer.rows()
            collector = Collector(
                watchlist,
                RealProber(clock),
                clock,
                Sink(writer, clock, tell=lock.say),
                rows,
                pid=os.getpid(),
                follower=follower,
                by_desk=by_desk,
                notice=writer.notice,
                routes=lambda found: routes_for(found, clock),
                origins=lambda found: origins_for(found, clock),
                names=lambda found: names_for(found, clock),
                witness=lambda found: witness_for(found, clock),
                own=OwnPlaces().checks,
                tells=lambda put: Teller(
                    watchlist, clock, put, rows, AppriseSender(), hush=Hush(cache)
                ),
            )
            asyncio.run(_until_told(collector))
        finally:
            writer.close()
    finally:
        lock.release()


def retention_of(keep: Keep) -> Retention:
    """A watchlist's spans in the cache's own unit."""
    spans = (keep.raw_s, keep.fives_s, keep.hours_s)
    return Retention(*(int(span * SECOND) for span in spans))


def routes_for(watchlist: Watchlist, clock: Clock) -> RouteSource | None:
    """The routing feeds that ``watchlist`` asks for; None where it asks for none."""
    if not watchlist.feeds.ris:
        return None
    from monitor.routing.service import Routes  # noqa: PLC0415 - only who asks pays for it

    return Routes(watchlist.networks, watchlist.feeds, clock)


def origins_for(watchlist: Watchlist, clock: Clock) -> OriginSource | None:
    """Origin look-ups, through the machine's own resolvers; None where they are not wanted."""
    return Origins(clock) if watchlist.feeds.origins else None


def names_for(watchlist: Watchlist, clock: Clock) -> NameSource | None:
    """Reverse DNS, through the machine's own resolvers; None where it is not wanted."""
    return Reverse(clock) if watchlist.feeds.names else None


def witness_for(watchlist: Watchlist, clock: Clock) -> WitnessSource | None:
    """The IODA that ``watchlist`` asks; None where it asks none."""
    if not watchlist.feeds.ioda:
        return None
    from monitor.routing.ioda import Ioda  # noqa: PLC0415 - only who asks pays for it

    return Ioda(watchlist.networks, watchlist.feeds, clock)


async def _until_told(collector: Collector) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, collector.stop)
    await collector.run()


def stop(cache: Path) -> int:
    """Stop the collector of a cache; its pid, or 0 when none was running.

    Raises TimeoutError when it does not end in time.
    """
    holder = CollectorLock.holder(cache)
    if holder is None or holder.pid <= 0:
        return 0
    try:
        os.kill(holder.pid, signal.SIGTERM)
    except ProcessLookupError:
        return 0
    deadline = time.monotonic() + STOP_S
    while CollectorLock.holder(cache) is not None:
        if time.monotonic() > deadline:
            raise TimeoutError(holder.pid)
        time.sleep(0.02)
    return holder.pid
