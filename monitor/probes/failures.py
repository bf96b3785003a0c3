"""From what the operating system says went wrong to a typed reason.

Linux keeps the ICMP message behind a failed connect or datagram on the socket's error
queue, with the address of whoever sent it (``IP_RECVERR``, ip(7)); elsewhere the reason
comes from the errno alone and nobody is named.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from typing import Final

import msgspec

from monitor.records import REASONS, Layer, Outcome, Reason, TlsFacts, clean_text

_LINUX: Final = sys.platform == "linux"
_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25
_MSG_ERRQUEUE: Final = 0x2000
_EXTENDED_ERR: Final = struct.Struct("=IBBBBII")
_ORIGIN_ICMP: Final = 2
_ORIGIN_ICMP6: Final = 3
_QUEUE_READS: Final = 64


class Failure(Exception):  # noqa: N818 - the house says failure; an ERROR is our own
    """A check run that ended early, and the typed reason.

    ``said_by`` is the address of the router that refused; ``note`` is for people only.
    """

    def __init__(
        self, reason: Reason, note: object = "", said_by: str = "", tls: TlsFacts | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.note = clean_text(note)
        self.said_by = said_by
        self.tls = tls

    @property
    def outcome(self) -> Outcome:
        return outcome_of(self.reason)


def outcome_of(reason: Reason) -> Outcome:
    """What a reason to end early amounts to: of our own side it says nothing of the host."""
    return Outcome.ERROR if REASONS[reason].layer is Layer.OWN else Outcome.FAIL


class Word(msgspec.Struct, frozen=True, gc=False):
    """An ICMP error about something we sent: who said what, and the start of what we sent."""

    reason: Reason
    said_by: str
    quoted: bytes = b""


_ICMP4: Final = {
    (3, 0): Reason.NET_UNREACHABLE,
    (3, 1): Reason.HOST_UNREACHABLE,
    (3, 2): Reason.PORT_UNREACHABLE,
    (3, 3): Reason.PORT_UNREACHABLE,
    (3, 5): Reason.NET_UNREACHABLE,
    (3, 6): Reason.NET_UNREACHABLE,
    (3, 7): Reason.HOST_UNREACHABLE,
    (3, 9): Reason.PROHIBITED,
    (3, 10): Reason.PROHIBITED,
    (3, 11): Reason.NET_UNREACHABLE,
    (3, 12): Reason.HOST_UNREACHABLE,
    (3, 13): Reason.PROHIBITED,
    (3, 14): Reason.PROHIBITED,
    (3, 15): Reason.PROHIBITED,
    (11, 0): Reason.TTL_EXPIRED,
}
_ICMP6: Final = {
    (1, 0): Reason.NET_UNREACHABLE,
    (1, 1): Reason.PROHIBITED,
    (1, 2): Reason.NET_UNREACHABLE,
    (1, 3): Reason.HOST_UNREACHABLE,
    (1, 4): Reason.PORT_UNREACHABLE,
    (1, 5): Reason.PROHIBITED,
    (1, 6): Reason.PROHIBITED,
    (3, 0): Reason.TTL_EXPIRED,
}


def want_words(sock: socket.socket) -> None:
    """Ask the kernel to keep ICMP errors about this socket with their sender."""
    if not _LINUX:
        return
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def read_words(sock: socket.socket) -> list[Word]:
    """Empty the socket's error queue: the ICMP errors on it, oldest first.

    At most 64 are taken, so that a flood cannot hold us; never raises.
    """
    words: list[Word] = []
    if not _LINUX:
        return words
    for _ in range(_QUEUE_READS):
        try:
            quoted, control, _, _ = sock.recvmsg(512, 512, _MSG_ERRQUEUE)
        except OSError:
            break
        for level, kind, data in control:
            if (level, kind) in (
                (socket.IPPROTO_IP, _IP_RECVERR),
                (socket.IPPROTO_IPV6, _IPV6_RECVERR),
            ):
                word = _word(data, quoted)
                if word is not None:
                    words.append(word)
    return words


def _word(data: bytes, quoted: bytes) -> Word | None:
    """One ``struct sock_extended_err`` with the offender's address behind it (ip(7))."""
    _, origin, kind, code, _, _, _ = _EXTENDED_ERR.unpack_from(data)
    sender = data[_EXTENDED_ERR.size :]
    if origin == _ORIGIN_ICMP:
        reason = _ICMP4.get((kind, code))
        said_by = socket.inet_ntop(socket.AF_INET, sender[4:8])
    elif origin == _ORIGIN_ICMP6:
        reason = _ICMP6.get((kind, code))
        said_by = socket.inet_ntop(socket.AF_INET6, sender[8:24])
    else:
        return None
    return None if reason is None else Word(reason, said_by, quoted)


# What we could not do ourselves: said by connect() or socket() at once, no packet sent.
_OWN: Final = {
    errno.EAFNOSUPPORT: Reason.NO_FAMILY,
    errno.EPFNOSUPPORT: Reason.NO_FAMILY,
    errno.EPERM: Reason.NOT_PERMITTED,
    errno.EACCES: Reason.NOT_PERMITTED,
    errno.EMFILE: Reason.LOCAL_LIMIT,
    errno.ENFILE: Reason.LOCAL_LIMIT,
    errno.ENOBUFS: Reason.LOCAL_LIMIT,
    errno.ENOMEM: Reason.LOCAL_LIMIT,
    errno.EADDRNOTAVAIL: Reason.LOCAL_LIMIT,
    errno.ENETUNREACH: Reason.NO_ROUTE,
    errno.EHOSTUNREACH: Reason.NO_ROUTE,
    errno.ENETDOWN: Reason.NO_ROUTE,
    errno.EINVAL: Reason.NO_ROUTE,
}
_TALK: Final = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ECONNRESET: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ETIMEDOUT: Reason.TIMEOUT,
    errno.ENETUNREACH: Reason.NET_UNREACHABLE,
    errno.EHOSTUNREACH: Reason.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Reason.HOST_UNREACHABLE,
    errno.EACCES: Reason.PROHIBITED,
}


def own_failure(error: OSError, family: int = socket.AF_INET) -> Failure:
    """Of an error that came before any packet could have left."""
    if error.errno == errno.EADDRNOTAVAIL and family == socket.AF_INET6:
        # What Linux says when no address of the version is configured here.
        return Failure(Reason.NO_FAMILY, error.strerror)
    reason = _OWN.get(error.errno or 0) or _TALK.get(error.errno or 0) or Reason.LOCAL_LIMIT
    return Failure(reason, error.strerror or type(error).__name__)


def talk_failure(error: OSError, sock: socket.socket) -> Failure:
    """Of an error on a socket that had sent something; the error queue knows who said it."""
    words = read_words(sock)
    if words:
        return Failure(words[-1].reason, said_by=words[-1].said_by)
    reason = _TALK.get(error.errno or 0) or _OWN.get(error.errno or 0) or Reason.CLOSED
    return Failure(reason, error.strerror or type(error).__name__)
