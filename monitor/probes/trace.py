"""Traces: which routers a packet passes on its way, and where it ends.

The way of looking is ICMP where ping sockets are permitted, else UDP, else TCP; a target
that is silent to one is asked with the next.  Several TTLs are asked at once, so a trace
takes a few round trips, not one a hop.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Final

import msgspec

from monitor.clock import Clock
from monitor.probes.base import VANTAGE
from monitor.probes.echo import (
    PLATFORM_REMEDY,
    WARM_UP_S,
    LocalFailureError,
    Target,
    target_of,
)
from monitor.probes.flows import Flow, IcmpFlow, Shot, TcpFlow, UdpFlow
from monitor.probes.hops import SILENT_RUN, Trail
from monitor.probes.icmp import could_not, unresolved
from monitor.probes.resolve import Resolver
from monitor.probes.wire import SUPPORTED
from monitor.records import Observation, Outcome, Reason, TraceFacts
from monitor.watchlist.model import Check, TraceParams

_AHEAD: Final = 8
_TRIES: Final = 2
_ALL_THE_WAY: Final = 64
_LONGEST_WAIT_S: Final = 1.0
_SHORTEST_WAIT_S: Final = 0.2
_WAVES: Final = 5  # a trace that ends in silence takes about so many waits
_REMEMBERED: Final = 8192
_METHODS: Final = ("icmp", "udp", "tcp")


class _Tracer:
    """One trace: sends waves of shots until the path has ended or the time is over."""

    def __init__(
        self, clock: Clock, target: Target, plan: TraceParams, timeout_s: float
    ) -> None:
        self._clock = clock
        self._target = target
        self._plan = plan
        self._wait = min(_LONGEST_WAIT_S, timeout_s / _WAVES)
        self._until = clock.monotonic() + timeout_s
        self.trail = Trail()
        self.in_time = True

    async def run(self, length: int) -> None:
        """Trace; ``length`` is what the path measured last time, 0 if unknown.

        Raises LocalFailureError when our own machine cannot look in any way asked for.
        """
        refused: LocalFailureError | None = None
        for method in _METHODS if self._plan.method == "auto" else (self._plan.method,):
            try:
                flow = self._flow(method)
            except LocalFailureError as failure:
                if failure.reason is not Reason.NOT_PERMITTED:
                    raise
                refused = failure
                continue
            try:
                await self._clock.sleep(WARM_UP_S)
                await self._follow(flow, length)
            finally:
                flow.close()
            if self._ended():
                return
        if refused is not None and not self.trail.sent:
            raise refused

    def _flow(self, method: str) -> Flow:
        if method == "icmp":
            return IcmpFlow(self._target)
        if method == "udp":
            return UdpFlow(self._target)
        return TcpFlow(self._target, self._plan.port)

    def _ended(self) -> bool:
        """Whether another way of looking could tell nothing more."""
        return self.trail.end is not None or bool(self.trail.loop()) or not self.in_time

    async def _follow(self, flow: Flow, length: int) -> None:
        """Ask with one flow, from behind the last answer to the end of the path."""
        trail, limit = self.trail, self._plan.max_ttl
        again = trail.sent > 0
        direct = await self._direct(flow) if again and flow.serial else None
        if again and flow.serial and direct is None:
            return
        asked = trail.last
        horizon = asked + (SILENT_RUN if again else length or _AHEAD)
        tries = 1 if again else _TRIES
        tried: Counter[int] = Counter()
        while True:
            horizon = min(horizon, limit)
            retry = [ttl for ttl in trail.silent(trail.end or asked) if 0 < tried[ttl] < tries]
            ttls = retry + list(range(asked + 1, horizon + 1))
            tried.update(ttls)
            if not ttls or not await self._wave(flow, ttls):
                break
            asked = max(asked, horizon)
            if trail.end is None and not trail.loop():
                horizon = max(asked, trail.last + SILENT_RUN)
        if direct is not None and trail.reached is None:
            # The target answers, but nobody says at which TTL: somewhere behind the rest.
            direct.ttl = trail.asked + 1
            trail.add(direct, flow.method)

    async def _direct(self, flow: Flow) -> Shot | None:
        """A shot that may go all the way, if the target answers it."""
        shot = flow.send(_ALL_THE_WAY)
        await flow.settle([shot], self._patience())
        return shot if shot.answer is not None and shot.answer.final else None

    async def _wave(self, flow: Flow, ttls: list[int]) -> bool:
        """Ask ``ttls`` and wait; False when the time is over."""
        shots: list[Shot] = []
        for ttl in ttls:
            if self._patience() <= 0:
                self.in_time = False
                return False
            shot = flow.send(ttl)
            shots.append(shot)
            self.trail.add(shot, flow.method)
            if flow.serial:
                await flow.settle([shot], self._serial_patience())
                if self.trail.end == ttl:
                    return True
        if not flow.serial:
            await flow.settle(shots, self._patience())
        return True

    def _patience(self) -> float:
        """How long to wait for a wave: never past the deadline."""
        return min(self._wait, self._until - self._clock.monotonic())

    def _serial_patience(self) -> float:
        """Silent TTLs asked one by one add up: wait as long as this path gives reason to."""
        slowest = self.trail.slowest_ms
        if slowest is None:
            return self._patience()
        return min(self._patience(), max(_SHORTEST_WAIT_S, 4 * slowest / 1000))


class TraceProbe:
    """Traces.  A prober of :mod:`monitor.probes.base`."""

    def __init__(self, clock: Clock, resolver: Resolver | None = None) -> None:
        self._clock = clock
        self._resolver = Resolver(clock) if resolver is None else resolver
        self._lengths: OrderedDict[str, int] = OrderedDict()

    async def probe(self, check: Check) -> Observation:
        """One trace; ends at the latest about ``timeout_s`` after the name was resolved."""
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
        tracer = _Tracer(self._clock, target, plan, check.timeout_s)
        await tracer.run(self._lengths.get(target.text, 0))
        trail = tracer.trail
        ending = trail.ending(in_time=tracer.in_time)
        self._remember(target.text, trail.reached)
        hops = trail.hops()
        reached = ending.outcome is Outcome.OK
        return Observation(
            check=check.id,
            at=0,
            outcome=ending.outcome,
            reason=ending.reason,
            rtt_ms=hops[-1].rtt_ms if reached else None,
            sent=trail.sent,
            received=trail.received,
            address=target.text,
            said_by=ending.said_by,
            vantage=VANTAGE,
            note=ending.note,
            facts=TraceFacts(trail.method(), reached, hops, trail.rounds),
        )

    def _remember(self, address: str, length: int | None) -> None:
        """Keep how long the path is, so that the next trace asks the target only once."""
        if length is None:
            return
        self._lengths[address] = length
        self._lengths.move_to_end(address)
        if len(self._lengths) > _REMEMBERED:
            self._lengths.popitem(last=False)

    async def close(self) -> None:
        """Nothing outlives a trace: its sockets are closed with it."""
