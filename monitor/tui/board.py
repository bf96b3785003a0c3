"""What the desk knows: the newest rows and events, kept in memory.  No Textual in here."""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Final, Protocol, TypeVar

from monitor.cache.ledger import Book, Planned, lineage
from monitor.cache.reader import Changes, Cursor
from monitor.entries import Entry, Seen
from monitor.records import (
    MINUTE,
    SECOND,
    AlertsRow,
    CheckRow,
    CollectorRow,
    Event,
    EventKind,
    FeedRow,
    HostRow,
    Micros,
    NetworkRow,
    Observation,
    PathRow,
    RouteRow,
    Row,
    TraceFacts,
    VantageRow,
    WitnessRow,
)

EVENTS_KEPT: Final = 2_000
# The collector writes a beat every second; five missing ones are no accident.
COLLECTOR_STALE: Final = 5 * SECOND
_FEEDS: Final = {"ris-live": "RIS Live", "ripestat": "RIPEstat"}


class Board:
    """Rows by id and the newest events, oldest first.

    ``revision`` grows with every change; ``order`` only when a change can move or add a
    line of the hosts panel, so that most refreshes need no sorting.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, HostRow] = {}
        self.checks: dict[str, CheckRow] = {}
        self.networks: dict[str, NetworkRow] = {}
        self.vantages: dict[str, VantageRow] = {}
        self.routes: dict[str, RouteRow] = {}
        self.paths: dict[str, PathRow] = {}
        self._losses: list[tuple[Micros, int, int, int]] = []
        self.feeds: dict[str, FeedRow] = {}
        self.witnesses: dict[str, WitnessRow] = {}
        self.collector: CollectorRow | None = None
        self.alerts: AlertsRow | None = None
        self.events: list[Event] = []
        self.cursor = Cursor()
        self.revision = 0
        self.order = 0
        self.problem = ""
        self.bad = 0
        self.unread_hosts: set[str] = set()
        self.seen_event = 0
        # What people have said, as far as it was read.
        self.book = Book(0)
        self._begun = False
        self._voices: dict[str, str] = {}
        self._voices_at = -1

    def apply(self, changes: Changes) -> bool:
        """Take in what is new; returns whether anything was."""
        if changes.fresh:
            self._forget()
        self.cursor = changes.cursor
        self.bad += changes.bad
        if not changes.rows and not changes.events and not changes.entries:
            return False
        for row in changes.rows:
            self._take(row)
        self._remember(changes.events)
        if not self._begun:
            self._begun = True
            self.mark_events_seen()
        self.revision += 1
        return True

    def _forget(self) -> None:
        """The file was replaced: nothing of the old one may linger."""
        for table in (self.hosts, self.checks, self.networks, self.vantages):
            table.clear()
        self.routes.clear()
        self.paths.clear()
        self.feeds.clear()
        self.witnesses.clear()
        self.collector = self.alerts = None
        self.events.clear()
        self.unread_hosts.clear()
        self.seen_event = 0
        self.book = Book(0)
        self._begun = False
        self.order += 1

    def _take(self, row: Row) -> None:
        match row:
            case HostRow():
                self._take_host(row)
            case CheckRow():
                self.checks[row.id] = row
            case NetworkRow():
                _keep(self.networks, row.id, row)
                self.order += 1
            case VantageRow():
                self.vantages[row.id] = row
            case CollectorRow():
                self.collector = row
                self._count_losses(row)
            case PathRow():
                _keep(self.paths, row.check, row)
            case RouteRow():
                _keep(self.routes, row.prefix, row)
            case _:
                self._take_beside(row)

    def _take_beside(self, row: Row) -> None:
        """What stands beside the judgement of hosts and networks."""
        match row:
            case FeedRow():
                self.feeds[row.name] = row
            case AlertsRow():
                self.alerts = row
            case WitnessRow():
                _keep(self.witnesses, row.network, row)

    def _count_losses(self, row: CollectorRow) -> None:
        """What the collector could not do in the last minute."""
        now = (row.beat, row.missed, row.skipped, row.dropped)
        fresh = [each for each in self._losses if row.beat - MINUTE <= each[0] <= row.beat]
        # A collector that was started anew counts from nothing.
        if fresh and any(old > new for old, new in zip(fresh[-1][1:], now[1:], strict=True)):
            fresh = []
        self._losses = [*fresh, now]

    def losses(self) -> dict[str, int]:
        """How many looks were missed or skipped and observations dropped in a minute."""
        if not self._losses:
            return {}
        first, last = self._losses[0], self._losses[-1]
        names = ("missed", "skipped", "dropped")
        grown = {
            name: new - old for name, old, new in zip(names, first[1:], last[1:], strict=True)
        }
        return {name: count for name, count in grown.items() if count > 0}

    def _take_host(self, row: HostRow) -> None:
        old = self.hosts.get(row.id)
        if row.removed:
            self.hosts.pop(row.id, None)
            self.unread_hosts.discard(row.id)
            self.order += 1
            return
        self.hosts[row.id] = row
        if old is None or _place(old) != _place(row):
            self.order += 1
        turned = old is not None and old.state != row.state
        if self._begun and turned and not self.maintained(f"host:{row.id}"):
            self.unread_hosts.add(row.id)

    def _remember(self, events: list[Event]) -> None:
        self.events.extend(events)
        if len(self.events) > EVENTS_KEPT:
            del self.events[: len(self.events) - EVENTS_KEPT]

    def mark_events_seen(self) -> None:
        self.seen_event = max((event.id for event in self.events), default=self.seen_event)

    def lineage(self, subject: str) -> tuple[str, ...]:
        """A subject and what it belongs to."""
        kind, _, name = subject.partition(":")
        host = self.hosts.get(name.partition("/")[0]) if kind in ("host", "check") else None
        return lineage(subject, (host.network or host.affiliation) if host else "")

    def acked(self, subject: str) -> Entry | None:
        """The acknowledgement in force."""
        return self.book.acked(self.lineage(subject)) if self.book.acks else None

    def maintained(self, subject: str) -> Planned | None:
        """The maintenance under way."""
        return self.book.maintained(self.lineage(subject)) if self.book.planned else None

    def take_up(self, who: str) -> int:
        """Go on where somebody has left off: what changed since is unread; how much that is."""
        mark = self.book.marks.get(who)
        if mark is None or not isinstance(mark.body, Seen):
            return 0
        self.seen_event = mark.body.newest
        for row in self.hosts.values():
            if row.since > mark.at and not self.maintained(f"host:{row.id}"):
                self.unread_hosts.add(row.id)
        return self.unread_events(soft=False)

    def mark_all_seen(self) -> None:
        """Nothing is unread any more."""
        self.mark_events_seen()
        self.unread_hosts.clear()

    def unread_events(self, *, soft: bool) -> int:
        """How many events came since they were last looked at."""
        first = bisect.bisect_right(self.events, self.seen_event, key=attrgetter("id"))
        return sum(
            (soft or not is_soft(event)) and not self.maintained(event.subject)
            for event in self.events[first:]
        )

    def vantage(self) -> VantageRow | None:
        """Our own vantage: the one every observation here was made from."""
        return next(iter(self.vantages.values()), None)

    def voice_of(self, host: HostRow) -> str:
        """Whose voice a host is: the country its network is registered in, else its id."""
        network = host.affiliation or host.network
        if self._voices_at != self.order:
            self._voices_at = self.order
            self._voices = _countries(self.hosts.values())
        return self._voices.get(network, host.affiliation)

    def network_of(self, host: HostRow) -> NetworkRow | None:
        return self.networks.get(host.network or host.affiliation)

    def row(self, subject: str) -> Row | None:
        """The current row of a subject."""
        kind, _, name = subject.partition(":")
        tables: dict[str, dict[str, Row]] = {
            "host": self.hosts,  # type: ignore[dict-item]
            "check": self.checks,  # type: ignore[dict-item]
            "network": self.networks,  # type: ignore[dict-item]
            "vantage": self.vantages,  # type: ignore[dict-item]
            "route": self.routes,  # type: ignore[dict-item]
            "feed": self.feeds,  # type: ignore[dict-item]
        }
        return tables.get(kind, {}).get(name)

    def network_behind(self, subject: str) -> NetworkRow | None:
        """The network a subject is about; the only one there is for anything else."""
        kind, _, name = subject.partition(":")
        if kind == "network":
            return self.networks.get(name)
        if kind == "route" and name in self.routes:
            return self.networks.get(self.routes[name].network)
        host = self.hosts.get(name.partition("/")[0]) if kind in ("host", "check") else None
        found = self.network_of(host) if host is not None else None
        if found is None and len(self.networks) == 1:
            return next(iter(self.networks.values()))
        return found

    def traced(self, host: HostRow) -> HostRow:
        """The host whose path tells about ``host``: itself, or a neighbour inside its network
        that is traced when it is not.
        """
        if host.trace or not host.network:
            return host
        near = (
            other
            for other in self.hosts.values()
            if other.network == host.network and other.trace and other.role == host.role
        )
        return min(near, key=attrgetter("id"), default=host)

    def trace_of(self, host: HostRow) -> Observation | None:
        """The last trace towards a host, if it has a trace check that has run."""
        check = self.checks.get(host.trace)
        last = check.last if check else None
        return last if last and isinstance(last.facts, TraceFacts) else None

    def age(self, now: Micros) -> Micros | None:
        """How old the newest word of the collector is; None when there was none."""
        if self.collector is None or not self.collector.beat:
            return None
        return max(0, now - self.collector.beat)

    def collector_dead(self, now: Micros) -> bool:
        age = self.age(now)
        return age is not None and age > COLLECTOR_STALE

    def name_of(self, subject: str) -> str:
        """What people call an event's subject."""
        kind, _, name = subject.partition(":")
        if kind == "host" and name in self.hosts:
            return self.hosts[name].name
        if kind == "network" and name in self.networks:
            return self.networks[name].name
        if kind == "vantage":
            return "own vantage"
        if kind == "feed":
            return feed_name(name)
        return name or kind


def feed_name(name: str) -> str:
    """What people call a feed."""
    return _FEEDS.get(name, name.replace("-", " "))


class _Leaves(Protocol):
    removed: bool


_Row = TypeVar("_Row", bound=_Leaves)


def _keep(table: dict[str, _Row], name: str, row: _Row) -> None:
    """Take in a row, or let go of one that left the watchlist."""
    if row.removed:
        table.pop(name, None)
    else:
        table[name] = row


def is_soft(event: Event) -> bool:
    """True but no news by itself: a soft step, a first look.

    What routes do is news at once: that it is provisional is in its words.
    """
    provisional = event.kind is EventKind.ROUTE
    return event.quiet or not (event.hard or provisional)


def _countries(hosts: Iterable[HostRow]) -> dict[str, str]:
    """By network, the registry country that most hosts measured inside it share."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in hosts:
        found = row.hosting
        if found is not None and found.inside and found.country and row.network:
            counts[row.network][found.country] += 1
    return {network: min(found, key=_most(found)) for network, found in counts.items()}


def _most(counts: Counter[str]) -> Callable[[str], tuple[int, str]]:
    return lambda word: (-counts[word], word)


def _place(row: HostRow) -> tuple[object, ...]:
    """Everything of a row that decides on which line it stands (but RTT and loss)."""
    found = row.hosting
    where = (found.inside, found.asn, found.country, found.as_name) if found else None
    whose = (row.network, row.affiliation, row.role, row.side, row.historic)
    return (row.state, row.since, row.name, *whose, where, row.address)
