"""One timeline of a network: what was observed, claimed and inferred, never mixed."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from monitor.cache.ledger import Said
from monitor.entries import EntryKind, Statement
from monitor.records import Event, Micros, NetworkRow
from monitor.report.said import OBSERVED, WORDS
from monitor.tui.board import Board, is_soft
from monitor.tui.lines import EventTarget, Line, line
from monitor.tui.pages.event import event_line
from monitor.tui.pages.ledger import mark_for, said_line
from monitor.tui.text import Look, Marks, day, moment, stamp


def timeline_page(
    row: NetworkRow, board: Board, events: Sequence[Event], look: Look
) -> list[Line]:
    """Oldest first.  A claim stands where it was made; when it was written down it says."""
    placed = [
        *(
            (event.at, _observed(event, board, look))
            for event in events
            if _of(event, row, board)
        ),
        *(_said(one, board, look) for one in board.book.said if _about(one, row, board)),
    ]
    placed.sort(key=lambda one: one[0])
    lines = [line((_legend(look.marks), "dim"))]
    today = ""
    for at, made in placed:
        if day(at) != today:
            today = day(at)
            lines += [Line(), line((f" {today}", "heading"))]
        lines.append(made)
    if not placed:
        lines.append(line((" nothing yet", "dim")))
    return lines


def _legend(marks: Marks) -> str:
    said = (
        (EntryKind.CLAIM, "by others"),
        (EntryKind.INFERENCE, "by an analyst"),
        (EntryKind.NOTE, "at the desk"),
    )
    words = (f"{mark_for(kind, marks)} {WORDS[kind]} {whose}" for kind, whose in said)
    return f" {marks.event} {OBSERVED}   {'   '.join(words)}"


def _of(event: Event, row: NetworkRow, board: Board) -> bool:
    """Whether an event is news of a network, or of ourselves."""
    if is_soft(event) or event.subject.startswith("check:"):
        return False
    if event.subject.startswith("host:"):
        host = board.hosts.get(event.subject.removeprefix("host:"))
        return host is not None and board.network_of(host) is row
    if event.subject.startswith(("network:", "route:")):
        return board.network_behind(event.subject) is row
    return True


def _about(said: Said, row: NetworkRow, board: Board) -> bool:
    return board.network_behind(said.latest.subject) is row


def _observed(event: Event, board: Board, look: Look) -> Line:
    made = event_line(event, board, look.width - 13, look.marks)
    word = (f" {OBSERVED:<12}", "dim")
    return Line((made.spans[0], word, *made.spans[1:]), made.key, EventTarget(event))


def _said(said: Said, board: Board, look: Look) -> tuple[Micros, Line]:
    entry = said.latest
    at = said.first.at
    body = entry.body
    if isinstance(body, Statement) and body.said:
        at = body.said
        if body.day:
            timed = f"{'all day':<9}"
            return at, _shifted(said, board, look, timed)
    return at, _shifted(said, board, look, f"{moment(at):%H:%M:%SZ}")


def _shifted(said: Said, board: Board, look: Look, timed: str) -> Line:
    entry = said.latest
    word = f"{WORDS[entry.kind]:<12}"
    written = f"  written {stamp(entry.at)}" if isinstance(entry.body, Statement) else ""
    narrower = structs.replace(look, width=look.width - len(written) - 1)
    made = said_line(said, board, narrower, timed=timed)
    mark = mark_for(entry.kind, look.marks)
    head = (f"{timed} {word}{mark} ", "accent")
    return Line((head, *made.spans[1:], (written, "dim")), made.key, made.target)
