"""Whose turn it is to ask a hop: one schedule over all paths of a prober.  Pure.

A router says "time exceeded" only so often to one asker (Linux: once a second after six in
a row, ``icmp_ratelimit``); paths that share their first hops and each ask them every round
would call their own impatience loss (measured: 20 paths, one round a second: 94 % of the
answers missing).  So a hop is asked about once a second whoever asks, and those that wait
longest go first.  Targets are no hops: each is asked by its own path in every round.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Final

# Seconds between two packets to one hop, on average; a hop that proved to limit itself
# harder, or to be the same router under two addresses, is asked more rarely.
SPACING_S: Final = 1.0
_SPACING_MOST_S: Final = 4.0
_EASIER: Final = 0.99
# How far a hop may be asked ahead of the average: by a round as planned, and by one that
# looks for a break.  Six in a row are what Linux answers.
_AHEAD_S: Final = 1.0
_URGENT_AHEAD_S: Final = 4.0
_HELD_BACK_S: Final = 5.0
_SOON_S: Final = 1.0
_LATE_S: Final = 0.25
_HOPS: Final = 65_536
_ASKERS: Final = 1_024


def place(before: str, distance: int) -> str:
    """The name of a hop of which only is known where it stands."""
    return f"{before}+{distance}"


class _Asker:
    """A path that asks this hop: when it did last, and when it will come again."""

    __slots__ = ("asked", "due")

    def __init__(self) -> None:
        self.asked = -math.inf
        self.due = -math.inf


class _Hop:
    __slots__ = ("askers", "paid_until", "spacing")

    def __init__(self) -> None:
        self.paid_until = -math.inf
        self.spacing = SPACING_S
        self.askers: OrderedDict[str, _Asker] = OrderedDict()


class Turns:
    """Grants and refuses; times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._hops: OrderedDict[str, _Hop] = OrderedDict()
        self._behind: OrderedDict[tuple[str, int], str] = OrderedDict()

    def may(self, hop: str, who: str, now: float, every_s: float) -> bool:
        """Whether ``who``, that asks ``every_s`` seconds, may ask ``hop`` now."""
        held = self._hop(hop)
        asker = self._asker(held, who)
        asker.due = now + every_s
        ahead = held.paid_until - now
        if ahead > _AHEAD_S:
            return False
        if ahead > 0 and any(
            other.asked < asker.asked and now - _LATE_S <= other.due <= now + _SOON_S
            for other in held.askers.values()
        ):
            return False
        self._pay(held, asker, now)
        return True

    def may_urgently(self, hop: str, who: str, now: float) -> bool:
        """The same for one that looks for a break: it goes before all others."""
        held = self._hop(hop)
        if held.paid_until - now > _URGENT_AHEAD_S:
            return False
        self._pay(held, self._asker(held, who), now)
        return True

    def ask_anyway(self, hop: str, who: str, now: float) -> bool:
        """Count a packet that is sent in any case; False when silence would prove nothing."""
        fine = self.may_urgently(hop, who, now)
        if not fine:
            held = self._hop(hop)
            held.paid_until = min(held.paid_until + held.spacing, now + _HELD_BACK_S)
        return fine

    def limits_itself(self, hop: str) -> None:
        """A hop left a packet unanswered that nothing behind it missed."""
        held = self._hop(hop)
        held.spacing = min(held.spacing * 2, _SPACING_MOST_S)

    def answers(self, hop: str) -> None:
        held = self._hop(hop)
        held.spacing = max(SPACING_S, held.spacing * _EASIER)

    def learn(self, before: str, distance: int, address: str) -> None:
        """``address`` answers ``distance`` hops behind the hop ``before``."""
        asked = self._hops.pop(place(before, distance), None)
        if asked is not None:
            # Whoever asked before it had a name asked this hop.
            held = self._hop(address)
            held.paid_until = max(held.paid_until, asked.paid_until)
        self._behind[before, distance] = address
        self._behind.move_to_end((before, distance))
        if len(self._behind) > _HOPS:
            self._behind.popitem(last=False)

    def likely(self, before: str, distance: int) -> str:
        """The hop that likely stands there, as another path has seen it; or ''."""
        return self._behind.get((before, distance), "")

    # --- inside ---------------------------------------------------------------------------

    def _hop(self, name: str) -> _Hop:
        held = self._hops.get(name)
        if held is None:
            held = self._hops[name] = _Hop()
            if len(self._hops) > _HOPS:
                self._hops.popitem(last=False)
        self._hops.move_to_end(name)
        return held

    def _asker(self, held: _Hop, who: str) -> _Asker:
        asker = held.askers.get(who)
        if asker is None:
            asker = held.askers[who] = _Asker()
            if len(held.askers) > _ASKERS:
                held.askers.popitem(last=False)
        return asker

    def _pay(self, held: _Hop, asker: _Asker, now: float) -> None:
        held.paid_until = max(held.paid_until, now) + held.spacing
        asker.asked = now
