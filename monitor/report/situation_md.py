"""A situation as Markdown, for a ticket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from monitor.report.situation_blocks import Block, Document, Plot, Table, Text

# What Markdown, or the HTML in it, would take for more than text.
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


def as_markdown(found: Document) -> str:
    """The whole report; every text is escaped, and stays text."""
    return "\n".join(_lines(found)).rstrip() + "\n"


def _lines(found: Document) -> Iterator[str]:
    yield f"# {_escape(found.title)}"
    yield ""
    yield from _mark(found)
    head = Table("facts", ("", ""), tuple(found.facts))
    yield from _table(head)
    for section in found.sections:
        yield f"## {_escape(section.title)}"
        yield ""
        # Sections are cut out and passed on: each carries the mark.
        yield from _mark(found)
        for block in section.blocks:
            yield from _block(block)


def _mark(found: Document) -> list[str]:
    return [f"> **{_escape(found.mark)}**", ""] if found.mark else []


def _block(block: Block) -> Iterator[str]:
    match block:
        case Text(text, lead):
            yield (f"**{_escape(lead)}** " if lead else "") + _escape(text)
            yield ""
        case Table():
            yield from _table(block)
        case Plot(_, caption, table) if table is not None:
            yield f"{_escape(caption)}:"
            yield ""
            yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    yield _row(table.head)
    yield _row(["---"] * len(table.head), plain=True)
    for row in table.rows:
        yield _row(row)
    yield ""


def _row(cells: tuple[str, ...] | list[str], *, plain: bool = False) -> str:
    return f"| {' | '.join(cells if plain else map(_escape, cells))} |"


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
