"""The situation of one network through a span: everything its report says, as one record.

It is gathered once (situation_facts.py) and then rendered; its JSON is this record.  Times
are ``Micros``.  Every number in it can be found in the cache.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from monitor.cache.sights import SightBucket
from monitor.cache.tally import TallyBucket
from monitor.records import FeedState, Micros, Phase, Routed, State, Vantage

SCHEMA: Final = 1
SYNTHETIC: Final = "DRILL, SYNTHETIC DATA"


class Source(StrEnum):
    """Where a line comes from: three kinds that are never mixed, and what is about the desk."""

    OBSERVED = "observed"
    CLAIMED = "claimed"
    INFERRED = "inferred"
    SAID = "said"


class Level(StrEnum):
    """Confidence in what was observed, by rule; it says nothing of a cause."""

    HIGH = "high"
    MODERATE = "moderate"
    LOW = "low"


class Cell(StrEnum):
    """What a piece of evidence is to an explanation (Heuer, chapter 8)."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    MISSING = "missing"
    NEUTRAL = "neutral"
    NONE = ""


class Zone(msgspec.Struct, frozen=True):
    """A clock of the report: ``name`` as in the IANA database, '' for the machine's own."""

    role: str
    name: str


class Sentence(msgspec.Struct, frozen=True):
    """A sentence of the summary; ``source`` tells what was seen from what was said.

    One with a ``lead`` is a paragraph of its own.
    """

    source: Source
    text: str
    lead: str = ""


class Chapter(msgspec.Struct, frozen=True):
    """A stretch in one phase: first signs at ``since``, said at ``told``, to ``until``.

    ``low`` to ``high`` hosts inside of ``known`` answered while it was said; None where
    nobody could tell.  ``event`` is the transition into it, 0 for what stood at the start.
    """

    phase: Phase
    since: Micros
    told: Micros
    until: Micros
    event: int
    low: int | None = None
    high: int | None = None
    known: int | None = None
    outside_low: int | None = None
    outside_total: int | None = None


class Band(msgspec.Struct, frozen=True):
    """A phase of the band, as it was said at the time."""

    since: Micros
    until: Micros
    phase: Phase


class Line(msgspec.Struct, frozen=True):
    """A line of the timeline: ``count`` events from ``first`` to ``last`` (their ids), or one
    ``entry`` of the ledger.  ``until`` differs from ``at`` where several are one line.
    """

    at: Micros
    until: Micros
    source: Source
    what: str
    text: str
    chief: bool = False
    count: int = 0
    first: int = 0
    last: int = 0
    entry: int = 0


class Hop(msgspec.Struct, frozen=True):
    """One TTL of a path; no address where nothing answers."""

    ttl: int
    addresses: tuple[str, ...] = ()
    asn: int | None = None
    as_name: str = ""


class Way(msgspec.Struct, frozen=True):
    """A path as of ``at``: its hops, the ASes in order, and what is wrong with it."""

    title: str
    at: Micros
    state: str
    hops: tuple[Hop, ...]
    asns: tuple[int, ...]
    why: str = ""


class PathPicture(msgspec.Struct, frozen=True):
    """The way to one host before, during and after; ``breaks`` is how often it broke."""

    check: str
    host: str
    name: str
    breaks: int
    ways: tuple[Way, ...]


class RouteCount(msgspec.Struct, frozen=True):
    """``seen`` of ``peers`` held the route at ``at``."""

    at: Micros
    seen: int
    peers: int
    state: Routed
    feed: FeedState


class RoutePicture(msgspec.Struct, frozen=True):
    """A prefix through the span; ``first`` and ``last`` are of its ends."""

    prefix: str
    first: RouteCount | None
    last: RouteCount | None
    buckets: tuple[SightBucket, ...]


class MatrixRow(msgspec.Struct, frozen=True):
    """An explanation against each piece of evidence, in the order of the matrix."""

    id: str
    title: str
    rank: int
    inconsistent: int
    cells: tuple[Cell, ...]


class Matrix(msgspec.Struct, frozen=True):
    """Explanations against evidence as of ``at``: ranked, never decided."""

    at: Micros
    evidence: tuple[str, ...]
    rows: tuple[MatrixRow, ...]


class HostLine(msgspec.Struct, frozen=True):
    """A host of the network's affiliation: what was said of its hosting, and what measured."""

    id: str
    name: str
    state: State
    since: Micros
    inside: bool | None
    address: str = ""
    asn: int | None = None
    as_name: str = ""
    country: str = ""
    how: str = ""
    claims: tuple[str, ...] = ()
    historic: bool = False


class Voice(msgspec.Struct, frozen=True):
    """An entry of the ledger in words; ``versions`` counts it and its amendments, ``ended``
    says how it was taken back.
    """

    id: int
    at: Micros
    source: Source
    kind: str
    who: str
    subject: str
    text: str
    versions: int = 1
    ended: str = ""
    event: int = 0


class GapLine(msgspec.Struct, frozen=True):
    """A span for which nothing is known, and why."""

    since: Micros
    until: Micros
    subject: str
    why: str


class OwnSide(msgspec.Struct, frozen=True):
    """A vantage of ours at the end of the span, and its faults in it (ids of events)."""

    id: str
    health: Vantage
    since: Micros
    answering: int
    known: int
    total: int
    asns: int
    faults: tuple[int, ...] = ()


class Confidence(msgspec.Struct, frozen=True):
    """How far the observations carry, and why."""

    level: Level
    reasons: tuple[str, ...]


class Figures(msgspec.Struct, frozen=True):
    """What the report rests on: raw runs of the network's checks by outcome, and events."""

    checks: int
    observations: int
    outcomes: dict[str, int]
    raw_since: Micros
    events: int
    hard: int


class Versions(msgspec.Struct, frozen=True):
    """What made the data and the report, and the place in the chain of events."""

    watchdesk: str
    collector: str
    watchlist: str
    watchlist_hash: str
    last_event: int
    last_link: str


class Situation(msgspec.Struct, frozen=True):
    """One network from ``since`` to ``until``, as it was known at ``until``.

    ``asked`` and ``asked_until`` are the span that was asked for; the cache may begin later and
    end earlier.  ``synthetic`` names the drill that made the data up, '' for real ones.
    """

    id: str
    name: str
    synthetic: str
    asked: Micros
    asked_until: Micros
    since: Micros
    until: Micros
    zones: tuple[Zone, ...]
    phase: Phase
    phase_since: Micros
    inside_up: int
    inside_known: int
    inside_total: int
    outside_up: int
    outside_total: int
    routes_visible: int
    routes_total: int
    routes_state: FeedState
    confidence: Confidence
    chapters: tuple[Chapter, ...]
    band: tuple[Band, ...]
    timeline: tuple[Line, ...]
    counts: tuple[TallyBucket, ...]
    path: PathPicture | None
    routes: tuple[RoutePicture, ...]
    matrix: Matrix | None
    hosts: tuple[HostLine, ...]
    ledger: tuple[Voice, ...]
    own: tuple[OwnSide, ...]
    gaps: tuple[GapLine, ...]
    witness: tuple[str, ...]
    figures: Figures
    rules: dict[str, str]
    base_rates: str
    versions: Versions
    summary: tuple[Sentence, ...] = ()
    schema: int = SCHEMA


def as_json(found: Situation) -> str:
    """The record as one JSON object, ``schema`` 1; times are Micros."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n"
