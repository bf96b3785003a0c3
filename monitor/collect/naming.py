"""Who announces the addresses that are seen, and what they are called: told to the judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from monitor.assess.assessor import Assessor
from monitor.clock import Clock
from monitor.collect.hosting import OriginKeeper, OriginsOf
from monitor.collect.names import NameKeeper, NamesOf
from monitor.records import Hosting, Observation, Row, Verdict
from monitor.watchlist.model import Watchlist


class Naming:
    """Owns both keepers; ``put`` is given what the judge makes of what they find."""

    def __init__(
        self,
        assessor: Assessor,
        clock: Clock,
        put: Callable[[Verdict], None],
        rows: Mapping[str, Row],
        *,
        origins: OriginsOf | None,
        names: NamesOf | None,
    ) -> None:
        """``rows`` are an earlier run's."""
        self._assessor = assessor
        self._clock = clock
        self._put = put
        self._origins = OriginKeeper(origins, clock, self._hear, rows.get("origins"))
        self._names = NameKeeper(names, clock, self._hear_name, rows.get("names"))

    async def follow(self, watchlist: Watchlist) -> None:
        """Ask, or cease to ask, as ``watchlist`` says; needs a running loop."""
        await self._origins.follow(watchlist)
        await self._names.follow(watchlist)

    def name_hops(self, seen: Observation) -> Observation:
        """``seen`` with AS and name of each hop of its trace, as far as they are known."""
        return self._names.name_hops(self._origins.name_hops(seen))

    def place(self, host: str, address: str) -> None:
        """Have a host's address looked up, or note what is known of it."""
        found, name = self._origins.of(address), self._names.of(address)
        hosting = self._assessor.hosting_of(host)
        if hosting is None or hosting.address != address:
            return
        if found is not None and (hosting.asn, hosting.how) != (found.asn, found.how):
            self._hear(found)
        elif name and name != hosting.name:
            self._call(hosting, name)

    def keep(self) -> None:
        """Have what was found written, unless it is."""
        found: list[Row | None] = [self._origins.row(), self._names.row()]
        verdict = Verdict()
        for row in found:
            if row is not None:
                verdict.add(row)
        if verdict.rows:
            self._put(verdict)

    async def close(self) -> None:
        """End the look-ups and have what they found written."""
        await self._origins.close()
        await self._names.close()
        self.keep()

    # --- what is newly known --------------------------------------------------------------

    def _hear(self, found: Hosting) -> None:
        found = msgspec.structs.replace(found, name=self._names.of(found.address))
        self._assessor.hear_origin(found.address, found, self._clock.wall())
        self._put(self._assessor.take())

    def _hear_name(self, address: str) -> None:
        for host in self._assessor.watchlist.hosts:
            hosting = self._assessor.hosting_of(host.id)
            if hosting is not None and hosting.address == address:
                self._call(hosting, self._names.of(address))
                return

    def _call(self, hosting: Hosting, name: str) -> None:
        if hosting.asn is None and hosting.was_asn is not None:
            # Who announces it is being looked up, and the name is told with that.
            return
        self._hear(msgspec.structs.replace(hosting, name=name))
