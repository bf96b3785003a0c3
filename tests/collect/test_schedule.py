"""A schedule spreads, keeps its phase, counts what it misses, and repeats itself exactly."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.collect.schedule import JITTER, Schedule
from monitor.records import Kind
from monitor.watchlist.model import Check, IcmpParams


def check(name: str, every: float = 60.0) -> Check:
    return Check(f"{name}/icmp", name, Kind.ICMP, "192.0.2.1", IcmpParams(), interval_s=every)


def runs(
    schedule: Schedule, start: float, end: float, took: float = 0.1
) -> list[tuple[float, str]]:
    """Every start between two moments, when each run takes ``took`` seconds."""
    seen = []
    now = start
    while (due := schedule.next_due()) is not None and due < end:
        now = max(now, due)
        found = schedule.pop_due(now)
        assert found is not None
        seen.append((now, found.id))
        schedule.done(found.id, now + took)
    return seen


def test_first_looks_come_within_ten_seconds_and_are_spread() -> None:
    schedule = Schedule([check(f"h{n}", 600.0) for n in range(200)], 1000.0)
    starts = [at for at, _ in runs(schedule, 1000.0, 1010.0)]
    assert len(starts) == 200
    halves = sum(at < 1005.0 for at in starts)
    assert 70 < halves < 130


@given(st.floats(0, 1e6), st.floats(1.0, 600.0))
def test_a_check_keeps_its_pace_and_its_phase(start: float, every: float) -> None:
    schedule = Schedule([check("a", every)], start)
    seen = [at for at, _ in runs(schedule, start, start + 50 * every, took=0.0)][2:]
    gaps = [later - earlier for earlier, later in pairwise(seen)]
    assert all(
        every * (1 - JITTER) - 1e-6 <= gap <= every * (1 + JITTER) + 1e-6 for gap in gaps
    )
    assert schedule.missed == 0


def test_the_same_watchlist_gives_the_same_schedule() -> None:
    checks = [check(f"h{n}", 30.0) for n in range(50)]
    assert runs(Schedule(checks, 5.0), 5.0, 300.0) == runs(Schedule(checks, 5.0), 5.0, 300.0)


def test_ticks_that_pass_while_a_run_lasts_are_missed_and_counted() -> None:
    schedule = Schedule([check("a", 10.0)], 0.0)
    at = schedule.next_due()
    assert at is not None
    assert schedule.pop_due(at) is not None
    assert schedule.pop_due(at + 100) is None
    schedule.done("a/icmp", at + 35)
    assert schedule.missed == 3
    due = schedule.next_due()
    assert due is not None
    assert at + 35 < due <= at + 47


def test_a_retry_comes_sooner_and_costs_no_tick() -> None:
    schedule = Schedule([check("a", 60.0)], 0.0)
    at = schedule.next_due()
    assert at is not None
    schedule.pop_due(at)
    schedule.done("a/icmp", at, retry_s=15.0)
    assert schedule.next_due() == at + 15.0
    schedule.pop_due(at + 15)
    schedule.done("a/icmp", at + 15)
    assert schedule.missed == 0


def test_soon_brings_one_run_forward_but_never_a_second_in_flight() -> None:
    schedule = Schedule([check("a")], 0.0)
    assert schedule.soon("a/icmp", 0.0)
    assert schedule.pop_due(0.0) is not None
    assert schedule.soon("a/icmp", 1.0)
    assert schedule.pop_due(1.0) is None
    assert not schedule.soon("nobody/icmp", 1.0)


def test_a_new_watchlist_keeps_the_pace_of_what_stays() -> None:
    schedule = Schedule([check("a"), check("b")], 0.0)
    runs(schedule, 0.0, 30.0)
    schedule.replace([check("b"), check("c")], 30.0)
    assert schedule.checks_of("a") == []
    names = {name for _, name in runs(schedule, 30.0, 150.0)}
    assert names == {"b/icmp", "c/icmp"}


def test_one_that_runs_during_a_reload_is_planned_when_it_ends() -> None:
    schedule = Schedule([check("a")], 0.0)
    at = schedule.next_due()
    assert at is not None
    schedule.pop_due(at)
    schedule.replace([check("a")], at + 1)
    assert schedule.next_due() is None
    schedule.done("a/icmp", at + 2)
    assert schedule.next_due() is not None


def test_everything_can_be_brought_forward() -> None:
    schedule = Schedule([check(f"h{n}", 600.0) for n in range(40)], 0.0)
    runs(schedule, 0.0, 11.0)
    schedule.bring_forward(20.0, 30.0)
    assert len({name for _, name in runs(schedule, 20.0, 50.0)}) == 40


def test_many_looks_at_once_cost_no_later_tick() -> None:
    schedule = Schedule([check("a", 60.0)], 0.0)
    runs(schedule, 0.0, 200.0)
    for now in range(200, 240, 4):
        assert schedule.soon("a/icmp", now)
        assert schedule.pop_due(now) is not None
        schedule.done("a/icmp", now + 1.0)
    due = schedule.next_due()
    assert due is not None
    assert due <= 240 + 2 * 60.0 * (1 + JITTER)


def test_ticks_missed_before_a_retry_are_counted_too() -> None:
    schedule = Schedule([check("a", 10.0)], 0.0)
    at = schedule.next_due()
    assert at is not None
    assert schedule.pop_due(at) is not None
    schedule.done("a/icmp", at + 45.0, 10.0)
    assert schedule.missed == 4
