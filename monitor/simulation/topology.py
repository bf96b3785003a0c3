"""The simulated internet as it stands when nothing is wrong: who sits where, behind whom.

Made for any watchlist.  Addresses of simulated routers and hosts come from blocks that no
real network announces (RFC 2544, RFC 3849, RFC 6598); addresses a watchlist states are kept.
"""

from __future__ import annotations

import ipaddress
from typing import Final

import msgspec

from monitor.simulation.draw import between, key_of
from monitor.watchlist.model import Check, DnsParams, Host, Network, Prefix, Watchlist

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

DESK_ASN: Final = 64500
TRANSIT_ASNS: Final = (64501, 64502, 64503)
_SYNTHETIC_ASN: Final = 4_200_000_000
# Resolvers remember a zone whose servers are gone for about a day (RFC 8767).
ZONE_CACHED_S: Final = 86_400.0

_ROUTERS4: Final = int(ipaddress.IPv4Address("198.18.0.0"))
_ROUTERS6: Final = int(ipaddress.IPv6Address("2001:db8::"))
_HOSTS4: Final = int(ipaddress.IPv4Address("100.64.0.0"))
_HOSTS6: Final = int(ipaddress.IPv6Address("2001:db8:1::"))
_HOST_BLOCKS: Final = 16_384
_LOCAL: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "::1/128",
        "fe80::/10",
        "fc00::/7",
    )
)

# Real names make drills readable; every other AS gets a made-up one.
_AS_NAMES: Final[dict[int, tuple[str, str]]] = {
    2516: ("KDDI", "JP"),
    3786: ("LG DACOM", "KR"),
    4134: ("Chinanet", "CN"),
    4766: ("Korea Telecom", "KR"),
    4808: ("China Unicom Beijing", "CN"),
    4837: ("China Unicom", "CN"),
    6939: ("Hurricane Electric", "US"),
    8075: ("Microsoft", "US"),
    13335: ("Cloudflare", "US"),
    15169: ("Google", "US"),
    17621: ("China Unicom Shanghai", "CN"),
    19281: ("Quad9", "US"),
    20485: ("TransTeleCom", "RU"),
    22351: ("Intelsat", "US"),
    36692: ("OpenDNS", "US"),
    131279: ("Star Joint Venture", "KP"),
}
_HOSTING_AS: Final = {"CN": 4837, "JP": 2516, "KR": 3786, "RU": 20485}
# Round trips from a desk in Seoul, milliseconds.
_RTT_MS: Final = {"KR": 6.0, "JP": 31.0, "CN": 41.0, "KP": 71.0, "RU": 128.0, "US": 134.0}


class As(msgspec.Struct, frozen=True):
    """An autonomous system: number, name, registry country (``ZZ`` when made up)."""

    asn: int
    name: str
    country: str


class Router(msgspec.Struct, frozen=True):
    """A router; ``answers`` is the fraction of probes its ICMP limit lets it answer.

    ``twin4`` and ``twin6`` are the parallel router's addresses where traffic is balanced.
    """

    v4: str
    v6: str
    system: As
    answers: float = 1.0
    name: str = ""
    twin4: str = ""
    twin6: str = ""


class Step(msgspec.Struct, frozen=True):
    """One hop of a path: the router and the round trip to it in milliseconds."""

    router: Router
    rtt_ms: float


class Net(msgspec.Struct, frozen=True):
    """A watched network: where it is announced from, and through whom, best first."""

    id: str
    prefixes: tuple[str, ...]
    parsed: tuple[Prefix, ...]
    origin: As
    upstreams: tuple[int, ...]

    def prefix_of(self, address: Address) -> str:
        """The longest prefix that holds ``address``, or empty."""
        found = [p for p in self.parsed if p.version == address.version and address in p]
        return str(max(found, key=lambda p: p.prefixlen)) if found else ""


class Site(msgspec.Struct, frozen=True):
    """Where an address is: in a watched network (``net``), in a foreign AS, which is reached
    through ``via`` where that is given, or on the desk's own LAN (``local``).
    """

    v4: str
    v6: str
    system: As
    rtt_ms: float
    prefix: str
    net: str = ""
    via: int = 0
    local: bool = False


class Zone(msgspec.Struct, frozen=True):
    """A zone of the name tree and the host ids that serve it."""

    apex: str
    servers: tuple[str, ...]


class Placement(msgspec.Struct, frozen=True):
    """A script's word on where a host is: in a network, or in an AS of a country."""

    host: str
    network: str = ""
    asn: int = 0
    country: str = ""


class Plan(msgspec.Struct, frozen=True):
    """Everything that does not change with time.  ``sites`` is keyed by host id and what is
    probed there (an address or a name); ``addresses`` gives what each host id is listed under.
    """

    seed: int
    nets: dict[str, Net]
    sites: dict[tuple[str, str], Site]
    zones: tuple[Zone, ...]
    routers: dict[int, tuple[Router, ...]]
    gateway: Router
    addresses: dict[str, str]

    def transit_of(self, asn: int) -> int:
        """The transit AS through which the desk's traffic to ``asn`` goes."""
        return TRANSIT_ASNS[key_of("transit", asn) % len(TRANSIT_ASNS)]

    def chain(self, site: Site, upstream: int) -> tuple[int, ...]:
        """The ASes from the desk to ``site``; ``upstream`` counts for a watched network."""
        if site.local:
            return (DESK_ASN,)
        before = upstream if site.net else site.via
        ends = [before, site.system.asn] if before else [site.system.asn]
        chain = [DESK_ASN]
        if ends[0] not in TRANSIT_ASNS:
            chain.append(self.transit_of(ends[0]))
        return tuple(chain + [asn for asn in ends if asn not in chain])


def parse_address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def as_info(asn: int, country: str = "") -> As:
    """Name and country of an AS."""
    name, home = _AS_NAMES.get(asn, (f"Simulated AS{asn}", country or "ZZ"))
    return As(asn, name, home)


def rtt_to(system: As, key: int, far: bool = False) -> float:
    """The usual round trip to a host of ``system``; far controls are anycast and near."""
    if far:
        return between(key, 4.0, 38.0)
    base = _RTT_MS.get(system.country)
    if base is None:
        base = between(key_of("rtt", system.asn), 90.0, 260.0)
    return base + between(key, 0.0, 4.0)


class _Maker:
    """Builds a plan; addresses are handed out in file order."""

    def __init__(
        self, watchlist: Watchlist, seed: int, placements: dict[str, Placement]
    ) -> None:
        self.watchlist = watchlist
        self.seed = seed
        self.placements = placements
        self.homes = {net.id: _home(net, watchlist) for net in watchlist.networks}
        self.nets = {net.id: _net(net, self.homes[net.id]) for net in watchlist.networks}
        self.sites: dict[tuple[str, str], Site] = {}
        self.named: dict[str, Site] = {}
        self.used = {h.address for h in watchlist.hosts} | {
            c.address for h in watchlist.hosts for c in h.checks
        }
        self.foreign = 0

    def site(self, host: Host, text: str) -> Site:
        """Where ``text``, an address or a name of ``host``, is."""
        address = parse_address(text)
        if address is None:
            known = self.named.get(text)
            if known is None:
                known = self.named[text] = self._named(host)
            return known
        key = key_of(self.seed, "site", text)
        v4, v6 = (text, "") if address.version == 4 else ("", text)
        for net in self.nets.values():
            prefix = net.prefix_of(address)
            if prefix:
                return Site(v4, v6, net.origin, rtt_to(net.origin, key), prefix, net.id)
        if any(address.version == n.version and address in n for n in _LOCAL):
            return Site(v4, v6, as_info(DESK_ASN), between(key, 0.2, 0.6), "", local=True)
        system = self._system(host)
        width = 24 if address.version == 4 else 48
        prefix = str(ipaddress.ip_network(f"{text}/{width}", strict=False))
        rtt = rtt_to(system, key, host.side == "far")
        return Site(v4, v6, system, rtt, prefix, via=self._via(host))

    def _named(self, host: Host) -> Site:
        key = key_of(self.seed, "site", host.address)
        net = self._inside(host)
        if net is not None:
            address = self._address_in(net)
            v4, v6 = (address, "") if ":" not in address else ("", address)
            prefix = net.prefix_of(ipaddress.ip_address(address))
            return Site(v4, v6, net.origin, rtt_to(net.origin, key), prefix, net.id)
        system = self._system(host)
        v4, v6 = host_addresses(self.foreign)
        self.foreign += 1
        prefix = str(ipaddress.ip_network(f"{v4}/24", strict=False))
        rtt = rtt_to(system, key, host.side == "far")
        return Site(v4, v6, system, rtt, prefix, via=self._via(host))

    def _via(self, host: Host) -> int:
        """The upstream behind which a near control stands."""
        ups = [self.nets[near].upstreams[0] for near in host.near if near in self.nets]
        return ups[0] if ups else 0

    def _inside(self, host: Host) -> Net | None:
        placement = self.placements.get(host.id)
        if placement is not None:
            return self.nets.get(placement.network)
        net = self.nets.get(host.affiliation)
        if net is None or not net.prefixes or host.role == "control":
            return None
        home = self.homes[net.id]
        where = _claimed(host) or host.address.rpartition(".")[2].upper()
        return net if where == home else None

    def _address_in(self, net: Net) -> str:
        """A free address of the network, spread over its prefixes."""
        taken = sum(site.net == net.id for site in self.named.values())
        prefix = net.parsed[taken % len(net.parsed)]
        first = int(prefix.network_address)
        room = min(prefix.num_addresses, 254)
        for offset in range(room):
            number = first + (64 + taken // len(net.parsed) + offset) % room
            text = str(type(prefix.network_address)(number))
            if text not in self.used:
                self.used.add(text)
                return text
        return str(prefix.network_address)

    def _system(self, host: Host) -> As:
        placement = self.placements.get(host.id)
        if placement is not None and placement.asn:
            return as_info(placement.asn, placement.country)
        if host.asn is not None:
            return as_info(host.asn)
        if host.side == "near":
            return as_info(self._via(host) or TRANSIT_ASNS[0])
        country = placement.country if placement is not None else _claimed(host)
        if country in _HOSTING_AS:
            return as_info(_HOSTING_AS[country])
        return as_info(_SYNTHETIC_ASN + key_of("as", host.id) % 10_000, country)


def host_addresses(number: int) -> tuple[str, str]:
    """The IPv4 and IPv6 address of a simulated host, each in a block of its own."""
    block, more = number % _HOST_BLOCKS, number // _HOST_BLOCKS
    v4 = ipaddress.IPv4Address(_HOSTS4 + block * 256 + 10 + more % 200)
    return str(v4), str(ipaddress.IPv6Address(_HOSTS6 + (number << 64) + 10))


def _claimed(host: Host) -> str:
    """The country of the newest claim that names one."""
    dated = [(claim.date, claim.hosted_in) for claim in host.claims if claim.hosted_in]
    return max(dated)[1].upper() if dated else ""


def _home(net: Network, watchlist: Watchlist) -> str:
    """The country of a network: the country code most of its affiliates' names end in."""
    count: dict[str, int] = {}
    for host in watchlist.hosts:
        tld = host.address.rpartition(".")[2].upper()
        if host.affiliation == net.id and len(tld) == 2 and tld.isalpha():
            # A claim is mostly made of a host that is somewhere unexpected.
            count[tld] = count.get(tld, 0) + (1 if _claimed(host) else 2)
    return max(sorted(count), key=lambda tld: count[tld]) if count else ""


def _net(net: Network, home: str) -> Net:
    asn = net.origin_asns[0] if net.origin_asns else _SYNTHETIC_ASN + key_of(net.id) % 10_000
    parsed = tuple(ipaddress.ip_network(prefix, strict=False) for prefix in net.prefixes)
    upstreams = tuple(up for up in net.upstream_asns if up != asn) or (TRANSIT_ASNS[0],)
    return Net(net.id, tuple(map(str, parsed)), parsed, as_info(asn, home), upstreams)


def _routers(systems: dict[int, As], seed: int) -> dict[int, tuple[Router, ...]]:
    """Two routers an AS; some are balanced, some are slow to say anything."""
    out: dict[int, tuple[Router, ...]] = {}
    number = 1
    for asn in sorted(systems):
        pair = []
        for place in range(2):
            key = key_of(seed, "router", asn, place)
            fate = between(key, 0.0, 1.0)
            answers = 0.0 if fate < 0.04 else 0.55 if fate < 0.2 else 1.0
            four = [str(ipaddress.IPv4Address(_ROUTERS4 + number + i)) for i in range(2)]
            six = [str(ipaddress.IPv6Address(_ROUTERS6 + number + i)) for i in range(2)]
            number += 2
            twin = asn in TRANSIT_ASNS and place == 1
            pair.append(
                Router(
                    four[0],
                    six[0],
                    systems[asn],
                    # The last router of an AS names the break: it always answers.
                    1.0 if place == 1 else answers,
                    f"r{place + 1}.as{asn}.example",
                    four[1] if twin else "",
                    six[1] if twin else "",
                )
            )
        out[asn] = tuple(pair)
    return out


def _zones(watchlist: Watchlist) -> tuple[Zone, ...]:
    """Every zone the watchlist asks its own servers about."""
    servers: dict[str, list[str]] = {}
    for host in watchlist.hosts:
        for check in host.checks:
            apex = zone_asked(check)
            if apex and host.id not in servers.setdefault(apex, []):
                servers[apex].append(host.id)
    return tuple(Zone(apex, tuple(ids)) for apex, ids in sorted(servers.items()))


def zone_asked(check: Check) -> str:
    """The zone whose authority a check asks, without its dot; empty for any other check."""
    if not isinstance(check.params, DnsParams) or check.params.recursive:
        return ""
    return check.params.name.rstrip(".").lower()


def make_plan(
    watchlist: Watchlist,
    seed: int,
    placements: tuple[Placement, ...] = (),
    asns: tuple[int, ...] = (),
) -> Plan:
    """A plan for ``watchlist``; ``asns`` are further ASes that faults will need."""
    maker = _Maker(watchlist, seed, {p.host: p for p in placements})
    for host in watchlist.hosts:
        for text in dict.fromkeys([host.address, *(check.address for check in host.checks)]):
            maker.sites[host.id, text] = maker.site(host, text)
    systems = {asn: as_info(asn) for asn in (DESK_ASN, *TRANSIT_ASNS, *asns)}
    for net in maker.nets.values():
        systems |= {asn: as_info(asn) for asn in net.upstreams}
        systems[net.origin.asn] = net.origin
    for site in maker.sites.values():
        systems.setdefault(site.system.asn, site.system)
    routers = _routers(systems, seed)
    gateway = next((s for s in maker.sites.values() if s.local and s.v4), None)
    first = Router(
        gateway.v4 if gateway else "192.168.0.1", "fe80::1", systems[DESK_ASN], 1.0, "gateway"
    )
    listed = {host.id: host.address for host in watchlist.hosts}
    return Plan(seed, maker.nets, maker.sites, _zones(watchlist), routers, first, listed)
