"""What an ICMP error says, as a typed reason.

Sources: RFC 792 and RFC 1812 section 5.2.7.1 (type 3); RFC 4443 section 3 and RFC 6550
section 6.7 (ICMPv6 types 1 and 3).
"""

from __future__ import annotations

import errno
from typing import Final

from monitor.records import Reason

ECHO_REQUEST: Final = {4: 8, 6: 128}
ECHO_REPLY: Final = {4: 0, 6: 129}
TIME_EXCEEDED: Final = {4: (11, 0), 6: (3, 0)}

_UNREACHABLE: Final[dict[tuple[int, int, int], Reason]] = {
    (4, 11, 0): Reason.TTL_EXPIRED,
    (6, 3, 0): Reason.TTL_EXPIRED,
    **dict.fromkeys([(4, 3, code) for code in (0, 5, 6, 11)], Reason.NET_UNREACHABLE),
    **dict.fromkeys([(4, 3, code) for code in (1, 7, 8, 12)], Reason.HOST_UNREACHABLE),
    **dict.fromkeys([(4, 3, code) for code in (9, 10, 13)], Reason.PROHIBITED),
    **dict.fromkeys([(4, 3, code) for code in (2, 3)], Reason.PORT_UNREACHABLE),
    **dict.fromkeys([(6, 1, code) for code in (0, 2, 7)], Reason.NET_UNREACHABLE),
    **dict.fromkeys([(6, 1, code) for code in (1, 5, 6)], Reason.PROHIBITED),
    (6, 1, 3): Reason.HOST_UNREACHABLE,
    (6, 1, 4): Reason.PORT_UNREACHABLE,
}

_LOCAL: Final[dict[int, Reason]] = {
    **dict.fromkeys(
        (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EINVAL, errno.ENODEV),
        Reason.NO_ROUTE,
    ),
    **dict.fromkeys(
        (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT), Reason.NO_FAMILY
    ),
    **dict.fromkeys((errno.EACCES, errno.EPERM), Reason.NOT_PERMITTED),
}


def reason_of(version: int, icmp_type: int, icmp_code: int) -> Reason:
    """The reason an ICMP error gives; Reason.NONE for one that refuses nothing."""
    return _UNREACHABLE.get((version, icmp_type, icmp_code), Reason.NONE)


def local_reason(number: int) -> Reason:
    """What a failed call of our own machine means, by its errno; a limit if unknown.

    EINVAL is what a local ``blackhole`` route gives.
    """
    return _LOCAL.get(number, Reason.LOCAL_LIMIT)
