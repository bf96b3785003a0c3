"""From what the operating system says went wrong to a typed reason.

Linux keeps the ICMP message behind a failed connect or datagram on the socket's error
queue, with the address of whoever sent it (:mod:`monitor.probes.wire`); elsewhere the
reason comes from the errno alone and nobody is named.
"""

from __future__ import annotations

import errno
import socket
from typing import Final

import msgspec

from monitor.probes import wire
from monitor.probes.icmp_codes import local_reason, reason_of
from monitor.records import REASONS, Layer, Outcome, Reason, TlsFacts, clean_text

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


def want_words(sock: socket.socket) -> None:
    """Ask the kernel to keep ICMP errors about this socket with their sender."""
    if not wire.SUPPORTED:
        return
    if sock.family == socket.AF_INET6:
        sock.setsockopt(wire.SOL_IPV6, wire.IPV6_RECVERR, 1)
    else:
        sock.setsockopt(wire.SOL_IP, wire.IP_RECVERR, 1)


def read_words(sock: socket.socket) -> list[Word]:
    """Empty the socket's error queue: the ICMP errors on it, oldest first.

    At most 64 are taken, so that a flood cannot hold us; never raises.
    """
    words: list[Word] = []
    if not wire.SUPPORTED:
        return words
    version = 6 if sock.family == socket.AF_INET6 else 4
    for _ in range(_QUEUE_READS):
        try:
            quoted, control, _, _ = sock.recvmsg(
                wire.RECEIVE_BYTES, wire.ANCILLARY_BYTES, wire.MSG_ERRQUEUE
            )
        except OSError:
            break
        error = wire.read_ancillary(control).error
        if error is None:
            continue
        reason = reason_of(version, error.icmp_type, error.icmp_code)
        if reason is not Reason.NONE:
            words.append(Word(reason, error.offender, quoted))
    return words


# What comes back from a peer or a router when something of ours was on the wire.
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
    if error.errno == errno.EADDRNOTAVAIL and family == socket.AF_INET:
        # With IPv4 this is no missing version: every local port is taken.
        return Failure(Reason.LOCAL_LIMIT, error.strerror)
    return Failure(local_reason(error.errno or 0), error.strerror or type(error).__name__)


def talk_failure(error: OSError, sock: socket.socket) -> Failure:
    """Of an error on a socket that had sent something; the error queue knows who said it."""
    words = read_words(sock)
    if words:
        return Failure(words[-1].reason, said_by=words[-1].said_by)
    reason = _TALK.get(error.errno or 0) or local_reason(error.errno or 0)
    return Failure(reason, error.strerror or type(error).__name__)
