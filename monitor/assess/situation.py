"""From the roster to what people ask: why could that be, and what do the lost have in common.

Fills the picture that the signs look at, and the members that shared fate compares.
"""

from __future__ import annotations

from collections import Counter

from monitor.assess import host as hosts
from monitor.assess import routed
from monitor.assess.explain import explain
from monitor.assess.fate import Member, shared_fate
from monitor.assess.picture import Count, Picture, unstable_minutes
from monitor.assess.roster import Judged, Roster, Watched
from monitor.assess.rules import RULES
from monitor.records import (
    Micros,
    NetMemory,
    NetworkRow,
    Phase,
    State,
    TraceFacts,
    Vantage,
)

_ANSWERS = frozenset({State.UP, State.DEGRADED})
_HISTORY_KEPT = 200


def remember_phase(row: NetworkRow) -> None:
    """Keep the phases with the times they began."""
    memory = row.memory
    assert memory is not None
    if not memory.history or memory.history[-1][1] is not row.phase:
        memory.history.append((row.since, row.phase))
        del memory.history[:-_HISTORY_KEPT]


def refresh(judged: Judged, roster: Roster, vantage: Vantage, now: Micros) -> None:
    """Bring the explanations and the shared fate of a network's row up to date.

    They are worked out while something is amiss, kept while the network recovers, and
    cleared when it is well.
    """
    row = judged.row
    silent = [watched for watched in judged.inside if _is_silent(watched)]
    _begin(row, silent, now)
    if row.phase is Phase.RESTORED:
        return
    if not _amiss(row):
        row.explanations, row.fate = (), ""
        return
    row.explanations = tuple(explain(picture(judged, roster, vantage, now)))
    row.fate = fate(silent, roster)


def _amiss(row: NetworkRow) -> bool:
    if row.phase is not Phase.STABLE:
        return True
    dns_dead = row.dns_total > 0 and row.dns_up == 0
    if routed.amiss(row, RULES):
        return True
    return dns_dead or 0 == row.outside_up < row.outside_total


def _is_silent(watched: Watched) -> bool:
    return hosts.reach(watched.voices) is False


def _begin(row: NetworkRow, silent: list[Watched], now: Micros) -> None:
    """Note when loss and silence began; forget it once all is well again."""
    memory = row.memory
    assert memory is not None
    if row.phase is Phase.STABLE and not silent and not memory.lossy:
        memory.loss_at = memory.silent_at = memory.began = 0
        memory.moves = 0
        return
    if memory.lossy and not memory.loss_at:
        memory.loss_at = now
    if silent and not memory.silent_at:
        memory.silent_at = min(_first_fail(watched) for watched in silent) or now
    if memory.bad_since and not memory.began:
        memory.began = memory.low_since or memory.bad_since
    if row.phase is Phase.LOST:
        memory.began = row.since


def _first_fail(watched: Watched) -> Micros:
    found = [row.memory.first_fail for row in watched.checks if row.memory is not None]
    return min((at for at in found if at), default=0)


def picture(judged: Judged, roster: Roster, vantage: Vantage, now: Micros) -> Picture:
    """What is known of a network now."""
    row, memory = judged.row, judged.row.memory
    assert memory is not None
    reached = {watched.row.id: hosts.reach(watched.voices) for watched in judged.inside}
    usual = [name for name in reached if name in memory.usual] or list(reached)
    known = [name for name in usual if reached[name] is not None]
    failing = [
        watched.row.reason for watched in judged.inside if watched.row.state not in _ANSWERS
    ]
    routes = routed.prefix_routes(judged.routes)
    gone = [route.withdrawn_at for route in (routes or {}).values() if route.withdrawn_at]
    return Picture(
        at=now,
        phase=row.phase,
        inside_reached=sum(bool(reached[name]) for name in known),
        inside_known=len(known),
        outside=Count(row.outside_up, row.outside_total),
        dns=Count(row.dns_up, row.dns_total),
        reasons=dict(Counter(failing)),
        began=memory.began,
        loss_at=memory.loss_at,
        silent_at=memory.silent_at,
        withdrawn_at=min(gone, default=0),
        routes=routes,
        upstreams=routed.edges(row),
        near=_near(roster, row.id),
        vantage=vantage,
        moves=memory.moves,
        unstable_min=_unstable(memory, now),
    )


def _unstable(memory: NetMemory, now: Micros) -> float | None:
    return unstable_minutes(memory.history, memory.began or now)


def _near(roster: Roster, network: str) -> dict[str, Count]:
    controls = [
        watched.row.state
        for watched in roster.hosts.values()
        if watched.host.side == "near" and network in watched.host.near
    ]
    known = [state for state in controls if state is not State.UNKNOWN]
    if not known:
        return {}
    return {network: Count(sum(state in _ANSWERS for state in known), len(known))}


def fate(silent: list[Watched], roster: Roster) -> str:
    """What the silent hosts have in common and the answering ones have not; '' if nothing."""
    answering = [
        watched
        for watched in roster.hosts.values()
        if watched.row.state in _ANSWERS and not _is_silent(watched)
    ]
    found = shared_fate([_member(each) for each in silent], [_member(e) for e in answering])
    return found.text if found else ""


def _member(watched: Watched) -> Member:
    hosting = watched.row.hosting
    hops = tuple((hop.address, hop.asn) for hop in watched.usual_hops)
    last: int | None = None
    seen = watched.trace.last if watched.trace else None
    if seen is not None and isinstance(seen.facts, TraceFacts):
        answered = [hop for hop in seen.facts.hops if hop.address]
        last = answered[-1].asn if answered else None
    return Member(
        host=watched.row.id,
        address=hosting.address if hosting else "",
        prefix=hosting.prefix if hosting else "",
        asn=hosting.asn if hosting else None,
        hops=hops,
        last_asn=last,
    )
