"""An evening written as it went by, commit by commit, so that it can be gone back to."""

from __future__ import annotations

from pathlib import Path

from monitor.cache.writer import Writer
from monitor.records import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    CheckRow,
    CollectorRow,
    Event,
    EventKind,
    HostRow,
    Kind,
    NetworkRow,
    Observation,
    Outcome,
    Phase,
    Reason,
    State,
    subject_of,
)
from tests.tui.desk_situation import NOW, ping

BEGIN = NOW - 3 * HOUR
FELL = NOW - HOUR
BLIND = NOW - 40 * MINUTE
SIGHT = NOW - 30 * MINUTE
BACK = NOW - 10 * MINUTE
CHECK = "ns1/icmp"


def rows(at: int, state: State, since: int, last: Observation, why: str):
    up = state is State.UP
    made = [
        CollectorRow(pid=1, started=BEGIN, beat=at, watchlist="evening", timezone="Asia/Seoul"),
        NetworkRow(
            "nk",
            "North Korea",
            timezone="Asia/Pyongyang",
            phase=Phase.STABLE if up else Phase.LOST,
            since=since,
            inside_up=int(up),
            inside_known=1,
            inside_total=1,
            why=why,
        ),
        HostRow(
            "ns1",
            "ns1.kptc.kp",
            address="192.0.2.7",
            affiliation="nk",
            network="nk",
            state=state,
            since=since,
            why=why,
            checks=(CHECK,),
        ),
        CheckRow(CHECK, "ns1", Kind.ICMP, state=state, since=since, last=last),
    ]
    return {subject_of(row): row for row in made}


def turns(at: int, old: State, new: State, text: str) -> list[Event]:
    phases = {State.UP: Phase.STABLE, State.DOWN: Phase.LOST}
    return [
        Event(at, EventKind.TRANSITION, "host:ns1", f"soft {text}", old, new, hard=False),
        Event(at, EventKind.TRANSITION, "host:ns1", text, old, new),
        Event(at + SECOND, EventKind.TRANSITION, "network:nk", text, phases[old], phases[new]),
    ]


def write(path: Path) -> Writer:
    """UP for two hours, DOWN at FELL, blind from BLIND to SIGHT, UP again at BACK."""
    writer = Writer(path)
    state, since, why = State.UP, BEGIN, "answers as ever"
    for step in range(180):
        at = BEGIN + step * MINUTE
        said: list[Event] = []
        if at == BEGIN:
            said = [Event(at, EventKind.COLLECTOR, "collector", "started its evening")]
        if at == FELL:
            state, since, why = State.DOWN, at, "fell silent"
            said = turns(at, State.UP, State.DOWN, why)
        if at == SIGHT:
            said = [
                Event(at, EventKind.GAP, "vantage:local", "our own link was down",
                      since=BLIND, until=SIGHT)
            ]  # fmt: skip
        if at == BACK:
            state, since, why = State.UP, at, "back in the air"
            said = turns(at, State.DOWN, State.UP, why)
        seen = ping(CHECK, at, "192.0.2.7", 71.0 if state is State.UP else None)
        blind = BLIND <= at < SIGHT
        writer.commit(
            [] if blind else [seen], said, {} if blind else rows(at, state, since, seen, why)
        )
    return writer


def slow_run(at: int) -> Observation:
    """Begun at ``at``, and over five seconds later."""
    return Observation(CHECK, at, Outcome.FAIL, Reason.REFUSED, took_ms=5_000.0)


LONG_BEFORE = BEGIN - DAY
