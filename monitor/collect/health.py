"""The collector's own health: event-loop lag, and jumps of the wall clock."""

from __future__ import annotations

from collections import deque
from typing import Final

from monitor.clock import Clock
from monitor.records import SECOND, Micros

BEAT_S: Final = 0.1
_KEPT: Final = 600
# A sample taken across a stall of this size shows our own delay, not the network's.
STALL_S: Final = 0.05


class LagMeter:
    """Sleeps in small beats and notes how late it wakes: the loop's lag."""

    def __init__(self, clock: Clock, beat_s: float = BEAT_S) -> None:
        self._clock = clock
        self._beat_s = beat_s
        self._lags: deque[float] = deque(maxlen=_KEPT)
        self._stalled_at = -1.0

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            before = self._clock.monotonic()
            await self._clock.sleep(self._beat_s)
            now = self._clock.monotonic()
            lag = max(0.0, now - before - self._beat_s)
            self._lags.append(lag)
            if lag >= STALL_S:
                self._stalled_at = now

    def stalled_since(self, monotonic: float) -> bool:
        """Whether the loop stood still at some time after ``monotonic`` (seconds)."""
        return self._stalled_at >= monotonic

    def quantile_ms(self, share: float) -> float:
        """Lag in ms over the last minute, at this share of the samples."""
        if not self._lags:
            return 0.0
        ordered = sorted(self._lags)
        return 1000.0 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class ClockWatch:
    """Notices that the wall clock and the monotonic clock have parted (DESIGN 4.9)."""

    def __init__(self, clock: Clock, jump: Micros) -> None:
        self._clock = clock
        self._jump = jump
        self._wall = clock.wall()
        self._monotonic = clock.monotonic()

    def jumped(self) -> tuple[Micros, Micros, str] | None:
        """(since, until, why) when the clocks parted by more than the limit, else None.

        A suspended machine wakes with the wall clock far ahead; a clock that was set does
        the same, so the text names both.
        """
        wall, monotonic = self._clock.wall(), self._clock.monotonic()
        since = self._wall
        parted = wall - since - int((monotonic - self._monotonic) * SECOND)
        self._wall, self._monotonic = wall, monotonic
        if abs(parted) <= self._jump:
            return None
        seconds = abs(parted) / SECOND
        if parted > 0:
            return since, wall, f"asleep, or the clock was set forward, by {seconds:.0f} s"
        return since, wall, f"the clock was set back by {seconds:.0f} s"
