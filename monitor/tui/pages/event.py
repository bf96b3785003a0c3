"""Event lines, and the page of one event with the observations behind it."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len

from monitor.records import REASONS, Event, EventKind, Micros, Observation, Reason, State
from monitor.tui.board import Board, is_soft
from monitor.tui.lines import (
    EventTarget,
    Line,
    ObservationTarget,
    Span,
    field,
    heading,
    line,
    wrap,
)
from monitor.tui.pages.ledger import cause_lines, said_lines
from monitor.tui.text import (
    Look,
    Marks,
    clock,
    duration,
    fit,
    mark_of,
    milliseconds,
    right,
    stamp,
    state_of,
)

# Kinds whose old and new are states, phases or healths.
_OF_STATES: Final = frozenset({EventKind.TRANSITION, EventKind.VANTAGE})
_OUTCOMES: Final = {
    "ok": State.UP,
    "warn": State.DEGRADED,
    "fail": State.DOWN,
    "error": State.UNKNOWN,
    "skipped": State.UNKNOWN,
}


def outcome_style(observation: Observation) -> str:
    return _OUTCOMES[observation.outcome].lower()


def event_line(event: Event, board: Board, width: int, marks: Marks) -> Line:
    """``16:19:30Z ✖ North Korea  PARTIAL → LOST  0 of 14 inside for 5 min``."""
    soft = is_soft(event)
    if event.new and event.kind in _OF_STATES:
        mark, style = mark_of(event.new, marks), state_of(event.new).lower()
    else:
        mark, style = marks.event, "accent"
    name = board.name_of(event.subject) if event.subject else str(event.kind)
    change = f"{event.old} {marks.arrow} {event.new}" if event.old and event.new else event.new
    name_width = 22 if width >= 110 else 16
    change_width = 22 if width >= 110 else 19
    if not change or event.kind not in _OF_STATES:
        change = str(event.kind) if width >= 76 else ""
    spans: list[Span] = [
        (clock(event.at), "dim"),
        (f" {mark} ", "dim" if soft else style),
        (fit(name, name_width, marks.more), "dim" if soft else "strong"),
        (" ", "text"),
    ]
    if change:
        shown = "dim" if soft or event.kind not in _OF_STATES else style
        spans.append((fit(change, change_width, marks.more) + " ", shown))
    text = f"soft: {event.text}" if not event.hard else event.text
    used = sum(cell_len(piece) for piece, _ in spans)
    spans.append((fit(text, max(0, width - used), marks.more), "dim" if soft else "text"))
    return Line(tuple(spans), f"event:{event.id}", EventTarget(event))


def observation_line(observation: Observation, marks: Marks, width: int) -> Line:
    """One run in one line; enter opens the raw facts."""
    style = outcome_style(observation)
    reason = REASONS[observation.reason].text or str(observation.outcome)
    spans: list[Span] = [
        (stamp(observation.at) if width >= 76 else clock(observation.at), "dim"),
        (f" {mark_of(_OUTCOMES[observation.outcome], marks)} ", style),
        (fit(str(observation.outcome), 8), style),
        (right(milliseconds(observation.rtt_ms, marks.none), 8), "text"),
        (right(f"{observation.received}/{observation.sent}", 7), "text"),
        (f"  {reason}", "text" if observation.reason != Reason.NONE else "dim"),
    ]
    if observation.said_by:
        spans.append((f", said by {observation.said_by}", "dim"))
    if observation.stalled:
        spans.append(("  taken while we stalled", "unknown"))
    if observation.note:
        spans.append((f"  {observation.note}", "dim"))
    key = f"observation:{observation.check}:{observation.at}:{observation.vantage}"
    return Line(tuple(spans), key, ObservationTarget(observation))


def event_page(event: Event, board: Board, look: Look) -> list[Line]:
    """Everything the event holds, and its evidence."""
    width, marks, now = look.width, look.marks, look.now
    style = state_of(event.new).lower() if event.new else "accent"
    mark = mark_of(event.new, marks) if event.new else marks.event
    change = f"{event.old} {marks.arrow} {event.new}" if event.old and event.new else event.new
    lines = [
        line(
            (f" {mark} {change or event.kind}", style),
            (f"  {board.name_of(event.subject)}", "strong"),
        )
    ]
    lines += [line((f" {row}", "text")) for row in wrap(event.text, max(20, width - 2))]
    lines += [Line(), field("when", (stamp(event.at), "text"), _ago(event.at, now))]
    lines.append(field("about", (event.subject, "text")))
    lines.append(field("kind", (str(event.kind), "text"), (_weight(event), "dim")))
    if event.reason != Reason.NONE:
        said = REASONS[event.reason]
        lines.append(field("reason", (f"{said.text} ({event.reason}, {said.layer})", "text")))
    if event.rule:
        lines.append(field("rule", (event.rule, "text")))
    if event.since or event.kind == EventKind.GAP:
        until = stamp(event.until) if event.until else "not ended"
        span = f"  {duration(event.until - event.since)}" if event.until else ""
        lines.append(
            field("span", (f"{stamp(event.since)} {marks.arrow} {until}{span}", "text"))
        )
    lines += cause_lines(board, (), look, event.id)
    lines += said_lines(board, (), look, event.id)
    count = len(event.evidence)
    lines += [Line(), heading(" Evidence", f"{count} observations, kept with the event")]
    if not count:
        lines.append(line((" none is kept with this event", "dim")))
    for observation in event.evidence:
        made = observation_line(observation, marks, width - 20)
        label = f" {fit(observation.check, 18, marks.more)} "
        lines.append(Line(((label, "text"), *made.spans), made.key, made.target))
    return lines


def _ago(at: Micros, now: Micros) -> Span:
    return (f"  {duration(now - at)} ago", "dim")


def _weight(event: Event) -> str:
    if event.quiet:
        return "  quiet: true, but no news by itself"
    return "" if event.hard else "  soft: not confirmed yet"
