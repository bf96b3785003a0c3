"""What each fault does to the way to a host, and when."""

from __future__ import annotations

import gc

import pytest

from monitor.records import HOUR, MINUTE, SECOND
from monitor.simulation.events import FAILOVER_S, SCOPES, Fault, Scope
from monitor.simulation.happening import Happening
from monitor.simulation.world import world_for
from monitor.watchlist.model import Watchlist
from tests.simulation.samples import NOON, Looks, event

NETWORK = "network:north"
LATER = NOON + 10 * MINUTE


def asns(way) -> list[int]:
    return list(dict.fromkeys(step.router.system.asn for step in way.steps))


def test_nothing_is_wrong_before_after_and_without_events(look: Looks) -> None:
    for asked in (look(), look(event(Fault.WITHDRAW, NETWORK))):
        for moment in (0, NOON - 1, NOON + HOUR, NOON + 1000 * HOUR):
            assert all(way.whole for way in asked.world.at(moment).values())


def test_a_withdrawal_breaks_the_way_behind_the_upstream(look: Looks) -> None:
    world = look(event(Fault.WITHDRAW, NETWORK)).world
    ways = world.at(NOON)
    for host in ("ns", "site"):
        way = ways[host]
        assert not way.whole
        assert way.said
        assert way.steps[way.reach - 1].router.system.asn == 4837
    assert all(ways[host].whole for host in ("paper", "gateway", "far", "near"))
    assert world.way("ns", "175.45.176.15", NOON + HOUR - 1).whole is False


def test_one_prefix_can_go_alone(look: Looks) -> None:
    ways = look(event(Fault.WITHDRAW, "prefix:175.45.176.0/24", silent=True)).world.at(NOON)
    assert not ways["ns"].whole
    assert not ways["ns"].said
    other = look(event(Fault.WITHDRAW, "prefix:175.45.177.0/24")).world.at(NOON)
    assert other["ns"].whole


def test_a_cut_upstream_is_silence_until_the_other_carries(look: Looks) -> None:
    world = look(event(Fault.CUT, "edge:4837-131279")).world
    address = "175.45.176.15"
    before = world.way("ns", address, NOON - 1)
    first = world.way("ns", address, NOON)
    after = world.way("ns", address, NOON + round(FAILOVER_S * SECOND))
    assert asns(before)[-2:] == [4837, 131279]
    assert (first.whole, first.said) == (False, False)
    assert after.whole
    assert asns(after)[-2:] == [20485, 131279]
    assert after.rtt_ms > before.rtt_ms
    assert world.way("near", "202.106.0.20", NOON).whole


def test_a_dead_as_takes_what_is_behind_it(look: Looks) -> None:
    ways = look(event(Fault.CUT, "as:4837")).world.at(NOON + 10 * MINUTE)
    assert not ways["near"].whole
    assert not ways["near"].said
    assert ways["near"].steps[ways["near"].reach - 1].router.system.asn != 4837
    assert ways["ns"].whole


def test_both_upstreams_cut_leave_no_route(look: Looks) -> None:
    both = [event(Fault.CUT, f"edge:{up}-131279") for up in (4837, 20485)]
    world = look(*both).world
    way = world.way("ns", "175.45.176.15", LATER)
    assert not way.whole
    assert way.said
    net = world.plan.nets["north"]
    assert world.routed(net, "175.45.176.0/24", LATER) is None


def test_routes_can_stand_while_nothing_passes(look: Looks) -> None:
    world = look(event(Fault.CUT, NETWORK, routes=False)).world
    way = world.way("ns", "175.45.176.15", LATER)
    assert (way.whole, way.said) == (False, False)
    assert world.routed(world.plan.nets["north"], "175.45.176.0/24", LATER) == 4837


def test_the_upstream_of_one_prefix_changes(look: Looks) -> None:
    change = event(Fault.UPSTREAM_CHANGE, "prefix:175.45.176.0/24", upstreams=(22351, 4837))
    world = look(change).world
    assert asns(world.way("ns", "175.45.176.15", NOON))[-2:] == [22351, 131279]
    net = world.plan.nets["north"]
    assert world.routed(net, "175.45.176.0/24", NOON) == 22351
    assert world.routed(net, "175.45.177.0/24", NOON) == 4837


def test_a_host_cut_is_its_own_affair(look: Looks) -> None:
    ways = look(event(Fault.CUT, "host:ns")).world.at(NOON)
    assert [host for host, way in ways.items() if not way.whole] == ["ns"]
    assert ways["ns"].reach == len(ways["ns"].steps)


def test_loss_grows_along_its_ramp(look: Looks) -> None:
    world = look(event(Fault.LOSS, NETWORK, first=0.1, last=0.5)).world
    way = world.way("ns", "175.45.176.15", NOON)
    assert way.lost(NOON) == pytest.approx(0.1, abs=0.001)
    assert way.lost(NOON + HOUR // 2) == pytest.approx(0.3, abs=0.001)
    assert way.lost(NOON + HOUR) == pytest.approx(0.5, abs=0.001)
    assert way.lost(NOON + HOUR, hop=1) < 0.01
    assert world.way("paper", "paper.example.jp", NOON + HOUR - 1).lost(NOON) < 0.01


def test_an_overload_delays_and_then_stays(look: Looks) -> None:
    grown = event(Fault.OVERLOAD, NETWORK, last=0.8, latency_ms=2000.0, grow_s=600.0)
    way = look(grown).world.way("ns", "175.45.176.15", NOON)
    assert way.delay_ms(NOON) == 0
    assert way.delay_ms(NOON + 5 * MINUTE) == pytest.approx(1000)
    assert way.delay_ms(NOON + 30 * MINUTE) == 2000
    assert way.lost(NOON + 30 * MINUTE) == pytest.approx(0.8, abs=0.001)


def test_a_flap_is_down_in_the_first_part_of_each_period(look: Looks) -> None:
    flap = event(Fault.FLAP, NETWORK, period_s=600.0, duty=0.25)
    world = look(flap).world
    up = [world.way("ns", "175.45.176.15", NOON + n * MINUTE).whole for n in range(-1, 61)]
    assert up == [True, *([False] * 2 + [False] + [True] * 7) * 6, True]


def test_jitter_moves_flaps_but_keeps_their_length() -> None:
    flap = event(Fault.FLAP, NETWORK, period_s=600.0, duty=0.3, jitter=1.0)
    edges = Happening(flap, 3).edges
    assert edges == sorted(edges)
    lengths = {b - a for a, b in zip(edges[::2], edges[1::2], strict=True)}
    assert lengths == {180 * SECOND}
    assert edges != Happening(flap, 4).edges


def test_a_flap_may_withdraw(look: Looks) -> None:
    flap = event(Fault.FLAP, NETWORK, period_s=1200.0, duty=0.5, how="withdraw")
    world = look(flap).world
    net = world.plan.nets["north"]
    assert world.routed(net, "175.45.176.0/24", NOON) is None
    assert world.routed(net, "175.45.176.0/24", NOON + 15 * MINUTE) == 4837


def test_a_host_moves(look: Looks) -> None:
    world = look(event(Fault.HOSTING_MOVE, "host:site", asn=4134, country="CN")).world
    before, after = (world.hosting("site", moment) for moment in (NOON - 1, NOON))
    assert (before.inside, before.asn) == (True, 131279)
    assert (after.inside, after.asn, after.country) == (False, 4134, "CN")
    assert before.address != after.address
    assert world.hosting("site", NOON + HOUR) == before.__class__(
        **{name: getattr(before, name) for name in before.__struct_fields__}
        | {"at": NOON + HOUR}
    )


def test_a_host_that_moved_out_is_not_touched_by_its_old_network(look: Looks) -> None:
    move = event(Fault.HOSTING_MOVE, "host:site", asn=4134)
    world = look(move, event(Fault.WITHDRAW, NETWORK, until=NOON + 2 * HOUR)).world
    assert world.way("site", "www.site.kp", NOON).whole
    assert not world.way("site", "www.site.kp", NOON + HOUR).whole


def test_a_host_may_move_inside(look: Looks) -> None:
    move = event(Fault.HOSTING_MOVE, "host:paper", asn=131279, address="175.45.177.9")
    world = look(move, event(Fault.WITHDRAW, NETWORK)).world
    assert world.hosting("paper", NOON).inside
    assert not world.way("paper", "paper.example.jp", NOON).whole


def test_our_own_link_down_silent_leaves_the_gateway(look: Looks) -> None:
    ways = look(event(Fault.OWN_LINK_DOWN, how="silent")).world.at(NOON)
    assert [host for host, way in ways.items() if way.whole] == ["gateway"]
    assert ways["ns"].reach == 1


def test_names_die_a_day_after_their_last_name_server(look: Looks) -> None:
    long = event(Fault.WITHDRAW, NETWORK, until=NOON + 60 * HOUR)
    move = event(Fault.HOSTING_MOVE, "host:site", asn=4134, until=NOON + 60 * HOUR)
    world = look(long, move).world
    ways = {n: world.way("site", "www.site.kp", NOON + n * HOUR) for n in (1, 23, 25, 59, 61)}
    assert all(ways[n].whole for n in ways)
    assert {n: way.resolver for n, way in ways.items()} == {
        1: "",
        23: "",
        25: "failed",
        59: "failed",
        61: "",
    }
    assert world.way("paper", "paper.example.jp", NOON + 25 * HOUR).resolver == ""


def test_the_state_of_a_moment_does_not_depend_on_what_was_asked_before(
    watchlist: Watchlist,
) -> None:
    events = [
        event(Fault.FLAP, NETWORK, jitter=0.7),
        event(Fault.CUT, "edge:4837-131279", at=NOON + 20 * MINUTE),
        event(Fault.LOSS, "own", first=0.2, last=0.2),
    ]
    moments = [NOON + n * MINUTE for n in range(-5, 70)]
    forward = world_for(watchlist, 5, events)
    backward = world_for(watchlist, 5, events)
    seen = {moment: forward.at(moment) for moment in moments}
    assert {moment: backward.at(moment) for moment in reversed(moments)} == seen


def test_clock_events_are_in_order(look: Looks) -> None:
    world = look(
        event(Fault.CLOCK_STEP, at=NOON + MINUTE, seconds=5.0),
        event(Fault.SUSPEND, seconds=60.0),
        event(Fault.RESOLVER_DOWN),
    ).world
    assert [found.fault for found in world.clock_events] == [Fault.SUSPEND, Fault.CLOCK_STEP]


def test_every_fault_has_its_targets() -> None:
    assert set(SCOPES) == set(Fault)
    assert all(scopes <= set(Scope) for scopes in SCOPES.values())


def test_unknown_hosts_are_no_part_of_the_world(look: Looks) -> None:
    with pytest.raises(KeyError):
        look().world.way("nobody", "192.0.2.1", NOON)
    gc.collect()
