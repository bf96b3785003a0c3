"""The collector on simulated time: what it looks at, what it survives, what it leaves."""

from __future__ import annotations

import pytest

from monitor.cache.says import Request
from monitor.records import (
    SECOND,
    CollectorRow,
    EventKind,
    HostRow,
    Kind,
    Outcome,
    Reason,
    State,
)
from monitor.watchlist.errors import Problem, WatchlistError
from monitor.watchlist.model import Watchlist
from tests.collect.conftest import START, Stage, watched


def host(stage: Stage, name: str) -> HostRow:
    row = stage.store.rows[f"host:{name}"]
    assert isinstance(row, HostRow)
    return row


def me(stage: Stage) -> CollectorRow:
    row = stage.store.rows["collector"]
    assert isinstance(row, CollectorRow)
    return row


def test_every_check_is_looked_at_in_its_interval(stage: Stage) -> None:
    stage.run(watched("a", "b"), 100)
    for name in ("a/icmp", "a/trace", "b/icmp", "far0/icmp"):
        times = [at for at, asked in stage.prober.asked if asked == name]
        assert 10 <= len(times) <= 12
    assert host(stage, "a").state is State.UP
    assert me(stage).missed == 0
    assert stage.prober.closed


def test_a_failing_host_is_retried_told_and_its_path_traced_at_once(stage: Stage) -> None:
    def answer(check, at):
        down = at > 130 and check.host == "a" and check.kind is Kind.ICMP
        return Reason.TIMEOUT if down else Reason.NONE

    stage.answer = answer
    stage.run(watched("a", every=120.0, controls=0), 300)
    failing = [at for at, name in stage.prober.asked if name == "a/icmp" and at > 130]
    assert 14 < failing[1] - failing[0] < 17
    traces = [at for at, name in stage.prober.asked if name == "a/trace"]
    assert any(0 <= at - failing[0] < 3 for at in traces)
    assert ("host:a", "DOWN") in stage.loud()


def test_a_probe_that_raises_costs_its_own_check_only(stage: Stage) -> None:
    stage.answer = lambda check, at: (
        RuntimeError("boom") if check.id == "a/icmp" else Reason.NONE
    )
    stage.run(watched("a", "b"), 60)
    assert host(stage, "b").state is State.UP
    crashed = [seen for seen in stage.store.observations if seen.check == "a/icmp"]
    assert {seen.reason for seen in crashed} == {Reason.PROBE_CRASHED}
    assert host(stage, "a").state is State.UNKNOWN


def test_a_probe_that_hangs_is_ended_and_counted(stage: Stage) -> None:
    stage.answer = lambda check, at: 10_000.0 if check.id == "a/icmp" else Reason.NONE
    stage.run(watched("a"), 120)
    hung = [seen for seen in stage.store.observations if seen.check == "a/icmp"]
    assert hung
    assert {seen.outcome for seen in hung} == {Outcome.ERROR}
    assert me(stage).missed > 0


def test_too_much_at_once_is_shed_and_said_never_down(stage: Stage) -> None:
    stage.answer = lambda check, at: 8.0
    stage.run(watched(*(f"h{n}" for n in range(30)), in_flight=5), 60)
    assert stage.prober.most <= 5
    shed = [seen for seen in stage.store.observations if seen.outcome is Outcome.SKIPPED]
    assert len(shed) == me(stage).skipped > 0
    assert {seen.reason for seen in shed} == {Reason.SHED}
    assert not any(new in ("DOWN", "UNREACHABLE") for _, new in stage.loud())


def test_every_due_check_is_run_missed_or_skipped(stage: Stage) -> None:
    stage.answer = lambda check, at: 3.0
    stage.run(watched(*(f"h{n}" for n in range(20)), in_flight=8, controls=0), 200)
    counted = len(stage.prober.asked) + me(stage).missed + me(stage).skipped
    assert counted >= 20 * 2 * (200 // 10 - 1)


def test_people_can_ask_for_a_look_now(stage: Stage) -> None:
    async def ask() -> None:
        await stage.clock.sleep(50)
        stage.store.asked.append(Request(1, stage.clock.wall(), "duty", "probe", "host:a"))

    stage.run(watched("a", every=600.0, controls=0), 10, ask)
    asked = [at for at, name in stage.prober.asked if name == "a/icmp"]
    assert len(asked) == 2
    assert 50 <= asked[1] <= 51


def test_a_request_from_before_the_start_is_not_served(stage: Stage) -> None:
    stage.store.asked.append(Request(1, START - SECOND, "duty", "probe", "host:a"))
    stage.run(watched("a", every=600.0, controls=0), 30)
    assert len([1 for _, name in stage.prober.asked if name == "a/icmp"]) == 1


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_a_clock_jump_is_a_gap_and_voids_what_is_in_flight(
    stage: Stage, seconds: float
) -> None:
    stage.answer = lambda check, at: 2.0

    async def jump() -> None:
        await stage.clock.sleep(31.0)
        stage.clock.step(seconds)

    stage.run(watched(*(f"h{n}" for n in range(10))), 60, jump)
    gaps = [event for event in stage.store.events if event.kind is EventKind.GAP]
    assert len(gaps) == 1
    assert abs(gaps[0].until - gaps[0].since) > 3500 * SECOND
    if seconds > 0:
        voided = [s for s in stage.store.observations if s.reason is Reason.VOIDED]
        assert voided
    assert host(stage, "h1").state is State.UP
    assert not any(new in ("DOWN", "UNREACHABLE") for _, new in stage.loud())


def test_a_full_disk_loses_no_event_and_says_so(stage: Stage) -> None:
    stage.answer = lambda check, at: (
        Reason.TIMEOUT if at > 20 and check.id == "a/icmp" else Reason.NONE
    )

    async def trouble() -> None:
        await stage.clock.sleep(15)
        stage.store.broken = "no space left for the cache"
        await stage.clock.sleep(90)
        assert stage.sink.waiting > 0
        stage.store.broken = ""

    stage.run(watched("a", "b", controls=0), 20, trouble)
    assert ("host:a", "DOWN") in stage.loud()
    times = [seen.at for seen in stage.store.observations if seen.check == "b/icmp"]
    assert len(times) >= 10
    assert me(stage).dropped == 0


def test_one_that_breaks_down_does_not_pass_for_one_that_was_stopped(stage: Stage) -> None:
    class Broken:
        def changed(self):
            raise RuntimeError("no such thing")

    stage.follower = Broken()
    with pytest.raises(RuntimeError):
        stage.run(watched("a", controls=0), 30)
    assert me(stage).stopped == 0
    stage.follower, stage.rows = None, dict(stage.store.rows)
    stage.run(watched("a", controls=0), 30)
    assert me(stage).stopped > 0
    gap = next(event for event in stage.store.events if event.kind is EventKind.GAP)
    assert "ended without notice" in gap.text


def test_a_second_run_writes_the_gap_and_tells_nothing_anew(stage: Stage) -> None:
    stage.answer = lambda check, at: Reason.TIMEOUT if check.id == "a/icmp" else Reason.NONE
    stage.run(watched("a", "b", controls=0), 60)
    assert ("host:a", "DOWN") in stage.loud()
    stage.rows = dict(stage.store.rows)
    stage.store.events.clear()
    stage.run(watched("a", "b", controls=0), 60)
    assert stage.store.events[0].kind is EventKind.GAP
    assert not [subject for subject, _ in stage.loud() if subject.startswith("host")]
    assert host(stage, "a").state is State.DOWN


class Edits:
    """A follower that hands out what a test prepared."""

    def __init__(self) -> None:
        self.next: Watchlist | WatchlistError | None = None

    def changed(self) -> Watchlist | WatchlistError | None:
        found, self.next = self.next, None
        return found


def test_a_good_edit_is_taken_over_and_a_bad_one_keeps_the_old_list(stage: Stage) -> None:
    edits = stage.follower = Edits()

    async def edit() -> None:
        await stage.clock.sleep(20)
        edits.next = watched("a", "c")
        await stage.clock.sleep(20)
        assert host(stage, "c").state is State.UP
        assert host(stage, "b").removed
        edits.next = WatchlistError((Problem("w.toml", "host[0].id", "1", "a name"),))
        await stage.clock.sleep(5)
        assert "the old one goes on" in me(stage).problem

    stage.run(watched("a", "b"), 10, edit)
    assert any(name == "c/icmp" for _, name in stage.prober.asked)
    kinds = [event.kind for event in stage.store.events]
    assert kinds.count(EventKind.WATCHLIST) == 2


def test_our_own_line_going_down_raises_no_alarm_about_hosts(stage: Stage) -> None:
    stage.answer = lambda check, at: Reason.TIMEOUT if 60 < at < 200 else Reason.NONE
    stage.run(watched("a", "b", "c"), 400)
    loud = stage.loud()
    assert ("vantage:local", "FAULT") in loud
    assert not [told for told in loud if told[0].startswith("host:")]
    assert host(stage, "a").state is State.UP
    gaps = [event for event in stage.store.events if event.kind is EventKind.GAP]
    assert len(gaps) == 1
