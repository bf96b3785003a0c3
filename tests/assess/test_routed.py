"""Routes beside a network: its row, a family of observation, and what the signs are given."""

from __future__ import annotations

import pytest

from monitor.assess.network import NetworkJudge, Tally
from monitor.assess.routed import edges, fill, longest, prefix_routes, reached, withdrawn
from monitor.assess.rules import RULES
from monitor.assess.situation import picture
from monitor.records import (
    DAY,
    MINUTE,
    SECOND,
    FeedReason,
    FeedRow,
    FeedState,
    NetMemory,
    NetworkRow,
    Phase,
    Routed,
    RouteRow,
    RouteSight,
    RouteTable,
    UpstreamShare,
    Vantage,
)
from tests.assess.conftest import T0, World, host, watchlist

LIVE = RouteTable(T0, FeedState.LIVE)
A = "192.0.2.0/24"
PEERS = 40


def route(n: int = 0, state: Routed = Routed.VISIBLE, **more: object) -> RouteRow:
    values = {"peers": PEERS, "feed": FeedState.LIVE, "seen": PEERS, "since": T0} | more
    return RouteRow(f"203.0.{n}.0/24", "nk", state, **values)  # type: ignore[arg-type]


def table(now: int, seen: int, state: FeedState = FeedState.LIVE, **ups: int) -> RouteTable:
    asns = {int(name[2:]): peers for name, peers in ups.items()}
    sight = RouteSight(A, "nk", seen, PEERS, {64999: seen}, asns, now)
    sights = (sight,) if state is FeedState.LIVE else ()
    return RouteTable(now, state, FeedReason.NONE, sights, feeds=(FeedRow("ris-live", state),))


# --- a network's row --------------------------------------------------------------------------


def test_provisional_counts_as_it_looks_and_unknown_not_at_all() -> None:
    row = NetworkRow("nk", "North", memory=NetMemory())
    routes = [
        route(0),
        route(1, soft=Routed.WITHDRAWN, soft_since=T0),
        route(2, Routed.UNKNOWN),
        route(3, feed=FeedState.ABSENT),
    ]
    assert fill(row, routes, LIVE, T0)
    assert (row.routes_visible, row.routes_total, row.routes_state) == (1, 2, FeedState.LIVE)
    assert not fill(row, routes, LIVE, T0 + SECOND)


def test_no_live_feed_is_not_zero_routes() -> None:
    row = NetworkRow("nk", "North", memory=NetMemory())
    fill(row, [route(0)], LIVE, T0)
    routes = [route(0, feed=FeedState.STALE)]
    assert fill(row, routes, RouteTable(T0, FeedState.STALE, FeedReason.SILENT), T0)
    assert (row.routes_total, row.routes_state) == (0, FeedState.STALE)
    assert prefix_routes(routes) is None
    assert edges(row) is None
    fill(row, [route(0, Routed.UNKNOWN)], LIVE, T0)
    assert (row.routes_state, row.routes_reason) == (FeedState.ABSENT, FeedReason.UNSEEDED)


def test_what_is_usual_of_an_upstream_is_a_mean_over_a_day() -> None:
    row = NetworkRow("nk", "North", memory=NetMemory())
    both = [route(0, upstreams={1: 30, 2: 10}), route(1, upstreams={1: 10, 2: 30})]
    fill(row, both, LIVE, T0)
    assert row.upstreams == {1: UpstreamShare(20, 20, 40), 2: UpstreamShare(20, 20, 40)}
    only = [route(0, upstreams={1: 40}), route(1, upstreams={1: 40})]
    for n in range(1, 361):
        fill(row, only, LIVE, T0 + n * 10 * SECOND)
    assert row.upstreams[2] == UpstreamShare(0, 19, 40)
    gone = [route(n, Routed.WITHDRAWN, seen=0) for n in range(2)]
    fill(row, gone, LIVE, T0 + DAY)
    fill(row, gone, LIVE, T0 + 3 * DAY)
    assert row.upstreams[1].usual == 21
    fill(row, only, LIVE, T0 + 3 * DAY + MINUTE)
    assert row.upstreams[2].usual == 19
    found = edges(row)
    assert found is not None
    assert (found[2].share, found[2].usual) == (0.0, 19 / 40)


def test_half_of_the_prefixes_make_it_withdrawn() -> None:
    gone, well = route(0, Routed.WITHDRAWN), route(1)
    assert withdrawn([gone, well])
    assert not withdrawn([gone, well, route(2)])
    assert not withdrawn([])
    assert not withdrawn([route(0, Routed.WITHDRAWN, feed=FeedState.STALE)])


def test_the_most_specific_prefix_is_found() -> None:
    assert longest(["192.0.0.0/16", "192.0.2.0/24", "2001:db8::/32"], "192.0.2.9") == A
    assert longest([A], "2001:db8::1") == ""


# --- a family of its own ----------------------------------------------------------------------


@pytest.mark.parametrize(("gone", "rounds"), [(False, 2), (True, 1)])
def test_withdrawn_routes_and_silent_probes_need_no_second_round(
    gone: bool, rounds: int
) -> None:
    judge = NetworkJudge(NetworkRow("nk", "North"), RULES)
    last = {f"h{n}": T0 + 2 * 30 * SECOND - 7 * SECOND for n in range(4)}
    well = Tally(dict.fromkeys(last, True), last)
    now = T0
    for _ in range(2):
        now += 30 * SECOND
        judge.round(now, well, may_condemn=True)
    assert judge.row.phase is Phase.STABLE
    silent = Tally(dict.fromkeys(last, False), last, withdrawn=gone)
    turned = 0
    while judge.row.phase is Phase.STABLE:
        now += 30 * SECOND
        turned += 1
        judge.round(now, silent, may_condemn=True)
    assert turned == rounds
    while judge.row.phase is not Phase.LOST:
        now += 30 * SECOND
        judge.round(now, silent, may_condemn=True)
    assert judge.row.since == last["h0"]


def test_withdrawn_routes_alone_move_no_phase() -> None:
    judge = NetworkJudge(NetworkRow("nk", "North"), RULES)
    well = Tally({"a": True}, {"a": T0}, withdrawn=True)
    for n in range(1, 40):
        judge.round(T0 + n * 30 * SECOND, well, may_condemn=True)
    assert judge.row.phase is Phase.STABLE


# --- in the assessor --------------------------------------------------------------------------


@pytest.fixture
def nk() -> World:
    world = World(watchlist(host("a", "192.0.2.1"), host("b", "192.0.2.2")))
    for at in range(0, 120, 10):
        world.controls(at)
        for name in "ab" if at % 30 == 0 else "":
            world.see(name, at + 5)
        world.tick(at + 9)
    return world


def hear(world: World, at: float, seen: int, **more) -> None:
    world.judge.hear_routes(world.us(at), table(world.us(at), seen, **more))
    world.keep()


def row_of(world: World) -> NetworkRow:
    row = world.rows["network:nk"]
    assert isinstance(row, NetworkRow)
    return row


def test_a_withdrawal_is_dated_in_the_picture(nk: World) -> None:
    hear(nk, 120, PEERS, as64501=PEERS)
    hear(nk, 130, 1, as64501=1)
    judged = nk.judge._roster.networks["nk"]
    found = picture(judged, nk.judge._roster, Vantage.HEALTHY, nk.us(130))
    assert found.routes is not None
    assert found.withdrawn_at == nk.us(130) == found.routes[A].withdrawn_at
    assert found.upstreams is not None
    assert found.upstreams[64501].usual == 1.0
    hear(nk, 140, PEERS, as64501=PEERS)
    found = picture(judged, nk.judge._roster, Vantage.HEALTHY, nk.us(140))
    assert found.withdrawn_at == 0


def test_who_answers_counts_only_while_our_own_vantage_is_trusted(nk: World) -> None:
    assert reached(nk.judge._roster.networks.values()) == {A: (2, 2)}
    hear(nk, 120, 0)
    route = nk.rows[f"route:{A}"]
    assert isinstance(route, RouteRow)
    assert (route.reached, route.known) == (2, 2)
    nk.run(120, 200, lambda at: None, good=0)
    assert nk.judge.vantage.health is Vantage.FAULT
    hear(nk, 201, 0)
    assert (route.reached, route.known) == (0, 0)


def test_an_earlier_run_tells_nothing_of_now(nk: World) -> None:
    hear(nk, 120, PEERS)
    assert row_of(nk).routes_total == 1
    again = World(nk.watchlist, nk.rows, 130)
    assert (row_of(again).routes_state, row_of(again).routes_total) == (FeedState.ABSENT, 0)
    judged = again.judge._roster.networks["nk"]
    found = picture(judged, again.judge._roster, Vantage.HEALTHY, again.us(130))
    assert (found.routes, found.upstreams) == (None, None)
    hear(again, 140, PEERS)
    assert (row_of(again).routes_visible, row_of(again).routes_total) == (1, 1)
    assert not [e for e in again.events if e.rule.startswith("route")]


def test_when_nobody_asks_any_more_nothing_holds_on(nk: World) -> None:
    hear(nk, 120, PEERS)
    nk.judge.end_routes(nk.us(130))
    nk.keep()
    assert nk.rows[f"route:{A}"].removed  # type: ignore[union-attr]
    feed = nk.rows["feed:ris-live"]
    assert isinstance(feed, FeedRow)
    assert (feed.state, feed.reason) == (FeedState.ABSENT, FeedReason.DISABLED)
    assert (row_of(nk).routes_state, row_of(nk).routes_total) == (FeedState.ABSENT, 0)
    nk.judge.end_routes(nk.us(140))
    assert not nk.judge.take().rows
