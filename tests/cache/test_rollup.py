from __future__ import annotations

import sqlite3
from contextlib import closing
from statistics import median_low

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.cache import rollup
from monitor.cache.digest import content_hash
from monitor.cache.reader import Reader
from monitor.cache.rollup import FIVE
from monitor.cache.upkeep import Retention
from monitor.cache.writer import Writer
from monitor.records import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    CheckRow,
    Kind,
    Observation,
    Outcome,
    Reason,
)
from tests.cache.samples import host, said

NOON = 20_000 * DAY + 12 * HOUR
EVER = Retention(raw=2**60, fives=2**60, hours=2**60)


def ran(at, ms=10.0, check="a/icmp", **more):
    received = more.pop("received", int(ms is not None))
    outcome = Outcome.OK if ms is not None else Outcome.FAIL
    more = {"outcome": outcome, "took_ms": 20.0, **more}
    return Observation(check=check, at=at, rtt_ms=ms, received=received, **more)


def finish(writer, now, retention=None):
    writer.retention = retention or Retention()
    while writer.maintain(now):
        pass


def slots(path, table, check="a/icmp"):
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        return [
            dict(row)
            for row in db.execute(
                f"SELECT r.* FROM {table} AS r JOIN checks AS c ON c.no = r.check_no"
                " WHERE c.id = ? ORDER BY slot",
                (check,),
            )
        ]


@given(st.text("UDXR?udxr", max_size=200))
def test_letters_come_back_from_their_run_lengths(beats):
    packed = rollup.pack(beats)
    assert rollup.unpack(packed) == beats
    assert rollup.counts(packed) == {each: beats.count(each) for each in set(beats)}


def test_five_minutes_and_an_hour_of_runs(path, opened):
    writer = opened(Writer(path))
    times = [30.0, 10.0, 20.0, None, 40.0]
    runs = [ran(NOON + n * MINUTE, ms, sent=2) for n, ms in enumerate(times)]
    runs += [
        ran(NOON + 7 * MINUTE, None, outcome=Outcome.ERROR, reason=Reason.NO_ROUTE),
        ran(NOON + HOUR, 7.0),
    ]
    writer.commit(runs, [], {})
    finish(writer, NOON + 3 * HOUR)
    first, second, third = slots(path, "fives")
    assert (first["slot"], first["n"], first["ok"]) == (NOON // FIVE, 5, 4)
    assert (first["sent"], first["received"]) == (10, 4)
    assert (first["low"], first["mid"], first["high"]) == (10_000, 20_000, 40_000)
    assert (first["last"], first["took"], first["beats"]) == (240_000, 20, "U3X1U1")
    assert (second["n"], second["sent"], second["mid"], second["beats"]) == (1, 0, None, "?1")
    assert third["n"] == 1
    hour, _ = slots(path, "hours")
    assert (hour["n"], hour["ok"], hour["sent"], hour["beats"]) == (6, 4, 10, "U3X1U1?1")


def test_the_judges_letter_says_what_counts(path, opened):
    """A failure seen through an own fault is nobody's loss."""
    writer = opened(Writer(path))
    runs = [ran(NOON), ran(NOON + MINUTE, None), ran(NOON + 2 * MINUTE, 90.0)]
    row = CheckRow(id="a/icmp", host="a", kind=Kind.ICMP, last=runs[-1], beats=b"UUU?D")
    writer.commit(runs, [], {"check:a/icmp": row})
    finish(writer, NOON + HOUR)
    (slot,) = slots(path, "fives")
    assert (slot["beats"], slot["n"], slot["ok"]) == ("U1?1D1", 3, 2)
    assert (slot["sent"], slot["received"]) == (2, 2)


def test_a_slot_waits_for_its_last_runs(path, opened):
    writer = opened(Writer(path))
    writer.commit([ran(NOON)], [], {})
    finish(writer, NOON + 5 * MINUTE + 59 * SECOND)
    assert slots(path, "fives") == []
    finish(writer, NOON + 6 * MINUTE)
    assert len(slots(path, "fives")) == 1
    assert slots(path, "hours") == []


def test_a_check_that_is_new_is_not_passed_over_because_the_others_are_done(path, opened):
    writer = opened(Writer(path))
    writer.commit([ran(NOON)], [], {})
    finish(writer, NOON + HOUR)
    writer.commit([ran(NOON, check="b/icmp")], [], {})
    finish(writer, NOON + HOUR + MINUTE - 1)
    assert len(slots(path, "fives", "b/icmp")) == 1


@settings(max_examples=20, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a/icmp", "b/icmp"]),
        st.sets(st.integers(0, 3 * 60), min_size=1, max_size=40),
        min_size=1,
    ),
    st.data(),
)
def test_any_order_of_coming_and_rolling_ends_the_same(tmp_path_factory, runs, data):
    """Late runs are rolled up anew, early calls cost nothing, a second time changes nothing."""
    folder = tmp_path_factory.mktemp("rolls")
    all_runs = [
        ran(NOON + minute * MINUTE, float(minute % 7 + 1), check)
        for check, minutes in sorted(runs.items())
        for minute in sorted(minutes)
    ]
    shuffled = data.draw(st.permutations(all_runs))
    end = NOON + 5 * HOUR
    with closing(Writer(folder / "one")) as one, closing(Writer(folder / "two")) as two:
        one.commit(all_runs, [], {})
        finish(one, end)
        for number, run in enumerate(shuffled):
            two.commit([run], [], {})
            if number % 5 == 0:
                finish(two, NOON + data.draw(st.integers(0, 5 * 60)) * MINUTE)
        finish(two, end)
        again = content_hash(folder / "two")
        finish(two, end)
        assert content_hash(folder / "two") == again
    for check, minutes in runs.items():
        for table, width in (("fives", FIVE), ("hours", HOUR)):
            found = slots(folder / "two", table, check)
            plain = [
                {name: value for name, value in slot.items() if name not in MEANS_NOTHING}
                for slot in found
            ]
            assert plain == [
                {name: value for name, value in slot.items() if name not in MEANS_NOTHING}
                for slot in slots(folder / "one", table, check)
            ]
            grouped = {}
            for minute in sorted(minutes):
                grouped.setdefault((NOON + minute * MINUTE) // width, []).append(minute % 7 + 1)
            assert [slot["slot"] for slot in found] == sorted(grouped)
            for slot in found:
                each = grouped[slot["slot"]]
                assert slot["mid"] == median_low(each) * 1_000
                assert slot["n"] == len(each)


# Numbers that are given in the order of coming.
MEANS_NOTHING = {"check_no", "outcome", "reason"}


def test_each_tier_is_kept_for_its_time_and_what_was_said_for_ever(path, opened):
    writer, reader = opened(Writer(path)), opened(Reader(path))
    retention = Retention(raw=2 * HOUR, fives=DAY, hours=3 * DAY)
    for hour in range(24 * 6):
        at = NOON + hour * HOUR
        runs = [ran(at + minute * MINUTE) for minute in range(0, 60, 10)]
        writer.commit(runs, [said(at)] if hour % 24 == 0 else [], {"host:a": host("a", at)}, at)
        finish(writer, at, retention)
    now = NOON + 24 * 6 * HOUR
    finish(writer, now, retention)
    assert min(seen.at for seen in reader.observations("a/icmp")) == now - 2 * HOUR
    assert slots(path, "fives")[0]["slot"] * FIVE == now - DAY
    assert slots(path, "hours")[0]["slot"] * HOUR == now - 3 * DAY
    assert all(slot["n"] == 6 for slot in slots(path, "hours"))
    assert len(reader.events()) == 6
    then = reader.row_at("host:a", NOON + 5 * HOUR + 55 * MINUTE)
    assert then.since == NOON + 5 * HOUR
    assert not writer.maintain(now)


def test_what_comes_after_its_hour_was_purged_changes_nothing(path, opened):
    writer = opened(Writer(path))
    retention = Retention(raw=2 * HOUR)
    writer.commit([ran(NOON + n * MINUTE) for n in range(60)], [], {})
    finish(writer, NOON + DAY, retention)
    before = slots(path, "fives"), slots(path, "hours")
    writer.commit([ran(NOON + 30 * SECOND, 99.0)], [], {})
    finish(writer, NOON + DAY, retention)
    assert (slots(path, "fives"), slots(path, "hours")) == before
    finish(writer, NOON + DAY + HOUR, retention)
    assert opened(Reader(path)).observations("a/icmp") == []


def test_one_slice_is_bounded(path, opened):
    writer = opened(Writer(path))
    for check in range(40):
        writer.commit(
            [ran(NOON + n * MINUTE, check=f"h{check}/icmp") for n in range(120)], [], {}
        )
    calls = 0
    writer.retention = EVER
    while writer.maintain(NOON + DAY):
        calls += 1
    assert calls >= 5
    writer.retention = Retention()
    while writer.maintain(NOON + 30 * DAY):
        calls += 1
    assert calls >= 15
    assert opened(Reader(path)).observations("h7/icmp") == []
    assert len(slots(path, "fives", "h7/icmp")) == 24


def test_a_long_pause_is_passed_at_once(path, opened):
    writer = opened(Writer(path, EVER))
    writer.commit([ran(NOON), ran(NOON + 400 * DAY)], [], {})
    calls = 0
    while writer.maintain(NOON + 401 * DAY):
        calls += 1
    assert calls < 5
    assert len(slots(path, "hours")) == 2


def test_a_failed_slice_is_made_again(path, opened):
    writer = opened(Writer(path))
    writer.commit([ran(NOON + n * MINUTE) for n in range(600)], [], {})
    writer._db.execute(
        "CREATE TRIGGER no BEFORE INSERT ON hours BEGIN SELECT raise(ABORT, 'no'); END"
    )
    for _ in range(2):
        with pytest.raises(Exception, match="no"):
            writer.maintain(NOON + DAY)
    writer._db.execute("DROP TRIGGER no")
    finish(writer, NOON + DAY)
    assert [slot["n"] for slot in slots(path, "hours")] == [60] * 10
    assert sum(slot["n"] for slot in slots(path, "fives")) == 600


def test_a_coarser_tier_is_never_kept_shorter():
    with pytest.raises(ValueError, match="coarser"):
        Retention(raw=7 * DAY, fives=DAY)
    with pytest.raises(ValueError, match="two hours"):
        Retention(raw=HOUR)


def test_the_board_long_ago_is_drawn_from_roll_ups(path, opened):
    writer, reader = opened(Writer(path)), opened(Reader(path))
    beats = b""
    for minute in range(180):
        run = ran(NOON + minute * MINUTE, float(minute), took_ms=2_000.0)
        beats = (beats + b"UUX"[minute % 3 : minute % 3 + 1])[-60:]
        row = CheckRow(id="a/icmp", host="a", kind=Kind.ICMP, last=run, beats=beats)
        row_of_host = host("a")
        row_of_host.checks = ("a/icmp",)
        writer.commit([run], [], {"check:a/icmp": row, "host:a": row_of_host})
    at = NOON + 92 * MINUTE
    exact = reader.row_at("check:a/icmp", at)
    assert exact.last.at == NOON + 91 * MINUTE
    assert exact.beats == (b"UUX" * 31)[:92][-60:]
    finish(writer, NOON + 4 * HOUR)
    assert reader.row_at("check:a/icmp", at) == exact
    finish(writer, NOON + 30 * DAY)
    rolled = reader.row_at("check:a/icmp", at)
    # The last five minutes that had ended: up to 12:89, the run of minute 89.
    assert rolled.last.at == NOON + 89 * MINUTE
    assert rolled.last.rtt_ms == 87.0
    assert rolled.beats == (b"UUX" * 30)[-60:]
    board = {row.id: row for row in reader.board_at(at)}
    assert board["a/icmp"] == rolled
    assert (board["a"].rtt_ms, board["a"].last_at) == (87.0, rolled.last.at)
    finish(writer, NOON + 200 * DAY)
    assert slots(path, "fives") == []
    by_hour = reader.row_at("check:a/icmp", at)
    assert by_hour.last.at == NOON + 59 * MINUTE
    assert by_hour.beats == (b"UUX" * 20)
