"""How many hosts of a network answered through a span: what a plot of counts is drawn from."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from monitor.cache.codec import UNREADABLE
from monitor.cache.series import Gap, edges_of, gaps
from monitor.records import Micros

_ENTRIES: Final = (
    "SELECT at, record FROM history"
    " WHERE subject_no = (SELECT no FROM subjects WHERE subject = ?1)"
    " AND at >= coalesce((SELECT max(at) FROM history WHERE subject_no ="
    " (SELECT no FROM subjects WHERE subject = ?1) AND at <= ?2), ?2)"
    " AND at < ?3 ORDER BY at"
)


class Counts(msgspec.Struct, frozen=True):
    """The counts of a network's row (see NetworkRow)."""

    inside_up: int = 0
    inside_known: int = 0
    inside_total: int = 0
    outside_up: int = 0
    outside_total: int = 0


class TallyBucket(msgspec.Struct, frozen=True):
    """How many hosts inside answered in ``since <= t < until``, of ``known`` with fresh data.

    ``low`` and ``high`` are the fewest and the most, ``known`` and ``total`` go with the
    fewest.  ``outside_low`` of ``outside_total`` is the fewest outside.  All are None where
    nothing is known: for most of it nobody looked, or no host had trusted data.
    """

    since: Micros
    until: Micros
    low: int | None = None
    high: int | None = None
    known: int | None = None
    total: int | None = None
    outside_low: int | None = None
    outside_total: int | None = None


_DECODER: Final = msgspec.msgpack.Decoder(Counts)


def tallies(
    db: sqlite3.Connection, network: str, span: tuple[Micros, Micros], size: int
) -> list[TallyBucket]:
    """``size`` buckets of equal width, oldest first; inside a read transaction.

    What was last said does not hold in a gap.  Raises ValueError for an empty span.
    """
    edges = edges_of(*span, size)
    blind = gaps(db, *span)
    held: list[list[Counts]] = [[] for _ in range(size)]
    number = 0
    for since, until, counts in _standing(db, f"network:{network}", span):
        while number < size and edges[number + 1] <= since:
            number += 1
        for later in range(number, size):
            if edges[later] >= until:
                break
            if _seen(max(since, edges[later]), min(until, edges[later + 1]), blind):
                held[later].append(counts)
    return [
        _bucket(edges[index], edges[index + 1], found, blind)
        for index, found in enumerate(held)
    ]


def _standing(
    db: sqlite3.Connection, subject: str, span: tuple[Micros, Micros]
) -> Iterator[tuple[Micros, Micros, Counts]]:
    """Each entry with the time it stood within the span; unreadable ones are left out."""
    before: tuple[Micros, Counts] | None = None
    for at, record in db.execute(_ENTRIES, (subject, *span)):
        try:
            counts = _DECODER.decode(record)
        except UNREADABLE:
            continue
        if before is not None:
            yield before[0], at, before[1]
        before = max(at, span[0]), counts
    if before is not None:
        yield before[0], span[1], before[1]


def _seen(since: Micros, until: Micros, blind: Sequence[Gap]) -> bool:
    """Whether some of a span lies outside the gaps."""
    return not any(gap.since <= since and until <= gap.until for gap in blind)


def _bucket(
    since: Micros, until: Micros, found: Sequence[Counts], blind: Sequence[Gap]
) -> TallyBucket:
    unseen = sum(max(0, min(gap.until, until) - max(gap.since, since)) for gap in blind)
    known = [counts for counts in found if counts.inside_known]
    if not known or unseen * 2 > until - since:
        return TallyBucket(since, until)
    least = min(known, key=lambda counts: counts.inside_up)
    fewest = min(known, key=lambda counts: counts.outside_up)
    return TallyBucket(
        since,
        until,
        low=least.inside_up,
        high=max(counts.inside_up for counts in known),
        known=least.inside_known,
        total=least.inside_total,
        outside_low=fewest.outside_up,
        outside_total=fewest.outside_total,
    )
