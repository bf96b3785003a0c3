"""Plain records to fill a cache with."""

from __future__ import annotations

from monitor.records import (
    CheckRow,
    Event,
    EventKind,
    Hop,
    HostRow,
    IcmpFacts,
    Kind,
    Memory,
    Observation,
    Outcome,
    Reason,
    State,
    TraceFacts,
)


def seen(check: str = "alpha/icmp", at: int = 1, **more) -> Observation:
    more.setdefault("facts", IcmpFacts(rtts_ms=(10.5, None, 11.25), reply_ttl=55))
    return Observation(check=check, at=at, outcome=Outcome.OK, rtt_ms=10.5, **more)


def said(at: int = 1, subject: str = "host:alpha", **more) -> Event:
    more.setdefault("kind", EventKind.TRANSITION)
    return Event(at=at, subject=subject, text="UP to DOWN", reason=Reason.TIMEOUT, **more)


def host(name: str = "alpha", since: int = 1) -> HostRow:
    return HostRow(
        id=name,
        name=name.title(),
        address="192.0.2.7",
        affiliation="net",
        state=State.UP,
        since=since,
        rtt_ms=10.5,
        beats=b"U" * 60,
        checks=(f"{name}/icmp", f"{name}/trace"),
        trace=f"{name}/trace",
        why="answers on all of its checks",
    )


def check(name: str = "alpha") -> CheckRow:
    return CheckRow(
        id=f"{name}/icmp",
        host=name,
        kind=Kind.ICMP,
        state=State.UP,
        last=seen(f"{name}/icmp"),
        memory=Memory(goods=4, samples=[10.5, 11.0], recent=[seen(f"{name}/icmp")]),
    )


def trace(check_id: str, at: int, *addresses: str) -> Observation:
    hops = tuple(
        Hop(ttl=ttl, address=address, rtt_ms=1.0 * ttl, received=1)
        for ttl, address in enumerate(addresses, start=1)
    )
    return Observation(
        check=check_id,
        at=at,
        outcome=Outcome.OK,
        facts=TraceFacts(method="udp", reached=True, hops=hops),
    )
