"""What the independent witness says, in words: beside all else, moving nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from monitor.records import (
    DAY,
    FEED_REASONS,
    SECOND,
    FeedReason,
    FeedState,
    Micros,
    WitnessRow,
    WitnessSign,
)

TITLE: Final = "IODA, an independent witness; it moves nothing here"
NOT_ASKED: Final = "IODA: not asked"
_COUNTED: Final = {
    "bgp": "/24 blocks routed",
    "ping-slash24": "/24 blocks answering",
    "merit-nt": "addresses heard by its telescope",
}


def witness_lines(row: WitnessRow | None, now: Micros) -> list[str]:
    """One line a series: ``IODA bgp KP: 4 /24 blocks routed, usually 4, as of 16:10Z``."""
    if row is None or row.removed:
        return [NOT_ASKED]
    if not row.signs:
        return [f"IODA: {_hindered(row.state, FEED_REASONS[row.reason])}"]
    return [f"IODA {sign.source} {sign.subject}: {_said(sign, now)}" for sign in row.signs]


def _said(sign: WitnessSign, now: Micros) -> str:
    why = FEED_REASONS[sign.reason]
    if sign.value is None:
        return _hindered(sign.state, why)
    text = f"{sign.value:,.0f} {_COUNTED.get(sign.source, 'counted')}"
    if sign.usual is not None:
        text += f", usually {sign.usual:,.0f}"
    text += f", as of {_moment(sign.at, now)}"
    if sign.state is FeedState.LIVE:
        return text
    return f"{text}; stale" if sign.reason is FeedReason.DELAYED else f"{text}; stale: {why}"


def _hindered(state: FeedState, why: str) -> str:
    return f"error: {why}" if state is FeedState.ERROR else f"no data: {why}"


def _moment(at: Micros, now: Micros) -> str:
    form = "%H:%MZ" if now - at < DAY else "%Y-%m-%d %H:%MZ"
    return datetime.fromtimestamp(at // SECOND, UTC).strftime(form)
