"""Three ways to send packets that die on the way: ICMP echo, UDP, TCP SYN.

Every way keeps what load balancers hash (addresses, protocol, ports or echo identifier,
checksum) the same for all TTLs of a target, from one trace to the next: a path is then the
path of one flow (Paris traceroute, Augustin et al. 2006), and a change of it is a change.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import socket
import struct
import time
import zlib
from typing import Final

import msgspec

from monitor.probes.echo import (
    EchoSocket,
    LocalFailureError,
    Message,
    Target,
    checksum,
    send_failure,
)
from monitor.probes.icmp_codes import TIME_EXCEEDED, local_reason, reason_of
from monitor.probes.wire import (
    ANCILLARY_BYTES,
    MSG_ERRQUEUE,
    RECEIVE_BYTES,
    Ancillary,
    IcmpError,
    listen_for_errors,
    mpls_labels,
    read_ancillary,
    rtt_ms,
    set_ttl,
    ttl_message,
)
from monitor.records import Reason

_TOKEN_BYTES: Final = 8
_FILLER: Final = b"watchdesk path probe"
_UDP_PORT: Final = 33434  # traceroute's first port: nobody listens there
_FIRST_PORT: Final = 20_000  # ours: below Linux's ephemeral range
_PORTS: Final = 12_000
_PORT_TRIES: Final = 16
_SEND_TRIES: Final = 5
_READ_BATCH: Final = 256
_TCPI_RTT: Final = 68  # offset of tcpi_rtt (microseconds) in struct tcp_info


class Answer(msgspec.Struct, frozen=True):
    """Who answered a shot.  ``final``: the target itself; ``refused``: why a router won't."""

    source: str
    rtt_ms: float
    icmp_type: int | None = None
    icmp_code: int | None = None
    reply_ttl: int | None = None
    labels: tuple[int, ...] = ()
    final: bool = False
    refused: Reason = Reason.NONE


class Shot:
    """One packet sent with ``ttl``."""

    __slots__ = ("answer", "proves", "sent_mono", "sent_wall", "ttl")

    def __init__(self, ttl: int) -> None:
        self.ttl = ttl
        # Whether silence would say anything: not where a hop was asked too often.
        self.proves = True
        self.sent_wall = time.time_ns()
        self.sent_mono = time.monotonic_ns()
        self.answer: Answer | None = None

    def rtt(self, stamp_ns: int | None) -> float:
        return rtt_ms(stamp_ns, self.sent_wall, time.monotonic_ns() - self.sent_mono)


class Flow:
    """One flow to one target.  ``serial``: only one shot may be on its way.

    ``ident`` is the echo identifier or source port, 0 before one is known.
    """

    method = ""
    serial = False
    ident = 0

    def __init__(self, target: Target) -> None:
        self.target = target
        self._news = asyncio.Event()
        self._shots: dict[int, Shot] = {}

    def forget(self, seconds: float) -> None:
        """Drop shots older than ``seconds``: nobody waits for them any more."""
        oldest = time.monotonic_ns() - int(seconds * 1e9)
        kept = self._shots
        gone = list(itertools.takewhile(lambda seq: kept[seq].sent_mono < oldest, kept))
        for seq in gone:
            del self._shots[seq]

    def send(self, ttl: int) -> Shot:
        """Send one packet; raises LocalFailureError when our machine would not."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    async def settle(self, shots: list[Shot], seconds: float) -> None:
        """Wait until nothing more is to be learnt from ``shots``, or for ``seconds``."""
        if _settled(shots):
            return
        try:
            async with asyncio.timeout(seconds):
                while not _settled(shots):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return

    def _heard(self, shot: Shot, answer: Answer) -> None:
        if shot.answer is None:
            shot.answer = answer
            self._news.set()

    def _by_icmp(self, shot: Shot, beside: Ancillary, labels: tuple[int, ...]) -> None:
        """An ICMP error came for ``shot``."""
        said = beside.error
        assert said is not None
        expired = (said.icmp_type, said.icmp_code) == TIME_EXCEEDED[self.target.version]
        final = said.offender == self.target.text and not expired
        reason = reason_of(self.target.version, said.icmp_type, said.icmp_code)
        answer = Answer(
            said.offender,
            shot.rtt(beside.stamp_ns),
            said.icmp_type,
            said.icmp_code,
            beside.ttl,
            labels,
            final=final,
            refused=Reason.NONE if final or expired else reason,
        )
        self._heard(shot, answer)


def _settled(shots: list[Shot]) -> bool:
    """Every shot is answered up to the first that reached its end."""
    for shot in shots:
        if shot.answer is None:
            return False
        if shot.answer.final or shot.answer.refused is not Reason.NONE:
            return True
    return True


class IcmpFlow(Flow):
    """Echo requests with a fixed identifier; a word beside the number keeps the checksum."""

    method = "icmp"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._token = os.urandom(_TOKEN_BYTES)
        self._seq = int.from_bytes(os.urandom(2), "big")
        self._socket = EchoSocket(target.family, self._message, 1024 + _stable(target, 64_000))
        self.ident = self._socket.ident

    def send(self, ttl: int) -> Shot:
        self._seq = (self._seq + 1) & 0xFFFF
        body = self._body(self._seq)
        shot = self._shots[self._seq] = Shot(ttl)
        self._socket.send(self.target, self._seq, body, ttl)
        return shot

    def _body(self, seq: int) -> bytes:
        return _balance(seq, self._token) + self._token + _FILLER

    def _message(self, message: Message) -> None:
        shot = self._shots.get(message.seq)
        if shot is None or message.destination != self.target.text:
            return
        expected = self._body(message.seq)[: 2 + _TOKEN_BYTES]
        got = message.body[: len(expected)]
        if message.error:
            # A router may quote less, or fill up with zeros (RFC 4884 section 5).
            if expected.startswith(got.rstrip(b"\0")):
                said = IcmpError(message.icmp_type, message.icmp_code, message.source, 0)
                beside = Ancillary(said, message.stamp_ns, message.ttl)
                self._by_icmp(shot, beside, message.labels)
        elif got == expected:
            rtt = shot.rtt(message.stamp_ns)
            kind, code = message.icmp_type, message.icmp_code
            self._heard(shot, Answer(message.source, rtt, kind, code, message.ttl, final=True))

    def close(self) -> None:
        self._socket.close()


class UdpFlow(Flow):
    """Datagrams between fixed ports, told apart by a marker in the payload.

    A router that quotes only the UDP header hides the marker: the flow then turns serial,
    and what comes back belongs to the one shot on its way.
    """

    method = "udp"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.serial = False
        self._newest: Shot | None = None
        self._alone = True
        self._token = os.urandom(_TOKEN_BYTES)
        self._seq = int.from_bytes(os.urandom(2), "big")
        self._sock = socket.socket(target.family, socket.SOCK_DGRAM)
        try:
            listen_for_errors(self._sock, target.family)
            _bind(self._sock, target)
            self.ident = self._sock.getsockname()[1]
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._sock.fileno(), self._drain)
        except OSError as error:
            self._sock.close()
            raise LocalFailureError(local_reason(error.errno or 0), str(error)) from error

    def send(self, ttl: int) -> Shot:
        self._seq = (self._seq + 1) & 0xFFFF
        control = ttl_message(self.target.family, ttl)
        self._alone = self.serial or not self._shots
        shot = self._shots[self._seq] = self._newest = Shot(ttl)
        packet = self._marker(self._seq) + _FILLER
        for _ in range(_SEND_TRIES):
            try:
                self._sock.sendmsg([packet], control, 0, self.target.sockaddr(_UDP_PORT))
            except OSError as error:
                # Perhaps the queued ICMP error of an earlier shot: take it, try again.
                failed = error
                self._drain()
            else:
                return shot
        raise send_failure(self.target, failed)

    def _marker(self, seq: int) -> bytes:
        return struct.pack("!H", seq) + _balance(seq, self._token) + self._token

    def _drain(self) -> None:
        for flags in (MSG_ERRQUEUE, 0):
            for _ in range(_READ_BATCH):
                try:
                    data, control, _, peer = self._sock.recvmsg(
                        RECEIVE_BYTES, ANCILLARY_BYTES, flags
                    )
                except BlockingIOError:
                    break
                except OSError:
                    # The pending error of a shot; reading has cleared it.
                    continue
                source = str(peer[0]).partition("%")[0]
                if source == self.target.text and peer[1] == _UDP_PORT:
                    self._datagram(data, read_ancillary(control), bool(flags))

    def _datagram(self, data: bytes, beside: Ancillary, quoted: bool) -> None:
        said = beside.error
        if quoted and said is None:
            return
        cut = said.extensions_at if said is not None and said.extensions_at else len(data)
        shot = self._whose(data[:cut].rstrip(b"\0"))
        if shot is None:
            return
        if said is None:
            rtt = shot.rtt(beside.stamp_ns)
            self._heard(shot, Answer(self.target.text, rtt, None, None, beside.ttl, final=True))
        else:
            self._by_icmp(shot, beside, mpls_labels(data, said.extensions_at))

    def _whose(self, payload: bytes) -> Shot | None:
        """The shot a payload or quote belongs to."""
        if len(payload) >= 4:
            (seq,) = struct.unpack_from("!H", payload)
            known = self._marker(seq).startswith(payload[: 4 + _TOKEN_BYTES])
            return self._shots.get(seq) if known else None
        if self._alone:
            return self._newest
        self.serial = True
        return None

    def close(self) -> None:
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()


class TcpFlow(Flow):
    """SYNs from one port, one after the other: a connect() that may die on the way.

    An established connection is reset at once; nothing is ever sent over it.
    """

    method = "tcp"
    serial = True

    def __init__(self, target: Target, port: int) -> None:
        super().__init__(target)
        self._port = port
        self._sock: socket.socket | None = None
        self._loop = asyncio.get_running_loop()

    def send(self, ttl: int) -> Shot:
        self.close()
        try:
            try:
                return self._connect(ttl, same_port=True)
            except OSError as error:
                # Another trace to this target holds the very same flow.
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                return self._connect(ttl, same_port=False)
        except OSError as error:
            raise send_failure(self.target, error) from error

    def _connect(self, ttl: int, *, same_port: bool) -> Shot:
        sock = self._sock = socket.socket(self.target.family, socket.SOCK_STREAM)
        listen_for_errors(sock, self.target.family)
        set_ttl(sock, self.target.family, ttl)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if same_port:
            _bind(sock, self.target)
            self.ident = sock.getsockname()[1]
        shot = Shot(ttl)
        try:
            sock.connect(self.target.sockaddr(self._port))
        except BlockingIOError:
            self._loop.add_writer(sock.fileno(), self._ended, sock, shot)
        except ConnectionRefusedError:
            self._by_host(sock, shot)
        else:
            self._by_host(sock, shot)
        return shot

    def _ended(self, sock: socket.socket, shot: Shot) -> None:
        """The connect came to an end: by the host, or by an ICMP error."""
        self._loop.remove_writer(sock.fileno())
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        try:
            data, control, _, _ = sock.recvmsg(RECEIVE_BYTES, ANCILLARY_BYTES, MSG_ERRQUEUE)
        except OSError:
            data, control = b"", []
        beside = read_ancillary(control)
        said = beside.error
        if said is not None:
            self._by_icmp(shot, beside, mpls_labels(data, said.extensions_at))
        elif number in (0, errno.ECONNREFUSED, errno.ECONNRESET):
            self._by_host(sock, shot)

    def _by_host(self, sock: socket.socket, shot: Shot) -> None:
        """The target answered: SYN and ACK, with the kernel's own RTT, or a reset."""
        taken = shot.rtt(None)
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        if len(info) >= _TCPI_RTT + 4:
            (kernel,) = struct.unpack_from("=I", info, _TCPI_RTT)
            taken = min(taken, kernel / 1000) if kernel else taken
        self._heard(shot, Answer(self.target.text, taken, final=True))

    def close(self) -> None:
        if self._sock is not None:
            self._loop.remove_writer(self._sock.fileno())
            self._sock.close()
            self._sock = None


def _balance(seq: int, token: bytes) -> bytes:
    """The word that, beside ``seq`` and ``token``, keeps a packet's checksum the same."""
    return struct.pack("!H", checksum(struct.pack("!H", seq) + token))


def _stable(target: Target, modulus: int) -> int:
    """The same number for a target in every process: its flow stays the same flow."""
    return zlib.crc32(target.text.encode()) % modulus


def _bind(sock: socket.socket, target: Target) -> None:
    """Take the target's own source port, or the next free one."""
    anywhere = "0.0.0.0" if target.version == 4 else "::"  # noqa: S104 - the kernel picks
    start = _stable(target, _PORTS)
    for step in range(_PORT_TRIES):
        try:
            sock.bind((anywhere, _FIRST_PORT + (start + step) % _PORTS))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return
    sock.bind((anywhere, 0))
