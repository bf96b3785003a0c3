"""Traces: which routers a packet passes on its way, and where it ends.

The way of looking is ICMP where ping sockets are permitted, else UDP, else TCP; a target
that is silent to one is asked with the next, and so is one behind a router that prohibits
the way (``!X`` of traceroute and mtr, which end there: a filter may mean one kind of packet
only).  Where nothing passes, the path ends at the router that said so, as theirs does.

What one run learns of a path is known to the next: a run is a round
(:mod:`monitor.probes.rounds`), and its facts carry the last hundred.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from monitor.clock import Clock
from monitor.probes.base import VANTAGE
from monitor.probes.echo import PLATFORM_REMEDY, LocalFailureError, Target, target_of
from monitor.probes.icmp import could_not, unresolved
from monitor.probes.path import KnownPath
from monitor.probes.resolve import Resolver
from monitor.probes.rounds import Round
from monitor.probes.turns import Turns
from monitor.probes.wire import SUPPORTED
from monitor.records import Hop, Observation, Reason, TraceFacts
from monitor.watchlist.model import Check, TraceParams

_REMEMBERED: Final = 4096
_HELD: Final = 256


class TraceProbe:
    """Traces: each run is a round over a path.  A prober of :mod:`monitor.probes.base`."""

    def __init__(self, clock: Clock, resolver: Resolver | None = None) -> None:
        self._clock = clock
        self._resolver = Resolver(clock) if resolver is None else resolver
        self._turns = Turns()
        self._paths: OrderedDict[str, KnownPath] = OrderedDict()

    async def probe(self, check: Check) -> Observation:
        """One round; ends at the latest about ``timeout_s`` after the name was resolved."""
        assert isinstance(check.params, TraceParams)
        started, begun = self._clock.wall(), self._clock.monotonic()
        found = await self._resolver.address(check.address, check.family, check.timeout_s)
        if not found.address:
            seen = unresolved(check, found)
        else:
            try:
                seen = await self._trace(check, check.params, target_of(found.address))
            except LocalFailureError as failure:
                seen = could_not(check, found.address, failure)
        took = (self._clock.monotonic() - begun) * 1000
        return msgspec.structs.replace(seen, at=started, took_ms=round(took, 3))

    async def _trace(self, check: Check, plan: TraceParams, target: Target) -> Observation:
        if not SUPPORTED:
            raise LocalFailureError(Reason.NOT_PERMITTED, PLATFORM_REMEDY)
        path = self._path(check, plan, target)
        path.busy = True
        try:
            one = Round(
                self._clock,
                self._turns,
                path,
                target,
                plan,
                timeout_s=check.timeout_s,
                every_s=check.interval_s,
            )
            await one.run()
            hops = path.learn(one.trail, self._turns)
        finally:
            path.busy = False
            self._keep(path)
        return _observation(check, target, path, one, hops)

    def _path(self, check: Check, plan: TraceParams, target: Target) -> KnownPath:
        who = f"{check.id} {target.text} {plan.method} {plan.port} {plan.max_ttl}"
        start = f"v{target.version}"
        path = self._paths.get(who)
        if path is None or path.busy:
            return KnownPath(who, start)
        return path

    def _keep(self, path: KnownPath) -> None:
        """Remember a path; forget the oldest, and close what was open longest unused."""
        known = self._paths.get(path.who)
        if known is not None and known is not path:
            path.close()
            return
        self._paths[path.who] = path
        self._paths.move_to_end(path.who)
        if len(self._paths) > _REMEMBERED:
            _, oldest = self._paths.popitem(last=False)
            oldest.close()
        held = [each for each in self._paths.values() if each.flow is not None]
        for each in held[: max(0, len(held) - _HELD)]:
            if not each.busy:
                each.close()

    async def close(self) -> None:
        """Close the flows kept open between rounds."""
        for path in self._paths.values():
            path.close()


def _observation(
    check: Check, target: Target, path: KnownPath, one: Round, hops: tuple[Hop, ...]
) -> Observation:
    """What a round amounts to; sent and received are the target's where it was reached."""
    trail = one.trail
    ending = trail.ending(in_time=one.in_time)
    end = trail.reached
    window = path.target()
    return Observation(
        check=check.id,
        at=0,
        outcome=ending.outcome,
        reason=ending.reason,
        rtt_ms=None if end is None else hops[-1].rtt_ms,
        sent=trail.sent if end is None else trail.tries(end),
        received=0 if end is None else len(trail.answers(end)),
        address=target.text,
        said_by=ending.said_by,
        vantage=VANTAGE,
        note=ending.note,
        facts=TraceFacts(
            trail.method(),
            end is not None,
            hops,
            trail.rounds,
            path.ident,
            window if window.sent else None,
        ),
    )
