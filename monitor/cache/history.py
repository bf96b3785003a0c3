"""What the board said, entry by entry, so that it can be shown as of any moment.

The log is folded in the order in which it was written.  An entry stands from its time until
the next one of its subject.  A transition makes an entry at its own time, which may lie
before the end of the batch that brings it; the row at the end of a commit makes one at the
time of the commit if anything judged in it has changed.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from monitor.cache import parts
from monitor.cache.intern import Dictionary
from monitor.records import (
    MINUTE,
    SECOND,
    CheckRow,
    CollectorRow,
    Event,
    EventKind,
    FeedRow,
    HostRow,
    Micros,
    NetworkRow,
    Observation,
    PathRow,
    Phase,
    RouteRow,
    Row,
    State,
    Vantage,
    VantageRow,
    WitnessRow,
)

SAMPLED_EVERY: Final = 5 * MINUTE
# A transition is told within this time of happening, or its time is not to be believed.
TOLD_WITHIN: Final = 5 * SECOND
_DIGEST_BYTES: Final = 16
_SQUEEZED_FROM: Final = 512
_PLAIN, _SQUEEZED = b"\0", b"\1"
# Where the outcome of a transition stands in a row, and what it can be.
_STATE_FIELD: Final[dict[type[Row], tuple[str, frozenset[str]]]] = {
    CheckRow: ("state", frozenset(State)),
    HostRow: ("state", frozenset(State)),
    NetworkRow: ("phase", frozenset(Phase)),
    VantageRow: ("health", frozenset(Vantage)),
}
_BY_PREFIX: Final[dict[str, type[Row]]] = {
    "check": CheckRow,
    "host": HostRow,
    "network": NetworkRow,
    "vantage": VantageRow,
}
_INSERT: Final = (
    "INSERT OR REPLACE INTO history (subject_no, at, sketch, record, sampled)"
    " VALUES (?,?,?,?,?)"
)
_LAST: Final = (
    "SELECT at, sketch, record, sampled FROM history WHERE subject_no = ?"
    " ORDER BY at DESC LIMIT 1"
)
_NEWEST: Final = (
    "SELECT max((SELECT max(at) FROM history WHERE subject_no = subjects.no)) FROM subjects"
)


def squeeze(record: bytes) -> bytes:
    """A sketch as it is kept: long ones (explanations) repeat themselves."""
    if len(record) < _SQUEEZED_FROM:
        return _PLAIN + record
    return _SQUEEZED + zlib.compress(record, 6)


def unsqueeze(kept: bytes) -> bytes:
    """Raises ValueError when it is damaged."""
    if kept[:1] == _PLAIN:
        return kept[1:]
    try:
        return zlib.decompress(kept[1:])
    except zlib.error as error:
        raise ValueError("a damaged sketch") from error


def ended(seen: Observation) -> Micros:
    """When a run was over, and its result known."""
    return seen.at + int(seen.took_ms * 1000)


class Moment(NamedTuple):
    """When a commit is made; ``sure`` when somebody who reads the clock has said so."""

    at: Micros
    sure: bool


def moment_of(
    observations: Sequence[Observation],
    events: Sequence[Event],
    rows: Mapping[str, Row],
    told: Micros | None,
) -> Moment:
    """The time of a commit: what its caller tells, and never before anything in it."""
    times = [told or 0]
    times.extend(ended(seen) for seen in observations)
    times.extend(event.at for event in events)
    sure = told is not None
    for row in rows.values():
        match row:
            case CheckRow():
                times.append(row.since)
                if row.last is not None:
                    times.append(ended(row.last))
            case HostRow():
                times += (row.since, row.last_at)
            case NetworkRow() | VantageRow():
                times.append(row.since)
            case CollectorRow():
                times.append(row.beat)
                sure = sure or row.beat > 0
            case RouteRow() | FeedRow() | PathRow() | WitnessRow():
                times += (row.since, row.at)
            case _:
                pass
    return Moment(max(times), sure)


class _Entry(NamedTuple):
    """The last entry of a subject; ``still`` is None when it was read from the file."""

    at: Micros
    sketch: int
    turning: bytes
    sampled: bytes
    still: tuple[Any, ...] | None


class Ledger:
    """Writes the history; ``clear`` must follow a rollback."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._subjects = Dictionary(db, "subjects", "subject")
        self._last: dict[str, _Entry | None] = {}
        self._moment: Micros | None = None

    def clear(self) -> None:
        self._subjects.clear()
        self._last.clear()
        self._moment = None

    def write(
        self, events: Sequence[Event], cuts: Mapping[str, parts.Cut], moment: Moment
    ) -> None:
        """Keep what a commit changes of the board; inside its transaction."""
        at = self._now(moment)
        for event in events:
            if event.hard and event.kind in (EventKind.TRANSITION, EventKind.VANTAGE):
                self._turn(event, cuts.get(event.subject))
        for subject, parted in cuts.items():
            self._stand(subject, parted, at)

    def enter(self, subject: str, at: Micros, parted: parts.Cut) -> None:
        """An entry as it stood in another cache, not older than the last; in a transaction."""
        sketch = self._sketch(parted)
        entry = _Entry(at, sketch, parted.turning, parted.sampled, parted.still)
        self._keep(subject, entry, at)

    def _now(self, moment: Moment) -> Micros:
        if self._moment is None:
            self._moment = self._db.execute(_NEWEST).fetchall()[0][0] or 0
        if moment.at >= self._moment:
            self._moment = moment.at
        elif moment.sure and moment.at < self._moment - SECOND:
            self._set_back(moment.at)
            self._moment = moment.at
        return self._moment

    def _set_back(self, now: Micros) -> None:
        """The clock was wrong and is right again: nothing can have happened after now."""
        self._db.execute(
            "DELETE FROM history AS h WHERE h.at > ? AND EXISTS (SELECT 1 FROM history AS n"
            " WHERE n.subject_no = h.subject_no AND n.at > h.at)",
            (now,),
        )
        self._db.execute("UPDATE OR REPLACE history SET at = ? WHERE at > ?", (now, now))
        self._last.clear()

    def _turn(self, event: Event, parted: parts.Cut | None) -> None:
        """An entry at the very time of a transition."""
        kind = _BY_PREFIX.get(event.subject.partition(":")[0])
        if kind is None:
            return
        field, known = _STATE_FIELD[kind]
        if event.new not in known:
            return
        last = self._last_of(event.subject)
        if last is None:
            if parted is None:
                return
            sketch, turning, still = self._sketch(parted), parted.turning, parted.still
            last = _Entry(event.at, sketch, turning, parted.sampled, still)
        since = last.at if event.at < last.at - TOLD_WITHIN else event.at
        turning = parts.turned(
            last.turning,
            kind,
            **{field: event.new},
            since=event.since or event.at,
            soft=None,
            reason=event.reason,
            why=event.text,
        )
        self._keep(event.subject, last._replace(at=since, turning=turning), last.at)

    def _stand(self, subject: str, parted: parts.Cut, at: Micros) -> None:
        """An entry at the end of a commit, if anything has changed."""
        last = self._last_of(subject)
        if last is None:
            self._keep(
                subject,
                _Entry(at, self._sketch(parted), parted.turning, parted.sampled, parted.still),
                at,
            )
            return
        same = parted.still == last.still
        sketch = last.sketch if same else self._sketch(parted)
        judged = sketch != last.sketch or parted.turning != last.turning
        due = parted.sampled != last.sampled and at >= last.at + SAMPLED_EVERY
        if judged or due:
            at = max(at, last.at)
            entry = _Entry(at, sketch, parted.turning, parted.sampled, parted.still)
            self._keep(subject, entry, at)
        elif last.still is None:
            self._last[subject] = last._replace(still=parted.still)

    def _keep(self, subject: str, entry: _Entry, last_at: Micros) -> None:
        number = self._subjects.number(subject)
        if last_at > entry.at:
            self._db.execute(
                "DELETE FROM history WHERE subject_no = ? AND at > ?", (number, entry.at)
            )
        row = (number, entry.at, entry.sketch, entry.turning, entry.sampled or None)
        self._db.execute(_INSERT, row)
        self._last[subject] = entry

    def _last_of(self, subject: str) -> _Entry | None:
        if subject not in self._last:
            number = self._subjects.number(subject)
            found = self._db.execute(_LAST, (number,)).fetchall()
            self._last[subject] = None
            if found:
                at, sketch, turning, sampled = found[0]
                self._last[subject] = _Entry(at, sketch, turning, sampled or b"", None)
        return self._last[subject]

    def _sketch(self, parted: parts.Cut) -> int:
        record = parts.still_record(parted)
        digest = hashlib.blake2b(record, digest_size=_DIGEST_BYTES).digest()
        found = self._db.execute(
            "SELECT no FROM sketches WHERE digest = ?", (digest,)
        ).fetchall()
        if found:
            return int(found[0][0])
        number = self._db.execute(
            "INSERT INTO sketches (digest, record) VALUES (?,?)", (digest, squeeze(record))
        ).lastrowid
        assert number is not None
        return number
