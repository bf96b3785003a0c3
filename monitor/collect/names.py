"""What addresses are called, by reverse DNS: looked up, remembered, put beside hops.

Nobody waits for a name: what is not known yet is known next time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from monitor.clock import Clock
from monitor.collect.line import Line
from monitor.records import DAY, MINUTE, Hop, NamesRow, Observation, Row, TraceFacts
from monitor.routing.origin import Lookup
from monitor.routing.reverse import Name
from monitor.watchlist.model import Watchlist

KNOWN_KEPT: Final = 4_096
WAITING: Final = 512
AT_ONCE: Final = 4
# A question waits for its turn as well.
DEADLINE_S: Final = 30.0
_ANSWERS: Final = frozenset({Lookup.KNOWN, Lookup.NO_NAME})
_KEPT: Final = msgspec.msgpack.Decoder(tuple[tuple[str, Name], ...])


class NameSource(Protocol):
    """What :class:`monitor.routing.reverse.Reverse` does."""

    async def name(self, address: str) -> Name: ...


# Builds the source a watchlist allows; None where nobody may be asked.
NamesOf = Callable[[Watchlist], NameSource | None]


class NameKeeper:
    """Owns one source, the line of addresses to look up, and what came of them."""

    def __init__(
        self,
        build: NamesOf | None,
        clock: Clock,
        heard: Callable[[str], None],
        old: Row | None = None,
    ) -> None:
        """``heard`` is given an address whose name is newly known, or gone; ``old`` is an
        earlier run's NamesRow.
        """
        self._build = build
        self._clock = clock
        self._heard = heard
        self._line = Line(WAITING)
        self._source: NameSource | None = None
        self._known = _restored(old)
        self._changed = False

    async def follow(self, watchlist: Watchlist) -> None:
        """Ask, or cease to ask, as ``watchlist`` says; needs a running loop."""
        source = None if self._build is None else self._build(watchlist)
        if (source is None) is (self._source is None):
            return
        await self.close()
        self._source = source
        if source is not None:
            self._line.start(self._look_up, "names", AT_ONCE)

    def of(self, address: str) -> str:
        """What ``address`` is called, as far as that is known; asked for where it is not."""
        if self._source is None or not address:
            return ""
        known = self._known.get(address)
        if known is None or not known.at <= self._clock.wall() < known.until:
            self._line.put(address)
        return "" if known is None else known.name

    def name_hops(self, seen: Observation) -> Observation:
        """``seen`` with the name of each hop of its trace, where that is known by now."""
        facts = seen.facts
        if self._source is None or not isinstance(facts, TraceFacts):
            return seen
        hops = tuple(self._named(hop) for hop in facts.hops)
        if hops == facts.hops:
            return seen
        return msgspec.structs.replace(seen, facts=msgspec.structs.replace(facts, hops=hops))

    def row(self) -> NamesRow | None:
        """What a later run should know; None where that is written already."""
        if not self._changed:
            return None
        self._changed = False
        return NamesRow(msgspec.msgpack.encode(tuple(self._known.items())), self._clock.wall())

    async def settle(self, seconds: float) -> None:
        """Wait until everything asked for is known, but no longer than ``seconds``."""
        await self._line.settle(seconds)

    async def close(self) -> None:
        """End the look-ups; what they found can still be asked for with :meth:`row`."""
        self._source = None
        await self._line.close()

    # --- inside ---------------------------------------------------------------------------

    def _named(self, hop: Hop) -> Hop:
        name = self.of(hop.address)
        return msgspec.structs.replace(hop, name=name) if name else hop

    async def _look_up(self, address: str) -> None:
        source, now = self._source, self._clock.wall()
        found = Name(Lookup.UNAVAILABLE, now, now + MINUTE)
        if source is not None:
            try:
                async with asyncio.timeout(DEADLINE_S):
                    found = await source.name(address)
            except Exception:  # noqa: BLE001 - whatever a look-up meets, it is one not known now
                found = Name(Lookup.UNAVAILABLE, now, now + MINUTE)
        old = self._known.get(address)
        before = "" if old is None else old.name
        if found.lookup not in _ANSWERS:
            # A server that fails takes no name away.
            found = msgspec.structs.replace(found, name=before)
        self._known[address] = found
        self._known.move_to_end(address)
        self._changed = True
        if len(self._known) > KNOWN_KEPT:
            self._known.popitem(last=False)
        if found.name != before:
            self._heard(address)


def _restored(old: Row | None) -> OrderedDict[str, Name]:
    if not isinstance(old, NamesRow):
        return OrderedDict()
    try:
        kept = _KEPT.decode(old.kept)
    except msgspec.DecodeError:
        return OrderedDict()
    sound = ((address, name) for address, name in kept if name.until - name.at <= DAY)
    return OrderedDict(list(sound)[-KNOWN_KEPT:])
