"""Forgetting what is old in slices short enough never to hold up a commit."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from monitor.cache.rollup import FIVE, PURGED, mark, set_mark
from monitor.cache.schema import transaction
from monitor.records import DAY, HOUR, Micros

# Free pages are used again by the next observations; only a surplus is given back.
_RESERVE: Final = 0.1
# Looking whether a check has anything old costs a few microseconds.
_CHECKS_A_SLICE: Final = 200

_CHECKS: Final = "SELECT no FROM checks WHERE no > ? ORDER BY no LIMIT ?"
# An observation kept is younger than this, and so is the day of its detail.
_DETAILS: Final = (
    "DELETE FROM details WHERE no IN (SELECT no FROM details WHERE day < ? ORDER BY no LIMIT ?)"
)


class Kept(NamedTuple):
    """A table with something of each check: its column of time, and the unit of that."""

    table: str
    key: str
    unit: Micros


RAW: Final = Kept("observations", "at", 1)
FIVES: Final = Kept("fives", "slot", FIVE)
HOURS: Final = Kept("hours", "slot", HOUR)


class Purge:
    """Goes through the checks, a slice at a time, deleting what one table holds of them."""

    def __init__(self, db: sqlite3.Connection, kept: Kept = RAW) -> None:
        self._db = db
        self._raw = kept is RAW
        self._unit = kept.unit
        self._check = 0
        self._end = (
            f"SELECT {kept.key} FROM {kept.table} WHERE check_no = ? AND {kept.key} < ?"  # noqa: S608 - our own names
            f" ORDER BY {kept.key} LIMIT 1 OFFSET ?"
        )
        self._delete = f"DELETE FROM {kept.table} WHERE check_no = ? AND {kept.key} < ?"  # noqa: S608 - our own names

    def step(self, before: Micros, rows: int) -> tuple[int, bool]:
        """Delete up to ``rows`` from before: how many went, and whether there are checks left
        to look at.
        """
        bound = before // self._unit
        checks = self._db.execute(_CHECKS, (self._check, _CHECKS_A_SLICE)).fetchall()
        gone = done = 0
        with transaction(self._db):
            if self._raw and mark(self._db, PURGED) < before:
                set_mark(self._db, PURGED, before)
            for (check,) in checks:
                deleted, finished = self._one(check, bound, rows - done)
                done += deleted
                if not finished:
                    break
                self._check = check
                if done >= rows:
                    break
            more = done >= rows or len(checks) == _CHECKS_A_SLICE
            if self._raw:
                gone += self._asides(before, rows, last=not more)
        if not more:
            self._check = 0
        return gone + done, more

    def _asides(self, before: Micros, rows: int, *, last: bool) -> int:
        """Old requests, and at the end of a round the details that nobody has any more."""
        gone = self._db.execute("DELETE FROM requests WHERE at < ?", (before,)).rowcount
        if last:
            gone += self._db.execute(_DETAILS, (before // DAY, rows)).rowcount
        return gone

    def _one(self, check: int, bound: int, rows: int) -> tuple[int, bool]:
        """Delete old rows of one check: how many went, and whether that was all."""
        last = self._db.execute(self._end, (check, bound, rows)).fetchall()
        end = last[0][0] if last else bound
        deleted = self._db.execute(self._delete, (check, end)).rowcount
        if self._raw and deleted:
            self._db.execute("DELETE FROM hops WHERE check_no = ? AND at < ?", (check, end))
            self._db.execute("DELETE FROM traces WHERE check_no = ? AND at < ?", (check, end))
        return deleted, not last


def give_back(db: sqlite3.Connection, pages: int) -> bool:
    """Return up to ``pages`` free pages beyond the reserve; whether there were any."""
    total = int(db.execute("PRAGMA page_count").fetchall()[0][0])
    free = int(db.execute("PRAGMA freelist_count").fetchall()[0][0])
    surplus = min(free - int(total * _RESERVE), pages)
    if surplus <= 0:
        return False
    # It gives back a page a step; execute() would take the first step alone.
    db.executescript(f"PRAGMA incremental_vacuum({surplus})")
    return True
