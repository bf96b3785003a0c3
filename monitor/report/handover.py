"""The shift report: what is open, what changed, what was said, and what to watch next.

Everything in it stands in the cache; nothing is judged here and no cause is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from monitor.cache.ledger import Book, lineage
from monitor.cache.reader import Cursor, Reader
from monitor.entries import Entry, Inference, Note, Seen, Statement
from monitor.records import (
    DAY,
    HOUR,
    MINUTE,
    CollectorRow,
    Disagreement,
    Event,
    EventKind,
    FeedRow,
    FeedState,
    HostRow,
    Micros,
    NetworkRow,
    Phase,
    RouteRow,
    Row,
    RulesRow,
    State,
    Vantage,
    VantageRow,
)
from monitor.report.said import WORDS, sentence, stamp

SCHEMA: Final = 1
# A shift, for somebody who has left no mark.
SHIFT: Final = 8 * HOUR
# How far ahead the next shift looks.
AHEAD: Final = 8 * HOUR
_EVENTS: Final = 5_000
_WELL: Final = frozenset({Phase.STABLE, Phase.RESTORED})
_SILENT: Final = MINUTE
_OF_HOSTS: Final = frozenset({EventKind.TRANSITION, EventKind.FLAPPING})
R = TypeVar("R")


class Trouble(msgspec.Struct):
    """Something that is not well: ``acked`` by whom, '' where nobody has said so."""

    subject: str
    name: str
    state: str
    since: Micros
    why: str = ""
    acked: str = ""
    maintenance: bool = False


class Change(msgspec.Struct):
    """A line of the event log."""

    at: Micros
    event: int
    name: str
    text: str
    old: str = ""
    new: str = ""


class HostChanges(msgspec.Struct):
    """How often a host changed in the shift, and what it is in the end."""

    name: str
    count: int
    now: str
    since: Micros
    flapping: bool = False


class Spoken(msgspec.Struct):
    """An entry of the ledger; ``kind`` tells what was observed by nobody here."""

    at: Micros
    who: str
    kind: str
    about: str
    text: str
    withdrawn: bool = False


class Gone(msgspec.Struct):
    """A span for which nothing is known."""

    since: Micros
    until: Micros
    why: str


class Handover(msgspec.Struct):
    """The shift from ``since`` to ``until``; ``who`` hands over.

    ``drill`` names the drill whose synthetic data these are, '' for real ones; ``heard`` is
    when the collector last wrote.
    """

    since: Micros
    until: Micros
    who: str
    schema: int = SCHEMA
    drill: str = ""
    watchlist: str = ""
    heard: Micros = 0
    troubles: list[Trouble] = []
    changes: list[Change] = []
    hosts: list[HostChanges] = []
    acks: list[Spoken] = []
    running_out: list[Spoken] = []
    maintenance: list[Spoken] = []
    said: list[Spoken] = []
    gaps: list[Gone] = []
    own: list[str] = []
    next: list[str] = []


class _Names:
    """Rows by subject, and what people call them."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = list(rows)
        self.hosts = {row.id: row for row in self.of(HostRow) if not row.removed}
        self.networks = {row.id: row for row in self.of(NetworkRow) if not row.removed}

    def of(self, kind: type[R]) -> list[R]:
        return [row for row in self.rows if isinstance(row, kind)]

    def name(self, subject: str) -> str:
        kind, _, ident = subject.partition(":")
        if kind == "host" and ident in self.hosts:
            return self.hosts[ident].name
        if kind == "network" and ident in self.networks:
            return self.networks[ident].name
        return "own vantage" if kind == "vantage" else ident or kind

    def lineage(self, subject: str) -> tuple[str, ...]:
        host = self.hosts.get(subject.removeprefix("host:"))
        return lineage(subject, (host.network or host.affiliation) if host else "")

    def titles(self) -> dict[str, str]:
        return {
            each.id: each.title for row in self.networks.values() for each in row.explanations
        }


def handover(reader: Reader, who: str, since: Micros | None, at: Micros | None) -> Handover:
    """The shift report of ``who`` up to ``at``, or as the cache stands; raises CacheError.

    Without ``since`` it begins where this person last marked what was seen before, else
    eight hours ago.
    """
    rows, until = _now(reader) if at is None else (reader.board_at(at), at)
    names = _Names(rows)
    collector = next(iter(names.of(CollectorRow)), CollectorRow())
    book = reader.book(until)
    if since is None:
        since = _left(book, who, until)
    events = reader.events(until=until + 1, hard_only=True, limit=_EVENTS)
    events = [event for event in reversed(events) if since <= event.at and not event.quiet]
    found = Handover(since, until, who, drill=collector.drill, watchlist=collector.watchlist)
    found.heard = collector.beat
    found.troubles = _troubles(names, book)
    found.changes = _changes(events, names)
    found.hosts = _host_changes(events, names)
    _ledger(found, book, names)
    found.gaps = [Gone(gap.since, gap.until, gap.why) for gap in reader.gaps(since, until)]
    found.own = _own(names, collector, until)
    rules = reader.row("rules")
    found.next = _next(found, names, book, rules if isinstance(rules, RulesRow) else RulesRow())
    return found


def _now(reader: Reader) -> tuple[list[Row], Micros]:
    """The rows as the cache stands, and when something was last written into it.

    People go on writing where a collector has stopped.
    """
    fresh = reader.changes(Cursor(), 1)
    times = [row.beat for row in fresh.rows if isinstance(row, CollectorRow)]
    times += [event.at for event in fresh.events]
    times += [entry.at for entry in fresh.entries[-1:]]
    return fresh.rows, max(times, default=0)


def _left(book: Book, who: str, until: Micros) -> Micros:
    """When this person last left, unless that is only now."""
    mark = book.marks.get(who)
    if mark is None or not isinstance(mark.body, Seen) or mark.at >= until:
        return until - SHIFT
    return mark.at


def _troubles(names: _Names, book: Book) -> list[Trouble]:
    found = [
        Trouble(f"network:{row.id}", row.name, row.phase, row.since, row.why)
        for row in names.networks.values()
        if row.phase not in _WELL
    ]
    hosts = sorted(names.hosts.values(), key=lambda row: (row.state, row.since, row.name))
    found += [
        Trouble(f"host:{row.id}", row.name, row.state, row.since, row.why)
        for row in hosts
        if row.state is not State.UP and not row.historic
    ]
    for trouble in found:
        above = names.lineage(trouble.subject)
        ack = book.acked(above)
        trouble.acked = ack.who if ack is not None else ""
        trouble.maintenance = book.maintained(above) is not None
    return found


def _changes(events: Sequence[Event], names: _Names) -> list[Change]:
    """What is told one by one: all but the states and the flapping of hosts, and gaps."""
    return [
        Change(event.at, event.id, names.name(event.subject), event.text, event.old, event.new)
        for event in events
        if event.kind is not EventKind.GAP
        and not (event.kind in _OF_HOSTS and event.subject.startswith(("host:", "check:")))
    ]


def _host_changes(events: Sequence[Event], names: _Names) -> list[HostChanges]:
    counts = Counter(
        event.subject
        for event in events
        if event.kind in _OF_HOSTS and event.subject.startswith("host:")
    )
    found = ((names.hosts.get(name.removeprefix("host:")), n) for name, n in counts.items())
    changed = [
        HostChanges(row.name, count, row.state, row.since, row.flapping)
        for row, count in found
        if row is not None
    ]
    return sorted(changed, key=lambda one: (-one.count, one.name))


def _ledger(found: Handover, book: Book, names: _Names) -> None:
    titles = names.titles()

    def spoken(entry: Entry, *, withdrawn: bool = False) -> Spoken:
        about, text = names.name(entry.subject), sentence(entry.body, titles)
        return Spoken(entry.at, entry.who, WORDS[entry.kind], about, text, withdrawn)

    found.acks = [spoken(entry) for entry in book.acks.values()]
    found.running_out = [spoken(entry) for entry in book.running_out(found.until + AHEAD)]
    found.maintenance = [spoken(one.entry) for one in book.planned]
    for one in book.said:
        entry = one.latest
        if isinstance(entry.body, Statement | Inference | Note):
            ended = one.ended.at if one.ended is not None else 0
            if max(entry.at, ended) >= found.since:
                found.said.append(spoken(entry, withdrawn=one.ended is not None))


def _own(names: _Names, collector: CollectorRow, until: Micros) -> list[str]:
    """What is wrong with ourselves, and what of us is well."""
    said: list[str] = []
    for row in names.of(VantageRow):
        counts = row.why or f"{row.answering} of {row.total} far controls answer"
        said.append(f"own vantage {row.health} since {stamp(row.since)}: {counts}")
    if collector.stopped >= collector.beat > 0:
        said.append(f"the collector stopped at {stamp(collector.stopped)}")
    elif until - collector.beat > _SILENT:
        said.append(f"nothing was heard of the collector since {stamp(collector.beat)}")
    said.append(
        f"{collector.done} looks done, {collector.missed} missed, {collector.skipped} skipped,"
        f" {collector.dropped} observations dropped since {stamp(collector.started)}"
    )
    if collector.problem:
        said.append(collector.problem)
    for feed in names.of(FeedRow):
        if feed.state is not FeedState.LIVE:
            why = f": {feed.why}" if feed.why else ""
            said.append(f"feed {feed.name} is {feed.state} since {stamp(feed.since)}{why}")
    return said


def _next(found: Handover, names: _Names, book: Book, rules: RulesRow) -> list[str]:
    """By rule, from what is open; a line each, the most general first."""
    said: list[str] = []
    for trouble in found.troubles:
        kind = trouble.subject.partition(":")[0]
        if kind != "network":
            continue
        change = rules.nexts.get(f"network:{trouble.state}", "")
        said.append(f"{trouble.name} is {trouble.state}" + (f": {change}" if change else ""))
        if not book.causes((trouble.subject,)):
            said.append(f"cause of {trouble.name}'s state: undetermined, nothing was recorded")
    open_now = [one for one in found.troubles if not one.acked and not one.maintenance]
    if open_now:
        said.append(f"{_named(open_now)}: acknowledged by nobody")
    said += _provisional(names)
    said += [f"{one.about}: acknowledgement by {one.who} runs out" for one in found.running_out]
    for one in book.planned:
        name = names.name(one.entry.subject)
        if one.now is not None and one.now.until:
            said.append(f"{name}: maintenance ends {stamp(one.now.until)}")
        elif one.next is not None and one.next.since < found.until + DAY:
            said.append(f"{name}: maintenance begins {stamp(one.next.since)}")
    vantages = [row for row in names.of(VantageRow) if row.health is not Vantage.HEALTHY]
    said += [
        f"own vantage is {row.health}: nothing is sure until it is well" for row in vantages
    ]
    return said


def _named(troubles: Sequence[Trouble]) -> str:
    """The first few by name, the others counted."""
    shown = ", ".join(one.name for one in troubles[:4])
    return f"{shown} and {len(troubles) - 4} more" if troubles[4:] else shown


def _provisional(names: _Names) -> list[str]:
    """What is on probation, and where routes and probes do not agree."""
    soft = [row.name for row in names.hosts.values() if row.soft not in (None, row.state)]
    said = [f"not confirmed yet: {', '.join(soft[:6])}"] if soft else []
    for row in names.of(RouteRow):
        if row.disagreement is not Disagreement.NONE:
            said.append(
                f"{row.prefix} is {row.disagreement}: {row.reached} of {row.known} answer"
            )
        if row.soft is not None:
            said.append(
                f"{row.prefix}: {row.soft} since {stamp(row.soft_since)}, not confirmed"
            )
    return said


def as_json(found: Handover) -> str:
    return msgspec.json.format(msgspec.json.encode(found)).decode()
