"""Without an event loop the same is seen, judged and told as with one."""

from __future__ import annotations

import asyncio

import pytest

from monitor.collect.collector import Collector, Tempo
from monitor.collect.replay import FastCollector
from monitor.collect.sink import Sink
from monitor.records import MINUTE, CollectorRow, Event, Row
from monitor.simulation.loop import SimClock, run
from monitor.simulation.prober import SimProber, keep_time
from tests.collect.conftest import START, Memory
from tests.simulation.chaos import Chaos, make

# No round, batch or tick of anything falls on it.
END = START + 20 * MINUTE + 1_234_567
TEMPO = Tempo(batch_s=4.0, health_s=20.0, lag_s=2.0)


def with_a_loop(chaos: Chaos) -> Memory:
    store = Memory()
    world = chaos.world()

    async def main(clock: SimClock) -> None:
        collector = Collector(
            chaos.watchlist,
            SimProber(world, clock),
            clock,
            Sink(store, clock, threaded=False),
            {},
            pid=0,
            tempo=TEMPO,
        )
        task = asyncio.create_task(collector.run())
        await keep_time((), clock, END)
        collector.stop()
        await task

    assert run(main, START).leaked == ()
    return store


def without(chaos: Chaos, *stops: int) -> Memory:
    store = Memory()
    fast = FastCollector(chaos.watchlist, chaos.world(), store, {}, START, tempo=TEMPO)
    for until in (*stops, END):
        fast.play(until)
    fast.end()
    return store


def in_order(event: Event) -> tuple[int, str, str]:
    return event.at, event.subject, event.text


def calm(rows: dict[str, Row]) -> dict[str, Row]:
    """All but what a collector says of its own loop."""
    return {name: row for name, row in rows.items() if not isinstance(row, CollectorRow)}


# Where few may be in flight it matters which of two looks that end together ends first.
WIDE = [seed for seed in range(60) if make(seed).watchlist.budget.in_flight > 100]
SEEDS = [seed for seed in WIDE if not make(seed).world().clock_events][:8]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_world_gives_the_same_story(seed: int) -> None:
    chaos = make(seed)
    slow, fast = with_a_loop(chaos), without(chaos)
    assert sorted(fast.events, key=in_order) == sorted(slow.events, key=in_order)
    assert sorted(fast.observations, key=lambda seen: (seen.at, seen.check)) == sorted(
        slow.observations, key=lambda seen: (seen.at, seen.check)
    )
    assert calm(fast.rows) == calm(slow.rows)


def test_it_may_be_played_in_parts() -> None:
    chaos = make(SEEDS[0])
    parts = without(chaos, START + 3 * MINUTE, START + 11 * MINUTE + 1)
    assert parts.events == without(chaos).events


@pytest.mark.parametrize(
    "seed", [seed for seed in range(40) if make(seed).world().clock_events][:3]
)
def test_jumps_of_the_clock_are_gaps(seed: int) -> None:
    store = without(make(seed))
    jumps = make(seed).world().clock_events
    gaps = [event for event in store.events if event.kind == "gap" and event.rule == "gap"]
    assert 0 < len(gaps) <= len(jumps)
