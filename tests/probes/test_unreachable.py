"""Refused on the way: the reason, and the router that said so, for every kind."""

import pytest
from fakenet import Router, internet, namespace

from monitor.probes.dns import DnsProbe
from monitor.probes.http import HttpProbe
from monitor.probes.tcp import TcpProbe
from monitor.records import Kind, Outcome, Reason
from monitor.watchlist.model import Check, DnsParams, HttpParams, TcpParams

pytestmark = pytest.mark.lab

V4, V6 = "203.0.113.7", "2001:db8:9::7"
ROUTER = {V4: "198.51.100.9", V6: "2001:db8:5::9"}
KINDS = {
    Kind.TCP: (TcpProbe, TcpParams(443)),
    Kind.DNS: (DnsProbe, DnsParams("example.test", "SOA")),
    Kind.HTTP: (HttpProbe, HttpParams("http://www.example.test/")),
}


@pytest.fixture(params=list(KINDS), ids=str)
def kind(request):
    return request.param


@pytest.fixture
def look(clock, resolver, kind):
    """Run one check of each kind."""

    async def run(address, timeout_s=2.0):
        make, params = KINDS[kind]
        probe = make(clock, resolver)
        check = Check(f"h/{kind}", "h", kind, address, params, timeout_s=timeout_s)
        seen = await probe.probe(check)
        await probe.close()
        return seen

    return run


@pytest.mark.parametrize(
    ("address", "refuse", "reason"),
    [
        (V4, (3, 0), Reason.NET_UNREACHABLE),
        (V4, (3, 1), Reason.HOST_UNREACHABLE),
        (V4, (3, 3), Reason.PORT_UNREACHABLE),
        (V4, (3, 13), Reason.PROHIBITED),
        (V4, (11, 0), Reason.TTL_EXPIRED),
        (V6, (1, 0), Reason.NET_UNREACHABLE),
        (V6, (1, 1), Reason.PROHIBITED),
        (V6, (1, 3), Reason.HOST_UNREACHABLE),
        (V6, (3, 0), Reason.TTL_EXPIRED),
    ],
)
async def test_router_refuses(look, address, refuse, reason):
    router = ROUTER[address]
    async with internet() as net:
        net.host(address, [Router(router, refuse=refuse)])
        seen = await look(address)
    assert (seen.outcome, seen.reason, seen.said_by) == (Outcome.FAIL, reason, router)
    assert seen.received == 0


async def test_router_quotes_as_little_as_it_may(look):
    async with internet() as net:
        net.host(V4, [Router(ROUTER[V4], refuse=(3, 13), quote=8)])
        seen = await look(V4)
    assert (seen.reason, seen.said_by) == (Reason.PROHIBITED, ROUTER[V4])


async def test_silence_on_the_way(look):
    async with internet():
        seen = await look(V4, timeout_s=0.2)
    assert (seen.outcome, seen.reason, seen.said_by) == (Outcome.FAIL, Reason.TIMEOUT, "")


async def test_no_route_is_ours(look):
    with namespace():
        seen = await look(V4)
    assert (seen.outcome, seen.reason) == (Outcome.ERROR, Reason.NO_ROUTE)


async def test_no_ipv6_is_ours(look):
    with namespace():
        seen = await look(V6)
    assert seen.outcome is Outcome.ERROR
    assert seen.reason in (Reason.NO_ROUTE, Reason.NO_FAMILY)
