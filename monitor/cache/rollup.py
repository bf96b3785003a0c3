"""Five minutes and hours: what stays of a check's runs when the raw ones are gone."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby
from statistics import median_low
from typing import Any, Final, NamedTuple

from monitor.cache.schema import transaction
from monitor.records import BEATS, HOUR, MINUTE, Micros, Outcome, State

FIVE: Final = 5 * MINUTE
# A slot is rolled up once its last runs have had time to end and to be written.
GRACE: Final = MINUTE
PURGED: Final = "purged"
UNKNOWN: Final = BEATS[State.UNKNOWN]
# What a run says that no judge has given a letter.
_SAYS: Final[dict[str | None, str]] = {
    Outcome.OK.value: BEATS[State.UP],
    Outcome.WARN.value: BEATS[State.DEGRADED],
    Outcome.FAIL.value: BEATS[State.DOWN],
}
_GOOD: Final = frozenset({Outcome.OK.value, Outcome.WARN.value})
_RUNS: Final = re.compile(r"(\D)(\d+)")

ROLL_COLUMNS: Final = (
    "check_no, slot, n, ok, sent, received, low, mid, high, last, took, outcome, reason, beats"
)
_RAW: Final = (
    "SELECT o.at, o.outcome, o.reason, o.rtt_ms, o.sent, o.received, o.took_ms, o.beat, w.word"
    " FROM observations AS o LEFT JOIN words AS w ON w.no = o.outcome"
    " WHERE o.check_no = ? AND o.at >= ? AND o.at < ? ORDER BY o.at"
)
_FIRST: Final = "SELECT min(at) FROM observations WHERE check_no = ? AND at >= ?"


class Run(NamedTuple):
    """One run as the roll-up reads it; ``outcome`` and ``reason`` are numbers of words."""

    at: Micros
    outcome: int
    reason: int | None
    rtt_ms: float | None
    sent: int
    received: int
    took_ms: float | None
    beat: int | None
    said: str | None


def letter_of(beat: int | None, outcome: str | None) -> str:
    """The judge's letter for a run, or the one its outcome stands for."""
    if beat is not None:
        return chr(beat)
    return _SAYS.get(outcome, UNKNOWN)


def pack(beats: str) -> str:
    """Letters as run lengths: ``UUUXX`` becomes ``U3X2``."""
    return "".join(f"{letter}{sum(1 for _ in run)}" for letter, run in groupby(beats))


def unpack(packed: str) -> str:
    """The letters of run lengths."""
    return "".join(letter * int(times) for letter, times in _RUNS.findall(packed))


def counts(packed: str) -> dict[str, int]:
    """How many runs had each letter; capitals and small ones (soft) apart."""
    found: dict[str, int] = {}
    for letter, times in _RUNS.findall(packed):
        found[letter] = found.get(letter, 0) + int(times)
    return found


def roll(check_no: int, width: Micros, runs: Sequence[Run]) -> tuple[Any, ...]:
    """The columns ROLL_COLUMNS of one slot; ``runs`` are all of it, oldest first.

    Runs that count for nothing (an own fault, a skipped one) are in ``n`` and ``beats``
    and in no figure.
    """
    letters = [letter_of(run.beat, run.said) for run in runs]
    trusted = [run for run, said in zip(runs, letters, strict=True) if said != UNKNOWN]
    times = sorted(round(run.rtt_ms * 1000) for run in trusted if run.rtt_ms is not None)
    slot = runs[0].at // width
    last = runs[-1]
    return (
        check_no,
        slot,
        len(runs),
        sum(run.said in _GOOD for run in trusted),
        sum(run.sent for run in trusted),
        sum(run.received for run in trusted),
        times[0] if times else None,
        median_low(times) if times else None,
        times[-1] if times else None,
        (last.at - slot * width) // 1000,
        -int(-(last.took_ms or 0.0) // 1),
        last.outcome,
        last.reason,
        pack("".join(letters)),
    )


def roll_all(check_no: int, width: Micros, runs: Iterable[Run]) -> list[tuple[Any, ...]]:
    """The slots of a span of runs, oldest first."""
    slots = groupby(runs, key=lambda run: run.at // width)
    return [roll(check_no, width, list(those)) for _, those in slots]


class Watermarks:
    """Up to when the runs of each check are rolled up; ``clear`` must follow a rollback."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._until: dict[int, Micros] | None = None

    def of(self, check_no: int) -> Micros:
        """Times before this are rolled up; 0 where nothing is."""
        if self._until is None:
            self._until = dict(self._db.execute("SELECT check_no, until FROM rolled"))
        return self._until.get(check_no, 0)

    def move(self, check_no: int, until: Micros) -> None:
        """Inside a transaction."""
        assert self._until is not None
        self._db.execute(
            "INSERT INTO rolled (check_no, until) VALUES (?,?)"
            " ON CONFLICT (check_no) DO UPDATE SET until = excluded.until",
            (check_no, until),
        )
        self._until[check_no] = until

    def clear(self) -> None:
        self._until = None


class RollUp:
    """Goes through the checks, an hour of one at a time; ``clear`` after a rollback."""

    def __init__(self, db: sqlite3.Connection, rolled: Watermarks) -> None:
        self._db = db
        self._rolled = rolled
        self._left: list[int] = []
        # Up to when, and up to which check, nothing is left to be rolled up.
        self._done: tuple[Micros, int] = (0, 0)

    def clear(self) -> None:
        self._left.clear()
        self._done = (0, 0)
        self._rolled.clear()

    def slice(self, now: Micros, runs: int) -> bool:
        """Roll up about so many runs of what is due at ``now``; False when nothing was."""
        if self._late(runs):
            return True
        target = (now - GRACE) // FIVE * FIVE
        if not self._left:
            newest = self._db.execute("SELECT max(no) FROM checks").fetchall()[0][0] or 0
            if (target, newest) == self._done:
                return False
            self._left = [
                no
                for (no,) in self._db.execute("SELECT no FROM checks ORDER BY no DESC")
                if self._rolled.of(no) < target
            ]
            if not self._left:
                self._done = (target, newest)
                return False
        read = 0
        with transaction(self._db):
            while self._left and read < runs:
                read += 20 + self._one(self._left[-1], target)
                if self._rolled.of(self._left[-1]) >= target:
                    self._left.pop()
        return True

    def _one(self, check: int, target: Micros) -> int:
        """Roll up at most to the next full hour; how many runs were read."""
        since = self._rolled.of(check)
        # An hour that is begun is ended, whether or not anything more came in it.
        if since % HOUR == 0:
            first = self._db.execute(_FIRST, (check, since)).fetchall()[0][0]
            if first is None or first >= target:
                self._rolled.move(check, target)
                return 0
            since = first // FIVE * FIVE
        hour = since // HOUR * HOUR
        until = min(target, hour + HOUR)
        return self._span(check, hour if until == hour + HOUR else since, until)

    def _span(self, check: int, since: Micros, until: Micros) -> int:
        runs = self._runs(check, since, until)
        self._keep("fives", roll_all(check, FIVE, runs))
        if until - since == HOUR:
            self._keep("hours", roll_all(check, HOUR, runs))
        self._rolled.move(check, until)
        return len(runs)

    def _runs(self, check: int, since: Micros, until: Micros) -> list[Run]:
        return list(map(Run._make, self._db.execute(_RAW, (check, since, until))))

    def _keep(self, table: str, slots: list[tuple[Any, ...]]) -> None:
        self._db.executemany(
            f"INSERT OR REPLACE INTO {table} ({ROLL_COLUMNS})"  # noqa: S608 - our own names
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            slots,
        )

    def _late(self, runs: int) -> bool:
        """Roll up anew what has changed since; whether there was any."""
        found = self._db.execute(
            "SELECT check_no, slot FROM late LIMIT ?", (max(1, runs // 100),)
        ).fetchall()
        if not found:
            return False
        with transaction(self._db):
            purged = mark(self._db, PURGED)
            for check, slot in found:
                since = slot * FIVE
                hour = since // HOUR * HOUR
                # Where the other runs of the slot are gone, what was rolled up stands.
                if hour >= purged:
                    self._keep(
                        "fives", roll_all(check, FIVE, self._runs(check, since, since + FIVE))
                    )
                    if hour + HOUR <= self._rolled.of(check):
                        runs_of_hour = self._runs(check, hour, hour + HOUR)
                        self._keep("hours", roll_all(check, HOUR, runs_of_hour))
                self._db.execute(
                    "DELETE FROM late WHERE check_no = ? AND slot = ?", (check, slot)
                )
        return True


def mark(db: sqlite3.Connection, name: str) -> int:
    """A number the cache remembers about itself; 0 where it has none."""
    found = db.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchall()
    return int(found[0][0]) if found else 0


def set_mark(db: sqlite3.Connection, name: str, value: int) -> None:
    """Inside a transaction."""
    db.execute(
        "INSERT INTO marks (name, value) VALUES (?,?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
