"""IODA: its answers, what of them is settled, and servers that are not well."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.records import DAY, HOUR, MINUTE, SECOND, FeedReason, FeedState, WitnessSign
from monitor.routing.ioda import (
    MAX_BYTES,
    MAX_SUBJECTS,
    SETTLES,
    SOURCES,
    Ioda,
    Subject,
    parse_signal,
    subjects,
)
from monitor.routing.web import FeedFailure
from monitor.watchlist.model import Feeds, Network

from .servers import STREAM, answer, chunk, serving

NOW = 1_419_264_000 * SECOND
AS = Subject("asn", "131279")
NET = Network("north", "North", origin_asns=(131279,), country="KP")


def signals(
    values, *, source="bgp", code="131279", until=NOW // SECOND, step=300, error=None, **more
) -> dict:
    """An answer as ``signals/raw`` gives it: one list of series for the one entity."""
    series = {
        "entityType": "asn", "entityCode": code, "entityName": "AS131279 (STAR-KP)",
        "entityFqid": "asn.131279", "datasource": source, "from": until - step * len(values),
        "until": until, "step": step, "nativeStep": step, "values": values, **more,
    }  # fmt: skip
    return {
        "type": "signals", "metadata": {"requestTime": "2014-12-22T16:00:00+00:00"},
        "requestParameters": {"datasource": source}, "error": error, "data": [[series]],
        "copyright": "Georgia Tech",
    }  # fmt: skip


def parsed(document, subject=AS, source="bgp") -> WitnessSign:
    return parse_signal(json.dumps(document).encode(), subject, source, NOW)


def refused(data: bytes) -> FeedReason:
    with pytest.raises(FeedFailure) as caught:
        parse_signal(data, AS, "bgp", NOW)
    return caught.value.reason


# --- what is settled ------------------------------------------------------------------------


def test_a_count_and_what_is_usual():
    found = parsed(signals([4] * 200 + [2] * 88))
    assert (found.source, found.subject) == ("bgp", "AS131279")
    assert (found.state, found.value, found.usual) == (FeedState.LIVE, 2.0, 4.0)
    assert found.at == NOW - SETTLES


@pytest.mark.parametrize("tail", [[0] * 4, [1, 0, 0, 0], [None] * 4, [3, None, None, None]])
def test_bins_still_being_filled_are_no_outage(tail):
    found = parsed(signals([4] * 284 + tail))
    assert (found.state, found.value, found.usual) == (FeedState.LIVE, 4.0, 4.0)
    assert found.at <= NOW - SETTLES


def test_the_newest_bin_of_a_late_series_may_be_half_full():
    found = parsed(signals([4] * 271 + [1] + [None] * 16))
    assert (found.value, found.at) == (4.0, NOW - 85 * MINUTE)
    assert found.state is FeedState.LIVE


def test_zero_is_a_count_and_no_value_is_none():
    assert parsed(signals([4] * 200 + [0] * 88)).value == 0.0
    nothing = parsed(signals([None] * 288))
    assert (nothing.state, nothing.reason) == (FeedState.ABSENT, FeedReason.NO_DATA)
    assert nothing.value is None


def test_a_day_old_count_is_stale():
    found = parsed(signals([4] * 288, until=(NOW - DAY) // SECOND))
    assert (found.state, found.reason) == (FeedState.STALE, FeedReason.DELAYED)
    assert (found.value, found.at) == (4.0, NOW - DAY - 5 * MINUTE)


@pytest.mark.parametrize(
    "document",
    [
        {"data": []},
        {"data": [[]]},
        {"data": None},
        {},
        signals([4] * 288, source="gtr"),
        signals([4] * 288, code="64500"),
        signals(None or []),
        {"data": [[{"datasource": "bgp", "entityCode": "131279", "from": 1, "step": 300,
                    "values": None}]]},
    ],
)  # fmt: skip
def test_nothing_about_it_is_no_data(document):
    found = parsed(document)
    assert (found.state, found.reason) == (FeedState.ABSENT, FeedReason.NO_DATA)


def test_series_without_the_outer_list_are_read_as_well():
    document = signals([4] * 288)
    document["data"] = document["data"][0]
    assert parsed(document).value == 4.0


# --- what is none ---------------------------------------------------------------------------


def test_other_answers_are_refused_with_a_reason():
    good = json.dumps(signals([4] * 288)).encode()
    assert refused(b"<html>") is FeedReason.NOT_JSON
    assert refused(b"") is FeedReason.NOT_JSON
    assert refused(good[: len(good) // 2]) is FeedReason.NOT_JSON
    assert refused(b"[" * 100_000) in (FeedReason.NOT_JSON, FeedReason.MALFORMED)
    assert refused(b"[]") is FeedReason.MALFORMED
    for wrong in (
        {"data": {"bgp": 4}},
        {"data": "no"},
        signals([4] * 288, step=0),
        signals([4] * 288, step=10**9),
        signals([4] * 288, until=10**12),
        signals([4, -1, 4, 4, 4, 4, 4]),
        signals([4, "x", 4]),
        signals([[{"agg": 1}]] * 5),
        signals([4, True]),
    ):
        assert refused(json.dumps(wrong).encode()) is FeedReason.MALFORMED
    assert refused(json.dumps(signals([1] * 5_000, step=1)).encode()) is FeedReason.TOO_LARGE


def test_what_it_says_is_wrong_is_said_harmlessly():
    document = signals([4], error="cannot find \x1b[31mentity")
    with pytest.raises(FeedFailure) as caught:
        parsed(document)
    assert caught.value.reason is FeedReason.FEED_ERROR
    assert caught.value.note == "cannot find ·[31mentity"


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data):
    with contextlib.suppress(FeedFailure):
        parse_signal(data, AS, "bgp", NOW)


@settings(deadline=None)
@given(
    st.lists(st.none() | st.integers(0, 10**6), max_size=60),
    st.integers(1, 3600),
    st.integers(-3 * 86_400, 86_400),
)
def test_a_count_is_one_of_the_settled_ones(values, step, ahead):
    until = NOW // SECOND + ahead
    try:
        found = parsed(signals(values, until=until, step=step))
    except FeedFailure:
        return
    if found.value is None:
        assert found.usual is None
        return
    assert found.value in values
    assert found.at <= NOW - SETTLES
    assert found.usual is None or math.isfinite(found.usual)


def test_whom_it_is_asked_about():
    assert [each.name for each in subjects(NET)] == ["KP", "AS131279"]
    assert subjects(Network("n", "N", prefixes=("192.0.2.0/24",))) == ()


# --- over HTTP ------------------------------------------------------------------------------


class Server:
    """An IODA: ``values`` by code and source; ``plain`` whole answers instead, None stalls."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.params: list[dict[str, str]] = []
        self.values: dict[str, list] = {}
        self.plain: list[bytes | None] = []

    async def __call__(self, request, writer) -> None:
        url = urlsplit(request.split()[1])
        params = {name: found[0] for name, found in parse_qs(url.query).items()}
        kind, code = url.path.split("/")[-2:]
        assert url.path == f"/v2/signals/raw/{kind}/{code}"
        self.asked.append((code, params["datasource"]))
        self.params.append(params)
        if self.plain:
            found = self.plain[min(len(self.asked), len(self.plain)) - 1]
            if found is None:
                await asyncio.Event().wait()
            writer.write(found)
            return
        source, until = params["datasource"], int(params["until"])
        values = self.values.get(f"{code} {source}", [4] * 288)
        body = signals(values, source=source, code=code, until=until)
        writer.write(answer(json.dumps(body).encode()))


class Rows(asyncio.Queue):
    def __call__(self, row) -> None:
        self.put_nowait(row)


async def first(url, clock, before=None, *, count=1, **how):
    """The first rows an Ioda says of NET, and the Ioda."""
    ioda = Ioda((NET,), Feeds(ioda=True, ioda_url=f"{url}v2"), clock, **how)
    said = Rows()
    task = asyncio.create_task(ioda.run(said, before or {}))
    try:
        async with asyncio.timeout(60):
            rows = [await said.get() for _ in range(count)]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return rows


async def test_a_round_asks_for_every_source_of_every_subject(clock):
    server = Server()
    server.values = {"KP bgp": [None] * 288, "131279 merit-nt": [0] * 288}
    async with serving(server) as url:
        (row,) = await first(url, clock)
    assert server.asked == [(code, source) for code in ("KP", "131279") for source in SOURCES]
    span = int(server.params[0]["until"]) - int(server.params[0]["from"])
    assert span == (DAY + 2 * HOUR) // SECOND
    assert (row.network, row.state, row.reason) == ("north", FeedState.LIVE, FeedReason.NONE)
    by_name = {(sign.subject, sign.source): sign for sign in row.signs}
    assert by_name["AS131279", "bgp"].value == 4.0
    assert by_name["AS131279", "merit-nt"].value == 0.0
    assert by_name["KP", "bgp"].reason is FeedReason.NO_DATA
    assert by_name["KP", "bgp"].value is None


BIG = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * (MAX_BYTES + 1)
HTML = answer(b"<html>busy</html>", headers="Content-Type: text/html\r\n")
CUT = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"


@pytest.mark.parametrize(
    ("plain", "reason"),
    [
        (HTML, FeedReason.NOT_JSON),
        (answer(b"<html>"), FeedReason.NOT_JSON),
        (answer(b"[1]"), FeedReason.MALFORMED),
        (CUT, FeedReason.TRUNCATED),
        (BIG, FeedReason.TOO_LARGE),
        (STREAM + chunk(b" " * (MAX_BYTES + 1)), FeedReason.TOO_LARGE),
        (answer(b"{}", "500 Oops"), FeedReason.HTTP_STATUS),
        (answer(b"{}", "429 Slow", "Retry-After: 7\r\n"), FeedReason.RATE_LIMITED),
        (b"SSH-2.0\r\n\r\n", FeedReason.PROTOCOL),
    ],
    ids=["html", "html-as-json", "array", "cut", "big", "endless", "500", "429", "ssh"],
)
async def test_answers_that_are_none_are_errors_with_a_reason(fast, plain, reason):
    server = Server()
    server.plain = [plain]
    async with serving(server) as url:
        (row,) = await first(url, fast)
    assert (row.state, row.reason) == (FeedState.ERROR, reason)
    assert all(sign.value is None for sign in row.signs)


async def test_one_that_stalls_costs_its_own_deadline(fast):
    server = Server()
    good = answer(json.dumps(signals([4] * 288)).encode())
    server.plain = [None, *[good] * 5]
    async with serving(server) as url:
        (row,) = await first(url, fast, deadline_s=1.0)
    assert row.signs[0].reason is FeedReason.TIMEOUT
    assert len(row.signs) == 6
    assert len(server.asked) > 1


async def test_who_is_asked_too_often_is_left_in_peace(fast):
    server = Server()
    server.plain = [answer(b"{}", "429 Slow", "Retry-After: 120\r\n")]
    async with serving(server) as url:
        rows = await first(url, fast, count=2)
    # Nothing more is asked in that round, and the next comes when it said.
    assert len(server.asked) == 2
    assert fast.slept[0] == 120.0
    assert {sign.reason for sign in rows[1].signs} == {FeedReason.RATE_LIMITED}


async def test_nobody_there_is_an_error_and_tried_ever_less_often(fast):
    async with serving(Server()) as url:
        pass
    rows = await first(url, fast, count=4)
    assert {row.reason for row in rows} == {FeedReason.REFUSED}
    assert fast.slept[:3] == [60.0, 300.0, 900.0]


async def test_old_counts_stay_and_are_stale_when_no_new_ones_come(fast):
    server = Server()
    server.plain = [answer(b"{}", "503 Down")]
    known = WitnessSign("bgp", "KP", FeedState.LIVE, value=4.0, usual=4.0, at=NOW)
    async with serving(server) as url:
        (row,) = await first(url, fast, {"north": (known,)})
    assert (row.state, row.reason) == (FeedState.STALE, FeedReason.HTTP_STATUS)
    assert (row.signs[0].value, row.signs[0].at) == (4.0, NOW)
    assert row.signs[0].state is FeedState.STALE
    assert row.signs[1].state is FeedState.ERROR


async def test_a_good_round_is_followed_by_a_pause(fast):
    async with serving(Server()) as url:
        await first(url, fast, count=2)
    assert fast.slept[0] == 600.0


def test_how_much_is_asked_of_it_is_bounded(clock):
    many = [
        Network(f"n{n}", f"N{n}", origin_asns=tuple(range(n * 10 + 1, n * 10 + 11)))
        for n in range(9)
    ]
    ioda = Ioda(many, Feeds(ioda=True), clock)
    assert sum(map(len, ioda._asked.values())) == MAX_SUBJECTS
    assert 86_400 / ioda.every_s * MAX_SUBJECTS * len(SOURCES) < 1_001
    assert ioda.networks == ("n0", "n1", "n2", "n3")


async def test_nothing_to_ask_is_nothing_asked(clock):
    said = Rows()
    await Ioda((Network("n", "N"),), Feeds(ioda=True), clock).run(said, {})
    assert said.empty()
