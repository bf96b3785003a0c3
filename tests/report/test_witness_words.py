"""What an independent witness says, in words: no data, an error and zero are three things."""

from __future__ import annotations

import pytest

from monitor.records import DAY, HOUR, FeedReason, FeedState, WitnessRow, WitnessSign
from monitor.report.witness import witness_lines

T0 = 1_419_264_000_000_000


def said(state: FeedState, reason: FeedReason = FeedReason.NONE, **more) -> str:
    sign = WitnessSign("bgp", "KP", state, reason, **more)
    (line,) = witness_lines(WitnessRow("nk", signs=(sign,)), T0 + HOUR)
    return line


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (said(FeedState.LIVE, value=0.0, usual=4.0, at=T0),
         "IODA bgp KP: 0 /24 blocks routed, usually 4, as of 16:00Z"),
        (said(FeedState.LIVE, value=62_213.0, at=T0),
         "IODA bgp KP: 62,213 /24 blocks routed, as of 16:00Z"),
        (said(FeedState.STALE, FeedReason.UNREACHABLE, value=4.0, at=T0 - DAY),
         "IODA bgp KP: 4 /24 blocks routed, as of 2014-12-21 16:00Z; stale: cannot be reached"),
        (said(FeedState.STALE, FeedReason.DELAYED, value=4.0, at=T0),
         "IODA bgp KP: 4 /24 blocks routed, as of 16:00Z; stale"),
        (said(FeedState.ERROR, FeedReason.TIMEOUT), "IODA bgp KP: error: no answer in time"),
        (said(FeedState.ABSENT, FeedReason.NO_DATA),
         "IODA bgp KP: no data: it answers, and has no data of this"),
    ],
)  # fmt: skip
def test_one_line_a_series(line: str, wanted: str) -> None:
    assert line == wanted


def test_not_asked_not_answered_and_failed_are_three_things() -> None:
    assert witness_lines(None, T0) == ["IODA: not asked"]
    assert witness_lines(WitnessRow("nk", removed=True), T0) == ["IODA: not asked"]
    waiting = WitnessRow("nk", FeedState.ABSENT, FeedReason.CONNECTING)
    assert witness_lines(waiting, T0) == ["IODA: no data: not connected yet"]
    failed = WitnessRow("nk", FeedState.ERROR, FeedReason.CRASHED)
    assert witness_lines(failed, T0) == ["IODA: error: the reader itself failed"]
