"""Gathers the situation of a network from a cache, once, as it was known at the end."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from monitor import __version__
from monitor.cache.reader import Reader
from monitor.cache.schema import open_reading, speaking_of
from monitor.records import (
    DAY,
    CollectorRow,
    EventKind,
    Explanation,
    HostRow,
    Micros,
    NetworkRow,
    Phase,
    RouteRow,
    RulesRow,
    Vantage,
    VantageRow,
    WitnessRow,
)
from monitor.report.situation import (
    Band,
    Cell,
    Chapter,
    Figures,
    GapLine,
    HostLine,
    Matrix,
    MatrixRow,
    OwnSide,
    RouteCount,
    RoutePicture,
    Situation,
    Versions,
    Zone,
)
from monitor.report.situation_path import path_picture
from monitor.report.situation_scene import Scene
from monitor.report.situation_timeline import timeline, voices
from monitor.report.situation_words import NO_CONFIDENCE, confidence, summary
from monitor.report.times import local
from monitor.report.witness import witness_lines

BUCKETS: Final = 180
# More prefixes than this are counted, and not drawn.
_MOST_PREFIXES: Final = 12
_EVER: Final = 1 << 62
_WORST: Final = (Phase.LOST, Phase.PARTIAL, Phase.UNSTABLE)


class NothingKnown(Exception):  # noqa: N818 - says what is the case
    """The cache knows nothing of the span; the text is one sentence for people."""


def gather(path: Path, network: str, since: Micros | None, until: Micros | None) -> Situation:
    """The situation of ``network`` (its id), as it was known at ``until``.

    Without ``since`` it is of the 24 hours before; without ``until`` it goes to the last that
    was written.  Raises UnknownSubject, NothingKnown and CacheError.
    """
    with closing(Reader(path)) as reader:
        last = _last(reader)
        wanted = last if until is None else until
        # Of what comes after the last that was written nothing can be said.
        end = min(last, wanted)
        asked = end - DAY if since is None else since
        begins = reader.begins()
        if begins is None or end <= max(asked, begins):
            raise NothingKnown(
                "the cache holds nothing of that span; name another --from, --to"
            )
        scene = Scene(reader, network.removeprefix("network:"), max(asked, begins), end)
        found = _gather(scene, (asked, wanted), path)
    found = msgspec.structs.replace(found, confidence=confidence(found))
    return msgspec.structs.replace(found, summary=summary(found))


def _last(reader: Reader) -> Micros:
    """Just after the last thing written; an imported span has no current row."""
    row = reader.row("collector") or reader.row_at("collector", _EVER)
    last = reader.events(limit=1)
    beat = row.beat if isinstance(row, CollectorRow) else 0
    return max(beat, last[0].at if last else 0) + 1


def _gather(scene: Scene, asked: tuple[Micros, Micros], path: Path) -> Situation:
    net, reader = scene.network, scene.reader
    chapters = _chapters(scene)
    worst = _worst(chapters)
    matrix, titles = _matrix(scene, worst)
    ledger = voices(
        reader.book(scene.until - 1).about([scene.subject, "desk", *_subjects(scene)]), titles
    )
    lines = timeline(scene, ledger)
    span = (scene.since, scene.until)
    buckets = min(BUCKETS, scene.until - scene.since)
    rules = next((row for row in scene.rows if isinstance(row, RulesRow)), RulesRow())
    fired = {event.rule for event in scene.events if event.hard and not event.quiet}
    return Situation(
        id=net.id,
        name=net.name,
        synthetic=_drill(scene),
        asked=asked[0],
        asked_until=asked[1],
        since=scene.since,
        until=scene.until,
        zones=_zones(scene),
        phase=net.phase,
        phase_since=net.since,
        inside_up=net.inside_up,
        inside_known=net.inside_known,
        inside_total=net.inside_total,
        outside_up=net.outside_up,
        outside_total=net.outside_total,
        routes_visible=net.routes_visible,
        routes_total=net.routes_total,
        routes_state=net.routes_state,
        confidence=NO_CONFIDENCE,
        chapters=chapters,
        band=tuple(
            Band(one.since, one.until, one.phase) for one in reader.phases(net.id, *span)
        ),
        timeline=lines,
        counts=tuple(reader.tallies(net.id, *span, buckets)),
        path=path_picture(scene, None if worst is None else _middle(worst)),
        routes=_routes(scene, buckets),
        matrix=matrix,
        hosts=tuple(_host(row) for row in scene.hosts.values()),
        ledger=ledger,
        own=_own(scene),
        gaps=tuple(
            GapLine(gap.since, gap.until, gap.subject, gap.why) for gap in reader.gaps(*span)
        ),
        witness=_witness(scene),
        figures=_figures(scene, path),
        rules={rule: text for rule, text in sorted(rules.sentences.items()) if rule in fired},
        base_rates=rules.base_rates,
        versions=_versions(scene, path),
    )


def _drill(scene: Scene) -> str:
    """The drill whose cache this is; it is one at every moment of it."""
    row = scene.reader.row("collector")
    return row.drill if isinstance(row, CollectorRow) else scene.collector.drill


def _subjects(scene: Scene) -> Iterable[str]:
    """Hosts, their checks and our own side: what is said of them belongs to the report."""
    yield from (f"host:{host}" for host in scene.hosts)
    yield from (f"check:{check}" for check in scene.checks)
    yield from (f"vantage:{row.id}" for row in scene.rows if isinstance(row, VantageRow))


def _zones(scene: Scene) -> tuple[Zone, ...]:
    """UTC, the desk's and the target's; one that shows the same as an earlier is left out."""
    wanted = (
        Zone("UTC", "UTC"),
        Zone("desk", scene.collector.timezone),
        Zone("target", scene.network.timezone),
    )
    seen: dict[tuple[str, str], Zone] = {}
    for zone in wanted:
        shown = local(scene.since, zone.name), local(scene.until, zone.name)
        seen.setdefault(shown, zone)
    return tuple(seen.values())


def _chapters(scene: Scene) -> tuple[Chapter, ...]:
    """What was said of the network, stretch by stretch, each from its first signs on."""
    found = scene.reader.row_at(scene.subject, scene.since)
    turns: list[tuple[Phase, Micros, Micros, int]] = []
    if isinstance(found, NetworkRow):
        turns.append((found.phase, found.since or scene.since, scene.since, 0))
    for event in scene.events:
        if event.subject != scene.subject or not event.hard or event.new not in set(Phase):
            continue
        if event.kind is not EventKind.TRANSITION or (turns and turns[-1][0] == event.new):
            continue
        turns.append((Phase(event.new), event.since or event.at, event.at, event.id))
    ends = [*((since, told) for _, since, told, _ in turns[1:]), (scene.until, scene.until)]
    return tuple(_chapter(scene, turn, end) for turn, end in zip(turns, ends, strict=True))


def _chapter(
    scene: Scene, turn: tuple[Phase, Micros, Micros, int], end: tuple[Micros, Micros]
) -> Chapter:
    phase, since, told, number = turn
    until = max(told, end[0])
    chapter = Chapter(phase, since, told, until, number)
    if until <= told:
        return chapter
    counted = scene.reader.tallies(scene.network.id, told, until, 1)[0]
    return msgspec.structs.replace(
        chapter,
        low=counted.low,
        high=counted.high,
        known=counted.known,
        outside_low=counted.outside_low,
        outside_total=counted.outside_total,
    )


def _worst(chapters: Iterable[Chapter]) -> Chapter | None:
    """The longest chapter of the worst phase; None where all was well or nothing known."""
    for phase in _WORST:
        alike = [one for one in chapters if one.phase is phase and one.until > one.told]
        if alike:
            return max(alike, key=lambda one: one.until - one.told)
    return None


def _middle(chapter: Chapter) -> Micros:
    return (chapter.told + chapter.until) // 2


def _matrix(scene: Scene, worst: Chapter | None) -> tuple[Matrix | None, dict[str, str]]:
    """Explanations as of the middle of the worst chapter, or of the end."""
    at = scene.until if worst is None else _middle(worst)
    row = scene.network
    if worst is not None:
        then = scene.reader.row_at(scene.subject, at)
        row = then if isinstance(then, NetworkRow) else row
    given = row.explanations
    titles = {each.id: each.title for each in (*scene.network.explanations, *given)}
    if not given:
        return None, titles
    evidence = dict.fromkeys(
        text
        for kind in ("consistent", "inconsistent", "neutral", "missing")
        for each in given
        for text in getattr(each, kind)
    )
    rows = tuple(_matrix_row(each, tuple(evidence)) for each in given)
    return Matrix(at, tuple(evidence), rows), titles


def _matrix_row(each: Explanation, evidence: Iterable[str]) -> MatrixRow:
    cells: dict[str, Cell] = {}
    for texts, cell in (
        (each.neutral, Cell.NEUTRAL),
        (each.missing, Cell.MISSING),
        (each.consistent, Cell.CONSISTENT),
        (each.inconsistent, Cell.INCONSISTENT),
    ):
        cells.update(dict.fromkeys(texts, cell))
    row = tuple(cells.get(text, Cell.NONE) for text in evidence)
    return MatrixRow(each.id, each.title, each.rank, row.count(Cell.INCONSISTENT), row)


def _routes(scene: Scene, buckets: int) -> tuple[RoutePicture, ...]:
    out: list[RoutePicture] = []
    for row in scene.rows:
        if not isinstance(row, RouteRow) or row.network != scene.network.id or row.removed:
            continue
        if len(out) == _MOST_PREFIXES:
            break
        before = scene.reader.row_at(f"route:{row.prefix}", scene.since)
        out.append(
            RoutePicture(
                row.prefix,
                _count(before, scene.since) if isinstance(before, RouteRow) else None,
                _count(row, scene.until),
                tuple(scene.reader.sights(row.prefix, scene.since, scene.until, buckets)),
            )
        )
    return tuple(out)


def _count(row: RouteRow, at: Micros) -> RouteCount:
    return RouteCount(at, row.seen, row.peers, row.state, row.feed)


def _host(row: HostRow) -> HostLine:
    found = row.hosting
    claims = tuple(
        f"{claim.hosted_in + ': ' if claim.hosted_in else ''}{claim.text or 'hosted there'}"
        f" ({claim.source}, {claim.date})"
        for claim in row.claims
    )
    return HostLine(
        row.id,
        row.name,
        row.state,
        row.since,
        None if found is None else found.inside,
        address="" if found is None else found.address,
        asn=None if found is None else found.asn,
        as_name="" if found is None else found.as_name,
        country="" if found is None else found.country,
        how="" if found is None else found.how,
        claims=claims,
        historic=row.historic,
    )


def _own(scene: Scene) -> tuple[OwnSide, ...]:
    out: list[OwnSide] = []
    for row in scene.rows:
        if isinstance(row, VantageRow):
            faults = tuple(
                event.id
                for event in scene.events
                if event.subject == f"vantage:{row.id}" and event.new == Vantage.FAULT
            )
            out.append(
                OwnSide(
                    *(row.id, row.health, row.since, row.answering, row.known),
                    *(row.total, row.asns, faults),
                )
            )
    return tuple(out)


def _witness(scene: Scene) -> tuple[str, ...]:
    name = scene.network.id
    rows = [row for row in scene.rows if isinstance(row, WitnessRow) and row.network == name]
    return tuple(witness_lines(rows[0] if rows else None, scene.until))


def _figures(scene: Scene, path: Path) -> Figures:
    marks = ",".join("?" * len(scene.checks))
    query = (
        f"SELECT outcome, count(*), min(at) FROM observed WHERE check_id IN ({marks})"  # noqa: S608 - values are bound
        " AND at >= ? AND at < ? GROUP BY outcome ORDER BY outcome"
    )
    db, _ = open_reading(path)
    with closing(db), speaking_of(path):
        found = db.execute(query, (*scene.checks, scene.since, scene.until)).fetchall()
    return Figures(
        checks=len(scene.checks),
        observations=sum(count for _, count, _ in found),
        outcomes={str(outcome): count for outcome, count, _ in found},
        raw_since=min((first for _, _, first in found), default=0),
        events=len(scene.events),
        hard=sum(event.hard for event in scene.events),
    )


def _versions(scene: Scene, path: Path) -> Versions:
    db, _ = open_reading(path)
    with closing(db), speaking_of(path):
        last = db.execute(
            "SELECT id, link FROM events WHERE at < ? ORDER BY id DESC LIMIT 1",
            (scene.until,),
        ).fetchall()
    return Versions(
        watchdesk=__version__,
        collector=scene.collector.version,
        watchlist=scene.collector.watchlist,
        watchlist_hash=scene.collector.watchlist_hash,
        last_event=last[0][0] if last else 0,
        last_link=(last[0][1] or b"").hex() if last else "",
    )
