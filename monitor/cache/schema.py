"""The cache file: its tables, how it is opened, and what can go wrong with it, in words.

One SQLite file in WAL mode.  Any number of processes read it while the collector writes.
A kill at any moment loses nothing that was committed: in WAL mode ``synchronous=NORMAL``
skips the fsync of each commit, so only a power cut or a kernel crash can take the last
commits, never the file (SQLite documentation, "Write-Ahead Logging", section 2.3 and
"PRAGMA synchronous").  A fsync four times a second would buy little on a machine that has
just lost power, and cost an SD card or a slow disk its life.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from monitor.cache import chain
from monitor.cache.codec import REFUSALS

SCHEMA_VERSION: Final = 3
# The first version whose event log is chained.
CHAINED: Final = 3
APPLICATION_ID: Final = 0x77646573  # "wdes", shown by file(1)
CHECKPOINT_PAGES: Final = 1_000
WAL_KEPT_BYTES: Final = 16 * 1024 * 1024
WRITE_BUSY_MS: Final = 1_000
READ_BUSY_MS: Final = 250


class CacheError(Exception):
    """Something is wrong with the cache; the text is one sentence for people."""


class CacheMissing(CacheError):  # noqa: N818 - says what is the case
    """There is no cache file, or nothing was ever written to it."""


class CacheNewer(CacheError):  # noqa: N818 - says what is the case
    """The file was written by a newer version of the program."""


class CacheCorrupt(CacheError):  # noqa: N818 - says what is the case
    """The file is damaged."""


class CacheLocked(CacheError):  # noqa: N818 - says what is the case
    """Another process holds the file; trying again may help."""


class CacheFull(CacheError):  # noqa: N818 - says what is the case
    """The disk, or the file's own limit, is full."""


class CacheReadOnly(CacheError):  # noqa: N818 - says what is the case
    """The file or its folder may not be written."""


class CacheClosed(CacheError):  # noqa: N818 - says what is the case
    """It was asked after it had been closed."""


class CacheRefused(CacheError):  # noqa: N818 - says what is the case
    """A record cannot be kept as it is (a number too large, text that is no text)."""


# The runs of a check in one slot: slot is its number since 1970, low, mid and high are round
# trips in microseconds (mid the median), last is when the last run began, in ms from the
# start of the slot, took its length in ms, beats the letters as run lengths: U4x1X2.
_ROLL_UP: Final = """CREATE TABLE {table} (
    check_no INTEGER NOT NULL, slot INTEGER NOT NULL,
    n INTEGER NOT NULL, ok INTEGER NOT NULL, sent INTEGER NOT NULL, received INTEGER NOT NULL,
    low INTEGER, mid INTEGER, high INTEGER, last INTEGER NOT NULL, took INTEGER NOT NULL,
    outcome INTEGER NOT NULL, reason INTEGER, beats TEXT NOT NULL,
    PRIMARY KEY (check_no, slot)) STRICT, WITHOUT ROWID"""

Step = tuple[str | Callable[[sqlite3.Connection], None], ...]
# Each step runs in one transaction with its version number: a step is there or it is not.
MIGRATIONS: Final[tuple[Step, ...]] = (
    (
        "CREATE TABLE checks (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT",
        # Outcomes, reasons, addresses and vantages: each word once, observations hold numbers.
        "CREATE TABLE words (no INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE) STRICT",
        """CREATE TABLE observations (
            check_no INTEGER NOT NULL, at INTEGER NOT NULL,
            outcome INTEGER NOT NULL, reason INTEGER, rtt_ms REAL,
            sent INTEGER NOT NULL, received INTEGER NOT NULL, took_ms REAL,
            address INTEGER, said_by INTEGER, stalled INTEGER NOT NULL, vantage INTEGER,
            note TEXT, detail INTEGER, facts BLOB,
            PRIMARY KEY (check_no, at)) STRICT, WITHOUT ROWID""",
        # What facts repeat from run to run (a certificate, an answer) stands here once;
        # day is the last one on which it was seen (see details.py).
        """CREATE TABLE details (
            no INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, day INTEGER NOT NULL,
            record BLOB NOT NULL) STRICT""",
        "CREATE INDEX details_by_day ON details (day)",
        """CREATE VIEW observed AS SELECT
            c.id AS check_id, o.at, u.word AS outcome, r.word AS reason, o.rtt_ms,
            o.sent, o.received, o.took_ms, a.word AS address, s.word AS said_by,
            o.stalled, o.note, v.word AS vantage, d.record AS detail, o.facts, o.check_no
            FROM observations AS o JOIN checks AS c ON c.no = o.check_no
            LEFT JOIN words AS u ON u.no = o.outcome LEFT JOIN words AS r ON r.no = o.reason
            LEFT JOIN words AS a ON a.no = o.address LEFT JOIN words AS s ON s.no = o.said_by
            LEFT JOIN words AS v ON v.no = o.vantage
            LEFT JOIN details AS d ON d.no = o.detail""",
        "CREATE TABLE traces (check_no INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT",
        """CREATE TABLE hops (
            check_no INTEGER NOT NULL, at INTEGER NOT NULL, address INTEGER NOT NULL,
            ttl INTEGER NOT NULL,
            PRIMARY KEY (check_no, at, address, ttl)) STRICT, WITHOUT ROWID""",
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL,
            subject TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL,
            hard INTEGER NOT NULL, reason TEXT NOT NULL, rule TEXT NOT NULL,
            text TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
            quiet INTEGER NOT NULL, evidence BLOB) STRICT""",
        "CREATE INDEX events_of_subject ON events (subject, id)",
        """CREATE VIEW transitions AS SELECT id, at, subject, old, new, hard, reason, rule, text
            FROM events WHERE kind = 'transition'""",
        """CREATE TABLE current (
            subject TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL,
            record BLOB NOT NULL) STRICT""",
        "CREATE INDEX current_by_version ON current (version)",
        # Apart from the rows: only the judge needs it, and it is most of their size.
        """CREATE TABLE memories (
            subject TEXT PRIMARY KEY NOT NULL, record BLOB NOT NULL) STRICT""",
        """CREATE TABLE requests (
            id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL,
            verb TEXT NOT NULL, subject TEXT NOT NULL, argument TEXT NOT NULL) STRICT""",
    ),
    (
        # What the judge made of a run, as a letter (records.BEATS); NULL: it was not told.
        "ALTER TABLE observations ADD COLUMN beat INTEGER",
        *(_ROLL_UP.format(table=table) for table in ("fives", "hours")),
        # Up to when the runs of a check are rolled up, and what came later than that.
        """CREATE TABLE rolled (
            check_no INTEGER PRIMARY KEY, until INTEGER NOT NULL) STRICT""",
        """CREATE TABLE late (
            check_no INTEGER NOT NULL, slot INTEGER NOT NULL,
            PRIMARY KEY (check_no, slot)) STRICT, WITHOUT ROWID""",
        "CREATE TABLE subjects (no INTEGER PRIMARY KEY, subject TEXT NOT NULL UNIQUE) STRICT",
        # The half of a row that repeats from entry to entry: who it is, and long texts.
        """CREATE TABLE sketches (
            no INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE,
            record BLOB NOT NULL) STRICT""",
        """CREATE TABLE history (
            subject_no INTEGER NOT NULL, at INTEGER NOT NULL, sketch INTEGER NOT NULL,
            record BLOB NOT NULL, sampled BLOB,
            PRIMARY KEY (subject_no, at)) STRICT, WITHOUT ROWID""",
        "CREATE TABLE marks (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT",
        "CREATE INDEX events_by_at ON events (at)",
        "CREATE INDEX events_of_gaps ON events (until) WHERE kind = 'gap'",
    ),
    (*chain.TABLES, chain.begin),
)


def translate(error: Exception, path: Path) -> CacheError:
    """The sentence for what SQLite, the system or Python said about the file."""
    if isinstance(error, OSError):
        return _system_error(error, path)
    if isinstance(error, sqlite3.Error):
        return _sqlite_error(error, path)
    return CacheRefused(f"a record cannot be kept in the cache {path}: {error}")


def _sqlite_error(error: sqlite3.Error, path: Path) -> CacheError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    match code:
        case sqlite3.SQLITE_FULL:
            return CacheFull(f"no space left for the cache {path}")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return CacheLocked(f"the cache {path} is locked by another process")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return CacheReadOnly(f"the cache {path} may not be written")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return CacheCorrupt(f"the cache {path} is damaged ({error})")
        case sqlite3.SQLITE_CONSTRAINT | sqlite3.SQLITE_MISMATCH | sqlite3.SQLITE_TOOBIG:
            return CacheRefused(f"a record cannot be kept in the cache {path}: {error}")
        case _:
            return CacheError(f"the cache {path} cannot be used ({error})")


def _system_error(error: OSError, path: Path) -> CacheError:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return CacheMissing(f"there is no cache at {path}")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return CacheReadOnly(f"the cache {path} may not be opened ({error.strerror})")
        case errno.ENOSPC | errno.EDQUOT:
            return CacheFull(f"no space left for the cache {path}")
        case _:
            return CacheError(f"the cache {path} cannot be used ({error.strerror})")


@contextmanager
def speaking_of(path: Path) -> Iterator[None]:
    """Turn what goes wrong inside into a CacheError with one sentence."""
    try:
        yield
    except (sqlite3.Error, OSError, *REFUSALS) as error:
        raise translate(error, path) from error


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """One IMMEDIATE transaction: all of it, or nothing.

    SQLite rolls back by itself on some errors (a full disk, for one); a second ROLLBACK
    would then hide the first error behind its own.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
        raise


def make_folder(path: Path) -> None:
    """The folder of the file, 0700 if it has to be made."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def side_files(path: Path) -> tuple[Path, Path]:
    """The write-ahead log and its index, which belong to the file."""
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def log_size(path: Path) -> int:
    """Bytes of the write-ahead log; 0 where there is none, or nothing in it."""
    try:
        return side_files(path)[0].stat().st_size
    except FileNotFoundError:
        return 0


def damage_mark(path: Path) -> Path:
    """A file that says that a writer met damage: deep damage shows only where it lies."""
    return path.with_name(path.name + ".damaged")


def _uri(path: Path, options: str) -> str:
    return f"{path.absolute().as_uri()}?{options}"


def open_writing(path: Path, *, create: bool) -> sqlite3.Connection:
    """A connection that may write, on a file of the current schema.

    Raises CacheError; with ``create`` False a missing file is CacheMissing.
    """
    with speaking_of(path):
        if create:
            make_folder(path)
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_CREAT if create else 0)
        os.close(os.open(path, flags, 0o600))
        _must_be_file(path)
        db = sqlite3.connect(
            _uri(path, "mode=rw"), uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(db, path, create=create)
        except BaseException:
            db.close()
            raise
        return db


def _must_be_file(path: Path) -> None:
    """SQLite would wait for ever for the other end of a pipe."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise CacheError(f"{path} is not a file")


def _prepare(db: sqlite3.Connection, path: Path, *, create: bool) -> None:
    db.execute(f"PRAGMA busy_timeout={WRITE_BUSY_MS}")
    if create:
        check_version(db, path)
    else:
        _must_hold_something(db, path, SCHEMA_VERSION)
    # Takes effect only on a file that has no table yet.
    db.execute("PRAGMA auto_vacuum=INCREMENTAL")
    db.execute("PRAGMA journal_mode=WAL").fetchall()
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    db.execute(f"PRAGMA journal_size_limit={WAL_KEPT_BYTES}")
    for number, step in enumerate(MIGRATIONS, start=1):
        if check_version(db, path) < number:
            _migrate(db, path, number, step)


def _migrate(db: sqlite3.Connection, path: Path, number: int, step: Step) -> None:
    with transaction(db):
        # Another process may have taken the step while this one waited for the lock.
        if check_version(db, path) >= number:
            return
        for statement in step:
            if isinstance(statement, str):
                db.execute(statement)
            else:
                statement(db)
        db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        db.execute(f"PRAGMA user_version={number}")


def check_version(db: sqlite3.Connection, path: Path) -> int:
    """The file's schema version, 0 for an empty file.

    Raises CacheNewer, or CacheError when the file is some other program's database.
    """
    version = int(db.execute("PRAGMA user_version").fetchall()[0][0])
    application = int(db.execute("PRAGMA application_id").fetchall()[0][0])
    tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchall()[0][0]
    if application != APPLICATION_ID and (version or application or tables):
        raise CacheError(f"{path} is a database of another program, not a cache")
    if version > SCHEMA_VERSION:
        raise CacheNewer(
            f"the cache {path} was written by a newer watchdesk; "
            "update this one or use another --cache"
        )
    return version


def open_reading(path: Path, oldest: int = SCHEMA_VERSION) -> tuple[sqlite3.Connection, bool]:
    """A read-only connection, and whether it takes the file as unchanging.

    A cache on a medium that cannot be written, which nobody writes, has no write-ahead log
    and no way to make its index: it is read as it stands.  ``oldest`` is the schema version
    that the caller can still read.  Raises CacheError.
    """
    with speaking_of(path):
        _must_be_file(path)
        try:
            return _reading(path, "mode=ro", oldest), False
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
                raise
            if log_size(path):
                raise CacheReadOnly(
                    f"the cache {path} has a log beside it, and its folder may not be written:"
                    " copy both to a folder of your own and read them there"
                ) from error
            return _reading(path, "mode=ro&immutable=1", oldest), True


def _reading(path: Path, options: str, oldest: int) -> sqlite3.Connection:
    db = sqlite3.connect(
        _uri(path, options), uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        db.execute(f"PRAGMA busy_timeout={READ_BUSY_MS}")
        db.execute("PRAGMA query_only=ON")
        db.text_factory = chain.lenient
        _must_hold_something(db, path, oldest)
    except BaseException:
        db.close()
        raise
    return db


def _must_hold_something(db: sqlite3.Connection, path: Path, oldest: int) -> None:
    version = check_version(db, path)
    if version == 0:
        raise CacheMissing(f"the cache {path} holds nothing yet; start a collector")
    if version < oldest:
        raise CacheMissing(
            f"the cache {path} was written by an older watchdesk; start a collector"
        )
