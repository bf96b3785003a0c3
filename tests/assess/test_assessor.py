"""What the assessor promises: soft before hard, our own fault before theirs, no news twice."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import (
    EventKind,
    Kind,
    NetworkRow,
    Observation,
    Outcome,
    Reason,
    State,
    Vantage,
    VantageRow,
    encode,
)
from monitor.watchlist.model import Host
from tests.assess.conftest import NK, World, check, host, watchlist


def test_a_first_look_that_answers_is_no_news(one: World) -> None:
    assert one.host("a").state is State.UP
    assert one.loud() == []


def test_down_takes_three_attempts_and_carries_its_evidence(one: World) -> None:
    one.see("a", 40, Reason.TIMEOUT)
    assert (one.host("a").state, one.host("a").soft) == (State.UP, State.DOWN)
    one.controls(45)
    one.see("a", 55, Reason.TIMEOUT)
    assert one.host("a").state is State.UP
    one.see("a", 70, Reason.TIMEOUT)
    assert one.host("a").state is State.DOWN
    assert one.loud() == [("host:a", "UP", "DOWN")]
    told = next(
        e for e in one.events if e.subject == "check:a/icmp" and e.hard and e.new == "DOWN"
    )
    assert [seen.at for seen in told.evidence] == [World.us(at) for at in (40, 55, 70)]
    assert one.host("a").since == World.us(40)


def test_one_lost_round_changes_nothing(one: World) -> None:
    one.see("a", 40, Reason.TIMEOUT)
    one.see("a", 55)
    assert (one.host("a").state, one.host("a").soft) == (State.UP, None)
    assert one.loud() == []


def test_recovery_takes_two_good_results(one: World) -> None:
    one.controls(41)
    for at in (40, 55, 70):
        one.see("a", at, Reason.TIMEOUT)
    one.see("a", 85)
    assert (one.host("a").state, one.host("a").soft) == (State.DOWN, State.UP)
    one.see("a", 100)
    assert one.host("a").state is State.UP
    assert one.loud()[-1] == ("host:a", "DOWN", "UP")


def test_nothing_goes_hard_without_a_control_that_answered_later(one: World) -> None:
    for at in (40, 55, 70, 85):
        one.see("a", at, Reason.TIMEOUT)
    assert (one.host("a").state, one.host("a").soft) == (State.UP, State.DOWN)
    one.controls(90)
    one.see("a", 100, Reason.TIMEOUT)
    assert one.host("a").state is State.DOWN


def test_our_own_fault_is_one_event_and_no_hosts(one: World) -> None:
    one.run(40, 100, lambda at: one.see("a", at, Reason.TIMEOUT), good=0)
    assert one.host("a").state is State.UNKNOWN
    assert one.judge.vantage.health is Vantage.FAULT
    assert one.loud() == [("vantage:local", "HEALTHY", "FAULT")]


def test_after_our_own_fault_what_is_found_again_is_no_news_and_the_span_is_a_gap(
    one: World,
) -> None:
    one.run(40, 100, lambda at: one.see("a", at, Reason.TIMEOUT), good=0)
    one.run(100, 200, lambda at: one.see("a", at))
    assert one.host("a").state is State.UP
    assert one.host("a").since == World.us(25)
    assert one.judge.vantage.health is Vantage.HEALTHY
    gaps = [e for e in one.events if e.kind is EventKind.GAP]
    assert len(gaps) == 1
    assert gaps[0].since < World.us(60) < World.us(100) <= gaps[0].until
    assert not [told for told in one.loud() if told[0].startswith("host:")]


def test_a_host_lost_during_our_fault_is_told_only_after_the_recheck(one: World) -> None:
    one.run(40, 100, lambda at: one.see("a", at, Reason.TIMEOUT), good=0)
    one.run(100, 160, lambda at: one.see("a", at, Reason.TIMEOUT))
    assert one.host("a").state is State.UNKNOWN
    one.run(160, 220, lambda at: one.see("a", at, Reason.TIMEOUT))
    assert one.host("a").state is State.DOWN


def test_without_controls_a_host_may_still_go_down_and_the_vantage_says_so() -> None:
    world = World(watchlist(host("a", "192.0.2.1"), controls=0))
    for at in (0, 15, 30):
        world.see("a", at, Reason.REFUSED)
    assert world.host("a").state is State.DOWN
    assert "cannot be told" in world.judge.vantage.why


def test_what_we_could_not_look_at_is_unknown_never_down() -> None:
    world = World(watchlist(host("a", "192.0.2.1")))
    for at in range(0, 300, 15):
        world.controls(at)
        world.see("a", at, Reason.NOT_PERMITTED, outcome=Outcome.ERROR)
    assert world.host("a").state is State.UNKNOWN
    assert world.loud() == []


def test_a_control_that_may_not_be_asked_is_no_sign_of_our_fault() -> None:
    world = World(watchlist(host("a", "192.0.2.1")))
    for at in range(0, 60, 10):
        for far in world.watchlist.controls("far"):
            world.see(far.id, at, Reason.NOT_PERMITTED, outcome=Outcome.ERROR)
        world.tick(at + 9)
    assert world.judge.vantage.health is Vantage.UNKNOWN


@pytest.mark.parametrize(
    ("reason", "said_by", "state"),
    [
        (Reason.TIMEOUT, "", State.DOWN),
        (Reason.NET_UNREACHABLE, "203.0.113.9", State.UNREACHABLE),
        (Reason.NET_UNREACHABLE, "192.0.2.254", State.DOWN),
        (Reason.HOST_UNREACHABLE, "203.0.113.9", State.UNREACHABLE),
        (Reason.HOST_UNREACHABLE, "192.0.2.254", State.DOWN),
        (Reason.PROHIBITED, "203.0.113.9", State.UNREACHABLE),
        (Reason.TTL_EXPIRED, "203.0.113.9", State.UNREACHABLE),
        (Reason.REFUSED, "", State.DOWN),
    ],
)
def test_who_says_it_decides_between_down_and_unreachable(
    one: World, reason: Reason, said_by: str, state: State
) -> None:
    one.run(40, 100, lambda at: one.see("a", at, reason, said_by=said_by))
    assert one.host("a").state is state


def traced(*others: str) -> World:
    hosts = [host("a", "192.0.2.1", Kind.ICMP, Kind.TRACE)]
    hosts += [host(name, f"192.0.2.{n}") for n, name in enumerate(others, 2)]
    world = World(watchlist(*hosts))
    world.controls(0)
    world.tick(10)
    for name in ("a", *others):
        world.see(name, 12)
    world.trace("a", 14, "10.0.0.1", "203.0.113.1", "192.0.2.1", reached=True)
    return world


def test_a_path_that_ends_before_the_network_makes_silence_unreachable() -> None:
    world = traced()
    world.trace("a", 30, "10.0.0.1", "203.0.113.1")
    world.run(40, 100, lambda at: world.see("a", at, Reason.TIMEOUT))
    assert world.host("a").state is State.UNREACHABLE


def test_while_a_neighbour_inside_answers_the_way_in_is_not_broken() -> None:
    world = traced("b")
    world.trace("a", 30, "10.0.0.1", "203.0.113.1")
    world.run(40, 100, lambda at: (world.see("a", at, Reason.TIMEOUT), world.see("b", at)))
    assert world.host("a").state is State.DOWN
    assert world.host("b").state is State.UP


def test_a_host_is_unreachable_when_all_its_parents_are_gone() -> None:
    world = World(
        watchlist(host("gw", "203.0.113.1"), host("a", "203.0.113.2", parents=("gw",)))
    )
    world.controls(0)
    world.tick(10)
    world.run(
        10,
        90,
        lambda at: (
            world.see("gw", at, Reason.TIMEOUT),
            world.see("a", at, Reason.TIMEOUT),
        ),
    )
    assert world.host("gw").state is State.DOWN
    assert world.host("a").state is State.UNREACHABLE


def test_some_checks_answering_make_a_host_degraded() -> None:
    world = World(watchlist(host("a", "192.0.2.1", Kind.ICMP, Kind.HTTP)))
    world.controls(0)
    world.tick(10)
    world.run(10, 90, lambda at: (world.see("a", at), world.see("a/http", at, Reason.REFUSED)))
    assert world.host("a").state is State.DEGRADED
    assert "connection refused" in world.host("a").why


def test_loss_in_two_of_three_rounds_degrades(one: World) -> None:
    for at in (40, 55):
        one.see("a", at, outcome=Outcome.WARN, received=3)
    assert one.host("a").state is State.DEGRADED
    for at in (70, 85, 100):
        one.see("a", at)
    assert one.host("a").state is State.UP


def test_an_rtt_half_as_long_again_as_usual_degrades() -> None:
    world = World(watchlist(host("a", "192.0.2.1")))
    world.controls(0)
    for at in range(0, 5 * 3600, 300):
        world.see("a", at, rtt_ms=100.0)
    world.see("a", 18_060, rtt_ms=149.0)
    world.see("a", 18_120, rtt_ms=149.0)
    assert world.host("a").state is State.UP
    world.see("a", 18_180, rtt_ms=150.0)
    world.see("a", 18_240, rtt_ms=150.0)
    assert world.host("a").state is State.DEGRADED


def test_stale_data_make_unknown_quietly_and_finding_it_again_is_no_news(one: World) -> None:
    one.run(40, 300, lambda at: None)
    assert (one.host("a").state, one.host("a").stale) == (State.UNKNOWN, True)
    one.see("a", 300)
    assert (one.host("a").state, one.host("a").stale) == (State.UP, False)
    assert one.host("a").since == World.us(25)
    assert one.loud() == []


def test_a_restart_changes_no_verdict_and_tells_nothing_twice(one: World) -> None:
    one.run(40, 100, lambda at: one.see("a", at, Reason.TIMEOUT))
    assert one.host("a").state is State.DOWN
    kept = {
        subject: msgspec.msgpack.decode(encode(row), type=type(row))
        for subject, row in one.rows.items()
    }
    again = World(one.watchlist, kept, at=130)
    assert again.host("a").state is State.DOWN
    again.run(130, 190, lambda at: again.see("a", at, Reason.TIMEOUT))
    assert again.host("a").state is State.DOWN
    assert again.loud() == []


def test_a_gap_resets_soft_counters(one: World) -> None:
    one.see("a", 40, Reason.TIMEOUT)
    one.see("a", 55, Reason.TIMEOUT)
    one.judge.gap(World.us(60), World.us(600), "asleep")
    one.keep()
    one.controls(605)
    one.tick(612)
    one.see("a", 615, Reason.TIMEOUT)
    assert (one.host("a").soft, one.check("a/icmp").attempt) == (State.DOWN, 1)


def test_a_flapping_host_is_marked_and_the_end_says_what_differs(one: World) -> None:
    for n in range(30):
        at = 40 + n * 15
        one.controls(at)
        one.see("a", at, Reason.TIMEOUT if n % 2 else Reason.NONE)
    assert one.host("a").flapping
    for n in range(30):
        one.see("a", 500 + n * 15)
    assert not one.host("a").flapping
    texts = [
        e.text
        for e in one.events
        if e.kind is EventKind.FLAPPING and e.subject.startswith("host")
    ]
    assert len(texts) == 2
    assert "steady again" in texts[1]


def test_a_slow_flicker_is_seen_by_the_clock(one: World) -> None:
    at = 40.0
    for _ in range(3):
        for bad in (True, False):
            for _ in range(12):
                for second in range(0, 60, 20):
                    one.controls(at + second)
                one.see("a", at + 45, Reason.TIMEOUT if bad else Reason.NONE)
                at += 60
    assert one.host("a").flapping


def test_counts_of_a_network_are_of_hosts_measured_inside_only() -> None:
    world = World(
        watchlist(
            host("in1", "192.0.2.1", affiliation="nk"),
            host("in2", "192.0.2.2", affiliation="nk"),
            host("out", "203.0.113.1", affiliation="nk"),
        )
    )
    world.controls(0)
    for name in ("in1", "out"):
        world.see(name, 5)
    world.tick(60)
    row = world.rows["network:nk"]
    assert isinstance(row, NetworkRow)
    assert (row.inside_up, row.inside_known, row.inside_total) == (1, 1, 2)
    assert (row.outside_up, row.outside_total) == (1, 1)
    assert row.prefixes == NK.prefixes


def test_a_reload_keeps_what_both_watchlists_have(one: World) -> None:
    one.judge.reload(watchlist(host("a", "192.0.2.1"), host("b", "192.0.2.2")))
    one.keep()
    assert one.host("a").state is State.UP
    assert one.host("b").state is State.UNKNOWN
    assert one.judge.vantage.health is Vantage.HEALTHY
    one.judge.reload(watchlist(host("b", "192.0.2.2")))
    one.keep()
    assert one.host("a").removed
    assert one.loud() == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "far1", "far2", "far3", "far4", "far5"]),
        st.integers(1, 40),
        st.sampled_from(
            [Reason.NONE, Reason.TIMEOUT, Reason.NET_UNREACHABLE, Reason.NOT_PERMITTED]
        ),
    ),
    max_size=120,
)


def observations(steps: list[tuple[str, int, Reason]]) -> list[Observation]:
    at, seen = 0, []
    for name, wait, reason in steps:
        at += wait
        outcome = (
            Outcome.OK
            if reason is Reason.NONE
            else Outcome.ERROR
            if reason is Reason.NOT_PERMITTED
            else Outcome.FAIL
        )
        seen.append(
            Observation(f"{name}/icmp", World.us(at), outcome, reason, sent=5, received=5)
        )
    return seen


@given(STEPS, st.lists(st.integers(1, 10), min_size=1, max_size=20))
def test_the_same_observations_give_the_same_events_in_any_batches(
    steps: list[tuple[str, int, Reason]], sizes: list[int]
) -> None:
    seen = observations(steps)
    whole = World(watchlist(host("a", "192.0.2.1")))
    for each in seen:
        whole.judge.observe(each)
    whole.keep()
    parts = World(watchlist(host("a", "192.0.2.1")))
    rest, turn = list(seen), 0
    while rest:
        size = sizes[turn % len(sizes)]
        for each in rest[:size]:
            parts.judge.observe(each)
        parts.keep()
        rest, turn = rest[size:], turn + 1
    assert [encode(e) for e in whole.events] == [encode(e) for e in parts.events]


@given(STEPS)
def test_no_host_is_told_down_without_proof_that_we_are_well(
    steps: list[tuple[str, int, Reason]],
) -> None:
    world = World(watchlist(host("a", "192.0.2.1")))
    for each in observations(steps):
        world.judge.observe(each)
        vantage = world.judge.vantage
        world.keep()
        told = [
            e
            for e in world.events
            if e.subject == "host:a" and e.new in ("DOWN", "UNREACHABLE")
        ]
        if told and told[-1].at == each.at:
            assert vantage.health is Vantage.HEALTHY
            assert told[-1].evidence
        assert isinstance(world.rows["vantage:local"], VantageRow)


def test_a_site_by_name_is_inside_where_its_address_says_and_a_move_is_told() -> None:
    world = World(watchlist(host("site", "kcna.example", affiliation="nk")))
    world.controls(0)
    world.see("site", 5, address="192.0.2.7")
    world.tick(60)
    assert world.host("site").network == "nk"
    world.see("site", 65, address="192.0.2.8")
    assert world.loud() == []
    world.see("site", 70, address="203.0.113.7")
    assert world.host("site").network == ""
    moves = [e for e in world.events if e.kind is EventKind.HOSTING]
    assert [e.quiet for e in moves] == [True, False]
    assert "outside every watched network" in moves[1].text


def own_fault(world: World, start: float) -> None:
    """Two minutes in which nobody answers, and controls that do again after them."""
    for at in range(0, 120, 10):
        world.controls(start + at, good=0)
        world.tick(start + at + 9)
    assert world.judge.vantage.health is Vantage.FAULT
    for at in range(120, 160, 10):
        world.controls(start + at)
        world.tick(start + at + 9)
    assert world.judge.vantage.health is Vantage.RECHECK


def half_down() -> World:
    """A host of which one check is down and one up."""
    world = World(watchlist(host("a", "192.0.2.1", Kind.ICMP, Kind.TCP)))
    for at in range(0, 90, 10):
        world.controls(at)
        world.tick(at + 9)
        world.see("a/tcp", at + 9)
        if at % 20 == 0:
            world.see("a/icmp", at + 9, Reason.TIMEOUT)
    assert world.host("a").state is State.DEGRADED
    world.events.clear()
    return world


def test_what_a_host_was_before_our_own_fault_is_what_its_checks_were_together() -> None:
    world = half_down()
    own_fault(world, 100)
    assert world.host("a").before is State.DEGRADED
    turns = [(e.old, e.new) for e in world.events if e.subject == "host:a"]
    assert turns == [("DEGRADED", "UNKNOWN")]


def test_a_host_that_is_half_back_is_not_news_while_the_other_half_is_on_probation() -> None:
    world = half_down()
    own_fault(world, 100)
    for at in range(260, 420, 10):
        world.controls(at)
        world.tick(at + 4)
        world.see("a/tcp", at + 5)
        world.see("a/icmp", at + 6, Reason.TIMEOUT)
    assert world.judge.vantage.health is Vantage.HEALTHY
    assert world.host("a").state is State.DEGRADED
    assert not [told for told in world.loud() if told[0] == "host:a"]


def test_in_a_recheck_hosts_only_return_to_what_they_were(one: World) -> None:
    for at in range(40, 90, 10):
        one.controls(at)
        one.tick(at + 4)
        one.see("a", at + 5, Reason.TIMEOUT)
    assert one.host("a").state is State.DOWN
    one.events.clear()
    own_fault(one, 90)
    one.see("a", 255)
    one.see("a", 260)
    assert one.host("a").state is State.UNKNOWN
    assert one.host("a").soft is State.UP
    for at in range(260, 320, 10):
        one.controls(at)
        one.tick(at + 9)
    assert one.judge.vantage.health is Vantage.HEALTHY
    assert [told for told in one.loud() if told[0] == "host:a"] == [("host:a", "UNKNOWN", "UP")]


def test_counts_of_a_network_fit_together_when_a_host_moves_out() -> None:
    names = [host(name, f"192.0.2.{n}", affiliation="nk") for n, name in enumerate("abc", 1)]
    world = World(watchlist(*names))
    for at in range(0, 60, 10):
        world.controls(at)
        world.tick(at + 9)
        for name in "abc":
            world.see(name, at + 9, address=f"192.0.2.{'abc'.index(name) + 1}")
    row = world.rows["network:nk"]
    assert isinstance(row, NetworkRow)
    assert (row.inside_up, row.inside_known, row.inside_total) == (3, 3, 3)
    world.see("a", 61, address="203.0.113.5")
    assert (row.inside_up, row.inside_known, row.inside_total, row.usual) == (2, 2, 2, 2)


def test_a_half_of_a_host_that_falls_silent_is_no_news_nor_is_its_return() -> None:
    every = (check("a", Kind.ICMP, "192.0.2.1", 60.0), check("a", Kind.TCP, "192.0.2.1", 20.0))
    world = World(watchlist(Host("a", "a", "192.0.2.1", checks=every)))
    for at in range(0, 90, 10):
        world.controls(at)
        world.tick(at + 9)
        world.see("a/tcp", at + 9)
        world.see("a/icmp", at + 9, Reason.TIMEOUT)
    assert world.host("a").state is State.DEGRADED
    world.events.clear()
    for at in range(90, 180, 10):
        world.controls(at)
        world.tick(at + 9)
        world.see("a/icmp", at + 9, Reason.TIMEOUT)
    assert world.host("a").state is State.DOWN
    for at in range(180, 220, 10):
        world.controls(at)
        world.tick(at + 9)
        world.see("a/tcp", at + 9)
    assert world.host("a").state is State.DEGRADED
    assert not [told for told in world.loud() if told[0] == "host:a"]


def test_while_a_host_flaps_its_single_turns_are_no_news(one: World) -> None:
    for n in range(60):
        at = 40 + n * 15
        one.controls(at)
        one.see("a", at, Reason.TIMEOUT if n // 3 % 2 else Reason.NONE)
    assert one.host("a").flapping
    turns = [e for e in one.events if e.subject == "host:a" and e.kind is EventKind.TRANSITION]
    begun = next(e.at for e in one.events if e.kind is EventKind.FLAPPING)
    assert any(e.at > begun for e in turns)
    assert all(e.quiet for e in turns if e.at > begun)
