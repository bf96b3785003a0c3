"""Worlds for any watchlist."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.records import Claim, Kind, Outcome
from monitor.simulation.prober import SimProber
from monitor.simulation.topology import (
    DESK_ASN,
    Placement,
    as_info,
    host_addresses,
    make_plan,
)
from monitor.simulation.world import world_for
from monitor.watchlist.model import (
    Check,
    DnsParams,
    Host,
    HttpParams,
    IcmpParams,
    Network,
    TcpParams,
    TraceParams,
    Watchlist,
)
from tests.simulation.samples import NOON


def test_a_host_in_a_prefix_sits_behind_its_network(watchlist: Watchlist) -> None:
    plan = make_plan(watchlist, 1)
    site = plan.sites["ns", "175.45.176.15"]
    assert (site.net, site.prefix, site.system.asn) == ("north", "175.45.176.0/24", 131279)
    assert plan.chain(site, 4837)[-2:] == (4837, 131279)
    assert plan.chain(site, 20485)[-2:] == (20485, 131279)


def test_names_are_inside_or_outside_by_their_claims_and_country(watchlist: Watchlist) -> None:
    plan = make_plan(watchlist, 1)
    inside = plan.sites["site", "www.site.kp"]
    assert inside.net == "north"
    assert ipaddress.ip_address(inside.v4) in ipaddress.ip_network("175.45.176.0/23")
    outside = plan.sites["paper", "paper.example.jp"]
    assert (outside.net, outside.system.country) == ("", "JP")
    assert plan.sites["old", "old.example.com"].net == ""


def test_a_script_may_place_a_host(watchlist: Watchlist) -> None:
    places = (Placement("paper", network="north"), Placement("site", asn=4134, country="CN"))
    plan = make_plan(watchlist, 1, places)
    assert plan.sites["paper", "paper.example.jp"].net == "north"
    assert plan.sites["site", "www.site.kp"].system == as_info(4134)


def test_controls_are_near_far_or_our_own_gateway(watchlist: Watchlist) -> None:
    plan = make_plan(watchlist, 1)
    assert plan.sites["gateway", "192.168.1.1"].local
    assert plan.gateway.v4 == "192.168.1.1"
    assert plan.chain(plan.sites["gateway", "192.168.1.1"], 0) == (DESK_ASN,)
    assert plan.chain(plan.sites["near", "202.106.0.20"], 0)[-2:] == (4837, 4808)
    assert plan.sites["far", "9.9.9.9"].rtt_ms < 40


def test_one_name_has_one_address_and_no_two_routers_share_one() -> None:
    page = HttpParams(url="http://a.example/")
    hosts = tuple(
        Host(
            name,
            name,
            "a.example",
            checks=(Check(f"{name}/http", name, Kind.HTTP, "a.example", page),),
        )
        for name in ("one", "two")
    )
    plan = make_plan(Watchlist("w", hosts=hosts), 1)
    assert plan.sites["one", "a.example"].v4 == plan.sites["two", "a.example"].v4
    pairs = [router for pair in plan.routers.values() for router in pair]
    addresses = [a for r in pairs for a in (r.v4, r.v6, r.twin4, r.twin6) if a]
    assert len(addresses) == len(set(addresses))


def test_simulated_hosts_have_a_block_of_their_own() -> None:
    blocks = {
        ipaddress.ip_network(f"{host_addresses(n)[0]}/24", strict=False) for n in range(999)
    }
    assert len(blocks) == 999
    assert all(block.subnet_of(ipaddress.ip_network("100.64.0.0/10")) for block in blocks)


# --- any watchlist -------------------------------------------------------------------------

names = st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,6}){0,2}\.(kp|com|jp|org)", fullmatch=True)
v4 = st.integers(0x0B000000, 0xDF000000).map(lambda n: str(ipaddress.IPv4Address(n)))
v6 = st.integers(2**125, 2**126).map(lambda n: str(ipaddress.IPv6Address(n)))
prefixes4 = st.tuples(st.integers(0x0B000000, 0xDF000000), st.integers(8, 32)).map(
    lambda p: str(ipaddress.ip_network((p[0], p[1]), strict=False))
)
prefixes6 = st.tuples(st.integers(2**125, 2**126), st.integers(20, 128)).map(
    lambda p: str(ipaddress.ip_network((p[0], p[1]), strict=False))
)
asns = st.integers(1, 4_294_967_294)
params = st.sampled_from(
    [
        (Kind.ICMP, IcmpParams(count=3)),
        (Kind.TCP, TcpParams(port=443, tls=True)),
        (Kind.DNS, DnsParams("example.", "SOA")),
        (Kind.DNS, DnsParams(".", "NS", recursive=True)),
        (Kind.HTTP, HttpParams(url="https://x.example/", status=("401",))),
        (Kind.TRACE, TraceParams()),
    ]
)


@st.composite
def watchlists(draw: st.DrawFn) -> Watchlist:
    nets = tuple(
        Network(
            f"net{n}",
            f"Net {n}",
            tuple(draw(st.lists(prefixes4 | prefixes6, max_size=3))),
            tuple(draw(st.lists(asns, max_size=2))),
            tuple(draw(st.lists(asns, max_size=3))),
        )
        for n in range(draw(st.integers(0, 3)))
    )
    ids = [net.id for net in nets]
    hosts = []
    for n in range(draw(st.integers(1, 6))):
        address = draw(names | v4 | v6)
        family = draw(st.sampled_from(["ipv4", "ipv6"]))
        checks = tuple(
            Check(f"h{n}/{i}", f"h{n}", kind, address, param, family=family)
            for i, (kind, param) in enumerate(draw(st.lists(params, max_size=4)))
        )
        claims = tuple(
            Claim("s", "2020-01-01", hosted_in=country)
            for country in draw(st.lists(st.sampled_from(["KP", "JP", "CN", "BR"]), max_size=2))
        )
        hosts.append(
            Host(
                f"h{n}",
                f"h{n}",
                address,
                role=draw(st.sampled_from(["host", "control"])),
                side=draw(st.sampled_from(["far", "near"])),
                near=tuple(ids[:1]),
                affiliation=draw(st.sampled_from([*ids, ""])),
                asn=draw(st.none() | asns),
                claims=claims,
                checks=checks,
            )
        )
    return Watchlist("any", nets, tuple(hosts))


@settings(max_examples=80, deadline=None)
@given(watchlists(), st.integers(0, 9))
def test_any_watchlist_has_a_world_in_which_all_is_well(
    watchlist: Watchlist, seed: int
) -> None:
    world = world_for(watchlist, seed)
    prober = SimProber(world, None)  # type: ignore[arg-type]
    for check in watchlist.checks():
        way = world.way(check.host, check.address, NOON)
        assert way.whole
        seen, took = prober.answer(check, NOON)
        assert seen.check == check.id
        assert 0 <= took <= check.timeout_s + 2
        no_such_family = not (way.site.v6 if check.family == "ipv6" else way.site.v4)
        if way.named and no_such_family:
            assert seen.outcome is Outcome.FAIL
        else:
            ipaddress.ip_address(seen.address)
        times = [step.rtt_ms for step in way.steps]
        assert times == sorted(times)
        assert not times or times[-1] <= way.rtt_ms + 1.0
    again = SimProber(world_for(watchlist, seed), None)  # type: ignore[arg-type]
    for check in reversed(watchlist.checks()):
        assert again.answer(check, NOON) == prober.answer(check, NOON)
