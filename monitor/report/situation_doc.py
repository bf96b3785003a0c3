"""A situation as a document: sections of sentences, tables and plots, for any form of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from monitor.cache.tally import TallyBucket
from monitor.records import EventKind, FeedState, Micros
from monitor.report import situation_evidence as evidence
from monitor.report.situation import SYNTHETIC, Chapter, Line, Sentence, Situation, Source
from monitor.report.situation_blocks import Block, Document, Plot, Section, Table, Text
from monitor.report.times import clock, local, span, stamp

_ROWS: Final = 24
_DASH: Final = "—"
_LOUD: Final = frozenset({EventKind.TRANSITION, EventKind.GAP, EventKind.VANTAGE})


def document(found: Situation) -> Document:
    """The whole report."""
    mark = f"{SYNTHETIC} ({found.synthetic})" if found.synthetic else ""
    sections = (
        Section("Summary", tuple(_summary(found.summary))),
        Section("Timeline", (_timeline(found),)),
        Section("Phases", tuple(_phases(found))),
        Section("Hosts inside over time", tuple(_counts(found))),
        Section("Path before and after", tuple(evidence.path_blocks(found.path))),
        Section("Routes", tuple(evidence.routes_blocks(found))),
        Section("Explanations against evidence", tuple(evidence.matrix_blocks(found.matrix))),
        Section("Hosting against affiliation", tuple(evidence.hosting_blocks(found.hosts))),
        Section("Ledger: observed, claimed, inferred", tuple(evidence.ledger_blocks(found))),
        Section("Own vantage and gaps", tuple(evidence.own_blocks(found))),
        Section("Method and thresholds", tuple(evidence.method_blocks(found))),
        Section("Versions", (evidence.versions_blocks(found),)),
    )
    return Document(f"Situation report: {found.name}", mark, tuple(_facts(found)), sections)


def _facts(found: Situation) -> Iterator[tuple[str, str]]:
    yield "From", _everywhere(found, found.since)
    yield "To (as known then)", _everywhere(found, found.until)
    yield "Phase at the end", f"{found.phase} since {stamp(found.phase_since)}"
    yield "Hosts inside", f"{found.inside_up} of {found.inside_known} answered"
    if found.inside_known != found.inside_total:
        yield "Hosts without fresh data", f"{found.inside_total - found.inside_known}"
    yield "Its sites elsewhere", f"{found.outside_up} of {found.outside_total} answered"
    yield "Routes", _routes_now(found)
    yield "Confidence in the observations", found.confidence.level
    yield "Cause", _cause(found)


def _cause(found: Situation) -> str:
    kinds = [voice.source for voice in found.ledger if not voice.ended]
    claims, inferences = kinds.count(Source.CLAIMED), kinds.count(Source.INFERRED)
    if not claims and not inferences:
        return "undetermined"
    return f"undetermined by observation; {claims} claimed, {inferences} inferred (ledger)"


def _routes_now(found: Situation) -> str:
    if found.routes_state is FeedState.LIVE:
        return f"{found.routes_visible} of {found.routes_total} prefixes visible"
    return f"not known: feed {found.routes_state}"


def _everywhere(found: Situation, at: Micros) -> str:
    others = (
        f"{zone.role} {local(at, zone.name)}{f' ({zone.name})' if zone.name else ''}"
        for zone in found.zones[1:]
    )
    return "; ".join((stamp(at), *others))


def _summary(said: Sequence[Sentence]) -> Iterator[Block]:
    """What was observed in one paragraph, what was said in one each."""
    paragraph: list[str] = []
    for sentence in said:
        if sentence.source is Source.OBSERVED and not sentence.lead:
            paragraph.append(sentence.text)
            continue
        if paragraph:
            yield Text(" ".join(paragraph))
            paragraph = []
        yield Text(sentence.text, sentence.lead, sentence.source)
    if paragraph:
        yield Text(" ".join(paragraph))


def _timeline(found: Situation) -> Block:
    zones = found.zones[1:]
    head = ("UTC", *(zone.role for zone in zones), "source", "what", "said")
    rows = tuple(_timeline_row(line, [zone.name for zone in zones]) for line in found.timeline)
    strong = frozenset(
        index for index, line in enumerate(found.timeline) if line.chief and line.what in _LOUD
    )
    return Table("timeline", head, rows, strong)


def _timeline_row(line: Line, zones: Iterable[str]) -> tuple[str, ...]:
    at, until = clock(line.at), clock(line.until)
    if until != at:
        at += f"Z to {until[7:] if until[:6] == at[:6] else until}"
    at += "Z"
    return (at, *(local(line.at, zone) for zone in zones), line.source, line.what, _told(line))


def _told(line: Line) -> str:
    if line.entry:
        return f"{line.text} [entry {line.entry}]"
    if line.count == 1:
        return f"{line.text} [event {line.first}]"
    return f"{line.text} [{line.count} events, {line.first} to {line.last}]"


def _phases(found: Situation) -> Iterator[Block]:
    head = ("phase", "first signs", "said at", "until", "for", "inside", "elsewhere")
    table = Table("chapters", head, tuple(map(_chapter_row, found.chapters)))
    yield Plot("band", "What was said of the network, as it was said at the time (UTC)", table)


def _chapter_row(one: Chapter) -> tuple[str, ...]:
    inside = _DASH
    if one.low is not None:
        inside = f"{_range(one.low, one.high)} of {one.known}"
    outside = f"{one.outside_low} of {one.outside_total}" if one.outside_total else _DASH
    times = (one.since, one.told, one.until)
    length = span(one.until - one.since)
    return (one.phase, *(f"{clock(at)}Z" for at in times), length, inside, outside)


def _range(low: int, high: int | None) -> str:
    return str(low) if high is None or high == low else f"{low} to {high}"


def _counts(found: Situation) -> Iterator[Block]:
    rows = tuple(_count_row(one) for one in _fewer(found.counts))
    head = ("from", "to", "hosts inside that answered", "its sites elsewhere, at the least")
    table = Table("counts", head, rows)
    yield Plot("counts", "Hosts inside that answered, fewest and most; gaps are empty", table)


def _count_row(one: TallyBucket) -> tuple[str, ...]:
    times = (f"{clock(one.since)}Z", f"{clock(one.until)}Z")
    if one.low is None:
        return (*times, "not known", "not known")
    inside = f"{_range(one.low, one.high)} of {one.known}"
    return (*times, inside, f"{one.outside_low} of {one.outside_total}")


def _fewer(buckets: Sequence[TallyBucket]) -> list[TallyBucket]:
    """As many as a table takes: alike ones as one, and if need be unlike ones too."""
    size = max(1, len(buckets) // 2)
    merged = _runs(buckets)
    while len(merged) > _ROWS:
        step = -(-len(buckets) // size)
        groups = [buckets[at : at + step] for at in range(0, len(buckets), step)]
        merged = _runs([_merged(group) for group in groups])
        size //= 2
    return merged


def _runs(buckets: Iterable[TallyBucket]) -> list[TallyBucket]:
    out: list[TallyBucket] = []
    for one in buckets:
        if out and msgspec.structs.replace(out[-1], since=one.since, until=one.until) == one:
            out[-1] = msgspec.structs.replace(out[-1], until=one.until)
        else:
            out.append(one)
    return out


def _merged(group: Sequence[TallyBucket]) -> TallyBucket:
    known = [one for one in group if one.low is not None]
    span_of = {"since": group[0].since, "until": group[-1].until}
    if not known:
        return TallyBucket(**span_of)
    least = min(known, key=lambda one: one.low or 0)
    high = max(one.high or 0 for one in known)
    fewest = min(one.outside_low or 0 for one in known)
    return msgspec.structs.replace(least, high=high, outside_low=fewest, **span_of)
