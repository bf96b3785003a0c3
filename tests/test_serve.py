"""The desk in a browser: who may come in, what the page asks for, and a desk behind it.

A real browser was looked at by hand; here the same is asked over HTTP and its socket.
"""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.conftest import Program
from tests.test_outlets import filled

PATIENCE_S = 60.0
TOKEN = "a-token-of-some-length"


@asynccontextmanager
async def served(
    program: Program, *more: object
) -> AsyncIterator[tuple[str, str, subprocess.Popen[bytes]]]:
    """The address, the token that was printed, and the process."""
    filled(program, drill="dprk-2014").close()
    arguments = ("serve", "--port", 0, "--read-only", "--cache", program.cache, *more)
    child = program.start(*arguments)
    line = (await asyncio.to_thread(child.stdout.readline)).decode()
    found = re.search(r"(http://[^/]+)/\?token=([^;]+);", line)
    assert found, line
    yield found[1], found[2], child
    child.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(child.wait, PATIENCE_S) == 0


def browser() -> aiohttp.ClientSession:
    jar = aiohttp.CookieJar(unsafe=True)
    return aiohttp.ClientSession(
        cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=PATIENCE_S)
    )


async def test_nobody_comes_in_without_the_token_and_the_desk_is_behind_it(
    program: Program,
) -> None:
    async with served(program) as (url, token, _), browser() as stranger, browser() as ours:
        for path in ("/", "/?token=", f"/?token={token[:-1]}", "/ws", "/static/js/textual.js"):
            async with stranger.get(url + path) as answer:
                assert answer.status == 403
                assert "watchdesk serve" in await answer.text()
        async with ours.get(f"{url}/?token={token}") as answer:
            assert answer.status == 200
            assert str(answer.url) == f"{url}/"
            page = await answer.text()
            policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        addresses = set(re.findall(r"[a-z]+://[^\"' )]+", page))
        assert addresses == {f"{url.replace('http', 'ws')}/ws"}
        for path in re.findall(r"\"(/static/[^\"]+)\"", page):
            async with ours.get(url + path) as answer:
                assert answer.status == 200
        elsewhere = {"Origin": "http://127.0.0.1:1"}
        async with ours.get(f"{url}/ws", headers=elsewhere) as answer:
            assert answer.status == 403
        async with ours.ws_connect(f"{url}/ws?width=100&height=30", origin=url) as socket:
            seen = b""
            while b"DRILL, SYNTHETIC DATA" not in seen:
                seen += (await socket.receive(PATIENCE_S)).data
            await socket.send_json(["stdin", "q"])
            while (await socket.receive(PATIENCE_S)).type is aiohttp.WSMsgType.BINARY:
                pass
            assert socket.closed


async def test_a_token_of_ones_own_is_not_printed(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    async with served(program, "--token-file", path) as (url, shown, _), browser() as ours:
        assert shown == "<the token>"
        async with ours.get(f"{url}/?token={TOKEN}") as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("arguments", "token", "said"),
    [
        (("--host", "0.0.0.0"), "", "lets others in: give a token"),
        (("--host", "192.0.2.1"), "short", "at least 16 characters"),
        (("--token-file", "/nonexistent"), "", "cannot be read"),
        (("--host", "192.0.2.1"), TOKEN, "cannot listen on 192.0.2.1"),
    ],
)
def test_what_cannot_be_served_is_said(
    program: Program, arguments: tuple[str, ...], token: str, said: str
) -> None:
    filled(program).close()
    program.env["WATCHDESK_TOKEN"] = token
    ran = program.run("serve", "--read-only", "--cache", program.cache, *arguments)
    assert ran.returncode == 2
    assert said in ran.stderr
