"""Why: the verdict, its rule and evidence; and the explanations of a network."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.records import Explanation, NetworkRow
from monitor.report.why import Why, as_text
from monitor.tui.board import Board
from monitor.tui.lines import Line, heading, line, wrap
from monitor.tui.pages.ledger import cause_lines
from monitor.tui.text import Look


def why_page(found: Why | None, look: Look) -> list[Line]:
    """What ``watchdesk why`` prints, on the desk."""
    if found is None:
        return [line((" looking it up", "dim"))]
    lines: list[Line] = []
    for at, text in enumerate(as_text(found, look.now).split("\n")):
        bare = text.strip()
        indent = " " * (1 + len(text) - len(text.lstrip()))
        style = "strong" if at == 0 else "heading" if bare.endswith(":") else "text"
        if bare.startswith("- "):
            style = "degraded"
        elif bare.startswith("? "):
            style = "dim"
        rows = wrap(bare, max(20, look.width - len(indent) - 1))
        lines += [line((indent + row, style)) for row in rows]
    return lines


def explanation_lines(
    row: NetworkRow, board: Board, look: Look, *, most: int = 0
) -> list[Line]:
    """Possible causes with their evidence, fewest inconsistencies first; none is decided.

    ``most`` bounds how many are shown, 0 shows all.
    """
    lines = cause_lines(board, (f"network:{row.id}",), look)
    if row.fate:
        lines += [line((f" {text}", "text")) for text in wrap(row.fate, look.width - 2)]
    shown: Sequence[Explanation] = row.explanations[:most] if most else row.explanations
    if not row.explanations:
        return [*lines, line((" nothing calls for an explanation now", "dim"))]
    for each in shown:
        lines.append(
            line(
                (f" {each.rank:>2}  ", "label"),
                (each.title, "strong"),
                (f"  {len(each.inconsistent)} against, {len(each.consistent)} for", "dim"),
            )
        )
        if not most:
            lines += _evidence(each, look)
    if most and len(row.explanations) > most:
        lines.append(line((f" {len(row.explanations) - most} more: press x", "dim")))
    return lines


def _evidence(each: Explanation, look: Look) -> list[Line]:
    lines: list[Line] = []
    for sign, style, texts in (
        ("+", "text", each.consistent),
        ("-", "degraded", each.inconsistent),
        ("?", "dim", each.missing),
        ("=", "dim", each.neutral),
    ):
        for text in texts:
            rows = wrap(text, max(20, look.width - 9))
            lines.append(line((f"       {sign} ", style), (rows[0], style)))
            lines += [line((f"         {more}", style)) for more in rows[1:]]
    return lines


def explanations_page(row: NetworkRow, board: Board, look: Look) -> list[Line]:
    """Every explanation with all its evidence."""
    lines = [
        line((f" {row.name}", "strong"), ("  ranked by fewest inconsistencies", "dim")),
        line(
            (" + fits   - speaks against it   ? could not be looked at   = fits all", "dim"),
        ),
        Line(),
        *explanation_lines(row, board, look),
    ]
    if row.explanations:
        lines += [Line(), heading(" How to read this", "")]
        text = (
            "What speaks against an explanation sets it back; what fits it does not put it "
            "forward, for it may fit the others too. Nothing here is decided: the cause stays "
            "undetermined until a person records a sourced claim (c) or an inference (i)."
        )
        lines += [line((f" {more}", "text")) for more in wrap(text, look.width - 2)]
    return lines
