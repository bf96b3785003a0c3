"""A cache as lines of JSON (dump.py), and a cache made of such lines.

The first line says what it is and which form it has; each further line is one record with
its ``type``.  Times are microseconds of UTC since 1970, bytes are base64.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from monitor.cache import chain, codec, parts, said
from monitor.cache.dump import dump
from monitor.cache.filing import Filing, prepare
from monitor.cache.history import Ledger
from monitor.cache.lines import (
    CHAINED,
    EXPORT_SCHEMA,
    WIDTHS,
    ArchiveError,
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
from monitor.cache.rollup import ROLL_COLUMNS, Watermarks, set_mark
from monitor.cache.schema import open_writing, side_files, speaking_of, transaction
from monitor.records import Row, clean_text

__all__ = ["EXPORT_SCHEMA", "MAX_LINE", "ArchiveError", "dump", "load"]

MAX_LINE: Final = 16 * 1024 * 1024
_MAX_TEXT: Final = 1 << 20
_LINES_A_COMMIT: Final = 500
_KINDS: Final[dict[str, Any]] = {
    kind.__name__.removesuffix("Row").lower(): kind for kind in get_args(Row)
}


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
    if head.schema < CHAINED:
        with transaction(db):
            chain.relink(db, chain.EVENTS, "they come from an export that kept no chain")
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
            case Said() | Told() | Sealed():
                self._link(line)
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

    def _link(self, line: Said | Told | Sealed) -> None:
        """What belongs to a chain comes with its links, true or not."""
        match line:
            case Said(event, link):
                marks = ",".join("?" * 15)
                insert = f"INSERT INTO events ({codec.EVENT}, link) VALUES ({marks})"  # noqa: S608 - our own names
                values = (*codec.event_columns(event), event.id, bytes.fromhex(link) or None)
                self._db.execute(insert, values)
            case Told(entry, link):
                said.keep(self._db, entry, bytes.fromhex(link))
            case Sealed(name, number, at, why, before, link):
                ends = bytes.fromhex(before), bytes.fromhex(link)
                chain.keep_seal(self._db, chain.Seal(name, number, at, why, *ends))

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
        width = WIDTHS[line.tier]
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
