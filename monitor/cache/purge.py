"""Forgetting raw observations in slices short enough never to hold up a commit."""

from __future__ import annotations

import sqlite3
from typing import Final

from monitor.cache.schema import transaction
from monitor.records import DAY, Micros

# Free pages are used again by the next observations; only a surplus is given back.
_RESERVE: Final = 0.1
_PAGES_A_SLICE: Final = 512

_OLD: Final = (
    "SELECT no FROM checks WHERE"
    " (SELECT min(at) FROM observations WHERE check_no = checks.no) < ? ORDER BY no"
)
_LAST_OF_SLICE: Final = (
    "SELECT at FROM observations WHERE check_no = ? AND at < ? ORDER BY at LIMIT 1 OFFSET ?"
)
# An observation kept is younger than this, and so is the day of its detail.
_DETAILS: Final = (
    "DELETE FROM details WHERE no IN (SELECT no FROM details WHERE day < ? ORDER BY no LIMIT ?)"
)


class Purge:
    """Goes through the checks that have something old, a slice at a time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._left: list[int] = []

    def slice(self, before: Micros, rows: int) -> int:
        """Delete up to ``rows`` observations from before; how many rows went, 0 at the end."""
        if not self._left:
            self._left = [no for (no,) in self._db.execute(_OLD, (before,)).fetchall()]
            self._left.reverse()
        gone = 0
        with transaction(self._db):
            gone += self._db.execute("DELETE FROM requests WHERE at < ?", (before,)).rowcount
            done = 0
            while self._left and done < rows:
                deleted, finished = self._one(self._left[-1], before, rows - done)
                done += deleted
                if finished:
                    self._left.pop()
            if not self._left:
                last = (before // DAY, rows)
                gone += self._db.execute(_DETAILS, last).rowcount
        gone += done
        if gone:
            self._give_back()
        return gone

    def _one(self, check: int, before: Micros, rows: int) -> tuple[int, bool]:
        """Delete old rows of one check: how many went, and whether that was all."""
        last = self._db.execute(_LAST_OF_SLICE, (check, before, rows)).fetchall()
        end = last[0][0] if last else before
        deleted = self._db.execute(
            "DELETE FROM observations WHERE check_no = ? AND at < ?", (check, end)
        ).rowcount
        self._db.execute("DELETE FROM hops WHERE check_no = ? AND at < ?", (check, end))
        self._db.execute("DELETE FROM traces WHERE check_no = ? AND at < ?", (check, end))
        return deleted, not last

    def _give_back(self) -> None:
        pages = int(self._db.execute("PRAGMA page_count").fetchall()[0][0])
        free = int(self._db.execute("PRAGMA freelist_count").fetchall()[0][0])
        surplus = min(free - int(pages * _RESERVE), _PAGES_A_SLICE)
        if surplus > 0:
            # It gives back a page a step; execute() would take the first step alone.
            self._db.executescript(f"PRAGMA incremental_vacuum({surplus})")
