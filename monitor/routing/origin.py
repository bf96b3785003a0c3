"""Team Cymru's answers: from TXT records to the origin of an address; pure.

https://www.team-cymru.com/ip-asn-mapping.  The country is the registry's of the allocation
and no geolocation.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from monitor.records import Micros, clean_text

MAX_ASN: Final = 4_294_967_295
_MAX_ASNS: Final = 64
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class Lookup(StrEnum):
    """How a look-up ended.  ``NOT_ROUTED`` and ``NO_NAME`` are answers; the rest below them
    are none.
    """

    KNOWN = "known"
    NOT_ROUTED = "not-routed"
    NO_NAME = "no-name"
    PRIVATE = "private"
    BAD_ADDRESS = "bad-address"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    MALFORMED = "malformed"
    BUSY = "busy"


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one address.  ``asns`` are all that originate ``prefix``, the most specific one;
    ``country`` is the registry's (ISO 3166-1), ``allocated`` an ISO date.  Where ``lookup``
    is not KNOWN, the rest is empty.
    """

    lookup: Lookup
    at: Micros
    prefix: str = ""
    asns: tuple[int, ...] = ()
    country: str = ""
    registry: str = ""
    allocated: str = ""


class AsName(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one AS; ``name`` is what its registry says, for people."""

    lookup: Lookup
    at: Micros
    asn: int
    name: str = ""
    country: str = ""
    registry: str = ""
    allocated: str = ""


def question_for(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, zone4: str, zone6: str
) -> str:
    """The name to ask for: reversed octets, or 32 reversed nibbles; with a trailing dot."""
    digits = address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    return f"{digits}.{zone4 if address.version == 4 else zone6}."


def parse_origin(texts: Sequence[str], address: str, at: Micros) -> Origin:
    """The answer in TXT records ``ASNs | prefix | CC | registry | date``: of those around
    ``address``, the longest prefix, with the ASNs of all its records.
    """
    inside = ipaddress.ip_address(address)
    best: tuple[int, str, list[str]] | None = None
    asns: dict[int, None] = {}
    # Servers hand out records in turns: their order means nothing.
    for text in sorted(texts):
        parts = [part.strip() for part in text.split("|", 4)]
        try:
            network = ipaddress.ip_network(parts[1], strict=False)
            found = [int(word) for word in parts[0].split()[:_MAX_ASNS]]
        except (ValueError, IndexError):
            continue
        if inside not in network or not found or not all(0 <= n <= MAX_ASN for n in found):
            continue
        if best is not None and network.prefixlen < best[0]:
            continue
        if best is None or network.prefixlen > best[0]:
            best, asns = (network.prefixlen, str(network), parts), {}
        asns.update(dict.fromkeys(found))
    if best is None:
        return Origin(Lookup.MALFORMED, at)
    _, prefix, parts = best
    country, registry, allocated = _registry(parts[2:])
    return Origin(
        Lookup.KNOWN, at, prefix, tuple(sorted(asns))[:_MAX_ASNS], country, registry, allocated
    )


def parse_as_name(texts: Sequence[str], asn: int, at: Micros) -> AsName:
    """The answer in ``ASN | CC | registry | date | name``; the name may hold bars."""
    for text in texts:
        parts = [part.strip() for part in text.split("|", 4)]
        if len(parts) == 5 and parts[0] == str(asn):
            country, registry, allocated = _registry(parts[1:])
            name = clean_text(parts[4], 120)
            return AsName(Lookup.KNOWN, at, asn, name, country, registry, allocated)
    return AsName(Lookup.MALFORMED, at, asn)


def _registry(parts: Sequence[str]) -> tuple[str, str, str]:
    """Country, registry and date; each empty where it is not what it should be."""
    country, registry, allocated = (*parts[:3], "", "", "")[:3]
    return (
        country.upper() if re.fullmatch(r"[A-Za-z]{2}", country) else "",
        clean_text(registry, 16),
        allocated if _DATE.fullmatch(allocated) else "",
    )
