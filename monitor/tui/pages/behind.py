"""A hop, its AS, and the hosts behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from monitor.records import Hop, HostRow, PathHop, PathRow
from monitor.tui.board import Board
from monitor.tui.lines import HostTarget, Line, field, heading, line
from monitor.tui.pages.hops import is_upstream, remarks
from monitor.tui.pages.path import holds
from monitor.tui.text import (
    STATE_ORDER,
    Look,
    fit,
    hosting_of,
    mark_of,
    milliseconds,
    percent,
    right,
    short_duration,
    stamp,
)

# Addresses of an AS of which it is asked who is behind them.
ADDRESSES = 64


def addresses_of(hop: Hop, board: Board) -> list[str]:
    """The hop's address first, then all that are known of its AS on any watched path."""
    found = dict.fromkeys((hop.address, *hop.others)) if hop.address else {}
    if hop.asn is not None:
        for path in board.paths.values():
            for other in (*path.current, *path.usual):
                if other.asn == hop.asn:
                    found.update(dict.fromkeys(other.addresses))
    return list(found)[:ADDRESSES]


def behind_page(
    hop: Hop, at: int, board: Board, behind: Mapping[str, Sequence[str]] | None, look: Look
) -> list[Line]:
    """``behind`` are the hosts whose latest trace passes an address; None while it is read.

    ``at`` is when the trace that shows the hop was made.
    """
    lines = _hop_lines(hop, at, board, look)
    if behind is None:
        return [*lines, Line(), line((" being read", "dim"))]
    here = set(behind.get(hop.address, ())) if hop.address else set()
    through = {host for hosts in behind.values() for host in hosts} - here
    usual = set(_usually(hop, board.paths.values())) - here - through
    hosted = {
        host.id
        for host in board.hosts.values()
        if hop.asn is not None and host.hosting is not None and host.hosting.asn == hop.asn
    }
    near = _neighbours(here | through, board) - hosted
    whose = f"AS{hop.asn}" if hop.asn is not None else "this hop"
    groups = [
        (f" Behind {hop.address}", "their latest trace passes it", here),
        (f" Behind another hop of {whose}", "their latest trace passes it", through),
        (f" Usually behind {whose}", "but their latest trace does not pass it", usual),
        (" By their neighbours", "not traced; a trace into their network passes it", near),
        (f" Hosted in {whose}", "as measured", hosted - here - through - usual),
    ]
    told = False
    for title, note, names in groups:
        rows = [board.hosts[name] for name in names if name in board.hosts]
        if rows:
            told = True
            lines += [Line(), heading(title, f"{len(rows)}, {note}")]
            lines += _hosts(rows, board, look)
    if not told:
        lines += [Line(), line((" no watched host is behind it", "dim"))]
    return lines


def _hop_lines(hop: Hop, at: int, board: Board, look: Look) -> list[Line]:
    marks = look.marks
    name = f"AS{hop.asn} {hop.as_name}".rstrip() if hop.asn is not None else "AS not known"
    where = f"  {hop.country}" if hop.country else ""
    role = "".join(
        f"  upstream of {network.name}"
        for network in board.networks.values()
        if is_upstream(network, hop.asn)
    ) + "".join(
        f"  inside {network.name}" for network in board.networks.values() if holds(network, hop)
    )
    lines = [line((f" {name}", "strong"), (where, "dim"), (role, "accent"))]
    address = hop.address or "no answer"
    lines.append(field("hop", (f"{hop.ttl}  {address}", "text"), (f"  {hop.name}", "dim")))
    lines.append(field("traced", (stamp(at), "dim")))
    rtt = milliseconds(hop.rtt_ms, marks.none)
    reply = f", reply TTL {hop.reply_ttl}" if hop.reply_ttl is not None else ""
    said = f", ICMP {hop.icmp_type}/{hop.icmp_code}" if hop.icmp_type is not None else ""
    lines.append(field("answer", (f"{rtt}{reply}{said}", "text")))
    known = hop.window
    if known is not None and known.sent:
        text = f"loss {percent(known.loss)} of {known.sent}"
        if known.received:
            text += f", best {known.best_ms:.2f}, avg {known.mean_ms:.2f}, worst "
            text += f"{known.worst_ms:.2f}, deviation {known.stdev_ms:.2f}, jitter "
            text += f"{known.jitter_ms:.2f} ms"
        lines.append(field("window", (text, "text")))
    lines += [
        field("note" if place == 0 else "", (text, "text"))
        for place, text in enumerate(remarks(hop, named=False))
    ]
    return lines


def _neighbours(traced: set[str], board: Board) -> set[str]:
    """Hosts measured inside the networks of traced ones, with no trace of their own."""
    networks = {board.hosts[name].network for name in traced if name in board.hosts} - {""}
    return {
        host.id
        for host in board.hosts.values()
        if host.network in networks
        and not host.trace
        and host.hosting is not None
        and host.hosting.inside
    }


def _usually(hop: Hop, paths: Iterable[PathRow]) -> list[str]:
    return [path.host for path in paths if any(_is(hop, other) for other in path.usual)]


def _is(hop: Hop, other: PathHop) -> bool:
    """Whether a hop of a path is this one, or another of its AS."""
    if hop.asn is not None and other.asn == hop.asn:
        return True
    return bool(hop.address) and hop.address in other.addresses


def _hosts(rows: list[HostRow], board: Board, look: Look) -> list[Line]:
    rows.sort(key=lambda row: (STATE_ORDER[row.state], row.name.casefold(), row.id))
    return [_host_line(row, board, look) for row in rows]


def _host_line(row: HostRow, board: Board, look: Look) -> Line:
    marks = look.marks
    state = "unknown" if row.historic else row.state.lower()
    word = "HISTORIC" if row.historic else str(row.state)
    name = max(14, min(40, look.width - 52))
    why = max(0, look.width - name - 52)
    return Line(
        (
            (f" {fit(f'{mark_of(row.state, marks)} {word}', 14)}", state),
            (fit(row.name, name, marks.more), "strong"),
            (f" {fit(hosting_of(row, marks, board.voice_of(row)), 14, marks.more)}", "dim"),
            (right(milliseconds(row.rtt_ms, marks.none), 9), "text"),
            (right(percent(row.loss, marks.none), 6), "text"),
            (right(short_duration(look.now - row.since) if row.since else "", 5), "dim"),
            (f"  {fit(row.why, why, marks.more)}" if why else "", "dim"),
        ),
        f"host:{row.id}",
        HostTarget(row.id),
    )
