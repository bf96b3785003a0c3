"""The simulated prober on simulated time."""

from __future__ import annotations

import asyncio

import msgspec

from monitor.clock import Clock
from monitor.probes.base import Prober
from monitor.records import HOUR, MINUTE, SECOND, Observation, Outcome, Reason
from monitor.simulation.events import Fault
from monitor.simulation.loop import SimClock, run
from monitor.simulation.prober import SimProber, keep_time
from monitor.simulation.world import world_for
from monitor.watchlist.model import Watchlist
from tests.simulation.samples import NOON, event

START = NOON - MINUTE
EVENTS = (
    event(Fault.FLAP, "network:north", period_s=300.0, jitter=0.5),
    event(Fault.LOSS, "own", first=0.05, last=0.3),
    event(Fault.OVERLOAD, "host:paper", last=0.5, latency_ms=400.0),
    event(Fault.SERVER_5XX, "host:site", at=NOON + 20 * MINUTE),
)


def patrol(watchlist: Watchlist, seed: int, *, backwards: bool = False) -> list[Observation]:
    """Half an hour of every check a minute, on a simulated loop."""

    async def main(clock: SimClock) -> list[Observation]:
        typed: Clock = clock
        prober: Prober = SimProber(world_for(watchlist, seed, EVENTS), clock)
        seen: list[Observation] = []
        checks = list(watchlist.checks())

        async def watch(check) -> None:
            for n in range(30):
                await typed.sleep(n * 60 - typed.monotonic())
                seen.append(await prober.probe(check))

        await asyncio.gather(*(watch(c) for c in (reversed(checks) if backwards else checks)))
        await prober.close()
        return seen

    return run(main, START).result


def test_the_same_seed_and_script_give_the_same_observations(watchlist: Watchlist) -> None:
    first = patrol(watchlist, 3)
    assert patrol(watchlist, 3) == first
    assert patrol(watchlist, 4) != first


def test_the_order_of_asking_changes_nothing(watchlist: Watchlist) -> None:
    def key(seen: Observation) -> tuple[str, int]:
        return seen.check, seen.at

    forward = sorted(patrol(watchlist, 3), key=key)
    assert sorted(patrol(watchlist, 3, backwards=True), key=key) == forward


def test_a_probe_takes_its_time(watchlist: Watchlist) -> None:
    async def main(clock: SimClock) -> None:
        prober = SimProber(world_for(watchlist, 1), clock)
        for check in watchlist.checks():
            before = clock.monotonic()
            seen = await prober.probe(check)
            assert seen.at == START + round(before * SECOND)
            assert abs((clock.monotonic() - before) * 1000 - seen.took_ms) < 0.01

    run(main, START)


def test_the_world_keeps_its_time_when_our_clock_is_wrong(watchlist: Watchlist) -> None:
    async def main(clock: SimClock) -> tuple[Observation, Observation]:
        prober = SimProber(
            world_for(watchlist, 1, [event(Fault.WITHDRAW, "network:north")]), clock
        )
        clock.step(3600)
        before = await prober.probe(watchlist.checks()[0])
        clock.suspend(120)
        return before, await prober.probe(watchlist.checks()[0])

    before, after = run(main, START).result
    assert before.received > 0
    assert before.at == START + HOUR
    assert after.received == 0


def test_suspends_and_steps_come_at_their_times(watchlist: Watchlist) -> None:
    events = (
        event(Fault.SUSPEND, at=NOON, seconds=600.0),
        event(Fault.CLOCK_STEP, at=NOON + 20 * MINUTE, seconds=-90.0),
    )

    async def main(clock: SimClock) -> None:
        world = world_for(watchlist, 1, events)
        until = NOON + 30 * MINUTE
        keeper = asyncio.create_task(keep_time(world.clock_events, clock, until))
        await clock.sleep(60.5)
        assert clock.wall() == NOON + 600 * SECOND + SECOND // 2
        await clock.sleep(600)
        assert clock.wall() == clock.true() - 90 * SECOND
        await keeper
        assert clock.true() == until
        assert clock.monotonic() == 21 * 60

    run(main, START)


def test_a_host_that_is_not_in_the_world_is_an_error_of_ours(watchlist: Watchlist) -> None:
    async def main(clock: SimClock) -> Observation:
        prober = SimProber(world_for(watchlist, 1), clock)
        stranger = msgspec.structs.replace(watchlist.checks()[0], host="stranger")
        return await prober.probe(stranger)

    seen = run(main, START).result
    assert (seen.outcome, seen.reason) == (Outcome.ERROR, Reason.PROBE_CRASHED)
