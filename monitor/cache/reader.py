"""Reading a cache while another process writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from monitor.cache import chain, codec, said, tally
from monitor.cache import series as plots
from monitor.cache.asof import AsOf
from monitor.cache.ledger import Book, fold
from monitor.cache.schema import CacheError, log_size, open_reading, side_files, speaking_of
from monitor.cache.sights import SightBucket, sights
from monitor.entries import Entry
from monitor.records import Event, EventKind, Micros, Observation, Row

T = TypeVar("T")

_MAX_TIME: Final = 2**63 - 1

_NUMBERED_UNTIL: Final = (
    "id < 1000 + coalesce("
    "(SELECT id FROM events WHERE at < ? ORDER BY at DESC, id DESC LIMIT 1), 0)"
)
_BEHIND: Final = (
    "SELECT c.id FROM traces AS t JOIN checks AS c ON c.no = t.check_no WHERE EXISTS ("
    "SELECT 1 FROM hops AS h WHERE h.check_no = t.check_no AND h.at = t.at"
    " AND h.address = (SELECT no FROM words WHERE word = ?))"
)
# The latest trace that had ended by then.
_BEHIND_THEN: Final = (
    "SELECT c.id FROM traces AS t JOIN checks AS c ON c.no = t.check_no WHERE EXISTS ("
    "SELECT 1 FROM hops AS h WHERE h.check_no = t.check_no AND h.at = (SELECT o.at"
    " FROM observations AS o WHERE o.check_no = t.check_no AND o.at <= ?2 AND o.facts NOT NULL"
    " AND o.at + CAST(o.took_ms * 1000 AS INTEGER) <= ?2 ORDER BY o.at DESC LIMIT 1)"
    " AND h.address = (SELECT no FROM words WHERE word = ?1))"
)
_TRACES: Final = (
    "SELECT at FROM observations WHERE check_no = (SELECT no FROM checks WHERE id = ?1)"
    " AND at <= ?2 AND at + CAST(took_ms * 1000 AS INTEGER) <= ?2 AND facts NOT NULL"
    " ORDER BY at"
)
_NEWS: Final = {
    False: "SELECT at FROM events WHERE at < ? AND hard = 1 AND quiet = 0"
    " ORDER BY at DESC LIMIT 1",
    True: "SELECT at FROM events WHERE at > ? AND hard = 1 AND quiet = 0 ORDER BY at LIMIT 1",
}
_BEGINS: Final = (
    "SELECT min(begun) FROM (SELECT min(at) AS begun FROM events UNION ALL"
    " SELECT (SELECT min(at) FROM history WHERE subject_no = subjects.no) FROM subjects)"
)


class Cursor(msgspec.Struct, frozen=True):
    """How far somebody has read; the default is nothing at all.

    ``file`` tells the file from another one put in its place, also to a new Reader.
    """

    version: int = 0
    event: int = 0
    file: int = 0
    entry: int = 0


class Changes(msgspec.Struct):
    """What is new since a cursor; go on from ``cursor``.

    ``more`` says that further events are waiting.  ``bad`` counts records that could not
    be read and were left out.  ``fresh`` says that the file was replaced: these rows and
    events stand for everything shown before.  ``entries`` are of the ledger, oldest first.
    """

    rows: list[Row]
    events: list[Event]
    cursor: Cursor
    more: bool
    bad: int = 0
    fresh: bool = False
    entries: list[Entry] = []


class Reader:
    """A read-only connection with short transactions; for one thread at a time.

    Every method raises CacheError.  ``bad`` counts all records that could not be read.
    """

    def __init__(self, path: Path) -> None:
        """Open an existing cache; raises CacheMissing when there is none, or CacheError."""
        self.bad = 0
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._open()

    def _open(self) -> sqlite3.Connection:
        self._db, self._still = open_reading(self._path)
        self._face = self._face_now()
        self._seen: tuple[int, Cursor] | None = None
        self._spoken = said.Spoken()
        return self._db

    def _face_now(self) -> tuple[int, ...]:
        """What tells this file from another; of one taken as unchanging, that it changed."""
        with speaking_of(self._path):
            now = self._path.stat()
            self._inode = now.st_ino
            if not self._still:
                return (now.st_ino,)
            return now.st_ino, now.st_size, now.st_mtime_ns, log_size(self._path)

    def _ready(self) -> sqlite3.Connection:
        """The connection, opened anew when another file stands in the place of the first."""
        if self._face_now() != self._face:
            self.close()
        return self._open() if self._db is None else self._db

    @contextmanager
    def _reading(self, db: sqlite3.Connection) -> Iterator[None]:
        """One short read transaction: one state of the file for several statements."""
        with speaking_of(self._path):
            db.execute("BEGIN")
            try:
                yield
            finally:
                if db.in_transaction:
                    db.execute("COMMIT")

    def _each(self, make: Callable[..., T], rows: Iterable[tuple[Any, ...]]) -> list[T]:
        out: list[T] = []
        for row in rows:
            try:
                out.append(make(row))
            except codec.UNREADABLE:
                self.bad += 1
        return out

    def changes(self, cursor: Cursor, event_limit: int = 500) -> Changes:
        """Rows changed and events added since ``cursor``, events oldest first.

        From ``Cursor()`` it gives all rows and the newest ``event_limit`` events.  The
        judge's memory is left out of check rows: see :meth:`row`.  When nothing was
        committed since, it costs one ``PRAGMA data_version`` and reads no table.
        """
        db = self._ready()
        with speaking_of(self._path):
            version = db.execute("PRAGMA data_version").fetchall()[0][0]
        if self._seen == (version, cursor):
            return Changes([], [], cursor, more=False)
        before = self.bad
        with self._reading(db):
            fresh = self._is_of_another_file(db, cursor)
            if fresh:
                cursor = Cursor()
            changed = db.execute(
                # As a blob: calling text_factory 10,000 times takes a third of the load.
                "SELECT CAST(subject AS BLOB), record, version FROM current WHERE version > ?",
                (cursor.version,),
            ).fetchall()
            told = _new_events(db, cursor, event_limit)
            spoken = said.rows(db, cursor.entry, _MAX_TIME)
        more = len(told) > event_limit
        told = told[:event_limit]
        rows = self._each(
            lambda row: codec.row_of(str(row[0], "utf-8", "replace"), row[1]), changed
        )
        events = self._each(codec.event_of, told)
        entries = self._each(said.entry_of, spoken)
        reached = Cursor(
            version=max((row[2] for row in changed), default=cursor.version),
            event=told[-1][-1] if told else cursor.event,
            file=self._inode,
            entry=spoken[-1][0] if spoken else cursor.entry,
        )
        if not more:
            self._seen = (version, reached)
        return Changes(rows, events, reached, more, self.bad - before, fresh, entries)

    def _is_of_another_file(self, db: sqlite3.Connection, cursor: Cursor) -> bool:
        """Whether ``cursor`` was reached in another file; inodes are used again."""
        if cursor.file not in (0, self._inode):
            return True
        version, event = db.execute(
            "SELECT (SELECT max(version) FROM current), (SELECT max(id) FROM events)"
        ).fetchall()[0]
        return cursor.version > (version or 0) or cursor.event > (event or 0)

    def row(self, subject: str) -> Row | None:
        """The current row of a subject, a check's with its memory; None if unknown."""
        db = self._ready()
        with speaking_of(self._path):
            found = db.execute(f"{codec.ROW} WHERE c.subject = ?", (subject,)).fetchall()
        return next(iter(self._each(lambda row: codec.row_of(*row), found)), None)

    def events(
        self,
        *,
        before: int | None = None,
        limit: int = 200,
        subject: str | None = None,
        kinds: frozenset[EventKind] | None = None,
        hard_only: bool = False,
        until: Micros | None = None,
    ) -> list[Event]:
        """Events with an id below ``before`` and ``at < until``, newest first."""
        where = ["id < ?"]
        values: list[Any] = [_MAX_TIME if before is None else before]
        if subject is not None:
            where.append("subject = ?")
            values.append(subject)
        if kinds is not None:
            where.append(f"kind IN ({','.join('?' * len(kinds))})")
            values.extend(sorted(kinds))
        if hard_only:
            where.append("hard = 1")
        if until is not None:
            # A wall clock that was set back puts a later number beside an earlier time.
            where.append(_NUMBERED_UNTIL)
            where.append("at < ?")
            values += (until, until)
        query = (
            f"SELECT {codec.EVENT} FROM events WHERE {' AND '.join(where)}"  # noqa: S608 - values are bound
            " ORDER BY id DESC LIMIT ?"
        )
        db = self._ready()
        with speaking_of(self._path):
            found = db.execute(query, (*values, limit)).fetchall()
        return self._each(codec.event_of, found)

    def entries(self, *, after: int = 0, until: Micros | None = None) -> list[Entry]:
        """Entries with an id above ``after`` and ``at <= until``, oldest first."""
        db = self._ready()
        with speaking_of(self._path):
            found = said.rows(db, after, _MAX_TIME if until is None else until)
        return self._each(said.entry_of, found)

    def book(self, at: Micros) -> Book:
        """What people had said by ``at``, and what of it held then."""
        db = self._ready()
        with self._reading(db):
            entries = [entry for entry in self._spoken.read(db) if entry.at <= at]
            ended = said.endings(db, entries, at)
        return fold(entries, self._each(codec.event_of, ended), at)

    def chains(self) -> list[chain.Chain]:
        """The chains of event log and ledger: head, and the first row altered, if any."""
        db = self._ready()
        with self._reading(db):
            return [chain.verify(db, name) for name in (chain.EVENTS, chain.ENTRIES)]

    def news(self, at: Micros, *, later: bool) -> Micros | None:
        """When the nearest event before or after ``at`` was, soft and quiet ones left out."""
        db = self._ready()
        with speaking_of(self._path):
            found = db.execute(_NEWS[later], (at,)).fetchall()
        return int(found[0][0]) if found else None

    def begins(self) -> Micros | None:
        """The first moment of which the cache can say what the board said."""
        db = self._ready()
        with speaking_of(self._path):
            found = db.execute(_BEGINS).fetchall()
        return None if found[0][0] is None else int(found[0][0])

    def observations(
        self, check: str, *, since: Micros = 0, until: Micros | None = None, limit: int = 500
    ) -> list[Observation]:
        """Observations of a check with ``since <= at < until``, newest first."""
        db = self._ready()
        with speaking_of(self._path):
            found = db.execute(
                f"SELECT {codec.OBSERVED} FROM observed"  # noqa: S608 - column names of our own
                " WHERE check_no = (SELECT no FROM checks WHERE id = ?)"
                " AND at >= ? AND at < ? ORDER BY at DESC LIMIT ?",
                (check, since, _MAX_TIME if until is None else until, limit),
            ).fetchall()
        return self._each(codec.observation_of, found)

    def board_at(self, at: Micros) -> list[Row]:
        """Every row as it was known at ``at``, by subject, without the judge's memory."""
        db = self._ready()
        with self._reading(db):
            then = AsOf(db, at)
            rows = then.board()
        self.bad += then.bad
        return rows

    def row_at(self, subject: str, at: Micros) -> Row | None:
        """The row of a subject as it was known at ``at``; None if nothing was."""
        db = self._ready()
        with self._reading(db):
            then = AsOf(db, at)
            row = then.row(subject)
        self.bad += then.bad
        return row

    def series(
        self, check: str, since: Micros, until: Micros, buckets: int
    ) -> list[plots.Bucket]:
        """What a plot of a check draws: ``buckets`` of equal width, oldest first.

        Nothing from ``until`` on is in it.  Raises ValueError for an empty span.
        """
        edges = plots.edges_of(since, until, buckets)
        row = self.row(f"check:{check}")
        db = self._ready()
        with self._reading(db):
            return plots.series(db, row, check, edges)

    def gaps(self, since: Micros, until: Micros) -> list[plots.Gap]:
        """Spans for which nothing is known, cut to ``since`` and ``until``, by their start."""
        db = self._ready()
        with self._reading(db):
            return plots.gaps(db, since, until)

    def phases(self, network: str, since: Micros, until: Micros) -> list[plots.Band]:
        """What was said of a network through a span, without a hole; gaps are UNKNOWN."""
        db = self._ready()
        with self._reading(db):
            return plots.phases(db, network, since, until)

    def sights(
        self, prefix: str, since: Micros, until: Micros, buckets: int
    ) -> list[SightBucket]:
        """How a watched prefix was seen: ``buckets`` of equal width, oldest first.

        Nothing from ``until`` on is in it.  Raises ValueError for an empty span.
        """
        edges = plots.edges_of(since, until, buckets)
        db = self._ready()
        with self._reading(db):
            return sights(db, prefix, edges, plots.gaps(db, since, until))

    def tallies(
        self, network: str, since: Micros, until: Micros, buckets: int
    ) -> list[tally.TallyBucket]:
        """How many of a network answered, as :meth:`sights` does for a prefix."""
        db = self._ready()
        with self._reading(db):
            return tally.tallies(db, network, (since, until), buckets)

    def trace_times(self, check: str, until: Micros) -> list[Micros]:
        """When the raw traces of a check were begun that had ended by ``until``, oldest
        first.
        """
        db = self._ready()
        with speaking_of(self._path):
            return [int(at) for (at,) in db.execute(_TRACES, (check, until))]

    def hosts_behind(self, hop: str, at: Micros | None = None) -> list[str]:
        """Ids of the hosts whose latest trace, of any of their checks, passes ``hop``; with
        ``at`` the latest that had ended by then.
        """
        db = self._ready()
        with speaking_of(self._path):
            if at is None:
                found = db.execute(_BEHIND, (hop,)).fetchall()
            else:
                found = db.execute(_BEHIND_THEN, (hop, at)).fetchall()
        return sorted({str(check).partition("/")[0] for (check,) in found})

    def size(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        total = 0
        for path in (self._path, side_files(self._path)[0]):
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue
            except OSError as error:
                raise CacheError(
                    f"the cache {path} cannot be seen ({error.strerror})"
                ) from error
        return total

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _new_events(db: sqlite3.Connection, cursor: Cursor, limit: int) -> list[tuple[Any, ...]]:
    """Events after the cursor, oldest first, one more than ``limit`` if there are more."""
    if cursor == Cursor():
        newest = db.execute(
            f"SELECT {codec.EVENT} FROM events ORDER BY id DESC LIMIT ?",  # noqa: S608 - column names of our own
            (limit,),
        ).fetchall()
        return newest[::-1]
    return db.execute(
        f"SELECT {codec.EVENT} FROM events WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608 - column names of our own
        (cursor.event, limit + 1),
    ).fetchall()
