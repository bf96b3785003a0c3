"""What stands for the routing room in a drill: the simulated world's routes and origins.

Messages and tables are made up, and go through the real RIB; no connection is opened.
"""

from __future__ import annotations

from typing import Final

from monitor.records import (
    FEED_REASONS,
    HOUR,
    SECOND,
    FeedReason,
    FeedRow,
    FeedState,
    Micros,
    RouteSight,
    RouteTable,
)
from monitor.routing.cymru import Kept
from monitor.routing.messages import MessageKind, canonical_prefix
from monitor.routing.messages import RouteMessage as Told
from monitor.routing.origin import AsName, Lookup, Origin
from monitor.routing.rib import Rib
from monitor.routing.ripestat import Holding, Snapshot
from monitor.simulation.loop import SimClock
from monitor.simulation.routes import RouteMessage, route_messages, table
from monitor.simulation.world import World
from monitor.watchlist.model import Network

FEED: Final = "simulated-peers"


class DrillRoutes:
    """A route source of a simulated world, from its time at the start up to ``end``.

    While our own link is down in the world, its peers are not heard either.
    """

    def __init__(
        self, world: World, networks: tuple[Network, ...], clock: SimClock, end: Micros
    ) -> None:
        self._world = world
        self._clock = clock
        self._owner: dict[str, str] = {}
        watched: dict[str, set[int]] = {}
        for network in networks:
            for text in network.prefixes:
                prefix = canonical_prefix(text)
                self._owner.setdefault(prefix, network.id)
                watched.setdefault(prefix, set()).update(network.origin_asns)
        self._rib = Rib(watched)
        start = clock.true()
        self._seed(start)
        self._told = route_messages(world, start + 1, max(start, end))
        self._next = 0
        self._feed = FeedRow(FEED, FeedState.LIVE, since=clock.wall(), connects=1)

    @property
    def enabled(self) -> bool:
        """Whether any prefix is watched."""
        return bool(self._owner)

    async def run(self) -> None:
        """Wait to be cancelled: what is due is taken in when it is asked for."""
        while True:
            await self._clock.sleep(HOUR / SECOND)

    def snapshot(self) -> RouteTable:
        """What the simulated peers hold now."""
        true, now, feed = self._clock.true(), self._clock.wall(), self._feed
        while self._next < len(self._told) and self._told[self._next].at <= true:
            self._rib.apply(_message(self._told[self._next]))
            self._next += 1
        cut = self._world.own_link_down(true)
        state = FeedState.STALE if cut else FeedState.LIVE
        reason = FeedReason.SILENT if cut else FeedReason.NONE
        since = feed.since if feed.state is state else now
        self._feed = FeedRow(
            FEED,
            state,
            reason,
            since,
            at=feed.at if cut else now,
            why=FEED_REASONS[reason],
            messages=self._next,
            connects=1,
        )
        if cut:
            return RouteTable(now, state, reason, feeds=(self._feed,))
        sights = tuple(self._sight(prefix, network) for prefix, network in self._owner.items())
        return RouteTable(
            now, state, reason, sights, alarms=self._rib.alarms(), feeds=(self._feed,)
        )

    def _seed(self, at: Micros) -> None:
        held: dict[str, list[Holding]] = {prefix: [] for prefix in self._owner}
        for message in table(self._world, at):
            prefix = canonical_prefix(message.prefix)
            if prefix in held:
                held[prefix].append(Holding(message.peer, message.path, at))
        for prefix, holdings in held.items():
            self._rib.seed(Snapshot(prefix, at, tuple(holdings)))

    def _sight(self, prefix: str, network: str) -> RouteSight:
        found = self._rib.visibility(prefix)
        return RouteSight(
            prefix=prefix,
            network=network,
            seen=found.seen,
            peers=found.peers,
            origins=self._rib.origins(prefix),
            upstreams=self._rib.upstreams(prefix),
            at=found.at,
        )


class DrillOrigins:
    """Who announces an address of a simulated world: what origin look-ups would say."""

    how = "simulated"

    def __init__(self, world: World, clock: SimClock) -> None:
        self._world = world
        self._clock = clock
        self._names: dict[int, AsName] = {}

    async def origin(self, address: str) -> Origin:
        """The origin of a watched host's address; of any other nothing is known."""
        true, now = self._clock.true(), self._clock.wall()
        if self._world.own_link_down(true):
            return Origin(Lookup.TIMEOUT, now)
        for host in self._world.plan.addresses:
            found = self._world.hosting(host, true)
            if found.address == address and found.asn is not None:
                self._names[found.asn] = AsName(
                    Lookup.KNOWN, now, found.asn, found.as_name, found.country
                )
                return Origin(Lookup.KNOWN, now, found.prefix, (found.asn,), found.country)
        return Origin(Lookup.NOT_ROUTED, now)

    async def as_name(self, asn: int) -> AsName:
        """The name of an AS that originates an address asked for before."""
        return self._names.get(asn) or AsName(Lookup.NOT_ROUTED, self._clock.wall(), asn)

    def export(self) -> Kept:
        """Nothing: a drill's world is made anew each time."""
        return Kept()

    def restore(self, kept: Kept) -> None:
        """Nothing of any other run holds in this world."""

    async def close(self) -> None:
        """Nothing is held."""


def _message(told: RouteMessage) -> Told:
    """A simulated peer's message as the RIB takes it."""
    prefixes = (canonical_prefix(told.prefix),)
    return Told(
        at=told.at,
        kind=MessageKind.UPDATE,
        peer=told.peer,
        peer_asn=told.peer_asn,
        host=told.host,
        path=told.path,
        announced=prefixes if told.path else (),
        withdrawn=() if told.path else prefixes,
    )
