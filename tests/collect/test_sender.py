"""Apprise for real, to a server on loopback; a secret stays one, a hang is killed."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from monitor.collect import courier
from monitor.collect.outbox import Delivery
from monitor.collect.sender import AppriseSender, url_of
from monitor.watchlist.model import Target

pytest.importorskip("apprise", reason="needs the extra: pip install 'watchdesk[notify]'")


class Receiver:
    """An HTTP server that keeps what it is sent and answers ``status``."""

    def __init__(self) -> None:
        self.got: list[dict[str, str]] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.got.append(json.loads(self.rfile.read(length)))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self.server.server_port}/"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


async def test_a_message_arrives_and_a_refusal_is_one(receiver, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("DUTY", receiver.url)
    sender = AppriseSender(deadline_s=55.0)
    said = await sender.send(Target("duty", env="DUTY"), "✖ a DOWN", "<b>body</b>", bad=True)
    assert said is Delivery.SENT
    (got,) = receiver.got
    assert (got["title"], got["message"], got["type"]) == ("✖ a DOWN", "<b>body</b>", "failure")
    receiver.status = 500
    secret = tmp_path / "url"
    secret.write_text(f"{receiver.url}\n# a comment\n")
    said = await sender.send(Target("duty", file=str(secret)), "t", "b", bad=False)
    assert said is Delivery.REFUSED


async def test_a_target_that_hangs_is_ended_at_the_deadline(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        monkeypatch.setenv("DUTY", f"json://127.0.0.1:{port}/?cto=60&rto=60")
        sender = AppriseSender(deadline_s=0.5)
        said = await sender.send(Target("duty", env="DUTY"), "t", "b", bad=True)
    assert said is Delivery.TIMEOUT


async def test_one_that_is_called_off_leaves_no_process_behind(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("DUTY", f"json://127.0.0.1:{mute.getsockname()[1]}/?rto=60")
        send = AppriseSender().send(Target("duty", env="DUTY"), "t", "b", bad=True)
        task = asyncio.create_task(send)
        # It has started when it connects.
        loop = asyncio.get_running_loop()
        mute.setblocking(False)
        connection, _ = await asyncio.wait_for(loop.sock_accept(mute), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # Killed: the request is read to its end, and nobody holds the connection open.
        while await asyncio.wait_for(loop.sock_recv(connection, 65_536), 30):
            pass
        connection.close()


async def test_without_a_url_nothing_is_started(monkeypatch, tmp_path: Path):
    monkeypatch.delenv("DUTY", raising=False)
    sender = AppriseSender()
    for target in (Target("d", env="DUTY"), Target("d", file=str(tmp_path / "none"))):
        assert await sender.send(target, "t", "b", bad=True) is Delivery.NO_URL
    (tmp_path / "empty").write_text("")
    assert url_of(Target("d", file=str(tmp_path / "empty"))) == ""


def test_a_url_that_is_none_is_said_and_not_repeated(capfd):
    parcel = courier.Parcel("nonsense-s3cret", "t", "b", bad=True)
    assert courier.deliver(parcel) is Delivery.BAD_URL
    out = capfd.readouterr()
    assert "s3cret" not in out.out + out.err
