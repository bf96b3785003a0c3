"""The evening of 22 December 2014, routes and probes together."""

from __future__ import annotations

import pytest

from monitor.collect.collector import Tempo
from monitor.collect.drillworld import DrillRoutes
from monitor.collect.replay import FastCollector
from monitor.records import MINUTE, SECOND, EventKind, NetworkRow, Phase, Routed
from monitor.simulation.drills import load_drill
from tests.collect.conftest import Memory
from tests.simulation.samples import at

pytestmark = pytest.mark.long


def test_22_december_routes_and_probes_leave_two_explanations_in_front() -> None:
    """Twelve hours of the drill are what the reading needs to call it hours of flapping."""
    drill = load_drill("dprk-2014")
    world, store = drill.world(), Memory()
    start, end = at("2014-12-22T04:00:00Z"), at("2014-12-22T16:25:00Z")
    tempo = Tempo(batch_s=30, health_s=600)
    collector = FastCollector(drill.watchlist, world, store, {}, start, tempo=tempo)
    clock = collector.clock
    routes = DrillRoutes(world, drill.watchlist.networks, clock, drill.script.end)
    for moment in range(start, end + 1, 10 * SECOND):
        collector.play(moment)
        collector._hear_routes(routes.snapshot())
    collector.end()
    row = store.rows["network:north-korea"]
    assert isinstance(row, NetworkRow)
    assert row.phase is Phase.LOST
    assert abs(row.since - at("2014-12-22T16:15:00Z")) < MINUTE
    assert (row.routes_visible, row.routes_total) == (0, 4)
    gone = [e for e in store.events if e.kind is EventKind.ROUTE and e.new == Routed.WITHDRAWN]
    confirmed = [e for e in gone if e.rule == "route-confirmed" and not e.quiet]
    assert confirmed[-1].text.startswith("4 of 4 prefixes withdrawn: ")
    lasting = [e for e in confirmed if e.at > at("2014-12-22T16:15:00Z")]
    assert all(0 < e.since - at("2014-12-22T16:15:00Z") < 2 * MINUTE for e in lasting)
    first, second, *rest = row.explanations
    assert {first.id, second.id} == {"overload", "power"}
    assert first.rank == second.rank == 1
    assert rest[0].rank == 3
    assert "all prefixes are withdrawn" in first.consistent
    assert "hours of instability, then loss" in first.consistent
    assert not first.inconsistent
    cable = next(each for each in rest if each.id == "cable")
    assert "hours of instability, then loss" in cable.inconsistent
