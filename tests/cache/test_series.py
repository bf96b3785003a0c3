from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.cache.reader import Reader
from monitor.cache.series import Band, Gap
from monitor.cache.writer import Writer
from monitor.records import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    CheckRow,
    Event,
    EventKind,
    Kind,
    Phase,
    State,
)
from tests.cache.test_rollup import NOON, finish, ran

CHECK = "a/icmp"


@pytest.fixture
def writer(path, opened):
    return opened(Writer(path))


@pytest.fixture
def reader(writer, path, opened):
    return opened(Reader(path))


def gap(since, until, why="own link down"):
    return Event(
        at=until,
        kind=EventKind.GAP,
        subject="vantage:local",
        text=why,
        since=since,
        until=until,
    )


def turn(at, old, new, **more):
    return Event(
        at=at, kind=EventKind.TRANSITION, subject="network:n", text="", old=old, new=new, **more
    )


def test_an_hour_of_minutes(writer, reader):
    runs = [ran(NOON + n * MINUTE, float(n) if n % 10 else None, sent=4) for n in range(60)]
    writer.commit(runs, [], {})
    drawn = reader.series(CHECK, NOON, NOON + HOUR, 12)
    assert [bucket.runs for bucket in drawn] == [5] * 12
    assert drawn[0].since == NOON
    assert drawn[-1].until == NOON + HOUR
    assert (drawn[0].low_ms, drawn[0].mid_ms, drawn[0].high_ms) == (1.0, 2.0, 4.0)
    assert (drawn[1].low_ms, drawn[1].mid_ms, drawn[1].high_ms) == (5.0, 7.0, 9.0)
    assert drawn[0].loss == 1 - 4 / 20
    assert [bucket.worst for bucket in drawn[:2]] == [State.DOWN, State.UP]
    assert not any(bucket.gap for bucket in drawn)


def test_what_is_not_there_is_a_gap_and_between_two_runs_is_none(writer, reader):
    times = [*range(20), *range(40, 60)]
    writer.commit([ran(NOON + n * MINUTE) for n in times], [], {})
    drawn = reader.series(CHECK, NOON, NOON + HOUR, 180)
    assert not any(bucket.gap for bucket in drawn[: 20 * 3])
    # Patient for two and a half intervals, then blind until the next run.
    assert [bucket.gap for bucket in drawn[22 * 3 : 40 * 3]] == [True] * 54
    assert not any(bucket.gap for bucket in drawn[40 * 3 :])
    assert sum(bucket.runs for bucket in drawn) == 40
    assert reader.series("nobody/icmp", NOON, NOON + HOUR, 4)[3].gap


def test_a_check_that_looks_seldom_has_no_gaps_between_its_looks(writer, reader):
    runs = [ran(NOON + n * 10 * MINUTE) for n in range(6)]
    row = CheckRow(id=CHECK, host="a", kind=Kind.ICMP, interval_s=600.0, last=runs[-1])
    writer.commit(runs, [], {f"check:{CHECK}": row})
    assert not any(bucket.gap for bucket in reader.series(CHECK, NOON, NOON + HOUR, 60))


def test_a_gap_that_was_told_is_a_gap_whatever_was_seen(writer, reader):
    fault = NOON + 10 * MINUTE, NOON + 20 * MINUTE
    writer.commit([ran(NOON + n * MINUTE) for n in range(60)], [gap(*fault)], {})
    drawn = reader.series(CHECK, NOON, NOON + HOUR, 12)
    assert [number for number, bucket in enumerate(drawn) if bucket.gap] == [2, 3]
    assert reader.gaps(NOON, NOON + 15 * MINUTE) == [
        Gap(fault[0], NOON + 15 * MINUTE, "vantage:local", "own link down")
    ]
    assert reader.gaps(NOON + 20 * MINUTE, NOON + HOUR) == []


@pytest.mark.parametrize(("span", "buckets"), [(HOUR, 60), (DAY, 200), (7 * DAY, 200)])
def test_every_tier_draws_the_same(writer, reader, span, buckets):
    """Sums agree whether the raw runs, five minutes or hours are left to draw from."""
    end = NOON
    step = MINUTE if span <= DAY else 5 * MINUTE
    runs = [
        ran(at, None if (at // MINUTE) % 97 == 0 else 5.0 + (at // MINUTE) % 11)
        for at in range(end - span, end, step)
    ]
    writer.commit(runs, [], {})

    def drawn():
        found = reader.series(CHECK, end - span, end, buckets)
        lows = [bucket.low_ms for bucket in found if bucket.low_ms is not None]
        highs = [bucket.high_ms for bucket in found if bucket.high_ms is not None]
        bad = any(bucket.worst is State.DOWN for bucket in found)
        return min(lows), max(highs), bad, sum(bucket.gap for bucket in found), len(found)

    raw = drawn()
    finish(writer, end + 2 * HOUR)
    assert drawn() == raw
    finish(writer, end + 60 * DAY)
    assert reader.observations(CHECK) == []
    assert drawn() == raw
    finish(writer, end + 700 * DAY)
    assert drawn() == raw


def test_runs_are_counted_once_across_tiers(writer, reader):
    first = NOON - 100 * DAY
    runs = [ran(at) for at in range(first, NOON, 30 * MINUTE)]
    writer.commit(runs, [], {})
    finish(writer, NOON)
    assert len(reader.observations(CHECK, limit=10_000)) == 7 * 48
    for buckets in (10, 100, 2_400, 24_000):
        drawn = reader.series(CHECK, first, NOON, buckets)
        if buckets <= 2_400:
            assert sum(bucket.runs for bucket in drawn) == len(runs)
        assert len(drawn) == buckets


def test_nothing_after_the_end_is_drawn(writer, reader):
    runs = [ran(NOON + n * MINUTE, 5.0 if n < 33 else 900.0) for n in range(240)]
    writer.commit(runs, [], {})
    finish(writer, NOON + 5 * HOUR)
    for buckets in (1, 2, 6, 33):
        drawn = reader.series(CHECK, NOON - HOUR, NOON + 33 * MINUTE, buckets)
        assert max(bucket.high_ms or 0 for bucket in drawn) == 5.0


def test_what_no_plot_can_show_is_refused(reader):
    for since, until, buckets in ((2, 1, 1), (1, 1, 1), (0, HOUR, 0), (0, 3, 4)):
        with pytest.raises(ValueError, match="span"):
            reader.series(CHECK, since, until, buckets)


@settings(max_examples=25, deadline=None)
@given(
    minutes=st.sets(st.integers(0, 300), max_size=60),
    since=st.integers(0, 200 * 60),
    length=st.integers(1, 200 * 60),
    buckets=st.integers(1, 50),
)
def test_buckets_meet_and_hold_every_run_once(
    tmp_path_factory, minutes, since, length, buckets
):
    path = tmp_path_factory.mktemp("series") / "cache.db"
    writer = Writer(path)
    writer.commit([ran(NOON + minute * MINUTE) for minute in sorted(minutes)], [], {})
    reader = Reader(path)
    begin = NOON + since * SECOND
    end = begin + length * SECOND
    drawn = reader.series(CHECK, begin, end, buckets)
    reader.close()
    writer.close()
    assert [bucket.since for bucket in drawn[1:]] == [bucket.until for bucket in drawn[:-1]]
    assert (drawn[0].since, drawn[-1].until) == (begin, end)
    inside = [each for each in minutes if begin <= NOON + each * MINUTE < end]
    assert sum(bucket.runs for bucket in drawn) == len(inside)
    for bucket in drawn:
        held = [each for each in inside if bucket.since <= NOON + each * MINUTE < bucket.until]
        assert bucket.runs == len(held)


def test_phases_as_a_band(writer, reader):
    writer.commit(
        [],
        [
            turn(NOON, "UNKNOWN", "STABLE"),
            turn(NOON + 2 * HOUR, "STABLE", "PARTIAL"),
            turn(NOON + 2 * HOUR + MINUTE, "PARTIAL", "LOST", hard=False),
            turn(NOON + 3 * HOUR, "PARTIAL", "LOST"),
            gap(NOON + 4 * HOUR, NOON + 5 * HOUR),
        ],
        {},
    )
    hour = [NOON + n * HOUR for n in range(-1, 8)]
    assert reader.phases("n", hour[0], hour[-1]) == [
        Band(hour[0], hour[1], Phase.UNKNOWN),
        Band(hour[1], hour[3], Phase.STABLE),
        Band(hour[3], hour[4], Phase.PARTIAL),
        Band(hour[4], hour[5], Phase.LOST),
        Band(hour[5], hour[6], Phase.UNKNOWN),
        Band(hour[6], hour[8], Phase.LOST),
    ]
    assert reader.phases("n", hour[2], hour[3]) == [Band(hour[2], hour[3], Phase.STABLE)]
    assert reader.phases("other", hour[0], hour[1]) == [Band(hour[0], hour[1], Phase.UNKNOWN)]
