"""The gateway and the resolvers: what they tell of a fault of ours, and what they do not."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from monitor.assess.own import OWN_CHECKS
from monitor.records import (
    Event,
    EventKind,
    Observation,
    Outcome,
    OwnControl,
    OwnRole,
    Reason,
    Vantage,
)
from tests.assess.conftest import World, host, watchlist

GATEWAY, GATEWAY6, FIRST, SECOND = OWN_CHECKS
WHERE = {
    GATEWAY: "192.0.2.254",
    GATEWAY6: "fe80::1%eth0",
    FIRST: "192.0.2.53",
    SECOND: "127.0.0.53",
}


@pytest.fixture
def world() -> World:
    return World(watchlist(host("a", "192.0.2.1")))


def ask(world: World, check: str, at: float, reason: Reason = Reason.NONE) -> None:
    """One look at one of our own side."""
    own = reason in (Reason.NOT_PERMITTED, Reason.NO_ROUTE)
    bad = Outcome.ERROR if own else Outcome.FAIL
    world.judge.observe(
        Observation(
            check,
            World.us(at),
            Outcome.OK if reason is Reason.NONE else bad,
            reason,
            address=WHERE[check],
        )
    )
    world.keep()


def own_of(world: World) -> dict[str, bool | None]:
    return {each.address: each.answers for each in world.judge.vantage.own}


def minute(
    world: World, start: int, checks: Iterable[str], reason: Reason, *, controls: bool
) -> None:
    """Six rounds in which everything of ours is asked."""
    for at in range(start, start + 60, 10):
        for check in checks:
            ask(world, check, at, reason)
        world.controls(at + 1, 5 if controls else 0)
    world.tick(start + 60)


def names_told(world: World) -> list[Event]:
    return [each for each in world.events if each.kind is EventKind.HEALTH]


def test_a_gateway_that_falls_silent_with_the_controls_is_named(world: World) -> None:
    minute(world, 0, [GATEWAY], Reason.NONE, controls=True)
    minute(world, 60, [GATEWAY], Reason.TIMEOUT, controls=False)
    row = world.judge.vantage
    assert row.health is Vantage.FAULT
    assert "on our own link: gateway 192.0.2.254 does not answer" in row.why
    assert row.own == (
        OwnControl(OwnRole.GATEWAY, "192.0.2.254", False, Reason.TIMEOUT, ever=True),
    )


def test_a_gateway_that_answers_puts_the_fault_beyond_it(world: World) -> None:
    minute(world, 0, [GATEWAY, GATEWAY6], Reason.NONE, controls=True)
    for at in range(60, 120, 10):
        ask(world, GATEWAY6, at, Reason.TIMEOUT)
        ask(world, GATEWAY, at)
        world.controls(at + 1, 0)
    world.tick(120)
    assert "beyond our gateway 192.0.2.254, which answers" in world.judge.vantage.why
    (fault,) = [each for each in world.events if each.new == Vantage.FAULT]
    assert "which answers" in fault.text


def test_a_gateway_that_never_answered_proves_nothing(world: World) -> None:
    minute(world, 0, [GATEWAY], Reason.TIMEOUT, controls=True)
    minute(world, 60, [GATEWAY], Reason.TIMEOUT, controls=False)
    assert world.judge.vantage.health is Vantage.FAULT
    assert "gateway" not in world.judge.vantage.why
    assert own_of(world) == {"192.0.2.254": None}


@pytest.mark.parametrize("reason", [Reason.HOST_UNREACHABLE, Reason.NO_ROUTE])
def test_that_nobody_is_there_is_known_without_an_echo(world: World, reason: Reason) -> None:
    minute(world, 0, [GATEWAY], reason, controls=False)
    assert own_of(world) == {"192.0.2.254": False}
    assert "on our own link" in world.judge.vantage.why


def test_what_may_not_be_asked_is_not_known(world: World) -> None:
    minute(world, 0, [GATEWAY, FIRST], Reason.NOT_PERMITTED, controls=True)
    assert own_of(world) == {}


def test_a_resolver_beside_us_shows_that_our_link_works(world: World) -> None:
    minute(world, 0, [GATEWAY, FIRST, SECOND], Reason.NONE, controls=True)
    for at in range(60, 120, 10):
        ask(world, FIRST, at)
        world.controls(at + 1, 0)
    world.tick(120)
    assert "not on our own link: resolver 192.0.2.53 answers" in world.judge.vantage.why


def test_a_stub_of_our_own_shows_nothing(world: World) -> None:
    minute(world, 0, [SECOND], Reason.NONE, controls=False)
    assert "resolver" not in world.judge.vantage.why


def test_names_that_cannot_be_looked_up_are_told_once_and_their_return(world: World) -> None:
    minute(world, 0, [FIRST, SECOND], Reason.NONE, controls=True)
    minute(world, 60, [FIRST, SECOND], Reason.TIMEOUT, controls=True)
    row = world.judge.vantage
    (told,) = names_told(world)
    assert told.since == row.nameless == World.us(60)
    assert row.health is Vantage.HEALTHY
    assert "no name can be looked up" in row.why
    minute(world, 120, [FIRST], Reason.DNS_REFUSED, controls=True)
    assert [each.text for each in names_told(world)][1:] == ["names can be looked up again"]
    assert row.nameless == 0


@pytest.mark.parametrize("one", [FIRST, SECOND])
def test_one_resolver_is_enough(world: World, one: str) -> None:
    for at in range(0, 120, 10):
        ask(world, FIRST, at, Reason.NONE if one == FIRST else Reason.DNS_SERVFAIL)
        ask(world, SECOND, at, Reason.NONE if one == SECOND else Reason.DNS_SERVFAIL)
        world.controls(at + 1)
    assert names_told(world) == []


def test_resolvers_behind_our_own_cut_line_are_no_matter_of_names(world: World) -> None:
    minute(world, 0, [FIRST, SECOND], Reason.NONE, controls=True)
    minute(world, 60, [FIRST, SECOND], Reason.TIMEOUT, controls=False)
    assert world.judge.vantage.health is Vantage.FAULT
    assert names_told(world) == []


def test_they_count_neither_as_hosts_nor_as_controls(world: World) -> None:
    minute(world, 0, [GATEWAY, FIRST], Reason.NONE, controls=True)
    row = world.judge.vantage
    assert (row.answering, row.known, row.total) == (5, 5, 5)
    assert not any("own" in subject for subject in world.rows)


def test_what_is_not_asked_any_more_is_not_known(world: World) -> None:
    minute(world, 0, [GATEWAY, FIRST], Reason.NONE, controls=True)
    world.tick(180)
    assert own_of(world) == {"192.0.2.254": None, "192.0.2.53": None}


def test_a_restart_and_a_reload_know_who_has_ever_answered(world: World) -> None:
    minute(world, 0, [GATEWAY, FIRST, SECOND], Reason.NONE, controls=True)
    minute(world, 60, [FIRST, SECOND], Reason.TIMEOUT, controls=True)
    again = World(world.watchlist, dict(world.rows), at=130)
    minute(again, 130, [FIRST, SECOND], Reason.TIMEOUT, controls=True)
    minute(again, 190, [GATEWAY], Reason.TIMEOUT, controls=True)
    assert own_of(again)["192.0.2.254"] is False
    assert names_told(again) == []
    again.judge.reload(watchlist(host("b", "192.0.2.2")))
    assert again.judge.vantage.nameless == World.us(60)
    assert own_of(again)["192.0.2.254"] is False
