"""What hops answered over the last rounds, and which of them only limit themselves.  Pure."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from operator import sub
from typing import Final

from monitor.records import HopWindow

ROUNDS: Final = 100
_ARMS: Final = 16
_SAMPLES_A_ROUND: Final = 4
# How much larger than chance a difference of losses must be, in standard errors: against
# the target, and against the best of all hops behind (of many, one is lucky).
_SURE: Final = 2.0
_SURER: Final = 3.0


class Window:
    """The samples of one TTL: at most ``rounds`` rounds of them.

    Kept in arrays, 13 bytes a sample: a watchlist may hold a thousand paths.
    """

    __slots__ = ("_arms", "_at", "_facts", "_keep", "_rtts", "addresses")

    def __init__(self, rounds: int = ROUNDS) -> None:
        self._keep = rounds
        self._at = array("I")
        self._rtts = array("d")
        self._arms = array("B")
        self.addresses: list[str] = []
        self._facts: HopWindow | None = None

    def add(self, number: int, rtt_ms: float | None, address: str = "") -> None:
        """A packet of round ``number`` was answered in ``rtt_ms``, or lost (None)."""
        self._facts = None
        self._at.append(number)
        self._rtts.append(math.nan if rtt_ms is None else rtt_ms)
        self._arms.append(0 if rtt_ms is None else self._arm(address))
        over = len(self._at) - self._keep * _SAMPLES_A_ROUND
        self._drop(max(over, 0))

    def move_on(self, number: int) -> None:
        """Forget what is older than the window that ends with round ``number``."""
        self._drop(bisect_left(self._at, max(0, number - self._keep + 1)))

    def _drop(self, count: int) -> None:
        if count > 0:
            self._facts = None
            del self._at[:count], self._rtts[:count], self._arms[:count]

    def _arm(self, address: str) -> int:
        if address in self.addresses:
            return self.addresses.index(address)
        if len(self.addresses) == _ARMS:
            self.addresses[-1] = address
        else:
            self.addresses.append(address)
        return len(self.addresses) - 1

    def facts(self) -> HopWindow:
        """The samples in figures."""
        if self._facts is None:
            self._facts = self._figures()
        return self._facts

    def _figures(self) -> HopWindow:
        rtts = [rtt for rtt in self._rtts if rtt == rtt]  # noqa: PLR0124 - NaN is lost
        sent, received = len(self._rtts), len(rtts)
        if not rtts:
            return HopWindow(sent=sent)
        mean = sum(rtts) / received
        last, arms = self._who()
        deviation = jitter = 0.0
        if received > 1:
            deviation = math.dist(rtts, [mean] * received) / math.sqrt(received - 1)
            jitter = sum(map(abs, map(sub, rtts[1:], rtts))) / (received - 1)
        return HopWindow(
            last,
            sent,
            received,
            round(rtts[-1], 3),
            round(min(rtts), 3),
            round(max(rtts), 3),
            round(mean, 3),
            round(deviation, 3),
            round(jitter, 3),
            arms,
        )

    def _who(self) -> tuple[str, tuple[tuple[str, int], ...]]:
        """Who answered last, and all who did where they are several."""
        if len(self.addresses) == 1:
            return self.addresses[0], ()
        arms = [
            arm for rtt, arm in zip(self._rtts, self._arms, strict=True) if not math.isnan(rtt)
        ]
        counted = tuple((self.addresses[arm], arms.count(arm)) for arm in sorted(set(arms)))
        return self.addresses[arms[-1]], counted if len(counted) > 1 else ()


def limited(hops: Sequence[HopWindow | None], target: HopWindow | None) -> list[bool]:
    """Which hops lose answers that nothing behind them misses: they likely limit themselves.

    ``hops`` in order of TTL.  A hop that never answers is silent, not limited.  Losses are
    compared as two proportions (pooled standard error): what chance explains decides
    nothing.
    """
    found = [False] * len(hops)
    behind: list[HopWindow] = []
    for place in range(len(hops) - 1, -1, -1):
        hop = hops[place]
        if hop is None or not hop.received:
            continue
        found[place] = (target is not None and _loses_more(hop, target, _SURE)) or any(
            _loses_more(hop, other, _SURER) for other in behind
        )
        behind.append(hop)
    return found


def _loses_more(hop: HopWindow, other: HopWindow, sure: float) -> bool:
    if hop.received == hop.sent or not other.received:
        return False
    lost, lost_there = hop.sent - hop.received, other.sent - other.received
    pooled = (lost + lost_there) / (hop.sent + other.sent)
    error = math.sqrt(pooled * (1 - pooled) * (1 / hop.sent + 1 / other.sent))
    return lost / hop.sent - lost_there / other.sent > sure * error
