"""Snapshots: recorded answers, hostile ones, and the trap of the empty answer."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.records import FeedReason
from monitor.routing.ripestat import (
    CONCURRENT,
    MAX_BYTES,
    RipeStat,
    parse_looking_glass,
    read_path,
    read_time,
)
from monitor.routing.web import FeedFailure

from .samples import NET, looking_glass, recorded
from .servers import STREAM, StatServer, answer, chunk, serving

CONTROL, CONTROL6 = "193.0.0.0/21", "2001:67c:2e8::/48"
PEERS = {"192.0.2.1": "64500 64501", "192.0.2.2": "64502 64501"}


@pytest.fixture
async def stat(clock):
    """Makes clients that are closed at the end."""
    made = []

    def make(url, **more) -> RipeStat:
        made.append(RipeStat(clock, "test", url, **more))
        return made[-1]

    yield make
    for each in made:
        await each.close()


def parsed(document: dict, prefix: str = NET):
    return parse_looking_glass(json.dumps(document).encode(), prefix)


def refused(data: bytes) -> FeedReason:
    with pytest.raises(FeedFailure) as caught:
        parse_looking_glass(data, NET)
    return caught.value.reason


def test_the_recorded_answer():
    found = parse_looking_glass(recorded("ripestat/looking_glass.json"), "140.78.0.0/16")
    assert (len(found.holdings), found.skipped) == (421, 0)
    assert found.at == read_time("2025-06-11T16:02:16Z")
    first = found.holdings[0]
    assert (first.peer, first.host) == ("2.56.11.1", "rrc00")
    assert first.path == (34854, 6939, 1853, 1853, 1205)
    assert first.at == read_time("2025-06-11T16:02:50")


@pytest.mark.parametrize(
    "name",
    ["announced_prefixes", "asn_neighbours", "bgp_state", "network_info", "prefix_overview",
     "routing_status", "visibility"],
)  # fmt: skip
def test_answers_of_other_calls_are_refused(name):
    assert refused(recorded(f"ripestat/{name}.json")) is FeedReason.FEED_ERROR


def test_what_is_of_another_prefix_or_unreadable_is_skipped():
    document = looking_glass(NET, PEERS)
    good = document["data"]["rrcs"][0]["peers"][0]
    document["data"]["rrcs"][0]["peers"] += [
        good | {"prefix": "198.18.0.0/25"},
        good | {"peer": "nobody"},
        good | {"as_path": "64500 x"},
        good | {"as_path": ""},
        good | {"peer": "2001:DB8:0::1", "latest_time": "soon"},
    ]
    found = parsed(document)
    assert [each.peer for each in found.holdings] == [*PEERS, "2001:db8::1"]
    assert found.holdings[-1].at == found.at
    assert found.skipped == 4


def test_failures_are_typed():
    document = looking_glass(NET, PEERS)
    assert refused(b"<html>") is FeedReason.NOT_JSON
    assert refused(b'{"data":' + b"[" * 100_000) is FeedReason.NOT_JSON
    assert refused(b"\xff") is FeedReason.NOT_JSON
    assert refused(b"[]") is FeedReason.MALFORMED
    assert refused(json.dumps(document | {"status": "error"}).encode()) is FeedReason.FEED_ERROR
    assert refused(json.dumps(document | {"data": {}}).encode()) is FeedReason.MALFORMED
    assert refused(json.dumps(document | {"data": None}).encode()) is FeedReason.MALFORMED
    with pytest.raises(FeedFailure) as caught:
        parsed(document | {"status": "error", "messages": [["error", "no \x1b[2J"]]})
    assert caught.value.note == "no ·[2J"


def test_paths_and_times():
    assert read_path("1 2 {3,4} {5 6}") == (1, 2, (3, 4), (5, 6))
    for text in ("", " ", "1 {", "{}", "1 {2", "1 2}", "-1", "1.2", "4294967296", "9" * 20_000):
        assert read_path(text) is None
    assert (
        read_time("1970-01-01T00:00:01") == read_time("1970-01-01T01:00:01+01:00") == 1_000_000
    )
    assert read_time("1969-12-31T00:00:00") == read_time("0001-01-01T00:00:00+23:00") == 0


@settings(deadline=None)
@given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_any_bytes(data):
    refused(data)
    read_path(data.decode("latin-1"))
    read_time(data.decode("latin-1"))


async def test_controls_are_asked_at_the_same_time(stat):
    server = StatServer({NET: PEERS, CONTROL: PEERS, CONTROL6: PEERS})
    async with serving(server) as url:
        found = await stat(url).views([NET, "198.18.1.0/24"])
    assert sorted(server.asked) == sorted([CONTROL, NET, "198.18.1.0/24"])
    assert set(server.paths) == {"/data/looking-glass/data.json"}
    assert [len(each.holdings) for each in found.snapshots] == [2, 0], "zero is a number"
    assert [each.prefix for each in found.controls] == [CONTROL]
    assert found.failed == {}


async def test_empty_with_an_empty_control_is_no_data(stat):
    six = "2001:db8::/48"
    server = StatServer({six: PEERS, CONTROL6: PEERS})
    async with serving(server) as url:
        found = await stat(url).views([NET, six])
        none = await stat(url, controls=()).views([NET])
    assert [each.prefix for each in found.snapshots] == [six]
    assert found.failed == dict.fromkeys((NET, CONTROL), FeedReason.NO_CONTROL)
    assert none.failed == {NET: FeedReason.NO_CONTROL}


async def test_a_control_that_fails_says_why(stat):
    server = StatServer({NET: PEERS})
    server.plain[CONTROL] = answer(b"", "429 Too Many", "Retry-After: 90\r\n")
    async with serving(server) as url:
        found = await stat(url).views([NET])
    assert found.failed == dict.fromkeys((NET, CONTROL), FeedReason.RATE_LIMITED)
    assert found.retry_after_s == 90


@pytest.mark.parametrize(
    ("plain", "reason"),
    [
        (answer(b"<html>", headers="Content-Type: text/html\r\n"), FeedReason.NOT_JSON),
        (answer(b"{}", "500 No"), FeedReason.HTTP_STATUS),
        (answer(b"{}")[:-1], FeedReason.TRUNCATED),
        (b"", FeedReason.TRUNCATED),
        (None, FeedReason.TIMEOUT),
        (STREAM + chunk(b"x" * 65_536) * (MAX_BYTES // 65_536 + 1), FeedReason.TOO_LARGE),
    ],
)
async def test_one_prefix_fails_alone(stat, plain, reason):
    server = StatServer({CONTROL: PEERS, NET: PEERS})
    bad = "198.18.9.0/24"
    server.plain[bad] = plain
    async with serving(server) as url:
        deadline = 2.0 if plain is None else 30.0
        found = await stat(url, deadline_s=deadline).views([NET, bad])
    assert found.failed == {bad: reason}
    assert [each.prefix for each in found.snapshots] == [NET]


async def test_no_more_than_eight_at_once(stat):
    prefixes = [f"198.18.{n}.0/24" for n in range(20)]
    server = StatServer(dict.fromkeys([*prefixes, CONTROL], PEERS))
    server.hold_s = 0.05
    async with serving(server) as url:
        found = await stat(url).views(prefixes)
    assert len(found.snapshots) == 20
    assert server.most_at_once <= CONCURRENT


async def test_nobody_there(stat):
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    found = await stat(f"http://127.0.0.1:{port}").views([NET])
    assert found.failed == dict.fromkeys((NET, CONTROL), FeedReason.REFUSED)
