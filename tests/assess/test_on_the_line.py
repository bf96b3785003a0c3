"""What real packets taught: refusals now and then, exact shares, faults at the first look."""

from __future__ import annotations

from monitor.records import (
    SECOND,
    Event,
    EventKind,
    Hop,
    Kind,
    NetworkRow,
    Outcome,
    Reason,
    State,
    TraceFacts,
    Vantage,
)
from tests.assess.conftest import T0, World, host, watchlist


def country(*names: str) -> World:
    return World(watchlist(*(host(name, f"192.0.2.{n}") for n, name in enumerate(names, 1))))


def rounds(world: World, since: int, until: int, silent: str = "") -> None:
    """Looks at hosts a to f every 30 s, and at the controls every 10."""
    for at in range(since, until, 10):
        world.controls(at)
        if at % 30 == 0:
            for n, name in enumerate("abcdef"):
                reason = Reason.TIMEOUT if name in silent else Reason.NONE
                world.see(name, at + n * 0.1, reason)
        world.tick(at + 9)


def told(world: World, subject: str, since: float = 0) -> list[Event]:
    start = T0 + round(since * SECOND)
    return [each for each in world.events if each.subject == subject and each.at >= start]


def test_silence_between_refusals_of_the_way_is_still_the_way() -> None:
    world = country("a")
    for at in range(0, 60, 10):
        world.controls(at)
        world.see("a", at + 1)
    pattern = [1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1]
    for turn, at in enumerate(range(60, 780, 15)):
        refused = pattern[turn % len(pattern)]
        world.controls(at)
        reason = Reason.NET_UNREACHABLE if refused else Reason.TIMEOUT
        world.see("a", at + 1, reason, said_by="203.0.113.1" if refused else "")
    turns = [(each.old, each.new) for each in told(world, "host:a", 55)]
    assert turns == [("UP", "UNREACHABLE")]
    assert not world.host("a").flapping


def test_silence_long_after_the_last_refusal_is_silence() -> None:
    world = country("a")
    for at in range(0, 60, 10):
        world.controls(at)
        world.see("a", at + 1)
    for at in range(60, 1200, 15):
        world.controls(at)
        refused = at < 120
        reason = Reason.NET_UNREACHABLE if refused else Reason.TIMEOUT
        world.see("a", at + 1, reason, said_by="203.0.113.1" if refused else "")
    turns = [(each.old, each.new) for each in told(world, "host:a", 55)]
    assert turns == [("UP", "UNREACHABLE"), ("UNREACHABLE", "DOWN")]


def test_one_of_five_is_twenty_percent() -> None:
    world = country("a")
    for at in range(0, 300, 10):
        world.controls(at)
        if at % 60 == 0:
            world.see("a", at + 1, Reason.LOSS, outcome=Outcome.WARN, received=4, rtt_ms=40.0)
    assert world.host("a").state is State.DEGRADED


def test_a_part_that_fell_silent_and_comes_back_is_restored_aloud() -> None:
    world = country(*"abcdef")
    rounds(world, 0, 600)
    rounds(world, 600, 1200, silent="abcd")
    rounds(world, 1200, 1500)
    turns = told(world, "network:nk", 600)
    assert [each.new for each in turns] == ["UNSTABLE", "PARTIAL", "RESTORED"]
    assert not any(each.quiet for each in turns)


def test_a_fault_within_a_round_of_the_first_look_is_not_what_is_usual() -> None:
    world = country(*"abcdef")
    rounds(world, 0, 40)
    rounds(world, 40, 600, silent="abcd")
    assert [each.new for each in told(world, "network:nk", 40)] == ["UNSTABLE", "PARTIAL"]


def test_our_own_fault_takes_back_what_was_thought_of_causes() -> None:
    world = country(*"abcdef")
    rounds(world, 0, 600)
    rounds(world, 600, 700, silent="abcdef")
    row = world.rows["network:nk"]
    assert isinstance(row, NetworkRow)
    assert row.explanations
    for at in range(700, 760, 10):
        world.controls(at, 0)
        world.tick(at + 9)
    row = world.rows["network:nk"]
    assert isinstance(row, NetworkRow)
    assert world.judge.vantage.health is Vantage.FAULT
    assert (row.explanations, row.fate) == ((), "")


def test_a_trace_on_which_nothing_answers_does_not_move_the_break() -> None:
    world = World(watchlist(host("a", "192.0.2.1", Kind.ICMP, Kind.TRACE)))
    for at in range(0, 60, 10):
        world.controls(at)
    world.see("a", 5)
    world.see("a", 55)
    for turn, at in enumerate(range(60, 240, 15)):
        world.controls(at)
        world.see("a", at + 1, Reason.TIMEOUT)
        hops = (Hop(1, "", sent=0),) if turn % 2 else (Hop(1, "203.0.113.1"), Hop(2, ""))
        facts = TraceFacts("icmp", reached=False, hops=hops)
        world.see("a/trace", at + 2, Reason.PATH_BREAK, facts=facts)
    turns = [each for each in told(world, "host:a", 56) if each.kind is EventKind.TRANSITION]
    assert [each.new for each in turns] == ["UNREACHABLE"]
