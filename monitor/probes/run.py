"""One check run under way: its start, its deadline, and the observation it ends in."""

from __future__ import annotations

from typing import Any

from monitor.clock import Clock
from monitor.probes.base import VANTAGE
from monitor.probes.failures import Failure
from monitor.probes.resolve import Resolved, Resolver
from monitor.records import Observation, Outcome, Reason
from monitor.watchlist.model import Check


class Run:
    """The stamps of one run of ``check``, taken when it is made."""

    def __init__(self, clock: Clock, check: Check) -> None:
        self._clock = clock
        self.check = check
        self.at = clock.wall()
        self._started = clock.monotonic()
        self.address = ""

    def ms(self) -> float:
        """Milliseconds since the start."""
        return (self._clock.monotonic() - self._started) * 1000

    def left_s(self) -> float:
        """Seconds until the check's deadline, never negative."""
        return max(0.0, self.check.timeout_s - self.ms() / 1000)

    async def resolve(self, resolver: Resolver, name: str = "") -> Resolved:
        """The address to probe, of ``name`` or of the check; raises Failure for none."""
        found = await resolver.address(
            name or self.check.address, self.check.family, max(0.001, self.left_s())
        )
        if not found.address:
            raise Failure(found.reason, found.note)
        self.address = found.address
        return found

    def ended(self, outcome: Outcome, reason: Reason = Reason.NONE, **more: Any) -> Observation:
        """The observation of this run; ``more`` are its further fields."""
        return Observation(
            check=self.check.id,
            at=self.at,
            outcome=outcome,
            reason=reason,
            took_ms=self.ms(),
            address=self.address,
            vantage=VANTAGE,
            **more,
        )

    def failed(self, failure: Failure, **more: Any) -> Observation:
        """The observation of a run that ended early."""
        note = more.pop("note", "") or failure.note
        return self.ended(
            failure.outcome, failure.reason, said_by=failure.said_by, note=note, **more
        )
