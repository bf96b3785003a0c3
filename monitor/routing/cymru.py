"""Origin look-ups at Team Cymru: asked over DNS, remembered, never asked twice at once.

Their tables are refreshed every four hours, so answers are kept that long; private and
reserved addresses are never asked.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from monitor.clock import Clock
from monitor.records import HOUR, MINUTE, Micros
from monitor.routing.asking import Address, Asker, NoAnswer, askable
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
        self._asker = Asker(clock, servers, port=port, timeout_s=timeout_s, rate=rate)
        self._zone4, self._zone6, self._zone_names = zone4, zone6, zone_names
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
            asked = askable(address)
        except NoAnswer as none:
            return Origin(none.lookup, now)
        keys = [_block(asked, _BLOCK[asked.version]), str(asked)]
        for key in keys:
            known = self._origins.get(key, now)
            if known is not None:
                return known

        async def find() -> Origin:
            name = question_for(asked, self._zone4, self._zone6)
            try:
                texts = await self._texts(name)
            except NoAnswer as none:
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
            except NoAnswer as none:
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
        """The TXT records under ``name``; raises NoAnswer."""
        return _texts_of(await self._asker.ask(name, "TXT"))


def _is_long(found: Origin) -> bool:
    """Whether the prefix is longer than the block answers are kept for."""
    if not found.prefix:
        return False
    network = ipaddress.ip_network(found.prefix)
    return network.prefixlen > _BLOCK[network.version]


def _block(address: Address, length: int) -> str:
    bits = _ADDRESS_LENGTH[address.version] - length
    start = (int(address) >> bits) << bits
    return f"{type(address)(start)}/{length}"


def _texts_of(answer: dns.message.Message) -> list[str]:
    import dns.rdatatype  # noqa: PLC0415 - loaded by whoever has an answer

    found = [
        b"".join(record.strings).decode("utf-8", "replace")
        for rrset in answer.answer
        if rrset.rdtype == dns.rdatatype.TXT
        for record in rrset
    ]
    if not found:
        raise NoAnswer(Lookup.NOT_ROUTED)
    return found
