"""The protocol every probe speaks, real or simulated, and the registry of kinds."""

from __future__ import annotations

import importlib
from typing import Final, Protocol

from monitor.clock import Clock
from monitor.probes.resolve import Resolver
from monitor.records import Kind, Observation, Outcome, Reason, clean_text
from monitor.watchlist.model import Check

VANTAGE: Final = "local"


class Prober(Protocol):
    """Runs checks.  The collector knows nothing else of the network."""

    async def probe(self, check: Check) -> Observation:
        """Look once.  Never raises but for cancellation; never outlives the deadline much."""
        ...

    async def close(self) -> None:
        """Close sockets and end every task it owns."""
        ...


REGISTRY: Final[dict[Kind, str]] = {
    Kind.ICMP: "monitor.probes.icmp:IcmpProbe",
    Kind.TCP: "monitor.probes.tcp:TcpProbe",
    Kind.DNS: "monitor.probes.dns:DnsProbe",
    Kind.HTTP: "monitor.probes.http:HttpProbe",
    Kind.TRACE: "monitor.probes.trace:TraceProbe",
}


class RealProber:
    """Real probes of every registered kind, each loaded when it is first asked for.

    A kind is a class taking the clock and the resolver, which all kinds share; it is
    itself a :class:`Prober`.  ``resolver`` is for tests; without one the system's is used.
    """

    def __init__(self, clock: Clock, resolver: Resolver | None = None) -> None:
        self._clock = clock
        self._resolver = Resolver(clock) if resolver is None else resolver
        self._kinds: dict[Kind, Prober] = {}

    async def probe(self, check: Check) -> Observation:
        started = self._clock.wall()
        try:
            return await self._kind(check.kind).probe(check)
        except Exception as error:  # noqa: BLE001 - one probe's fault is never another's
            return Observation(
                check=check.id,
                at=started,
                outcome=Outcome.ERROR,
                reason=Reason.PROBE_CRASHED,
                vantage=VANTAGE,
                note=clean_text(f"{type(error).__name__}: {error}"),
            )

    def _kind(self, kind: Kind) -> Prober:
        found = self._kinds.get(kind)
        if found is None:
            module, _, name = REGISTRY[kind].partition(":")
            found = getattr(importlib.import_module(module), name)(self._clock, self._resolver)
            assert found is not None
            self._kinds[kind] = found
        return found

    async def close(self) -> None:
        for kind in self._kinds.values():
            await kind.close()
        self._kinds.clear()
        await self._resolver.close()
