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
from monitor.assess import hoststate, housing, situation
from monitor.assess.network import fell_at
from monitor.assess.own import OWN_CHECKS
from monitor.assess.paths import Paths
from monitor.assess.roster import Judged, Roster, Watched
from monitor.assess.routed import NetworkRoutes
from monitor.assess.rules import RULES, Rules
from monitor.assess.tally import silences, tally_of
from monitor.assess.vantage import Guard
from monitor.assess.words import rules_row
from monitor.records import (
    SECOND,
    CheckRow,
    Event,
    EventKind,
    Hosting,
    HostRow,
    Micros,
    Observation,
    RouteTable,
    Row,
    State,
    TraceFacts,
    Vantage,
    VantageRow,
    Verdict,
    subject_of,
)
from monitor.watchlist.model import Watchlist


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
        self._started = started
        self._now = started
        self._round = started // rules.round
        self.verdict = Verdict()
        # Until when a network is looked at between its rounds: somebody inside just failed.
        self._restless: dict[str, Micros] = {}
        old = dict(rows or {})
        self._guard = Guard(vantage, watchlist.controls("far"), rules)
        earlier = old.get(f"vantage:{vantage}")
        if isinstance(earlier, VantageRow):
            self._guard.restore(earlier)
        self._paths = Paths(old)
        self._routes = NetworkRoutes(old, rules)
        self._take_over(Roster(watchlist, old, rules))

    def _take_over(self, roster: Roster) -> None:
        self._roster = roster
        self.watchlist = roster.watchlist
        self._stale = [
            (self._stale_at(row), name) for name, (_, row) in roster.of_check.items()
        ]
        heapq.heapify(self._stale)
        for judged in roster.networks.values():
            self._count(judged)
        sentences = rules_row(self._rules)
        left = [*self._paths.follow(roster.watchlist), *self._routes.follow(roster)]
        for row in (sentences, self._guard.row, *roster.rows(), *roster.removed, *left):
            self.verdict.add(row)

    def reload(self, watchlist: Watchlist) -> None:
        """Go on with another watchlist; what both have keeps its state and memory."""
        guard = Guard(self._vantage, watchlist.controls("far"), self._rules)
        guard.adopt(self._guard)
        self._guard = guard
        old = {subject_of(row): row for row in self._roster.rows()}
        fresh = {
            subject
            for subject, row in old.items()
            if isinstance(row, CheckRow | HostRow) and not row.stale
        }
        roster = Roster(watchlist, old, self._rules)
        for row in roster.rows():
            if isinstance(row, CheckRow | HostRow) and subject_of(row) in fresh:
                row.stale = False
        self._take_over(roster)

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
        found = self._roster.of_check.get(observation.check)
        if found is None:
            self._hear_own(observation)
            return
        self.tick(checks.ended(observation))
        self._guard.hear(observation)
        watched, row = found
        self._locate(watched, observation)
        reading = checks.Reading(
            hosts.breaks_on_the_way(observation, watched.host, watched.home),
            hosts.was_reached(observation),
        )
        if isinstance(observation.facts, TraceFacts):
            watched.walk(observation.facts)
        before = (row.state, row.soft, row.stale, row.flapping)
        events = checks.judge(row, observation, reading, self._guard, self._rules)
        for event in events:
            self._tell(event)
        if row.memory is not None and row.memory.fails == 1 and watched.network is not None:
            self._restless[watched.network.id] = self._now + self._rules.network_round
        self.verdict.rows[f"check:{row.id}"] = row
        if before != (row.state, row.soft, row.stale, row.flapping) or row is watched.trace:
            self._combine(watched, self._now)
        flapped = watched.row.flapping
        hosts.refresh(watched.row, watched.voices)
        if flapped != watched.row.flapping:
            self._tell_flapping(watched, events)
        if row is watched.main:
            watched.row.beats = row.beats
        self.verdict.rows[f"host:{watched.row.id}"] = watched.row
        told, path = self._paths.observe(observation, self._guard)
        for event in told:
            self._tell(event)
        if path is not None:
            self.verdict.add(path)

    def hear_routes(self, now: Micros, table: RouteTable) -> None:
        """Judge what the routing feeds hold at ``now``; time moves there first."""
        self.tick(now)
        trusted = self._guard.row.health is Vantage.HEALTHY
        events, rows = self._routes.hear(now, table, self._roster, trusted=trusted)
        for event in events:
            self._tell(event)
        for row in rows:
            self.verdict.add(row)

    def end_routes(self, now: Micros) -> None:
        """Nobody asks for routes any more: nothing that was heard holds on."""
        for row in self._routes.end(now, self._roster):
            self.verdict.add(row)

    def hear_origin(self, address: str, origin: Hosting, now: Micros) -> None:
        """Note who announces ``address``; another origin AS than before is a move."""
        for row, event in housing.hear_origin(self._roster, address, origin, now):
            self.verdict.add(row)
            if event is not None:
                self._tell(event)

    def hosting_of(self, host: str) -> Hosting | None:
        """Where a host is measured to be hosted."""
        watched = self._roster.hosts.get(host)
        return None if watched is None else watched.row.hosting

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
        for _, row in self._roster.of_check.values():
            if row.memory is not None and row.memory.fails:
                row.memory.fails = 0
                row.memory.recent.clear()
                row.soft, row.attempt = None, 0
                self.verdict.add(row)
        if until > self._now or self._now - until > self._rules.clock_jump:
            # The wall clock itself was moved: its new reading is the time from here on.
            self._now, self._round = until, until // self._rules.round

    def judge_networks(self) -> None:
        """Judge every network as of now, without waiting for its round."""
        for judged in self._roster.networks.values():
            self._judge_network(judged, self._now)

    def row_of(self, check: str) -> CheckRow | None:
        """The current row of a check of the watchlist."""
        found = self._roster.of_check.get(check)
        return None if found is None else found[1]

    def trace_of(self, host: str) -> str:
        """The id of a host's trace check, or ''."""
        watched = self._roster.hosts.get(host)
        return watched.row.trace if watched is not None else ""

    @property
    def vantage(self) -> VantageRow:
        return self._guard.row

    # --- inside ---------------------------------------------------------------------------

    def _hear_own(self, observation: Observation) -> None:
        """Our gateway and resolvers are on no watchlist."""
        if observation.check in OWN_CHECKS:
            self.tick(checks.ended(observation))
            self._guard.hear(observation)

    def _tell(self, event: Event) -> None:
        self.verdict.events.append(event)

    def _one_round(self, now: Micros) -> None:
        row = self._guard.row
        before = msgspec.structs.astuple(row)
        events = self._guard.round(now)
        if before != msgspec.structs.astuple(row):
            self.verdict.add(row)
        for event in events:
            self._tell(event)
            if event.kind is EventKind.VANTAGE and event.new == Vantage.FAULT:
                self._suspend(now, event.text)
            elif event.kind is EventKind.VANTAGE and event.new == Vantage.HEALTHY:
                self._say_what_waited(now)
        self._mark_stale(now)
        between = now % self._rules.network_round != 0
        for judged in self._roster.networks.values():
            restless = judged.judge.doubt or now <= self._restless.get(judged.network.id, 0)
            if restless or not between:
                self._judge_network(judged, now, between=between)

    def _suspend(self, now: Micros, why: str) -> None:
        """Our own fault: whatever was thought of anybody is not known now."""
        for _, check in self._roster.of_check.values():
            self._forget(check, now, "vantage", why)
        # Only now: what a host was is what all of its checks were together.
        for watched in self._roster.hosts.values():
            self._redraw(watched, now, "vantage", why)
        for judged in self._roster.networks.values():
            for event in judged.judge.suspend(now, "own vantage fault"):
                self._tell(event)
            judged.row.explanations, judged.row.fate = (), ""
            self.verdict.add(judged.row)

    def _say_what_waited(self, now: Micros) -> None:
        """The recheck is over: hosts that are not what they were say so now."""
        for watched in self._roster.hosts.values():
            self._combine(watched, now)
            self.verdict.add(watched.row)

    def _mark_stale(self, now: Micros) -> None:
        while self._stale and self._stale[0][0] <= now:
            _, name = heapq.heappop(self._stale)
            watched, check = self._roster.of_check[name]
            at = self._stale_at(check)
            if at <= now:
                if not check.stale:
                    check.stale = True
                    text = f"no trusted data for {self._rules.stale_intervals} intervals"
                    self._forget(check, now, "stale", text)
                    self._redraw(watched, now, "stale", text)
                at = now + int(check.interval_s * SECOND)
            heapq.heappush(self._stale, (at, name))

    def _locate(self, watched: Watched, observation: Observation) -> None:
        """Where the host is hosted, by the address it was seen at; a move is an event."""
        address, hosting = observation.address, watched.row.hosting
        if not address or (hosting is not None and address == hosting.address):
            return
        event, touched = housing.locate(self._roster, watched, observation)
        for judged in touched:
            self._count(judged)
        if event is not None:
            self._tell(event)

    def _judge_network(self, judged: Judged, now: Micros, *, between: bool = False) -> None:
        health = self._guard.row.health
        if health in (Vantage.FAULT, Vantage.RECHECK):
            return
        ours = [self._roster.hosts[host.id] for host in self.watchlist.controls("far")]
        tally = tally_of(judged, ours, self._rules)
        fell = fell_at(silences(judged), len(tally.reached), self._rules)
        proven = self._guard.may_condemn(fell)
        before = msgspec.structs.replace(judged.row)
        for event in judged.judge.round(now, tally, may_condemn=proven, between=between):
            self._tell(event)
        if judged.judge.turning:
            self.verdict.look += [watched.row.id for watched in judged.inside]
            # Whether it is us is asked in the same breath.
            self.verdict.look += [host.id for host in self.watchlist.controls("far")]
        situation.remember_phase(judged.row)
        situation.refresh(judged, self._roster, health, now)
        if before != judged.row:
            self.verdict.add(judged.row)

    def _stale_at(self, row: CheckRow) -> Micros:
        good_at = row.memory.good_at if row.memory is not None else 0
        return max(good_at, self._started) + int(
            row.interval_s * self._rules.stale_intervals * SECOND
        )

    def _forget(self, row: CheckRow, now: Micros, rule: str, why: str) -> None:
        event = checks.forget(row, now, rule, why)
        self.verdict.add(row)
        if event is not None:
            self._tell(event)

    def _redraw(self, watched: Watched, now: Micros, rule: str, why: str) -> None:
        self._combine(watched, now, rule, why)
        hosts.refresh(watched.row, watched.voices)
        self.verdict.add(watched.row)

    def _combine(self, watched: Watched, now: Micros, rule: str = "", why: str = "") -> None:
        """Bring a host's state up to date and tell when it changed."""
        new, soft = hoststate.state_of(watched, self._roster)
        row = watched.row
        row.soft = soft if soft is not new else None
        if new is row.state:
            return
        if hoststate.must_wait(row, new, soft, self._guard.row.health):
            row.soft = new
            return
        self._tell(hoststate.turn(watched, new, now, (rule, why), self._rules))
        self._recount(watched, now)
        for child in self._roster.children.get(row.id, ()):
            self._combine(child, now)
            self.verdict.add(child.row)

    def _tell_flapping(self, watched: Watched, events: list[Event]) -> None:
        """A host begins or ends to flap with the check that does."""
        for event in events:
            if event.kind is EventKind.FLAPPING:
                subject = f"host:{watched.row.id}"
                self._tell(msgspec.structs.replace(event, subject=subject, quiet=False))

    def _recount(self, watched: Watched, now: Micros) -> None:
        for judged in self._roster.networks.values():
            if watched in judged.inside:
                reached = hosts.reach(watched.voices)
                judged.judge.changed(now, watched.row.id, reached)
            elif watched in judged.outside:
                self._count(judged)

    def _count(self, judged: Judged) -> None:
        row = judged.row
        found = [hosts.reach(watched.voices) for watched in judged.inside]
        row.inside_total = len(found)
        row.inside_known = sum(reached is not None for reached in found)
        row.inside_up = sum(reached is True for reached in found)
        row.usual = min(row.usual, row.inside_total)
        row.outside_total = len(judged.outside)
        row.outside_up = sum(
            watched.row.state in (State.UP, State.DEGRADED) for watched in judged.outside
        )
        self.verdict.add(row)
