"""The judge of routes: what the peers' tables amount to, prefix by prefix.

Routes stand beside probes and are never merged with them.  What is measured is said at once
as provisional and confirmed when it has lasted 360 s, as routes linger and come back.  No
data, an error and zero are three things: only a live feed may say "withdrawn".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from monitor.assess.route_alarms import judge_alarms
from monitor.assess.rules import RULES, Rules
from monitor.records import (
    FEED_REASONS,
    MINUTE,
    Disagreement,
    Event,
    EventKind,
    FeedReason,
    FeedRow,
    FeedState,
    Micros,
    Routed,
    RouteMemory,
    RouteRow,
    RouteSight,
    RouteTable,
    Row,
    encode,
)
from monitor.watchlist.model import Network

_WORDS: Final = {
    Routed.VISIBLE: "visible",
    Routed.PARTIAL: "only partly visible",
    Routed.WITHDRAWN: "withdrawn",
    Routed.UNKNOWN: "not known",
}
_NAMED: Final = 8


class RouteTally(msgspec.Struct, frozen=True):
    """Prefixes of a network by what is measured now; ``provisional`` of them unconfirmed."""

    visible: int = 0
    partial: int = 0
    withdrawn: int = 0
    unknown: int = 0
    provisional: int = 0


class _Change(msgspec.Struct, frozen=True):
    """What happened to one prefix in a step; alike ones of a network are told together."""

    rule: str
    old: str
    new: str
    hard: bool = False
    quiet: bool = False


def level_of(seen: int, peers: int, rules: Rules = RULES) -> Routed:
    """The level of ``seen`` of ``peers``; UNKNOWN where there are too few to say."""
    if peers < rules.route_min_peers:
        return Routed.UNKNOWN
    if seen > rules.route_visible * peers:
        return Routed.VISIBLE
    return Routed.WITHDRAWN if seen < rules.route_withdrawn * peers else Routed.PARTIAL


class RouteJudge:
    """Judges the routes of every network; one per collector."""

    def __init__(
        self,
        networks: Sequence[Network],
        rows: Mapping[str, Row] | None = None,
        rules: Rules = RULES,
    ) -> None:
        """``rows`` are those of an earlier run: states, probation and alarms go on."""
        self._networks = networks
        self._rules = rules
        self._expected: dict[str, tuple[int, ...]] = {}
        self._live_at: dict[str, Micros] = {}
        self._feeds: dict[str, FeedRow] = {}
        self._feeds_kept: dict[str, Micros] = {}
        self._written: dict[str, bytes] = {}
        self._changed: dict[str, Row] = {}
        self.rows: dict[str, RouteRow] = {}
        self._adopt(rows or {})

    def _adopt(self, old: Mapping[str, Row]) -> None:
        for network in self._networks:
            for prefix in network.prefixes:
                if prefix in self.rows:
                    continue
                row = old.get(f"route:{prefix}")
                if not isinstance(row, RouteRow) or row.removed:
                    row = RouteRow(prefix, network.id)
                row.network = network.id
                self.rows[prefix] = row
                self._expected[prefix] = network.origin_asns
        for subject, row in old.items():
            if isinstance(row, FeedRow):
                self._feeds[row.name] = row
            elif isinstance(row, RouteRow) and row.prefix not in self.rows and not row.removed:
                self._changed[subject] = msgspec.structs.replace(row, removed=True)

    def step(
        self,
        now: Micros,
        table: RouteTable,
        reached: Mapping[str, tuple[int, int]] | None = None,
    ) -> list[Event]:
        """Judge ``table`` at ``now``; times never go back.

        ``reached`` gives, by prefix, how many of how many hosts inside answer probes now;
        only hosts that usually answer, with fresh data.  None while our own vantage is not
        trusted.
        """
        events = [event for feed in table.feeds for event in self._feed(now, feed)]
        sights = {sight.prefix: sight for sight in table.sights}
        live = table.state is FeedState.LIVE
        for network in self._networks:
            changes: dict[_Change, list[RouteRow]] = {}
            rows = [self.rows[prefix] for prefix in network.prefixes]
            rows = [row for row in rows if row.network == network.id]
            for row in rows:
                memory = row.memory = row.memory or RouteMemory()
                sight = sights.get(row.prefix) if live else None
                found = self._judge(now, row, memory, table, sight)
                found += self._disagree(now, row, memory, sight, reached)
                for change in found:
                    changes.setdefault(change, []).append(row)
                if live:
                    events += judge_alarms(
                        now,
                        row,
                        memory,
                        table,
                        expected=self._expected[row.prefix],
                        rules=self._rules,
                    )
            events += [
                self._event(now, network, change, who, rows) for change, who in changes.items()
            ]
        self._note_changed()
        return events

    def take(self) -> dict[str, Row]:
        """The rows to keep that have changed since the last call, by subject."""
        changed, self._changed = self._changed, {}
        return changed

    def kept(self) -> dict[str, Row]:
        """Every current row by subject, for a judge that goes on."""
        rows: dict[str, Row] = {f"route:{row.prefix}": row for row in self.rows.values()}
        return rows | {f"feed:{row.name}": row for row in self._feeds.values()}

    def end(self, now: Micros) -> None:
        """Nothing is asked any more: no row may go on saying what was."""
        for row in self.rows.values():
            if row.memory is not None:
                gone = msgspec.structs.replace(row, removed=True)
                self._changed[f"route:{row.prefix}"] = gone
        for name, feed in self._feeds.items():
            if feed.state is FeedState.ABSENT and feed.reason is FeedReason.DISABLED:
                continue
            why = FEED_REASONS[FeedReason.DISABLED]
            silent = FeedRow(name, reason=FeedReason.DISABLED, since=now, at=feed.at, why=why)
            self._feeds[name] = self._changed[f"feed:{name}"] = silent
        self.rows.clear()
        self._written.clear()

    def tally(self, network: str) -> RouteTally:
        """How the routes of a network stand, provisional ones counted as they look."""
        rows = [row for row in self.rows.values() if row.network == network]
        shown = [row.soft or row.state for row in rows]
        return RouteTally(
            visible=shown.count(Routed.VISIBLE),
            partial=shown.count(Routed.PARTIAL),
            withdrawn=shown.count(Routed.WITHDRAWN),
            unknown=shown.count(Routed.UNKNOWN),
            provisional=sum(row.soft is not None for row in rows),
        )

    # --- feeds -----------------------------------------------------------------------------

    def _feed(self, now: Micros, feed: FeedRow) -> Iterable[Event]:
        old = self._feeds.get(feed.name)
        was = FeedState.ABSENT if old is None else old.state
        self._feeds[feed.name] = feed
        told = old is None or was is not feed.state or old.reason is not feed.reason
        # Counters alone are kept once a minute.
        if told or now - self._feeds_kept.get(feed.name, 0) >= MINUTE:
            self._feeds_kept[feed.name] = now
            self._changed[f"feed:{feed.name}"] = feed
        if was is not feed.state:
            yield Event(
                at=now,
                kind=EventKind.ROUTE,
                subject=f"feed:{feed.name}",
                text=f"feed {feed.state}" + (f": {feed.why}" if feed.why else ""),
                old=was,
                new=feed.state,
                rule="feed",
                since=feed.since,
                quiet=feed.state is FeedState.ABSENT
                or (was is FeedState.ABSENT and feed.state is FeedState.LIVE),
            )

    # --- one prefix ------------------------------------------------------------------------

    def _judge(
        self,
        now: Micros,
        row: RouteRow,
        memory: RouteMemory,
        table: RouteTable,
        sight: RouteSight | None,
    ) -> list[_Change]:
        level = Routed.UNKNOWN
        if sight is not None:
            row.seen, row.peers, row.at = sight.seen, sight.peers, sight.at
            row.origins, row.upstreams = sight.origins, sight.upstreams
            row.why = f"{sight.seen} of {sight.peers} peers"
            level = level_of(sight.seen, sight.peers, self._rules)
        if level is Routed.UNKNOWN:
            return self._dark(now, row, memory, table, sight)
        row.feed = FeedState.LIVE
        self._live_at[row.prefix] = now
        changes = self._cross(now, row, memory, level)
        changes += self._settle(now, row, memory, level)
        return changes

    def _dark(
        self,
        now: Micros,
        row: RouteRow,
        memory: RouteMemory,
        table: RouteTable,
        sight: RouteSight | None,
    ) -> list[_Change]:
        """Nothing may be said: after a grace the state is not known any more."""
        if table.state is not FeedState.LIVE:
            row.feed, row.why = table.state, FEED_REASONS[table.reason]
        elif sight is None:
            row.feed, row.why = FeedState.ABSENT, "no snapshot of this prefix"
        else:
            row.feed = FeedState.LIVE
            row.why += ": too few to say"
        since = self._live_at.setdefault(row.prefix, now)
        if now - since < self._rules.route_grace:
            return []
        memory.level = Routed.UNKNOWN
        row.soft, row.soft_since = None, 0
        if row.state is Routed.UNKNOWN:
            return []
        memory.before, memory.before_since = row.state, row.since
        row.state, row.since = Routed.UNKNOWN, now
        return [_Change("route-no-data", memory.before, Routed.UNKNOWN, hard=True, quiet=True)]

    def _cross(
        self, now: Micros, row: RouteRow, memory: RouteMemory, level: Routed
    ) -> list[_Change]:
        """Count crossings of the visible line; three within the hour are UNSTABLE."""
        was, memory.level = memory.level, level
        if was is not Routed.UNKNOWN and (was is Routed.VISIBLE) != (level is Routed.VISIBLE):
            memory.crossings.append(now)
        span = self._rules.route_span
        memory.crossings = [at for at in memory.crossings if now - at < span]
        unstable = len(memory.crossings) >= self._rules.route_crossings
        if unstable == row.unstable:
            return []
        row.unstable = unstable
        if unstable:
            memory.calm = row.state
            return [_Change("route-unstable", row.state, "unstable", hard=True)]
        calm = memory.calm or Routed.UNKNOWN
        memory.calm = None
        return [_Change("route-calm", calm, level, hard=True)]

    def _settle(
        self, now: Micros, row: RouteRow, memory: RouteMemory, level: Routed
    ) -> list[_Change]:
        """Provisional at once, confirmed when it has lasted."""
        quiet = row.unstable
        if row.state is Routed.UNKNOWN and memory.before is level and row.soft is None:
            row.state, row.since, memory.before = level, memory.before_since, None
            return [_Change("as-before", Routed.UNKNOWN, level, hard=True, quiet=True)]
        if row.state is Routed.UNKNOWN and memory.before is None and level is Routed.VISIBLE:
            # All is well from the first look; nothing was better before.
            soft, row.soft, row.soft_since = row.soft, None, 0
            row.state, row.since = level, now
            if soft is not None:
                return [_Change("route-back", soft, level, quiet=quiet)]
            return [_Change("first-look", Routed.UNKNOWN, level, hard=True, quiet=True)]
        old = row.state
        if old is Routed.UNKNOWN and memory.before is not None:
            old = memory.before
        if level is old:
            # Also after a gap in which nothing changed for good.
            soft, row.soft, row.soft_since = row.soft, None, 0
            if row.state is Routed.UNKNOWN:
                row.state, row.since, memory.before = level, memory.before_since, None
            if soft is None:
                return []
            return [_Change("route-back", soft, level, quiet=quiet)]
        if row.soft is not level:
            row.soft, row.soft_since = level, now
            return [_Change("route-provisional", old, level, quiet=quiet)]
        if now - row.soft_since < self._rules.route_confirm:
            return []
        row.state, row.since = level, row.soft_since
        row.soft, row.soft_since, memory.before = None, 0, None
        # What has lasted is news, also of routes that come and go.
        return [_Change("route-confirmed", old, level, hard=True)]

    def _disagree(
        self,
        now: Micros,
        row: RouteRow,
        memory: RouteMemory,
        sight: RouteSight | None,
        reached: Mapping[str, tuple[int, int]] | None,
    ) -> list[_Change]:
        """Name it when routes and probes contradict each other for as long as it takes to
        confirm a route.
        """
        row.reached, row.known = (reached or {}).get(row.prefix, (0, 0))
        odd = Disagreement.NONE
        if sight is not None and row.known:
            if memory.level is Routed.VISIBLE and row.reached == 0:
                odd = Disagreement.DEAD
            elif memory.level is Routed.WITHDRAWN and row.reached > 0:
                odd = Disagreement.ALIVE
        if odd is not memory.odd:
            memory.odd, memory.odd_since = odd, now
        old = row.disagreement
        if odd is old:
            return []
        if odd is Disagreement.NONE:
            row.disagreement = odd
            return [_Change("route-agrees", old, odd, hard=True, quiet=True)]
        if now - memory.odd_since < self._rules.route_confirm:
            return []
        row.disagreement = odd
        return [_Change("route-disagrees", old, odd, hard=True)]

    # --- words -------------------------------------------------------------------------------

    def _event(
        self,
        now: Micros,
        network: Network,
        change: _Change,
        who: list[RouteRow],
        rows: list[RouteRow],
    ) -> Event:
        return Event(
            at=now,
            kind=EventKind.ROUTE,
            subject=f"network:{network.id}",
            text=self._words(change, who, rows),
            old=change.old,
            new=change.new,
            hard=change.hard,
            rule=change.rule,
            since=min(row.since if change.hard else row.soft_since or now for row in who),
            quiet=change.quiet,
        )

    def _words(self, change: _Change, who: list[RouteRow], rows: list[RouteRow]) -> str:
        names = ", ".join(row.prefix for row in who[:_NAMED])
        if len(who) > _NAMED:
            names += f" and {len(who) - _NAMED} more"
        if change.rule in ("route-disagrees", "route-agrees"):
            up, known = sum(row.reached for row in who), sum(row.known for row in who)
            word = change.new or f"no longer {change.old}"
            text = f"{len(who)} of {len(rows)} prefixes {word}"
            return f"{text}: {up} of {known} hosts answer; {names}"
        if change.rule == "route-unstable":
            hour = self._rules.route_span // MINUTE
            times = max(len(row.memory.crossings) if row.memory else 0 for row in who)
            return f"routes unstable: {times} crossings in {hour} min; {names}"
        if change.rule == "route-no-data":
            return f"routes not known: {who[0].why}; {names}"
        word = _WORDS[Routed(change.new)]
        alike = sum((row.soft or row.state) == change.new for row in rows)
        text = f"{alike} of {len(rows)} prefixes {word}: {_peers(who)}; {names}"
        if change.rule == "route-provisional":
            text += f"; provisional for {self._rules.route_confirm // MINUTE} min"
        elif change.rule == "route-confirmed":
            text += "; confirmed"
        elif change.rule == "route-back":
            text += f"; {_WORDS[Routed(change.old)]} was not confirmed"
        elif change.rule == "route-calm":
            same = change.old == change.new
            text += (
                "; calm again, as before"
                if same
                else (f"; calm again, {_WORDS[Routed(change.old)]} before")
            )
        return text

    def _note_changed(self) -> None:
        for row in self.rows.values():
            blob = encode(row)
            if self._written.get(row.prefix) != blob:
                self._written[row.prefix] = blob
                self._changed[f"route:{row.prefix}"] = row


def _peers(who: list[RouteRow]) -> str:
    """``0 of 312 peers``, or ranges where the prefixes differ."""
    seen = sorted({row.seen for row in who})
    peers = sorted({row.peers for row in who})
    return f"{_range(seen)} of {_range(peers)} peers"


def _range(values: list[int]) -> str:
    return str(values[0]) if len(values) == 1 else f"{values[0]}-{values[-1]}"
