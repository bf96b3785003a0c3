"""The assessor: observations go in; events and current rows come out.

It holds the rows and moves time forward only as observations and ticks tell it, on a grid
of rounds, so that the same observations in the same order give the same transitions in
whatever batches they come.  Nothing here reads a clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping

import msgspec

from monitor.assess import check as checks
from monitor.assess import host as hosts
from monitor.assess.rules import RULES, Rules
from monitor.assess.vantage import Guard
from monitor.records import (
    SECOND,
    CheckRow,
    Event,
    EventKind,
    HostRow,
    Kind,
    Micros,
    NetworkRow,
    Observation,
    Row,
    State,
    Vantage,
    VantageRow,
    Verdict,
    subject_of,
)
from monitor.watchlist.model import Check, Host, Network, Watchlist


class _Watched:
    """A host with its row and the rows of its checks."""

    __slots__ = ("checks", "host", "main", "network", "row", "trace")

    def __init__(self, host: Host, row: HostRow, network: Network | None) -> None:
        self.host = host
        self.row = row
        self.network = network
        self.checks: list[CheckRow] = []
        self.main: CheckRow | None = None
        self.trace: CheckRow | None = None


class Assessor:
    """Judges a watchlist; one per collector and vantage."""

    def __init__(
        self,
        watchlist: Watchlist,
        started: Micros,
        rows: Mapping[str, Row] | None = None,
        vantage: str = "local",
        rules: Rules = RULES,
    ) -> None:
        """``rows`` are the current rows of an earlier run: states, soft counters and flap
        rings go on from there, and what is found again is not announced again.
        """
        self._rules = rules
        self._vantage = vantage
        self._old: dict[str, Row] = dict(rows or {})
        self._watched: dict[str, _Watched] = {}
        self._of_check: dict[str, tuple[_Watched, CheckRow]] = {}
        self._networks: dict[str, tuple[NetworkRow, list[_Watched]]] = {}
        self._children: dict[str, list[_Watched]] = {}
        self._stale: list[tuple[Micros, str]] = []
        self._started = started
        self._now = started
        self._round = started // rules.round
        self.verdict = Verdict()
        self._guard = Guard(vantage, watchlist.controls("far"), rules)
        earlier = self._old.get(f"vantage:{vantage}")
        if isinstance(earlier, VantageRow):
            self._guard.restore(earlier)
        self._load(watchlist)

    # --- the watchlist -----------------------------------------------------------------

    def _load(self, watchlist: Watchlist) -> None:
        self.watchlist = watchlist
        self.verdict.add(self._guard.row)
        networks = {network.id: network for network in watchlist.networks}
        for network in watchlist.networks:
            self._networks[network.id] = (self._network_row(network), [])
        for host in watchlist.hosts:
            self._add_host(host, networks)
        for watched in self._watched.values():
            for parent in watched.host.parents:
                self._children.setdefault(parent, []).append(watched)
        for row, inside in self._networks.values():
            self._count(row, inside)
        self._mark_removed()

    def _network_row(self, network: Network) -> NetworkRow:
        old = self._old.get(f"network:{network.id}")
        row = old if isinstance(old, NetworkRow) else NetworkRow(network.id, network.name)
        row.name, row.timezone, row.removed = network.name, network.timezone, False
        row.prefixes, row.origin_asns = network.prefixes, network.origin_asns
        row.upstream_asns = network.upstream_asns
        return row

    def _add_host(self, host: Host, networks: Mapping[str, Network]) -> None:
        old = self._old.get(f"host:{host.id}")
        row = old if isinstance(old, HostRow) else HostRow(host.id, host.name)
        row.name, row.role, row.side, row.address = (
            host.name,
            host.role,
            host.side,
            host.address,
        )
        row.affiliation, row.claims, row.historic = host.affiliation, host.claims, host.historic
        row.checks = tuple(check.id for check in host.checks)
        row.removed = False
        inside = next((net for net in networks.values() if net.holds(host.address)), None)
        row.network = inside.id if inside else ""
        watched = _Watched(host, row, inside or networks.get(host.affiliation))
        self._watched[host.id] = watched
        if not host.historic:
            for check in host.checks:
                self._add_check(check, watched)
        watched.main = hosts.main_check(watched.checks)
        row.trace = watched.trace.id if watched.trace else ""
        if old is not None:
            row.stale = bool(watched.checks)
        if inside is not None and host.role == "host" and not host.historic:
            self._networks[inside.id][1].append(watched)
        self.verdict.add(row)

    def _add_check(self, check: Check, watched: _Watched) -> None:
        old = self._old.get(f"check:{check.id}")
        row = (
            old
            if isinstance(old, CheckRow) and old.kind == check.kind
            else CheckRow(check.id, check.host, check.kind)
        )
        row.label, row.interval_s = check.label, check.interval_s
        row.stale = row.last is not None
        watched.checks.append(row)
        if check.kind is Kind.TRACE and watched.trace is None:
            watched.trace = row
        self._of_check[check.id] = (watched, row)
        heapq.heappush(self._stale, (self._stale_at(row), check.id))
        self.verdict.add(row)

    def _mark_removed(self) -> None:
        for subject, row in self._old.items():
            kind, _, name = subject.partition(":")
            if isinstance(row, HostRow) and name not in self._watched:
                row.removed = True
                self.verdict.add(row)
            if isinstance(row, NetworkRow) and kind == "network" and name not in self._networks:
                row.removed = True
                self.verdict.add(row)
        self._old.clear()

    def reload(self, watchlist: Watchlist) -> None:
        """Go on with another watchlist; what both have keeps its state and memory."""
        guard = Guard(self._vantage, watchlist.controls("far"), self._rules)
        guard.adopt(self._guard)
        self._guard = guard
        kept: list[Row] = [watched.row for watched in self._watched.values()]
        kept += [row for _, row in self._of_check.values()]
        kept += [row for row, _ in self._networks.values()]
        self._old = {subject_of(row): row for row in kept}
        self._watched, self._of_check, self._networks = {}, {}, {}
        self._children, self._stale = {}, []
        self._load(watchlist)

    # --- time and observations -----------------------------------------------------------

    def take(self) -> Verdict:
        """What has changed since the last call."""
        verdict, self.verdict = self.verdict, Verdict()
        return verdict

    def tick(self, now: Micros) -> None:
        """Move time forward without an observation."""
        if now <= self._now:
            return
        self._now = now
        rounds = now // self._rules.round
        # After a long silence only the last rounds can differ from each other.
        for grid in range(max(self._round + 1, rounds - 12), rounds + 1):
            self._one_round(grid * self._rules.round)
        self._round = rounds

    def observe(self, observation: Observation) -> None:
        """Judge one observation; time moves to its end first."""
        found = self._of_check.get(observation.check)
        if found is None:
            return
        self.tick(checks.ended(observation))
        self._guard.hear(observation)
        watched, row = found
        broken = hosts.breaks_on_the_way(observation, watched.host, watched.network)
        before = (row.state, row.soft, row.stale, row.flapping)
        events = checks.judge(row, observation, broken, self._guard, self._rules)
        for event in events:
            self._tell(event)
        self.verdict.rows[f"check:{row.id}"] = row
        if before != (row.state, row.soft, row.stale, row.flapping) or row is watched.trace:
            self._combine(watched, self._now)
        flapped = watched.row.flapping
        hosts.refresh(watched.row, watched.checks)
        if flapped != watched.row.flapping:
            self._tell_flapping(watched, events)
        if row is watched.main:
            watched.row.beats = row.beats
        self.verdict.rows[f"host:{watched.row.id}"] = watched.row

    def gap(self, since: Micros, until: Micros, why: str) -> None:
        """Write a gap: nothing was seen in between, and soft counters start anew."""
        self._tell(
            Event(
                at=until,
                kind=EventKind.GAP,
                subject=f"vantage:{self._vantage}",
                text=why,
                rule="gap",
                since=since,
                until=until,
            )
        )
        for _, row in self._of_check.values():
            if row.memory is not None and row.memory.fails:
                row.memory.fails = 0
                row.memory.recent.clear()
                row.soft, row.attempt = None, 0
                self.verdict.add(row)
        if until > self._now or self._now - until > self._rules.clock_jump:
            # The wall clock itself was moved: its new reading is the time from here on.
            self._now, self._round = until, until // self._rules.round

    def row_of(self, check: str) -> CheckRow | None:
        """The current row of a check of the watchlist."""
        found = self._of_check.get(check)
        return None if found is None else found[1]

    def trace_of(self, host: str) -> str:
        """The id of a host's trace check, or ''."""
        watched = self._watched.get(host)
        return watched.row.trace if watched is not None else ""

    @property
    def vantage(self) -> VantageRow:
        return self._guard.row

    # --- inside ---------------------------------------------------------------------------

    def _tell(self, event: Event) -> None:
        self.verdict.events.append(event)

    def _one_round(self, now: Micros) -> None:
        row = self._guard.row
        before = (row.health, row.answering, row.known, row.asns)
        events = self._guard.round(now)
        if before != (row.health, row.answering, row.known, row.asns):
            self.verdict.add(row)
        for event in events:
            self._tell(event)
            if event.kind is EventKind.VANTAGE and event.new == Vantage.FAULT:
                for watched, check in self._of_check.values():
                    self._forget(watched, check, now, "vantage", event.text)
        while self._stale and self._stale[0][0] <= now:
            _, name = heapq.heappop(self._stale)
            watched, check = self._of_check[name]
            at = self._stale_at(check)
            if at <= now:
                if not check.stale:
                    check.stale = True
                    text = f"no trusted data for {self._rules.stale_intervals} intervals"
                    self._forget(watched, check, now, "stale", text)
                at = now + int(check.interval_s * SECOND)
            heapq.heappush(self._stale, (at, name))

    def _stale_at(self, row: CheckRow) -> Micros:
        good_at = row.memory.good_at if row.memory is not None else 0
        return max(good_at, self._started) + int(
            row.interval_s * self._rules.stale_intervals * SECOND
        )

    def _forget(
        self, watched: _Watched, row: CheckRow, now: Micros, rule: str, why: str
    ) -> None:
        event = checks.forget(row, now, rule, why)
        self.verdict.add(row)
        if event is not None:
            self._tell(event)
        self._combine(watched, now, rule, why)
        hosts.refresh(watched.row, watched.checks)
        self.verdict.add(watched.row)

    def _combine(self, watched: _Watched, now: Micros, rule: str = "", why: str = "") -> None:
        """Bring a host's state up to date and tell when it changed."""
        speaking = hosts.voices(watched.checks)
        new = hosts.combine(row.state for row in speaking)
        soft = hosts.combine(row.soft or row.state for row in speaking)
        if new is State.DOWN and self._way_is_broken(watched):
            new = State.UNREACHABLE
        if soft is State.DOWN and new is State.UNREACHABLE:
            soft = new
        row = watched.row
        row.soft = soft if soft is not new else None
        if new is row.state:
            return
        old, row.state = row.state, new
        since = max((check.since for check in speaking if check.state is new), default=now)
        quiet = rule != ""
        rule = rule or "hard"
        if new is State.UNKNOWN:
            row.before, row.before_since = old, row.since
            since, quiet = now, True
        elif old is State.UNKNOWN:
            if row.before is new:
                rule, quiet, since = "as-before", True, row.before_since
            elif row.before is None and new is State.UP:
                rule, quiet = "first-look", True
            row.before = None
        row.since = since or now
        reason, clauses = hosts.worst(speaking)
        self._tell(
            Event(
                at=now,
                kind=EventKind.TRANSITION,
                subject=f"host:{row.id}",
                text=why or clauses or "answers",
                old=old,
                new=new,
                reason=reason,
                rule=rule,
                since=row.since,
                evidence=hosts.evidence(watched.checks, self._rules.evidence_kept),
                quiet=quiet,
            )
        )
        self._recount(watched)
        for child in self._children.get(row.id, ()):
            self._combine(child, now)
            self.verdict.add(child.row)

    def _tell_flapping(self, watched: _Watched, events: list[Event]) -> None:
        """A host begins or ends to flap with the check that does."""
        for event in events:
            if event.kind is EventKind.FLAPPING:
                subject = f"host:{watched.row.id}"
                self._tell(msgspec.structs.replace(event, subject=subject, quiet=False))

    def _way_is_broken(self, watched: _Watched) -> bool:
        """DESIGN 4.4: the path breaks before the host's network, or no parent is reachable."""
        parents = [
            self._watched[name] for name in watched.host.parents if name in self._watched
        ]
        if parents and all(parent.row.state in hosts.BAD for parent in parents):
            return True
        inside = watched.network if watched.row.network else None
        if not hosts.last_hop_outside(watched.trace, inside):
            return False
        # If anybody else inside answers, the way in is not what is broken.
        assert inside is not None
        return not any(
            other.row.state in (State.UP, State.DEGRADED)
            for other in self._networks[inside.id][1]
            if other is not watched
        )

    def _recount(self, watched: _Watched) -> None:
        for row, inside in self._networks.values():
            if watched in inside or watched.host.affiliation == row.id:
                self._count(row, inside)

    def _count(self, row: NetworkRow, inside: list[_Watched]) -> None:
        states = [watched.row.state for watched in inside]
        row.inside_total = len(states)
        row.inside_known = sum(state is not State.UNKNOWN for state in states)
        row.inside_up = sum(state in (State.UP, State.DEGRADED) for state in states)
        outside = [
            watched.row.state
            for watched in self._watched.values()
            if watched.host.affiliation == row.id
            and watched.row.network != row.id
            and not watched.host.historic
        ]
        row.outside_total = len(outside)
        row.outside_up = sum(state in (State.UP, State.DEGRADED) for state in outside)
        self.verdict.add(row)
