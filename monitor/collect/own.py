"""Which gateway and resolvers this machine has: asked beside the far controls (DESIGN 4.1).

Read from ``/proc/net`` (proc(5)) and ``/etc/resolv.conf`` (resolv.conf(5)); elsewhere than
on Linux no gateway is known.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from monitor.assess.own import OWN_CHECKS, OWN_HOST
from monitor.probes.resolve import read_servers
from monitor.records import Kind
from monitor.watchlist.model import Check, DnsParams, IcmpParams, Watchlist

# How often it is looked whether they are others now, and how often they are asked.
LOOK_S: Final = 10.0
_INTERVAL_S: Final = 10.0
_TIMEOUT_S: Final = 3.0
# One lost packet is no silent gateway.
_ECHOES: Final = IcmpParams(count=2, spacing_s=0.5)
_NS: Final = DnsParams(".", "NS", recursive=True)
# rt_flags of linux/route.h: the route is up, and leads over a gateway.
_UP_AND_GATEWAY: Final = 0x3
_BYTES: Final = 1 << 18

# The checks to make of our own side now; may read files.
OwnOf = Callable[[], tuple[Check, ...]]


def asks_own(watchlist: Watchlist) -> bool:
    """Whether our own side is to be asked: where a far control lies beyond this machine.

    Without one there is nothing to tell apart, and no gateway stands before loopback.
    """
    return any(not _is_here(host.address) for host in watchlist.controls("far"))


def _is_here(address: str) -> bool:
    """Whether an address is loopback; a name is not known to be."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


class OwnPlaces:
    """The gateways and the first two resolvers; paths are for tests.

    A gateway that has gone with its route is still asked for, until there is another.
    """

    def __init__(
        self,
        *,
        route: Path = Path("/proc/net/route"),
        route6: Path = Path("/proc/net/ipv6_route"),
        resolv_conf: Path = Path("/etc/resolv.conf"),
    ) -> None:
        self._files = (route, route6, resolv_conf)
        self._gateways = ["", ""]

    def checks(self) -> tuple[Check, ...]:
        """One check for each; never raises, reads three small files."""
        route, route6, resolv_conf = (_text(path) for path in self._files)
        for place, found in enumerate((_gateway(route), _gateway6(route6))):
            self._gateways[place] = found or self._gateways[place]
        servers = [*dict.fromkeys(read_servers(resolv_conf)), "", ""][:2]
        places = zip(OWN_CHECKS, (*self._gateways, *servers), strict=True)
        return tuple(_check(name, address) for name, address in places if address)


def _check(name: str, address: str) -> Check:
    gateway = "gateway" in name
    family = f"ipv{ipaddress.ip_address(address).version}"
    return Check(
        name,
        OWN_HOST,
        Kind.ICMP if gateway else Kind.DNS,
        address,
        _ECHOES if gateway else _NS,
        family=family,
        interval_s=_INTERVAL_S,
        timeout_s=_TIMEOUT_S,
    )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_BYTES).decode("ascii", "replace")
    except OSError:
        return ""


def _gateway(table: str) -> str:
    """The gateway of the default route with the lowest metric; '' without one."""
    return min(_defaults(table), default=(0, ""))[1]


def _defaults(table: str) -> Iterator[tuple[int, str]]:
    for line in table.splitlines()[1:]:
        fields = line.split()
        try:
            target, gateway, flags, mask = (int(fields[at], 16) for at in (1, 2, 3, 7))
            metric = int(fields[6])
        except (IndexError, ValueError):
            continue
        if target == mask == 0 and flags & _UP_AND_GATEWAY == _UP_AND_GATEWAY:
            # The address as the machine's own number of its four bytes.
            yield metric, str(ipaddress.IPv4Address(struct.pack("=I", gateway)))


def _gateway6(table: str) -> str:
    return min(_defaults6(table), default=(0, ""))[1]


def _defaults6(table: str) -> Iterator[tuple[int, str]]:
    for line in table.splitlines():
        fields = line.split()
        try:
            target, length = int(fields[0], 16), int(fields[1], 16)
            hop = ipaddress.IPv6Address(int(fields[4], 16))
            metric, flags, device = int(fields[5], 16), int(fields[8], 16), fields[9]
        except (IndexError, ValueError):
            continue
        if target == length == 0 and flags & _UP_AND_GATEWAY == _UP_AND_GATEWAY:
            yield metric, f"{hop}%{device}" if hop.is_link_local else str(hop)
