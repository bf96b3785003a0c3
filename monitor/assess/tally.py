"""One round of a network: what its hosts inside, and our own line, were seen to do."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.assess import host as hosts
from monitor.assess.loss import Burst, bursts_of
from monitor.assess.network import Tally
from monitor.assess.roster import Judged, Watched
from monitor.assess.routed import withdrawn
from monitor.assess.rules import Rules
from monitor.records import Kind, Micros, State


def tally_of(judged: Judged, ours: Iterable[Watched], rules: Rules) -> Tally:
    """What is known of a network now; ``ours`` are the far controls."""
    dns_up = dns_total = 0
    reached: dict[str, bool | None] = {}
    last: dict[str, Micros] = {}
    for watched in judged.inside:
        reached[watched.row.id] = hosts.reach(watched.voices)
        last[watched.row.id] = hosts.last_reached(watched.voices)
        for row in watched.voices:
            if row.kind is Kind.DNS and row.memory is not None and not row.stale:
                dns_total += row.memory.reached is not None
                dns_up += row.memory.last_seen in (State.UP, State.DEGRADED)
    rows = [row for watched in judged.inside for row in watched.checks]
    evidence = hosts.evidence(rows, rules.evidence_kept)
    return Tally(
        *(reached, last, dns_up, dns_total, evidence),
        withdrawn=withdrawn(judged.routes),
        bursts=_bursts(judged.inside),
        ours=_bursts(ours),
    )


def silences(judged: Judged) -> list[Micros]:
    """When each of the silent hosts inside went silent."""
    return [
        hosts.silent_since(watched.voices)
        for watched in judged.inside
        if hosts.reach(watched.voices) is False
    ]


def _bursts(watched: Iterable[Watched]) -> dict[str, Burst]:
    found: dict[str, Burst] = {}
    for each in watched:
        found.update(bursts_of(each.voices))
    return found
