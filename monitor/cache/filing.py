"""Observations into their tables, with the judge's letter for each run."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monitor.cache import codec
from monitor.cache.details import Details, Split, split
from monitor.cache.intern import Dictionary
from monitor.cache.rollup import FIVE, Watermarks
from monitor.records import CheckRow, Micros, Observation, Row, TraceFacts

_INSERT: Final = (
    "INSERT OR IGNORE INTO observations (check_no, at, outcome, reason, rtt_ms, sent, received,"
    " took_ms, address, said_by, stalled, vantage, note, detail, facts, beat)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_UPSERT_TRACE: Final = (
    "INSERT INTO traces (check_no, at) VALUES (?,?)"
    " ON CONFLICT (check_no) DO UPDATE SET at = max(at, excluded.at)"
)
Filed = list[tuple[Observation, Split, int | None]]


def letters(observations: Sequence[Observation], rows: Mapping[str, Row]) -> list[int | None]:
    """What the judge made of each observation: a byte of its check's beats, or None.

    The row of a commit ends in the runs of that commit; one that has already gone on to a
    later run does not tell which byte belongs to which.
    """
    runs: dict[str, list[int]] = defaultdict(list)
    for index, seen in enumerate(observations):
        runs[seen.check].append(index)
    found: list[int | None] = [None] * len(observations)
    for check, indices in runs.items():
        row = rows.get(f"check:{check}")
        if not isinstance(row, CheckRow) or row.last is None:
            continue
        if row.last.at != observations[indices[-1]].at:
            continue
        for index, letter in zip(reversed(indices), reversed(row.beats), strict=False):
            found[index] = letter
    return found


def prepare(observations: Sequence[Observation], beats: Sequence[int | None]) -> Filed:
    """What can be done before a transaction is begun."""
    return [
        (seen, split(seen.facts), beat) for seen, beat in zip(observations, beats, strict=True)
    ]


class Filing:
    """Writes observations; ``clear`` must follow a rollback and a purge."""

    def __init__(self, db: sqlite3.Connection, rolled: Watermarks) -> None:
        self._db = db
        self._rolled = rolled
        self.checks = Dictionary(db, "checks", "id")
        self.words = Dictionary(db, "words", "word")
        self.details = Details(db)

    def clear(self) -> None:
        self.checks.clear()
        self.words.clear()
        self.details.clear()

    def write(self, filed: Filed) -> None:
        """Keep them, the first of two of one check at one time; inside a transaction."""
        plain: list[tuple[Any, ...]] = []
        for seen, halves, beat in filed:
            columns = self._columns(seen, halves, beat)
            if seen.at < self._rolled.of(columns[0]):
                self._db.execute(
                    "INSERT OR IGNORE INTO late (check_no, slot) VALUES (?,?)",
                    (columns[0], seen.at // FIVE),
                )
            if isinstance(seen.facts, TraceFacts):
                # In order with the others: a later one may be its duplicate.
                self._db.executemany(_INSERT, plain)
                plain.clear()
                if self._db.execute(_INSERT, columns).rowcount == 1:
                    self._write_hops(columns[0], seen.at, seen.facts)
            else:
                plain.append(columns)
        self._db.executemany(_INSERT, plain)

    def _columns(self, seen: Observation, facts: Split, beat: int | None) -> tuple[Any, ...]:
        word = self.words.number
        return (
            self.checks.number(seen.check),
            seen.at,
            word(seen.outcome.value),
            word(seen.reason.value),
            seen.rtt_ms,
            seen.sent,
            seen.received,
            seen.took_ms,
            word(seen.address) if seen.address else None,
            word(seen.said_by) if seen.said_by else None,
            int(seen.stalled),
            None if seen.vantage == codec.LOCAL else word(seen.vantage),
            seen.note or None,
            self.details.number(facts, seen.at),
            facts.varying,
            beat,
        )

    def _write_hops(self, check_no: int, at: Micros, trace: TraceFacts) -> None:
        passed = {
            (check_no, at, self.words.number(address), hop.ttl)
            for hop in trace.hops
            for address in (hop.address, *hop.others)
            if address
        }
        self._db.execute(_UPSERT_TRACE, (check_no, at))
        self._db.executemany(
            "INSERT INTO hops (check_no, at, address, ttl) VALUES (?,?,?,?)", sorted(passed)
        )
