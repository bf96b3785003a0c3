"""What is known of the way to one target, from one round to the next.  No I/O."""

from __future__ import annotations

import time
from typing import Final, NamedTuple

import msgspec

from monitor.probes.flows import Answer, Flow, Shot
from monitor.probes.hops import Trail, passes
from monitor.probes.turns import Turns, place
from monitor.probes.window import Window, limited
from monitor.records import Hop, HopWindow, Reason

# An answer may come after the round that asked: a shot so young is not lost yet.
_LATE_S: Final = 1.0
_SLOWER: Final = 0.9
# A hop is recognised by one that stands at most so far before it.
_NEAR: Final = 4


class Place(NamedTuple):
    """A hop as the schedule knows it: an address, or where it stands behind another."""

    name: str
    known: bool


class KnownPath:
    """The path of one flow: its length, who answered at each TTL, and the windows.

    ``length`` is the TTL at which the target answers, 0 while that is not known;
    ``refused`` the first at which a router refuses to go on, 0 while none does; ``method``
    the way of looking that reached the target; ``failing`` counts rounds in a row that did
    not reach it; ``slowest_ms`` is about the longest an answer lately took.
    """

    def __init__(self, who: str, start: str) -> None:
        """``who`` names the path to the schedule of hops; ``start`` is what hops it shares
        its beginning with: everything asked from here with one IP version.
        """
        self.who = who
        self.length = 0
        self.refused = 0
        self._refuser = ""
        self.method = ""
        self.failing = 0
        self.doubts = 0
        self.slowest_ms = 0.0
        self.flow: Flow | None = None
        self.ident = 0
        self.busy = False
        self._start = start
        self._number = 0
        self._known: dict[int, Answer] = {}
        self._windows: dict[int, Window] = {}
        self._target = Window()
        self._late: list[tuple[int, Shot]] = []

    @property
    def end(self) -> int:
        """The TTL at which the path ended last, 0 where it ends in silence."""
        return self.refused or self.length

    @property
    def unknown(self) -> bool:
        """Whether nobody on the way has answered yet."""
        return not self._known

    def hold(self, flow: Flow) -> None:
        """Keep ``flow`` open for the next round."""
        if self.flow is not flow:
            self.close()
        self.flow = flow

    def close(self) -> None:
        if self.flow is not None:
            self.flow.close()
        self.flow = None

    def hop(self, ttl: int, turns: Turns) -> Place:
        """What the hop at ``ttl`` is to the schedule."""
        answer = self._known.get(ttl)
        if answer is not None and not answer.final:
            return Place(answer.source, True)
        before = max((at for at in self._known if ttl - _NEAR <= at < ttl), default=0)
        start = self._known[before].source if before else self._start
        likely = turns.likely(start, ttl - before)
        return Place(likely, True) if likely else Place(place(start, ttl - before), False)

    def is_new(self, shot: Shot) -> bool:
        """Whether a hop answered that was never seen there."""
        answer, known = shot.answer, self._known.get(shot.ttl)
        if answer is None or answer.final or known is None or known.source == answer.source:
            return False
        window = self._windows.get(shot.ttl)
        return window is None or answer.source not in window.addresses

    def _differs(self, shot: Shot) -> bool:
        """Whether another router answered than the one that is known there."""
        known = self._known.get(shot.ttl)
        if shot.answer is None or known is None:
            return False
        return passes(shot.answer) and known.source != shot.answer.source

    # --- after a round -----------------------------------------------------------------------

    def learn(self, trail: Trail, turns: Turns) -> tuple[Hop, ...]:
        """Take in what a round has found; the hops of its facts, with their windows."""
        method = trail.method().rpartition("+")[2]
        reached = trail.reached
        if reached is not None and method != self.method:
            # Another way of looking is another flow: its figures are not comparable.
            self._forget()
            self.method = method
        self._number += 1
        self._take_late()
        if reached is None:
            self.failing += 1
            self._note_refusal(trail)
        shots = [shot for shot in trail.shots(method) if shot.ttl]
        if any(map(self._differs, shots)):
            # Another way: what was not asked now may be of the old one.  A hop of each
            # would be a link that is not there.
            self._known = {ttl: kept for ttl, kept in self._known.items() if trail.tries(ttl)}
        self._take(shots, trail, turns)
        if reached is not None:
            self._cut(reached)
            self.length, self.failing, self.refused = reached, 0, 0
        for each in shots:
            self._count_or_wait(each)
        self._move_on()
        return self._hops(trail, turns)

    def target(self) -> HopWindow:
        return self._target.facts()

    def _take(self, shots: list[Shot], trail: Trail, turns: Turns) -> None:
        """Remember who answered, and tell the schedule where whom to expect."""
        self.slowest_ms = max(self.slowest_ms * _SLOWER, trail.slowest_ms or 0.0)
        for shot in shots:
            answer = shot.answer
            if answer is not None and (passes(answer) or shot.ttl == trail.reached):
                self._known[shot.ttl] = answer
        for shot in shots:
            if shot.answer is not None and passes(shot.answer):
                self._tell_place(shot.ttl, shot.answer.source, turns)

    def _tell_place(self, ttl: int, address: str, turns: Turns) -> None:
        """Tell the schedule where ``address`` stands, for paths that pass there too."""
        turns.learn(self._start, ttl, address)
        for before in range(max(1, ttl - _NEAR), ttl):
            known = self._known.get(before)
            if known is not None and known.source != address:
                turns.learn(known.source, ttl - before, address)

    def _cut(self, reached: int) -> None:
        """The target answers at ``reached``: what was known beyond is no more."""
        for kept in (self._known, self._windows):
            for ttl in [each for each in kept if each > reached]:
                del kept[ttl]
        self._windows.pop(reached, None)

    def _note_refusal(self, trail: Trail) -> None:
        """Note where a router refuses first: it does so for every TTL beyond as well.

        One that is silent there may only limit itself, when it refuses farther on.
        """
        if self.refused and not trail.answers(self.refused):
            first = trail.refused
            if first is None or trail.refusal(first).source == self._refuser:
                trail.credit(self.refused)
                return
        self.refused = trail.refused or 0
        self._refuser = trail.refusal(self.refused).source if self.refused else ""

    def _count_or_wait(self, shot: Shot) -> None:
        young = time.monotonic_ns() - shot.sent_mono < _LATE_S * 1e9
        if shot.answer is None and young and self.flow is not None:
            self._late.append((self._number, shot))
        else:
            self._count(self._number, shot)

    def _take_late(self) -> None:
        late, self._late = self._late, []
        for number, shot in late:
            self._count(number, shot)

    def _count(self, number: int, shot: Shot) -> None:
        answer, ttl = shot.answer, shot.ttl
        if answer is None and not shot.proves:
            return
        if answer is not None and answer.final:
            if ttl == self.length:
                self._target.add(number, answer.rtt_ms, answer.source)
        elif answer is not None and answer.refused is not Reason.NONE:
            self._count_refusal(number, ttl, answer)
        elif answer is not None:
            self._window(ttl).add(number, answer.rtt_ms, answer.source)
        elif ttl == self.length:
            self._target.add(number, None)
        elif ttl < self.length or ttl <= max(self._known, default=0):
            self._window(ttl).add(number, None)

    def _count_refusal(self, number: int, ttl: int, answer: Answer) -> None:
        """A refusal is an answer of the hop that stands there, and a loss at the target."""
        known = self._known.get(ttl)
        if known is not None and known.source == answer.source:
            self._window(ttl).add(number, answer.rtt_ms, answer.source)
        if ttl == self.end:
            self._target.add(number, None)

    def _window(self, ttl: int) -> Window:
        found = self._windows.get(ttl)
        if found is None:
            found = self._windows[ttl] = Window()
        return found

    def _move_on(self) -> None:
        for window in (self._target, *self._windows.values()):
            window.move_on(self._number)

    def _forget(self) -> None:
        self._known.clear()
        self._windows.clear()
        self._target = Window()
        self._late.clear()
        self.length = self.refused = 0

    def _hops(self, trail: Trail, turns: Turns) -> tuple[Hop, ...]:
        hops = trail.hops(self._known)
        figures = [self._figures(hop.ttl) for hop in hops]
        target = self._target.facts()
        routers = figures if trail.reached is None else figures[:-1]
        flags = [*limited(routers, target), False]
        whole = trail.reached is not None
        made = []
        for hop, figure, flag in zip(hops, figures, flags, strict=False):
            made.append(msgspec.structs.replace(hop, window=figure, limited=flag))
            if hop.received:
                turns.answers(hop.address)
            elif hop.sent and flag and whole:
                turns.limits_itself(self.hop(hop.ttl, turns).name)
        return tuple(made)

    def _figures(self, ttl: int) -> HopWindow | None:
        if ttl == self.length:
            return self._target.facts()
        window = self._windows.get(ttl)
        return None if window is None else window.facts()
