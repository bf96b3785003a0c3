"""Plays a bundled drill, or a part of it, through the collector in virtual time."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

from monitor.cache.reader import Reader
from monitor.cache.writer import Writer
from monitor.collect.collector import Collector, Tempo
from monitor.collect.replay import FastCollector
from monitor.collect.sink import Sink
from monitor.records import Event, Micros
from monitor.simulation.drills import Drill
from monitor.simulation.loop import SimClock, run
from monitor.simulation.prober import SimProber, keep_time

# As a drill at 600 simulated seconds in a second has it.
_TEMPO = Tempo().at(600.0)


def play(drill: Drill, cache: Path, since: Micros = 0, until: Micros = 0) -> list[Event]:
    """Every event of the drill, in order; ``cache`` is made anew.

    Between ``since`` and ``until`` (of the world's time) where they are given.
    """
    start, end = since or drill.script.start, until or drill.script.end
    writer = Writer(cache)
    try:
        ran = run(lambda clock: _play(drill, clock, writer, end), start)
    finally:
        writer.close()
    assert ran.leaked == ()
    return _events(cache)


def play_fast(drill: Drill, cache: Path, since: Micros = 0, until: Micros = 0) -> list[Event]:
    """The same without an event loop, in less than half of the time."""
    start, end = since or drill.script.start, until or drill.script.end
    with closing(Writer(cache)) as writer:
        fast = FastCollector(drill.watchlist, drill.world(), writer, {}, start, tempo=_TEMPO)
        fast.play(end)
        fast.end()
    return _events(cache)


def _events(cache: Path) -> list[Event]:
    with closing(Reader(cache)) as reader:
        return reader.events(limit=1_000_000)[::-1]


async def _play(drill: Drill, clock: SimClock, writer: Writer, end: Micros) -> None:
    world = drill.world()
    sink = Sink(writer, clock, threaded=False)
    prober = SimProber(world, clock)
    collector = Collector(drill.watchlist, prober, clock, sink, {}, pid=1, tempo=_TEMPO)
    task = asyncio.create_task(collector.run(), name="collector")
    changes = [event for event in world.clock_events if clock.true() <= event.at < end]
    await keep_time(changes, clock, end)
    collector.stop()
    await task
