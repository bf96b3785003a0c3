"""Where addresses are hosted, measured: who announces them, and who that is.

Look-ups wait in one bounded line and are made one after the other by one owned task;
whoever judges or stores is never kept waiting: what is not known yet is known next time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from monitor.clock import Clock
from monitor.collect.line import Line
from monitor.records import (
    DAY,
    HOUR,
    MINUTE,
    Hop,
    Hosting,
    Micros,
    Observation,
    OriginsRow,
    Row,
    TraceFacts,
)
from monitor.routing.cymru import Kept
from monitor.routing.origin import AsName, Lookup, Origin
from monitor.watchlist.model import Watchlist

KNOWN_KEPT: Final = 4_096
WAITING: Final = 512
# One look-up asks twice: for the origin and for its name.
DEADLINE_S: Final = 30.0
SAVE_S: Final = 600.0
# The tables behind it are refreshed every four hours.
_FRESH: Final[dict[Lookup, Micros]] = {
    Lookup.KNOWN: 4 * HOUR,
    Lookup.NOT_ROUTED: 15 * MINUTE,
    Lookup.PRIVATE: DAY,
    Lookup.BAD_ADDRESS: DAY,
}


class OriginSource(Protocol):
    """What :class:`monitor.routing.cymru.Origins` does; ``how`` names it to people."""

    how: str

    async def origin(self, address: str) -> Origin: ...

    async def as_name(self, asn: int) -> AsName: ...

    def export(self) -> Kept: ...

    def restore(self, kept: Kept) -> None: ...

    async def close(self) -> None: ...


# Builds the source a watchlist allows; None where nobody may be asked.
OriginsOf = Callable[[Watchlist], OriginSource | None]


class _Known(msgspec.Struct, frozen=True):
    """``found`` is None where nobody announces the address, or it is not known who."""

    found: Hosting | None
    until: Micros


class OriginKeeper:
    """Owns one source, the line of addresses to look up, and what came of them."""

    def __init__(
        self,
        build: OriginsOf | None,
        clock: Clock,
        heard: Callable[[Hosting], None],
        old: Row | None = None,
    ) -> None:
        """``heard`` is given what is newly known; ``old`` is an earlier run's OriginsRow."""
        self._build = build
        self._clock = clock
        self._heard = heard
        self._kept = _kept(old)
        self._saved = self._kept
        self._source: OriginSource | None = None
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._line = Line(WAITING)

    async def follow(self, watchlist: Watchlist) -> None:
        """Ask, or cease to ask, as ``watchlist`` says; needs a running loop."""
        source = None if self._build is None else self._build(watchlist)
        if (source is None) is (self._source is None):
            if source is not None:
                await source.close()
            return
        await self.close()
        if source is not None:
            source.restore(self._kept)
            self._source = source
            self._line.start(self._look_up, "origins")

    def of(self, address: str) -> Hosting | None:
        """Who announces ``address``, as far as that is known; asked for where it is not."""
        if self._source is None or not address:
            return None
        known = self._known.get(address)
        now = self._clock.wall()
        if known is None or now >= known.until:
            self._line.put(address)
        return None if known is None else known.found

    def name_hops(self, seen: Observation) -> Observation:
        """``seen`` with the AS of each hop of its trace, where that is known by now."""
        facts = seen.facts
        if self._source is None or not isinstance(facts, TraceFacts):
            return seen
        hops = tuple(self._named(hop) for hop in facts.hops)
        if hops == facts.hops:
            return seen
        return msgspec.structs.replace(seen, facts=msgspec.structs.replace(facts, hops=hops))

    def row(self) -> OriginsRow | None:
        """What a later run should know; None where that is written already."""
        if self._source is not None:
            self._kept = self._source.export()
        if self._kept == self._saved:
            return None
        self._saved = self._kept
        return OriginsRow(msgspec.msgpack.encode(self._kept), self._clock.wall())

    async def settle(self, seconds: float) -> None:
        """Wait until everything asked for is known, but no longer than ``seconds``."""
        await self._line.settle(seconds)

    async def close(self) -> None:
        """End the look-ups; what they found can still be asked for with :meth:`row`."""
        source, self._source = self._source, None
        await self._line.close()
        if source is not None:
            self._kept = source.export()
            await source.close()

    # --- inside ---------------------------------------------------------------------------

    def _named(self, hop: Hop) -> Hop:
        if hop.asn is not None or not hop.address:
            return hop
        found = self.of(hop.address)
        if found is None or found.asn is None:
            return hop
        return msgspec.structs.replace(
            hop, asn=found.asn, as_name=found.as_name, country=found.country
        )

    async def _look_up(self, address: str) -> None:
        source, lookup, found = self._source, Lookup.UNAVAILABLE, None
        if source is None:
            return
        try:
            async with asyncio.timeout(DEADLINE_S):
                origin = await source.origin(address)
                lookup = origin.lookup
                if lookup is Lookup.KNOWN:
                    found = await self._hosting(source, address, origin)
        except Exception:  # noqa: BLE001 - whatever a look-up meets, it is one not known now
            lookup = Lookup.UNAVAILABLE
        old = self._known.get(address)
        if found is None and old is not None:
            # A route that is withdrawn, or a server that fails, moves nobody.
            found = old.found
        until = self._clock.wall() + _FRESH.get(lookup, MINUTE)
        self._known[address] = _Known(found, until)
        self._known.move_to_end(address)
        if len(self._known) > KNOWN_KEPT:
            self._known.popitem(last=False)
        if found is not None and lookup is Lookup.KNOWN:
            self._heard(found)

    async def _hosting(self, source: OriginSource, address: str, origin: Origin) -> Hosting:
        old = self._known.get(address)
        before = None if old is None or old.found is None else old.found.asn
        # Of several that announce it, the one that did before: another is no move.
        asn = before if before in origin.asns else next(iter(origin.asns), None)
        name = "" if not asn else (await source.as_name(asn)).name
        return Hosting(
            address,
            prefix=origin.prefix,
            asn=asn,
            as_name=name,
            country=origin.country,
            how=source.how,
            at=self._clock.wall(),
        )


def _kept(old: Row | None) -> Kept:
    if not isinstance(old, OriginsRow):
        return Kept()
    try:
        return msgspec.msgpack.decode(old.kept, type=Kept)
    except msgspec.DecodeError:
        return Kept()
