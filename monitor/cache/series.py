"""What a plot draws: buckets of one check, gaps, and a network's phases as a band."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from statistics import median_low
from typing import Any, Final, NamedTuple

import msgspec

from monitor.cache.rollup import FIVE, PURGED, UNKNOWN, counts, letter_of, mark
from monitor.records import (
    BEATS,
    HOUR,
    SECOND,
    CheckRow,
    EventKind,
    Micros,
    Phase,
    Row,
    State,
)

# A check that has not run for so many intervals is not between two runs (DESIGN 4.9).
_STALE_INTERVALS: Final = 2.5
_USUAL_INTERVAL: Final = 60 * SECOND
_NAMES: Final = frozenset(phase.value for phase in Phase)
_MAX_BUCKETS: Final = 100_000
_WORST: Final = (State.DOWN, State.UNREACHABLE, State.DEGRADED, State.UP)
_RAW: Final = (
    "SELECT o.at, o.rtt_ms, o.sent, o.received, o.beat, w.word FROM observations AS o"
    " LEFT JOIN words AS w ON w.no = o.outcome"
    " WHERE o.check_no = ? AND o.at >= ? AND o.at < ? ORDER BY o.at"
)
_BEFORE: Final = "SELECT max(at) FROM observations WHERE check_no = ? AND at < ?"
_SLOTS: Final = (
    "SELECT slot, n, ok, sent, received, low, mid, high, beats FROM {table}"
    " WHERE check_no = ? AND slot >= ? AND slot < ? ORDER BY slot"
)
_GAPS: Final = (
    "SELECT since, until, subject, text FROM events"
    " WHERE kind = 'gap' AND until > ? AND since < ? AND until > since ORDER BY since, id"
)
_PHASES: Final = (
    "SELECT at, old, new FROM events WHERE subject = ? AND kind = ? AND hard = 1"
    " AND at < ? ORDER BY id"
)


class Bucket(msgspec.Struct, frozen=True):
    """What one check showed in ``since <= t < until``.

    ``runs`` counts all runs; figures and ``worst`` are of those that count.  ``low_ms``,
    ``mid_ms`` (median) and ``high_ms`` are round trips, None where none is known; ``loss``
    is the fraction lost, None where nothing was sent.  ``gap``: for this span nothing is
    known.  A bucket without a run and without ``gap`` lies between two runs.
    """

    since: Micros
    until: Micros
    runs: int = 0
    low_ms: float | None = None
    mid_ms: float | None = None
    high_ms: float | None = None
    loss: float | None = None
    worst: State | None = None
    gap: bool = False


class Gap(msgspec.Struct, frozen=True):
    """A span for which nothing is known, and why; ``subject`` is the vantage."""

    since: Micros
    until: Micros
    subject: str
    why: str


class Band(msgspec.Struct, frozen=True):
    """A network's phase from ``since`` to ``until``; UNKNOWN where nobody looked."""

    since: Micros
    until: Micros
    phase: Phase


class _Piece(NamedTuple):
    """A run, or a rolled-up slot; round trips in microseconds, ``beats`` by letter."""

    since: Micros
    until: Micros
    runs: int
    answered: int
    sent: int
    received: int
    low: int | None
    mid: int | None
    high: int | None
    beats: dict[str, int]


def edges_of(since: Micros, until: Micros, size: int) -> list[Micros]:
    """The edges of ``size`` buckets of equal width.

    Raises ValueError for an empty span, no buckets or more than can be told apart.
    """
    if until <= since or not 1 <= size <= min(_MAX_BUCKETS, until - since):
        raise ValueError("a series needs a span of time and a number of buckets")
    return [since + (until - since) * index // size for index in range(size + 1)]


def series(
    db: sqlite3.Connection, row: Row | None, check: str, edges: list[Micros]
) -> list[Bucket]:
    """The buckets between ``edges`` (see :func:`edges_of`); inside a read transaction.

    Drawn from the coarsest tier that is fine enough, and from a coarser one where that is
    gone.
    """
    since, until, size = edges[0], edges[-1], len(edges) - 1
    found = db.execute("SELECT no FROM checks WHERE id = ?", (check,)).fetchall()
    held: list[list[_Piece]] = [[] for _ in range(size)]
    interval = int(row.interval_s * SECOND) if isinstance(row, CheckRow) else _USUAL_INTERVAL
    patience = int(interval * _STALE_INTERVALS)
    heard = since - patience
    if found:
        heard = max(heard, db.execute(_BEFORE, (found[0][0], since)).fetchall()[0][0] or 0)
        for piece in _pieces(db, found[0][0], (since, until), (until - since) // size):
            _put(piece, edges, held)
    return _buckets(edges, held, gaps(db, since, until), (heard, patience))


def _pieces(
    db: sqlite3.Connection, check: int, span: tuple[Micros, Micros], width: Micros
) -> Iterator[_Piece]:
    """The pieces of a span, oldest first, each part of it from one tier."""
    since, until = span
    rolled = db.execute("SELECT until FROM rolled WHERE check_no = ?", (check,)).fetchall()
    # A slot that ends after the span would tell what came later.
    fives_end = min(rolled[0][0] if rolled else 0, until // FIVE * FIVE)
    hours_end = fives_end // HOUR * HOUR
    middle = fives_end if width >= FIVE else min(mark(db, PURGED), fives_end)
    coarse = hours_end if width >= HOUR else min(hours_end, _fives_from(db, check))
    first = max(since, min(coarse, until))
    second = max(first, min(max(middle, coarse), until))
    yield from _slots(db, "hours", HOUR, check, (since, first))
    yield from _slots(db, "fives", FIVE, check, (first, second))
    for at, rtt, sent, received, beat, said in db.execute(_RAW, (check, second, until)):
        letter = letter_of(beat, said)
        counted = letter != UNKNOWN
        micros = round(rtt * 1000) if rtt is not None and counted else None
        yield _Piece(
            at,
            at + 1,
            1,
            int(micros is not None),
            sent * counted,
            received * counted,
            micros,
            micros,
            micros,
            {letter: 1},
        )


def _fives_from(db: sqlite3.Connection, check: int) -> Micros:
    """Before this only hours are left; 0 when nothing is gone."""
    fives, hours = db.execute(
        "SELECT (SELECT min(slot) FROM fives WHERE check_no = ?1),"
        " (SELECT min(slot) FROM hours WHERE check_no = ?1)",
        (check,),
    ).fetchall()[0]
    if hours is None:
        return 0
    if fives is None:
        return 1 << 62
    begin = int(fives * FIVE // HOUR)
    return begin * HOUR if hours < begin else 0


def _slots(
    db: sqlite3.Connection, table: str, width: Micros, check: int, span: tuple[Micros, Micros]
) -> Iterator[_Piece]:
    if span[1] <= span[0]:
        return
    values = (check, span[0] // width, -(-span[1] // width))
    for row in db.execute(_SLOTS.format(table=table), values):
        slot, runs, answered, sent, received, low, mid, high, beats = row
        begin = slot * width
        end = begin + width
        found = counts(beats)
        yield _Piece(begin, end, runs, answered, sent, received, low, mid, high, found)


def _put(piece: _Piece, edges: Sequence[Micros], held: list[list[_Piece]]) -> None:
    """A piece belongs to the bucket of its middle, or to all whose middle it holds."""
    size = len(held)
    since, until = edges[0], edges[-1]

    def index(at: Micros) -> int:
        found = (at - since) * size // (until - since)
        # The edges are rounded down to whole microseconds.
        if 0 <= found < size - 1 and at >= edges[found + 1]:
            found += 1
        return found

    middle = index((piece.since + piece.until) // 2)
    covered = {middle}
    for number in range(max(0, index(piece.since)), min(size, index(piece.until) + 1)):
        if piece.since <= (edges[number] + edges[number + 1]) // 2 < piece.until:
            covered.add(number)
    for number in covered:
        if 0 <= number < size:
            held[number].append(piece)


def _buckets(
    edges: Sequence[Micros],
    held: list[list[_Piece]],
    blind: Sequence[Gap],
    trust: tuple[Micros, Micros],
) -> list[Bucket]:
    """``trust`` is when the check was last heard before, and for how long that is enough."""
    out: list[Bucket] = []
    heard, patience = trust
    for number, pieces in enumerate(held):
        since, until = edges[number], edges[number + 1]
        unseen = _overlap(blind, since, until)
        bucket = _figures(since, until, pieces)
        known = bucket.worst is not None
        if known:
            heard = max(heard, *(min(piece.until, until) for piece in pieces))
        # A gap of most of a bucket is a gap of it; a shorter one leaves what was seen.
        gap = unseen * 2 > until - since if known else unseen > 0 or until - heard > patience
        out.append(msgspec.structs.replace(bucket, gap=gap))
    return out


def _overlap(blind: Sequence[Gap], since: Micros, until: Micros) -> Micros:
    """How much of a span lies in gaps, those of several vantages counted once."""
    total, reached = 0, since
    for gap in blind:
        low, high = max(gap.since, reached), min(gap.until, until)
        if high > low:
            total += high - low
            reached = high
    return total


def _figures(since: Micros, until: Micros, pieces: Sequence[_Piece]) -> Bucket:
    beats: dict[str, int] = {}
    for piece in pieces:
        for letter, times in piece.beats.items():
            beats[letter.upper()] = beats.get(letter.upper(), 0) + times
    sent = sum(piece.sent for piece in pieces)
    lows = [piece.low for piece in pieces if piece.low is not None]
    highs = [piece.high for piece in pieces if piece.high is not None]
    mids = [
        mid
        for piece in pieces
        if (mid := piece.mid) is not None
        for _ in range(max(1, piece.answered))
    ]
    return Bucket(
        since,
        until,
        runs=sum(piece.runs for piece in pieces),
        low_ms=min(lows) / 1000 if lows else None,
        mid_ms=median_low(mids) / 1000 if mids else None,
        high_ms=max(highs) / 1000 if highs else None,
        loss=1.0 - sum(piece.received for piece in pieces) / sent if sent else None,
        worst=next((state for state in _WORST if BEATS[state] in beats), None),
    )


def gaps(db: sqlite3.Connection, since: Micros, until: Micros) -> list[Gap]:
    """The gaps of a span, cut to it, by their start."""
    return [
        Gap(max(since, start), min(until, end), subject, why)
        for start, end, subject, why in db.execute(_GAPS, (since, until))
    ]


def phases(db: sqlite3.Connection, network: str, since: Micros, until: Micros) -> list[Band]:
    """What was said of a network through a span, without a hole; gaps are UNKNOWN."""
    turns: list[tuple[Micros, Phase]] = [(since, Phase.UNKNOWN)]
    rows: list[tuple[Any, ...]] = db.execute(
        _PHASES, (f"network:{network}", EventKind.TRANSITION.value, until)
    ).fetchall()
    if rows and rows[0][0] > since and rows[0][1] in _NAMES:
        turns[0] = (since, Phase(rows[0][1]))
    for at, _, new in rows:
        if new in _NAMES:
            turns.append((max(at, since), Phase(new)))
    bands: list[Band] = []
    ends = [*(at for at, _ in turns[1:]), until]
    for (start, phase), end in zip(turns, ends, strict=True):
        for low, high, blind in _parted(start, end, gaps(db, start, end)):
            _extend(bands, Band(low, high, Phase.UNKNOWN if blind else phase))
    return bands


def _parted(
    since: Micros, until: Micros, blind: Sequence[Gap]
) -> Iterator[tuple[Micros, Micros, bool]]:
    """A span in pieces that lie in gaps and pieces that do not."""
    for gap in blind:
        if gap.until <= since:
            continue
        if gap.since > since:
            yield since, gap.since, False
        yield max(since, gap.since), gap.until, True
        since = gap.until
    if since < until:
        yield since, until, False


def _extend(bands: list[Band], band: Band) -> None:
    if band.until <= band.since:
        return
    if bands and bands[-1].phase is band.phase and bands[-1].until == band.since:
        band = Band(bands.pop().since, band.until, band.phase)
    bands.append(band)
