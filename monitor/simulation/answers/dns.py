"""Simulated DNS questions."""

from __future__ import annotations

from typing import Final

from monitor.records import DAY, DnsFacts, Micros, Outcome, Reason
from monitor.simulation.answers.look import Answer, Look
from monitor.watchlist.model import DnsParams

_DNS_TRIES: Final = 3
_DNS_ENDS: Final[dict[str, tuple[Reason, str]]] = {
    "servfail": (Reason.DNS_SERVFAIL, "SERVFAIL"),
    "refused": (Reason.DNS_REFUSED, "REFUSED"),
    "lame": (Reason.DNS_LAME, "NOERROR"),
}


def dns(look: Look, params: DnsParams) -> Answer:
    way, check = look.way, look.check
    question = f"{params.name} {params.rdtype}"
    if not way.whole:
        facts = DnsFacts(
            server=look.address, query=question, lost=0 if way.said else _DNS_TRIES
        )
        return look.gone(look.broken_s(), sent=1 if way.said else _DNS_TRIES, facts=facts)
    left = check.timeout_s - look.resolve_s
    wait = left / _DNS_TRIES
    for tries in range(1, _DNS_TRIES + 1):
        lost, trip = look.trip()
        if lost or way.dns == "timeout" or trip > left - (tries - 1) * wait:
            continue
        took = (tries - 1) * wait + trip
        return _dns_said(look, params, question, (tries, took, trip))
    facts = DnsFacts(server=look.address, query=question, lost=_DNS_TRIES)
    return look.ended(
        Outcome.FAIL, Reason.TIMEOUT, max(0.0, left), sent=_DNS_TRIES, facts=facts
    )


def _dns_said(
    look: Look, params: DnsParams, question: str, timing: tuple[int, float, float]
) -> Answer:
    tries, took, trip = timing
    way = look.way
    if way.refuse:
        return look.ended(Outcome.FAIL, Reason.PORT_UNREACHABLE, took, sent=tries)
    answers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ("QR", "AA")
    reason, rcode = _DNS_ENDS.get(way.dns, (Reason.NONE, params.rcode))
    if params.recursive:
        flags = ("QR", "RD", "RA")
    elif way.dns == "lame":
        flags = ("QR",)
    good = reason is Reason.NONE and rcode == "NOERROR"
    serial = None
    if good:
        serial = _serial(params, look.at) if params.rdtype == "SOA" else None
        answers = params.answers or _records(look, params, serial)
    facts = DnsFacts(
        server=look.address,
        query=question,
        rcode=rcode,
        flags=flags,
        answers=tuple(sorted(answers)),
        serial=serial,
        size=60 + 30 * len(answers),
        lost=tries - 1,
    )
    outcome = Outcome.OK if reason is Reason.NONE else Outcome.FAIL
    return look.ended(
        outcome,
        reason,
        took,
        rtt_ms=round(trip * 1000, 3),
        sent=tries,
        received=1,
        facts=facts,
    )


def _serial(params: DnsParams, at: Micros) -> int:
    """A serial that grows by one a day and is never below what is expected."""
    return (params.min_serial or 0) + at // DAY % 100_000


def _records(look: Look, params: DnsParams, serial: int | None) -> tuple[str, ...]:
    match params.rdtype:
        case "SOA":
            zone = params.name if params.name != "." else ""
            return (f"ns.{zone} hostmaster.{zone} {serial} 3600 600 604800 3600",)
        case "NS":
            return (f"ns.{params.name.lstrip('.')}",)
        case "A":
            return (look.way.site.v4 or "192.0.2.1",)
        case "AAAA":
            return (look.way.site.v6 or "2001:db8::1",)
        case _:
            return ("simulated",)
