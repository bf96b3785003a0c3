"""The situation strip: the line to read from five metres away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from rich.cells import cell_len

from monitor.records import SECOND, CollectorRow, Micros, NetworkRow, Phase, Vantage, VantageRow
from monitor.tui.board import Board
from monitor.tui.drill import speed_said
from monitor.tui.lines import Line, NetworkTarget, Span, spread
from monitor.tui.pages.routes import strip_parts
from monitor.tui.text import (
    Marks,
    clock,
    day,
    duration,
    fit,
    mark_of,
    since,
    stamp,
    state_of,
    zone_clock,
)

SYNTHETIC: Final = "DRILL, SYNTHETIC DATA"
# What is not well stands in reverse video: the eye goes there first.
_CHIPS: Final = {Phase.LOST: "fault", Phase.PARTIAL: "warn", Phase.UNSTABLE: "warn"}


def title_spans(
    board: Board, width: int, marks: Marks, now: Micros, banner: str, *, dead: bool
) -> tuple[Span, ...]:
    """Who we are, what we watch, what time it is where, and how old the data is."""
    collector = board.collector
    left: list[Span] = []
    if collector is not None and collector.drill:
        # A drill's cache is one wherever and however it is opened.
        words = (SYNTHETIC, banner if banner != SYNTHETIC else "")
        banner = " ".join(word for word in words if word)
    if banner:
        said = " ".join(word for word in (banner, speed_said(collector)) if word)
        left += [(f" {said} ", "banner"), (" ", "text")]
    who: list[Span] = [("watchdesk", "strong")]
    if collector is not None and collector.watchlist:
        who.append((f" {marks.dot} {collector.watchlist}", "text"))
    age = board.age(now)
    data = "no data yet" if age is None else f"data {duration(age)}"
    if collector is not None and collector.drill:
        data = "simulated time"
    old = dead or age is None
    clocks: list[Span] = [(f"{day(now)} {clock(now)}", "strong")]
    end: list[Span] = [("   ", "text"), (data, "degraded" if old else "dim")]
    # What time it is goes before who we are.
    if _cells([*left, *who, *clocks, *end]) + 2 <= width:
        left += who
    elif _cells([*left, *clocks, *end]) + 2 > width:
        end = []
    room = width - _cells(left) - _cells(clocks) - _cells(end) - 2
    for zone in _zones(board, collector):
        said = zone if zone.startswith("here ") else zone_clock(zone, now)
        if said.startswith("here "):
            said = _here(now)
        if said and cell_len(said) + 3 <= room:
            clocks.append((f"   {said}", "text"))
            room -= cell_len(said) + 3
    return spread(tuple(left), (*clocks, *end), width)


def _cells(spans: list[Span]) -> int:
    return sum(cell_len(text) for text, _ in spans)


def _zones(board: Board, collector: CollectorRow | None) -> list[str]:
    """The desk's own zone, then those of the networks, each once."""
    own = collector.timezone if collector is not None and collector.timezone else "here "
    zones = [own, *(row.timezone for row in board.networks.values())]
    return [zone for zone in dict.fromkeys(zones) if zone and zone != "UTC"]


def _here(now: Micros) -> str:
    """The machine's own clock, where it is not UTC."""
    utc = datetime.fromtimestamp(now / SECOND, tz=UTC)
    local = utc.astimezone()
    if not local.utcoffset():
        return ""
    ahead = (local.date() - utc.date()).days
    return f"here {local:%H:%M}" + (f" {ahead:+d}d" if ahead else "")


def trouble_lines(
    board: Board, width: int, now: Micros, *, dead: bool, standing: str = ""
) -> list[Line]:
    """What is wrong with ourselves, loudest first; one sentence each.

    ``standing`` is what is being done about a collector that does not run.
    """
    lines: list[Line] = []
    if board.problem:
        shown = "shown from memory: " if board.hosts else ""
        lines.append(_loud(f"{shown}{board.problem}", width, "warn"))
    collector = board.collector
    if collector is not None and dead:
        lines.append(_loud(_dead(collector, now), width, "warn"))
    if standing:
        lines.append(_loud(standing, width, "warn"))
    vantage = board.vantage()
    if vantage is not None:
        lines += _vantage_lines(vantage, width)
    if collector is not None and collector.problem:
        lines.append(_loud(collector.problem, width, "warn"))
    losses = board.losses()
    if losses:
        counts = ", ".join(f"{count} {name}" for name, count in losses.items())
        lines.append(_loud(f"overloaded: {counts} in the last minute", width, "warn"))
    if board.bad:
        many = "a record" if board.bad == 1 else f"{board.bad} records"
        lines.append(_loud(f"{many} of the cache could not be read", width, "warn"))
    return lines


def _loud(text: str, width: int, style: str) -> Line:
    return Line(
        ((fit(f" {text} ", min(width, cell_len(text) + 2)), style),), f"trouble:{style}"
    )


def _dead(collector: CollectorRow, now: Micros) -> str:
    old = duration(now - collector.beat)
    if collector.stopped >= collector.beat:
        return f"collector stopped at {stamp(collector.stopped)}, data {old} old"
    return f"collector silent since {stamp(collector.beat)}, data {old} old"


def _vantage_lines(row: VantageRow, width: int) -> list[Line]:
    """Our own fault must never be read as theirs."""
    count = f"{row.answering} of {row.known} controls answer"
    match row.health:
        case Vantage.FAULT:
            text = f"OWN VANTAGE FAULT: {row.why or count}; nothing can be said from here"
            return [_loud(text, width, "fault")]
        case Vantage.RECHECK:
            return [_loud(f"own vantage is back, checking again: {count}", width, "warn")]
        case Vantage.HEALTHY if row.nameless:
            return [_loud(row.why, width, "warn")]
        case Vantage.UNKNOWN if row.known and not row.answering:
            text = "controls do not answer either: nothing can be said from here"
            return [_loud(text, width, "fault")]
        case _:
            return []


def network_line(
    row: NetworkRow,
    vantage: VantageRow | None,
    width: int,
    marks: Marks,
    now: Micros,
    *,
    said: tuple[str, str] = ("", ""),
) -> Line:
    """Phase, name, since when, how many inside answer, what was seen from where.

    ``said`` is what people make of it, acknowledged or under maintenance: sign and words.
    """
    chip = _CHIPS.get(row.phase, state_of(row.phase).lower())
    word = fit(f" {mark_of(row.phase, marks)} {row.phase}", 12)
    parts: list[tuple[Span, ...]] = [
        ((word, chip), (f" {row.name}", "strong"), (f" {said[0]}".rstrip(), "accent"))
    ]
    if row.since:
        parts.append((("since ", "dim"), (since(row.since, now), "text")))
        parts.append(((duration(now - row.since), "text"),))
    inside = "strong" if row.inside_total else "dim"
    known = "" if row.inside_known == row.inside_total else f" ({row.inside_known} known)"
    count = f"{row.inside_up} of {row.inside_total}{known}"
    parts.append((("inside ", "dim"), (count, inside)))
    parts += strip_parts(row)
    if row.outside_total:
        outside = f"{row.outside_up} of {row.outside_total}"
        parts.append((("elsewhere ", "dim"), (outside, "text")))
    if vantage is not None:
        parts.append(_vantage(vantage, marks))
    if said[1]:
        parts.append(((said[1], "accent"),))
    return Line(_fitting(parts, row.why, width), f"network:{row.id}", NetworkTarget(row.id))


def _vantage(row: VantageRow, marks: Marks) -> tuple[Span, ...]:
    style = state_of(row.health).lower()
    said = f"{mark_of(row.health, marks)} {row.answering} of {row.total}"
    return (("own vantage ", "dim"), (said, style))


def _fitting(parts: list[tuple[Span, ...]], why: str, width: int) -> tuple[Span, ...]:
    """Parts in order as far as they go; at narrow widths the gaps and labels shrink first."""
    for gap in ("   ", "  "):
        spans: list[Span] = []
        for part in parts:
            spans += [*([(gap, "text")] if spans else []), *part]
        if _cells(spans) <= width:
            break
    else:
        return _squeezed(parts, width)
    room = width - _cells(spans) - 3
    if why and room >= 12:
        spans += [("   ", "text"), (fit(why, min(room, cell_len(why))), "dim")]
    return tuple(spans)


def _squeezed(parts: list[tuple[Span, ...]], width: int) -> tuple[Span, ...]:
    """For 80 columns: without the outside count and the words that the place tells; the
    share of the upstreams goes before the health of our own vantage does.
    """
    kept = [part for part in parts if part[0][0] != "elsewhere "]
    if _cells([span for part in kept for span in part]) + 2 * len(kept) > width + 6:
        kept = [part for part in kept if not part[0][0].startswith("AS")]
    spans: list[Span] = []
    for part in kept:
        short = [
            (text.removeprefix("own ").replace("since ", ""), style) for text, style in part
        ]
        piece = [*([("  ", "text")] if spans else []), *short]
        if _cells(spans) + _cells(piece) > width:
            continue
        spans += piece
    return tuple(spans)
