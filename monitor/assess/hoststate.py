"""The state of a host: what its checks are together, when it is told, and how."""

from __future__ import annotations

from typing import Final

from monitor.assess import host as hosts
from monitor.assess.roster import Roster, Watched
from monitor.assess.rules import Rules
from monitor.records import Event, EventKind, HostRow, Micros, State, Vantage

_PLAIN: Final = {State.DEGRADED: "loss or slowness in 2 of 3 rounds"}


def state_of(watched: Watched, roster: Roster) -> tuple[State, State]:
    """The hard and the soft state that a host's checks make now."""
    new = hosts.combine(row.state for row in watched.voices)
    soft = hosts.combine(row.soft or row.state for row in watched.voices)
    if new is State.DOWN and _way_is_broken(watched, roster):
        new = State.UNREACHABLE
    if soft is State.DOWN and new is State.UNREACHABLE:
        soft = new
    return new, soft


def must_wait(row: HostRow, new: State, soft: State, health: Vantage) -> bool:
    """Whether a host's new state is not yet to be told.

    In a recheck hosts only return to what they were (DESIGN 4.1).  One that was UNKNOWN
    waits for a check on probation that would make it what it was before.
    """
    if new is State.UNKNOWN:
        return False
    unknown = row.state is State.UNKNOWN
    if health is Vantage.RECHECK:
        usual = State.UP if row.before is None else row.before
        return not (unknown and new is usual)
    return unknown and row.before is not None and soft is row.before is not new


def turn(
    watched: Watched, new: State, now: Micros, because: tuple[str, str], rules: Rules
) -> Event:
    """Change a host's state; the event that tells it.

    ``because`` is a rule and its words where it is not the checks that speak, else empty.
    """
    rule, why = because
    row, speaking = watched.row, watched.voices
    old, row.state = row.state, new
    since = max((check.since for check in speaking if check.state is new), default=now)
    quiet = rule != ""
    rule = rule or "hard"
    if quiet or new is State.UNKNOWN:
        # What is only not known any more is no news, nor is finding it again.
        if row.before is None:
            row.before, row.before_since = old, row.since
        since, quiet = now, True
    elif row.before is new:
        rule, quiet, since = "as-before", True, row.before_since
        row.before = None
    elif old is State.UNKNOWN and row.before is None and new is State.UP:
        rule, quiet = "first-look", True
    else:
        row.before = None
    row.since = since or now
    reason, clauses = hosts.worst(speaking)
    return Event(
        at=now,
        kind=EventKind.TRANSITION,
        subject=f"host:{row.id}",
        text=why or clauses or _PLAIN.get(new, "answers"),
        old=old,
        new=new,
        reason=reason,
        rule=rule,
        since=row.since,
        evidence=hosts.evidence(watched.checks, rules.evidence_kept),
        # While it flaps, its beginning and its end are the news.
        quiet=quiet or row.flapping,
    )


def _way_is_broken(watched: Watched, roster: Roster) -> bool:
    """DESIGN 4.4: the path breaks before the host's network, or no parent is reachable."""
    everyone = roster.hosts
    parents = [everyone[name] for name in watched.host.parents if name in everyone]
    if parents and all(parent.row.state in hosts.BAD for parent in parents):
        return True
    inside = watched.network
    if not hosts.last_hop_outside(watched.way, inside):
        return False
    # If anybody else inside answers, the way in is not what is broken.
    assert inside is not None
    return not any(
        other.row.state in (State.UP, State.DEGRADED)
        for other in roster.networks[inside.id].inside
        if other is not watched
    )
