"""What simulated RIS peers say."""

from __future__ import annotations

import json

from monitor.records import HOUR, MINUTE, SECOND
from monitor.simulation.events import Fault
from monitor.simulation.routes import PEERS, peers, ris_live, route_messages, table
from tests.simulation.samples import NOON, Looks, event

NETWORK = "network:north"
PREFIXES = ("175.45.176.0/24", "175.45.177.0/24")


def test_all_peers_hold_all_prefixes_when_all_is_well(look: Looks) -> None:
    world = look().world
    held = table(world, NOON)
    assert len(held) == PEERS * len(PREFIXES)
    assert {message.path[-2:] for message in held} == {(4837, 131279)}
    assert route_messages(world, 1, NOON) == ()


def test_a_withdrawal_reaches_the_peers_one_by_one_and_some_keep_a_dead_route(
    look: Looks,
) -> None:
    world = look(event(Fault.WITHDRAW, NETWORK)).world
    messages = route_messages(world, NOON, NOON + 2 * MINUTE)
    assert messages == tuple(sorted(messages))
    assert all(not message.path for message in messages)
    assert 0.9 * 80 <= len(messages) <= 80
    assert all(NOON + 2 * SECOND <= m.at <= NOON + 92 * SECOND for m in messages)
    held = table(world, NOON + 30 * MINUTE)
    assert len(held) == 80 - len(messages)
    back = route_messages(world, NOON + HOUR, NOON + HOUR + MINUTE)
    assert all(message.path for message in back)
    assert len(table(world, NOON + 2 * HOUR)) == 80


def test_stale_routes_linger_in_some_world(look: Looks) -> None:
    left = [
        len(table(look(event(Fault.WITHDRAW, NETWORK), seed=seed).world, NOON + 30 * MINUTE))
        for seed in range(10)
    ]
    assert sum(left) > 0
    assert max(left) < 10


def test_a_fail_over_is_announced_with_the_new_path(look: Looks) -> None:
    world = look(event(Fault.CUT, "edge:4837-131279")).world
    messages = route_messages(world, NOON, NOON + MINUTE)
    assert len(messages) == 80
    assert {message.path[-2:] for message in messages} == {(20485, 131279)}


def test_a_silent_cut_says_nothing(look: Looks) -> None:
    world = look(event(Fault.CUT, NETWORK, routes=False)).world
    assert route_messages(world, NOON - HOUR, NOON + 2 * HOUR) == ()


def test_messages_have_the_shape_of_ris_live(look: Looks) -> None:
    world = look(event(Fault.FLAP, NETWORK, how="withdraw")).world
    messages = route_messages(world, NOON, NOON + HOUR)
    kinds = set()
    for message in messages:
        found = json.loads(json.dumps(ris_live(message)))
        assert found["type"] == "ris_message"
        data = found["data"]
        assert data["type"] == "UPDATE"
        assert isinstance(data["peer_asn"], str)
        assert data["timestamp"] == message.at / SECOND
        if "withdrawals" in data:
            assert data["withdrawals"] == [message.prefix]
        else:
            assert data["path"][0] == message.peer_asn
            assert data["announcements"][0]["prefixes"] == [message.prefix]
        kinds.add("withdrawals" in data)
    assert kinds == {True, False}


def test_peers_are_many_and_distinct(look: Looks) -> None:
    found = peers(look().world, 200)
    assert len({peer.address for peer in found}) == len({peer.asn for peer in found}) == 200
