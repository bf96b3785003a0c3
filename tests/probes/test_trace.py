import pytest
from fakenet import UDP, Router, error, internet, namespace

from monitor.clock import RealClock
from monitor.probes.trace import TraceProbe
from monitor.records import Kind, Outcome, Reason
from monitor.watchlist.model import Check, TraceParams

TARGET, TARGET6 = "203.0.113.9", "2001:db8:9::9"
ROUTERS = {
    TARGET: [f"198.51.100.{hop}" for hop in range(1, 12)],
    TARGET6: [f"2001:db8:7::{hop}" for hop in range(1, 10)],
}
# Long enough that a wave is never cut short by a busy machine; silence costs a fifth of it.
SLOW, QUICK = 5.0, 1.0


def check(address, method="auto", timeout=SLOW, max_ttl=30):
    params = TraceParams(method=method, max_ttl=max_ttl)
    return Check("h/trace", "h", Kind.TRACE, address, params, timeout_s=timeout)


async def trace(*args, **kwargs):
    return await TraceProbe(RealClock()).probe(check(*args, **kwargs))


def path(seen):
    return [hop.address for hop in seen.facts.hops]


@pytest.mark.parametrize("method", ["auto", "icmp", "udp", "tcp"])
@pytest.mark.parametrize("address", [TARGET, TARGET6])
@pytest.mark.parametrize("length", [0, 3, 9])
async def test_every_method_finds_the_true_path(address, method, length):
    routers = ROUTERS[address][:length]
    async with internet() as net:
        net.host(address, routers, tcp=True)
        seen = await trace(address, method)
    assert (seen.outcome, seen.reason) == (Outcome.OK, Reason.NONE)
    assert path(seen) == [*routers, address]
    assert seen.facts.method == method.replace("auto", "icmp")
    assert [hop.ttl for hop in seen.facts.hops] == list(range(1, length + 2))
    assert seen.facts.hops[-1].rtt_ms == seen.rtt_ms


async def test_without_ping_sockets_and_privilege_udp_is_the_way(monkeypatch):
    def refuse(*_args):
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr("monitor.probes.echo.open_raw", refuse)
    async with internet(ping_range="1 0") as net:
        net.host(TARGET, ROUTERS[TARGET][:3])
        seen = await trace(TARGET)
        alone = await trace(TARGET, "icmp")
    assert (seen.outcome, seen.facts.method) == (Outcome.OK, "udp")
    assert (alone.outcome, alone.reason) == (Outcome.ERROR, Reason.NOT_PERMITTED)
    assert "net.ipv4.ping_group_range" in alone.note


@pytest.mark.parametrize(
    ("kind", "method"),
    [({"icmp": False}, "icmp+udp"), ({"icmp": False, "udp": False, "tcp": True}, "icmp+tcp")],
)
async def test_a_target_silent_to_one_method_is_asked_with_the_next(kind, method):
    routers = ROUTERS[TARGET][:3]
    async with internet() as net:
        net.host(TARGET, routers, **kind)
        seen = await trace(TARGET)
    assert (seen.outcome, seen.facts.method) == (Outcome.OK, method)
    assert path(seen) == [*routers, TARGET]


async def test_a_break_names_the_last_hop_that_answered():
    routers = [*ROUTERS[TARGET][:3], Router("198.51.100.99", silent=True)]
    async with internet() as net:
        net.host(TARGET, routers, icmp=False, udp=False)
        seen = await trace(TARGET, timeout=QUICK)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.PATH_BREAK)
    assert path(seen) == [*ROUTERS[TARGET][:3], ""]
    assert seen.note == "last answer 198.51.100.3 at hop 3; nothing beyond"
    assert max(packet.ttl for packet in net.hosts[TARGET].seen if packet.protocol != 6) == 8


async def test_nothing_at_all_answers():
    async with internet() as net:
        net.host(TARGET, icmp=False, udp=False)
        seen = await trace(TARGET, timeout=QUICK)
    assert (seen.reason, seen.note) == (Reason.PATH_BREAK, "no hop answers")


async def test_silent_and_rate_limited_hops_inside_a_path():
    first, second, third = ROUTERS[TARGET][:3]
    routers = [first, Router("198.51.100.98", silent=True), Router(second, deaf=1), third]
    async with internet() as net:
        net.host(TARGET, routers)
        seen = await trace(TARGET)
    assert path(seen) == [first, "", second, third, TARGET]
    hops = seen.facts.hops
    assert [(hop.sent, hop.received) for hop in hops] == [
        (1, 1),
        (2, 0),
        (2, 1),
        (1, 1),
        (1, 1),
    ]
    assert seen.facts.rounds == 2


@pytest.mark.parametrize(
    ("address", "code", "reason"),
    [
        (TARGET, (3, 0), Reason.NET_UNREACHABLE),
        (TARGET, (3, 1), Reason.HOST_UNREACHABLE),
        (TARGET, (3, 13), Reason.PROHIBITED),
        (TARGET6, (1, 0), Reason.NET_UNREACHABLE),
        (TARGET6, (1, 1), Reason.PROHIBITED),
    ],
)
@pytest.mark.parametrize("method", ["icmp", "udp", "tcp"])
async def test_a_refusal_ends_the_path(address, code, reason, method):
    routers = ROUTERS[address][:3]
    async with internet() as net:
        net.host(address, [*routers[:2], Router(routers[2], refuse=code)])
        seen = await trace(address, method)
    assert (seen.outcome, seen.reason, seen.said_by) == (Outcome.FAIL, reason, routers[2])
    assert path(seen) == routers
    assert (seen.facts.hops[-1].icmp_type, seen.facts.hops[-1].icmp_code) == code


async def test_a_loop_is_named():
    one, two, three = ROUTERS[TARGET][:3]
    async with internet() as net:
        net.host(TARGET, [one, *[two, three] * 20])
        seen = await trace(TARGET)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.PATH_LOOP)
    assert seen.note == f"loop between {two} and {three}"
    assert seen.sent == 8


@pytest.mark.parametrize("method", ["icmp", "udp"])
@pytest.mark.parametrize("address", [TARGET, TARGET6])
async def test_mpls_labels(address, method):
    first, second = ROUTERS[address][:2]
    async with internet() as net:
        net.host(address, [Router(first, labels=(16001, 299824)), second])
        seen = await trace(address, method)
    assert path(seen) == [first, second, address]
    assert [hop.labels for hop in seen.facts.hops] == [(16001, 299824), (), ()]


@pytest.mark.parametrize("method", ["icmp", "udp", "tcp"])
async def test_routers_that_quote_only_eight_bytes(method):
    routers = ROUTERS[TARGET][:4]
    async with internet() as net:
        net.host(TARGET, [Router(each, quote=8) for each in routers], tcp=True)
        seen = await trace(TARGET, method)
    assert path(seen) == [*routers, TARGET]


async def test_the_flow_is_the_same_for_every_ttl_and_trace():
    async with internet() as net:
        host = net.host(TARGET, ROUTERS[TARGET][:3])
        for method in ("icmp", "udp"):
            for _ in range(2):
                await trace(TARGET, method)
        flows = {
            (p.protocol, p.inner[:6] if p.protocol != UDP else p.inner[:4]) for p in host.seen
        }
        checksums = {p.inner[2:4] for p in host.seen if p.protocol != UDP}
    assert len([flow for flow in flows if flow[0] == UDP]) == 1
    assert len([flow for flow in flows if flow[0] != UDP]) == len(checksums) == 1


async def test_a_known_path_asks_the_target_once():
    async with internet() as net:
        host = net.host(TARGET, ROUTERS[TARGET][:3])
        probe = TraceProbe(RealClock())
        first = await probe.probe(check(TARGET))
        asked = len(host.seen)
        second = await probe.probe(check(TARGET))
    assert (asked, len(host.seen) - asked) == (8, 4)
    assert (first.sent, second.sent, second.received) == (1, 1, 1)


async def test_max_ttl_is_kept():
    async with internet() as net:
        host = net.host(TARGET, ROUTERS[TARGET])
        seen = await trace(TARGET, "icmp", max_ttl=4)
    assert path(seen) == ROUTERS[TARGET][:4]
    assert max(packet.ttl for packet in host.seen) == 4
    assert seen.reason is Reason.PATH_BREAK


async def test_forged_errors_are_not_taken():
    def liar(packet):
        for at in (19, 30):  # another destination, another token
            bent = bytearray(packet.raw)
            bent[at] ^= 1
            yield error(Router("198.51.100.66"), type(packet)(bytes(bent)), 3, 1)

    async with internet() as net:
        net.host(TARGET, liar=liar)
        seen = await trace(TARGET, "icmp")
    assert path(seen) == [TARGET]


async def test_no_route_is_ours():
    with namespace():
        seen = await trace("198.51.100.1")
    assert (seen.outcome, seen.reason) == (Outcome.ERROR, Reason.NO_ROUTE)
