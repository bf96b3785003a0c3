"""The page of one host: what it is, what is claimed, its checks, what happened to it."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.records import REASONS, CheckRow, Claim, Event, HostRow, Micros
from monitor.tui.board import Board
from monitor.tui.history import History, main_check
from monitor.tui.lines import CheckTarget, Line, Span, field, heading, line
from monitor.tui.pages.event import event_line
from monitor.tui.pages.ledger import said_lines
from monitor.tui.pages.plot import history_lines
from monitor.tui.text import (
    BEAT_LETTERS,
    BEAT_STYLES,
    Look,
    Marks,
    duration,
    fit,
    mark_of,
    milliseconds,
    percent,
    right,
    since,
    stamp,
)


def beats_spans(beats: bytes, width: int, marks: Marks) -> list[Span]:
    """The newest ``width`` runs, newest last, equal neighbours joined in one span."""
    run = beats[-width:]
    spans: list[Span] = []
    text, name = " " * (width - len(run)), "text"
    for letter in run:
        place = BEAT_LETTERS.find(letter)
        sign, style = (marks.beats[place], BEAT_STYLES[letter]) if place >= 0 else (" ", "dim")
        if style != name:
            spans.append((text, name))
            text, name = "", style
        text += sign
    return [*spans, (text, name)]


def state_spans(row: HostRow | CheckRow, marks: Marks, now: Micros) -> list[Span]:
    """``✖ DOWN since 16:15:00Z, 6m40s`` and what is on probation."""
    spans: list[Span] = [(f"{mark_of(row.state, marks)} {row.state}", row.state.lower())]
    if row.since:
        spans.append((f"  since {since(row.since, now)}, {duration(now - row.since)}", "text"))
    if row.soft is not None and row.soft != row.state:
        spans.append((f"  {row.soft.lower()}? not confirmed yet", "degraded"))
    if row.flapping:
        spans.append(("  flapping", "degraded"))
    if row.stale:
        spans.append(("  stale: no fresh data", "unknown"))
    return spans


def host_page(
    row: HostRow,
    board: Board,
    events: Sequence[Event],
    look: Look,
    history: History | None = None,
) -> list[Line]:
    width, marks, now = look.width, look.marks, look.now
    lines = [line((" ", "text"), *state_spans(row, marks, now))]
    reason = row.why or REASONS[row.reason].text
    if reason:
        lines.append(line((f"   {reason}", "text")))
    if row.historic:
        lines.append(line(("   historic: shown, never judged", "dim")))
    lines.append(Line())
    network = board.network_of(row)
    whose = network.name if network else row.affiliation or marks.none
    lines.append(field("voice of", (whose, "text")))
    if row.role == "control":
        lines.append(field("role", (f"control, {row.side}", "text")))
    lines.append(field("asked at", (row.address or marks.none, "text")))
    lines.append(_hosting(row))
    for claim in row.claims:
        lines.append(_claimed(row, claim))
        if claim.link:
            lines.append(field("", (claim.link, "dim")))
    numbers = f"{milliseconds(row.rtt_ms, marks.none)}, loss {percent(row.loss, marks.none)}"
    lines.append(field("now", (numbers, "text")))
    lines.append(
        field("runs", *beats_spans(row.beats, min(len(row.beats), max(8, width - 16)), marks))
    )
    lines += [Line(), heading(" Checks", f"{len(row.checks)}, enter opens one")]
    for name in row.checks:
        check = board.checks.get(name)
        if check is not None:
            lines.append(check_line(check, width, marks, now))
    if not row.checks:
        lines.append(line((" none: this host is never asked", "dim")))
    lines += _past(row, board, history, look)
    lines += said_lines(board, board.lineage(f"host:{row.id}"), look)
    lines += [Line(), heading(" Events", "newest first")]
    lines += [event_line(event, board, width, marks) for event in events]
    if not events:
        lines.append(line((" none", "dim")))
    return lines


def _past(row: HostRow, board: Board, history: History | None, look: Look) -> list[Line]:
    """The main check through time; nothing for a host that is never asked."""
    check = main_check(row, board)
    return history_lines(history, look, check) if check else []


def _claimed(row: HostRow, claim: Claim) -> Line:
    """What somebody says, and what was measured where that contradicts it."""
    where = f"hosted in {claim.hosted_in}" if claim.hosted_in else ""
    measured = row.hosting.country if row.hosting is not None else ""
    if claim.hosted_in and measured and measured != claim.hosted_in:
        said = f"{claim.hosted_in} ({claim.source}, {claim.date}); "
        contrary = f"measured {measured}: contradiction"
        return field(
            "claimed", (said, "text"), (contrary, "degraded"), (f"  {claim.text}", "dim")
        )
    said = "; ".join(part for part in (where, claim.text) if part)
    return field("claimed", (said, "text"), (f"  {claim.source}, {claim.date}", "dim"))


def _hosting(row: HostRow) -> Line:
    """What was measured, kept apart from what is claimed."""
    found = row.hosting
    if found is None:
        return field("hosting", ("not measured", "dim"))
    origin = f"AS{found.asn} {found.as_name}".rstrip() if found.asn else "no origin AS"
    said = "  ".join(p for p in (found.address, found.prefix, origin, found.country) if p)
    place = "inside" if found.inside else "outside"
    how = f"  {place}, {found.how} {stamp(found.at)}" if found.at else f"  {place}"
    return field("hosting", (said, "text"), (how, "dim"))


def check_line(row: CheckRow, width: int, marks: Marks, now: Micros) -> Line:
    """One check in one line; enter opens its history."""
    last = row.last
    reason = REASONS[last.reason].text if last else "not run yet"
    rtt = milliseconds(last.rtt_ms if last else None, marks.none)
    age = f"{duration(now - last.at)} ago" if last else ""
    spans: list[Span] = [
        (f" {fit(f'{mark_of(row.state, marks)} {row.state}', 14)}", row.state.lower()),
        (fit(row.label or row.kind, 14, marks.more), "strong"),
        (f" {fit(row.kind, 6)}", "dim"),
        (right(rtt, 9) + " ", "text"),
        *beats_spans(row.beats, 30 if width >= 110 else 10, marks),
        (right(age, 12), "dim"),
        (f"  {reason}", "text"),
    ]
    return Line(tuple(spans), f"check:{row.id}", CheckTarget(row.id))
