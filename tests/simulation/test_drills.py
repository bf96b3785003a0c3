"""The bundled drills show the right thing at the right times."""

from __future__ import annotations

from itertools import pairwise

import pytest

from monitor.records import HOUR, MINUTE, SECOND, Outcome, Phase, Reason, TraceFacts
from monitor.simulation.drills import Drill, drill_names, drill_titles, load_drill
from monitor.simulation.events import Fault
from monitor.simulation.prober import SimProber
from monitor.simulation.routes import route_messages, table
from monitor.simulation.topology import DESK_ASN
from monitor.simulation.world import World
from tests.simulation.samples import at

NAMES = ("dprk-2013", "dprk-2014", "dprk-2017", "dprk-2022", "dprk-2025", "own-link")
NETWORK = "north-korea"


@pytest.fixture(scope="module", params=NAMES)
def drill(request: pytest.FixtureRequest) -> Drill:
    return load_drill(request.param)


def inside(world: World, moment: int) -> dict[str, bool]:
    ways = world.at(moment)
    return {host: way.whole for host, way in ways.items() if way.site.net}


def outcome(drill: Drill, world: World, check: str, moment: int) -> tuple[Outcome, Reason]:
    found = next(c for c in drill.watchlist.checks() if c.id == check)
    seen = SimProber(world, None).answer(found, moment)[0]  # type: ignore[arg-type]
    return seen.outcome, seen.reason


def test_all_drills_are_there_with_one_line_each() -> None:
    assert drill_names() == NAMES
    titles = drill_titles()
    assert tuple(titles) == NAMES
    assert all(20 < len(title) <= 110 for title in titles.values())


def test_an_unknown_drill_is_none() -> None:
    with pytest.raises(KeyError):
        load_drill("dprk-1999")


def test_every_drill_names_itself_and_its_sources(drill: Drill) -> None:
    assert drill.script.name in NAMES
    assert all(event.source for event in drill.script.events)
    assert drill.truth.script == drill.script.name
    assert not drill.watchlist.feeds.ris
    assert drill.truth.changes[0].at == drill.script.start
    assert drill.script.end - drill.script.start <= 14 * 24 * HOUR


def test_every_event_strikes_somebody(drill: Drill) -> None:
    """An event without effect is a slip of the pen."""
    script = drill.script
    for event in script.events:
        fewer = tuple(other for other in script.events if other is not event)
        changed = drill.world()
        plain = type(changed)(changed.plan, fewer)
        # What stands from the start only rules out other upstreams for later.
        standing = event.fault is Fault.UPSTREAM_CHANGE and event.at == script.start
        if standing or event in changed.clock_events:
            continue
        moments = range(event.at, event.until, max(1, (event.until - event.at) // 40))
        assert any(changed.at(m) != plain.at(m) for m in moments), event


def test_each_drill_begins_and_mostly_ends_well(drill: Drill) -> None:
    world = drill.world()
    assert all(way.whole for way in world.at(drill.script.start).values())
    assert all(way.whole for way in world.at(drill.script.end - 1).values())


def test_truth_and_world_agree_about_what_is_lost(drill: Drill) -> None:
    world = drill.world()
    changes = drill.truth.changes
    ends = [change.at for change in changes[1:]] + [drill.truth.end]
    for change, end in zip(changes, ends, strict=True):
        moments = range(change.at + MINUTE, end, 7 * MINUTE)
        up = [sum(inside(world, m).values()) for m in moments]
        if change.phase is Phase.LOST:
            assert set(up) == {0}, change
        if change.phase is Phase.STABLE and drill.script.name not in ("dprk-2017", "own-link"):
            assert 0 not in up, change


def test_2014_the_loss_of_22_december() -> None:
    drill = load_drill("dprk-2014")
    world = drill.world()
    moment = at("2014-12-22T16:20:00Z")
    found = inside(world, moment)
    assert len(found) >= 10
    assert not any(found.values())
    ways = world.at(moment)
    assert all(ways[h].whole for h in ("kcna-jp", "chosonsinbo", "uriminzokkiri", "quad9"))
    assert ways["unicom-beijing"].whole
    assert outcome(drill, world, "kcna-jp/http", moment) == (Outcome.OK, Reason.NONE)
    assert outcome(drill, world, "rodong/http", moment) == (
        Outcome.FAIL,
        Reason.NET_UNREACHABLE,
    )
    net = world.plan.nets[NETWORK]
    lost, back = at("2014-12-22T16:15:00Z"), at("2014-12-23T01:46:00Z")
    assert back - lost == 9 * HOUR + 31 * MINUTE
    for prefix in net.prefixes:
        assert world.routed(net, prefix, lost) is None
        assert world.routed(net, prefix, back - 1) is None
        assert world.routed(net, prefix, back) == 4837
    gone = [m for m in route_messages(world, lost, lost + 2 * MINUTE) if not m.path]
    assert len({m.prefix for m in gone}) == 4
    assert len(table(world, lost + 5 * MINUTE)) < 0.1 * 160
    assert table(world, back + 5 * MINUTE)


def test_2014_nobody_goes_through_transtelecom_yet() -> None:
    world = load_drill("dprk-2014").world()
    ways = [world.at(at(f"2014-12-{day}T12:00:00Z")) for day in range(18, 28)]
    seen = {s.router.system.asn for found in ways for way in found.values() for s in way.steps}
    assert 4837 in seen
    assert 20485 not in seen


def test_2014_before_and_after_the_loss() -> None:
    drill = load_drill("dprk-2014")
    world = drill.world()
    weekend = [
        all(inside(world, at("2014-12-21T10:00:00Z") + n * 5 * MINUTE).values())
        for n in range(12 * 24)
    ]
    assert 0.5 < sum(weekend) / len(weekend) < 0.9
    assert sum(a != b for a, b in pairwise(weekend)) > 40
    for text, up in (
        ("2014-12-18T05:00:00Z", True),
        ("2014-12-23T01:47:00Z", True),
        ("2014-12-23T15:40:59Z", True),
        ("2014-12-23T15:41:00Z", False),
        ("2014-12-23T16:11:59Z", False),
        ("2014-12-23T16:12:00Z", True),
        ("2014-12-27T10:29:59Z", True),
        ("2014-12-27T10:30:00Z", False),
        ("2014-12-27T15:29:59Z", False),
        ("2014-12-27T15:30:00Z", True),
    ):
        assert set(inside(world, at(text)).values()) == {up}, text
    first = at("2014-12-23T01:50:00Z")
    assert outcome(drill, world, "kcna/http", first)[0] is Outcome.FAIL
    night = at("2014-12-23T20:00:00Z")
    assert outcome(drill, world, "uriminzokkiri/http", night) == (Outcome.FAIL, Reason.TIMEOUT)
    assert all(inside(world, night).values())
    assert world.at(night)["ryomyong"].whole
    # 27 December came without a sign before.
    for n in range(1, 24):
        moment = at("2014-12-27T10:30:00Z") - n * HOUR
        assert all(inside(world, moment).values())
        assert world.at(moment)["ns1-kptc"].lost(moment) < 0.01


def test_2013_routes_stand_while_nothing_answers() -> None:
    world = load_drill("dprk-2013").world()
    net = world.plan.nets[NETWORK]
    day = range(at("2013-03-13T03:00:00Z"), at("2013-03-13T22:40:00Z"), 10 * MINUTE)
    up = [any(inside(world, moment).values()) for moment in day]
    assert sum(up) < 0.4 * len(up)
    assert all(world.routed(net, net.prefixes[0], moment) == 4837 for moment in day)
    gone = at("2013-03-13T23:30:00Z")
    assert world.routed(net, net.prefixes[0], gone) is None
    assert not any(inside(world, at("2013-03-13T00:59:30Z")).values())


def test_2017_a_second_upstream_comes_and_goes() -> None:
    drill = load_drill("dprk-2017")
    world = drill.world()
    net = world.plan.nets[NETWORK]
    on, off = at("2017-10-01T09:07:51Z"), at("2017-10-01T10:14:45Z")

    def carriers(moment: int) -> list[int | None]:
        return [world.routed(net, prefix, moment) for prefix in net.prefixes]

    assert carriers(on - 1) == [4837] * 4
    assert carriers(on) == [20485, 4837, 20485, 20485]
    assert carriers(off) == [4837] * 4
    span = range(at("2017-10-01T10:47:00Z"), at("2017-10-01T12:21:55Z"), MINUTE)
    wobble = [carriers(moment)[0] for moment in span]
    assert sum(a != b for a, b in pairwise(wobble)) >= 6
    assert carriers(at("2017-10-01T12:21:55Z")) == [20485, 4837, 20485, 20485]
    trace = next(c for c in drill.watchlist.checks() if c.id == "ns1-kptc/trace")
    prober = SimProber(world, None)  # type: ignore[arg-type]
    before, after = (prober.answer(trace, moment)[0].facts for moment in (on - 1, on + SECOND))
    assert isinstance(before, TraceFacts)
    assert isinstance(after, TraceFacts)
    assert "TransTeleCom" not in {hop.as_name for hop in before.hops}
    assert "TransTeleCom" in {hop.as_name for hop in after.hops}


def test_2022_timeouts_then_servers_then_routes() -> None:
    drill = load_drill("dprk-2022")
    world = drill.world()
    net = world.plan.nets[NETWORK]
    early = at("2022-01-25T21:00:00Z")
    assert all(inside(world, early).values())
    assert world.at(early)["ns1-kptc"].lost(early) > 0.1
    servers = at("2022-01-25T21:30:00Z")
    assert world.at(servers)["rodong"].status == 504
    assert world.routed(net, net.prefixes[0], servers) == 4837
    routes = at("2022-01-25T22:00:00Z")
    assert world.routed(net, net.prefixes[0], routes) is None
    back = at("2022-01-26T03:10:00Z")
    assert outcome(drill, world, "ns1-kptc/dns", back)[0] is Outcome.OK
    assert outcome(drill, world, "rodong/http", back)[1] is Reason.HTTP_STATUS


def test_2025_both_upstreams_go_at_once() -> None:
    world = load_drill("dprk-2025").world()
    moment = at("2025-06-06T17:25:00Z")
    assert all(inside(world, moment - 1).values())
    assert not any(inside(world, moment).values())
    assert not any(inside(world, moment + 9 * HOUR - 1).values())
    assert world.at(moment)["unicom-beijing"].whole


def test_own_link_the_network_is_well_while_we_are_not() -> None:
    world = load_drill("own-link").world()
    net = world.plan.nets[NETWORK]
    for text in ("07:05", "08:05", "09:10", "10:05"):
        moment = at(f"2024-03-04T{text}:00Z")
        assert world.routed(net, net.prefixes[0], moment) == 4837
    ways = world.at(at("2024-03-04T08:05:00Z"))
    assert not any(way.whole for way in ways.values())
    assert {way.steps[way.reach - 1].router.system.asn for way in ways.values()} == {DESK_ASN}
    assert len(world.clock_events) == 3
    assert sum(e.seconds for e in world.clock_events if e.fault is Fault.CLOCK_STEP) == 0
    assert not any(inside(world, at("2024-03-04T12:05:00Z")).values())
