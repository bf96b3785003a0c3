"""An event loop whose time is simulated.

Everything built on the loop's own timers (``asyncio.sleep``, ``asyncio.timeout``,
``call_later``) becomes instant and repeatable without knowing of it: instead of waiting,
the loop's selector moves simulated time to the next timer.

Three ways to run, changeable while running:

* *virtual*: jump at once.  Real sockets and pipes are looked at before every jump but never
  waited for while a timer is due, so they lose every race against a timeout.  Work given to
  ``run_in_executor`` (``asyncio.to_thread``) holds simulated time still until it is done,
  so that results do not depend on how fast a thread was.
* *scaled*: timers come ``speed`` times as fast as in reality, or as fast as the machine
  can; sockets, pipes and threads work as usual.
* *paused*: timers stand still; sockets, pipes and threads are still served.

The ideas are those of FoundationDB's and TigerBeetle's simulations and of trio's MockClock.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, Final, Generic, Protocol, TypeVar, TypeVarTuple

import msgspec

from monitor.records import SECOND, Micros

T = TypeVar("T")
_Ts = TypeVarTuple("_Ts")

# A thread that holds simulated time longer than this (real seconds) has hung.
HOLD_LIMIT_S: Final = 30.0
# How far (real seconds) a scaled loop may fall behind its speed before it lets that go.
KEEPS_UP_S: Final = 0.25
# asyncio's own selector entry: the pipe through which threads wake the loop.
_OWN_ENTRIES: Final = 1


class SimulationStuckError(RuntimeError):
    """Simulated time cannot go on: nothing is scheduled and nothing can wake the loop."""


class _Selector(selectors.BaseSelector):
    """Polls real file objects, and moves simulated time instead of waiting for timers."""

    def __init__(self, loop: SimLoop) -> None:
        self._inner = selectors.DefaultSelector()
        self._loop = loop

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._inner.get_map()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.get_key(fileobj)

    def close(self) -> None:
        self._inner.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return self._inner.select(0)
        loop = self._loop
        if not loop.jumping:
            ready = self._inner.select(loop.real_seconds(timeout))
            loop.flow(timeout, woken=bool(ready))
            return ready
        ready = self._inner.select(0)
        if ready:
            return ready
        if loop.held:
            ready = self._inner.select(HOLD_LIMIT_S)
            if not ready:
                message = f"a thread has held simulated time for {HOLD_LIMIT_S:g} s"
                raise SimulationStuckError(message)
            return ready
        if loop.jump(timeout):
            return []
        if len(self._inner.get_map()) > _OWN_ENTRIES:
            return self._inner.select(None)
        raise SimulationStuckError(
            "nothing is scheduled, nothing is ready and nothing can wake the loop: "
            + (", ".join(_pending(loop)) or "no task")
            + " would wait for ever"
        )


class SimLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop with simulated time, which starts at 0.0."""

    def __init__(self, speed: float | None = None) -> None:
        self._now = 0.0
        self._speed = speed
        self._paused = False
        self._real = time.monotonic()
        self._target: float | None = None
        self._from = 0.0
        self.held = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Simulated seconds since the loop was made.

        It stands still while callbacks run, at any speed: work that takes real time must not
        look like delay in the simulated world.
        """
        return self._now

    @property
    def speed(self) -> float | None:
        """Simulated seconds in a real second; None is virtual."""
        return self._speed

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def jumping(self) -> bool:
        """Whether simulated time moves by jumps just now."""
        if self._target is not None:
            return True
        return self._speed is None and not self._paused

    def set_speed(self, speed: float | None) -> None:
        """Go on at ``speed`` (> 0), or virtually with None.

        From another thread, through ``call_soon_threadsafe``; so too the next two.
        """
        assert speed is None or speed > 0
        self._speed = speed
        self._anchor()

    def pause(self, paused: bool = True) -> None:
        """Hold timers, or let them go on."""
        self._paused = paused
        self._anchor()

    def jump_to(self, when: float) -> None:
        """Run virtually until loop time ``when``, then go on as before."""
        self._target = when if when > self._now else None
        self._anchor()

    def stall(self, seconds: float) -> None:
        """The loop stands still: simulated time passes inside the running callback."""
        assert seconds >= 0
        self._now += seconds
        self._anchor()

    def _anchor(self) -> None:
        """From here on simulated and real time are compared."""
        self._from = self._now
        self._real = time.monotonic()

    def real_seconds(self, timeout: float | None) -> float | None:
        """How long to wait in reality for a timer ``timeout`` away; None without end."""
        if timeout is None or self._paused or self._speed is None:
            return None
        due = (self._now + timeout - self._from) / self._speed
        return max(0.0, due - (time.monotonic() - self._real))

    def flow(self, timeout: float | None, *, woken: bool) -> None:
        """Time has passed in reality: to the next timer, or to when a file object woke us.

        A loop that does not keep up with its speed runs as fast as it can, and does not make
        up for it later.
        """
        if timeout is None or self._paused or self._speed is None or self.jumping:
            return
        passed = time.monotonic() - self._real
        shown = self._from + passed * self._speed
        timer = self._now + timeout
        self._now = max(self._now, min(timer, shown)) if woken else timer
        if shown - self._now > KEEPS_UP_S * self._speed:
            self._anchor()

    def jump(self, timeout: float | None) -> bool:
        """Move time to the next timer, at most to the target; False if there is nowhere."""
        target = self._target
        if target is None:
            if timeout is None:
                return False
            self._now += timeout
            return True
        if timeout is None or self._now + timeout >= target:
            self._now = target
            self._target = None
            self._anchor()
        else:
            self._now += timeout
        return True

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], T], *args: *_Ts
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self.held += 1
        future.add_done_callback(self._release)
        return future

    def _release(self, _future: asyncio.Future[Any]) -> None:
        self.held -= 1


class Timed(Protocol):
    """What has simulated seconds since its start."""

    def time(self) -> float: ...


class SimClock:
    """The simulated clock of one :class:`SimLoop`; implements :class:`monitor.clock.Clock`.

    ``start`` is the wall time at loop time 0.  ``true`` is what time it is in the simulated
    world; ``wall`` what our machine believes, which a clock step makes differ.
    """

    name = "simulated"

    def __init__(self, loop: Timed, start: Micros) -> None:
        self._loop = loop
        self._start = start
        self._asleep: Micros = 0
        self._offset: Micros = 0

    def true(self) -> Micros:
        return self._start + round(self._loop.time() * SECOND) + self._asleep

    def wall(self) -> Micros:
        return self.true() + self._offset

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    def step(self, seconds: float) -> None:
        """The wall clock is set forward, or back."""
        self._offset += round(seconds * SECOND)

    def suspend(self, seconds: float) -> None:
        """The machine sleeps: the world goes on, CLOCK_MONOTONIC does not (Linux, time(7))."""
        assert seconds >= 0
        self._asleep += round(seconds * SECOND)

    def loop_time(self, when: Micros) -> float:
        """The loop time at which the world's time will be ``when``."""
        return (when - self._start - self._asleep) / SECOND


class Ran(msgspec.Struct, Generic[T], frozen=True):
    """What a simulated run gave; ``leaked`` names the tasks it left behind."""

    result: T
    leaked: tuple[str, ...]
    elapsed_s: float


def run(
    main: Callable[[SimClock], Coroutine[Any, Any, T]],
    start: Micros,
    *,
    speed: float | None = None,
) -> Ran[T]:
    """Run ``main`` on a new simulated loop whose wall clock starts at ``start``.

    Tasks that are still there when ``main`` ends are cancelled and named.  Raises what
    ``main`` raises, and :class:`SimulationStuckError` when nothing can ever happen again.
    """
    loop = SimLoop(speed)
    try:
        result = loop.run_until_complete(main(SimClock(loop, start)))
        elapsed = loop.time()
        return Ran(result, _cancel_all(loop), elapsed)
    finally:
        try:
            _cancel_all(loop)
            # Its end comes from real threads, and its timeout must not be jumped over.
            loop.set_speed(1.0)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()


def _pending(loop: asyncio.AbstractEventLoop) -> list[str]:
    return sorted(task.get_name() for task in asyncio.all_tasks(loop) if not task.done())


def _cancel_all(loop: SimLoop) -> tuple[str, ...]:
    left = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    return tuple(task.get_name() for task in left)
