"""A damaged cache: set aside, never deleted, and what can still be read carried over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from monitor.cache import chain, codec
from monitor.cache.rollup import PURGED, ROLL_COLUMNS, set_mark
from monitor.cache.schema import (
    CHAINED,
    CacheCorrupt,
    CacheError,
    check_version,
    damage_mark,
    open_reading,
    open_writing,
    side_files,
    speaking_of,
    transaction,
)
from monitor.cache.writer import Writer
from monitor.records import HOUR

# What cannot be looked up again: (table, its key, its columns).
_CARRIED: Final = (
    ("events", "id", f"id, {codec.EVENT_SAID}, link"),
    ("entries", "id", f"{chain.COLUMNS[chain.ENTRIES]}, link"),
    ("seals", "id", "chain, id, at, why, before, link"),
    ("current", "rowid", "subject, version, record"),
    ("memories", "rowid", "subject, record"),
    ("requests", "id", "id, at, who, verb, subject, argument"),
    ("checks", "no", "no, id"),
    ("words", "no", "no, word"),
    ("fives", "check_no", ROLL_COLUMNS),
    ("hours", "check_no", ROLL_COLUMNS),
    ("rolled", "check_no", "check_no, until"),
    ("subjects", "no", "no, subject"),
    ("sketches", "no", "no, digest, record"),
    ("history", "subject_no", "subject_no, at, sketch, record, sampled"),
)
_SPAN: Final = 512
# A key as large as this comes from damage, not from counting.
_MAX_KEY: Final = 1 << 32


def open_or_set_aside(path: Path) -> tuple[Writer, str]:
    """The writer of a cache, and a sentence about a damaged file set aside, or "".

    What the collector needs to start, its rows, is read once to find damage at once; damage
    that an earlier writer met is remembered in its mark.  Raises CacheError for everything
    but damage.
    """
    if damage_mark(path).exists():
        return set_aside(path, f"the cache {path} was found damaged")
    try:
        writer = Writer(path)
        try:
            writer.rows()
        except BaseException:
            writer.close()
            raise
    except CacheCorrupt as error:
        return set_aside(path, str(error))
    return writer, ""


def set_aside(path: Path, trouble: str) -> tuple[Writer, str]:
    """Rename a damaged cache to ``<name>.corrupt-<utc>`` and begin a new one with its rest.

    ``trouble`` is what was found wrong, for the sentence returned.  The file must not be
    open for writing any more.  Raises CacheError.
    """
    aside = _free_name(path)
    with speaking_of(path):
        # The log first: were the file gone and the log not, SQLite would discard the log.
        for old, new in zip(side_files(path), side_files(aside), strict=True):
            with suppress(FileNotFoundError):
                old.rename(new)
        path.rename(aside)
        damage_mark(path).unlink(missing_ok=True)
    carried = _carry_over(aside, path)
    kept = f"{carried['events']} events and {carried['current']} rows were carried over"
    return Writer(path), f"{trouble}; it was set aside as {aside.name}, {kept}"


def _free_name(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{path.name}.corrupt-{stamp}"
    for number in range(1, 1_000):
        found = path.with_name(name if number == 1 else f"{name}.{number}")
        if not found.exists():
            return found
    raise CacheError(f"there are too many damaged caches beside {path}")


def _carry_over(source: Path, target: Path) -> dict[str, int]:
    """Copy what can be read; how many records of each table came over."""
    carried = dict.fromkeys((table for table, _, _ in _CARRIED), 0)
    try:
        old, _ = open_reading(source, oldest=1)
    except CacheError:
        return carried
    try:
        new = open_writing(target, create=True)
        try:
            # Those of the old file come over.
            new.execute("DELETE FROM seals")
            chained = check_version(old, source) >= CHAINED
            for table, key, columns in _CARRIED:
                kept = columns if chained else columns.removesuffix(", link")
                carried[table] = _copy(old, new, target, (table, key, kept))
            with speaking_of(target), transaction(new):
                _mend(new)
                # The runs themselves stayed behind: what is rolled up of them stands.
                last = new.execute("SELECT max(until) FROM rolled").fetchall()[0][0] or 0
                set_mark(new, PURGED, last // HOUR * HOUR)
        finally:
            new.close()
    finally:
        old.close()
    return carried


def _mend(new: sqlite3.Connection) -> None:
    """Chain anew, under a seal that says so, from where damage has taken something out."""
    for name in (chain.EVENTS, chain.ENTRIES):
        found = chain.verify(new, name)
        if found.broken or not found.seals:
            since = found.broken.id if found.broken else chain.FIRST
            chain.relink(new, name, "they come from a cache that was found damaged", since)


def _copy(
    old: sqlite3.Connection,
    new: sqlite3.Connection,
    target: Path,
    what: tuple[str, str, str],
) -> int:
    table, key, columns = what
    marks = ",".join("?" * (columns.count(",") + 1))
    # A row that reads but does not fit is damage too.
    insert = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - our own names
    select = f"SELECT {columns} FROM {table} WHERE {key} BETWEEN ? AND ?"  # noqa: S608 - our own names
    copied = 0
    for low in range(1, _highest(old, table, key) + 1, _SPAN):
        rows = list(_span(old, select, low, low + _SPAN - 1))
        if not rows:
            continue
        with speaking_of(target), transaction(new):
            copied += sum(_fits(new, insert, row) for row in rows)
    return copied


def _fits(new: sqlite3.Connection, insert: str, row: tuple[Any, ...]) -> bool:
    try:
        return new.execute(insert, row).rowcount == 1
    except (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.DataError):
        return False


def _highest(old: sqlite3.Connection, table: str, key: str) -> int:
    queries = (
        f"SELECT max({key}) FROM {table}",  # noqa: S608 - our own names
        f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'",  # noqa: S608 - our own names
    )
    for query in queries:
        with suppress(sqlite3.Error):
            found = old.execute(query).fetchall()
            if found and isinstance(found[0][0], int):
                return min(found[0][0], _MAX_KEY)
    return 0


def _span(
    old: sqlite3.Connection, select: str, low: int, high: int
) -> Iterator[tuple[Any, ...]]:
    """The rows of a span of keys, around whatever is damaged in it."""
    try:
        yield from old.execute(select, (low, high)).fetchall()
    except sqlite3.Error:
        if low < high:
            middle = (low + high) // 2
            yield from _span(old, select, low, middle)
            yield from _span(old, select, middle + 1, high)
