"""What the history of a check or a network is drawn from.  No Textual in here."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import structs

from monitor.cache.history import ended
from monitor.cache.reader import Reader
from monitor.cache.series import Band, Bucket, Gap
from monitor.cache.sights import SightBucket
from monitor.records import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    CheckRow,
    CollectorRow,
    HostRow,
    Kind,
    Micros,
    Phase,
)
from monitor.tui.board import Board
from monitor.tui.then import SILENT

SPANS: Final = ((HOUR, "1 h"), (DAY, "24 h"), (7 * DAY, "7 d"), (90 * DAY, "90 d"))
DEFAULT_SPAN: Final = 1
# Longer than any run takes.
_UNDER_WAY: Final = 2 * MINUTE
_RUNS: Final = 500


class Asked(msgspec.Struct, frozen=True):
    """``span`` is a place in SPANS, ``until`` its end, ``size`` how many buckets; ``past``
    when ``until`` is a moment in the past, of which nothing later may be known; the routes
    of ``prefixes`` are asked for beside the rest, and what was said last of them does not
    stand beyond ``heard`` (0: it does), when the collector was last heard of.
    """

    span: int
    until: Micros
    size: int
    check: str = ""
    network: str = ""
    past: bool = False
    prefixes: tuple[str, ...] = ()
    heard: Micros = 0


class History(msgspec.Struct):
    """What to draw; empty where nothing was asked for."""

    asked: Asked
    since: Micros
    until: Micros
    buckets: list[Bucket] = []
    bands: list[Band] = []
    gaps: list[Gap] = []
    routes: dict[str, list[SightBucket]] = {}

    @property
    def name(self) -> str:
        """The span in words."""
        return SPANS[self.asked.span][1]


def read_history(reader: Reader, asked: Asked) -> History:
    """Raises CacheError."""
    until = asked.until
    if asked.check and asked.past:
        # A run that was under way then had not said anything yet.
        runs = reader.observations(
            asked.check, since=until - _UNDER_WAY, until=until, limit=_RUNS
        )
        until = min([seen.at for seen in runs if ended(seen) > asked.until], default=until)
    since = until - SPANS[asked.span][0]
    found = History(asked, since, until, gaps=reader.gaps(since, until))
    if asked.check:
        found.buckets = reader.series(asked.check, since, until, asked.size)
    if asked.network:
        found.bands = _known(reader.phases(asked.network, since, until), reader.begins())
    if asked.prefixes:
        for prefix in asked.prefixes:
            sights = reader.sights(prefix, since, until, asked.size)
            found.routes[prefix] = [_heard(asked.heard, bucket) for bucket in sights]
    return found


def _heard(until: Micros, bucket: SightBucket) -> SightBucket:
    if not until or bucket.since < until:
        return bucket
    return SightBucket(bucket.since, bucket.until)


def heard_until(row: CollectorRow | None) -> Micros:
    """Up to when what the collector said last may stand; 0 where it never spoke."""
    if row is None or not row.beat:
        return 0
    return row.stopped if row.stopped >= row.beat else row.beat + SILENT


def _known(bands: list[Band], begins: Micros | None) -> list[Band]:
    """Before the cache begins nobody looked, whatever the first event says was before it."""
    if begins is None or not bands or begins <= bands[0].since:
        return bands
    edge = min(begins, bands[-1].until)
    later = [
        structs.replace(band, since=max(band.since, edge))
        for band in bands
        if band.until > edge
    ]
    return [Band(bands[0].since, edge, Phase.UNKNOWN), *later]


def due(asked: Asked, drawn: Asked | None) -> bool:
    """Whether what is drawn is not, or no longer, what is asked for."""
    if drawn is None:
        return True
    if structs.replace(asked, until=drawn.until, heard=drawn.heard) != drawn:
        return True
    if asked.past:
        return asked.until != drawn.until
    bucket = SPANS[asked.span][0] // asked.size
    return not 0 <= asked.until - drawn.until < max(SECOND, bucket)


def main_check(row: HostRow, board: Board) -> str:
    """The check whose figures stand in the host's line: the echo, else the first that is no
    trace; '' where there is none.
    """
    known = [board.checks[name] for name in row.checks if name in board.checks]
    return min(known, key=_rank).id if known else ""


def _rank(row: CheckRow) -> int:
    return {Kind.ICMP: 0, Kind.TRACE: 2}.get(row.kind, 1)
