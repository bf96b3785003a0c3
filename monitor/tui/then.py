"""Another moment than now: what the cache knew then, and how people write a moment.

No Textual in here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from rich.cells import cell_len

from monitor.cache.ledger import Book
from monitor.cache.reader import Changes, Cursor, Reader
from monitor.records import DAY, HOUR, MINUTE, SECOND, Event, Micros, Row
from monitor.tui.board import Board
from monitor.tui.lines import Line
from monitor.tui.text import fit, moment, stamp

EVENTS: Final = 500
# The history of the collector's own row has an entry every five minutes.
SILENT: Final = 6 * MINUTE
_UNITS: Final = {"d": DAY, "h": HOUR, "min": MINUTE, "m": MINUTE, "s": SECOND}
_PIECE: Final = r"(\d{1,5})\s*(d|h|min|m|s)"
_STEP: Final = re.compile(rf"([+-])\s*((?:{_PIECE}\s*)+)", re.IGNORECASE)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
HINT: Final = "2014-12-22 16:15, 16:15 or -2h; UTC, or with 'here' behind it the desk's zone"


class Then(msgspec.Struct):
    """The board as it was known at ``at``; ``blind`` says why nothing is known of it."""

    at: Micros
    rows: list[Row] = []
    events: list[Event] = []
    blind: str = ""
    book: Book = Book(0)

    def board(self) -> Board:
        """A board that nothing live ever enters."""
        board = Board()
        board.apply(Changes(self.rows, self.events, Cursor(), more=False))
        board.book = self.book
        return board


def read_then(reader: Reader, at: Micros) -> Then:
    """Raises CacheError."""
    rows = reader.board_at(at)
    events = reader.events(until=at + 1, limit=EVENTS)[::-1]
    blind = "; ".join(dict.fromkeys(gap.why for gap in reader.gaps(at, at + 1)))
    begins = reader.begins()
    if begins is None:
        blind = "this cache holds nothing"
    elif at < begins:
        blind = f"this cache begins at {stamp(begins)}"
    return Then(at, rows, events, blind, reader.book(at))


def as_of_lines(then: Then | None, width: int) -> list[Line]:
    """The first lines of the strip while another moment is shown."""
    if then is None:
        return []
    said = [(f"AS OF {stamp(then.at)}", "banner")]
    if then.blind:
        said.append((f"nothing is known of this moment: {then.blind}", "warn"))
    return [
        Line(((fit(f" {text} ", min(width, cell_len(text) + 2)), style),), f"as-of:{style}")
        for text, style in said
    ]


def silent_then(board: Board, at: Micros) -> bool:
    """Whether the collector was not at work at ``at``, as far as was known."""
    row = board.collector
    if row is None or not row.beat:
        return False
    return row.stopped >= row.beat or at - row.beat > SILENT


def zones_of(board: Board) -> dict[str, tzinfo | None]:
    """Names a moment may end in; None is the machine's own zone."""
    own = board.collector.timezone if board.collector is not None else ""
    zones: dict[str, tzinfo | None] = {"here": _zone(own), "utc": UTC, "z": UTC}
    for name in (own, *(row.timezone for row in board.networks.values())):
        if (zone := _zone(name)) is not None:
            zones[name.casefold()] = zone
            zones[name.rpartition("/")[2].replace("_", " ").casefold()] = zone
    return zones


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, KeyError):
        return None


def parse_moment(
    text: str, shown: Micros, now: Micros, zones: Mapping[str, tzinfo | None]
) -> Micros:
    """What people type for a moment: UTC, unless a zone or an offset is behind it.

    ``-2h`` counts from the moment ``shown``; a time alone is that of its day, or of the day
    before where it is still to come.  Raises ValueError with a sentence.
    """
    said = " ".join(text.split()).casefold()
    if said == "now":
        return now
    if found := _STEP.fullmatch(said):
        span = sum(
            int(count) * _UNITS[unit] for count, unit in re.findall(_PIECE, found.group(2))
        )
        return shown + span if found.group(1) == "+" else max(0, shown - span)
    try:
        return _written(said, shown, now, zones)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text.strip()!r} is no moment; write it like {HINT}") from error


def _written(
    said: str, shown: Micros, now: Micros, zones: Mapping[str, tzinfo | None]
) -> Micros:
    zone: tzinfo | None = UTC
    for name, found in zones.items():
        short = said.removesuffix(name).rstrip()
        if short != said and (said.endswith(f" {name}") or name == "z"):
            said, zone = short, found
            break
    if clock := _CLOCK.fullmatch(said):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        day = moment(shown).astimezone(zone)
        written = day.replace(
            hour=hours, minute=minutes, second=seconds, microsecond=0, tzinfo=zone
        )
        if _micros(written) > now:
            written -= timedelta(days=1)
        return max(0, _micros(written))
    written = datetime.fromisoformat(said.upper())
    if written.tzinfo is None:
        written = written.replace(tzinfo=zone)
    return max(0, _micros(written))


def _micros(written: datetime) -> Micros:
    return int(written.timestamp() * SECOND)
