"""A watchlist small enough to reason about, and observations at will."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from monitor.assess.assessor import Assessor
from monitor.records import (
    SECOND,
    CheckRow,
    Event,
    Hop,
    HostRow,
    IcmpFacts,
    Kind,
    Observation,
    Outcome,
    Reason,
    Row,
    TraceFacts,
)
from monitor.watchlist.model import Check, Host, IcmpParams, Network, TraceParams, Watchlist

T0 = 1_419_264_000 * SECOND


def check(host: str, kind: Kind = Kind.ICMP, address: str = "", every: float = 60.0) -> Check:
    params = TraceParams() if kind is Kind.TRACE else IcmpParams()
    return Check(f"{host}/{kind}", host, kind, address, params, label=kind, interval_s=every)


def host(name: str, address: str, *kinds: Kind, **more: object) -> Host:
    every = 10.0 if more.get("role") == "control" else 60.0
    checks = tuple(check(name, kind, address, every) for kind in kinds or (Kind.ICMP,))
    return Host(name, name, address, checks=checks, **more)  # type: ignore[arg-type]


def control(number: int) -> Host:
    address = f"198.51.100.{number}"
    return host(f"far{number}", address, role="control", side="far", asn=64500 + number)


NK = Network("nk", "North", prefixes=("192.0.2.0/24",), origin_asns=(64999,))


def watchlist(*hosts: Host, controls: int = 5) -> Watchlist:
    return Watchlist(
        "test", networks=(NK,), hosts=(*hosts, *(control(n) for n in range(1, controls + 1)))
    )


class World:
    """Feeds an assessor; time is seconds since T0."""

    def __init__(self, watched: Watchlist, rows: dict[str, Row] | None = None, at: float = 0):
        self.watchlist = watched
        self.judge = Assessor(watched, self.us(at), rows)
        self.events: list[Event] = []
        self.rows: dict[str, Row] = dict(rows or {})
        self.keep()

    @staticmethod
    def us(seconds: float) -> int:
        return T0 + int(seconds * SECOND)

    def keep(self) -> None:
        verdict = self.judge.take()
        self.events += verdict.events
        self.rows.update(verdict.rows)

    def see(self, name: str, at: float, reason: Reason = Reason.NONE, **more: object) -> None:
        kind = name.partition("/")[2]
        if not kind:
            name, kind = f"{name}/icmp", "icmp"
        ok = reason is Reason.NONE
        values: dict[str, object] = {
            "outcome": Outcome.OK if ok else Outcome.FAIL,
            "rtt_ms": 40.0 if ok else None,
            "sent": 5,
            "received": 5 if ok else 0,
            "facts": IcmpFacts((40.0,)) if kind == "icmp" else None,
        }
        values.update(more)
        self.judge.observe(Observation(check=name, at=self.us(at), reason=reason, **values))  # type: ignore[arg-type]
        self.keep()

    def trace(self, name: str, at: float, *hops: str, reached: bool = False) -> None:
        facts = TraceFacts("icmp", reached, tuple(Hop(n, hop) for n, hop in enumerate(hops, 1)))
        reason = Reason.NONE if reached else Reason.PATH_BREAK
        self.see(f"{name}/trace", at, reason, facts=facts)

    def controls(self, at: float, good: int = 5) -> None:
        for n, far in enumerate(self.watchlist.controls("far")):
            self.see(far.id, at, Reason.NONE if n < good else Reason.TIMEOUT)

    def tick(self, at: float) -> None:
        self.judge.tick(self.us(at))
        self.keep()

    def run(
        self, start: float, end: float, look: Callable[[float], None], good: int = 5
    ) -> None:
        """Controls every 10 s, ``look(at)`` every 15 s."""
        at = start
        while at < end:
            self.controls(at, good)
            if (at - start) % 15 < 10:
                look(at)
            at += 10
            self.tick(at)

    def host(self, name: str) -> HostRow:
        row = self.rows[f"host:{name}"]
        assert isinstance(row, HostRow)
        return row

    def check(self, name: str) -> CheckRow:
        row = self.rows[f"check:{name}"]
        assert isinstance(row, CheckRow)
        return row

    def loud(self) -> list[tuple[str, str, str]]:
        return [(e.subject, e.old, e.new) for e in self.events if not e.quiet]


@pytest.fixture
def one() -> World:
    """One host inside, five far controls, all well for a minute."""
    world = World(watchlist(host("a", "192.0.2.1")))
    for at in (0, 10, 20):
        world.controls(at)
        world.tick(at + 9)
    world.see("a", 25)
    world.controls(30)
    return world
