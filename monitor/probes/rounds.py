"""Rounds over a path: what one round asks.

The first round feels its way, about eight TTLs ahead.  Later ones ask the target, and of the
hops on the way those whose turn it is (:mod:`monitor.probes.turns`).  When the target is
silent, or a hop is another one, the round goes on until it knows where the path ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from monitor.clock import Clock
from monitor.probes.echo import WARM_UP_S, LocalFailureError, Target
from monitor.probes.flows import Flow, IcmpFlow, Shot, TcpFlow, UdpFlow
from monitor.probes.hops import SILENT_RUN, Trail
from monitor.probes.path import KnownPath
from monitor.probes.turns import Turns
from monitor.records import Reason
from monitor.watchlist.model import TraceParams

_AHEAD: Final = 8
_TRIES: Final = 2
_ALL_THE_WAY: Final = 64
_LONGEST_WAIT_S: Final = 1.0
_SHORTEST_WAIT_S: Final = 0.2
_WAVES: Final = 5  # a round that ends in silence takes about so many waits
_METHODS: Final = ("icmp", "udp", "tcp")
# A flow is kept open between rounds that follow each other so closely; a late answer is
# then counted in the next.
KEPT_OPEN_S: Final = 10.0
_MATCHABLE_S: Final = 4.0
_HOPS_LATE_S: Final = 0.05
_TURN_POLL_S: Final = 0.1
# A path that stays broken is looked at thoroughly twice, and then now and again.
_THOROUGH: Final = 2
_THOROUGH_AGAIN: Final = 8
# So often must a target answer only from farther away before it is believed to be there.
_DOUBTS: Final = 3


class Round:
    """One round: sends waves of shots until the path has ended or the time is over."""

    def __init__(
        self,
        clock: Clock,
        turns: Turns,
        path: KnownPath,
        target: Target,
        plan: TraceParams,
        *,
        timeout_s: float,
        every_s: float,
    ) -> None:
        now = clock.monotonic()
        self._clock = clock
        self._turns = turns
        self._path = path
        self._target = target
        self._plan = plan
        self._every_s = every_s
        self._wait = min(_LONGEST_WAIT_S, timeout_s / _WAVES)
        self._until = now + timeout_s
        self._turn_until = now + timeout_s / 2
        self._tried: Counter[int] = Counter()
        self.trail = Trail()
        self.in_time = True

    async def run(self) -> None:
        """Look; raises LocalFailureError when our own machine cannot in any way asked for."""
        refused: LocalFailureError | None = None
        for method in self._methods():
            try:
                flow = await self._flow(method)
            except LocalFailureError as failure:
                if failure.reason is not Reason.NOT_PERMITTED:
                    raise
                refused = failure
                continue
            try:
                await self._follow(flow)
            except BaseException:
                self._leave(flow)
                raise
            ended = self._ended()
            self._path.ident = flow.ident
            if ended and self._every_s <= KEPT_OPEN_S and method != "tcp":
                self._path.hold(flow)
            else:
                self._leave(flow)
            if ended:
                return
        if refused is not None and not self.trail.sent:
            raise refused

    def _methods(self) -> Iterator[str]:
        """The way that last reached the target first, then the others in their order."""
        if self._plan.method != "auto":
            yield self._plan.method
            return
        first, failing = self._path.method, self._path.failing
        if first:
            yield first
            if failing >= _THOROUGH and failing % _THOROUGH_AGAIN:
                return
        yield from (method for method in _METHODS if method != first)

    async def _flow(self, method: str) -> Flow:
        held = self._path.flow
        if held is not None and held.method == method:
            held.forget(_MATCHABLE_S)
            return held
        made = {"icmp": IcmpFlow, "udp": UdpFlow}.get(method)
        flow = TcpFlow(self._target, self._plan.port) if made is None else made(self._target)
        try:
            await self._clock.sleep(WARM_UP_S)
        except BaseException:
            flow.close()
            raise
        return flow

    def _leave(self, flow: Flow) -> None:
        if self._path.flow is flow:
            self._path.flow = None
        flow.close()

    def _ended(self) -> bool:
        """Whether another way of looking could tell nothing more."""
        end = self.trail.end is not None and not self._barred()
        return end or bool(self.trail.loop()) or not self.in_time

    def _barred(self) -> bool:
        """Whether a filter ends the path: it may let another kind of packet pass."""
        return self.trail.barred is Reason.PROHIBITED

    # --- one way of looking --------------------------------------------------------------

    async def _follow(self, flow: Flow) -> None:
        if self.trail.sent:
            await self._again(flow)
        elif self._path.end:
            await self._known(flow, min(self._path.end, self._plan.max_ttl))
        else:
            await self._explore(flow, 1, _AHEAD)

    async def _again(self, flow: Flow) -> None:
        """Another way of looking: from behind the last answer to the end of the path.

        Behind a filter only where the target answers it: then that is the path from here.
        """
        barred = self._barred()
        alone = flow.serial or barred
        direct = await self._direct(flow) if alone else None
        if alone and direct is None:
            return
        if barred:
            self.trail = Trail()
        trail = self.trail
        self._tried.clear()
        await self._explore(flow, trail.last + 1, trail.last + SILENT_RUN, tries=1)
        if direct is not None and trail.reached is None:
            # The target answers, but nobody says at which TTL: somewhere behind the rest.
            direct.ttl = trail.asked + 1
            trail.add(direct, flow.method)

    async def _direct(self, flow: Flow) -> Shot | None:
        """A shot that may go all the way, if the target answers it."""
        shot = flow.send(_ALL_THE_WAY)
        await flow.settle([shot], self._patience())
        return shot if shot.answer is not None and shot.answer.final else None

    async def _known(self, flow: Flow, length: int) -> None:
        """A round over a known path: the target, and the hops whose turn it is."""
        now, path = self._clock.monotonic(), self._path
        hops = [
            ttl
            for ttl in range(1, length)
            if self._turns.may(path.hop(ttl, self._turns).name, path.who, now, self._every_s)
        ]
        await self._wave(flow, [*hops, length], known=True)
        if self.trail.end is None:
            tries = _TRIES if path.failing < _THOROUGH else 1
            await self._explore(flow, 1, length, tries)
            if length == path.length:
                self._doubt(length)
            return
        path.doubts = 0
        if any(path.is_new(shot) for shot in self.trail.shots(flow.method)):
            others = [ttl for ttl in range(1, length) if not self._tried[ttl]]
            await self._wave(flow, [ttl for ttl in others if self._granted(ttl)], known=True)

    def _doubt(self, length: int) -> None:
        """A target silent at its TTL that answers beyond: loss, or a path grown longer?"""
        trail, path = self.trail, self._path
        reached = trail.reached
        if reached is None or reached <= length:
            return
        if any(trail.answers(ttl) for ttl in range(length, reached)):
            path.doubts = 0
            return
        path.doubts += 1
        if path.doubts <= _DOUBTS:
            trail.credit(length)

    async def _explore(self, flow: Flow, first: int, horizon: int, tries: int = _TRIES) -> None:
        """Ask from ``first`` until the path ends, five silent TTLs behind the last answer."""
        trail, limit, length = self.trail, self._plan.max_ttl, self._path.length
        while True:
            end = trail.end
            until = min(horizon, limit, end or limit)
            wanted = [
                ttl
                for ttl in range(first, until + 1)
                if not trail.answers(ttl)
                and self._tried[ttl] < (tries if ttl <= length or not length else 1)
                and (end is None or ttl <= max(self._tried, default=0))
            ]
            ttls = [ttl for ttl in wanted if self._granted(ttl)]
            if ttls:
                if not await self._wave(flow, ttls):
                    return
            elif wanted:
                if end is not None or not await self._wait_for_turn():
                    return
            elif horizon >= self._horizon(horizon):
                # Everybody up to there was heard: only a path that goes on is not at its end.
                return
            horizon = self._horizon(horizon)

    def _horizon(self, horizon: int) -> int:
        """How far to ask: behind the last answer while the path has not ended."""
        trail = self.trail
        if trail.end is not None or trail.loop():
            return horizon
        return min(self._plan.max_ttl, max(horizon, trail.last + SILENT_RUN))

    def _granted(self, ttl: int) -> bool:
        """Whether ``ttl`` may be asked out of turn; what is unknown must be asked anyway."""
        now, path = self._clock.monotonic(), self._path
        if ttl == path.end or (path.unknown and not self._tried[ttl]):
            return True
        hop = path.hop(ttl, self._turns)
        return not hop.known or self._turns.may_urgently(hop.name, path.who, now)

    async def _wait_for_turn(self) -> bool:
        if self._clock.monotonic() >= self._turn_until:
            return False
        await self._clock.sleep(_TURN_POLL_S)
        return True

    # --- waves ---------------------------------------------------------------------------

    async def _wave(self, flow: Flow, ttls: Sequence[int], *, known: bool = False) -> bool:
        """Ask ``ttls`` and wait; False when the time is over.

        In a ``known`` round the last TTL is the target: once it has answered, hops behind
        their time are waited for only a little.
        """
        if flow.serial:
            return await self._one_by_one(flow, ttls, known=known)
        shots: list[Shot] = []
        for ttl in ttls:
            if self._patience() <= 0:
                self.in_time = False
                return False
            shots.append(self._send(flow, ttl))
        if known and flow is self._path.flow and shots:
            await flow.settle(shots[-1:], self._patience())
            answer = shots[-1].answer
            if answer is not None:
                late = max(_HOPS_LATE_S, 2 * answer.rtt_ms / 1000)
                await flow.settle(shots, min(late, self._patience()))
        else:
            await flow.settle(shots, self._patience())
        return True

    async def _one_by_one(self, flow: Flow, ttls: Sequence[int], *, known: bool) -> bool:
        for ttl in reversed(ttls) if known else ttls:
            if self._patience() <= 0:
                self.in_time = False
                return False
            shot = self._send(flow, ttl)
            await flow.settle([shot], self._serial_patience())
            if self.trail.end == ttl and not known:
                return True
        return True

    def _send(self, flow: Flow, ttl: int) -> Shot:
        path = self._path
        shot = flow.send(ttl)
        if path.unknown and not self._tried[ttl]:
            hop, now = path.hop(ttl, self._turns), self._clock.monotonic()
            shot.proves = self._turns.ask_anyway(hop.name, path.who, now)
        self._tried[ttl] += 1
        self.trail.add(shot, flow.method)
        return shot

    def _patience(self) -> float:
        """How long to wait for a wave: never past the deadline."""
        usual = self._wait
        if self._path.length:
            usual = min(usual, max(_SHORTEST_WAIT_S, 4 * self._path.slowest_ms / 1000))
        return min(usual, self._until - self._clock.monotonic())

    def _serial_patience(self) -> float:
        """Silent TTLs asked one by one add up: wait as long as this path gives reason to."""
        slowest = self.trail.slowest_ms
        if slowest is None:
            return self._patience()
        return min(self._patience(), max(_SHORTEST_WAIT_S, 4 * slowest / 1000))
