"""Routes beside a network: what its row shows of them, and what the signs look at.

Only what holds now counts: without a live feed there are no routes, which is not none.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from monitor.assess import host as hosts
from monitor.assess.picture import Edge, PrefixRoute
from monitor.assess.roster import Judged, Roster
from monitor.assess.routes import RouteJudge
from monitor.assess.rules import Rules
from monitor.records import (
    DAY,
    Event,
    FeedReason,
    FeedState,
    Micros,
    NetMemory,
    NetworkRow,
    Routed,
    RouteRow,
    RouteTable,
    Row,
    UpstreamShare,
)

# Upstreams worth a word; by less than a hundredth enters nothing that anybody sees.
_EDGES_KEPT: Final = 8
_EDGE_SHARE: Final = 0.01
# What usually carries is a mean over a day (rules: settle).
_USUAL: Final = DAY


class NetworkRoutes:
    """The judge of routes, and what its rows mean to the networks of the roster."""

    def __init__(self, old: Mapping[str, Row], rules: Rules) -> None:
        """``old`` are the rows of an earlier run, which tell nothing of now."""
        self._rules = rules
        self._judge = RouteJudge((), rules=rules)
        self._old = dict(old)
        for row in self._old.values():
            if isinstance(row, RouteRow):
                row.feed = FeedState.ABSENT
            elif isinstance(row, NetworkRow):
                forget(row, row.routes_reason)

    def follow(self, roster: Roster) -> list[Row]:
        """Go on with the networks of ``roster``; the rows that this changed."""
        old = self._old | self._judge.kept()
        self._old = {}
        networks = roster.watchlist.networks
        self._judge = RouteJudge(networks, old, self._rules)
        for judged in roster.networks.values():
            rows = self._judge.rows.values()
            judged.routes = [row for row in rows if row.network == judged.network.id]
        return list(self._judge.take().values())

    def hear(
        self, now: Micros, table: RouteTable, roster: Roster, *, trusted: bool
    ) -> tuple[list[Event], list[Row]]:
        """Judge a table; the events, and the rows to keep."""
        answering = reached(roster.networks.values()) if trusted else None
        events = self._judge.step(now, table, answering)
        rows = list(self._judge.take().values())
        rows += [
            judged.row
            for judged in roster.networks.values()
            if fill(judged.row, judged.routes, table, now)
        ]
        return events, rows

    def end(self, now: Micros, roster: Roster) -> list[Row]:
        """Nobody asks any more; the rows that say so, none where nobody has."""
        self._judge.end(now)
        rows = list(self._judge.take().values())
        for judged in roster.networks.values():
            row = judged.row
            if (
                row.routes_state is not FeedState.ABSENT
                or row.routes_reason is not FeedReason.NONE
            ):
                forget(row, FeedReason.NONE)
                rows.append(row)
        self._judge = RouteJudge((), rules=self._rules)
        self.follow(roster)
        return rows


def reached(networks: Iterable[Judged]) -> dict[str, tuple[int, int]]:
    """By prefix, how many of how many hosts answer: usual ones inside, with fresh data."""
    found: dict[str, tuple[int, int]] = {}
    for judged in networks:
        usual = judged.row.memory.usual if judged.row.memory is not None else {}
        for watched in judged.inside:
            answers = hosts.reach(hosts.voices(watched.checks))
            if answers is None or watched.row.id not in usual:
                continue
            found_at = watched.row.hosting
            address = found_at.address if found_at is not None else watched.host.address
            prefix = longest(judged.network.prefixes, address)
            up, known = found.get(prefix, (0, 0))
            found[prefix] = (up + answers, known + 1)
    return found


def longest(prefixes: Iterable[str], address: str) -> str:
    """The most specific of ``prefixes`` around ``address``, or ''."""
    asked = ipaddress.ip_address(address)
    around = [ipaddress.ip_network(prefix) for prefix in prefixes]
    inside = [found for found in around if asked in found]
    return str(max(inside, key=lambda found: found.prefixlen)) if inside else ""


def shown(row: RouteRow) -> Routed:
    """How a prefix looks now, provisional or not; UNKNOWN where the feed does not tell."""
    return row.soft or row.state if row.feed is FeedState.LIVE else Routed.UNKNOWN


def fill(row: NetworkRow, routes: Sequence[RouteRow], table: RouteTable, now: Micros) -> bool:
    """Bring what a network's row says of its ``routes`` up to date; whether that changed."""
    before = (
        *(row.routes_visible, row.routes_total, row.routes_state, row.routes_reason),
        row.upstreams,
    )
    known = [route for route in routes if shown(route) is not Routed.UNKNOWN]
    row.routes_total = len(known)
    row.routes_visible = sum(shown(route) is Routed.VISIBLE for route in known)
    row.routes_state, row.routes_reason = table.state, table.reason
    if table.state is FeedState.LIVE and not known:
        row.routes_state, row.routes_reason = FeedState.ABSENT, FeedReason.UNSEEDED
    row.upstreams = _upstreams(row, known, now)
    return before != (
        *(row.routes_visible, row.routes_total, row.routes_state, row.routes_reason),
        row.upstreams,
    )


def forget(row: NetworkRow, reason: FeedReason) -> None:
    """Nothing is heard: nothing may be said."""
    row.routes_visible = row.routes_total = 0
    row.routes_state, row.routes_reason = FeedState.ABSENT, reason
    row.upstreams = {}


def _upstreams(
    row: NetworkRow, known: Sequence[RouteRow], now: Micros
) -> dict[int, UpstreamShare]:
    of = sum(route.peers for route in known)
    if not of or row.memory is None:
        return {}
    memory = row.memory
    counts: dict[int, int] = {}
    for route in known:
        for asn, peers in route.upstreams.items():
            counts[asn] = counts.get(asn, 0) + peers
    if all(shown(route) is Routed.VISIBLE and not route.unstable for route in known):
        _learn(memory, {asn: peers / of for asn, peers in counts.items()}, now)
    else:
        memory.edges_at = now
    mean = of / len(known)
    asns = sorted({*counts, *memory.edges}, key=lambda asn: (-memory.edges.get(asn, 0.0), asn))
    found = {
        asn: UpstreamShare(
            peers=round(counts.get(asn, 0) / len(known)),
            usual=round(memory.edges.get(asn, 0.0) * mean),
            of=round(mean),
        )
        for asn in asns
    }
    seen = [(asn, edge) for asn, edge in found.items() if edge.peers or edge.usual]
    return dict(seen[:_EDGES_KEPT])


def _learn(memory: NetMemory, shares: dict[int, float], now: Micros) -> None:
    """What carries while all is well is what is usual; a change becomes so in a day."""
    first = not memory.edges
    weight = 1.0 if first else min(1.0, max(0, now - memory.edges_at) / _USUAL)
    asns = {*memory.edges, *shares}
    usual = {
        asn: memory.edges.get(asn, 0.0)
        + weight * (shares.get(asn, 0.0) - memory.edges.get(asn, 0.0))
        for asn in asns
    }
    # One that has just begun to carry is far under a hundredth as a mean over a day.
    kept = [asn for asn in usual if shares.get(asn, 0.0) > 0 or usual[asn] >= _EDGE_SHARE]
    kept.sort(key=lambda asn: (-usual[asn], -shares.get(asn, 0.0), asn))
    memory.edges = {asn: usual[asn] for asn in kept[: 4 * _EDGES_KEPT]}
    memory.edges_at = now


def withdrawn(routes: Iterable[RouteRow]) -> bool:
    """Whether at least half of the prefixes of which a live feed tells are withdrawn."""
    found = [shown(route) for route in routes]
    known = [level for level in found if level is not Routed.UNKNOWN]
    return bool(known) and 2 * known.count(Routed.WITHDRAWN) >= len(known)


def prefix_routes(routes: Iterable[RouteRow]) -> dict[str, PrefixRoute] | None:
    """The routes as the signs look at them; None where no routing data are at hand."""
    found = {
        route.prefix: PrefixRoute(route.seen, route.peers, _withdrawn_at(route))
        for route in routes
        if shown(route) is not Routed.UNKNOWN
    }
    return found or None


def _withdrawn_at(route: RouteRow) -> Micros:
    if route.soft is Routed.WITHDRAWN:
        return route.soft_since
    gone = route.state is Routed.WITHDRAWN and route.soft is None
    return route.since if gone else 0


def edges(row: NetworkRow) -> dict[int, Edge] | None:
    """Shares by upstream AS, now and usually; None where no routing data are at hand."""
    if row.routes_state is not FeedState.LIVE or not row.upstreams:
        return None
    return {
        asn: Edge(edge.peers / max(1, edge.of), edge.usual / max(1, edge.of))
        for asn, edge in row.upstreams.items()
    }


def amiss(row: NetworkRow, rules: Rules) -> bool:
    """Whether prefixes, or an upstream that usually carries, are not seen as they were."""
    if row.routes_state is not FeedState.LIVE:
        return False
    if row.routes_visible < row.routes_total:
        return True
    usual = [
        edge for edge in (edges(row) or {}).values() if edge.usual >= rules.route_withdrawn
    ]
    return any(edge.share < rules.route_withdrawn for edge in usual)
