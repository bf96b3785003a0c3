"""What ``watchdesk why`` prints: a verdict with the observations and the rule behind it.

It reads what the cache remembers and judges nothing: the words of the rules come from the
collector that applied them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from monitor.cache.reader import Reader
from monitor.records import (
    DAY,
    HOUR,
    MINUTE,
    REASONS,
    SECOND,
    CheckRow,
    CollectorRow,
    Disagreement,
    Event,
    EventKind,
    Explanation,
    FeedRow,
    FeedState,
    HostRow,
    Micros,
    NetworkRow,
    Observation,
    Outcome,
    OwnControl,
    Reason,
    RouteRow,
    Row,
    RulesRow,
    VantageRow,
    WitnessRow,
    clean_text,
)
from monitor.report.said import recorded
from monitor.report.witness import TITLE, witness_lines

SCHEMA: Final = 1
UNDETERMINED: Final = "undetermined"
NOT_OBSERVED: Final = "not observed; what people say of it:"
_PREFIXES: Final = ("host", "network", "check", "vantage", "route", "feed")
_TURNS: Final = frozenset({EventKind.TRANSITION, EventKind.VANTAGE})
_ROUTES: Final = frozenset({EventKind.ROUTE})
_ROUTE_RULES: Final = frozenset({"route-confirmed", "first-look", "as-before", "route-no-data"})
_GAPS: Final = frozenset({EventKind.GAP})
_PAGE: Final = 200
# A collector writes its own row every few seconds; one silent for this long has stopped.
_QUIET: Final = MINUTE
_LAST_MOMENT: Final = 253_402_300_799 * SECOND
_SAID: Final[dict[Outcome, str]] = {
    Outcome.OK: "answers",
    Outcome.WARN: "answers, with a warning",
    Outcome.FAIL: "fails",
    Outcome.ERROR: "could not look",
    Outcome.SKIPPED: "not run",
}


class UnknownSubject(Exception):  # noqa: N818 - says what is the case
    """The cache knows nothing of that name; the text is one sentence for people."""


class Why(msgspec.Struct):
    """A verdict and what is behind it.  ``at`` is the moment asked for, 0 for now.

    ``turn`` is the last change into this state, ``rule`` the sentence of its rule,
    ``evidence`` one line an observation; ``next`` what would change the state; ``gap`` why
    nothing is known of the moment asked for.  ``beat`` is when a collector last wrote.
    ``drill`` names the drill whose synthetic data these are, '' for real ones.
    ``address`` is a host's, with what it is called.
    ``cause`` is for networks only and never decided, ``said`` what claims and inferences of
    people say of it; ``fate`` names what the failing hosts
    share; ``witness`` is what an independent one says of it, which is part of no judgement.
    """

    subject: str
    name: str
    state: str
    since: Micros
    at: Micros = 0
    text: str = ""
    address: str = ""
    soft: str = ""
    turn: Event | None = None
    rule: str = ""
    evidence: list[str] = []
    parts: list[str] = []
    next: str = ""
    gap: str = ""
    beat: Micros = 0
    fate: str = ""
    cause: str = ""
    said: list[str] = []
    explanations: tuple[Explanation, ...] = ()
    base_rates: str = ""
    witness: list[str] = []
    drill: str = ""


def why(reader: Reader, subject: str, at: Micros | None = None) -> Why:
    """Why ``subject`` (``host:ID``, or a bare id) has its state, now or as of ``at``.

    Raises UnknownSubject, and CacheError when the cache cannot be read.
    """
    full, row = _find(reader, subject)
    before = None
    if at is not None and isinstance(row, RouteRow | FeedRow):
        # Many changes of a network's prefixes look alike: which was its own, its row tells.
        before = reader.row_at(full, at)
        row = before or row
    turns = _turns(reader, full, row)
    turn = next((event for event in turns if at is None or event.at <= at), None)
    rules = reader.row("rules")
    words = rules if isinstance(rules, RulesRow) else RulesRow()
    if at is None or before is not None:
        found = _now(row, full)
        found.at = at or 0
    else:
        found = _then(row, full, turn, at)
    if turn is not None and turn.new == found.state:
        found.turn = turn
        found.rule = words.sentences.get(turn.rule, "")
        found.evidence = [observation_line(seen) for seen in turn.evidence]
    found.next = words.nexts.get(f"{full.partition(':')[0]}:{found.state}", "")
    if isinstance(row, NetworkRow):
        found.said = recorded(reader, row, at)
        found.cause = NOT_OBSERVED if found.said else UNDETERMINED
    if at is not None:
        found.gap = _gap(reader, at)
        return found
    found.parts = _parts(reader, row)
    found.witness = _witness(reader, row)
    if found.explanations:
        found.base_rates = words.base_rates
    collector = reader.row("collector")
    if isinstance(collector, CollectorRow):
        found.beat = collector.beat
    return found


def _find(reader: Reader, subject: str) -> tuple[str, Row]:
    """The full subject and its row; a bare id is a host's, a network's, and so on."""
    whole = subject.partition(":")[0] in _PREFIXES
    tried = [subject] if whole else [f"{prefix}:{subject}" for prefix in _PREFIXES]
    for full in tried:
        row = reader.row(full)
        if row is not None:
            return full, row
    raise UnknownSubject(f"the cache knows no host, network or check {clean_text(subject)!r}")


def _newest(
    reader: Reader, kinds: frozenset[EventKind], subject: str | None = None
) -> Iterator[Event]:
    """Hard events, newest first, read page by page as far as they are asked for."""
    before: int | None = None
    while True:
        page = reader.events(
            before=before, limit=_PAGE, subject=subject, kinds=kinds, hard_only=True
        )
        yield from page
        if len(page) < _PAGE:
            return
        before = page[-1].id


def _turns(reader: Reader, subject: str, row: Row) -> Iterator[Event]:
    """The changes of a subject, newest first; those of a prefix are told of its network."""
    match row:
        case FeedRow():
            yield from _newest(reader, _ROUTES, subject)
        case RouteRow():
            for event in _newest(reader, _ROUTES, f"network:{row.network}"):
                fits = event.rule in _ROUTE_RULES and event.new == row.state
                if fits and event.since <= row.since <= event.at:
                    yield event
        case _:
            yield from _newest(reader, _TURNS, subject)


def _gap(reader: Reader, at: Micros) -> str:
    """Why nothing is known of the moment ``at``, or ''."""
    for event in _newest(reader, _GAPS):
        if event.since <= at < event.until:
            return f"{event.text} ({_stamp(event.since)} to {_stamp(event.until)})"
        if event.at <= at:
            break
    return ""


def _now(row: Row, subject: str) -> Why:
    match row:
        case HostRow():
            found = Why(subject, row.name, row.state, row.since, text=row.why)
            found.soft, found.address = row.soft or "", _address(row)
        case CheckRow():
            found = Why(subject, row.id, row.state, row.since)
            found.text = "" if row.last is None else observation_line(row.last)
            found.soft = row.soft or ""
        case NetworkRow():
            found = Why(subject, row.name, row.phase, row.since, text=row.why)
            found.fate, found.explanations = row.fate, row.explanations
        case VantageRow():
            found = Why(subject, row.id, row.health, row.since, text=row.why)
        case RouteRow() if not row.removed:
            found = Why(subject, row.prefix, row.state, row.since, text=_route(row))
            found.soft = row.soft or ""
        case FeedRow():
            found = Why(subject, row.name, row.state, row.since, text=row.why)
        case _:
            raise UnknownSubject(f"{clean_text(subject)!r} has no state")
    return found


def _address(row: HostRow) -> str:
    """The address measured, and its name as whoever holds it says."""
    if row.hosting is None or not row.hosting.address:
        return ""
    name = row.hosting.name
    called = f", called {name} by reverse DNS (not confirmed)" if name else ""
    return row.hosting.address + called


def _route(row: RouteRow) -> str:
    """What the peers say of a prefix, and whether that holds now."""
    clauses = [row.why or f"{row.seen} of {row.peers} peers"]
    ups = ", ".join(f"AS{asn} for {peers}" for asn, peers in row.upstreams.items())
    clauses += [f"entered by {ups}"] if ups else []
    clauses += ["unstable: comes and goes"] if row.unstable else []
    clauses += [row.disagreement] if row.disagreement is not Disagreement.NONE else []
    clauses += [f"feed {row.feed}"] if row.feed is not FeedState.LIVE else []
    return "; ".join(clauses)


def _then(row: Row, subject: str, turn: Event | None, at: Micros) -> Why:
    name = row.name if isinstance(row, HostRow | NetworkRow) else subject.partition(":")[2]
    if turn is None:
        return Why(subject, name, "UNKNOWN", 0, at, "no change of state is remembered so far")
    return Why(subject, name, turn.new, turn.since or turn.at, at, turn.text)


def _parts(reader: Reader, row: Row) -> list[str]:
    """One line for each check of a host, or for each control of our own side."""
    if isinstance(row, VantageRow):
        return [own_line(each) for each in row.own]
    if not isinstance(row, HostRow):
        return []
    lines = []
    for check in row.checks:
        part = reader.row(f"check:{check}")
        if isinstance(part, CheckRow):
            last = part.last
            said = f"{check} has not run yet" if last is None else observation_line(last)
            lines.append(f"{part.state}: {said}")
    return lines


def _witness(reader: Reader, row: Row) -> list[str]:
    """What IODA says of a network, or that nobody asked it."""
    if not isinstance(row, NetworkRow):
        return []
    found = reader.row(f"witness:{row.id}")
    collector = reader.row("collector")
    now = collector.beat if isinstance(collector, CollectorRow) else 0
    return witness_lines(found if isinstance(found, WitnessRow) else None, now)


def own_line(each: OwnControl) -> str:
    """A gateway or resolver of ours in one line: whether it answers, and why not."""
    if each.answers is None:
        silent = "its silence proves nothing: it has never answered"
        said = "not known" if each.ever else silent
    else:
        said = "answers" if each.answers else f"does not answer: {REASONS[each.reason].text}"
    return f"{each.role} {each.address}: {said}"


def observation_line(seen: Observation) -> str:
    """An observation in one line: when, which check, what, how fast, who said so."""
    clauses = [f"{_stamp(seen.at)}  {seen.check}  {_SAID[seen.outcome]}"]
    if seen.reason is not Reason.NONE:
        clauses[0] += f": {REASONS[seen.reason].text}"
    if seen.rtt_ms is not None:
        clauses.append(f"{seen.rtt_ms:.1f} ms")
    if seen.received < seen.sent and seen.sent > 1:
        clauses.append(f"{seen.received} of {seen.sent} answered")
    if seen.said_by:
        clauses.append(f"said by {seen.said_by}")
    if seen.note:
        clauses.append(seen.note)
    if seen.stalled:
        clauses.append("while our own program stood still")
    if seen.vantage != "local":
        clauses.append(f"seen from {seen.vantage}")
    return ", ".join(clauses)


def as_text(found: Why, now: Micros) -> str:
    """For people: the answer first, then what it rests on."""
    lines = [_headline(found, now)]
    if found.gap:
        lines.append(f"  nothing is known of that moment: {found.gap}")
    if found.beat and now - found.beat > _QUIET:
        lines.append(f"  no collector has written since {_stamp(found.beat)}")
    if found.text:
        lines.append(f"  {found.text}")
    if found.address:
        lines.append(f"  at {found.address}")
    if found.soft:
        lines.append(f"  on probation: {found.soft}")
    lines += _turn_lines(found)
    lines += _section("what its checks say now", found.parts)
    lines += _section(TITLE, found.witness)
    if found.next:
        lines += ["", f"what would change it: {found.next}"]
    return "\n".join(lines + _cause_lines(found))


def as_json(found: Why) -> str:
    """The same as one JSON object, ``schema`` 1; times are Micros."""
    whole = {"schema": SCHEMA, **msgspec.to_builtins(found)}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode()


def _headline(found: Why, now: Micros) -> str:
    line = f"{found.name} ({found.subject})"
    line += f" was {found.state}" if found.at else f" is {found.state}"
    if found.since:
        line += f" since {_stamp(found.since)}, for {_span((found.at or now) - found.since)}"
    return f"{line}; as of {_stamp(found.at)}" if found.at else line


def _turn_lines(found: Why) -> list[str]:
    turn = found.turn
    if turn is None:
        return ["", "no change into this state is remembered"]
    old = turn.old or "nothing"
    lines = ["", f"{_stamp(turn.at)}  {old} → {turn.new}: {turn.text}"]
    if found.rule or turn.rule:
        lines.append(f"  rule {turn.rule}: {found.rule or 'its words are not in this cache'}")
    return lines + _section("the observations behind it", found.evidence)


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _cause_lines(found: Why) -> list[str]:
    lines = ["", f"shared by what fails: {found.fate}"] if found.fate else []
    if found.cause:
        lines += ["", f"cause: {found.cause}", *(f"  {text}" for text in found.said)]
    if found.explanations:
        lines.append("  explanations (+ fits, - speaks against it, ? could not be looked at):")
    for each in found.explanations:
        lines += _explanation_lines(each)
    return [*lines, "", found.base_rates] if found.base_rates else lines


def _explanation_lines(each: Explanation) -> list[str]:
    lines = [f"  {each.rank:>2}. {each.title}"]
    lines += [f"        + {text}" for text in each.consistent]
    lines += [f"        - {text}" for text in each.inconsistent]
    lines += [f"        ? {text}" for text in each.missing]
    return lines


def _moment(at: Micros) -> datetime:
    return datetime.fromtimestamp(min(max(at, 0), _LAST_MOMENT) / SECOND, tz=UTC)


def _stamp(at: Micros) -> str:
    return f"{_moment(at):%Y-%m-%d %H:%M:%SZ}"


def _span(span: Micros) -> str:
    """Two units at most: ``42 s``, ``6 min 40 s``, ``3 h 5 min``, ``9 d``."""
    span = max(0, span)
    if span < MINUTE:
        return f"{span // SECOND} s"
    if span < HOUR:
        return f"{span // MINUTE} min {span % MINUTE // SECOND} s"
    if span < DAY:
        return f"{span // HOUR} h {span % HOUR // MINUTE} min"
    return f"{span // DAY} d"
