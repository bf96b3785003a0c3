"""A TCP connection of our own, with TLS when asked, whose times are the kernel's.

Plain coroutines on a non-blocking socket: no transport, no buffer that grows, and each
step can be timed.  No call here has a deadline of its own: callers hold one
``asyncio.timeout`` over all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from typing import Final, Self

from monitor.clock import Clock
from monitor.probes import tls as tls_facts
from monitor.probes.failures import Failure, own_failure, talk_failure, want_words
from monitor.records import Reason, TlsFacts

CHUNK: Final = 16_384
_READS_BEFORE_YIELD: Final = 8
# struct tcp_info of linux/tcp.h: tcpi_rtt in microseconds, tcpi_total_retrans.
_TCP_INFO_SIZE: Final = 104
_TCP_INFO_RTT: Final = 68
_TCP_INFO_RETRANS: Final = 100


class Stream:
    """A connection; made by :meth:`connect`, ended by :meth:`close` or ``with``.

    ``connect_ms`` is by our clock; ``kernel_rtt_ms`` by the kernel's (None where it gives
    none), so a stall of ours does not show in it; ``syns`` counts how often it had to ask.
    """

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        self._sock = sock
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._reads = 0
        self._inbox = ssl.MemoryBIO()
        self._outbox = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self.connect_ms = 0.0
        self.kernel_rtt_ms: float | None = None
        self.syns = 1
        self.tls_ms: float | None = None
        self.tls: TlsFacts | None = None

    @property
    def rtt_ms(self) -> float:
        """The kernel's round-trip time where it gives one, else how long connect took."""
        return self.connect_ms if self.kernel_rtt_ms is None else self.kernel_rtt_ms

    @classmethod
    async def connect(cls, address: str, port: int, clock: Clock) -> Self:
        """Connect to a literal address.  Raises Failure."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise own_failure(error, family) from error
        try:
            sock.setblocking(False)
            want_words(sock)
            # The request follows the handshake's last flight at once: never wait for its ACK.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = cls(sock, clock)
            await stream._reach(address, port)
        except BaseException:
            sock.close()
            raise
        return stream

    async def _reach(self, address: str, port: int) -> None:
        started = self._clock.monotonic()
        try:
            # Asked for directly, an error that comes at once is known to be our own.
            self._sock.connect((address, port))
        except BlockingIOError:
            try:
                await self._loop.sock_connect(self._sock, (address, port))
            except OSError as error:
                raise talk_failure(error, self._sock) from error
        except ConnectionRefusedError as error:
            raise Failure(Reason.REFUSED) from error
        except OSError as error:
            raise own_failure(error, self._sock.family) from error
        self.connect_ms = (self._clock.monotonic() - started) * 1000
        self._ask_kernel()

    def _ask_kernel(self) -> None:
        if sys.platform != "linux":
            return
        info = self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
        (rtt,) = struct.unpack_from("=I", info, _TCP_INFO_RTT)
        (retransmitted,) = struct.unpack_from("=I", info, _TCP_INFO_RETRANS)
        self.kernel_rtt_ms = rtt / 1000 if rtt else None
        self.syns = 1 + retransmitted

    async def secure(self, context: ssl.SSLContext, server_name: str) -> None:
        """Shake hands; sets ``tls`` (also when it fails) and ``tls_ms``.  Raises Failure."""
        started = self._clock.monotonic()
        try:
            link = context.wrap_bio(self._inbox, self._outbox, server_hostname=server_name)
        except (ValueError, ssl.SSLError) as error:
            raise Failure(Reason.TLS_HANDSHAKE, error) from error
        self._tls = link
        while True:
            try:
                link.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._take()
                if not data:
                    raise Failure(Reason.CLOSED, "closed during the TLS handshake") from None
                self._inbox.write(data)
            except ssl.SSLCertVerificationError as error:
                self.tls = tls_facts.facts(link, error)
                self._say_goodbye()
                raise Failure(self.tls.problem, self.tls.problem_text, tls=self.tls) from error
            except ssl.SSLError as error:
                self._say_goodbye()
                raise Failure(Reason.TLS_HANDSHAKE, error.reason or error) from error
        await self._flush()
        self.tls_ms = (self._clock.monotonic() - started) * 1000
        self.tls = tls_facts.facts(link)

    def _say_goodbye(self) -> None:
        """Send the alert, if it goes at once: the server's log should say why we left."""
        with contextlib.suppress(OSError):
            self._sock.send(self._outbox.read())

    async def send(self, data: bytes) -> None:
        """Send all of it.  Raises Failure."""
        if self._tls is None:
            await self._give(data)
            return
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise Failure(Reason.CLOSED, error.reason or error) from error
        await self._flush()

    async def receive(self) -> bytes:
        """Some bytes, at most CHUNK; none at the end of the stream.  Raises Failure."""
        if self._tls is None:
            return await self._take()
        while True:
            try:
                return self._tls.read(CHUNK)
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._take()
                if data:
                    self._inbox.write(data)
                else:
                    self._inbox.write_eof()
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                return b""
            except ssl.SSLError as error:
                raise Failure(Reason.CLOSED, error.reason or error) from error

    async def _flush(self) -> None:
        data = self._outbox.read()
        if data:
            await self._give(data)

    async def _give(self, data: bytes) -> None:
        try:
            await self._loop.sock_sendall(self._sock, data)
        except OSError as error:
            raise talk_failure(error, self._sock) from error

    async def _take(self) -> bytes:
        # A flood is always readable at once: without this nobody else would get a turn.
        self._reads += 1
        if self._reads % _READS_BEFORE_YIELD == 0:
            await asyncio.sleep(0)
        try:
            return await self._loop.sock_recv(self._sock, CHUNK)
        except OSError as error:
            raise talk_failure(error, self._sock) from error

    def close(self) -> None:
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
