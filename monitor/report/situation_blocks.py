"""What a report is made of, in any of its forms: sentences, tables and plots."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from monitor.report.situation import Cell, Source

MARKS: Final = {
    Cell.CONSISTENT: "+",
    Cell.INCONSISTENT: "-",
    Cell.MISSING: "?",
    Cell.NEUTRAL: "=",
    Cell.NONE: "",
}


class Text(msgspec.Struct, frozen=True):
    """Sentences of one paragraph; ``lead`` is said first, and stands out."""

    text: str
    lead: str = ""
    source: Source = Source.OBSERVED


class Table(msgspec.Struct, frozen=True):
    """A table; ``name`` tells its form, ``strong`` are the rows that stand out."""

    name: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: frozenset[int] = frozenset()


class Plot(msgspec.Struct, frozen=True):
    """A picture, and the table that says the same where there are no pictures; None when one
    follows for several.
    """

    kind: Literal["band", "counts", "route"]
    caption: str
    table: Table | None
    prefix: str = ""


Block = Text | Table | Plot


class Section(msgspec.Struct, frozen=True):
    title: str
    blocks: tuple[Block, ...]


class Document(msgspec.Struct, frozen=True):
    """``mark`` stands on every page; '' for real data."""

    title: str
    mark: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
