"""Simulated traces."""

from __future__ import annotations

from typing import Final

from monitor.records import Hop, Outcome, Reason, TraceFacts
from monitor.simulation.answers.echo import REPLY_TTL
from monitor.simulation.answers.look import Answer, Look
from monitor.simulation.draw import unit
from monitor.simulation.topology import Step
from monitor.watchlist.model import TraceParams

_SILENT_TTLS: Final = 5


def _hop(look: Look, ttl: int, step: Step) -> Hop:
    """What a router on the way says, if its limit on ICMP lets it."""
    loss = look.way.lost(look.at, ttl - 1)
    for tries in (1, 2):
        look.count += 1
        if unit(look.key, look.count) < (1.0 - loss) * step.router.answers:
            late = 1.0 + 0.05 * unit(look.key, look.count + 1_000)
            return _answer(
                look,
                step,
                ttl=ttl,
                rtt_ms=step.rtt_ms * late + look.way.delay_ms(look.at, ttl - 1),
                sent=tries,
                # Time exceeded: RFC 792 type 11, RFC 4443 type 3.
                said=(3, 0) if ":" in look.address else (11, 0),
            )
    return Hop(ttl, sent=2)


def _refusal(look: Look, step: Step, ttl: int) -> Hop:
    return _answer(look, step, ttl=ttl, rtt_ms=step.rtt_ms, sent=1, said=look.unreachable())


def _answer(
    look: Look, step: Step, *, ttl: int, rtt_ms: float, sent: int, said: tuple[int, int]
) -> Hop:
    system = step.router.system
    return Hop(
        ttl,
        address=look.met(step),
        rtt_ms=round(rtt_ms, 3),
        sent=sent,
        received=1,
        icmp_type=said[0],
        icmp_code=said[1],
        reply_ttl=255 - ttl,
        name=step.router.name,
        asn=system.asn,
        as_name=system.name,
        country=system.country,
    )


def trace(look: Look, params: TraceParams) -> Answer:
    way = look.way
    steps = way.steps[: min(way.reach, params.max_ttl)]
    hops = [_hop(look, ttl, step) for ttl, step in enumerate(steps, 1)]
    reached = way.whole and len(way.steps) < params.max_ttl and _final(look, hops)
    refused = way.said and bool(hops)
    if refused:
        # The router that has no route answers the next TTL with its refusal.
        hops.append(_refusal(look, steps[-1], len(hops) + 1))
    elif not reached:
        while hops and not hops[-1].address:
            hops.pop()
        hops.append(Hop(len(hops) + 1, sent=2))
    facts = TraceFacts(
        "icmp" if params.method == "auto" else params.method,
        reached,
        tuple(hops),
        max(hop.sent for hop in hops),
    )
    slowest = max(hop.rtt_ms or 0.0 for hop in hops) / 1000
    wait = min(1.0, look.check.timeout_s / 5)
    sent = sum(hop.sent for hop in hops)
    received = sum(hop.received for hop in hops)
    if reached or refused:
        took = slowest + (wait if any(not hop.address for hop in hops) else slowest)
        return look.ended(
            Outcome.OK if reached else Outcome.FAIL,
            Reason.NONE if reached else Reason.NET_UNREACHABLE,
            min(look.check.timeout_s, took),
            rtt_ms=hops[-1].rtt_ms if reached else None,
            sent=sent,
            received=received,
            said_by=hops[-1].address if refused else "",
            facts=facts,
        )
    return look.ended(
        Outcome.FAIL,
        Reason.PATH_BREAK,
        min(look.check.timeout_s, 4 * wait),
        sent=sent + 2 * (_SILENT_TTLS - 1),
        received=received,
        note=_where(hops),
        facts=facts,
    )


def _where(hops: list[Hop]) -> str:
    """Where a silent path ends, in the words of the real trace."""
    for hop in reversed(hops):
        if hop.address:
            return f"last answer {hop.address} at hop {hop.ttl}; nothing beyond"
    return "no hop answers"


def _final(look: Look, hops: list[Hop]) -> bool:
    """Add the host itself; whether it answered one of two tries."""
    ttl = len(hops) + 1
    system = look.way.site.system
    for tries in (1, 2):
        lost, trip = look.trip()
        if not lost:
            hops.append(
                Hop(
                    ttl,
                    address=look.address,
                    rtt_ms=round(trip * 1000, 3),
                    sent=tries,
                    received=1,
                    icmp_type=129 if ":" in look.address else 0,
                    icmp_code=0,
                    reply_ttl=REPLY_TTL - len(hops),
                    asn=system.asn,
                    as_name=system.name,
                    country=system.country,
                )
            )
            return True
    return False
