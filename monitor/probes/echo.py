"""One ICMP echo socket on the event loop: a ping socket, or a raw one as second choice.

A ping socket (``SOCK_DGRAM``, ``IPPROTO_ICMP``) needs no privilege where the sysctl
``net.ipv4.ping_group_range`` covers one of our groups; it gates IPv6 as well.  Both kinds
speak the same here: :class:`Message` in, ``send`` out.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec

from monitor.probes.icmp_codes import ECHO_REPLY, ECHO_REQUEST, local_reason
from monitor.probes.wire import (
    ANCILLARY_BYTES,
    MSG_ERRQUEUE,
    RECEIVE_BYTES,
    SUPPORTED,
    Ancillary,
    listen_for_errors,
    mpls_labels,
    read_ancillary,
    ttl_message,
)
from monitor.records import Reason

PING_REMEDY: Final = (
    "let everybody ping: sysctl -w net.ipv4.ping_group_range='0 2147483647' "
    "(it counts for IPv6 too), or give the program CAP_NET_RAW"
)
PLATFORM_REMEDY: Final = "ICMP and path probes use the error queue of Linux sockets"
# The kernel turns receive stamps on a moment after they are asked for; a packet that comes
# before is stamped when it is read (measured: 50 ms instead of 0.04).
WARM_UP_S: Final = 0.02

HEADER: Final = struct.Struct("!BBHHH")
_RECEIVE_BUFFER: Final = 4 << 20
_SEND_TRIES: Final = 5
_READ_BATCH: Final = 256
_SOL_RAW: Final = 255
_ICMP_FILTER: Final = 1
_ICMP6_FILTER: Final = 1


class LocalFailureError(Exception):
    """Our own machine could not look; ``reason`` is typed, the text is for people."""

    def __init__(self, reason: Reason, note: str) -> None:
        super().__init__(note)
        self.reason = reason
        self.note = note


class Target(msgspec.Struct, frozen=True):
    """An address to probe: ``text`` without zone, and what the socket calls want."""

    text: str
    version: int
    family: int
    scope: int = 0

    def sockaddr(self, port: int = 0) -> tuple[str, int] | tuple[str, int, int, int]:
        if self.version == 4:
            return (self.text, port)
        return (self.text, port, 0, self.scope)


class Message(msgspec.Struct, frozen=True, gc=False):
    """An echo reply, or an ICMP error about one of our requests.

    ``source`` spoke; ``destination`` is where the request went; ``body`` is what follows
    the echo header (quotes may be cut to nothing); ``ttl`` is the received one.
    """

    seq: int
    source: str
    destination: str
    icmp_type: int
    icmp_code: int
    error: bool
    body: bytes
    stamp_ns: int | None
    ttl: int | None
    labels: tuple[int, ...] = ()


def target_of(address: str) -> Target:
    """The target an IP address in text names.

    Raises ValueError for what is no address, LocalFailureError for an unknown zone.
    """
    text, _, zone = address.partition("%")
    found = _target_without_zone(text)
    if not zone:
        return found
    ipaddress.IPv6Address(address)
    try:
        scope = int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
    except OSError as error:
        raise LocalFailureError(Reason.NO_ROUTE, f"no interface {zone} here") from error
    return Target(found.text, 6, socket.AF_INET6, scope)


@lru_cache(4096)
def _target_without_zone(address: str) -> Target:
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return Target(str(parsed), 4, socket.AF_INET)
    return Target(str(parsed), 6, socket.AF_INET6)


def own_address(target: Target) -> str:
    """The address this machine would speak from; raises OSError where there is no route."""
    with socket.socket(target.family, socket.SOCK_DGRAM) as probe:
        # Connecting a datagram socket only looks up the route: nothing is sent.
        probe.connect(target.sockaddr(9))
        return str(probe.getsockname()[0]).partition("%")[0]


def send_failure(target: Target, error: OSError) -> LocalFailureError:
    """What a failed send to ``target`` means, by asking a socket that owes nothing.

    A send on a shared socket can report somebody else's ICMP error; a fresh socket tells
    whether we have a route at all.
    """
    try:
        own_address(target)
    except OSError as own:
        return LocalFailureError(local_reason(own.errno or 0), f"{own.strerror}: {target.text}")
    reason = local_reason(error.errno or 0)
    if reason is Reason.NO_ROUTE:
        reason = Reason.LOCAL_LIMIT
    note = "a packet filter of this machine" if error.errno == errno.EPERM else error.strerror
    return LocalFailureError(reason, f"{note}: {target.text}")


def open_ping(family: int) -> socket.socket:
    """A ping socket; raises PermissionError (or another OSError) where it may not be."""
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    return socket.socket(family, socket.SOCK_DGRAM, protocol)


def open_raw(family: int) -> socket.socket:
    """A raw ICMP socket that lets only echo replies through; needs CAP_NET_RAW."""
    if family == socket.AF_INET:
        sock = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        blocked = ~(1 << ECHO_REPLY[4]) & 0xFFFFFFFF
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", blocked))
        return sock
    sock = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    words = [0xFFFFFFFF] * 8
    words[ECHO_REPLY[6] >> 5] &= ~(1 << (ECHO_REPLY[6] & 31))
    sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *words))
    return sock


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) & 1)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class EchoSocket:
    """Sends echo requests and hands every message about them to ``heard``.

    ``ident`` asks for an echo identifier (0 takes any); another is taken where it is in
    use.  Raises LocalFailureError when no socket may be had.
    """

    def __init__(self, family: int, heard: Callable[[Message], None], ident: int = 0) -> None:
        self._version = 4 if family == socket.AF_INET else 6
        self._heard = heard
        self._sock, self.kind = _open(family)
        try:
            listen_for_errors(self._sock, family)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            self.ident = self._take_ident(ident)
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._sock.fileno(), self.drain)
        except OSError as error:
            self._sock.close()
            raise LocalFailureError(local_reason(error.errno or 0), str(error)) from error

    def _take_ident(self, wanted: int) -> int:
        if self.kind == "raw":
            return wanted or int.from_bytes(os.urandom(2), "big") or 1
        anywhere = "0.0.0.0" if self._version == 4 else "::"  # noqa: S104 - a ping socket
        try:
            self._sock.bind((anywhere, wanted))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            self._sock.bind((anywhere, 0))
        ident: int = self._sock.getsockname()[1]
        return ident

    def send(self, target: Target, seq: int, body: bytes, ttl: int | None = None) -> None:
        """Send one echo request; raises LocalFailureError when it could not be sent."""
        kind = ECHO_REQUEST[self._version]
        packet = HEADER.pack(kind, 0, 0, self.ident, seq) + body
        if self.kind == "raw" and self._version == 4:
            packet = HEADER.pack(kind, 0, checksum(packet), self.ident, seq) + body
        control = [] if ttl is None else ttl_message(target.family, ttl)
        for _ in range(_SEND_TRIES):
            try:
                self._sock.sendmsg([packet], control, 0, target.sockaddr())
            except OSError as error:
                # Perhaps the queued ICMP error of another request: take it and try again.
                failed = error
                self.drain()
            else:
                return
        raise send_failure(target, failed)

    def drain(self) -> None:
        """Read what has come: first the error queue, then the replies."""
        self._read(MSG_ERRQUEUE)
        self._read(0)

    def _read(self, flags: int) -> None:
        for _ in range(_READ_BATCH):
            try:
                data, control, _, source = self._sock.recvmsg(
                    RECEIVE_BYTES, ANCILLARY_BYTES, flags
                )
            except BlockingIOError:
                return
            except OSError:
                # The pending error of a request; reading has cleared it.
                continue
            beside = read_ancillary(control)
            message = self._message(data, beside, str(source[0]).partition("%")[0], flags)
            if message is not None:
                self._heard(message)

    def _message(self, data: bytes, beside: Ancillary, peer: str, flags: int) -> Message | None:
        """The message in one datagram, or None when it is not about our requests."""
        if self.kind == "raw" and self._version == 4 and not flags and data:
            data = data[(data[0] & 15) * 4 :]
        if len(data) < HEADER.size or (flags and beside.error is None):
            return None
        kind, code, _, ident, seq = HEADER.unpack_from(data)
        expected = ECHO_REQUEST if flags else ECHO_REPLY
        if ident != self.ident or kind != expected[self._version]:
            return None
        body = data[HEADER.size :]
        said = beside.error
        if said is None:
            return Message(
                seq, peer, peer, kind, code, False, body, beside.stamp_ns, beside.ttl
            )
        return Message(
            seq,
            said.offender,
            peer,
            said.icmp_type,
            said.icmp_code,
            True,
            body[: max(0, said.extensions_at - HEADER.size)] if said.extensions_at else body,
            beside.stamp_ns,
            beside.ttl,
            mpls_labels(data, said.extensions_at),
        )

    def close(self) -> None:
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()


def _open(family: int) -> tuple[socket.socket, str]:
    if not SUPPORTED:
        raise LocalFailureError(Reason.NOT_PERMITTED, PLATFORM_REMEDY)
    try:
        return open_ping(family), "ping"
    except OSError as error:
        refused = error
    try:
        return open_raw(family), "raw"
    except PermissionError:
        pass
    except OSError as error:
        refused = error
    reason = local_reason(refused.errno or 0)
    note = PING_REMEDY if reason is Reason.NOT_PERMITTED else str(refused)
    raise LocalFailureError(reason, note)
