"""Simulated echo bursts."""

from __future__ import annotations

from monitor.records import IcmpFacts, Outcome, Reason
from monitor.simulation.answers.look import Answer, Look
from monitor.watchlist.model import IcmpParams

REPLY_TTL = 64


def icmp(look: Look, params: IcmpParams) -> Answer:
    count, way = params.count, look.way
    last_sent = (count - 1) * params.spacing_s
    if not way.whole:
        kind, code = look.unreachable() if way.said else (None, None)
        facts = IcmpFacts((None,) * count, icmp_type=kind, icmp_code=code)
        took = last_sent + (look.broken_s() if way.said else look.check.timeout_s)
        reason = Reason.NET_UNREACHABLE if way.said else Reason.TIMEOUT
        return look.ended(
            Outcome.FAIL,
            reason,
            took,
            sent=count,
            said_by=look.last() if way.said else "",
            facts=facts,
        )
    rtts: list[float | None] = []
    for _ in range(count):
        trip = look.trip_s()
        lost = look.lost() or trip > look.check.timeout_s
        rtts.append(None if lost else round(trip * 1000, 3))
    answered = sorted(rtt for rtt in rtts if rtt is not None)
    got = len(answered)
    waited = look.check.timeout_s if got < count else (rtts[-1] or 0.0) / 1000
    outcome, reason = Outcome.OK, Reason.NONE
    if not got:
        outcome, reason = Outcome.FAIL, Reason.TIMEOUT
    elif got < count:
        outcome, reason = Outcome.WARN, Reason.LOSS
    middle = (answered[(got - 1) // 2] + answered[got // 2]) / 2 if got else None
    return look.ended(
        outcome,
        reason,
        last_sent + waited,
        rtt_ms=None if middle is None else round(middle, 3),
        sent=count,
        received=got,
        facts=IcmpFacts(tuple(rtts), reply_ttl=REPLY_TTL - len(way.steps) if got else None),
    )
