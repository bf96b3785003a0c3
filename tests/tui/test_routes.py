"""Routes and measured hosting on the desk."""

from __future__ import annotations

import msgspec
import pytest

from monitor.cache.reader import Changes, Cursor
from monitor.records import (
    MINUTE,
    SECOND,
    Claim,
    Disagreement,
    Event,
    EventKind,
    FeedReason,
    FeedRow,
    FeedState,
    Hosting,
    HostRow,
    NetworkRow,
    Phase,
    Routed,
    RouteRow,
    UpstreamShare,
    Vantage,
    VantageRow,
)
from monitor.tui.board import Board
from monitor.tui.lines import Line, WhyTarget
from monitor.tui.pages.event import event_line
from monitor.tui.pages.host import host_page
from monitor.tui.pages.path import path_lines
from monitor.tui.pages.routes import network_lines
from monitor.tui.pages.strip import network_line
from monitor.tui.text import UNICODE, Look, hosting_of

NOW = 1_419_265_300 * SECOND
A, B = "175.45.176.0/24", "175.45.177.0/24"
LOOK = Look(120, UNICODE, NOW)
VANTAGE = VantageRow("local", Vantage.HEALTHY, answering=8, total=8)


def net(**more: object) -> NetworkRow:
    values = {
        "phase": Phase.LOST,
        "since": NOW - MINUTE,
        "inside_total": 14,
        "inside_known": 14,
        "outside_up": 4,
        "outside_total": 5,
        "prefixes": (A, B),
        "routes_visible": 0,
        "routes_total": 2,
        "routes_state": FeedState.LIVE,
        "upstreams": {4837: UpstreamShare(0, 312, 312)},
    } | more
    return NetworkRow("kp", "North Korea", **values)  # type: ignore[arg-type]


def gone(prefix: str, **more: object) -> RouteRow:
    values = {"seen": 0, "peers": 312, "feed": FeedState.LIVE, "since": NOW - MINUTE} | more
    return RouteRow(prefix, "kp", Routed.WITHDRAWN, **values)  # type: ignore[arg-type]


def inside(name: str, **more: object) -> HostRow:
    place = Hosting("175.45.176.15", A, 131279, "STAR-KP", "KP", inside=True)
    values = {"affiliation": "kp", "network": "kp", "hosting": place} | more
    return HostRow(name, name, **values)  # type: ignore[arg-type]


def boarded(*rows, events=()) -> Board:
    board = Board()
    board.apply(Changes(list(rows), list(events), Cursor(1, 1), more=False, fresh=False))
    return board


def text(lines: list[Line]) -> str:
    return "\n".join(line.text for line in lines)


def strip(width: int = 160, **more: object) -> str:
    return network_line(net(**more), VANTAGE, width, UNICODE, NOW).text


def test_the_strip_says_how_many_routes_are_seen_and_by_whom_they_enter():
    said = strip()
    assert "routes 0 of 2" in said
    assert "AS4837 0%" in said
    assert "own vantage ✔ 8 of 8" in said


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        (FeedState.ERROR, FeedReason.REFUSED, "routes: feed error"),
        (FeedState.STALE, FeedReason.SILENT, "routes: feed silent"),
        (FeedState.STALE, FeedReason.CLOSED, "routes: feed stale"),
    ],
)
def test_the_strip_never_takes_a_dead_feed_for_no_routes(state, reason, said):
    line = strip(routes_state=state, routes_reason=reason, routes_total=0, upstreams={})
    assert said in line
    assert "0 of 0" not in line


def test_the_strip_says_nothing_where_nobody_asks():
    assert "routes" not in strip(routes_state=FeedState.ABSENT, upstreams={})


def test_what_matters_most_stays_at_narrow_widths():
    narrow = strip(80)
    assert "routes 0 of 2" in narrow
    assert "elsewhere" not in narrow
    middle = strip(116)
    assert "AS4837 0%" in middle
    assert "elsewhere" not in middle


def test_the_network_page_lists_each_prefix_and_the_feeds():
    feed = FeedRow("ris-live", FeedState.LIVE, at=NOW - 2 * SECOND, messages=7)
    late = FeedRow("ripestat", FeedState.STALE, FeedReason.TIMEOUT, why="no answer in time")
    routes = gone(A), gone(B, seen=300, soft=Routed.VISIBLE, upstreams={4837: 300})
    board = boarded(net(), *routes, feed, late)
    page = network_lines(board.networks["kp"], board, LOOK)
    said = text(page)
    assert f"{A}     ✖ withdrawn  16:20:40Z      0 of 312 peers  feed live" in said
    assert "0 of 312 peers" in said
    assert "via AS4837 300" in said
    assert "provisional" in said
    assert "0 of 312 peers enter by AS4837, usually 312" in said
    assert "RIS Live live  heard 2s ago, 7 messages" in said
    assert "RIPEstat stale: no answer in time" in said
    targets = [line.target for line in page]
    assert WhyTarget(f"route:{A}") in targets
    assert WhyTarget("feed:ris-live") in targets
    quiet = net(routes_state=FeedState.ABSENT, routes_total=0, upstreams={})
    assert network_lines(quiet, boarded(quiet), LOOK) == []


def test_the_path_panel_has_the_routes_of_the_hosts_prefix():
    odd = gone(A, soft=None, disagreement=Disagreement.ALIVE, unstable=True)
    board = boarded(net(), inside("ns1"), odd, gone(B))
    said = text(path_lines(board.hosts["ns1"], board, LOOK))
    assert f"routes  {A}  0 of 312 peers  withdrawn, unstable" in said
    assert "withdrawn but alive" in said
    board = boarded(net(), inside("ns1"), gone(A, feed=FeedState.STALE))
    assert "withdrawn (feed stale)" in text(path_lines(board.hosts["ns1"], board, LOOK))
    board = boarded(net(), inside("ns1"), gone(B))
    assert "routes" not in text(path_lines(board.hosts["ns1"], board, LOOK))


def test_the_board_keeps_and_forgets_routes_and_feeds():
    board = boarded(net(), gone(A), FeedRow("ris-live"))
    assert board.row(f"route:{A}") is board.routes[A]
    assert board.row("feed:ris-live") is board.feeds["ris-live"]
    assert board.network_behind(f"route:{A}") is board.networks["kp"]
    away = msgspec.structs.replace(gone(A), removed=True)
    board.apply(Changes([away], [], Cursor(1, 1), more=False, fresh=False))
    assert board.routes == {}
    board.apply(Changes([net()], [], Cursor(1, 1), more=False, fresh=True))
    assert board.feeds == {}


def test_events_of_feeds_and_routes_are_named_for_people():
    event = Event(NOW, EventKind.ROUTE, "feed:ris-live", "feed stale", "live", "stale", id=1)
    board = boarded(net(), events=[event])
    assert "◆ RIS Live" in event_line(event, board, 120, UNICODE).text
    assert board.name_of("feed:simulated-peers") == "simulated peers"
    assert board.name_of(f"route:{A}") == A


def test_a_claim_that_contradicts_what_is_measured_says_so():
    claim = Claim("BusinessKorea", "2014-12-24", hosted_in="JP")
    board = boarded(net(), inside("kcna", claims=(claim,)))
    said = text(host_page(board.hosts["kcna"], board, [], LOOK))
    assert "JP (BusinessKorea, 2014-12-24); measured KP: contradiction" in said
    agreed = msgspec.structs.replace(claim, hosted_in="KP")
    board = boarded(net(), inside("kcna", claims=(agreed,)))
    said = text(host_page(board.hosts["kcna"], board, [], LOOK))
    assert "hosted in KP  BusinessKorea, 2014-12-24" in said
    assert "contradiction" not in said


def test_hosting_names_the_country_of_the_voice_once_it_is_measured():
    abroad = inside("uri", hosting=Hosting("1.2.3.4", "p", 4837, "CHINA169", "CN"), network="")
    board = boarded(net(), abroad)
    assert hosting_of(abroad, UNICODE, board.voice_of(abroad)) == "kp→CN AS4837"
    board = boarded(net(), abroad, inside("ns1"), inside("ns2"))
    assert hosting_of(abroad, UNICODE, board.voice_of(abroad)) == "KP→CN AS4837"
    assert hosting_of(board.hosts["ns1"], UNICODE, board.voice_of(board.hosts["ns1"])) == (
        "KP AS131279"
    )
