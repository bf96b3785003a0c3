"""A situation as one HTML file that names no outside address and runs nothing.

A content policy forbids scripts and loads; every text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from monitor.records import Phase
from monitor.report import situation_svg as svg
from monitor.report.situation import Cell, Situation, Source
from monitor.report.situation_blocks import MARKS, Block, Document, Plot, Table, Text
from monitor.report.situation_style import STYLE

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
_CELLS: Final = {mark: cell.value for cell, mark in MARKS.items() if cell is not Cell.NONE}
# Where a column holds counts or words of one kind, for its width.
_PHASES: Final = frozenset(Phase)


def as_html(found: Situation, told: Document) -> str:
    """The whole report as one file."""
    return "\n".join(_page(found, told)) + "\n"


def _page(found: Situation, told: Document) -> Iterator[str]:
    title = f"{told.mark} - {told.title}" if told.mark else told.title
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title>"
    yield f"<style>{STYLE}</style></head><body>"
    if told.mark:
        # The head of a table is repeated on every page that is printed.
        yield f'<table class="page"><thead><tr><td class="mark">{escape(told.mark)}</td></tr>'
        yield "</thead><tbody><tr><td>"
    yield f"<main><h1>{escape(told.title)}</h1>"
    yield '<table class="facts"><tbody>'
    for name, value in told.facts:
        yield f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
    yield "</tbody></table>"
    for section in told.sections:
        yield f"<section><h2>{escape(section.title)}</h2>"
        for block in section.blocks:
            yield from _block(found, block)
        yield "</section>"
    yield "</main>"
    if told.mark:
        yield "</td></tr></tbody></table>"
    yield "</body></html>"


def _block(found: Situation, block: Block) -> Iterator[str]:
    match block:
        case Text(text, lead, source):
            name = "" if source is Source.OBSERVED else f' class="{source}"'
            first = f"<b>{escape(lead)}</b> " if lead else ""
            yield f"<p{name}>{first}{escape(text)}</p>"
        case Table():
            yield from _table(block)
        case Plot():
            yield f"<figure><figcaption>{escape(block.caption)}</figcaption>"
            yield _picture(found, block)
            yield "</figure>"
            if block.table is not None and block.kind != "counts":
                yield from _table(block.table)


def _picture(found: Situation, plot: Plot) -> str:
    match plot.kind:
        case "band":
            return svg.band(found)
        case "counts":
            return svg.counts(found)
        case _:
            route = next(one for one in found.routes if one.prefix == plot.prefix)
            return svg.routes(found, route)


def _table(table: Table) -> Iterator[str]:
    yield f'<div class="wide"><table class="{escape(table.name)}"><thead><tr>'
    yield "".join(f"<th>{escape(cell)}</th>" for cell in table.head)
    yield "</tr></thead><tbody>"
    for number, row in enumerate(table.rows):
        name = ' class="strong"' if number in table.strong else ""
        yield f"<tr{name}>{''.join(_cell(table, cell) for cell in row)}</tr>"
    yield "</tbody></table></div>"


def _cell(table: Table, text: str) -> str:
    name = ""
    if table.name == "matrix" and text in _CELLS:
        name = f' class="c-{_CELLS[text]}"'
    elif table.name == "chapters" and text in _PHASES:
        name = f' class="w-{text}"'
    elif table.name == "timeline" and text in set(Source):
        name = f' class="{text}"'
    return f"<td{name}>{escape(text)}</td>"
