"""What a cache needs done beside being written, a few milliseconds at a time."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from monitor.cache.details import Details
from monitor.cache.purge import FIVES, HOURS, RAW, Purge, give_back
from monitor.cache.rollup import RollUp, Watermarks, mark, set_mark
from monitor.cache.schema import transaction
from monitor.records import DAY, HOUR, Micros

# Chosen by tests/bench/cache.py for slices of a few milliseconds on a slow core.
_RUNS_A_SLICE: Final = 300
_ROWS_A_SLICE: Final = 300
_PAGES_A_SLICE: Final = 32


class Retention(msgspec.Struct, frozen=True):
    """For how long each tier is kept, in microseconds (DESIGN section 9).

    Events, notes and the history of the board are kept for ever.  Raises ValueError when a
    tier is kept for less than the finer one before it, or raw observations for less than
    two hours, before which they cannot have been rolled up.
    """

    raw: Micros = 7 * DAY
    fives: Micros = 90 * DAY
    hours: Micros = 730 * DAY

    def __post_init__(self) -> None:
        if not 2 * HOUR <= self.raw <= self.fives <= self.hours:
            raise ValueError(
                "a coarser tier must be kept for at least as long as a finer one,"
                " and raw observations for two hours"
            )


DEFAULT: Final = Retention()
# The cache remembers for how long it is kept, for those who only read it.
_MARKS: Final = {name: f"keep {name}" for name in Retention.__struct_fields__}


def kept(db: sqlite3.Connection) -> Retention:
    """For how long a cache is kept, as its collector last said."""
    spans = {name: mark(db, text) for name, text in _MARKS.items()}
    try:
        return Retention(**spans)
    except ValueError:
        return DEFAULT


class Upkeep:
    """Does one slice of whatever is due; ``clear`` must follow a rollback."""

    def __init__(self, db: sqlite3.Connection, rolled: Watermarks, details: Details) -> None:
        self._db = db
        self._details = details
        self._roll_up = RollUp(db, rolled)
        self._purges = [Purge(db, kept) for kept in (RAW, FIVES, HOURS)]
        self._purged: list[Micros] = [0, 0, 0]
        self._told: Retention | None = None

    def clear(self) -> None:
        self._roll_up.clear()
        self._purged = [0, 0, 0]
        self._told = None

    def _tell(self, retention: Retention) -> None:
        if kept(self._db) != retention:
            with transaction(self._db):
                for name, text in _MARKS.items():
                    set_mark(self._db, text, getattr(retention, name))
            # What was kept for long enough before may be too old now.
            self._purged = [0, 0, 0]
        self._told = retention

    def slice(self, now: Micros, retention: Retention) -> bool:
        """Roll up before purging anything; whether anything was due."""
        if retention != self._told:
            self._tell(retention)
        if self._roll_up.slice(now, _RUNS_A_SLICE):
            return True
        spans = (retention.raw, retention.fives, retention.hours)
        for tier, span in enumerate(spans):
            # By whole hours: an hour is rolled up again from all of its runs or not at all.
            before = (now - span) // HOUR * HOUR
            if before <= 0 or self._purged[tier] == before:
                continue
            _, more = self._purges[tier].step(before, _ROWS_A_SLICE)
            # Some of those remembered may be gone.
            self._details.clear()
            if not more:
                self._purged[tier] = before
            return True
        return give_back(self._db, _PAGES_A_SLICE)
