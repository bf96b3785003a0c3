"""One HTTP/1.1 request and its answer over a stream, every size bounded.  RFC 9112."""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

import h11

from monitor.clock import Clock
from monitor.probes.failures import Failure
from monitor.probes.stream import Stream
from monitor.records import Reason

MAX_HEADERS: Final = 65_536
MAX_BODY: Final = 1 << 20
# A MiB in one-byte chunks would keep the parser busy for ten seconds.
_MAX_EVENTS: Final = 16_384
_EVENTS_BEFORE_YIELD: Final = 64
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_RAW_DEFLATE: Final = -zlib.MAX_WBITS


class Answer:
    """What came back, filled in as it comes, so that a deadline leaves what was seen.

    ``first_byte_ms`` is from the request to the first byte of the answer; ``size`` counts
    body bytes as transferred; ``cut`` says that the body is longer than we keep.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.version = ""
        self.headers: dict[str, str] = {}
        self.first_byte_ms: float | None = None
        self.size = 0
        self.cut = False
        self.body = bytearray()
        self._head_bytes = 0

    def came(self, data: bytes, after_ms: float) -> None:
        """Note that bytes (or the end) came.  Raises Failure: nothing, or too much, so far."""
        if self.first_byte_ms is None:
            if not data:
                raise Failure(Reason.CLOSED)
            self.first_byte_ms = after_ms
        if self.status is None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEADERS:
                raise Failure(Reason.HTTP_TOO_LARGE, "headers")

    def content(self) -> bytes:
        """The body without its content coding, at most 1 MiB.

        Raises Failure (HTTP_PROTOCOL) when it is not what it says it is.
        """
        coding = self.headers.get("content-encoding", "").strip().lower()
        if coding not in ("gzip", "x-gzip", "deflate"):
            return bytes(self.body)
        try:
            return self._unpacked(_GZIP_OR_ZLIB)
        except zlib.error as error:
            if coding != "deflate":
                raise Failure(Reason.HTTP_PROTOCOL, f"broken {coding}") from error
        try:
            # Some servers send the bare stream (RFC 9110 section 8.4.1.2).
            return self._unpacked(_RAW_DEFLATE)
        except zlib.error as error:
            raise Failure(Reason.HTTP_PROTOCOL, "broken deflate") from error

    def _unpacked(self, window: int) -> bytes:
        unpacker = zlib.decompressobj(window)
        content = unpacker.decompress(bytes(self.body), MAX_BODY)
        if unpacker.unconsumed_tail:
            self.cut = True
        return content


async def exchange(stream: Stream, request: h11.Request, answer: Answer, clock: Clock) -> None:
    """Send ``request`` and fill ``answer``; the caller holds the deadline.  Raises Failure."""
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADERS)
    data = (parser.send(request) or b"") + (parser.send(h11.EndOfMessage()) or b"")
    started = clock.monotonic()
    await stream.send(data)
    events = 0
    while True:
        try:
            event = parser.next_event()
        except h11.RemoteProtocolError as error:
            raise _broken(error) from error
        if event is h11.NEED_DATA:
            data = await stream.receive()
            answer.came(data, (clock.monotonic() - started) * 1000)
            parser.receive_data(data)
            continue
        events += 1
        if events > _MAX_EVENTS:
            raise Failure(Reason.HTTP_PROTOCOL, "in too many pieces")
        if events % _EVENTS_BEFORE_YIELD == 0:
            await asyncio.sleep(0)
        if _take(event, answer):
            return


def _take(event: object, answer: Answer) -> bool:
    """Enter one event into the answer; True when there is no more to come or to keep."""
    if isinstance(event, h11.Response):
        answer.status = event.status_code
        answer.version = event.http_version.decode("ascii")
        for name, value in event.headers:
            answer.headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    elif isinstance(event, h11.Data):
        room = MAX_BODY - len(answer.body)
        answer.body += event.data[:room]
        answer.size += len(event.data)
        if answer.size > MAX_BODY:
            answer.cut = True
            return True
    elif isinstance(event, h11.EndOfMessage):
        return True
    elif not isinstance(event, h11.InformationalResponse) or event.status_code == 101:
        # A switch of protocols we did not ask for, or an end in the middle.
        raise Failure(Reason.HTTP_PROTOCOL, "no complete answer")
    return False


def _broken(error: h11.RemoteProtocolError) -> Failure:
    too_large = error.error_status_hint == 431
    return Failure(Reason.HTTP_TOO_LARGE if too_large else Reason.HTTP_PROTOCOL, error)
