"""Feeds in, tables out: seeding, changes, holes, and what may be said when."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from monitor.records import AlarmKind, FeedReason, FeedState, RouteSight
from monitor.routing.service import MAX_WATCHED, Routes
from monitor.watchlist.model import Feeds, Network

from .samples import line, update
from .servers import RisServer, StatServer, serving

A, B, CONTROL = "175.45.176.0/24", "175.45.177.0/24", "193.0.0.0/21"
NETWORK = Network("kp", "North Korea", prefixes=(A, B), origin_asns=(131279,))
PEERS = {f"192.0.2.{n}": f"645{n:02} 4837 131279" for n in range(5)}


class World:
    """Both servers and the routes that listen to them."""

    def __init__(self, ris: RisServer, stat: StatServer, routes: Routes) -> None:
        self.ris = ris
        self.stat = stat
        self.routes = routes
        self.task = asyncio.create_task(routes.run())

    def say(self, peer, **more):
        data = update(peer, at=time.time() + 1, **more)
        self.ris.say("UPDATE", line(data) + b"\n")

    async def until(self, wanted):
        """The first table of which ``wanted`` is true."""
        async with asyncio.timeout(20):
            while not wanted(table := self.routes.snapshot()):
                assert not self.task.done()
                await asyncio.sleep(0.01)
            return table


@contextlib.asynccontextmanager
async def world(clock, *, ripestat=True, tables=None, **more):
    if tables is None:
        tables = {CONTROL: PEERS, A: PEERS, B: PEERS}
    ris, stat = RisServer(), StatServer(tables)
    async with serving(ris) as url, serving(stat) as stat_url:
        feeds = Feeds(ris=True, url=url, ripestat=ripestat, ripestat_url=stat_url)
        routes = Routes([NETWORK], feeds, clock, retry_s=(0.05,), **more)
        found = World(ris, stat, routes)
        try:
            yield found
        finally:
            found.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await found.task


def live(table):
    return table.state is FeedState.LIVE


def sight(table, prefix=A):
    found = (each for each in table.sights if each.prefix == prefix)
    return next(found, RouteSight(prefix, ""))


async def test_nothing_is_asked_unless_the_watchlist_says_so(clock):
    routes = Routes([NETWORK], Feeds(url="http://127.0.0.1:9/"), clock)
    await routes.run()
    table = routes.snapshot()
    assert (table.state, table.reason) == (FeedState.ABSENT, FeedReason.DISABLED)
    assert [feed.name for feed in table.feeds] == ["ris-live", "ripestat"]
    assert {feed.state for feed in table.feeds} == {FeedState.ABSENT}
    assert not Routes([], Feeds(ris=True), clock).enabled


async def test_seeded_by_snapshots_and_followed_by_updates(clock):
    async with world(clock) as here:
        first = here.routes.snapshot()
        assert (first.state, first.sights) == (FeedState.ABSENT, ())
        table = await here.until(live)
        assert (sight(table).seen, sight(table).peers) == (5, 5)
        assert sight(table).network == "kp"
        assert sight(table).upstreams == {4837: 5}
        assert sight(table).origins == {131279: 5}
        assert {feed.name: feed.state for feed in table.feeds} == {
            "ris-live": FeedState.LIVE, "ripestat": FeedState.LIVE,
        }  # fmt: skip
        here.say("192.0.2.1", withdraw=[A])
        table = await here.until(lambda table: sight(table).seen == 4)
        assert sight(table).peers == 5
        assert sight(table, B).seen == 5
        here.say("192.0.2.2", announce=["175.45.176.128/25"], path=[64502, 666])
        table = await here.until(lambda table: table.alarms)
        assert [each.kind for each in table.alarms] == [AlarmKind.MORE_SPECIFIC]
        down = update("192.0.2.3", at=time.time() + 1, type="RIS_PEER_STATE", state="down")
        here.ris.say("RIS_PEER_STATE", line(down) + b"\n")
        table = await here.until(lambda table: sight(table).peers == 4)
        assert sight(table).seen == 3


async def test_zero_is_a_number_where_the_control_is_seen(clock):
    async with world(clock, tables={CONTROL: PEERS}) as here:
        table = await here.until(live)
        assert (sight(table).seen, sight(table).peers) == (0, 5)


async def test_an_empty_control_is_no_data(clock):
    async with world(clock, tables={}) as here:
        table = await here.until(lambda table: table.state is FeedState.ERROR)
        assert table.reason is FeedReason.NO_CONTROL
        assert table.sights == ()
        assert "outside its horizon" in table.feeds[1].why
        here.stat.tables = {CONTROL: PEERS, A: PEERS}
        table = await here.until(live)
        assert (sight(table).seen, sight(table, B).seen) == (5, 0)


async def test_a_prefix_without_a_snapshot_is_left_out(clock):
    async with world(clock) as here:
        here.stat.plain[B] = b""
        table = await here.until(live)
        assert [each.prefix for each in table.sights] == [A]
        del here.stat.plain[B]
        table = await here.until(lambda table: len(table.sights) == 2)
        assert sight(table, B).seen == 5


async def test_a_dead_feed_is_stale_and_a_new_session_is_seeded_anew(clock):
    async with world(clock, canary_s=2.0) as here:
        await here.until(live)
        here.say("192.0.2.1", withdraw=[A])
        await here.until(lambda table: sight(table).seen == 4)
        here.ris.singing = False
        table = await here.until(lambda table: not live(table))
        assert (table.state, table.reason) == (FeedState.STALE, FeedReason.SILENT)
        assert table.sights == ()
        asked = len(here.stat.asked)
        here.ris.singing = True
        table = await here.until(live)
        assert sight(table).seen == 5, "the hole may hide anything: only the snapshot counts"
        assert len(here.stat.asked) >= asked + 3


async def test_nobody_there_is_an_error(clock):
    feeds = Feeds(ris=True, url="http://127.0.0.1:9/", ripestat_url="http://127.0.0.1:9/")
    routes = Routes([NETWORK], feeds, clock)
    here = World(RisServer(), StatServer(), routes)
    table = await here.until(lambda table: table.state is FeedState.ERROR)
    assert table.reason is FeedReason.REFUSED
    here.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await here.task


async def test_without_snapshots_only_those_who_spoke_count(clock):
    async with world(clock, ripestat=False) as here:
        table = await here.until(live)
        assert (sight(table).seen, sight(table).peers) == (0, 0)
        here.say("192.0.2.1", announce=[A])
        table = await here.until(lambda table: sight(table).seen)
        assert (sight(table).seen, sight(table).peers) == (1, 1)
        assert here.stat.asked == []


def test_what_is_too_much_is_left_out_and_said(clock):
    many = Network("n", "N", prefixes=(*(f"198.18.{n}.0/24" for n in range(256)), A))
    routes = Routes([many], Feeds(ris=True), clock)
    assert routes.left_out == 1
    assert f"beyond {MAX_WATCHED}" in routes.snapshot().feeds[0].why
