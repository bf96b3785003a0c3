"""Routes over time: how many peers held each prefix, and by which upstream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from monitor.cache.sights import SightBucket
from monitor.records import FeedState, Micros, RouteRow
from monitor.tui.history import History
from monitor.tui.lines import Line, Span, WhyTarget, heading, line, wrap
from monitor.tui.pages.plot import axis, gap_lines, gap_sign, joined
from monitor.tui.text import Look, Marks, clock, fit, percent, right

_LABEL: Final = 20
_NOW: Final = 12
_UPSTREAMS: Final = 4
# A prefix more costs a reading of its history at every new bucket.
PREFIXES: Final = 6


def chart_room(width: int) -> int:
    """Cells a chart has between its labels and its figures; one bucket each."""
    return max(8, width - _LABEL - _NOW)


def route_chart(
    rows: Sequence[RouteRow],
    history: History | None,
    look: Look,
    *,
    tall: int = 1,
    shown: Micros = 0,
) -> list[Line]:
    """A bar a prefix, ``tall`` lines high, and one a prefix and upstream; nothing where no
    prefix is watched.  ``shown`` is the moment of the trace beside it, to be marked.

    A bar is the fewest peers of a cell's time.  Zero, a feed in error, no feed and a gap
    each have a sign of their own, which nothing else is drawn with.
    """
    if not rows or history is None or not history.routes:
        return []
    marks = look.marks
    said = f"peers that hold each prefix, last {history.name}; z Z zoom"
    lines = [Line(), heading(" Routes over time", said)]
    chart = _Chart(look, tall)
    for row in rows[:PREFIXES]:
        buckets = history.routes.get(row.prefix)
        if buckets:
            lines += chart.prefix(row, buckets)
    room = chart_room(look.width)
    lines += axis(history.since, history.until, room, look, label=_LABEL)
    if history.since <= shown < history.until:
        place = (shown - history.since) * room // (history.until - history.since)
        text = f"{marks.ascending} trace of {clock(shown)}"
        lines.append(line((" " * min(_LABEL + place, look.width - len(text)) + text, "accent")))
    if len(rows) > PREFIXES:
        lines.append(line((f" and {len(rows) - PREFIXES} more prefixes", "dim")))
    legend = _legend(chart.used, marks)
    if legend:
        lines += [line((f" {text}", "dim")) for text in wrap(legend, look.width - 2)]
    return [*lines, *gap_lines(history.gaps, look)]


class _Chart:
    """Draws bars of one look; ``used`` are the words of the signs drawn so far."""

    def __init__(self, look: Look, tall: int) -> None:
        self.look = look
        self.tall = tall
        self.used: set[str] = set()

    def prefix(self, row: RouteRow, buckets: Sequence[SightBucket]) -> list[Line]:
        """The bar of a prefix, and those of its upstreams."""
        marks = self.look.marks
        seen = [bucket.seen / bucket.peers if bucket.peers else None for bucket in buckets]
        live = row.feed is FeedState.LIVE and row.peers
        count = f"{row.seen} of {row.peers}" if live else f"feed {row.feed}"
        style = "text" if live and row.seen else "down" if live else "degraded"
        lines = self._bar(f" {row.prefix}", seen, buckets, tall=self.tall)
        lines[-1] = Line(
            (*lines[-1].spans, (right(count, _NOW), style)),
            f"route:{row.prefix}:chart",
            WhyTarget(f"route:{row.prefix}"),
        )
        for asn in _upstreams(row, buckets):
            shares = [
                bucket.shares.get(asn, 0.0) if bucket.peers else None for bucket in buckets
            ]
            made = self._bar(f"   via AS{asn}", shares, buckets, zero="dim")[0]
            share = row.upstreams.get(asn, 0) / row.peers if live else None
            now = right(percent(share, marks.none), _NOW)
            lines.append(line(*made.spans, (now, "dim")))
        return lines

    def _bar(
        self,
        label: str,
        values: Sequence[float | None],
        buckets: Sequence[SightBucket],
        *,
        tall: int = 1,
        zero: str = "down",
    ) -> list[Line]:
        marks = self.look.marks
        words = [_word(*each) for each in zip(values, buckets, strict=True)]
        self.used.update(words)
        cells = [
            _column(word, value, tall, marks, zero)
            for word, value in zip(words, values, strict=True)
        ]
        return [
            line(
                (fit(label if level == 0 else "", _LABEL, marks.more), "text"),
                *joined(column[level] for column in cells),
            )
            for level in range(tall - 1, -1, -1)
        ]


def _upstreams(row: RouteRow, buckets: Sequence[SightBucket]) -> list[int]:
    """The ASes that carried most of the span, the largest first."""
    sums: dict[int, float] = dict.fromkeys(row.upstreams, 0.0)
    for bucket in buckets:
        for asn, share in bucket.shares.items():
            sums[asn] = sums.get(asn, 0.0) + share
    return sorted(sums, key=lambda asn: (-sums[asn], asn))[:_UPSTREAMS]


def _column(word: str, value: float | None, tall: int, marks: Marks, zero: str) -> list[Span]:
    """The signs of one cell from the bottom up."""
    if word == "gap":
        return [(gap_sign(marks), "unknown")] * tall
    if word == "error":
        return [("!", "degraded")] * tall
    if word == "share":
        assert value is not None
        return _level(value, tall, marks)
    sign = {"zero": "0", "stale": "~", "absent": "o" if marks.ascii else marks.dot, "none": "?"}
    style = {"zero": zero, "stale": "degraded"}.get(word, "unknown")
    return [(sign[word], style), *[(" ", "text")] * (tall - 1)]


def _word(value: float | None, bucket: SightBucket) -> str:
    if bucket.feed is None:
        return "gap"
    if bucket.feed is not FeedState.LIVE:
        return str(bucket.feed).lower()
    if value is None:
        return "none"
    return "share" if value > 0 else "zero"


def _level(value: float, tall: int, marks: Marks) -> list[Span]:
    steps = len(marks.levels)
    height = max(1, round(min(1.0, value) * steps * tall))
    # What is well stays calm: the eye is to go to what is not.
    style = "dim" if value > 0.5 else "degraded"
    column = []
    for row in range(tall):
        part = max(0, min(steps, height - row * steps))
        column.append((marks.levels[part - 1] if part else " ", style))
    return column


def _legend(used: set[str], marks: Marks) -> str:
    absent = "o" if marks.ascii else marks.dot
    signs = (
        ("zero", "0 none of the peers"),
        ("error", "! feed error"),
        ("stale", "~ feed stale"),
        ("absent", f"{absent} nobody asks a feed"),
        ("none", "? no peer connected"),
        ("gap", f"{gap_sign(marks)} nothing known"),
    )
    return "  ".join(text for word, text in signs if word in used)
