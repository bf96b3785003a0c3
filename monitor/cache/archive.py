"""A cache as lines of JSON, and a cache made of such lines.

The first line says what it is and which form it has; each further line is one record with
its ``type``.  Times are microseconds of UTC since 1970, bytes are base64.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from monitor.cache import codec, parts
from monitor.cache.filing import Filing, prepare
from monitor.cache.history import Ledger, unsqueeze
from monitor.cache.rollup import FIVE, ROLL_COLUMNS, Watermarks, set_mark
from monitor.cache.schema import (
    CacheError,
    open_reading,
    open_writing,
    side_files,
    speaking_of,
    transaction,
)
from monitor.records import (
    HOUR,
    CollectorRow,
    Event,
    Micros,
    Observation,
    Row,
    clean_text,
)

EXPORT_SCHEMA: Final = 1
MAX_LINE: Final = 16 * 1024 * 1024
_MAX_TEXT: Final = 1 << 20
_LINES_A_COMMIT: Final = 500
_PAGE: Final = 500
_END: Final = 2**63 - 1
_WIDTHS: Final = {"fives": FIVE, "hours": HOUR}
_KINDS: Final[dict[str, Any]] = {
    kind.__name__.removesuffix("Row").lower(): kind for kind in get_args(Row)
}
_ENCODER: Final = msgspec.json.Encoder()


class ArchiveError(CacheError):
    """The lines are not an export, or cannot be taken; one sentence for people."""


class Head(msgspec.Struct, tag="watchdesk-export"):
    """The first line.  ``until`` is 0 when the export goes to its own moment; ``synthetic``
    names the drill that made the data up, '' for real ones.
    """

    schema: int
    since: Micros = 0
    until: Micros = 0
    synthetic: str = ""


class Seen(msgspec.Struct, tag="observation", omit_defaults=True):
    """An observation, with the judge's letter for it (records.BEATS) where there is one."""

    observation: Observation
    beat: str = ""


class Said(msgspec.Struct, tag="event"):
    """A line of the event log."""

    event: Event


class Shown(msgspec.Struct, tag="row", omit_defaults=True):
    """A current row, and the judge's memory apart."""

    subject: str
    version: int
    row: Any
    memory: Any = None


class Entry(msgspec.Struct, tag="entry"):
    """What the board said of a subject from ``at`` on, without figures."""

    subject: str
    at: Micros
    row: Any


class Roll(msgspec.Struct, tag="roll-up", omit_defaults=True):
    """Runs of a check in five minutes or an hour from ``at``; see the table's columns."""

    check: str
    tier: str
    at: Micros
    figures: tuple[int | None, ...]
    outcome: str
    reason: str | None
    beats: str


class Asked(msgspec.Struct, tag="request"):
    """What a person asked of the collector."""

    request: tuple[int, Micros, str, str, str, str]


class Rolled(msgspec.Struct, tag="rolled"):
    """Up to when a check is rolled up, and the slots that must be rolled up again."""

    check: str
    until: Micros
    late: tuple[int, ...] = ()


class Mark(msgspec.Struct, tag="mark"):
    """A number the cache remembers about itself."""

    name: str
    value: int


Line = Head | Seen | Said | Shown | Entry | Roll | Asked | Rolled | Mark


# --- out ------------------------------------------------------------------------------


def dump(path: Path, since: Micros = 0, until: Micros | None = None) -> Iterator[bytes]:
    """The lines of a cache, each ending in a newline, while others read and write it.

    Of a span, what was so before ``since`` is in it as one entry a subject; current rows
    are in it only when it has no end.  Raises CacheError.
    """
    db, _ = open_reading(path)
    with closing(db), speaking_of(path):
        head = Head(EXPORT_SCHEMA, since, until or 0, _drill(db))
        for line in chain([head], _lines(db, since, _END if until is None else until)):
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
    yield from _events(db, since, until)
    for number, _ in checks:
        yield from _observations(db, number, since, until)
    for number, check in checks:
        for tier in _WIDTHS:
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


def _events(db: sqlite3.Connection, since: Micros, until: Micros) -> Iterator[Line]:
    query = (
        f"SELECT {codec.EVENT} FROM events WHERE id > ? AND at >= ? AND at < ?"  # noqa: S608 - our own names
        " ORDER BY id LIMIT ?"
    )
    after = 0
    while rows := db.execute(query, (after, since, until, _PAGE)).fetchall():
        after = rows[-1][-1]
        yield from _each(lambda row: Said(codec.event_of(row)), rows)


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
    width = _WIDTHS[tier]
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


# --- in -------------------------------------------------------------------------------


def load(lines: Iterable[bytes], path: Path) -> int:
    """Make a new cache of an export; how many records it had.

    Nothing stands at ``path`` until all of it is there.  Raises ArchiveError when something
    stands there already or a line is not what it should be, or another CacheError.
    """
    if path.exists():
        raise ArchiveError(f"{path} exists already; an import makes a cache of its own")
    making = path.with_name(path.name + ".import")
    with speaking_of(making):
        making.unlink(missing_ok=True)
    try:
        with closing(open_writing(making, create=True)) as db, speaking_of(making):
            total = _load(db, lines)
        with speaking_of(path):
            making.rename(path)
    finally:
        for left in (making, *side_files(making)):
            with suppress(OSError):
                left.unlink(missing_ok=True)
    return total


def _load(db: sqlite3.Connection, lines: Iterable[bytes]) -> int:
    numbered = enumerate(lines, start=1)
    first = next(numbered, (1, b""))
    head = _read(first)
    if not isinstance(head, Head):
        raise ArchiveError("this is no export of a watchdesk cache: its first line is missing")
    if head.schema > EXPORT_SCHEMA:
        raise ArchiveError("the export was written by a newer watchdesk; update this one")
    loader = _Loader(db)
    total = 0
    while batch := list(islice(numbered, _LINES_A_COMMIT)):
        read = [(number, _read((number, raw))) for number, raw in batch]
        with transaction(db):
            for number, line in read:
                try:
                    loader.take(line)
                except (*codec.UNREADABLE, sqlite3.Error) as error:
                    raise ArchiveError(f"line {number} cannot be taken: {error}") from error
        total += len(read)
    return total


def _read(numbered: tuple[int, bytes]) -> Line:
    number, raw = numbered
    if len(raw) > MAX_LINE:
        raise ArchiveError(f"line {number} is longer than {MAX_LINE} bytes")
    try:
        # What another machine has written is text from outside.
        found = _clean(msgspec.json.decode(raw))
        line: Line = msgspec.convert(found, Line, str_keys=True)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ArchiveError(f"line {number} is no record of an export: {error}") from error
    return line


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value, _MAX_TEXT)
    if isinstance(value, dict):
        return {clean_text(key, _MAX_TEXT): _clean(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_clean(each) for each in value]
    return value


class _Loader:
    """Puts lines where they belong; inside a transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._rolled = Watermarks(db)
        self._filing = Filing(db, self._rolled)
        self._ledger = Ledger(db)

    def take(self, line: Line) -> None:
        match line:
            case Seen(observation, beat):
                self._filing.write(prepare([observation], [ord(beat) if beat else None]))
            case Said(event):
                marks = ",".join("?" * 14)
                insert = f"INSERT INTO events ({codec.EVENT}) VALUES ({marks})"  # noqa: S608 - our own names
                self._db.execute(insert, (*codec.event_columns(event), event.id))
            case Shown():
                self._show(line)
            case Entry(subject, at, row):
                self._ledger.enter(subject, at, parts.cut(_row_of(subject, row)))
            case Roll():
                self._roll(line)
            case Asked(request):
                insert = "INSERT INTO requests VALUES (?,?,?,?,?,?)"
                self._db.execute(insert, request)
            case Rolled():
                self._watermark(line)
            case Mark(name, value):
                set_mark(self._db, name, value)
            case Head():
                raise ValueError("a second first line")

    def _show(self, line: Shown) -> None:
        row = _row_of(line.subject, line.row, line.memory)
        record, memory = codec.row_blobs(row)
        self._db.execute(
            "INSERT INTO current (subject, version, record) VALUES (?,?,?)",
            (line.subject, line.version, record),
        )
        if memory is not None:
            self._db.execute("INSERT INTO memories VALUES (?,?)", (line.subject, memory))

    def _roll(self, line: Roll) -> None:
        width = _WIDTHS[line.tier]
        word = self._filing.words.number
        marks = ",".join("?" * 14)
        self._db.execute(
            f"INSERT INTO {line.tier} ({ROLL_COLUMNS}) VALUES ({marks})",  # noqa: S608 - one of our own names
            (
                self._filing.checks.number(line.check),
                line.at // width,
                *line.figures,
                word(line.outcome),
                None if line.reason is None else word(line.reason),
                line.beats,
            ),
        )

    def _watermark(self, line: Rolled) -> None:
        number = self._filing.checks.number(line.check)
        self._rolled.of(number)
        self._rolled.move(number, line.until)
        self._db.executemany(
            "INSERT INTO late (check_no, slot) VALUES (?,?)",
            [(number, slot) for slot in line.late],
        )


def _row_of(subject: str, row: Any, memory: Any = None) -> Row:
    kind = _KINDS[subject.partition(":")[0]]
    found = row if memory is None else {**row, "memory": memory}
    made: Row = msgspec.convert(found, kind, str_keys=True)
    return made
