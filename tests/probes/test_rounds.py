"""Rounds over a path that is known: what is asked, what is counted, what is found out."""

import pytest
from fakenet import UDP, Router, internet

from monitor.clock import RealClock
from monitor.probes.trace import TraceProbe
from monitor.records import Kind, Outcome, Reason
from monitor.watchlist.model import Check, TraceParams

TARGET, TARGET6 = "203.0.113.9", "2001:db8:9::9"
ROUTERS = {
    TARGET: [f"198.51.100.{hop}" for hop in range(1, 12)],
    TARGET6: [f"2001:db8:7::{hop}" for hop in range(1, 10)],
}


def check(address, method="auto", *, every=1.0, timeout=2.0, name="h"):
    params = TraceParams(method=method)
    return Check(
        f"{name}/trace",
        name,
        Kind.TRACE,
        address,
        params,
        interval_s=every,
        timeout_s=timeout,
    )


class Ticking(RealClock):
    """The real clock, on which every round comes a second after the last."""

    def __init__(self):
        self.ahead = 0.0

    def monotonic(self):
        return super().monotonic() + self.ahead


@pytest.fixture
async def rounds():
    """``await rounds(check, n)``: the last of ``n`` rounds, a second of clock apart."""
    clock = Ticking()
    probe = TraceProbe(clock)

    async def run(asked, number=1):
        for _ in range(number):
            clock.ahead += 1.0
            seen = await probe.probe(asked)
        return seen

    yield run
    await probe.close()


def path(seen):
    return [hop.address for hop in seen.facts.hops]


@pytest.mark.parametrize("method", ["icmp", "udp", "tcp"])
@pytest.mark.parametrize("address", [TARGET, TARGET6])
async def test_every_round_is_counted(rounds, method, address):
    async with internet() as net:
        host = net.host(address, ROUTERS[address][:3], tcp=True)
        await rounds(check(address, method))
        first = len(host.seen)
        seen = await rounds(check(address, method), 6)
    assert path(seen) == [*ROUTERS[address][:3], address]
    assert len(host.seen) - first == 6 * 4
    for hop in seen.facts.hops:
        window = hop.window
        assert (window.address, window.sent, window.received) == (hop.address, 7, 7)
        assert window.best_ms <= window.mean_ms <= window.worst_ms
        assert not hop.limited
    assert seen.facts.target == seen.facts.hops[-1].window
    assert seen.facts.flow > 0


async def test_the_flow_stays_the_same_and_is_said(rounds):
    async with internet() as net:
        host = net.host(TARGET, ROUTERS[TARGET][:3])
        flows = {(await rounds(check(TARGET, "udp"))).facts.flow for _ in range(4)}
        ports = {int.from_bytes(packet.inner[:2], "big") for packet in host.seen}
    assert flows == ports
    assert len(flows) == 1


async def test_routers_that_quote_only_eight_bytes_go_one_by_one(rounds):
    async with internet() as net:
        net.host(TARGET, [Router(each, quote=8) for each in ROUTERS[TARGET][:3]])
        seen = await rounds(check(TARGET, "udp"), 4)
    assert path(seen) == [*ROUTERS[TARGET][:3], TARGET]
    assert seen.facts.target.received == 4


async def test_a_silent_hop_holds_up_no_later_round(rounds):
    first, _, third = ROUTERS[TARGET][:3]
    async with internet() as net:
        net.host(TARGET, [first, Router("198.51.100.98", silent=True), third])
        await rounds(check(TARGET))
        seen = await rounds(check(TARGET), 3)
    assert path(seen) == [first, "", third, TARGET]
    # The first round waits a fifth of its time for silence, these only as long as needed.
    assert seen.took_ms < 300
    assert seen.facts.hops[1].window.received == 0
    assert (seen.sent, seen.received) == (1, 1)


async def test_a_hop_that_answers_seldom_is_limited_and_nothing_is_lost(rounds):
    first, second, third = ROUTERS[TARGET][:3]
    async with internet() as net:
        host = net.host(TARGET, [first, second, third])
        await rounds(check(TARGET))
        host.routers[1].deaf = 12
        seen = await rounds(check(TARGET), 24)
    hop = seen.facts.hops[1]
    assert hop.limited
    assert hop.window.sent - hop.window.received > 3
    assert not any(each.limited for each in seen.facts.hops if each is not hop)
    assert seen.facts.target.loss == 0


async def test_loss_at_the_target_is_retried_and_counted(rounds):
    async with internet() as net:
        host = net.host(TARGET, ROUTERS[TARGET][:2])
        await rounds(check(TARGET))
        host.lose = frozenset(range(len(host.seen), len(host.seen) + 3))
        lossy = await rounds(check(TARGET))
        after = await rounds(check(TARGET))
    assert (lossy.outcome, path(lossy)) == (Outcome.OK, [*ROUTERS[TARGET][:2], TARGET])
    # A packet still on its way is not lost yet; a round later it is.
    assert after.facts.target.received < after.facts.target.sent


async def test_a_path_grown_longer_or_shorter_is_found(rounds):
    routers = ROUTERS[TARGET]
    async with internet() as net:
        host = net.host(TARGET, routers[:3])
        before = await rounds(check(TARGET), 2)
        host.routers = [Router(each) for each in routers[:6]]
        longer = await rounds(check(TARGET), 2)
        host.routers = [Router(routers[0])]
        shorter = await rounds(check(TARGET), 2)
    assert path(longer) == [*routers[:6], TARGET]
    # The path is another one, the flow is not: what changed is not our way of looking.
    assert longer.facts.method == before.facts.method == "icmp"
    assert longer.facts.flow == before.facts.flow
    assert path(shorter) == [routers[0], TARGET]
    assert longer.facts.target.loss == shorter.facts.target.loss == 0


async def test_a_path_grown_by_a_silent_hop_is_believed_in_the_end(rounds):
    async with internet() as net:
        host = net.host(TARGET, ROUTERS[TARGET][:2])
        await rounds(check(TARGET))
        host.routers.append(Router("198.51.100.98", silent=True))
        seen = await rounds(check(TARGET, timeout=1.0), 6)
    assert path(seen) == [*ROUTERS[TARGET][:2], "", TARGET]


async def test_another_router_is_seen_at_once_and_kept_as_an_arm(rounds):
    first, second, third, other = ROUTERS[TARGET][:4]
    async with internet() as net:
        host = net.host(TARGET, [first, second, third])
        await rounds(check(TARGET), 3)
        host.routers[1] = Router(other)
        seen = await rounds(check(TARGET))
    assert path(seen) == [first, other, third, TARGET]
    assert seen.facts.hops[1].window.arms == ((second, 3), (other, 1))


async def test_a_break_is_located_in_one_round_and_its_end_is_seen(rounds):
    routers = ROUTERS[TARGET][:4]
    async with internet() as net:
        host = net.host(TARGET, routers)
        await rounds(check(TARGET), 2)
        host.routers[2:] = [Router(each, silent=True) for each in routers[2:]] * 20
        broken = await rounds(check(TARGET, timeout=1.0))
        lasting = await rounds(check(TARGET, timeout=1.0), 3)
        host.routers = [Router(each) for each in routers]
        back = await rounds(check(TARGET))
    for seen in (broken, lasting):
        assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.PATH_BREAK)
        assert path(seen) == [*routers[:2], ""]
        assert (seen.received, seen.facts.target.received) == (0, 2)
        assert seen.facts.target.sent > 2
    assert (back.outcome, path(back)) == (Outcome.OK, [*routers, TARGET])


async def test_a_refusal_that_comes_stays_where_it_is_until_it_ends(rounds):
    routers = ROUTERS[TARGET][:4]
    async with internet() as net:
        host = net.host(TARGET, routers)
        await rounds(check(TARGET), 2)
        host.routers[1] = Router(routers[1], refuse=(3, 1))
        refused = [await rounds(check(TARGET, timeout=1.0)) for _ in range(8)]
        host.routers = [Router(each) for each in routers]
        back = await rounds(check(TARGET))
    for seen in refused[1:]:
        assert (seen.reason, seen.said_by) == (Reason.HOST_UNREACHABLE, routers[1])
        assert path(seen) == routers[:2]
    assert refused[-1].facts.target.received == 2
    assert refused[-1].facts.target.sent > 8
    assert (back.outcome, path(back)) == (Outcome.OK, [*routers, TARGET])


async def test_a_filter_for_one_kind_of_packet_is_passed_by_another(rounds):
    routers = ROUTERS[TARGET][:3]
    async with internet() as net:
        host = net.host(TARGET, routers)
        await rounds(check(TARGET), 2)
        host.routers[1] = Router(routers[1], refuse=(3, 13), passes=UDP)
        other = await rounds(check(TARGET), 2)
        by_icmp = await rounds(check(TARGET, "icmp"))
        host.routers[1].passes = None
        shut = await rounds(check(TARGET, timeout=1.0), 2)
    assert (other.outcome, other.facts.method) == (Outcome.OK, "udp")
    assert path(other) == [*routers, TARGET]
    for seen in (by_icmp, shut):
        assert (seen.reason, seen.said_by) == (Reason.PROHIBITED, routers[1])
        assert path(seen) == routers[:2]


async def test_the_way_that_reached_is_asked_first_next_time(rounds):
    async with internet() as net:
        host = net.host(TARGET, ROUTERS[TARGET][:3], icmp=False)
        first = await rounds(check(TARGET))
        asked = len(host.seen)
        second = await rounds(check(TARGET))
        protocols = {packet.protocol for packet in host.seen[asked:]}
    assert (first.facts.method, second.facts.method) == ("icmp+udp", "udp")
    assert protocols == {UDP}
    assert second.facts.target.loss == 0


async def test_paths_share_what_they_know_of_common_hops(rounds):
    async with internet() as net:
        targets = [f"203.0.113.{last}" for last in range(20, 30)]
        hosts = [net.host(each, ROUTERS[TARGET][:3]) for each in targets]
        for _ in range(8):
            for place, address in enumerate(targets):
                seen = await rounds(check(address, every=10.0, name=f"h{place}"))
                assert seen.outcome is Outcome.OK
        near = sum(packet.ttl == 1 for host in hosts for packet in host.seen)
    # Eighty rounds in eighty seconds of clock: the first router is asked once a second.
    assert near <= 84


async def test_nothing_stays_open(rounds):
    clock = RealClock()
    async with internet() as net:
        net.host(TARGET, ROUTERS[TARGET][:2])
        slow, quick = TraceProbe(clock), TraceProbe(clock)
        await slow.probe(check(TARGET, every=60.0))
        await quick.probe(check(TARGET, every=1.0))
        held = [each.flow is not None for each in slow._paths.values()]
        kept = [each.flow is not None for each in quick._paths.values()]
        await slow.close()
        await quick.close()
    assert (held, kept) == ([False], [True])
    assert all(each.flow is None for each in quick._paths.values())
