"""The board as of a moment: the history's entries, with the figures observations hold.

What was judged is exact.  Figures are exact while the raw observations are kept; later they
are those of the last five minutes, or the last hour, that had ended by then.  Nothing that
was only known after the moment is used.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from monitor.cache import codec, parts
from monitor.cache.history import ended, unsqueeze
from monitor.cache.rollup import FIVE, PURGED, letter_of, mark, unpack
from monitor.records import (
    BEATS_KEPT,
    HOUR,
    CheckRow,
    CollectorRow,
    HostRow,
    Kind,
    Micros,
    Observation,
    Outcome,
    Reason,
    Row,
)

_ENTRY: Final = (
    # As a blob, as in Reader.changes; CROSS keeps this order: one search a subject.
    "SELECT CAST(s.subject AS BLOB), h.record, h.sampled, k.record FROM subjects AS s"
    " CROSS JOIN history AS h ON h.subject_no = s.no AND h.at ="
    " (SELECT max(at) FROM history WHERE subject_no = s.no AND at <= ?)"
    " CROSS JOIN sketches AS k ON k.no = h.sketch"
)
_LAST: Final = (
    f"SELECT {codec.OBSERVED} FROM observed WHERE check_no = ? AND at ="  # noqa: S608 - our own names
    " (SELECT at FROM observations WHERE check_no = ?1 AND at <= ?2"
    " AND at + CAST(took_ms * 1000 AS INTEGER) <= ?2 ORDER BY at DESC LIMIT 1)"
)
_BEATS: Final = (
    "SELECT o.beat, w.word FROM observations AS o LEFT JOIN words AS w ON w.no = o.outcome"
    " WHERE o.check_no = ? AND o.at >= ? AND o.at <= ?3"
    " AND o.at + CAST(o.took_ms * 1000 AS INTEGER) <= ?3 ORDER BY o.at DESC LIMIT ?4"
)
_SLOTS: Final = (
    "SELECT slot, last, took, outcome, reason, n, sent, received, mid FROM {table}"
    " WHERE check_no = ? AND slot < ? ORDER BY slot DESC LIMIT 2"
)
# In one step, newest slot first: thousands of steps would be most of the time of a board.
_LETTERS: Final = (
    "SELECT CAST(group_concat(beats) AS BLOB) FROM (SELECT beats FROM {table}"
    " WHERE check_no = ? AND slot <= ? ORDER BY slot DESC LIMIT ?)"
)
_TIERS: Final = tuple(
    (_SLOTS.format(table=table), _LETTERS.format(table=table), width, span)
    for table, width, span in (("fives", FIVE, "5 minutes"), ("hours", HOUR, "an hour"))
)
_ANSWERED: Final = frozenset({Outcome.OK, Outcome.WARN})


class AsOf:
    """The board as of ``at``; make one inside a read transaction.  ``bad`` counts records
    that could not be read and were left out.
    """

    def __init__(self, db: sqlite3.Connection, at: Micros) -> None:
        self._db = db
        self._at = at
        self._raw = at >= mark(db, PURGED)
        self._words: dict[int, str] = {}
        self.bad = 0

    def board(self) -> list[Row]:
        """Every row, ordered by subject."""
        entries = self._db.execute(_ENTRY, (self._at,)).fetchall()
        rows = self._rows(entries)
        numbers = dict(self._db.execute("SELECT id, no FROM checks"))
        checks: dict[str, CheckRow] = {}
        for row in rows.values():
            if isinstance(row, CheckRow):
                self._fill_check(row, numbers.get(row.id))
                checks[row.id] = row
        newest = max((ended(row.last) for row in checks.values() if row.last), default=0)
        for row in rows.values():
            if isinstance(row, HostRow):
                fill_host(row, checks)
            elif isinstance(row, CollectorRow):
                row.beat = max(row.beat, newest)
        return [rows[subject] for subject in sorted(rows)]

    def row(self, subject: str) -> Row | None:
        """One row; None if nothing was known of it."""
        row = self._one(subject)
        if isinstance(row, CheckRow):
            self._fill_check(row, self._number(row.id))
        elif isinstance(row, HostRow):
            checks = {}
            for name in row.checks:
                check = self._one(f"check:{name}")
                if isinstance(check, CheckRow):
                    self._fill_check(check, self._number(name))
                    checks[name] = check
            fill_host(row, checks)
        return row

    def _one(self, subject: str) -> Row | None:
        query = f"{_ENTRY} WHERE s.subject = ?"
        found = self._db.execute(query, (self._at, subject)).fetchall()
        return self._rows(found).get(subject)

    def _rows(self, entries: list[tuple[Any, ...]]) -> dict[str, Row]:
        rows: dict[str, Row] = {}
        for raw, turning, sampled, sketch in entries:
            subject = str(raw, "utf-8", "replace")
            try:
                rows[subject] = parts.join(subject, unsqueeze(sketch), turning, sampled)
            except codec.UNREADABLE:
                self.bad += 1
        return rows

    def _number(self, check: str) -> int | None:
        found = self._db.execute("SELECT no FROM checks WHERE id = ?", (check,)).fetchall()
        return int(found[0][0]) if found else None

    # --- figures --------------------------------------------------------------------------

    def _fill_check(self, row: CheckRow, number: int | None) -> None:
        if number is None:
            return
        letters: list[str] = []
        before = self._at
        if self._raw:
            row.last = self._last(number)
            # A run of the slot before may still have been under way.
            since = (self._at // FIVE - 1) * FIVE
            until = self._db.execute(
                "SELECT until FROM rolled WHERE check_no = ?", (number,)
            ).fetchall()
            since = min(since, until[0][0] if until else 0)
            values = (number, since, self._at, BEATS_KEPT)
            letters = [letter_of(*run) for run in self._db.execute(_BEATS, values)]
            before = since
        if len(letters) < BEATS_KEPT:
            self._from_slots(row, number, before, letters)
        letters = letters[:BEATS_KEPT]
        row.beats = "".join(reversed(letters)).encode()

    def _last(self, number: int) -> Observation | None:
        found = self._db.execute(_LAST, (number, self._at)).fetchall()
        try:
            return codec.observation_of(found[0]) if found else None
        except codec.UNREADABLE:
            self.bad += 1
            return None

    def _from_slots(
        self, row: CheckRow, number: int, before: Micros, letters: list[str]
    ) -> None:
        """Go back slot by slot, of the finer tier if it has any."""
        for newest, beats, width, span in _TIERS:
            # The slot of a moment that raw observations do not reach may hold it.
            first = before // width + (0 if self._raw else 1)
            for slot in self._db.execute(newest, (number, first)).fetchall():
                if slot[0] * width + (slot[1] + slot[2]) * 1000 > self._at:
                    continue
                if row.last is None:
                    try:
                        row.last = self._rolled_up(row.id, slot, width, span)
                    except codec.UNREADABLE:
                        self.bad += 1
                # As many slots as the runs of this one promise, and two in case.
                for limit in (BEATS_KEPT // max(1, slot[5]) + 2, BEATS_KEPT):
                    values = (number, slot[0], limit)
                    packed = self._db.execute(beats, values).fetchall()[0][0]
                    older = _backwards(packed or b"")
                    if len(letters) + len(older) >= BEATS_KEPT:
                        break
                letters.extend(older)
                return

    def _rolled_up(
        self, check: str, slot: tuple[Any, ...], width: Micros, span: str
    ) -> Observation:
        """The last run of a slot, as far as it is still known."""
        number, last, took, said, why, runs, sent, received, mid = slot
        outcome = Outcome(self._word(said))
        return Observation(
            check=check,
            at=number * width + last * 1000,
            outcome=outcome,
            reason=Reason.NONE if why is None else Reason(self._word(why)),
            rtt_ms=None if mid is None or outcome not in _ANSWERED else mid / 1000,
            sent=sent,
            received=received,
            took_ms=took,
            note=f"figures of {span}, {runs} runs",
        )

    def _word(self, number: int) -> str:
        if number not in self._words:
            found = self._db.execute(
                "SELECT word FROM words WHERE no = ?", (number,)
            ).fetchall()
            self._words[number] = str(found[0][0]) if found else ""
        return self._words[number]


@lru_cache(maxsize=4_096)
def _backwards(packed: bytes) -> str:
    """Letters newest first, of slots that come newest first; most checks are alike."""
    slots = packed.decode("ascii", "replace").split(",")
    return "".join(unpack(slot)[::-1] for slot in slots)


def fill_host(row: HostRow, checks: Mapping[str, CheckRow]) -> None:
    """The figures of a host's line: those of its main check (see HostRow)."""
    known = [checks[name] for name in row.checks if name in checks]
    speaking = [check for check in known if check.kind is not Kind.TRACE] or known
    icmp = [check for check in speaking if check.kind is Kind.ICMP]
    main = next(iter(icmp or speaking), None)
    if main is None or main.last is None:
        return
    last = main.last
    row.last_at = last.at
    row.beats = main.beats
    row.rtt_ms = last.rtt_ms if last.outcome in _ANSWERED else None
    silent = last.sent == 0 or last.outcome in (Outcome.ERROR, Outcome.SKIPPED)
    row.loss = None if silent else 1.0 - last.received / last.sent
