"""The simulated December of 2014, as its peers told it: messages, RIB and judge together."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from monitor.assess.routes import RouteJudge
from monitor.records import MINUTE, SECOND, FeedState, Routed, RouteSight, RouteTable
from monitor.routing.messages import parse_line
from monitor.routing.rib import Rib
from monitor.routing.ripestat import Holding, Snapshot
from monitor.simulation.drills import load_drill
from monitor.simulation.routes import ris_live, route_messages, table


def utc(text: str) -> int:
    return int(dt.datetime.fromisoformat(text + "+00:00").timestamp()) * SECOND


@pytest.fixture(scope="module")
def told():
    """Every event of the judge from 16:10 of 22 December to 02:30 of the next day."""
    drill = load_drill("dprk-2014")
    world, network = drill.world(), drill.watchlist.networks[0]
    since, until = utc("2014-12-22T16:10:00"), utc("2014-12-23T02:30:00")
    rib = Rib(dict.fromkeys(network.prefixes, network.origin_asns))
    held = table(world, since)
    for prefix in network.prefixes:
        holdings = [Holding(m.peer, m.path, since) for m in held if m.prefix == prefix]
        rib.seed(Snapshot(prefix, since, tuple(holdings)))
    judge = RouteJudge([network])
    waiting = list(route_messages(world, since + 1, until))
    events = []
    for now in range(since, until, 10 * SECOND):
        while waiting and waiting[0].at <= now:
            rib.apply(parse_line(json.dumps(ris_live(waiting.pop(0))).encode()))
        seen = {prefix: rib.visibility(prefix) for prefix in network.prefixes}
        sights = tuple(
            RouteSight(prefix, network.id, each.seen, each.peers)
            for prefix, each in seen.items()
        )
        events += judge.step(now, RouteTable(now, FeedState.LIVE, sights=sights))
    return events, judge


def test_all_four_prefixes_go_and_come_back(told):
    events, judge = told
    hard = [event for event in events if event.hard and not event.quiet]
    gone = [event for event in hard if event.new == Routed.WITHDRAWN]
    back = [event for event in hard if event.new == Routed.VISIBLE]
    assert gone
    assert gone[-1].text.startswith("4 of 4 prefixes withdrawn: ")
    assert all(0 <= e.since - utc("2014-12-22T16:15:00") <= 3 * MINUTE for e in gone)
    assert back[-1].text.startswith("4 of 4 prefixes visible: ")
    assert all(0 <= e.since - utc("2014-12-23T01:46:00") <= 3 * MINUTE for e in back)
    assert {row.state for row in judge.rows.values()} == {Routed.VISIBLE}


def test_what_is_provisional_comes_within_minutes_of_the_loss(told):
    events, _ = told
    # Until then the routes come and go for minutes at a time.
    gone = utc("2014-12-22T16:15:00")
    first = next(e for e in events if e.rule == "route-provisional" and e.at >= gone)
    assert first.at - gone <= 2 * MINUTE
    assert not first.hard
    assert not any(event.rule == "route-unstable" for event in events)
