"""Origin look-ups at Team Cymru: asked over DNS, remembered, never asked twice at once.

Their tables are refreshed every four hours, so answers are kept that long; private and
reserved addresses are never asked.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from monitor.clock import Clock
from monitor.records import HOUR, MINUTE, Micros
from monitor.routing.origin import (
    MAX_ASN,
    AsName,
    Lookup,
    Origin,
    parse_as_name,
    parse_origin,
    question_for,
)

if TYPE_CHECKING:
    import dns.message

TIMEOUT_S: Final = 5.0
QUERIES_A_SECOND: Final = 10.0
KEPT: Final = 4_096
_LINE: Final = 64  # who may wait for the budget
_SERVERS: Final = 3
# What is asked once for all: BGP routes nothing smaller over long ways.
_BLOCK: Final = {4: 24, 6: 48}
_ADDRESS_LENGTH: Final = {4: 32, 6: 128}

_KEEP: Final[dict[Lookup, Micros]] = {
    Lookup.KNOWN: 4 * HOUR,
    Lookup.NOT_ROUTED: 15 * MINUTE,
    Lookup.MALFORMED: 5 * MINUTE,
    Lookup.UNAVAILABLE: MINUTE,
    Lookup.TIMEOUT: MINUTE,
}


class Kept(msgspec.Struct, frozen=True):
    """What is remembered over a restart: origins by the block asked for, names by AS."""

    origins: tuple[tuple[str, Origin], ...] = ()
    names: tuple[tuple[int, AsName], ...] = ()


# --- memory -----------------------------------------------------------------------------------

K = TypeVar("K")
V = TypeVar("V", Origin, AsName)


class _Memory(Generic[K, V]):
    """The newest ``KEPT`` answers, each as long as its kind may be kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K, now: Micros) -> V | None:
        found = self._kept.get(key)
        if found is None:
            return None
        if not 0 <= now - found.at < _KEEP.get(found.lookup, 0):
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return found

    def put(self, key: K, value: V) -> None:
        if value.lookup in _KEEP:
            self._kept[key] = value
            self._kept.move_to_end(key)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def items(self) -> tuple[tuple[K, V], ...]:
        return tuple(self._kept.items())


class _NoAnswer(Exception):  # noqa: N818 - an answer, not an error
    def __init__(self, lookup: Lookup) -> None:
        super().__init__(lookup)
        self.lookup = lookup


class Origins:
    """Asks, remembers, and never asks the same twice at once."""

    how = "Team Cymru"

    def __init__(
        self,
        clock: Clock,
        servers: Sequence[str] | None = None,
        *,
        port: int = 53,
        zone4: str = "origin.asn.cymru.com",
        zone6: str = "origin6.asn.cymru.com",
        zone_names: str = "asn.cymru.com",
        timeout_s: float = TIMEOUT_S,
        rate: float = QUERIES_A_SECOND,
    ) -> None:
        """``servers`` are resolver addresses (None: those of /etc/resolv.conf); ``rate``
        bounds the queries a second.
        """
        self._clock = clock
        self._servers = None if servers is None else tuple(servers)
        self._port = port
        self._zone4, self._zone6, self._zone_names = zone4, zone6, zone_names
        self._timeout_s = timeout_s
        self._gap_s = 1.0 / rate
        self._turn = 0.0
        self._origins: _Memory[str, Origin] = _Memory()
        self._names: _Memory[int, AsName] = _Memory()
        self._flights: dict[str, asyncio.Task[Any]] = {}

    async def origin(self, address: str) -> Origin:
        """Who announces ``address``; never raises but for cancellation.

        Answers are kept per /24 or /48, what BGP routes at most, unless the prefix is
        longer: within a known /16 another address may have a route of its own.
        """
        now = self._clock.wall()
        try:
            asked = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return Origin(Lookup.BAD_ADDRESS, now)
        if isinstance(asked, ipaddress.IPv6Address) and asked.ipv4_mapped is not None:
            asked = asked.ipv4_mapped
        if not asked.is_global or asked.is_multicast:
            return Origin(Lookup.PRIVATE, now)
        keys = [_block(asked, _BLOCK[asked.version]), str(asked)]
        for key in keys:
            known = self._origins.get(key, now)
            if known is not None:
                return known

        async def find() -> Origin:
            name = question_for(asked, self._zone4, self._zone6)
            try:
                texts = await self._texts(name)
            except _NoAnswer as none:
                found = Origin(none.lookup, self._clock.wall())
            else:
                found = parse_origin(texts, str(asked), self._clock.wall())
            self._origins.put(keys[_is_long(found)], found)
            return found

        found = await self._once(keys[0], find)
        if found.prefix and asked not in ipaddress.ip_network(found.prefix):
            # Somebody else's look-up in the same block ended at a longer prefix.
            found = await self._once(keys[1], find)
        return found

    async def as_name(self, asn: int) -> AsName:
        """What AS ``asn`` is called; never raises but for cancellation."""
        now = self._clock.wall()
        if not 0 < asn < MAX_ASN:
            return AsName(Lookup.NOT_ROUTED, now, asn)
        if 64_512 <= asn <= 65_535 or asn >= 4_200_000_000:  # RFC 6996, RFC 7300
            return AsName(Lookup.PRIVATE, now, asn)
        known = self._names.get(asn, now)
        if known is not None:
            return known

        async def find() -> AsName:
            try:
                texts = await self._texts(f"AS{asn}.{self._zone_names}.")
            except _NoAnswer as none:
                found = AsName(none.lookup, self._clock.wall(), asn)
            else:
                found = parse_as_name(texts, asn, self._clock.wall())
            self._names.put(asn, found)
            return found

        return await self._once(f"AS{asn}", find)

    def export(self) -> Kept:
        """What is remembered, oldest first."""
        return Kept(self._origins.items(), self._names.items())

    def restore(self, kept: Kept) -> None:
        """Remember what an earlier run exported; what is too old is not used."""
        for block, origin in kept.origins:
            self._origins.put(block, origin)
        for asn, name in kept.names:
            self._names.put(asn, name)

    async def close(self) -> None:
        """End every look-up under way."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    # --- asking ---------------------------------------------------------------------------

    async def _once(self, key: str, find: Callable[[], Awaitable[V]]) -> V:
        """Join the look-up of ``key`` under way, or begin it; who leaves does not end it."""
        flight = self._flights.get(key)
        if flight is None:

            async def fly() -> V:
                try:
                    return await find()
                finally:
                    self._flights.pop(key, None)

            flight = asyncio.create_task(fly())
            self._flights[key] = flight
        result: V = await asyncio.shield(flight)
        return result

    async def _texts(self, name: str) -> list[str]:
        """The TXT records under ``name``; raises _NoAnswer."""
        await self._wait_turn()
        try:
            async with asyncio.timeout(self._timeout_s):
                servers = self._servers
                if servers is None:
                    servers = await asyncio.to_thread(system_servers)
                return await self._ask_each(name, servers)
        except TimeoutError:
            raise _NoAnswer(Lookup.TIMEOUT) from None

    async def _ask_each(self, name: str, servers: Sequence[str]) -> list[str]:
        """Ask one server after the other until one answers."""
        none = _NoAnswer(Lookup.UNAVAILABLE)
        for server in servers:
            try:
                return await self._ask(name, server, self._timeout_s / len(servers))
            except _NoAnswer as failure:
                if failure.lookup is Lookup.NOT_ROUTED:
                    raise
                none = failure
        raise none

    async def _ask(self, name: str, server: str, timeout_s: float) -> list[str]:
        import dns.asyncquery  # noqa: PLC0415 - only who asks pays for it
        import dns.exception  # noqa: PLC0415
        import dns.message  # noqa: PLC0415

        query = dns.message.make_query(name, "TXT", use_edns=0, payload=1_232)
        try:
            answer, _ = await dns.asyncquery.udp_with_fallback(
                query,
                server,
                timeout=timeout_s,
                port=self._port,
                ignore_unexpected=True,
                ignore_errors=True,
            )
        except dns.exception.Timeout:
            raise _NoAnswer(Lookup.TIMEOUT) from None
        except dns.exception.DNSException:
            raise _NoAnswer(Lookup.MALFORMED) from None
        except (OSError, EOFError, ValueError):
            raise _NoAnswer(Lookup.UNAVAILABLE) from None
        return _texts_of(answer)

    async def _wait_turn(self) -> None:
        """Keep to the budget; raises _NoAnswer when the line is too long."""
        now = self._clock.monotonic()
        wait = max(0.0, self._turn - now)
        if wait > _LINE * self._gap_s:
            raise _NoAnswer(Lookup.BUSY)
        self._turn = now + wait + self._gap_s
        if wait > 0:
            await self._clock.sleep(wait)


def _is_long(found: Origin) -> bool:
    """Whether the prefix is longer than the block answers are kept for."""
    if not found.prefix:
        return False
    network = ipaddress.ip_network(found.prefix)
    return network.prefixlen > _BLOCK[network.version]


def _block(address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> str:
    bits = _ADDRESS_LENGTH[address.version] - length
    start = (int(address) >> bits) << bits
    return f"{type(address)(start)}/{length}"


def _texts_of(answer: dns.message.Message) -> list[str]:
    import dns.rcode  # noqa: PLC0415 - loaded by whoever has an answer
    import dns.rdatatype  # noqa: PLC0415

    if answer.rcode() == dns.rcode.NXDOMAIN:
        raise _NoAnswer(Lookup.NOT_ROUTED)
    if answer.rcode() != dns.rcode.NOERROR:
        raise _NoAnswer(Lookup.UNAVAILABLE)
    found = [
        b"".join(record.strings).decode("utf-8", "replace")
        for rrset in answer.answer
        if rrset.rdtype == dns.rdatatype.TXT
        for record in rrset
    ]
    if not found:
        raise _NoAnswer(Lookup.NOT_ROUTED)
    return found


def system_servers(path: Path = Path("/etc/resolv.conf")) -> tuple[str, ...]:
    """The name servers of resolv.conf(5), three at most; none where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                ipaddress.ip_address(words[1].partition("%")[0])
            except ValueError:
                continue
            found.append(words[1])
    return tuple(found[:_SERVERS])
