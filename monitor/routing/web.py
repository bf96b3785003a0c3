"""What the HTTP feeds share: one client, what its failures mean, and lines out of bytes."""

from __future__ import annotations

import asyncio
import email.utils
import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from monitor.records import SECOND, FeedReason, Micros

if TYPE_CHECKING:
    import httpx

MAX_RETRY_AFTER_S: Final = 3_600.0
CONNECT_S: Final = 15.0

_MEANINGS: Final[tuple[tuple[type[BaseException], FeedReason], ...]] = (
    (socket.gaierror, FeedReason.NAME),
    (ssl.SSLError, FeedReason.TLS),
    (ConnectionRefusedError, FeedReason.REFUSED),
    (ConnectionError, FeedReason.CLOSED),
)


class FeedFailure(Exception):  # noqa: N818 - an answer, not an error
    """A feed gave nothing usable; ``retry_after_s`` is what it asked us to wait."""

    def __init__(self, reason: FeedReason, note: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(reason, note)
        self.reason = reason
        self.note = note
        self.retry_after_s = retry_after_s


async def open_client(read_s: float | None = None) -> httpx.AsyncClient:
    """A client whose connections notice a dead path; built off the event loop, as loading
    the certificates of a machine takes tens of milliseconds.  ``read_s`` bounds one read.
    """
    return await asyncio.to_thread(_client, read_s)


def _client(read_s: float | None) -> httpx.AsyncClient:
    import httpx  # noqa: PLC0415 - only who asks a feed pays for it

    # A stream may be quiet for hours: only the kernel can tell that its path is gone.
    options = [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    ]
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(
            verify=ssl.create_default_context(),
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=8),
            socket_options=options,
        ),
        timeout=httpx.Timeout(CONNECT_S, read=read_s),
        headers={"Accept-Encoding": "identity", "User-Agent": "watchdesk"},
        follow_redirects=False,
    )


def refuse_status(response: httpx.Response, now: Micros) -> None:
    """Raise FeedFailure unless this is the beginning of a JSON answer."""
    status = response.status_code
    if status != 200:
        rate = status in (429, 503)
        reason = FeedReason.RATE_LIMITED if status == 429 else FeedReason.HTTP_STATUS
        wait = retry_after(response.headers.get("retry-after", ""), now) if rate else 0.0
        raise FeedFailure(reason, str(status), wait)
    kind = response.headers.get("content-type", "").lower()
    if "html" in kind or response.headers.get("content-encoding", "identity") != "identity":
        raise FeedFailure(FeedReason.NOT_JSON)


def retry_after(value: str, now: Micros) -> float:
    """Seconds that a Retry-After asks for (RFC 9110 section 10.2.3), at most an hour."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_RETRY_AFTER_S)
    try:
        at = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
    return min(max(0.0, at - now / SECOND), MAX_RETRY_AFTER_S)


async def fetch(
    client: httpx.AsyncClient, url: str, params: dict[str, str], now: Micros, limit: int
) -> bytes:
    """The body of a JSON answer of at most ``limit`` bytes; raises FeedFailure, or what
    :func:`failure_of` makes one of.
    """
    async with client.stream("GET", url, params=params) as response:
        refuse_status(response, now)
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > limit:
                raise FeedFailure(FeedReason.TOO_LARGE)
        return bytes(body)


def failure_of(error: BaseException) -> FeedFailure:
    """What an error of httpx, asyncio or the system means."""
    import httpx  # noqa: PLC0415 - whoever holds such an error has loaded it

    if isinstance(error, FeedFailure):
        return error
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return FeedFailure(FeedReason.TIMEOUT)
    for cause in _causes(error):
        for kind, reason in _MEANINGS:
            if isinstance(cause, kind):
                return FeedFailure(reason)
    if isinstance(error, httpx.RemoteProtocolError):
        cut = "without" in str(error)  # h11: "peer closed connection without sending ..."
        return FeedFailure(FeedReason.TRUNCATED if cut else FeedReason.PROTOCOL)
    if isinstance(error, httpx.ReadError | httpx.WriteError):
        return FeedFailure(FeedReason.CLOSED)
    if isinstance(error, httpx.ConnectError | OSError):
        return FeedFailure(FeedReason.UNREACHABLE)
    if isinstance(error, httpx.HTTPError):
        return FeedFailure(FeedReason.PROTOCOL)
    return FeedFailure(FeedReason.CRASHED, type(error).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and the members of groups; a few dozen at most."""
    waiting, seen = [error], 0
    while waiting and seen < 32:
        found = waiting.pop()
        seen += 1
        yield found
        if isinstance(found, BaseExceptionGroup):
            waiting.extend(found.exceptions)
        waiting.extend(
            cause for cause in (found.__cause__, found.__context__) if cause is not None
        )


class Lines:
    """Cuts a stream of bytes into lines of at most ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()

    @property
    def unfinished(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes; raises FeedFailure where one is too long."""
        self._rest += data
        if b"\n" in data:
            *lines, rest = bytes(self._rest).split(b"\n")
            self._rest = bytearray(rest)
        else:
            lines = []
        if len(self._rest) > self._limit or any(len(line) > self._limit for line in lines):
            raise FeedFailure(FeedReason.TOO_LARGE)
        return lines
