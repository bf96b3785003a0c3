"""What the control plane says, for the strip, the network's page and the path panel."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from monitor.records import (
    FEED_REASONS,
    Disagreement,
    FeedReason,
    FeedRow,
    FeedState,
    HostRow,
    Micros,
    NetworkRow,
    Routed,
    RouteRow,
)
from monitor.tui.board import Board, feed_name
from monitor.tui.lines import Line, Span, WhyTarget, field, heading, line
from monitor.tui.text import Look, Marks, duration, fit, percent, right, since

_STYLES: Final[dict[Routed, str]] = {
    Routed.VISIBLE: "up",
    Routed.PARTIAL: "degraded",
    Routed.WITHDRAWN: "down",
    Routed.UNKNOWN: "unknown",
}
_SAID: Final = {FeedState.ERROR: "feed error", FeedState.STALE: "feed stale"}


def strip_parts(row: NetworkRow) -> list[tuple[Span, ...]]:
    """``routes 4 of 4`` and ``AS4837 100%``; what hinders the feed; nothing where it is
    absent.
    """
    if row.routes_state is FeedState.ABSENT:
        return []
    if row.routes_state is not FeedState.LIVE:
        silent = row.routes_reason is FeedReason.SILENT
        said = "feed silent" if silent else _SAID[row.routes_state]
        return [(("routes: ", "dim"), (said, "degraded"))]
    well = row.routes_visible == row.routes_total
    style = "strong" if well else "down" if not row.routes_visible else "degraded"
    count = f"{row.routes_visible} of {row.routes_total}"
    parts: list[tuple[Span, ...]] = [(("routes ", "dim"), (count, style))]
    carrying = [asn for asn, edge in row.upstreams.items() if edge.usual or edge.peers]
    if carrying:
        shares = [_share(row, asn) for asn in carrying[:2]]
        spans = [span for share in shares for span in ((" ", "text"), *share)]
        parts.append(tuple(spans[1:]))
    return parts


def _share(row: NetworkRow, asn: int) -> tuple[Span, ...]:
    edge = row.upstreams[asn]
    share = edge.peers / edge.of if edge.of else 0.0
    fallen = 2 * edge.peers < edge.usual
    return ((f"AS{asn} ", "dim"), (percent(share), "down" if fallen else "text"))


def network_lines(row: NetworkRow, board: Board, look: Look) -> list[Line]:
    """Each prefix with who sees it, and the feeds that say so; none where nobody asks."""
    routes = routes_of(row, board)
    heard = [route for route in routes if route.memory is not None or route.at or route.since]
    if not heard and row.routes_state is FeedState.ABSENT:
        return []
    lines = [Line(), heading(" Routes", "prefixes as RIS peers see them; w says why")]
    lines += [_route_line(route, look) for route in routes]
    for asn, edge in row.upstreams.items():
        usual = f", usually {edge.usual}"
        said = f"{edge.peers} of {edge.of} peers enter by AS{asn}{usual}"
        lines.append(field("upstream", (said, "text")))
    lines += [_feed_line(feed, look.now) for feed in board.feeds.values()]
    return lines


def _place(row: RouteRow) -> tuple[int, int, int]:
    found = ipaddress.ip_network(row.prefix)
    return found.version, int(found.network_address), found.prefixlen


def _route_line(row: RouteRow, look: Look) -> Line:
    marks = look.marks
    ups = " ".join(f"AS{asn} {peers}" for asn, peers in list(row.upstreams.items())[:3])
    return Line(
        (
            (f" {fit(row.prefix, 19, marks.more)}", "strong"),
            *_state(row, marks, look.now),
            (right(_count(row), 17), "text"),
            (f"  via {ups}" if ups else "", "dim"),
            (f"  {_feed(row)}", "dim" if row.feed is FeedState.LIVE else "degraded"),
            (_notes(row), "degraded"),
        ),
        f"route:{row.prefix}",
        WhyTarget(f"route:{row.prefix}"),
    )


def _count(row: RouteRow) -> str:
    return f"{row.seen} of {row.peers} peers" if row.peers else "no peers"


def _feed(row: RouteRow) -> str:
    return "feed live" if row.feed is FeedState.LIVE else f"feed {row.feed}: {row.why}"


def _state(row: RouteRow, marks: Marks, now: Micros) -> list[Span]:
    looks = row.soft or row.state
    mark = {
        Routed.VISIBLE: marks.up,
        Routed.PARTIAL: marks.degraded,
        Routed.WITHDRAWN: marks.down,
        Routed.UNKNOWN: marks.unknown,
    }[looks]
    begun = row.soft_since if row.soft else row.since
    when = f" {since(begun, now)}" if begun else ""
    return [(f" {mark} {fit(looks, 10)}", _STYLES[looks]), (fit(when, 13), "dim")]


def _notes(row: RouteRow) -> str:
    notes = ["provisional"] if row.soft else []
    notes += ["unstable"] if row.unstable else []
    notes += [row.disagreement] if row.disagreement is not Disagreement.NONE else []
    return "".join(f"  {note}" for note in notes)


def _feed_line(row: FeedRow, now: Micros) -> Line:
    style = "text" if row.state is FeedState.LIVE else "degraded"
    why = row.why or FEED_REASONS[row.reason]
    said = f"{feed_name(row.name)} {row.state}" + (f": {why}" if why else "")
    age = f"  heard {duration(now - row.at)} ago, {row.messages} messages" if row.at else ""
    made = field("feed", (said, style), (age, "dim"))
    return Line(made.spans, f"feed:{row.name}", WhyTarget(f"feed:{row.name}"))


def path_line(host: HostRow, board: Board, look: Look) -> list[Line]:
    """The routes of the prefix a host's address lies in; none where nobody tells."""
    row = route_of(host, board)
    return route_line(row, look) if row is not None else []


def route_of(host: HostRow, board: Board) -> RouteRow | None:
    """The routes of the prefix a host's address lies in, if somebody tells of them."""
    address = host.hosting.address if host.hosting is not None else host.address
    return around(board.routes.values(), address)


def routes_of(network: NetworkRow, board: Board) -> list[RouteRow]:
    """The routes of a network's prefixes, in order of address."""
    return sorted(
        (row for row in board.routes.values() if row.network == network.id), key=_place
    )


def route_line(row: RouteRow, look: Look) -> list[Line]:
    """One prefix in one line; nothing where no peer tells of it."""
    if not row.peers:
        return []
    marks = look.marks
    looks = row.soft or row.state
    sure = "" if row.feed is FeedState.LIVE else f" (feed {row.feed})"
    notes = ", provisional" if row.soft else ""
    notes += ", unstable" if row.unstable else ""
    return [
        line(
            (" routes  ", "dim"),
            (f"{row.prefix}  ", "text"),
            (f"{row.seen} of {row.peers} peers", _STYLES[looks] if not sure else "unknown"),
            (f"  {looks}{notes}{sure}", "dim"),
            (f"  via AS{next(iter(row.upstreams))}" if row.upstreams else "", "dim"),
            (f"  {marks.dot} {row.disagreement}" if row.disagreement else "", "degraded"),
            key=f"route:{row.prefix}",
            target=WhyTarget(f"route:{row.prefix}"),
        )
    ]


def around(rows: Iterable[RouteRow], address: str) -> RouteRow | None:
    """The row of the most specific prefix that holds ``address``; None for a name."""
    try:
        asked = ipaddress.ip_address(address)
    except ValueError:
        return None
    found = [row for row in rows if asked in ipaddress.ip_network(row.prefix)]
    return max(found, key=lambda row: ipaddress.ip_network(row.prefix).prefixlen, default=None)
