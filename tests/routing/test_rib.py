"""The RIB: whom it counts, in what order words come, and what it says of oddities."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.records import SECOND, AlarmKind
from monitor.routing.messages import MessageKind, RouteMessage
from monitor.routing.rib import (
    MAX_PEERS,
    MAX_SPECIFICS,
    Rib,
    collapsed,
    origins_of,
    upstreams_of,
)
from monitor.routing.ripestat import Holding, Snapshot, parse_looking_glass

from .samples import recorded

A, B, CONTROL = "198.18.0.0/24", "198.18.1.0/24", "193.0.0.0/21"
PATH = (64500, 4837, 131279)


def rib(**more) -> Rib:
    return Rib({A: [131279], B: [131279]} | more, [CONTROL])


def say(peer: str, *, at=1, announce=(), withdraw=(), path=PATH) -> RouteMessage:
    return RouteMessage(
        at=at * SECOND,
        kind=MessageKind.UPDATE,
        peer=peer,
        path=path,
        announced=tuple(announce),
        withdrawn=tuple(withdraw),
    )


def state(peer: str, up: bool, at=1) -> RouteMessage:
    return RouteMessage(at=at * SECOND, kind=MessageKind.PEER_STATE, peer=peer, up=up)


def view(prefix: str, *peers: str, at=1, path=PATH) -> Snapshot:
    return Snapshot(prefix, at * SECOND, tuple(Holding(p, path, at * SECOND) for p in peers))


def counts(table: Rib, prefix: str = A) -> tuple[int, int]:
    found = table.visibility(prefix)
    return found.seen, found.peers


def test_peers_that_hold_the_control_are_missed_from_the_first_look():
    table = rib()
    table.seed(view(CONTROL, "p1", "p2", "p3", "p4"))
    table.seed(view(A, "p1"))
    assert counts(table) == (1, 4)
    assert counts(table, B) == (0, 4)
    assert counts(table, "192.0.2.0/24") == (0, 0)


def test_families_have_baselines_of_their_own():
    table = rib(**{"2001:db8::/48": [131279]})
    table.seed(view(CONTROL, "p1", "p2"))
    assert counts(table, "2001:db8::/48") == (0, 0)
    table.apply(say("p1", announce=["2001:db8::/48"]))
    assert counts(table, "2001:db8::/48") == (1, 1)


def test_withdrawn_and_announced_again():
    table = rib()
    table.seed(view(A, "p1", "p2"))
    table.apply(say("p1", at=2, withdraw=[A]))
    assert counts(table) == (1, 2)
    table.apply(say("p1", at=3, withdraw=[A], announce=[A]))
    assert counts(table) == (2, 2)
    assert table.visibility(A).at == 3 * SECOND


def test_a_peer_that_goes_down_leaves_the_baseline_until_it_announces():
    table = rib()
    table.seed(view(CONTROL, "p1", "p2"))
    table.seed(view(A, "p1", "p2"))
    table.apply(state("p1", up=False, at=5))
    assert counts(table) == (1, 1)
    table.apply(say("p1", at=4, announce=[A]))
    assert counts(table) == (1, 1), "older than its going down"
    table.apply(state("p1", up=True, at=6))
    assert counts(table) == (1, 1)
    table.apply(say("p1", at=7, announce=[A]))
    assert counts(table) == (2, 2)


def test_a_snapshot_that_comes_late_undoes_nothing():
    table = rib()
    table.apply(say("p1", at=10, withdraw=[A]))
    table.apply(say("p2", at=10, announce=[A]))
    table.apply(say("p3", at=1, announce=[A]))
    table.seed(view(A, "p1", "p4", at=5))
    assert counts(table) == (2, 4), "p2 and p4: p1 withdrew later, p3 was not there"
    table.apply(say("p4", at=4, withdraw=[A]))
    assert counts(table) == (2, 4), "the snapshot is newer"


def test_clear_forgets_everything():
    table = rib()
    table.seed(view(A, "p1"))
    table.apply(say("p1", at=2, announce=["198.18.0.0/25"]))
    table.clear()
    assert counts(table) == (0, 0)
    assert table.alarms() == ()


def test_paths():
    assert collapsed((1, 2, 2, 2, 1)) == (1, 2, 1)
    assert (
        origins_of(()) == upstreams_of(()) == upstreams_of((1,)) == upstreams_of((1, 1)) == ()
    )
    assert upstreams_of((1, 2, 2, 3, 3)) == (2,)
    assert origins_of((1, 2, (3, 4, 3))) == (3, 4)
    assert upstreams_of((1, (2, 5), 3)) == (2, 5)


def test_upstream_shares():
    table = rib()
    table.seed(view(A, "p1", "p2", path=(1, 4837, 4837, 131279, 131279)))
    table.seed(view(A, "p1", "p2", path=(1, 4837, 4837, 131279, 131279)))
    table.apply(say("p3", at=2, announce=[A], path=(2, 20485, 131279)))
    table.apply(say("p4", at=2, announce=[A], path=(2, 20485, (131279, 64512))))
    assert table.upstreams(A) == {4837: 2, 20485: 2}
    assert table.origins(A) == {131279: 4, 64512: 1}


def test_alarms_of_origin_and_more_specific():
    table = rib()
    table.seed(view(A, "p1", "p2"))
    assert table.alarms() == ()
    table.apply(say("p3", at=2, announce=[A], path=(9, 666)))
    table.apply(say("p4", at=3, announce=["198.18.1.128/25", "203.0.113.0/25"], path=(9, 666)))
    table.apply(say("p4", at=3, announce=[B], path=()))
    origin, none, specific = table.alarms()
    assert (origin.kind, origin.watched, origin.asn, origin.peers) == ("origin", A, 666, 1)
    assert origin.examples == ("9 666",)
    assert (none.watched, none.asn) == (B, 0)
    assert specific.kind is AlarmKind.MORE_SPECIFIC
    assert (specific.watched, specific.prefix, specific.asn) == (B, "198.18.1.128/25", 666)
    table.apply(say("p4", at=4, withdraw=["198.18.1.128/25", B]))
    table.apply(state("p3", up=False, at=4))
    assert table.alarms() == ()


def test_it_stays_small_whatever_comes():
    table = rib()
    for peer in range(MAX_PEERS + 5):
        table.apply(say(f"p{peer}", announce=[A], withdraw=[B]))
    assert counts(table) == (MAX_PEERS, MAX_PEERS)
    for half in range(MAX_SPECIFICS + 5):
        name = f"198.18.{half % 2}.{half // 2}/32"
        table.apply(say("p1", announce=[name]))
    assert len(table.alarms()) == MAX_SPECIFICS
    assert table.refused == 10


def test_the_recorded_snapshot_seeds_it():
    prefix = "140.78.0.0/16"
    found = parse_looking_glass(recorded("ripestat/looking_glass.json"), prefix)
    table = Rib({prefix: [1205]})
    table.seed(found)
    assert counts(table, prefix) == (421, 421)
    assert table.origins(prefix) == {1205: 421}
    assert max(table.upstreams(prefix).items(), key=lambda item: item[1])[0] == 1853
    assert table.alarms() == ()


peers = st.sampled_from([f"p{n}" for n in range(5)])
prefixes = st.sampled_from([A, B, CONTROL, "198.18.0.0/25", "203.0.113.0/24"])
times = st.integers(1, 9)
paths = st.lists(
    st.sampled_from([131279, 4837, 7]) | st.tuples(st.just(3), st.just(4)), max_size=4
).map(tuple)
steps = st.one_of(
    st.builds(
        say,
        peers,
        at=times,
        announce=st.lists(prefixes, max_size=2),
        withdraw=st.lists(prefixes, max_size=2),
        path=paths,
    ),
    st.builds(state, peers, st.booleans(), times),
    st.builds(lambda p, who, at: view(p, *who, at=at), prefixes, st.sets(peers), times),
)


@settings(deadline=None)
@given(st.lists(steps, max_size=30))
def test_nobody_sees_more_than_there_are(script):
    table, again = rib(), rib()
    for step in script:
        for one in (table, again):
            one.seed(step) if isinstance(step, Snapshot) else one.apply(step)
        for prefix in (A, B, CONTROL):
            found = table.visibility(prefix)
            assert 0 <= found.seen <= found.peers <= 5
            assert all(0 < n <= found.seen for n in table.origins(prefix).values())
            assert all(0 < n <= found.seen for n in table.upstreams(prefix).values())
        for alarm in table.alarms():
            assert 0 < alarm.peers <= 5
            assert alarm.asn != 131279 or alarm.kind is AlarmKind.MORE_SPECIFIC
    # Asked at every step, or only now: what is kept in between is never old.
    assert table.alarms() == again.alarms()
    for prefix in (A, B, CONTROL):
        assert table.visibility(prefix) == again.visibility(prefix)
        assert table.origins(prefix) == again.origins(prefix)
        assert table.upstreams(prefix) == again.upstreams(prefix)
    for peer in range(5):
        table.apply(state(f"p{peer}", up=False, at=10))
    assert counts(table) == (0, 0)
    assert table.alarms() == ()
