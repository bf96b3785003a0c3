"""A cache as lines of JSON, while others read and write it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from monitor.cache import chain, codec, parts, said
from monitor.cache.history import unsqueeze
from monitor.cache.lines import (
    EXPORT_SCHEMA,
    WIDTHS,
    Asked,
    Entry,
    Head,
    Line,
    Mark,
    Roll,
    Rolled,
    Said,
    Sealed,
    Seen,
    Shown,
    Told,
)
from monitor.cache.rollup import FIVE
from monitor.cache.schema import open_reading, speaking_of
from monitor.records import CollectorRow, Micros

_PAGE: Final = 500
_END: Final = 2**63 - 1
_ENCODER: Final = msgspec.json.Encoder()


def dump(path: Path, since: Micros = 0, until: Micros | None = None) -> Iterator[bytes]:
    """The lines of a cache, each ending in a newline, while others read and write it.

    Of a span, what was so before ``since`` is in it as one entry a subject; current rows
    are in it only when it has no end.  Raises CacheError.
    """
    db, _ = open_reading(path)
    with closing(db), speaking_of(path):
        head = Head(EXPORT_SCHEMA, since, until or 0, _drill(db))
        yield _ENCODER.encode(head) + b"\n"
        for line in _lines(db, since, _END if until is None else until):
            yield _ENCODER.encode(line) + b"\n"


def _drill(db: sqlite3.Connection) -> str:
    """The drill whose cache this is, or ''."""
    found = db.execute("SELECT record FROM current WHERE subject = 'collector'").fetchone()
    if found is None:
        return ""
    try:
        row = codec.row_of("collector", found[0])
    except codec.UNREADABLE:
        return ""
    return row.drill if isinstance(row, CollectorRow) else ""


def _lines(db: sqlite3.Connection, since: Micros, until: Micros) -> Iterator[Line]:
    checks = db.execute("SELECT no, id FROM checks ORDER BY id").fetchall()
    yield from _chained(db, chain.EVENTS, since, until)
    yield from _chained(db, chain.ENTRIES, since, until)
    for number, _ in checks:
        yield from _observations(db, number, since, until)
    for number, check in checks:
        for tier in WIDTHS:
            yield from _rolls(db, (number, check), tier, since, until)
        yield from _watermark(db, (number, check), until)
    subjects = db.execute("SELECT no, subject FROM subjects ORDER BY subject").fetchall()
    for number, subject in subjects:
        yield from _entries(db, (number, subject), since, until)
    if until == _END:
        yield from _each(_shown, db.execute(_ROWS).fetchall())
    for name, value in db.execute("SELECT name, value FROM marks ORDER BY name").fetchall():
        yield Mark(name, value)
    for asked in db.execute(_REQUESTS, (since, until)).fetchall():
        yield Asked(asked)


_ROWS: Final = (
    "SELECT c.subject, c.version, c.record, m.record FROM current AS c"
    " LEFT JOIN memories AS m ON m.subject = c.subject ORDER BY c.subject"
)
_REQUESTS: Final = (
    "SELECT id, at, who, verb, subject, argument FROM requests"
    " WHERE at >= ? AND at < ? ORDER BY id"
)


def _chained(db: sqlite3.Connection, name: str, since: Micros, until: Micros) -> Iterator[Line]:
    """The rows of a chain with its seals; where rows are left out, a seal says so."""
    # People's words of before the span are part of what holds in it.
    first = since if name == chain.EVENTS else 0
    query = (
        f"SELECT {chain.COLUMNS[name]}, link FROM {name} WHERE id > ? AND at >= ? AND at < ?"  # noqa: S608 - our own names
        " ORDER BY id LIMIT ?"
    )
    make = _said if name == chain.EVENTS else _told
    waiting = list(chain.seals(db, name))
    after = 0
    while rows := db.execute(query, (after, first, until, _PAGE)).fetchall():
        for row in rows:
            left = chain.last(db, name, row[0])
            seals = [seal for seal in waiting if seal.id <= row[0]]
            waiting = waiting[len(seals) :]
            if left.id > after:
                text = f"the {name} before are not in this export"
                cut = chain.Seal(name, left.id, since, text, left.link, left.link)
                seals = sorted([*seals, cut], key=lambda seal: seal.id)
            yield from map(_sealed, seals)
            after = row[0]
            yield from _each(make, [row])
    if until == _END:
        yield from map(_sealed, waiting)


def _said(row: tuple[Any, ...]) -> Line:
    number, *columns, link = row
    return Said(codec.event_of((*columns, number)), (link or b"").hex())


def _told(row: tuple[Any, ...]) -> Line:
    return Told(said.entry_of(row[:-1]), (row[-1] or b"").hex())


def _sealed(seal: chain.Seal) -> Line:
    before, link = seal.before.hex(), seal.link.hex()
    return Sealed(seal.chain, seal.id, seal.at, seal.why, before, link)


def _observations(
    db: sqlite3.Connection, check: int, since: Micros, until: Micros
) -> Iterator[Line]:
    query = (
        f"SELECT {codec.OBSERVED},"  # noqa: S608 - our own names
        " (SELECT beat FROM observations AS o WHERE o.check_no = v.check_no AND o.at = v.at)"
        " FROM observed AS v WHERE check_no = ? AND at >= ? AND at < ? ORDER BY at LIMIT ?"
    )
    while rows := db.execute(query, (check, since, until, _PAGE)).fetchall():
        since = rows[-1][1] + 1
        yield from _each(_seen, rows)


def _rolls(
    db: sqlite3.Connection, check: tuple[int, str], tier: str, since: Micros, until: Micros
) -> Iterator[Line]:
    number, name = check
    width = WIDTHS[tier]
    query = (
        "SELECT r.slot, r.n, r.ok, r.sent, r.received, r.low, r.mid, r.high, r.last, r.took,"  # noqa: S608 - our own names
        f" u.word, w.word, r.beats FROM {tier} AS r LEFT JOIN words AS u ON u.no = r.outcome"
        " LEFT JOIN words AS w ON w.no = r.reason"
        " WHERE r.check_no = ? AND r.slot >= ? AND r.slot < ? ORDER BY r.slot LIMIT ?"
    )
    first = -(-since // width)
    while rows := db.execute(query, (number, first, until // width, _PAGE)).fetchall():
        first = rows[-1][0] + 1
        for slot, *figures, outcome, reason, beats in rows:
            yield Roll(name, tier, slot * width, tuple(figures), outcome, reason, beats)


def _watermark(
    db: sqlite3.Connection, numbered: tuple[int, str], until: Micros
) -> Iterator[Line]:
    number, check = numbered
    found = db.execute("SELECT until FROM rolled WHERE check_no = ?", (number,)).fetchall()
    late = db.execute(
        "SELECT slot FROM late WHERE check_no = ? ORDER BY slot", (number,)
    ).fetchall()
    if found:
        rolled = min(found[0][0], until // FIVE * FIVE)
        slots = tuple(slot for (slot,) in late if slot * FIVE < rolled)
        yield Rolled(check, rolled, slots)


def _entries(
    db: sqlite3.Connection, subject: tuple[int, str], since: Micros, until: Micros
) -> Iterator[Line]:
    number, name = subject
    before = db.execute(
        "SELECT max(at) FROM history WHERE subject_no = ? AND at <= ?", (number, since)
    ).fetchall()[0][0]
    after = since if before is None else before
    query = (
        "SELECT h.at, h.record, h.sampled, k.record FROM history AS h"
        " JOIN sketches AS k ON k.no = h.sketch"
        " WHERE h.subject_no = ? AND h.at >= ? AND h.at < ? ORDER BY h.at LIMIT ?"
    )
    while rows := db.execute(query, (number, after, until, _PAGE)).fetchall():
        after = rows[-1][0] + 1
        yield from _each(lambda row: _entry(name, row), rows)


def _each(
    make: Callable[[tuple[Any, ...]], Line], rows: Iterable[tuple[Any, ...]]
) -> Iterator[Line]:
    """A damaged record costs itself, as it does for every reader."""
    for row in rows:
        with suppress(*codec.UNREADABLE):
            yield make(row)


def _seen(row: tuple[Any, ...]) -> Line:
    return Seen(codec.observation_of(row[:-1]), chr(row[-1]) if row[-1] else "")


def _entry(subject: str, row: tuple[Any, ...]) -> Line:
    at, turning, sampled, sketch = row
    return Entry(subject, at, parts.join(subject, unsqueeze(sketch), turning, sampled))


def _shown(row: tuple[Any, ...]) -> Line:
    subject, version, record, memory = row
    made = codec.row_of(subject, record, memory)
    kept = getattr(made, "memory", None)
    return Shown(subject, version, codec.without_memory(made), kept)
