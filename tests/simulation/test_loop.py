"""Time on the simulated loop."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from monitor.records import SECOND
from monitor.simulation.loop import SimClock, SimLoop, SimulationStuckError, run

START = 1_419_264_000 * SECOND


def test_sleep_takes_its_simulated_time_and_no_real_time() -> None:
    async def main(clock: SimClock) -> tuple[float, int]:
        await clock.sleep(7 * 86_400)
        return clock.monotonic(), clock.wall()

    ran = run(main, START)
    assert ran.result == (604_800.0, START + 604_800 * SECOND)
    assert ran.leaked == ()
    assert ran.elapsed_s == 604_800.0


def test_timeouts_end_at_their_time() -> None:
    async def main(clock: SimClock) -> list[float]:
        times = []
        for waiting in (asyncio.Event().wait(), asyncio.sleep(60)):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(5):
                    await waiting
            times.append(clock.monotonic())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 2.5)
        times.append(clock.monotonic())
        assert await asyncio.wait_for(asyncio.sleep(1, "done"), 2) == "done"
        return times

    assert run(main, START).result == [5.0, 10.0, 12.5]


def test_timers_run_in_the_order_of_their_times() -> None:
    async def main(clock: SimClock) -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        seen: list[tuple[str, float]] = []
        for name, delay in (("c", 3.0), ("a", 1.0), ("b", 2.0), ("d", 3.5)):
            loop.call_later(delay, lambda n=name: seen.append((n, clock.monotonic())))
        loop.call_later(2.5, lambda: loop.call_soon(seen.append, ("soon", clock.monotonic())))
        await asyncio.sleep(4)
        return seen

    assert run(main, START).result == [
        ("a", 1.0),
        ("b", 2.0),
        ("soon", 2.5),
        ("c", 3.0),
        ("d", 3.5),
    ]


def test_two_runs_interleave_alike() -> None:
    async def main(clock: SimClock) -> list[tuple[int, float]]:
        seen: list[tuple[int, float]] = []

        async def worker(number: int) -> None:
            for _ in range(20):
                await clock.sleep(0.1 * (number % 3 + 1))
                seen.append((number, clock.monotonic()))

        await asyncio.gather(*(worker(n) for n in range(12)))
        return seen

    assert run(main, START).result == run(main, START).result


def test_what_can_never_go_on_is_said_and_names_who_waits() -> None:
    async def main(_clock: SimClock) -> None:
        waiting = asyncio.create_task(asyncio.Event().wait(), name="the-waiter")
        await waiting

    with pytest.raises(SimulationStuckError, match="the-waiter"):
        run(main, START)


def test_tasks_left_behind_are_cancelled_and_named() -> None:
    ended: list[str] = []

    async def main(clock: SimClock) -> str:
        async def forever() -> None:
            try:
                await clock.sleep(1e9)
            finally:
                ended.append("cleaned up")

        tasks = [asyncio.create_task(forever(), name=name) for name in ("b", "a")]
        await clock.sleep(1)
        assert not any(task.done() for task in tasks)
        return "result"

    ran = run(main, START)
    assert ran.result == "result"
    assert ran.leaked == ("a", "b")
    assert ended == ["cleaned up"] * 2


def test_what_main_raises_comes_out() -> None:
    async def main(_clock: SimClock) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(main, START)


def test_simulated_time_stands_still_while_a_thread_works() -> None:
    async def main(clock: SimClock) -> tuple[str, float]:
        ticks = asyncio.create_task(clock.sleep(1000))
        gate = threading.Event()
        asyncio.get_running_loop().call_soon(gate.set)

        def work() -> str:
            assert gate.wait(10)
            return "worked"

        async with asyncio.timeout(1):
            said = await asyncio.to_thread(work)
        now = clock.monotonic()
        ticks.cancel()
        return said, now

    assert run(main, START).result == ("worked", 0.0)


def test_sockets_are_served_without_a_timer() -> None:
    async def main(clock: SimClock) -> tuple[bytes, float]:
        left, right = socket.socketpair()
        with left, right:
            left.setblocking(False)
            thread = threading.Thread(target=right.sendall, args=(b"hello",))
            thread.start()
            data = await asyncio.get_running_loop().sock_recv(left, 5)
            thread.join()
        return data, clock.monotonic()

    assert run(main, START).result == (b"hello", 0.0)


def test_scaled_time_runs_by_real_time() -> None:
    async def main(clock: SimClock) -> float:
        await clock.sleep(100)
        return clock.monotonic()

    began = time.monotonic()
    ran = run(main, START, speed=1000.0)
    assert time.monotonic() - began >= 0.1
    assert ran.result >= 100.0


def test_threads_can_wake_a_scaled_loop() -> None:
    async def main(_clock: SimClock) -> str:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        thread = threading.Thread(
            target=loop.call_soon_threadsafe, args=(future.set_result, "woken")
        )
        thread.start()
        try:
            return await future
        finally:
            thread.join()

    assert run(main, START, speed=50.0).result == "woken"


def test_speed_can_change_and_a_jump_goes_on_as_before() -> None:
    async def main(clock: SimClock) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        loop.pause()
        loop.set_speed(1.0)
        assert not loop.jumping
        loop.jump_to(3600.0)
        assert loop.jumping
        await clock.sleep(3599)
        assert loop.jumping
        assert clock.monotonic() == 3599.0
        await clock.sleep(1)
        assert not loop.jumping
        assert (loop.speed, loop.paused) == (1.0, True)
        loop.pause(paused=False)
        loop.set_speed(100_000.0)
        await clock.sleep(1000)
        assert clock.monotonic() >= 4600.0
        loop.set_speed(None)
        before = clock.monotonic()
        await clock.sleep(1e6)
        assert clock.monotonic() == pytest.approx(before + 1e6)

    run(main, START)


def test_a_jump_backwards_is_none() -> None:
    async def main(clock: SimClock) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        await clock.sleep(5)
        loop.jump_to(1.0)
        loop.set_speed(1.0)
        assert not loop.jumping
        assert clock.monotonic() >= 5.0

    run(main, START)


def test_nothing_happens_while_paused_but_calls_from_outside() -> None:
    async def main(clock: SimClock) -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        loop.pause()
        assert loop.paused
        sleeper = asyncio.create_task(clock.sleep(0.001))
        done = asyncio.Event()
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(done.set,))
        thread.start()
        await done.wait()
        thread.join()
        assert not sleeper.done()
        assert clock.monotonic() == 0.0
        loop.pause(paused=False)
        await sleeper
        return clock.monotonic()

    assert run(main, START).result == 0.001


def test_a_stall_passes_time_within_a_callback() -> None:
    async def main(clock: SimClock) -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        loop.call_later(1.0, loop.stall, 3.0)
        await clock.sleep(2.0)
        late = clock.monotonic()
        await clock.sleep(2.0)
        return late, clock.monotonic()

    assert run(main, START).result == (4.0, 6.0)


def test_a_step_moves_the_wall_clock_alone() -> None:
    async def main(clock: SimClock) -> None:
        await clock.sleep(10)
        clock.step(-3600)
        assert clock.wall() == START - 3590 * SECOND
        assert clock.true() == START + 10 * SECOND
        assert clock.monotonic() == 10.0

    run(main, START)


def test_a_suspend_is_a_jump_of_the_world_with_monotonic_still() -> None:
    async def main(clock: SimClock) -> None:
        await clock.sleep(10)
        clock.suspend(3600)
        assert clock.wall() == clock.true() == START + 3610 * SECOND
        assert clock.monotonic() == 10.0
        assert clock.loop_time(START + 3620 * SECOND) == 20.0

    run(main, START)
