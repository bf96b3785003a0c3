"""Who is watched: hosts, checks and networks with their current rows."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.assess import host as hosts
from monitor.assess.network import NetworkJudge
from monitor.assess.rules import Rules
from monitor.records import (
    CheckRow,
    Hop,
    HostRow,
    Kind,
    NetworkRow,
    RouteRow,
    Row,
    TraceFacts,
    subject_of,
)
from monitor.watchlist.model import Check, Host, Network, Watchlist


class Watched:
    """A host with its row, the rows of its checks, and its networks.

    ``network`` is the one it is measured as hosted in, ``home`` that or else the one of
    its affiliation; ``usual_hops`` the path to it when it was last reached, ``way`` the last
    trace on which anything answered; ``voices`` the checks that speak for it.
    """

    __slots__ = (
        *("checks", "home", "host", "main", "network", "row", "trace", "usual_hops"),
        *("voices", "way"),
    )

    def __init__(self, host: Host, row: HostRow) -> None:
        self.host = host
        self.row = row
        self.network: Network | None = None
        self.home: Network | None = None
        self.checks: list[CheckRow] = []
        self.voices: list[CheckRow] = []
        self.main: CheckRow | None = None
        self.trace: CheckRow | None = None
        self.usual_hops: tuple[Hop, ...] = ()
        self.way: TraceFacts | None = None

    def walk(self, way: TraceFacts) -> None:
        """Take note of a trace; one on which nothing answers says nothing of the way."""
        if way.reached:
            self.usual_hops = way.hops
        if any(hop.address for hop in way.hops):
            self.way = way


class Judged:
    """A network with its judge and the hosts inside and, by affiliation, outside it.

    ``routes`` are the rows of its prefixes; none where nobody asks for routes.
    """

    __slots__ = ("inside", "judge", "network", "outside", "routes", "row")

    def __init__(self, network: Network, row: NetworkRow, rules: Rules) -> None:
        self.network = network
        self.row = row
        self.judge = NetworkJudge(row, rules)
        self.inside: list[Watched] = []
        self.outside: list[Watched] = []
        self.routes: list[RouteRow] = []


class Roster:
    """Everything on a watchlist; rows of an earlier run or watchlist go on."""

    def __init__(self, watchlist: Watchlist, old: Mapping[str, Row], rules: Rules) -> None:
        self.watchlist = watchlist
        self.hosts: dict[str, Watched] = {}
        self.of_check: dict[str, tuple[Watched, CheckRow]] = {}
        self.networks: dict[str, Judged] = {}
        self.children: dict[str, list[Watched]] = {}
        self.removed: list[Row] = []
        for network in watchlist.networks:
            row = _network_row(network, old.get(f"network:{network.id}"))
            self.networks[network.id] = Judged(network, row, rules)
        for host in watchlist.hosts:
            self._add(host, old)
        for watched in self.hosts.values():
            for parent in watched.host.parents:
                self.children.setdefault(parent, []).append(watched)
        self._remove(old)

    def rows(self) -> list[Row]:
        """Every current row."""
        rows: list[Row] = [judged.row for judged in self.networks.values()]
        rows += [watched.row for watched in self.hosts.values()]
        rows += [row for _, row in self.of_check.values()]
        return rows

    def house(self, watched: Watched, address: str) -> None:
        """Note where a host is hosted, as its address says."""
        found = next(
            (
                judged.network
                for judged in self.networks.values()
                if judged.network.holds(address)
            ),
            None,
        )
        affiliated = self.networks.get(watched.host.affiliation)
        watched.network = found
        watched.home = found or (affiliated.network if affiliated else None)
        watched.row.network = found.id if found else ""
        for judged in self.networks.values():
            for members in (judged.inside, judged.outside):
                if watched in members:
                    members.remove(watched)
        if watched.host.role != "host" or watched.host.historic:
            return
        if found is not None:
            self.networks[found.id].inside.append(watched)
        elif affiliated is not None and address:
            affiliated.outside.append(watched)

    def _add(self, host: Host, old: Mapping[str, Row]) -> None:
        row = _host_row(host, old.get(f"host:{host.id}"))
        watched = Watched(host, row)
        self.hosts[host.id] = watched
        if not host.historic:
            for check in host.checks:
                check_row = _check_row(check, old.get(f"check:{check.id}"))
                watched.checks.append(check_row)
                self.of_check[check.id] = (watched, check_row)
                if check.kind is Kind.TRACE and watched.trace is None:
                    watched.trace = check_row
        watched.voices = hosts.voices(watched.checks)
        watched.main = hosts.main_check(watched.checks)
        seen = watched.trace.last if watched.trace else None
        if seen is not None and isinstance(seen.facts, TraceFacts):
            watched.walk(seen.facts)
        row.trace = watched.trace.id if watched.trace else ""
        self.house(watched, row.hosting.address if row.hosting else host.address)

    def _remove(self, old: Mapping[str, Row]) -> None:
        now = {subject_of(row) for row in self.rows()}
        for subject, row in old.items():
            if subject in now or not isinstance(row, HostRow | NetworkRow):
                continue
            if not row.removed:
                row.removed = True
                self.removed.append(row)


def _network_row(network: Network, old: Row | None) -> NetworkRow:
    row = old if isinstance(old, NetworkRow) else NetworkRow(network.id, network.name)
    row.name, row.timezone, row.removed = network.name, network.timezone, False
    row.prefixes, row.origin_asns = network.prefixes, network.origin_asns
    row.upstream_asns = network.upstream_asns
    return row


def _host_row(host: Host, old: Row | None) -> HostRow:
    row = old if isinstance(old, HostRow) else HostRow(host.id, host.name)
    if row.address not in ("", host.address):
        row.hosting = None
    row.name, row.role, row.side, row.address = host.name, host.role, host.side, host.address
    row.affiliation, row.claims, row.historic = host.affiliation, host.claims, host.historic
    row.checks = tuple(check.id for check in host.checks)
    row.removed = False
    row.stale = row.last_at > 0
    return row


def _check_row(check: Check, old: Row | None) -> CheckRow:
    same = isinstance(old, CheckRow) and old.kind == check.kind
    row = (
        old
        if same and isinstance(old, CheckRow)
        else CheckRow(check.id, check.host, check.kind)
    )
    row.label, row.interval_s = check.label, check.interval_s
    row.stale = row.last is not None
    return row
