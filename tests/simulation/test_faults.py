"""Trouble to order."""

from __future__ import annotations

import asyncio

import pytest

from monitor.records import Outcome
from monitor.simulation.events import Fault
from monitor.simulation.faults import FaultyProber, FaultyStore
from monitor.simulation.loop import SimClock, SimLoop, run
from monitor.simulation.prober import SimProber
from monitor.simulation.world import world_for
from monitor.watchlist.model import Watchlist
from tests.simulation.samples import NOON, event


def fates(watchlist: Watchlist, seed: int) -> dict[str, int]:
    async def main(clock: SimClock) -> dict[str, int]:
        inner = SimProber(world_for(watchlist, 1), clock)
        prober = FaultyProber(inner, seed, hangs=0.2, raises=0.2, lies=0.2)
        count = dict.fromkeys(("hung", "raised", "lied", "told"), 0)
        check = watchlist.checks()[0]
        for _ in range(400):
            try:
                async with asyncio.timeout(60):
                    seen = await prober.probe(check)
            except TimeoutError:
                count["hung"] += 1
            except RuntimeError:
                count["raised"] += 1
            else:
                count["lied" if seen.outcome is Outcome.FAIL else "told"] += 1
        await prober.close()
        return count

    ran = run(main, NOON)
    assert ran.leaked == ()
    return ran.result


def test_a_prober_hangs_raises_and_lies_in_its_shares(watchlist: Watchlist) -> None:
    found = fates(watchlist, 5)
    assert all(50 <= found[fate] <= 110 for fate in ("hung", "raised", "lied"))
    assert fates(watchlist, 5) == found
    assert fates(watchlist, 6) != found


def test_a_lie_turns_silence_into_an_answer(watchlist: Watchlist) -> None:
    async def main(clock: SimClock) -> Outcome:
        world = world_for(watchlist, 1, [event(Fault.WITHDRAW, "network:north")])
        prober = FaultyProber(SimProber(world, clock), 1, lies=1.0)
        return (await prober.probe(watchlist.checks()[0])).outcome

    assert run(main, NOON).result is Outcome.OK


class Kept:
    def __init__(self) -> None:
        self.commits = 0

    def commit(self, observations, events, rows, at):
        self.commits += 1
        return list(events)

    def requests(self, after):
        return [after]

    def maintain(self, now):
        return 3


def test_a_store_refuses_as_long_as_it_is_told_to() -> None:
    kept = Kept()
    store = FaultyStore(kept, lambda _seconds: None)
    assert store.commit([], [], {}, 0) == []
    store.trouble = OSError("full")
    with pytest.raises(OSError, match="full"):
        store.commit([], [], {}, 0)
    with pytest.raises(OSError, match="full"):
        store.maintain(0)
    assert store.requests(4) == [4]
    store.trouble = None
    assert store.maintain(0) == 3
    assert (kept.commits, store.refused) == (1, 2)


def test_a_slow_store_holds_up_the_loop_it_runs_on() -> None:
    async def main(clock: SimClock) -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        store = FaultyStore(Kept(), loop.stall)
        store.slow_s = 2.5
        store.commit([], [], {}, 0)
        return clock.monotonic()

    assert run(main, NOON).result == 2.5
