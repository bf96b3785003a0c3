"""Routes in the collector: stepped, judged, owned; and a drill's."""

from __future__ import annotations

import asyncio
import contextlib
import time

import msgspec
import pytest

from monitor.clock import RealClock
from monitor.collect.collector import Collector, Tempo
from monitor.collect.routes import RETRY_S, STEP_S
from monitor.collect.service import routes_for
from monitor.collect.sink import Sink
from monitor.records import (
    SECOND,
    CollectorRow,
    EventKind,
    FeedReason,
    FeedRow,
    FeedState,
    NetworkRow,
    Phase,
    Routed,
    RouteRow,
    RouteSight,
    RouteTable,
)
from monitor.watchlist.model import Feeds, Network
from tests.collect.conftest import START, Memory, Scripted, Stage, watched
from tests.routing.samples import line, update
from tests.routing.servers import RisServer, StatServer, serving

A, B = "203.0.0.0/24", "203.0.1.0/24"
NETWORK = Network("net", "Net", (A, B), origin_asns=(64999,), upstream_asns=(64501,))
PEERS = 40


def lists(feeds: Feeds, *prefixes: str):
    network = msgspec.structs.replace(NETWORK, prefixes=prefixes or NETWORK.prefixes)
    return msgspec.structs.replace(watched("a", "b"), networks=(network,), feeds=feeds)


RIS = lists(Feeds(ris=True))


class Held:
    """A source that holds what it is told; ``crash`` ends its reader, ``bad`` its tables."""

    enabled = True

    def __init__(self, watchlist, clock) -> None:
        self.prefixes = [p for net in watchlist.networks for p in net.prefixes]
        self.clock = clock
        self.seen = PEERS
        self.state = FeedState.LIVE
        self.reason = FeedReason.NONE
        self.crash = asyncio.Event()
        self.bad = False
        self.running = False

    async def run(self) -> None:
        self.running = True
        try:
            await self.crash.wait()
            raise RuntimeError("\x1b[31mfeed")
        finally:
            self.running = False

    def snapshot(self) -> RouteTable:
        if self.bad:
            raise ValueError
        now = self.clock.wall()
        feed = FeedRow("ris-live", self.state, self.reason, at=now)
        sights = tuple(
            RouteSight(p, "net", self.seen, PEERS, {64999: self.seen}, {64501: self.seen}, now)
            for p in self.prefixes
        )
        return RouteTable(now, self.state, self.reason, sights, feeds=(feed,))


class Sources(list):
    """Builds sources for a stage, as the watchlist asks."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        stage.routes = self.build

    def build(self, watchlist):
        if not watchlist.feeds.ris:
            return None
        self.append(Held(watchlist, self.stage.clock))
        return self[-1]


def net(store: Memory) -> NetworkRow:
    row = store.rows["network:net"]
    assert isinstance(row, NetworkRow)
    return row


def me(store: Memory) -> CollectorRow:
    row = store.rows["collector"]
    assert isinstance(row, CollectorRow)
    return row


def test_without_a_feed_nothing_is_said_of_routes(stage: Stage) -> None:
    sources = Sources(stage)
    stage.run(lists(Feeds()), 60)
    assert not sources
    assert not [name for name in stage.store.rows if name.startswith(("route:", "feed:"))]
    row = net(stage.store)
    assert (row.routes_state, row.routes_total, row.upstreams) == (FeedState.ABSENT, 0, {})
    assert "routes" not in row.why
    assert not [e for e in stage.store.events if e.kind is EventKind.ROUTE]


def test_what_the_feed_holds_is_judged_every_second(stage: Stage) -> None:
    sources = Sources(stage)
    told: list[float] = []

    async def withdraw() -> None:
        await stage.clock.sleep(65)
        assert net(stage.store).routes_visible == 2
        assert net(stage.store).upstreams[64501].usual == PEERS
        sources[0].seen = 1
        await stage.clock.sleep(STEP_S + 1)
        told.extend(e.at for e in stage.store.events if e.rule == "route-provisional")

    stage.run(RIS, 400, withdraw)
    assert [0 <= moment - START - 65 * SECOND <= STEP_S * SECOND for moment in told] == [True]
    (event,) = (e for e in stage.store.events if e.rule == "route-confirmed")
    assert event.text.startswith("2 of 2 prefixes withdrawn: 1 of 40 peers")
    row = net(stage.store)
    assert (row.routes_visible, row.routes_total, row.routes_state) == (0, 2, FeedState.LIVE)
    assert (row.upstreams[64501].peers, row.upstreams[64501].usual) == (1, PEERS)
    route = stage.store.rows[f"route:{A}"]
    assert isinstance(route, RouteRow)
    assert route.state is Routed.WITHDRAWN
    # Both hosts inside answer all the while: routes and probes stand beside each other.
    assert row.phase is Phase.STABLE
    assert row.explanations
    assert route.disagreement == "withdrawn but alive"


def test_a_feed_that_is_not_live_is_said_and_is_not_none(stage: Stage) -> None:
    sources = Sources(stage)

    async def fall_silent() -> None:
        await stage.clock.sleep(65)
        sources[0].state, sources[0].reason = FeedState.STALE, FeedReason.SILENT

    stage.run(RIS, 400, fall_silent)
    row = net(stage.store)
    assert (row.routes_state, row.routes_reason) == (FeedState.STALE, FeedReason.SILENT)
    assert (row.routes_visible, row.routes_total) == (0, 0)
    assert not row.explanations
    assert not [e for e in stage.store.events if e.new == Routed.WITHDRAWN]


@pytest.mark.parametrize("bad", [False, True])
def test_a_reader_that_crashes_is_said_and_started_again(stage: Stage, bad: bool) -> None:
    sources = Sources(stage)

    async def crash() -> None:
        await stage.clock.sleep(35)
        sources[0].bad = bad
        if not bad:
            sources[0].crash.set()
        await stage.clock.sleep(STEP_S + 5)
        row = net(stage.store)
        assert (row.routes_state, row.routes_reason) == (FeedState.ERROR, FeedReason.CRASHED)
        assert "reader of the feeds failed" in me(stage.store).problem
        assert "feed:ris-live" in stage.store.rows
        assert not sources[0].running
        await stage.clock.sleep(RETRY_S + STEP_S)

    stage.run(RIS, 10, crash)
    assert len(sources) == 2
    assert net(stage.store).routes_state is FeedState.LIVE
    assert me(stage.store).problem == ""
    (said,) = (e for e in stage.store.events if e.kind is EventKind.HEALTH)
    assert ("ValueError" if bad else "RuntimeError") in said.text
    assert len(stage.prober.asked) > 60
    assert not sources[1].running


class Edits:
    def __init__(self) -> None:
        self.next = None

    def changed(self):
        found, self.next = self.next, None
        return found


def test_a_reload_that_changes_networks_or_feeds_replaces_the_source(stage: Stage) -> None:
    sources = Sources(stage)
    edits = stage.follower = Edits()

    async def edit() -> None:
        await stage.clock.sleep(25)
        edits.next = msgspec.structs.replace(RIS, timezone="Asia/Seoul")
        await stage.clock.sleep(5)
        assert len(sources) == 1
        edits.next = lists(Feeds(ris=True), A)
        await stage.clock.sleep(15)
        assert [each.running for each in sources] == [False, True]
        assert stage.store.rows[f"route:{B}"].removed  # type: ignore[union-attr]
        assert net(stage.store).routes_total == 1
        edits.next = lists(Feeds(), A)
        await stage.clock.sleep(15)

    stage.run(RIS, 10, edit)
    assert [each.running for each in sources] == [False, False]
    assert stage.store.rows[f"route:{A}"].removed  # type: ignore[union-attr]
    feed = stage.store.rows["feed:ris-live"]
    assert isinstance(feed, FeedRow)
    assert (feed.state, feed.reason) == (FeedState.ABSENT, FeedReason.DISABLED)
    assert (net(stage.store).routes_state, net(stage.store).routes_total) == ("absent", 0)


def test_a_second_run_goes_on_and_tells_nothing_anew(stage: Stage) -> None:
    Sources(stage)
    stage.run(RIS, 60)
    again = Stage()
    again.rows = dict(stage.store.rows)
    Sources(again)
    again.run(RIS, 60)
    assert not [e for e in again.store.events if e.kind is EventKind.ROUTE and not e.quiet]
    row = again.store.rows[f"route:{A}"]
    assert isinstance(row, RouteRow)
    assert row.state is Routed.VISIBLE
    assert row.since == stage.store.rows[f"route:{A}"].since  # type: ignore[union-attr]


# --- the wire -------------------------------------------------------------------------------


async def test_a_withdrawal_on_the_wire_reaches_the_log() -> None:
    peers = {f"192.0.2.{n}": f"645{n:02} 64501 64999" for n in range(5)}
    control = "193.0.0.0/21"
    ris, stat = RisServer(), StatServer({A: peers, B: peers, control: peers})
    store, clock = Memory(), RealClock()
    async with serving(ris) as url, serving(stat) as stat_url:
        feeds = Feeds(ris=True, url=url, ripestat_url=stat_url)
        collector = Collector(
            lists(feeds),
            Scripted(clock, lambda check, at: 0.0),  # type: ignore[arg-type]
            clock,
            Sink(store, clock, threaded=False),
            {},
            pid=1,
            tempo=Tempo(batch_s=0.05),
            routes=lambda found: routes_for(found, clock),
        )
        task = asyncio.create_task(collector.run())
        try:
            async with asyncio.timeout(30):
                await _judged(collector, store, lambda row: row.routes_visible == 2)
                for peer in peers:
                    data = update(peer, at=time.time() + 1, withdraw=[A, B])
                    ris.say("UPDATE", line(data) + b"\n")
                await _judged(collector, store, lambda row: row.routes_visible == 0)
        finally:
            collector.stop()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    (event,) = (e for e in store.events if e.rule == "route-provisional")
    assert event.text.startswith("2 of 2 prefixes withdrawn: 0 of 5 peers")
    assert event.subject == "network:net"


async def _judged(collector: Collector, store: Memory, wanted) -> None:
    """Until ``wanted`` holds of the network; judged as often as the test looks."""
    while not wanted(net(store)) if "network:net" in store.rows else True:
        collector._judge_routes()
        await asyncio.sleep(0.02)
