"""Simulated echo bursts."""

from __future__ import annotations

from math import log1p

from monitor.records import IcmpFacts, Outcome, Reason
from monitor.simulation.answers.look import LATE, Answer, Look
from monitor.simulation.draw import bits, unit
from monitor.watchlist.model import IcmpParams

REPLY_TTL = 64
_DRAWN_AT_ONCE = 5


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
    rtts = _burst(look, count)
    answered = [rtt for rtt in rtts if rtt is not None]
    answered.sort()
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


def _burst(look: Look, count: int) -> list[float | None]:
    """The round trips in milliseconds, None where one was lost."""
    late: list[float] = []
    while len(late) < count:
        look.count += 1
        drawn = bits(look.key, look.count)
        for _ in range(min(_DRAWN_AT_ONCE, count - len(late))):
            late.append(LATE[drawn & 4095])
            drawn >>= 12
    usual = look.rtt_s * 1000
    limit = look.check.timeout_s * 1000
    rtts: list[float | None] = [
        None if usual * factor > limit else round(usual * factor, 3) for factor in late
    ]
    for place in _lost(look, count):
        rtts[place] = None
    return rtts


def _lost(look: Look, count: int) -> list[int]:
    """Which of ``count`` echoes are lost; a burst without loss costs one draw."""
    loss = look.loss
    if loss <= 0.0:
        return []
    look.count += 1
    drawn = unit(look.key, look.count)
    if loss >= 1.0:
        return list(range(count))
    if drawn >= 1.0 - (1.0 - loss) ** count:
        return []
    # How many pass before the first one lost is distributed geometrically.
    first = min(count - 1, int(log1p(-drawn) / log1p(-loss)))
    places = [first]
    for place in range(first + 1, count):
        look.count += 1
        if unit(look.key, look.count) < loss:
            places.append(place)
    return places
