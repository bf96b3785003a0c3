"""The collector knows when its own loop stood still and when the clock was moved."""

from __future__ import annotations

import asyncio
import time

from monitor.clock import RealClock
from monitor.collect.health import ClockWatch, LagMeter
from monitor.records import SECOND
from monitor.simulation.loop import SimClock, run


def test_a_stall_of_the_loop_is_seen_and_measured() -> None:
    async def main() -> None:
        meter = LagMeter(RealClock())
        task = asyncio.create_task(meter.run())
        began = time.monotonic()
        await asyncio.sleep(0.15)
        time.sleep(0.3)  # noqa: ASYNC251 - the stall is what is tested
        await asyncio.sleep(0.15)
        assert meter.stalled_since(began)
        assert not meter.stalled_since(time.monotonic())
        assert meter.quantile_ms(1.0) > 100
        task.cancel()

    asyncio.run(main())


def test_a_clock_that_runs_on_is_no_jump_and_one_that_is_set_is() -> None:
    async def main(clock: SimClock) -> list[object]:
        watch = ClockWatch(clock, 5 * SECOND)
        await clock.sleep(3600)
        found: list[object] = [watch.jumped()]
        clock.step(4)
        found.append(watch.jumped())
        clock.step(60)
        ahead = watch.jumped()
        assert ahead is not None
        found.append((ahead[1] - ahead[0]) // SECOND)
        clock.step(-60)
        back = watch.jumped()
        assert back is not None
        found.append("back" in back[2])
        clock.suspend(600)
        asleep = watch.jumped()
        assert asleep is not None
        found.append("asleep" in asleep[2])
        return found

    assert run(main, 1_700_000_000 * SECOND).result == [None, None, 60, True, True]
