"""Probes over real routers, as nobody, against what the plan says is true."""

import pytest

from monitor.records import Outcome, Reason

from .plan import FAR

pytestmark = pytest.mark.lab

ISP, BORDER_T1 = "203.0.113.1", "198.19.17.1"
PING_RANGE = "/proc/sys/net/ipv4/ping_group_range"
PATH = [ISP, "198.19.16.1", BORDER_T1, FAR]


def path(seen):
    return [hop.address for hop in seen.facts.hops]


def test_every_method_sees_the_true_path(lab):
    looks = [
        {"kind": "trace", "address": FAR, "params": {"method": method}}
        for method in ("auto", "icmp", "udp", "tcp")
    ]
    seen = lab.look(*looks)
    assert [each.facts.method for each in seen] == ["icmp", "icmp", "udp", "tcp"]
    for each in seen:
        assert (each.outcome, path(each)) == (Outcome.OK, PATH)


# A Linux router says "unreachable" five times in a row and then once a second, whoever asks:
# every refusal is tested at a router of its own, and with few packets.
@pytest.mark.parametrize(
    ("kind", "router", "hop", "reason"),
    [
        ("unreachable", "bdr", 3, Reason.HOST_UNREACHABLE),
        ("prohibit", "t1", 2, Reason.PROHIBITED),
    ],
)
def test_a_refusal_is_typed_and_attributed(lab, kind, router, hop, reason):
    lab("fault", "blackhole", FAR, router, kind)
    echo, trace = lab.echo(FAR, count=1), lab.trace(FAR)
    for seen in (echo, trace):
        assert (seen.outcome, seen.reason) == (Outcome.FAIL, reason)
        assert seen.said_by == PATH[hop - 1]
    assert path(trace) == PATH[:hop]


def test_a_withdrawn_prefix_is_net_unreachable(lab):
    lab("fault", "withdraw", "198.18.179.0/24")
    seen = lab.echo(FAR, count=5, timeout_s=1.0)
    assert (seen.outcome, seen.reason, seen.said_by) == (
        Outcome.FAIL,
        Reason.NET_UNREACHABLE,
        ISP,
    )


def test_a_blackhole_breaks_the_path_without_a_word(lab):
    lab("fault", "blackhole", FAR)
    echo, trace = lab.echo(FAR, timeout_s=1.0), lab.trace(FAR, timeout_s=2.0)
    assert (echo.reason, echo.said_by) == (Reason.TIMEOUT, "")
    assert trace.reason is Reason.PATH_BREAK
    assert path(trace) == [*PATH[:2], ""]


def test_a_mute_router_is_a_blank_not_a_break(lab):
    lab("fault", "filter", "t1")
    seen = lab.trace(FAR)
    assert (seen.outcome, path(seen)) == (Outcome.OK, [ISP, "", *PATH[2:]])


def test_a_silent_host_is_found_by_another_method(lab):
    lab("fault", "drop", "bdr", "ip", "daddr", FAR, "meta", "l4proto", "icmp")
    seen = lab.trace(FAR)
    assert (seen.outcome, seen.facts.method, path(seen)) == (Outcome.OK, "icmp+udp", PATH)


def test_loss_is_counted(lab):
    lab("fault", "loss", "bdr-far", "40", "ab")
    seen = lab.echo(FAR, count=60, timeout_s=1.0)
    assert (seen.outcome, seen.reason, seen.sent) == (Outcome.WARN, Reason.LOSS, 60)
    assert 0 < seen.received < 60


def test_delay_is_measured(lab):
    lab("fault", "delay", "isp-t1", "30")
    seen = lab.echo(FAR, count=5)
    assert seen.received == 5
    assert 60 <= seen.rtt_ms <= seen.took_ms


def test_duplicates_are_counted(lab):
    lab("fault", "dup", "bdr-far", "100")
    seen = lab.echo(FAR, count=5)
    assert (seen.received, seen.outcome) == (5, Outcome.OK)
    assert seen.facts.duplicates > 0


def test_without_ping_sockets(lab):
    closing = f"r=$(cat {PING_RANGE}); echo 1 0 > {PING_RANGE}; echo $r"
    before = lab("exec", "desk", "sh", "-c", closing).strip()
    try:
        trace, echo = lab.trace(FAR), lab.echo(FAR)
        by_root = lab.echo(FAR, as_root=True)
    finally:
        opening = f"echo {before} > {PING_RANGE}"
        lab("exec", "desk", "sh", "-c", opening)
    assert (by_root.outcome, by_root.facts.socket) == (Outcome.OK, "raw")
    if echo.outcome is Outcome.OK:
        pytest.skip("a rootless lab has nobody but root")
    assert (echo.outcome, echo.reason) == (Outcome.ERROR, Reason.NOT_PERMITTED)
    assert (trace.facts.method, path(trace)) == ("udp", PATH)


# A Linux host says "port unreachable" six times and then once a second: fewer traces by UDP.
@pytest.mark.parametrize(("method", "traces"), [("icmp", 20), ("tcp", 20), ("udp", 6)])
def test_load_balancing_shows_no_link_that_is_not_there(lab, method, traces):
    lab("fault", "ecmp", "on")
    looks = [
        {
            "kind": "trace",
            "address": f"198.18.176.{last}",
            "params": {"method": method, "port": 80},
        }
        for last in range(82, 82 + traces)
    ]
    seen = lab.look(*looks)
    arms = {("198.19.16.1", "198.19.17.1"), ("198.19.32.1", "198.19.33.1")}
    taken = {tuple(path(each)[1:3]) for each in seen}
    assert all(each.outcome is Outcome.OK and len(path(each)) == 4 for each in seen)
    assert taken == arms
