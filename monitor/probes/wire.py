"""The Linux socket error queue, read: who answered, when, and from how far.

Linux hands ICMP errors to the socket that caused them (ip(7), ``IP_RECVERR``), which needs
no privilege.  Each message carries a ``struct sock_extended_err`` followed by the address
of the router that spoke.  The numbers below are Linux's; Python names only some of them.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterable
from typing import Final

import msgspec

SUPPORTED: Final = sys.platform.startswith("linux")

SOL_IP: Final = 0
SOL_IPV6: Final = 41
IP_TTL: Final = 2
IP_RECVERR: Final = 11
IP_RECVTTL: Final = 12
IP_RECVERR_RFC4884: Final = 26
IPV6_UNICAST_HOPS: Final = 16
IPV6_RECVERR: Final = 25
IPV6_RECVERR_RFC4884: Final = 31
IPV6_RECVHOPLIMIT: Final = 51
IPV6_HOPLIMIT: Final = 52
SO_TIMESTAMPNS: Final = 35
MSG_ERRQUEUE: Final = 0x2000

RECEIVE_BYTES: Final = 2048
ANCILLARY_BYTES: Final = 512

_EXTENDED_ERROR: Final = struct.Struct("=IBBBBIHBB")
_FROM_ICMP: Final = (2, 3)  # SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6
_MPLS_CLASS: Final = 1  # RFC 4950
_MPLS_STACK: Final = 1


class IcmpError(msgspec.Struct, frozen=True):
    """An ICMP error as the kernel reports it.  ``offender`` is the router that spoke.

    ``extensions_at`` is where the RFC 4884 extensions start in the quoted data, or 0.
    """

    icmp_type: int
    icmp_code: int
    offender: str
    extensions_at: int


class Ancillary(msgspec.Struct, frozen=True):
    """What came beside the data.  ``stamp_ns`` is the kernel's UTC receive time."""

    error: IcmpError | None = None
    stamp_ns: int | None = None
    ttl: int | None = None


def listen_for_errors(sock: socket.socket, family: int) -> None:
    """Ask for ICMP errors, receive stamps and TTLs; make the socket non-blocking."""
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    if family == socket.AF_INET:
        sock.setsockopt(SOL_IP, IP_RECVERR, 1)
        sock.setsockopt(SOL_IP, IP_RECVTTL, 1)
        extensions = (SOL_IP, IP_RECVERR_RFC4884)
    else:
        sock.setsockopt(SOL_IPV6, IPV6_RECVERR, 1)
        sock.setsockopt(SOL_IPV6, IPV6_RECVHOPLIMIT, 1)
        extensions = (SOL_IPV6, IPV6_RECVERR_RFC4884)
    try:
        sock.setsockopt(*extensions, 1)
    except OSError:
        # Older kernels (before 5.9) give no MPLS labels; nothing else depends on it.
        return


def ttl_message(family: int, ttl: int) -> list[tuple[int, int, bytes]]:
    """Ancillary data that sends one packet with ``ttl``, without touching the socket."""
    packed = struct.pack("=i", ttl)
    if family == socket.AF_INET:
        return [(SOL_IP, IP_TTL, packed)]
    return [(SOL_IPV6, IPV6_HOPLIMIT, packed)]


def set_ttl(sock: socket.socket, family: int, ttl: int) -> None:
    """Send everything on this socket with ``ttl``."""
    if family == socket.AF_INET:
        sock.setsockopt(SOL_IP, IP_TTL, ttl)
    else:
        sock.setsockopt(SOL_IPV6, IPV6_UNICAST_HOPS, ttl)


def read_ancillary(messages: Iterable[tuple[int, int, bytes]]) -> Ancillary:
    """Read the control messages of one ``recvmsg``; what is unknown or short is ignored."""
    error: IcmpError | None = None
    stamp: int | None = None
    ttl: int | None = None
    for level, kind, data in messages:
        if (level, kind) in ((SOL_IP, IP_RECVERR), (SOL_IPV6, IPV6_RECVERR)):
            error = _read_error(data)
        elif (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS) and len(data) >= 16:
            seconds, nanoseconds = struct.unpack_from("=qq", data)
            stamp = seconds * 1_000_000_000 + nanoseconds
        elif (level, kind) in ((SOL_IP, IP_TTL), (SOL_IPV6, IPV6_HOPLIMIT)) and len(data) >= 4:
            (ttl,) = struct.unpack_from("=i", data)
    return Ancillary(error, stamp, ttl)


def _read_error(data: bytes) -> IcmpError | None:
    """``struct sock_extended_err`` and the offender's sockaddr behind it."""
    if len(data) < _EXTENDED_ERROR.size:
        return None
    _, origin, kind, code, _, _, extensions_at, _, _ = _EXTENDED_ERROR.unpack_from(data)
    if origin not in _FROM_ICMP:
        return None
    return IcmpError(kind, code, _offender(data[_EXTENDED_ERROR.size :]), extensions_at)


def _offender(sockaddr: bytes) -> str:
    """The address in a ``sockaddr_in`` or ``sockaddr_in6``; empty for any other family."""
    if len(sockaddr) < 8:
        return ""
    (family,) = struct.unpack_from("=H", sockaddr)
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, sockaddr[4:8])
    if family == socket.AF_INET6 and len(sockaddr) >= 24:
        return socket.inet_ntop(socket.AF_INET6, sockaddr[8:24])
    return ""


def mpls_labels(data: bytes, start: int) -> tuple[int, ...]:
    """MPLS labels (RFC 4950) in the RFC 4884 extension structure at ``data[start:]``."""
    structure = data[start:]
    labels: list[int] = []
    if start <= 0 or len(structure) < 4 or structure[0] >> 4 != 2:
        return ()
    at = 4
    while at + 4 <= len(structure):
        length, kind, sub = struct.unpack_from("!HBB", structure, at)
        if length < 4:
            break
        if (kind, sub) == (_MPLS_CLASS, _MPLS_STACK):
            end = min(at + length, len(structure))
            entries = struct.iter_unpack("!I", structure[at + 4 : end - (end - at) % 4])
            labels.extend(entry >> 12 for (entry,) in entries)
        at += length
    return tuple(labels)


def rtt_ms(stamp_ns: int | None, sent_ns: int, elapsed_ns: int) -> float:
    """Milliseconds from the send to the kernel's receive stamp.

    ``sent_ns`` is UTC and may have been stepped since; a difference outside
    [0, ``elapsed_ns``] (monotonic) is such a step, and the monotonic time counts.
    """
    taken = elapsed_ns if stamp_ns is None else stamp_ns - sent_ns
    if not 0 <= taken <= elapsed_ns:
        taken = elapsed_ns
    return max(0, taken) / 1e6
