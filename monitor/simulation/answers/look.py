"""One simulated run of a check: the moment, the way there, and its own stream of draws."""

from __future__ import annotations

from typing import Any, Final

from monitor.probes.base import VANTAGE
from monitor.records import Micros, Observation, Outcome, Reason
from monitor.simulation.draw import bits, key_of
from monitor.simulation.topology import Step
from monitor.simulation.way import Way
from monitor.watchlist.model import Check

Answer = tuple[Observation, float]

# By how much a round trip is late, by 12 random bits: up to 4 %, mostly far less.
LATE: Final = tuple(1.0 + 0.04 * (place / 4096) ** 3 for place in range(4096))
_UNIT: Final = 2.0**-52


class Look:
    """One run: the check, the moment, the way there, and its own stream of draws."""

    __slots__ = ("address", "at", "check", "count", "key", "loss", "resolve_s", "rtt_s", "way")

    def __init__(self, check: Check, key: int, way: Way, at: Micros) -> None:
        self.check = check
        self.way = way
        self.at = at
        self.key = bits(key, at)
        self.count = 0
        self.address = ""
        self.resolve_s = 0.0
        self.loss = way.lost(at)
        self.rtt_s = (way.rtt_ms + way.delay_ms(at)) / 1000

    def trip(self) -> tuple[bool, float]:
        """The next round trip: whether it is lost, and the seconds it takes if not."""
        self.count += 1
        drawn = bits(self.key, self.count)
        return (drawn >> 12) * _UNIT < self.loss, self.rtt_s * LATE[drawn & 4095]

    def ended(self, outcome: Outcome, reason: Reason, took_s: float, **more: Any) -> Answer:
        took = took_s + self.resolve_s
        seen = Observation(
            check=self.check.id,
            at=self.at,
            outcome=outcome,
            reason=reason,
            took_ms=round(took * 1000, 3),
            address=self.address,
            vantage=VANTAGE,
            **more,
        )
        return seen, took

    def last(self) -> str:
        """The address of the last router that answers."""
        steps = self.way.steps[: self.way.reach]
        return self.met(steps[-1]) if steps else ""

    def met(self, step: Step) -> str:
        """Which of a router's addresses this check's packets meet; a flow keeps to one."""
        router = step.router
        six = ":" in self.address
        first, twin = (router.v6, router.twin6) if six else (router.v4, router.twin4)
        return twin if twin and key_of(self.check.id, self.address) % 2 else first

    def unreachable(self) -> tuple[int, int]:
        """ICMP type and code of "no route": RFC 792 3/0, RFC 4443 1/0."""
        return (1, 0) if ":" in self.address else (3, 0)

    def gone(self, took_s: float, **more: Any) -> Answer:
        """The path breaks: silence, or the last router's word."""
        way = self.way
        if way.said:
            return self.ended(
                Outcome.FAIL, Reason.NET_UNREACHABLE, took_s, said_by=self.last(), **more
            )
        left = max(0.0, self.check.timeout_s - self.resolve_s)
        return self.ended(Outcome.FAIL, Reason.TIMEOUT, left, **more)

    def broken_s(self) -> float:
        """The round trip to the last router that answers."""
        steps = self.way.steps[: self.way.reach]
        return steps[-1].rtt_ms / 1000 if steps else 0.0
