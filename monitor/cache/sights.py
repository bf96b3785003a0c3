"""How a prefix was seen through a span: what a chart of its routes is drawn from."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from monitor.cache.codec import UNREADABLE
from monitor.cache.series import Gap
from monitor.records import FeedState, Micros

_ENTRIES: Final = (
    "SELECT at, record, sampled FROM history"
    " WHERE subject_no = (SELECT no FROM subjects WHERE subject = ?1)"
    " AND at >= coalesce((SELECT max(at) FROM history WHERE subject_no ="
    " (SELECT no FROM subjects WHERE subject = ?1) AND at <= ?2), ?2)"
    " AND at < ?3 ORDER BY at"
)
# What was judged is taken entry by entry; figures that moved without it, so often a bucket.
_STEPS_A_BUCKET: Final = 16


class SightBucket(msgspec.Struct, frozen=True):
    """How one prefix was seen in ``since <= t < until``.

    ``feed`` is how the feed was for most of it, None where nobody looked.  While it lived,
    at the least ``seen`` of ``peers`` held the route (``peers`` 0: nobody could tell), and
    ``shares`` is the mean fraction of those peers by the AS left of the origin.
    """

    since: Micros
    until: Micros
    feed: FeedState | None = None
    seen: int = 0
    peers: int = 0
    shares: dict[int, float] = {}


class _Judged(msgspec.Struct):
    feed: FeedState = FeedState.ABSENT


class _Counted(msgspec.Struct):
    seen: int = 0
    peers: int = 0
    upstreams: dict[int, int] = {}


class _Piece(NamedTuple):
    """What held for ``took`` of a bucket."""

    took: Micros
    feed: FeedState
    said: _Counted


_JUDGED: Final = msgspec.msgpack.Decoder(_Judged)
_COUNTED: Final = msgspec.msgpack.Decoder(_Counted)
_NOTHING: Final = _Counted()


def sights(
    db: sqlite3.Connection,
    prefix: str,
    edges: Sequence[Micros],
    blind: Sequence[Gap],
) -> list[SightBucket]:
    """The buckets between ``edges`` (see :func:`monitor.cache.series.edges_of`), oldest
    first; inside a read transaction.  ``blind`` are the spans of which nothing is known.

    A change of state or feed counts however short it was; of figures that move within a
    state, sixteen a bucket are taken.
    """
    size, span = len(edges) - 1, (edges[0], edges[-1])
    step = max(1, (span[1] - span[0]) // size // _STEPS_A_BUCKET)
    held: list[list[_Piece]] = [[] for _ in range(size)]
    for since, until, feed, said in _standing(db, prefix, span, step):
        for number in range(_index(edges, since), size):
            took = min(until, edges[number + 1]) - max(since, edges[number])
            if took <= 0:
                break
            held[number].append(_Piece(took, feed, said))
    return [
        _bucket(edges[number], edges[number + 1], pieces, blind)
        for number, pieces in enumerate(held)
    ]


def _index(edges: Sequence[Micros], at: Micros) -> int:
    """The bucket that holds ``at``; edges are rounded down to whole microseconds."""
    size = len(edges) - 1
    found = max(0, min(size - 1, (at - edges[0]) * size // (edges[-1] - edges[0])))
    return found + 1 if found + 1 < size and at >= edges[found + 1] else found


def _standing(
    db: sqlite3.Connection, prefix: str, span: tuple[Micros, Micros], step: Micros
) -> Iterator[tuple[Micros, Micros, FeedState, _Counted]]:
    """Each entry with the time it stood within the span; unreadable ones are left out."""
    before: tuple[Micros, FeedState, _Counted] | None = None
    judged, told = b"", -1
    for at, turning, sampled in db.execute(_ENTRIES, (f"route:{prefix}", *span)):
        if turning == judged and at // step == told:
            continue
        judged, told = turning, at // step
        try:
            feed = _JUDGED.decode(turning).feed
            said = _COUNTED.decode(sampled) if sampled else _NOTHING
        except UNREADABLE:
            continue
        if before is not None:
            yield before[0], at, before[1], before[2]
        before = max(at, span[0]), feed, said
    if before is not None:
        yield before[0], span[1], before[1], before[2]


def _bucket(
    since: Micros, until: Micros, pieces: Sequence[_Piece], blind: Sequence[Gap]
) -> SightBucket:
    unseen = sum(max(0, min(gap.until, until) - max(gap.since, since)) for gap in blind)
    if not pieces or unseen * 2 > until - since:
        return SightBucket(since, until)
    took: dict[FeedState, Micros] = {}
    for piece in pieces:
        took[piece.feed] = took.get(piece.feed, 0) + piece.took
    feed = max(took, key=took.__getitem__)
    live = [piece for piece in pieces if piece.feed is FeedState.LIVE and piece.said.peers]
    if feed is not FeedState.LIVE or not live:
        return SightBucket(since, until, feed)
    least = min(live, key=lambda piece: piece.said.seen / piece.said.peers).said
    whole = sum(piece.took for piece in live)
    shares: dict[int, float] = {}
    for piece in live:
        for asn, peers in piece.said.upstreams.items():
            part = peers / piece.said.peers * piece.took / whole
            shares[asn] = shares.get(asn, 0.0) + part
    return SightBucket(since, until, feed, least.seen, least.peers, shares)
