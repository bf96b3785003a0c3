"""What a chart of routes is drawn from: worst of a bucket, shares, gaps, the feed."""

from __future__ import annotations

import pytest

from monitor.cache.reader import Reader
from monitor.cache.writer import Writer
from monitor.records import (
    HOUR,
    MINUTE,
    CollectorRow,
    Event,
    EventKind,
    FeedState,
    Routed,
    RouteRow,
    subject_of,
)

T = 1_419_264_000_000_000
PREFIX = "175.45.176.0/24"


@pytest.fixture
def cache(path, opened):
    writer = opened(Writer(path))

    def tell(at: int, seen: int, feed: FeedState = FeedState.LIVE, **more: object) -> None:
        state = Routed.VISIBLE if seen else Routed.WITHDRAWN
        row = RouteRow(
            PREFIX,
            "nk",
            state,
            since=at,
            seen=seen,
            peers=300,
            upstreams={4837: seen} if seen else {},
            at=at,
            feed=feed,
            **more,  # type: ignore[arg-type]
        )
        beat = CollectorRow(beat=at)
        writer.commit([], [], {subject_of(one): one for one in (row, beat)}, at)

    tell(T, 300)
    return tell, opened(Reader(path)), writer


def test_a_bucket_shows_the_fewest_and_the_mean_share(cache):
    tell, reader, _ = cache
    tell(T + 20 * MINUTE, 0)
    tell(T + 25 * MINUTE, 150)
    found = reader.sights(PREFIX, T, T + HOUR, 6)
    assert [bucket.seen for bucket in found] == [300, 300, 0, 150, 150, 150]
    assert {bucket.peers for bucket in found} == {300}
    assert found[0].shares == {4837: 1.0}
    assert found[2].shares == {4837: pytest.approx(0.25)}


def test_before_the_first_word_and_in_a_gap_nobody_looked(cache):
    _, reader, writer = cache
    gap = Event(
        T + 40 * MINUTE,
        EventKind.GAP,
        "vantage:local",
        "stopped",
        since=T + 20 * MINUTE,
        until=T + 40 * MINUTE,
    )
    writer.commit([], [gap], {})
    found = reader.sights(PREFIX, T - HOUR, T + HOUR, 12)
    assert [bucket.feed for bucket in found[:6]] == [None] * 6
    assert [bucket.feed is None for bucket in found[6:]] == [False] * 2 + [True] * 2 + [
        False
    ] * 2


def test_feed_error_is_neither_a_gap_nor_zero(cache):
    tell, reader, _ = cache
    tell(T + 10 * MINUTE, 0)
    tell(T + 20 * MINUTE, 0, FeedState.ERROR)
    tell(T + 40 * MINUTE, 0, FeedState.ABSENT)
    found = reader.sights(PREFIX, T, T + HOUR, 6)
    assert [bucket.feed for bucket in found] == [
        *[FeedState.LIVE] * 2,
        *[FeedState.ERROR] * 2,
        *[FeedState.ABSENT] * 2,
    ]
    assert (found[1].seen, found[1].peers) == (0, 300)
    assert found[2].peers == 0


def test_nothing_from_the_end_on_and_what_is_not_watched_is_empty(cache):
    tell, reader, _ = cache
    tell(T + 30 * MINUTE, 0)
    assert all(one.seen for one in reader.sights(PREFIX, T, T + 30 * MINUTE, 3))
    assert {one.feed for one in reader.sights("192.0.2.0/24", T, T + HOUR, 3)} == {None}
    with pytest.raises(ValueError, match="span"):
        reader.sights(PREFIX, T, T, 3)


def test_over_a_long_span_no_change_of_state_is_passed_over(cache):
    tell, reader, _ = cache
    for minutes in range(1, 200):
        tell(T + minutes * 5 * MINUTE, 0 if minutes == 77 else 300 - minutes % 7)
    found = reader.sights(PREFIX, T, T + 100 * HOUR, 10)
    assert [bucket.seen == 0 for bucket in found] == [True] + [False] * 9
    assert found[1].seen >= 290
    assert found[0].shares[4837] == pytest.approx(0.985, abs=0.01)
