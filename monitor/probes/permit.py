"""What this machine permits the probes, found by opening sockets: nothing is sent."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

import msgspec

from monitor.probes.echo import PING_REMEDY, PLATFORM_REMEDY, open_ping, open_raw
from monitor.probes.icmp_codes import local_reason
from monitor.probes.wire import SUPPORTED, listen_for_errors
from monitor.records import Reason

_FAMILIES: Final = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
_NAMES: Final = {"ipv4": "IPv4", "ipv6": "IPv6"}
_ERRORS_REMEDY: Final = "traces need the error queue of Linux sockets (IP_RECVERR)"
_IPV6_REMEDY: Final = (
    "IPv6 checks need it: sysctl -w net.ipv6.conf.all.disable_ipv6=0 (and a kernel with IPv6)"
)


class Permission(msgspec.Struct, frozen=True):
    """Whether something is permitted: ``how`` it is done, or what refused; the ``remedy``.

    ``spare`` marks a lack that takes nothing away, because something else does the work
    or because only some watchlists need it.
    """

    what: str
    ok: bool
    how: str
    remedy: str = ""
    spare: bool = False


def icmp_permission(family: str) -> Permission:
    """Whether echo bursts are possible in ``family`` (``ipv4`` or ``ipv6``), and how."""
    what = f"ICMP echo {_NAMES[family]}"
    if not SUPPORTED:
        return Permission(what, False, "not on this system", PLATFORM_REMEDY)
    refused = ""
    reason = Reason.NONE
    for how, opener in (("ping socket", open_ping), ("raw socket", open_raw)):
        try:
            opener(_FAMILIES[family]).close()
        except OSError as error:
            refused = refused or f"{how}: {error.strerror}"
            reason = local_reason(error.errno or 0)
        else:
            return Permission(what, True, how)
    remedy = _IPV6_REMEDY if reason is Reason.NO_FAMILY else PING_REMEDY
    return Permission(what, False, refused, remedy, spare=family == "ipv6")


def permissions() -> tuple[Permission, ...]:
    """Everything the probes may need, the most wanted first."""
    return (
        icmp_permission("ipv4"),
        icmp_permission("ipv6"),
        _tried("ping sockets", lambda: open_ping(socket.AF_INET), PING_REMEDY),
        _tried("raw sockets", lambda: open_raw(socket.AF_INET), "only a second choice"),
        _tried(
            "UDP traces", lambda: _listening(socket.SOCK_DGRAM), _ERRORS_REMEDY, spare=False
        ),
        _tried(
            "TCP traces", lambda: _listening(socket.SOCK_STREAM), _ERRORS_REMEDY, spare=False
        ),
        _tried("IPv6", lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM), _IPV6_REMEDY),
    )


def _listening(kind: socket.SocketKind) -> socket.socket:
    """A socket that listens for ICMP errors; raises OSError where that is unknown."""
    if not SUPPORTED:
        raise OSError(0, "not on this system")
    sock = socket.socket(socket.AF_INET, kind)
    try:
        listen_for_errors(sock, socket.AF_INET)
    except OSError:
        sock.close()
        raise
    return sock


def _tried(
    what: str, opener: Callable[[], socket.socket], remedy: str, *, spare: bool = True
) -> Permission:
    try:
        opener().close()
    except OSError as error:
        return Permission(what, False, error.strerror or str(error), remedy, spare)
    return Permission(what, True, "permitted")
