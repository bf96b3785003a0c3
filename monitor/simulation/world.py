"""The simulated internet over time.

What holds between the desk and a host is piecewise constant: :meth:`World.way` finds the
piece by bisection and builds it once, so asking about any moment is cheap and jumping in
time costs nothing.  The world knows the faults; it does not know what a script's author
says they mean.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from monitor.records import SECOND, Hosting, Micros
from monitor.simulation.draw import key_of
from monitor.simulation.events import Event, Fault, Scope
from monitor.simulation.happening import FAILOVER, Happening, Track, entry, hop_of
from monitor.simulation.topology import (
    DESK_ASN,
    TRANSIT_ASNS,
    ZONE_CACHED_S,
    Net,
    Placement,
    Plan,
    Site,
    Step,
    as_info,
    host_addresses,
    make_plan,
    parse_address,
    rtt_to,
)
from monitor.simulation.way import USUAL_LOSS, Ramp, Way
from monitor.watchlist.model import Watchlist

_CACHED: Final = round(ZONE_CACHED_S * SECOND)
# The first simulated addresses are the watchlist's; those hosts move to begin here.
_MOVED: Final = 8192

# How looking up a name ends while our own link is down.
_RESOLVER: Final = {"": "", "silent": "timeout", "no-route": "failed"}


class World:
    """The simulated internet; a pure function of plan, events and time."""

    def __init__(self, plan: Plan, events: Sequence[Event] = ()) -> None:
        self.plan = plan
        self.seed = plan.seed
        self.happenings = [Happening(event, plan.seed) for event in events]
        self._tracks: dict[tuple[str, str], Track] = {}
        self._moves = {
            id(happening): self._moved(happening.event, number)
            for number, happening in enumerate(self.happenings)
            if happening.does is Fault.HOSTING_MOVE
        }
        self._zones = {zone.apex: zone.servers for zone in plan.zones}
        self._dead: dict[str, list[tuple[Micros, Micros]]] = {}

    @property
    def clock_events(self) -> tuple[Event, ...]:
        """The suspends and clock steps, in order of time; the clock's business."""
        kinds = (Fault.SUSPEND, Fault.CLOCK_STEP)
        found = [h.event for h in self.happenings if h.does in kinds]
        return tuple(sorted(found, key=lambda event: event.at))

    def way(self, host: str, address: str, at: Micros) -> Way:
        """What lies between the desk and ``address`` of ``host`` at ``at``.

        Raises KeyError for a host or address that the watchlist does not have.
        """
        track = self._track(host, address)
        place = bisect_right(track.times, at)
        found = track.ways[place]
        if found is None:
            times = track.times
            moment = times[place - 1] if place else times[0] - 1 if times else 0
            found = self._build(track, address, moment)
            track.ways[place] = found
        return found

    def at(self, moment: Micros) -> dict[str, Way]:
        """The way to every host of the watchlist at ``moment``, by host id."""
        return {
            host: self.way(host, address, moment)
            for host, address in self.plan.addresses.items()
        }

    def hosting(self, host: str, at: Micros) -> Hosting:
        """Where a host is measured to be: what origin look-ups would say."""
        site = self.way(host, self.plan.addresses[host], at).site
        return Hosting(
            site.v4 or site.v6,
            site.prefix,
            site.system.asn,
            site.system.name,
            site.system.country,
            bool(site.net),
            "simulated",
            at,
        )

    def own_link_down(self, at: Micros) -> bool:
        """Whether our own link is down at ``at``."""
        cuts = [h for h in self.happenings if h.does is Fault.OWN_LINK_DOWN]
        return any(h.since(at) is not None for h in cuts)

    def routed(self, net: Net, prefix: str, at: Micros, failover: Micros = 0) -> int | None:
        """The upstream AS that carries ``prefix`` at ``at``; None when it is withdrawn.

        ``failover`` is how long after a cut the routes still stand.
        """
        mine = [h for h in self.happenings if self._touches_net(h.event, net, prefix)]
        return self._upstream(mine, net, at, failover)[0]

    def times_of(self, net: Net, prefix: str) -> list[Micros]:
        """The moments at which the routing of ``prefix`` may change, in order."""
        mine = [h for h in self.happenings if self._touches_net(h.event, net, prefix)]
        return sorted({edge for h in mine for edge in h.edges})

    # --- building one way ------------------------------------------------------------

    def _track(self, host: str, address: str) -> Track:
        found = self._tracks.get((host, address))
        if found is None:
            site = self.plan.sites[host, address]
            mine = [h for h in self.happenings if self._touches(h.event, host, site)]
            for happening in list(mine):
                moved = self._moves.get(id(happening))
                if moved is not None:
                    more = [h for h in self.happenings if self._touches(h.event, host, moved)]
                    mine += [h for h in more if h not in mine]
            named = parse_address(address) is None
            zone = self._zone_of(address) if named else ""
            found = self._tracks[host, address] = Track(host, zone, mine)
            if zone:
                dead = self._dead_spans(zone)
                found.cut_at(t for a, b in dead for t in (a + _CACHED, b))
        return found

    def _touches(self, event: Event, host: str, site: Site) -> bool:
        match event.scope:
            case Scope.OWN:
                return True
            case Scope.HOST:
                return event.target == host
            case Scope.NETWORK | Scope.PREFIX:
                net = self.plan.nets.get(site.net)
                return net is not None and self._touches_net(event, net, site.prefix)
            case Scope.AS | Scope.EDGE:
                net = self.plan.nets.get(site.net)
                ups = self._candidates(net) if net is not None else (0,)
                chains = [self.plan.chain(site, up) for up in ups]
                return any(entry(event, chain) is not None for chain in chains)

    def _touches_net(self, event: Event, net: Net, prefix: str) -> bool:
        match event.scope:
            case Scope.NETWORK:
                return event.target == net.id
            case Scope.PREFIX:
                return event.target == prefix
            case Scope.AS | Scope.EDGE:
                chains = [(DESK_ASN, *self._tail(net, up)) for up in self._candidates(net)]
                return any(entry(event, chain) is not None for chain in chains)
            case _:
                return False

    def _tail(self, net: Net, upstream: int) -> tuple[int, ...]:
        if upstream in TRANSIT_ASNS:
            return (upstream, net.origin.asn)
        return (self.plan.transit_of(upstream), upstream, net.origin.asn)

    def _candidates(self, net: Net) -> tuple[int, ...]:
        changes = [up for h in self.happenings for up in h.event.upstreams]
        return tuple(dict.fromkeys([*net.upstreams, *changes]))

    def _upstream(
        self, mine: Sequence[Happening], net: Net, at: Micros, failover: Micros
    ) -> tuple[int | None, int]:
        """The upstream in use (None: no route), and the one that broke or is in use."""
        active = [(h, since) for h in mine if (since := h.since(at)) is not None]
        changes = [(since, h.event) for h, since in active if h.event.upstreams]
        prefer = max(changes, key=lambda c: c[0])[1].upstreams if changes else net.upstreams
        if any(h.does is Fault.WITHDRAW for h, _ in active):
            return None, prefer[0]
        for up in prefer:
            chain = (DESK_ASN, *self._tail(net, up))
            gone = any(
                h.does is Fault.CUT
                and h.event.routes
                and at >= since + failover
                and (
                    h.event.scope in (Scope.NETWORK, Scope.PREFIX)
                    or entry(h.event, chain) is not None
                )
                for h, since in active
            )
            if not gone:
                return up, up
        return None, prefer[0]

    def _build(self, track: Track, address: str, at: Micros, *, names: bool = True) -> Way:
        active = [h for h in track.happenings if h.since(at) is not None]
        site = self.plan.sites[track.host, address]
        named = parse_address(address) is None
        if named:
            for happening in active:
                site = self._moves.get(id(happening), site)
            active = [h for h in active if self._touches(h.event, track.host, site)]
        net = self.plan.nets.get(site.net)
        routed: int | None = 0
        used = 0
        if net is not None:
            mine = [h for h in active if self._touches_net(h.event, net, site.prefix)]
            routed, used = self._upstream(mine, net, at, FAILOVER)
        chain = self.plan.chain(site, used)
        steps, rtt = self._steps(site, chain)
        events = [h.event for h in active]
        reach, said = self._break(active, chain, steps, routed is None)
        own = _way_of(events, Fault.OWN_LINK_DOWN, "no-route")
        if own == "silent" and not site.local:
            reach, said = min(reach, 1), False
        resolver = _way_of(events, Fault.RESOLVER_DOWN, "timeout") or _RESOLVER[own]
        if names and not resolver and track.zone and self._zone_gone(track.zone, at):
            resolver = "failed"
        status = [event.status for event in events if event.fault is Fault.SERVER_5XX]
        return Way(
            site=site,
            steps=steps,
            reach=min(reach, len(steps)),
            whole=reach > len(steps),
            said=said,
            own=own,
            resolver=resolver,
            dns=_way_of(events, Fault.DNS_DEAD, "timeout"),
            refuse=_way_of(events, Fault.REFUSE, "refused"),
            certificate=_way_of(events, Fault.CERTIFICATE, "expired"),
            status=status[-1] if status else 200,
            rtt_ms=rtt,
            loss=0.0 if site.local else USUAL_LOSS,
            ramps=tuple(self._ramps(events, chain, steps)),
            named=named,
        )

    def _steps(self, site: Site, chain: tuple[int, ...]) -> tuple[tuple[Step, ...], float]:
        """The routers of ``chain``, and the round trip to the host behind them."""
        if site.local:
            return (), site.rtt_ms
        routers = [self.plan.gateway]
        for asn in chain:
            pair = self.plan.routers[asn]
            # A watched network shows its border only, as small networks do.
            routers += pair[1:] if site.net and asn == site.system.asn else pair
        total = site.rtt_ms
        if site.net:
            total = max(total, rtt_to(as_info(chain[-2]), 0) + 12.0)
        near = 1.0
        count = len(routers)
        steps = [
            Step(router, 0.4 + (total - near) * (place / count) ** 1.3)
            for place, router in enumerate(routers)
        ]
        return tuple(steps), total

    def _break(
        self,
        active: list[Happening],
        chain: tuple[int, ...],
        steps: tuple[Step, ...],
        unrouted: bool,
    ) -> tuple[int, bool]:
        """How many steps are reached (one more: the host too), and whether the last says so."""
        reach, said = len(steps) + 1, False
        for happening in active:
            event = happening.event
            if happening.does not in (Fault.CUT, Fault.WITHDRAW):
                continue
            hop = hop_of(event, chain, steps)
            if hop is None or hop > reach:
                continue
            told = unrouted and not event.silent and event.scope is not Scope.HOST
            said = said if hop == reach and said else told
            reach = hop
        return reach, said

    def _ramps(
        self, events: list[Event], chain: tuple[int, ...], steps: tuple[Step, ...]
    ) -> Iterable[Ramp]:
        for event in events:
            if event.fault not in (Fault.LOSS, Fault.OVERLOAD):
                continue
            hop = hop_of(event, chain, steps)
            if hop is None:
                continue
            full = event.at + round(event.grow_s * SECOND) if event.grow_s else event.until
            yield Ramp(hop, event.at, full, event.first, event.last, event.latency_ms)

    # --- names ----------------------------------------------------------------------

    def _zone_of(self, name: str) -> str:
        labels = name.lower().rstrip(".").split(".")
        for skip in range(len(labels)):
            apex = ".".join(labels[skip:])
            if apex in self._zones:
                return apex
        return ""

    def _zone_gone(self, zone: str, at: Micros) -> bool:
        return any(start + _CACHED <= at < end for start, end in self._dead_spans(zone))

    def _dead_spans(self, zone: str) -> list[tuple[Micros, Micros]]:
        """When every server of ``zone`` was away for longer than resolvers remember."""
        known = self._dead.get(zone)
        if known is not None:
            return known
        self._dead[zone] = spans = []
        servers = [(host, self.plan.addresses[host]) for host in self._zones[zone]]
        tracks = [(self._track(*server), server[1]) for server in servers]
        times = sorted({time for track, _ in tracks for time in track.times})
        since: Micros | None = None
        for time in times:
            ways = [self._build(track, text, time, names=False) for track, text in tracks]
            dead = all(not way.own and (not way.whole or way.dns) for way in ways)
            if dead and since is None:
                since = time
            elif not dead and since is not None:
                if time - since > _CACHED:
                    spans.append((since, time))
                since = None
        return spans

    def _moved(self, event: Event, number: int) -> Site:
        """Where a host sits after its move."""
        key = key_of(self.seed, "moved", number)
        address = parse_address(event.address) if event.address else None
        if address is not None:
            for net in self.plan.nets.values():
                prefix = net.prefix_of(address)
                if prefix:
                    rtt = rtt_to(net.origin, key)
                    return Site(event.address, "", net.origin, rtt, prefix, net.id)
        v4, v6 = host_addresses(_MOVED + number)
        v4 = event.address or v4
        system = as_info(event.asn, event.country)
        prefix = v4.rpartition(".")[0] + ".0/24"
        return Site(v4, v6, system, rtt_to(system, key), prefix)


def _way_of(events: list[Event], fault: Fault, usual: str) -> str:
    found = [event.how or usual for event in events if event.fault is fault]
    return found[-1] if found else ""


def world_for(
    watchlist: Watchlist,
    seed: int,
    events: Sequence[Event] = (),
    placements: tuple[Placement, ...] = (),
) -> World:
    """A plausible world for any watchlist, in which ``events`` happen."""
    asns = {up for event in events for up in event.upstreams}
    asns |= {event.asn for event in events if event.asn}
    plan = make_plan(watchlist, seed, placements, tuple(sorted(asns)))
    return World(plan, events)
