"""One check run under way: its start, its deadline, and the observation it ends in."""

from __future__ import annotations

from typing import Any, Final

from monitor.clock import Clock
from monitor.probes.base import VANTAGE
from monitor.probes.failures import Failure
from monitor.probes.resolve import Resolved, Resolver
from monitor.records import Observation, Outcome, Reason
from monitor.watchlist.model import Check

# Of a run's time that looking its name up may take before the host is no longer to blame.
_NAMES_SHARE: Final = 0.5


class Run:
    """The stamps of one run of ``check``, taken when it is made."""

    def __init__(self, clock: Clock, check: Check) -> None:
        self._clock = clock
        self.check = check
        self.at = clock.wall()
        self._started = clock.monotonic()
        self._looked_up_ms = 0.0
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
        self._looked_up_ms += found.took_ms
        if not found.address:
            raise Failure(found.reason, found.note)
        self.address = found.address
        return found

    def late(self, failure: Failure) -> Failure:
        """What a run failed of whose time is over: of our resolver, if that took most of it.

        A host that is left the rest of its time by our own resolver cannot be blamed.
        """
        spent = self._looked_up_ms / 1000
        if self.address and spent <= _NAMES_SHARE * self.check.timeout_s:
            return failure
        return Failure(Reason.RESOLVER_TIMEOUT, f"its name took {spent:.1f} s" if spent else "")

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
