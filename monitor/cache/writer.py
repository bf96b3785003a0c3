"""The one writer of a cache file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from monitor.cache import chain, codec, filing, parts
from monitor.cache.history import Ledger, moment_of
from monitor.cache.rollup import Watermarks
from monitor.cache.says import Request
from monitor.cache.schema import (
    CacheCorrupt,
    CacheError,
    CacheFull,
    CacheLocked,
    CacheMissing,
    CacheRefused,
    damage_mark,
    open_writing,
    side_files,
    speaking_of,
    transaction,
)
from monitor.cache.upkeep import DEFAULT, Retention, Upkeep
from monitor.records import Event, Micros, Observation, Row

# Readers keep their transactions short, so the log starts over at every checkpoint; a
# stuck one is waited for only this often.
WAL_CAP_BYTES: Final = 64 * 1024 * 1024

_INSERT_EVENT: Final = (
    "INSERT INTO events (id, at, kind, subject, old, new, hard, reason, rule, text, since,"
    " until, quiet, evidence, link) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_UPSERT_ROW: Final = (
    "INSERT INTO current (subject, version, record) VALUES (?,?,?)"
    " ON CONFLICT (subject) DO UPDATE SET version = excluded.version, record = excluded.record"
)
_UPSERT_MEMORY: Final = (
    "INSERT INTO memories (subject, record) VALUES (?,?)"
    " ON CONFLICT (subject) DO UPDATE SET record = excluded.record"
)
_REQUESTS: Final = (
    "SELECT id, at, who, verb, subject, argument FROM requests WHERE id > ?"
    " ORDER BY id LIMIT 1000"
)


class Writer:
    """Writes observations, events and current rows; one a cache file.

    Synchronous; calls from several threads wait for each other.  After an error nothing of
    that call is kept, and the same call may be made again once the cause is gone.  ``bad``
    counts kept rows that could not be read back, ``refused`` records that no cache could
    keep and that were left out.
    """

    def __init__(self, path: Path, retention: Retention = DEFAULT) -> None:
        """Open the cache, made 0600 if it is not there; raises CacheError."""
        self.retention = retention
        self.bad = 0
        self.refused = 0
        self._closed = False
        self._turn = threading.Lock()
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._open(create=True)

    def _open(self, *, create: bool) -> sqlite3.Connection:
        db = open_writing(self._path, create=create)
        with speaking_of(self._path):
            self._inode = self._path.stat().st_ino
        self._db = db
        self._rolled = Watermarks(db)
        self._filing = filing.Filing(db, self._rolled)
        self._ledger = Ledger(db)
        self._upkeep = Upkeep(db, self._rolled, self._filing.details)
        self._patience = WAL_CAP_BYTES
        return db

    def _ready(self) -> sqlite3.Connection:
        """The connection, opened again after an error of the system; raises CacheError."""
        if self._closed:
            raise CacheError(f"the cache {self._path} is closed")
        if self._db is None:
            return self._open(create=False)
        with speaking_of(self._path):
            inode = self._path.stat().st_ino
        if inode != self._inode:
            raise CacheMissing(f"the cache {self._path} was replaced by another file")
        return self._db

    def _failed(self, error: CacheError) -> None:
        """Leave nothing of a failed transaction in memory, nor a connection beyond repair."""
        self._filing.clear()
        self._ledger.clear()
        self._upkeep.clear()
        if self._db is not None and not isinstance(
            error, CacheLocked | CacheFull | CacheRefused | CacheMissing
        ):
            if isinstance(error, CacheCorrupt):
                with suppress(OSError):
                    damage_mark(self._path).touch(mode=0o600)
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    def commit(
        self,
        observations: Sequence[Observation],
        events: Sequence[Event],
        rows: Mapping[str, Row],
        at: Micros | None = None,
    ) -> list[Event]:
        """Keep all of it in one transaction; returns the events with their ids.

        ``at`` is the clock's reading now, under which the board is remembered; without it
        the newest time in what is given is taken, and never one before the last commit.
        Of two observations of one check at one time the first is kept, so that what a desk
        has shown as evidence never changes.  A row replaces the one of its subject.  All
        rows of a commit carry one version, higher than any before.  A record that no cache
        could keep (a number beyond 64 bits, half a surrogate pair) is left out and counted
        in ``refused``, lest it hold up the others for ever.  Raises CacheError, and then
        nothing is kept.
        """
        with self._turn:
            try:
                return self._commit(observations, events, rows, at)
            except CacheRefused:
                fit = [seen for seen in observations if codec.keepable(seen)]
                said = [event for event in events if codec.keepable(event)]
                show = {name: row for name, row in rows.items() if codec.keepable(row)}
                kept = self._commit(fit, said, show, at)
                self.refused += len(observations) + len(events) + len(rows)
                self.refused -= len(fit) + len(said) + len(show)
                return kept

    def _commit(
        self,
        observations: Sequence[Observation],
        events: Sequence[Event],
        rows: Mapping[str, Row],
        at: Micros | None,
    ) -> list[Event]:
        with self._failing():
            db = self._ready()
            kept = self._write(db, observations, events, rows, at)
            self._cap_log(db)
            return kept

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Speak of what goes wrong inside, and leave the writer usable after it."""
        try:
            with speaking_of(self._path):
                yield
        except CacheError as error:
            self._failed(error)
            raise

    def _write(
        self,
        db: sqlite3.Connection,
        observations: Sequence[Observation],
        events: Sequence[Event],
        rows: Mapping[str, Row],
        at: Micros | None,
    ) -> list[Event]:
        # Encoded before the lock is taken: people's requests wait for it.
        filed = filing.prepare(observations, filing.letters(observations, rows))
        said = [codec.event_columns(event) for event in events]
        blobs = [(subject, *codec.row_blobs(row)) for subject, row in rows.items()]
        cuts = {subject: parts.cut(row) for subject, row in rows.items()}
        # After the rows are taken: the judge may go on while this thread writes.
        moment = moment_of(observations, events, rows, at)
        kept: list[Event] = []
        with transaction(db):
            self._filing.write(filed)
            if events:
                kept = self._write_events(db, events, said)
            if blobs:
                self._write_rows(db, blobs)
            self._ledger.write(events, cuts, moment)
        return kept

    def _write_events(
        self,
        db: sqlite3.Connection,
        events: Sequence[Event],
        said: Sequence[tuple[Any, ...]],
    ) -> list[Event]:
        link = chain.last(db, chain.EVENTS).link
        first = chain.next_id(db, chain.EVENTS)
        kept: list[Event] = []
        for number, (event, columns) in enumerate(zip(events, said, strict=True), first):
            link = chain.link_of(link, (number, *columns))
            db.execute(_INSERT_EVENT, (number, *columns, link))
            kept.append(msgspec.structs.replace(event, id=number))
        return kept

    def _write_rows(
        self, db: sqlite3.Connection, blobs: list[tuple[str, bytes, bytes | None]]
    ) -> None:
        newest = db.execute("SELECT max(version) FROM current").fetchall()[0][0]
        version = (newest or 0) + 1
        db.executemany(_UPSERT_ROW, [(subject, version, row) for subject, row, _ in blobs])
        db.executemany(
            _UPSERT_MEMORY, [(subject, memory) for subject, _, memory in blobs if memory]
        )
        db.executemany(
            "DELETE FROM memories WHERE subject = ?",
            [(subject,) for subject, _, memory in blobs if memory is None],
        )

    def _cap_log(self, db: sqlite3.Connection) -> None:
        """Start the log over by force once it has grown past its cap."""
        try:
            size = side_files(self._path)[0].stat().st_size
        except OSError:
            return
        if size < self._patience:
            return
        # A checkpoint that fails costs nothing: what was committed stands in the log.
        with suppress(sqlite3.Error):
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._patience = max(WAL_CAP_BYTES, size + WAL_CAP_BYTES // 4)

    def rows(self) -> dict[str, Row]:
        """All current rows by subject, each check's with its memory; raises CacheError."""
        with self._turn, self._failing():
            found = self._ready().execute(codec.ROWS).fetchall()
        rows: dict[str, Row] = {}
        for subject, record, memory in found:
            try:
                rows[subject] = codec.row_of(subject, record, memory)
            except codec.UNREADABLE:
                self.bad += 1
        return rows

    def requests(self, after: int) -> list[Request]:
        """What people asked since request ``after``, oldest first; raises CacheError."""
        with self._turn, self._failing():
            found = self._ready().execute(_REQUESTS, (after,)).fetchall()
        return [Request(*row) for row in found]

    def maintain(self, now: Micros) -> bool:
        """Do one slice, a few milliseconds, of whatever is due at ``now``.

        Rolls up runs, forgets what is older than :attr:`retention` and gives room back to the
        disk, in this order.  Returns whether anything was due: call it again, soon, while
        it does.  Raises CacheError.
        """
        with self._turn, self._failing():
            db = self._ready()
            busy = self._upkeep.slice(now, self.retention)
            self._cap_log(db)
            return busy

    def close(self) -> None:
        """Fold the log into the file and close it."""
        with self._turn:
            self._closed = True
            if self._db is None:
                return
            # A full disk or a reader in the way: the log stays beside the file, all is kept.
            with suppress(sqlite3.Error):
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._db.close()
            self._db = None
