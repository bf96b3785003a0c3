"""What a cache keeps, since when, how large it is and how large it will become."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from monitor.cache.rollup import FIVE
from monitor.cache.schema import open_reading, side_files, speaking_of
from monitor.cache.upkeep import kept
from monitor.records import DAY, HOUR, SECOND, Micros

SCHEMA: Final = 1
_SAMPLE: Final = 1_000
_FOR_EVER: Final = "for ever"


class _Table(msgspec.Struct, frozen=True):
    """A tier: its table, its column of time with the unit of that, and the key of its parts."""

    name: str
    table: str
    time: str
    unit: Micros
    part: str = ""
    parts: str = "checks"


_TABLES: Final = (
    _Table("raw observations", "observations", "at", 1, "check_no"),
    _Table("hops of traces", "hops", "at", 1, "check_no"),
    _Table("5-minute roll-ups", "fives", "slot", FIVE, "check_no"),
    _Table("hourly roll-ups", "hours", "slot", HOUR, "check_no"),
    _Table("history of the board", "history", "at", 1, "subject_no", "subjects"),
    _Table("events and notes", "events", "at", 1),
)


class Tier(msgspec.Struct, frozen=True):
    """One tier.  ``bytes`` is its share of the file, ``bytes_a_day`` what it grows by now.

    ``kept_days`` is None for what is kept for ever; ``steady_bytes`` is its size once it
    has grown to its full age, None where it never stops growing.
    """

    name: str
    rows: int
    since: Micros
    until: Micros
    bytes: int
    bytes_a_day: float
    kept_days: float | None
    steady_bytes: int | None


class CacheFacts(msgspec.Struct, frozen=True):
    """A cache: its ``size`` on disk with ``log``, the room it could use again, its tiers."""

    schema: int
    path: str
    size: int
    log: int
    free: int
    tiers: tuple[Tier, ...]

    @property
    def steady_bytes(self) -> int:
        """What is kept for a time, once each tier has its full age."""
        return sum(tier.steady_bytes or 0 for tier in self.tiers)

    @property
    def lasting_a_day(self) -> float:
        """Bytes a day of what is kept for ever."""
        return sum(tier.bytes_a_day for tier in self.tiers if tier.kept_days is None)


def look(path: Path) -> CacheFacts:
    """Measure a cache while others write it; raises CacheError.

    Rows are counted exactly, in short transactions; bytes are those of the pages in use,
    shared out by the size of rows sampled from each table.
    """
    db, _ = open_reading(path)
    with closing(db), speaking_of(path):
        page, pages, free = (
            int(db.execute(f"PRAGMA {name}").fetchall()[0][0])
            for name in ("page_size", "page_count", "freelist_count")
        )
        log = side_files(path)[0]
        found = [_measure(db, table) for table in _TABLES]
        others = sum(
            _whole(db, table) for table in ("details", "sketches", "current", "memories")
        )
        weighed = others + sum(rows * weight for rows, weight, *_ in found)
        scale = (pages - free) * page / weighed if weighed else 0.0
        retention = kept(db)
        spans = (retention.raw, retention.raw, retention.fives, retention.hours, None, None)
        tiers = tuple(
            _tier(table, measured, scale, span)
            for table, measured, span in zip(_TABLES, found, spans, strict=True)
        )
        size, logged = path.stat().st_size, log.stat().st_size if log.exists() else 0
    return CacheFacts(SCHEMA, str(path), size, logged, free * page, tiers)


def _measure(db: sqlite3.Connection, table: _Table) -> tuple[int, float, int, int]:
    """How many rows, bytes of one by sample, the first time and the last."""
    span = f"min({table.time}), max({table.time})"
    weight = _weigh(db, f"SELECT * FROM {table.table} LIMIT {_SAMPLE}")  # noqa: S608 - our own names
    if not table.part:
        query = f"SELECT count(*), {span} FROM {table.table}"  # noqa: S608 - our own names
        rows, first, last = db.execute(query).fetchall()[0]
        return rows, weight, first or 0, last or 0
    query = f"SELECT count(*), {span} FROM {table.table} WHERE {table.part} = ?"  # noqa: S608 - our own names
    total, firsts, lasts = 0, [], []
    numbers = db.execute(f"SELECT no FROM {table.parts}").fetchall()  # noqa: S608 - our own names
    # One by one: a long read would keep the log from starting over.
    for (number,) in numbers:
        rows, first, last = db.execute(query, (number,)).fetchall()[0]
        if rows:
            total += rows
            firsts.append(first)
            lasts.append(last)
    first, last = min(firsts, default=0), max(lasts, default=0)
    return total, weight, first * table.unit, last * table.unit


def _whole(db: sqlite3.Connection, table: str) -> float:
    rows = db.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]  # noqa: S608 - our own names
    return float(rows * _weigh(db, f"SELECT * FROM {table} LIMIT {_SAMPLE}"))  # noqa: S608 - our own names


def _weigh(db: sqlite3.Connection, query: str) -> float:
    """Bytes of a row by the record format (SQLite file format, section 2.1)."""
    rows = db.execute(query).fetchall()
    return sum(2 + sum(map(_bytes, row)) for row in rows) / len(rows) if rows else 0.0


def _bytes(value: Any) -> int:
    match value:
        case None:
            return 1
        case int():
            return 1 + min(8, (value.bit_length() + 8) // 8 if value not in (0, 1) else 0)
        case float():
            return 9
        case str():
            return 1 + len(value.encode())
        case _:
            return 1 + len(value)


def _tier(
    table: _Table, measured: tuple[int, float, int, int], scale: float, span: Micros | None
) -> Tier:
    rows, weight, first, last = measured
    size = int(rows * weight * scale)
    # One slot, or less than an hour, says nothing of a day.
    age = max(last - first + table.unit, HOUR)
    a_day = size * DAY / age
    return Tier(
        name=table.name,
        rows=rows,
        since=first if rows else 0,
        until=last if rows else 0,
        bytes=size,
        bytes_a_day=a_day,
        kept_days=None if span is None else span / DAY,
        steady_bytes=None if span is None else int(a_day * span / DAY),
    )


def as_json(facts: CacheFacts) -> str:
    """All of it as one JSON object, ``schema`` 1."""
    found = msgspec.to_builtins(facts)
    found["steady_bytes"] = facts.steady_bytes
    found["lasting_bytes_a_day"] = facts.lasting_a_day
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()


def as_text(facts: CacheFacts) -> str:
    """A table for people."""
    head = ("tier", "rows", "since", "kept", "size", "a day", "steady")
    table = [head]
    for tier in facts.tiers:
        lasting = tier.kept_days is None
        table.append(
            (
                tier.name,
                f"{tier.rows:,}",
                _when(tier.since) if tier.rows else "-",
                _FOR_EVER if tier.kept_days is None else f"{tier.kept_days:g} d",
                amount(tier.bytes),
                amount(tier.bytes_a_day),
                "grows" if lasting else amount(tier.steady_bytes or 0),
            )
        )
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    first = (
        f"{facts.path}: {amount(facts.size)}, of which {amount(facts.free)} free to be used"
        f" again; log {amount(facts.log)}"
    )
    lines = [first]
    for row in table:
        cells = [
            cell.ljust(width) if column in (0, 2) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.append(
        f"at this pace it will hold {amount(facts.steady_bytes)}, and grow by"
        f" {amount(facts.lasting_a_day)} a day for what is kept for ever"
    )
    return "\n".join(lines)


def amount(count: float) -> str:
    """Bytes as people read them, in powers of 1024."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _when(at: Micros) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%d %H:%MZ")
