"""RIS Live and RIPEstat on loopback, well behaved and not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

from .samples import keepalive, looking_glass

STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    kind = "" if "Content-Type" in headers else "Content-Type: application/json\r\n"
    head = f"HTTP/1.1 {status}\r\n{kind}{headers}Content-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body


@contextlib.asynccontextmanager
async def serving(handler) -> AsyncIterator[str]:
    """Serve ``handler(request, writer)``; yields the base URL and cuts off at the end."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            await handler(request, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()
            tasks.discard(asyncio.current_task())

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class RisServer:
    """A RIS Live: ``script`` holds what each kind of stream is sent, in pieces of bytes;
    ``None`` stalls, and the end of a script cuts the stream off.  ``head`` replaces the
    beginning of an answer.  The canary sings by itself as long as ``singing``.
    """

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.requests: list[str] = []
        self.script: dict[str, list[bytes | None]] = {}
        self.plain: bytes | None = None
        self.singing = True
        self.canary_age_s = 0.0
        self._lively: dict[str, set[asyncio.Queue]] = {}
        self.arrived = asyncio.Condition()

    def say(self, kind: str, data: bytes) -> None:
        for queue in self._lively.get(kind, ()):
            queue.put_nowait(data)

    async def __call__(self, request, writer) -> None:
        self.requests.append(request)
        asked = json.loads(re.search(r"(?i)x-ris-subscribe: *(.+?)\r", request)[1])
        self.asked.append(asked)
        if self.plain is not None:
            writer.write(self.plain)
            return
        kind = asked["type"]
        queue: asyncio.Queue = asyncio.Queue()
        self._lively.setdefault(kind, set()).add(queue)
        async with self.arrived:
            self.arrived.notify_all()
        try:
            writer.write(STREAM)
            if kind in self.script:
                await self._play(self.script[kind], writer)
            elif kind == "KEEPALIVE":
                while self.singing:
                    data = keepalive(time.time() - self.canary_age_s) + b"\n\n"
                    writer.write(chunk(data))
                    await writer.drain()
                    await asyncio.sleep(0.02)
                await asyncio.Event().wait()
            else:
                while True:
                    writer.write(chunk(await queue.get()))
                    await writer.drain()
        finally:
            self._lively[kind].discard(queue)

    @staticmethod
    async def _play(script, writer) -> None:
        for piece in script:
            if piece is None:
                await writer.drain()
                await asyncio.Event().wait()
            writer.write(piece)
            await writer.drain()


class StatServer:
    """A RIPEstat looking glass: ``tables`` holds paths by peer, by prefix; ``plain`` whole
    answers by prefix that are sent instead.
    """

    def __init__(self, tables: dict[str, dict[str, str]] | None = None) -> None:
        self.tables = tables or {}
        self.plain: dict[str, bytes | None] = {}
        self.asked: list[str] = []
        self.paths: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.hold_s = 0.0

    async def __call__(self, request, writer) -> None:
        url = urlsplit(request.split()[1])
        self.paths.append(url.path)
        prefix = parse_qs(url.query)["resource"][0]
        self.asked.append(prefix)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.hold_s)
            if prefix in self.plain:
                if self.plain[prefix] is None:
                    await asyncio.Event().wait()
                writer.write(self.plain[prefix])
                return
            at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
            body = looking_glass(prefix, self.tables.get(prefix, {}), at=at)
            writer.write(answer(json.dumps(body).encode()))
        finally:
            self.at_once -= 1
