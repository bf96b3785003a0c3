"""What has to hold of every run of the collector, whatever goes wrong.

Each function gives sentences about what does not hold; none is the good news.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from monitor.records import (
    CheckRow,
    Event,
    EventKind,
    HostRow,
    NetworkRow,
    Phase,
    State,
    Vantage,
    VantageRow,
)
from tests.simulation.chaos import Ran

# By DESIGN 4.5; out of UNKNOWN every phase may be found.  LOST and PARTIAL are left through
# RESTORED, but for a return within a flicker and a PARTIAL that turns out to be usual.
PHASES: dict[str, set[str]] = {
    "": {*Phase},
    Phase.UNKNOWN: {Phase.STABLE, Phase.UNSTABLE, Phase.PARTIAL, Phase.LOST, Phase.RESTORED},
    Phase.STABLE: {Phase.UNSTABLE, Phase.PARTIAL, Phase.LOST, Phase.UNKNOWN},
    Phase.UNSTABLE: {Phase.STABLE, Phase.PARTIAL, Phase.LOST, Phase.UNKNOWN},
    Phase.PARTIAL: {Phase.STABLE, Phase.UNSTABLE, Phase.LOST, Phase.RESTORED, Phase.UNKNOWN},
    Phase.LOST: {Phase.PARTIAL, Phase.UNSTABLE, Phase.RESTORED, Phase.UNKNOWN},
    Phase.RESTORED: {Phase.STABLE, Phase.UNSTABLE, Phase.PARTIAL, Phase.LOST, Phase.UNKNOWN},
}
HEALTHS: dict[str, set[str]] = {
    Vantage.UNKNOWN: {Vantage.HEALTHY, Vantage.FAULT},
    Vantage.HEALTHY: {Vantage.UNKNOWN, Vantage.FAULT},
    Vantage.FAULT: {Vantage.RECHECK},
    Vantage.RECHECK: {Vantage.HEALTHY, Vantage.FAULT},
}
STATES = {*State}


def broken(ran: Ran) -> list[str]:
    """Every invariant that does not hold."""
    return [f"{check.__name__}: {said}" for check in INVARIANTS for said in check(ran)]


def no_task_is_left(ran: Ran) -> Iterator[str]:
    if ran.leaked:
        yield f"left behind: {ran.leaked}"


def every_look_is_accounted_for(ran: Ran) -> Iterator[str]:
    """For each life of a collector:

    started = ended + cut off at its end; a tick of the schedule is passed over only by a run
    that ended, a shed one, or a miss (retries and looks people ask for pass over none, or the
    next one), so ticks passed <= ended + skipped + missed; and no check waits for longer than
    its own next tick but one.  Over all lives: ended + skipped = committed + dropped + lost
    with a killed collector; and the cache holds each committed (check, time) once.
    """
    for life in ran.lives:
        if life.asked != life.done + life.cut:
            yield f"{life.asked} started, {life.done} ended, {life.cut} cut off"
        if life.turns > life.done + life.skipped + life.missed:
            yield f"{life.turns} ticks passed, {life.done}+{life.skipped}+{life.missed} known"
        yield from life.overdue
    handed = sum(life.done + life.skipped for life in ran.lives)
    told = ran.committed + sum(life.dropped + life.waiting for life in ran.lives)
    if handed != told:
        yield f"{handed} looks ended or were skipped, {told} committed, dropped or lost"
    if ran.kept != len(ran.keys):
        yield f"{len(ran.keys)} committed, {ran.kept} in the cache"
    if ran.lives[-1].waiting:
        yield f"{ran.lives[-1].waiting} not written at an orderly end"


def every_hard_change_has_its_evidence(ran: Ran) -> Iterator[str]:
    """But what our own vantage's fault makes UNKNOWN: the vantage's event is the evidence.

    (Gaps change no state; what is stale has the last observation as its evidence.)
    """
    for event in _turns(ran):
        own = event.rule == "vantage" and event.new == State.UNKNOWN
        if not event.evidence and not own:
            yield _line(event)


def events_chain(ran: Ran) -> Iterator[str]:
    """Each old is the new before it, across a restart too.

    A restarted collector has no proof that its vantage is well: that begins at UNKNOWN.
    """
    last: dict[str, str] = {}
    for event in ran.events:
        if event.kind is EventKind.COLLECTOR:
            for subject, health in last.items():
                if subject.startswith("vantage:") and health == Vantage.HEALTHY:
                    last[subject] = Vantage.UNKNOWN
        if event.kind in (EventKind.TRANSITION, EventKind.VANTAGE) and event.hard:
            if event.old != last.get(event.subject, "UNKNOWN"):
                yield f"after {last.get(event.subject)}: {_line(event)}"
            last[event.subject] = event.new
    for subject, row in ran.rows.items():
        if not isinstance(row, CheckRow | HostRow | NetworkRow):
            continue
        now = row.phase if isinstance(row, NetworkRow) else row.state
        if last.get(subject, "UNKNOWN") != now:
            yield f"{subject} is {now}, the events say {last.get(subject)}"


def moves_are_legal(ran: Ran) -> Iterator[str]:
    for event in ran.events:
        if event.kind is EventKind.VANTAGE:
            legal = HEALTHS[event.old]
        elif event.kind is not EventKind.TRANSITION:
            continue
        elif event.subject.startswith("network:"):
            legal = PHASES[event.old]
        else:
            legal = STATES - {event.old} if event.hard else STATES
        if event.new not in legal:
            yield _line(event)


def nothing_is_announced_twice(ran: Ran) -> Iterator[str]:
    """What was announced of a subject is not announced again before something else was."""
    said: dict[str, str] = {}
    for event in _turns(ran):
        if event.quiet:
            continue
        if said.get(event.subject) == event.new:
            yield _line(event)
        said[event.subject] = event.new


def own_faults_accuse_nobody(ran: Ran) -> Iterator[str]:
    """From the fault to the end of its recheck no host makes news."""
    for health, event in _with_health(ran):
        if health in (Vantage.FAULT, Vantage.RECHECK):
            loud = event.kind is EventKind.TRANSITION and not event.quiet
            if loud and event.subject.startswith("host:"):
                yield f"in {health}: {_line(event)}"


def nothing_seen_at_fault_counts(ran: Ran) -> Iterator[str]:
    for health, event in _with_health(ran):
        turned = event.kind is EventKind.TRANSITION and event.new != State.UNKNOWN
        if health is Vantage.FAULT and turned:
            yield _line(event)


def counts_fit(ran: Ran) -> Iterator[str]:
    for rows in ran.commits:
        for row in rows.values():
            if isinstance(row, NetworkRow):
                known = row.inside_up <= row.inside_known <= row.inside_total
                others = row.dns_up <= row.dns_total and row.outside_up <= row.outside_total
                if not (known and others and row.usual <= row.inside_total):
                    yield (
                        f"{row.id}: inside {row.inside_up}/{row.inside_known}/"
                        f"{row.inside_total}, usual {row.usual}, outside {row.outside_up}/"
                        f"{row.outside_total}, dns {row.dns_up}/{row.dns_total}"
                    )
                    return
            if isinstance(row, VantageRow) and not row.answering <= row.known <= row.total:
                yield f"vantage {row.answering}/{row.known}/{row.total}"
                return


def what_was_shown_stays(ran: Ran) -> Iterator[str]:
    if ran.events[: len(ran.shown)] != ran.shown:
        yield f"of {len(ran.shown)} events shown before the kill some are gone or changed"


INVARIANTS: tuple[Callable[[Ran], Iterator[str]], ...] = (
    no_task_is_left,
    every_look_is_accounted_for,
    every_hard_change_has_its_evidence,
    events_chain,
    moves_are_legal,
    nothing_is_announced_twice,
    own_faults_accuse_nobody,
    nothing_seen_at_fault_counts,
    counts_fit,
    what_was_shown_stays,
)


def _turns(ran: Ran) -> Iterator[Event]:
    for event in ran.events:
        if event.kind is EventKind.TRANSITION and event.hard:
            yield event


def _with_health(ran: Ran) -> Iterator[tuple[Vantage, Event]]:
    health = Vantage.UNKNOWN
    for event in ran.events:
        if event.kind is EventKind.VANTAGE:
            health = Vantage(event.new)
        elif event.subject != "collector":
            yield health, event


def _line(event: Event) -> str:
    change = f"{event.old} -> {event.new}" if event.new else ""
    return f"#{event.id} {event.subject} {change} ({event.rule}): {event.text}"
