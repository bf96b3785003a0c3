"""A line of the desk: styled pieces of plain text.  No Textual in here."""

from __future__ import annotations

import msgspec
from rich.cells import cell_len

from monitor.records import Event, Hop, Micros, Observation

# (text, style name): the names are those of monitor.tui.style.STYLES.
Span = tuple[str, str]


class HostTarget(msgspec.Struct, frozen=True):
    id: str


class CheckTarget(msgspec.Struct, frozen=True):
    id: str


class NetworkTarget(msgspec.Struct, frozen=True):
    id: str


class EventTarget(msgspec.Struct, frozen=True):
    event: Event


class ObservationTarget(msgspec.Struct, frozen=True):
    observation: Observation


class WhyTarget(msgspec.Struct, frozen=True):
    """Why ``subject`` (``host:ID``) has its state."""

    subject: str


class ExplanationsTarget(msgspec.Struct, frozen=True):
    """The explanations of a network."""

    id: str


class PathTarget(msgspec.Struct, frozen=True):
    """The whole screen about the way to a host, opened on a line of it, and at the stored
    trace that was begun ``at`` (0: the newest).
    """

    host: str
    line: str = ""
    at: Micros = 0


class HopTarget(msgspec.Struct, frozen=True):
    """A hop of a trace, its AS, and the hosts behind them; ``check`` traced it at ``at``."""

    check: str
    at: Micros
    hop: Hop


class EntryTarget(msgspec.Struct, frozen=True):
    """What somebody said: the id of the entry that was the first of it."""

    id: int


class TimelineTarget(msgspec.Struct, frozen=True):
    """What was observed, claimed and inferred of a network, in one order."""

    id: str


# What enter, w, x and p open.
Target = (
    HostTarget
    | CheckTarget
    | NetworkTarget
    | EventTarget
    | ObservationTarget
    | WhyTarget
    | ExplanationsTarget
    | PathTarget
    | HopTarget
    | EntryTarget
    | TimelineTarget
)


class Line(msgspec.Struct, frozen=True):
    """One line: its pieces, the identity the cursor follows, and what enter opens."""

    spans: tuple[Span, ...] = ()
    key: str = ""
    target: Target | None = None
    unread: bool = False

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.spans)


def line(*spans: Span, key: str = "", target: Target | None = None) -> Line:
    return Line(spans, key, target)


def heading(title: str, note: str = "") -> Line:
    return Line(((title, "heading"), (f"  {note}" if note else "", "dim")))


def field(label: str, *spans: Span, width: int = 13) -> Line:
    """``label`` in its column, then what it says."""
    return Line(((" " + label.ljust(width), "label"), *spans))


def spread(left: tuple[Span, ...], right: tuple[Span, ...], width: int) -> tuple[Span, ...]:
    """``left`` and ``right`` at the two ends of a line; ``right`` goes first when too long."""
    used = sum(cell_len(text) for text, _ in left)
    wanted = sum(cell_len(text) for text, _ in right)
    gap = width - used - wanted
    return (*left, (" " * gap, "text"), *right) if gap > 0 else left


def wrap(text: str, width: int) -> list[str]:
    """``text`` in rows of at most ``width`` cells, broken at spaces where there are any."""
    # Before the first layout there is no width; less than one wide letter never ends.
    width = max(8, width)
    rows: list[str] = []
    row = ""
    for word in text.split(" "):
        piece = f"{row} {word}" if row else word
        while cell_len(piece) > width:
            if row:
                rows.append(row)
                row, piece = "", word
                continue
            cut = max(1, _cut(piece, width))
            rows.append(piece[:cut])
            piece = piece[cut:]
        row = piece
    return [*rows, row] if row or not rows else rows


def _cut(text: str, width: int) -> int:
    """How many characters of ``text`` fit into ``width`` cells."""
    used = 0
    for index, char in enumerate(text):
        used += cell_len(char)
        if used > width:
            return index
    return len(text)
