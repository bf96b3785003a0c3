"""Wall clock, monotonic clock and sleep behind one small protocol: real, or simulated."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from monitor.records import Micros


class Clock(Protocol):
    """Everything that waits or stamps takes one of these."""

    name: str

    def wall(self) -> Micros:
        """UTC now, in microseconds since 1970; may step."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never steps back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; a negative or zero time yields once."""
        ...


class RealClock:
    """The system's clocks."""

    name = "real"

    def wall(self) -> Micros:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
