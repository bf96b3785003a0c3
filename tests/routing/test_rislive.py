"""The reader against feeds that behave well, badly, and not at all."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import pytest

from monitor.records import FeedReason
from monitor.routing.rislive import MAX_LINE, RisLive, Stage, back_off_s, subscribed

from .samples import NET, line, update
from .servers import STREAM, RisServer, answer, chunk, serving

NETS = ["175.45.176.0/24", "175.45.177.0/24", "2001:db8::/48"]
HTML = b"<!DOCTYPE html><title>Down</title>"


@contextlib.asynccontextmanager
async def reading(clock, url, **more):
    """A reader at work; its messages are in ``live.got``."""
    live = RisLive(clock, "test", NETS, url, draw=lambda: 0.5, **more)
    live.got = asyncio.Queue()
    task = asyncio.create_task(live.run(live.got.put_nowait))
    try:
        yield live
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(live, wanted):
    """Wait for a status that ``wanted`` says yes to."""
    async with asyncio.timeout(20):
        while not wanted(live.status):
            live.changed.clear()
            await live.changed.wait()
    return live.status


async def failed(clock, server, **more):
    """The first status that is an error or silence."""
    async with serving(server) as url, reading(clock, url, **more) as live:
        return await until(live, lambda s: s.stage in (Stage.ERROR, Stage.SILENT))


def fresh(peer="192.0.2.1", **more) -> bytes:
    return line(update(peer, at=time.time(), announce=[NET], **more)) + b"\n"


async def test_what_is_asked_and_what_is_passed_on(clock):
    server = RisServer()
    async with serving(server) as url, reading(clock, url + "v1/stream/") as live:
        await until(live, lambda s: s.stage is Stage.LIVE)
        server.say("UPDATE", fresh())
        got = await asyncio.wait_for(live.got.get(), 10)
        assert (got.peer, got.announced) == ("192.0.2.1", (NET,))
        down = line({"timestamp": time.time(), "peer": "192.0.2.1", "type": "RIS_PEER_STATE",
                     "state": "down"})  # fmt: skip
        server.say("RIS_PEER_STATE", down + b"\n")
        assert (await asyncio.wait_for(live.got.get(), 10)).up is False
        assert live.status.reason is FeedReason.NONE
        assert live.counts.connects == live.session == 1
        assert live.heard_at > 0
    assert all("/v1/stream/?format=json&client=test " in each for each in server.requests)
    by_type = {asked["type"]: asked for asked in server.asked}
    assert by_type.keys() == {"UPDATE", "KEEPALIVE", "RIS_PEER_STATE"}
    assert by_type["UPDATE"]["prefix"] == ["175.45.176.0/23", "2001:db8::/48"]
    assert by_type["UPDATE"]["moreSpecific"] is True
    assert by_type["UPDATE"]["socketOptions"] == {"includeRaw": False}


async def test_lines_come_in_any_pieces_and_bad_ones_are_counted(clock):
    server = RisServer()
    text = fresh("192.0.2.1") + b"\r\n{broken\n\n" + fresh("192.0.2.2")
    pieces = [chunk(text[i : i + 7]) for i in range(0, len(text), 7)]
    server.script["UPDATE"] = [*pieces, None]
    async with serving(server) as url, reading(clock, url) as live:
        peers = [(await asyncio.wait_for(live.got.get(), 10)).peer for _ in range(2)]
        assert peers == ["192.0.2.1", "192.0.2.2"]
        assert live.counts.malformed == 1


async def test_old_and_future_data_is_dropped_and_counted(clock):
    server = RisServer()
    old, new = time.time() - 200, time.time() + 200
    text = b"".join(
        line(update("192.0.2.9", at=at, announce=[NET])) + b"\n" for at in (old, new)
    )
    server.script["UPDATE"] = [chunk(text + fresh()), None]
    async with serving(server) as url, reading(clock, url) as live:
        assert (await asyncio.wait_for(live.got.get(), 10)).peer == "192.0.2.1"
        assert (live.counts.late, live.counts.early, live.counts.messages) == (1, 1, 1)


@pytest.mark.parametrize(
    ("plain", "reason", "note"),
    [
        (answer(HTML, headers="Content-Type: text/html\r\n"), FeedReason.NOT_JSON, ""),
        (answer(HTML + b"\n"), FeedReason.NOT_JSON, ""),
        (answer(b"x", headers="Content-Encoding: gzip\r\n"), FeedReason.NOT_JSON, ""),
        (answer(b"", "404 Not Found"), FeedReason.HTTP_STATUS, "404"),
        (answer(b"", "302 Found", "Location: /\r\n"), FeedReason.HTTP_STATUS, "302"),
        (answer(b"", "429 Too Many", "Retry-After: 120\r\n"), FeedReason.RATE_LIMITED, "429"),
        (b"garbage\r\n\r\n", FeedReason.PROTOCOL, ""),
        (b"", FeedReason.TRUNCATED, ""),
        (STREAM + b"5\r\nab", FeedReason.TRUNCATED, ""),
        (STREAM + b"zz\r\n", FeedReason.PROTOCOL, ""),
        (STREAM + b"0\r\n\r\n", FeedReason.CLOSED, ""),
        (STREAM + chunk(b'{"type":') + b"0\r\n\r\n", FeedReason.TRUNCATED, ""),
        (STREAM + chunk(b"{}\n" * 30), FeedReason.MALFORMED, "shape"),
        (
            STREAM + chunk(line({"message": "too slow"}, "ris_error") + b"\n"),
            FeedReason.FEED_ERROR,
            "too slow",
        ),
    ],
)
async def test_every_failure_has_its_reason(fast, plain, reason, note):
    server = RisServer()
    server.plain = plain
    status = await failed(fast, server)
    assert (status.stage, status.reason, status.note) == (Stage.ERROR, reason, note)


async def test_a_line_without_end(clock):
    server = RisServer()
    server.script["UPDATE"] = [chunk(b"x" * 65_536)] * (MAX_LINE // 65_536 + 1) + [None]
    status = await failed(clock, server)
    assert status.reason is FeedReason.TOO_LARGE


async def test_nobody_there(fast):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with reading(fast, f"http://127.0.0.1:{port}/") as live:
        status = await until(live, lambda s: s.stage is Stage.ERROR)
    assert status.reason is FeedReason.REFUSED


async def test_a_plain_server_is_no_tls_server(fast):
    async def plain(_reader, writer):
        writer.write(answer(b"{}"))
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, reading(fast, url) as live:
        status = await until(live, lambda s: s.stage is Stage.ERROR)
    assert status.reason is FeedReason.TLS


async def test_a_silent_canary_means_a_dead_feed(clock):
    server = RisServer()
    async with serving(server) as url, reading(clock, url, canary_s=0.5) as live:
        await until(live, lambda s: s.stage is Stage.LIVE)
        server.singing = False
        status = await until(live, lambda s: s.stage is Stage.SILENT)
        assert status.reason is FeedReason.SILENT
        server.singing = True
        await until(live, lambda s: s.stage is Stage.LIVE)
        assert live.session >= live.counts.connects >= 2
    hosts = [asked["host"] for asked in server.asked if asked["type"] == "KEEPALIVE"]
    assert hosts[:2] == ["rrc00", "rrc00.ripe.net"]


async def test_a_canary_of_old_songs_means_a_late_feed(fast):
    server = RisServer()
    server.canary_age_s = 300.0
    async with serving(server) as url, reading(fast, url, canary_s=0.5) as live:
        status = await until(live, lambda s: s.reason is FeedReason.DELAYED)
        assert status.stage is Stage.SILENT
        assert live.counts.late > 0
        assert live.counts.connects == 0


async def test_a_stream_cut_off_is_begun_again(fast):
    server = RisServer()
    server.script["UPDATE"] = [chunk(fresh())]
    async with serving(server) as url, reading(fast, url) as live:
        for _ in range(3):
            await asyncio.wait_for(live.got.get(), 10)
        assert live.session >= 3


async def test_back_off_grows_and_heeds_retry_after(fast):
    assert [back_off_s(n) for n in (1, 2, 3, 4, 8, 9, 100)] == [0, 1, 4, 9, 49, 60, 60]
    server = RisServer()
    server.plain = answer(b"", "429 Too Many", "Retry-After: 7\r\n")
    # The canary waits on the same clock, and much longer.
    async with serving(server) as url, reading(fast, url, canary_s=1e6) as live:
        await until(live, lambda _: live.session >= 5)
    waits = [wait for wait in fast.slept if wait < 1e3]
    assert waits[:4] == [7.5, 7.5, 9.5, 16.5]


async def test_a_sink_that_fails_does_not_end_the_reader(fast):
    server = RisServer()
    server.script["UPDATE"] = [chunk(fresh()), None]

    def sink(_message):
        raise LookupError

    async with serving(server) as url:
        live = RisLive(fast, "test", NETS, url)
        task = asyncio.create_task(live.run(sink))
        status = await until(live, lambda s: s.stage is Stage.ERROR)
        assert (status.reason, status.note) == (FeedReason.CRASHED, "LookupError")
        assert not task.done()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_the_fewest_prefixes_are_subscribed():
    four = [f"175.45.{n}.0/24" for n in range(176, 180)]
    assert subscribed([*four, "2001:db8::/48"]) == ["175.45.176.0/22", "2001:db8::/48"]
    assert subscribed([]) == []
