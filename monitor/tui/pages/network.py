"""The page of one network: its phase, its hosts by where they stand, its events."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.records import Event, HostRow, NetworkRow
from monitor.report.why import own_line
from monitor.report.witness import witness_lines
from monitor.tui.board import Board
from monitor.tui.history import History
from monitor.tui.lines import HostTarget, Line, field, heading, line, wrap
from monitor.tui.pages.band import phase_band
from monitor.tui.pages.event import event_line
from monitor.tui.pages.host import beats_spans
from monitor.tui.pages.ledger import said_lines
from monitor.tui.pages.routechart import route_chart
from monitor.tui.pages.routes import network_lines, routes_of
from monitor.tui.pages.why import explanation_lines
from monitor.tui.text import (
    STATE_ORDER,
    Look,
    Marks,
    duration,
    fit,
    hosting_of,
    mark_of,
    milliseconds,
    percent,
    right,
    short_duration,
    since,
    state_of,
    zone_clock,
)


def network_page(
    row: NetworkRow,
    board: Board,
    events: Sequence[Event],
    look: Look,
    history: History | None = None,
) -> list[Line]:
    width, marks, now = look.width, look.marks, look.now
    style = state_of(row.phase).lower()
    when = f"  since {since(row.since, now)}, {duration(now - row.since)}" if row.since else ""
    lines = [line((f" {mark_of(row.phase, marks)} {row.phase}", style), (when, "text"))]
    lines += [line((f"   {text}", "text")) for text in wrap(row.why, width - 4) if text]
    known = f"{row.inside_up} of {row.inside_total} up, {row.inside_known} known"
    usual = f"  usually {row.usual}" if row.usual else ""
    lines += [Line(), field("inside", (known, "strong"), (usual, "dim"))]
    if row.dns_total:
        names = f"{row.dns_up} of {row.dns_total} answer"
        lines.append(field("name servers", (names, "text")))
    lines.append(field("elsewhere", (f"{row.outside_up} of {row.outside_total} up", "text")))
    lines.append(field("prefixes", ("  ".join(row.prefixes) or marks.none, "text")))
    lines.append(field("origin", (_asns(row.origin_asns, marks), "text")))
    lines.append(field("upstream", (_asns(row.upstream_asns, marks), "text")))
    lines.append(field("time there", (zone_clock(row.timezone, now) or row.timezone, "text")))
    lines += network_lines(row, board, look)
    lines += _witness_lines(row, board, look)
    if row.explanations or row.fate or board.book.causes((f"network:{row.id}",)):
        lines += [
            Line(),
            heading(" Explanations", "ranked, never decided; x shows the evidence"),
        ]
        lines += explanation_lines(row, board, look, most=4)
    lines += phase_band(row, history, look)
    lines += route_chart(routes_of(row, board), history, look)
    inside, outside, near, far = _places(row, board)
    for title, hosts in (
        (" Inside", inside),
        (" Hosted elsewhere", outside),
        (" Near controls", near),
        (" Far controls", far),
    ):
        if hosts:
            lines += [Line(), heading(title, str(len(hosts)))]
            lines += [_host_line(host, board.voice_of(host), look) for host in hosts]
    lines += _own_lines(board, width)
    lines += said_lines(board, (f"network:{row.id}",), look)
    lines += [Line(), heading(" Events", "newest first; l: with what was said")]
    lines += [event_line(event, board, width, marks) for event in events]
    if not events:
        lines.append(line((" none", "dim")))
    return lines


def _witness_lines(row: NetworkRow, board: Board, look: Look) -> list[Line]:
    """What IODA says, or that it is not asked: a witness of its own, part of no judgement."""
    said = witness_lines(board.witnesses.get(row.id), look.now)
    rows = [text for each in said for text in wrap(each, max(20, look.width - 16))]
    return [field("" if n else "witness", (text, "text")) for n, text in enumerate(rows)]


def _asns(asns: Sequence[int], marks: Marks) -> str:
    return " ".join(f"AS{asn}" for asn in asns) or marks.none


def _own_lines(board: Board, width: int) -> list[Line]:
    """Our gateway and resolvers, which tell about nobody else."""
    vantage = board.vantage()
    if vantage is None or not vantage.own:
        return []
    said = [line((f" {fit(own_line(each), width - 2)}", "text")) for each in vantage.own]
    return [Line(), heading(" Our own side", "not counted among the controls"), *said]


def _places(row: NetworkRow, board: Board) -> tuple[list[HostRow], ...]:
    """Hosts inside, hosts of its voice elsewhere, near controls, far controls."""
    inside: list[HostRow] = []
    outside: list[HostRow] = []
    near: list[HostRow] = []
    far: list[HostRow] = []
    for host in board.hosts.values():
        if host.historic:
            continue
        if host.role == "control":
            (near if host.side == "near" else far).append(host)
        elif board.network_of(host) is row:
            found = host.hosting
            (inside if found is not None and found.inside else outside).append(host)
    for hosts in (inside, outside, near, far):
        hosts.sort(key=lambda host: (STATE_ORDER[host.state], host.name.casefold()))
    return inside, outside, near, far


def _host_line(row: HostRow, voice: str, look: Look) -> Line:
    width, marks, now = look.width, look.marks, look.now
    state = f"{mark_of(row.state, marks)} {row.state}"
    age = short_duration(now - row.since) if row.since else marks.none
    return Line(
        (
            (f" {fit(state, 14)}", row.state.lower()),
            (fit(row.name, 30 if width >= 100 else 18, marks.more), "text"),
            (f" {fit(hosting_of(row, marks, voice), 15, marks.more)}", "dim"),
            (right(milliseconds(row.rtt_ms, marks.none), 9), "text"),
            (right(percent(row.loss, marks.none), 6) + " ", "text"),
            *beats_spans(row.beats, 20 if width >= 100 else 8, marks),
            (right(age, 5), "dim"),
        ),
        f"host:{row.id}",
        HostTarget(row.id),
    )
