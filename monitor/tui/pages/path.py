"""The way to a host: hops, the network's border, the break."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from msgspec import structs
from rich.cells import cell_len

from monitor.records import (
    REASONS,
    Hop,
    HostRow,
    NetworkRow,
    Observation,
    PathHop,
    PathRow,
    PathState,
    Reason,
    TraceFacts,
)
from monitor.tui.board import Board
from monitor.tui.lines import Line, line, wrap
from monitor.tui.pages.routes import path_line
from monitor.tui.text import Look, Marks, clock, duration, fit, percent, right


def path_lines(host: HostRow | None, board: Board, look: Look) -> list[Line]:
    """The last trace towards ``host``, or one sentence on why there is none; its routes."""
    if host is None:
        return [line((" no host under the cursor", "dim"))]
    return [*_way(host, board, look), *path_line(host, board, look)]


def _way(host: HostRow, board: Board, look: Look) -> list[Line]:
    if not host.trace:
        return [line((" no trace check on this host", "dim"))]
    last = board.trace_of(host)
    if last is None or not isinstance(last.facts, TraceFacts):
        check = board.checks.get(host.trace)
        said = check.last if check else None
        if said is None:
            return [line((" the trace check has not run yet", "dim"))]
        reason = REASONS[said.reason].text or str(said.outcome)
        return [line((" no trace: ", "dim"), (f"{reason} at {clock(said.at)}", "text"))]
    known = board.paths.get(host.trace)
    lines = trace_lines(last, last.facts, board.network_of(host), look, host=host, known=known)
    return lines + (_remembered(known, look) if known is not None else [])


def _remembered(path: PathRow, look: Look) -> list[Line]:
    """What is usual, and what changed against it."""
    lines: list[Line] = []
    usual = _as_path(path.usual, look.marks)
    if usual:
        lines += [
            line((f"    {text}", "dim")) for text in wrap(f"usual {usual}", look.width - 6)
        ]
    if path.changed_at:
        ago = duration(look.now - path.changed_at)
        before = _as_path(path.before, look.marks)
        text = f"changed {clock(path.changed_at)}, {ago} ago" + (
            f", was {before}" if before else ""
        )
        lines += [line((f"    {text}", "text")) for text in wrap(text, look.width - 6)]
    return lines


def _as_path(hops: Sequence[PathHop], marks: Marks) -> str:
    """The ASes of a path, each once in a row; its hops where no AS is known."""
    names = [f"AS{hop.asn}" for hop in hops if hop.asn]
    names = names or [hop.addresses[0] for hop in hops if hop.addresses]
    return f" {marks.arrow} ".join(dict.fromkeys(names))


def path_titles(host: HostRow | None, board: Board, look: Look) -> tuple[str, str]:
    """``Upstream path → ns1.kptc.kp`` and ``icmp, 12s ago``."""
    if host is None:
        return "Upstream path", ""
    left = f"Upstream path {look.marks.arrow} {host.name}"
    last = board.trace_of(host)
    if last is None or not isinstance(last.facts, TraceFacts):
        return left, ""
    return left, f"{last.facts.method}, {duration(look.now - last.at)} ago"


def trace_lines(
    last: Observation,
    facts: TraceFacts,
    network: NetworkRow | None,
    look: Look,
    *,
    host: HostRow | None = None,
    known: PathRow | None = None,
) -> list[Line]:
    """Hops in order, with a line where the network begins and one where the path ends.

    ``known`` is what is remembered of the path, if it is: it dates the break, and says where
    it is when a round came less far.
    """
    last, facts = _as_remembered(last, facts, known)
    width, marks = look.width, look.marks
    longest = max((cell_len(hop.address) for hop in facts.hops), default=9)
    address = max(9, min(longest, max(15, width // 3)))
    lines: list[Line] = [_head(width, address)] if facts.hops else []
    inside = False
    ends = last_answer(facts)
    silent = 0
    for place, hop in enumerate(facts.hops):
        if place > ends >= -1 and not facts.reached:
            silent += 1
            continue
        if network is not None and not inside and holds(network, hop):
            inside = True
            lines.append(rule(f"border of {network.name}", width, marks.rule, "accent"))
        lines.append(_hop(hop, network, width, address, marks))
    if not facts.reached:
        when = ""
        if known is not None and known.since and known.state is PathState.BROKEN:
            when = f" since {clock(known.since)}"
        elif host is not None and host.since and host.state in ("DOWN", "UNREACHABLE"):
            when = f" since {clock(host.since)}"
        if last.reason is Reason.PATH_LOOP:
            lines.append(loop_line(facts, look))
        else:
            lines += break_lines(facts.hops[ends] if ends >= 0 else None, when, silent, look)
        lines += after_break(last, network, marks)
    elif not facts.hops:
        lines.append(line((" reached, but no hop on the way answered", "dim")))
    if facts.reached:
        lines.append(line((f" {marks.up} reached", "up"), (f"  {last.address}", "dim")))
    return lines


def _as_remembered(
    last: Observation, facts: TraceFacts, known: PathRow | None
) -> tuple[Observation, TraceFacts]:
    """A round that came less far than the break that is known: hops it did not ask, and a
    router that does not repeat its refusal, stand where they are known to.
    """
    if known is None or known.state is not PathState.BROKEN or facts.reached:
        return last, facts
    if last.at < known.since or last_answer(facts) >= known.last_ttl - 1:
        return last, facts
    usual = {hop.ttl: hop for hop in known.usual}
    hops = []
    for ttl in range(1, known.last_ttl + 1):
        hop = facts.hops[ttl - 1] if ttl <= len(facts.hops) else Hop(ttl, sent=0)
        there = usual.get(ttl)
        if ttl == known.last_ttl:
            hop = Hop(ttl, known.last_address, asn=known.last_asn, sent=0)
        elif not hop.sent and not hop.address and there is not None and there.addresses:
            hop = Hop(ttl, there.addresses[0], asn=there.asn, as_name=there.as_name, sent=0)
        hops.append(hop)
    said = structs.replace(last, reason=known.reason, said_by=known.said_by)
    return said, structs.replace(facts, hops=tuple(hops))


def loop_line(facts: TraceFacts, look: Look) -> Line:
    """Who passes a packet on to whom, round and round."""
    seen = [hop.address for hop in facts.hops if hop.address]
    again = dict.fromkeys(address for address in seen if seen.count(address) > 1)
    title = "loop: " + " and ".join(list(again)[:3]) + " pass it on to each other"
    return rule(title, look.width, look.marks.thick, "break")


def break_lines(hop: Hop | None, when: str, silent: int, look: Look) -> list[Line]:
    """Where the path ends, since when, and what was asked beyond."""
    fits = (text for text in _breaks(hop, when) if cell_len(text) <= look.width - 6)
    title = next(fits, "break")
    lines = [rule(title, look.width, look.marks.thick, "break")]
    said = [] if when in title else [when.strip()]
    if silent:
        said.append(f"{silent} further hops silent")
    text = ", ".join(said)
    if text:
        lines.append(line((f"    {text}", "dim")))
    return lines


def after_break(last: Observation, network: NetworkRow | None, marks: Marks) -> list[Line]:
    lines: list[Line] = []
    if last.reason not in (Reason.NONE, Reason.PATH_BREAK):
        said = f", said by {last.said_by}" if last.said_by else ""
        lines.append(line((f"    {REASONS[last.reason].text}{said}", "text")))
    if network is not None:
        asns = " ".join(f"AS{asn}" for asn in network.origin_asns)
        name = f"  {marks.dot} {asns} {network.name}"
        lines.append(line((name, "dim"), (" not seen", "dim")))
    return lines


def last_answer(facts: TraceFacts) -> int:
    return max((place for place, hop in enumerate(facts.hops) if hop.address), default=-1)


def _breaks(hop: Hop | None, when: str) -> Iterator[str]:
    """How a break may be named, longest first; the AS of the last answer, else its address."""
    if hop is None:
        yield from (f"break: nothing answers at all{when}", "break: nothing answers at all")
    elif hop.asn:
        short = f"break: nothing beyond AS{hop.asn}"
        yield f"{short} {hop.as_name}".rstrip() + f" ({hop.address}){when}"
        yield f"{short} {hop.as_name}".rstrip() + when
        yield from (f"{short}{when}", short)
    else:
        yield f"break: nothing beyond {hop.name or hop.address}{when}"
        yield f"break: nothing beyond {hop.address}"


def rule(title: str, width: int, sign: str, style: str) -> Line:
    room = max(0, width - cell_len(title) - 5)
    return line((f" {sign * 2} {title} {sign * room}", style))


_RTT: Final = 8
_LOSS: Final = 6  # and a space before it


def _head(width: int, address: int) -> Line:
    room = max(0, width - 4 - address - 2 - _RTT - _LOSS)
    names = f"{fit('address', address)} {fit('AS and name', room)}"
    return line((f"    {names}{right('ms', _RTT)}{right('loss', _LOSS + 1)}", "dim"))


def _hop(hop: Hop, network: NetworkRow | None, width: int, address: int, marks: Marks) -> Line:
    """TTL, address, AS and name, RTT in ms, loss; numbers keep their place."""
    number = f"{hop.ttl:>3} "
    if not hop.address:
        said = "no answer" if hop.sent else "not asked"
        return line((number, "dim"), (said, "dim"), key=f"hop:{hop.ttl}")
    loss = 1 - hop.received / hop.sent if hop.sent else None
    if hop.window is not None and hop.window.loss is not None:
        loss = hop.window.loss
    # A router that limits its answers loses none of the packets that pass it.
    lost = "limits" if hop.limited else percent(loss, marks.none)
    room = max(0, width - 4 - address - 2 - _RTT - _LOSS)
    whose = f"AS{hop.asn} {hop.as_name}".rstrip() if hop.asn else hop.name
    upstream = network is not None and hop.asn in network.upstream_asns
    rtt = f"{hop.rtt_ms:.1f}" if hop.rtt_ms is not None else marks.none
    return line(
        (number, "dim"),
        (fit(hop.address, address, marks.more) + " ", "text"),
        (fit(whose, room, marks.more), "strong" if upstream else "text"),
        (right(rtt, _RTT), "text"),
        (right(lost, _LOSS + 1), "degraded" if loss and not hop.limited else "dim"),
        key=f"hop:{hop.ttl}",
    )


def holds(network: NetworkRow, hop: Hop) -> bool:
    """Whether a hop stands inside the network: by its AS, else by its address."""
    if hop.asn is not None:
        return hop.asn in network.origin_asns
    return bool(hop.address) and _in_prefixes(hop.address, network.prefixes)


@lru_cache(maxsize=1024)
def _in_prefixes(address: str, prefixes: tuple[str, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address)
        return any(found in ipaddress.ip_network(prefix) for prefix in prefixes)
    except ValueError:
        return False
