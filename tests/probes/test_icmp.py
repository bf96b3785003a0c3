import asyncio
import errno
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from fakenet import PING_RANGE, Router, error, icmp, internet, namespace

from monitor.clock import RealClock
from monitor.probes.icmp import IcmpProbe
from monitor.records import Kind, Outcome, Reason
from monitor.watchlist.model import Check, IcmpParams

TARGET, TARGET6 = "203.0.113.9", "2001:db8:9::9"


def check(address, count=3, spacing=0.01, timeout=1.0, size=56):
    params = IcmpParams(count, spacing, size)
    return Check("h/icmp", "h", Kind.ICMP, address, params, timeout_s=timeout)


async def look(*checks):
    probe = IcmpProbe(RealClock())
    try:
        return await asyncio.gather(*(probe.probe(each) for each in checks))
    finally:
        await probe.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("ping_range", "kind"), [("0 2147483647", "ping"), ("1 0", "raw")])
async def test_loopback_answers_by_either_socket(address, ping_range, kind):
    with namespace(ping_range):
        if ping_range == "1 0" and PING_RANGE.read_text().split() != ["1", "0"]:
            pytest.skip("the ping range cannot be closed here")
        (seen,) = await look(check(address))
    assert (seen.outcome, seen.reason) == (Outcome.OK, Reason.NONE)
    assert (seen.sent, seen.received, seen.facts.socket) == (3, 3, kind)
    assert 0 <= seen.rtt_ms <= seen.took_ms
    assert seen.facts.reply_ttl == 64


@pytest.mark.parametrize("size", [8, 57, 1400])
@pytest.mark.parametrize("address", [TARGET, TARGET6])
async def test_payload_sizes(address, size):
    async with internet() as net:
        host = net.host(address)
        (seen,) = await look(check(address, size=size))
        assert (seen.outcome, seen.received) == (Outcome.OK, 3)
        assert {len(packet.inner) for packet in host.seen} == {8 + size}


async def test_partial_loss_is_a_warning_and_duplicates_are_counted():
    async with internet() as net:
        net.host(TARGET, lose=frozenset({1}), copies=2)
        (seen,) = await look(check(TARGET, count=4))
    assert (seen.outcome, seen.reason) == (Outcome.WARN, Reason.LOSS)
    assert (seen.sent, seen.received) == (4, 3)
    assert [rtt is None for rtt in seen.facts.rtts_ms] == [False, True, False, False]
    assert seen.facts.duplicates == 3


async def test_silence_is_a_timeout():
    async with internet() as net:
        net.host(TARGET, icmp=False)
        (seen,) = await look(check(TARGET))
    assert (seen.outcome, seen.reason, seen.said_by) == (Outcome.FAIL, Reason.TIMEOUT, "")


CODES = [
    (TARGET, (3, 0), Reason.NET_UNREACHABLE),
    (TARGET, (3, 6), Reason.NET_UNREACHABLE),
    (TARGET, (3, 11), Reason.NET_UNREACHABLE),
    (TARGET, (3, 1), Reason.HOST_UNREACHABLE),
    (TARGET, (3, 7), Reason.HOST_UNREACHABLE),
    (TARGET, (3, 12), Reason.HOST_UNREACHABLE),
    (TARGET, (3, 9), Reason.PROHIBITED),
    (TARGET, (3, 10), Reason.PROHIBITED),
    (TARGET, (3, 13), Reason.PROHIBITED),
    (TARGET, (3, 3), Reason.PORT_UNREACHABLE),
    (TARGET, (11, 0), Reason.TTL_EXPIRED),
    (TARGET6, (1, 0), Reason.NET_UNREACHABLE),
    (TARGET6, (1, 1), Reason.PROHIBITED),
    (TARGET6, (1, 3), Reason.HOST_UNREACHABLE),
    (TARGET6, (1, 4), Reason.PORT_UNREACHABLE),
    (TARGET6, (3, 0), Reason.TTL_EXPIRED),
]


@pytest.mark.parametrize(("address", "code", "reason"), CODES)
async def test_a_routers_refusal_is_typed_and_attributed(address, code, reason):
    router = "198.51.100.7" if address == TARGET else "2001:db8:7::7"
    async with internet() as net:
        net.host(address, [Router(router, refuse=code, quote=8)])
        (seen,) = await look(check(address))
    assert (seen.outcome, seen.reason, seen.said_by) == (Outcome.FAIL, reason, router)
    assert (seen.facts.icmp_type, seen.facts.icmp_code) == code


async def test_forged_replies_are_not_taken():
    def liar(packet):
        _, _, _, ident, seq = struct.unpack_from("!BBHHH", packet.inner)
        echo = struct.pack("!HH", ident, seq)
        body = packet.inner[8:]
        wrong = b"\x00" * len(body)
        me, you = packet.destination, packet.source
        yield icmp(me, you, 0, 0, echo + wrong)  # not the token
        yield icmp("198.51.100.66", you, 0, 0, echo + body)  # not the address asked
        yield icmp(me, you, 0, 0, struct.pack("!HH", ident, seq ^ 1) + body)  # not the number
        yield icmp(me, you, 0, 0, struct.pack("!HH", ident ^ 1, seq) + body)  # not ours
        yield icmp(me, you, 0, 0, echo + body[:4])  # cut short
        bent = bytearray(packet.raw)
        bent[19] ^= 1  # quotes another destination
        yield error(Router("198.51.100.66"), type(packet)(bytes(bent)), 3, 1)
        bent = bytearray(packet.raw)
        bent[30] ^= 1  # quotes another token
        yield error(Router("198.51.100.66"), type(packet)(bytes(bent)), 3, 1)

    async with internet() as net:
        net.host(TARGET, icmp=False, liar=liar)
        (seen,) = await look(check(TARGET))
    assert (seen.outcome, seen.reason, seen.received) == (Outcome.FAIL, Reason.TIMEOUT, 0)
    assert (seen.said_by, seen.facts.duplicates) == ("", 0)


async def test_one_targets_refusals_never_cost_another_a_packet():
    async with internet() as net:
        net.host(TARGET)
        dead = [f"203.0.113.{last}" for last in range(100, 130)]
        for address in dead:
            net.host(address, [Router("198.51.100.7", refuse=(3, 1))])
        well, *rest = await look(
            check(TARGET, count=30, spacing=0.005),
            *(check(address, count=15, spacing=0.01) for address in dead),
        )
    assert (well.outcome, well.sent, well.received) == (Outcome.OK, 30, 30)
    assert {(seen.sent, seen.reason) for seen in rest} == {(15, Reason.HOST_UNREACHABLE)}


async def test_a_late_answer_is_lost_and_harms_nobody():
    async with internet() as net:
        host = net.host(TARGET, icmp=False)
        probe = IcmpProbe(RealClock())
        try:
            first = await probe.probe(check(TARGET, count=2, timeout=0.1))
            assert first.reason is Reason.TIMEOUT
            host.icmp = True
            for late in host.seen[:2]:
                net.send(icmp(TARGET, late.source, 0, 0, late.inner[4:]))
            second = await probe.probe(check(TARGET, count=2))
        finally:
            await probe.close()
    assert (second.outcome, second.received, second.facts.duplicates) == (Outcome.OK, 2, 0)


async def test_no_route_and_no_family_are_ours():
    with namespace():
        four, six = await look(check("198.51.100.1"), check("2001:db8::5"))
    assert (four.outcome, four.reason, four.sent) == (Outcome.ERROR, Reason.NO_ROUTE, 0)
    assert six.outcome is Outcome.ERROR
    assert six.reason in (Reason.NO_ROUTE, Reason.NO_FAMILY)


async def test_a_running_burst_can_be_cancelled_and_leaves_nothing():
    async with internet() as net:
        host = net.host(TARGET, icmp=False)
        probe = IcmpProbe(RealClock())
        task = asyncio.create_task(probe.probe(check(TARGET, timeout=30)))
        await host.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await probe.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}


AS_NOBODY = """
import asyncio, json, os, sys
sys.path.insert(0, sys.argv[2])
import test_icmp
import msgspec, encodings.idna
async def main():
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
    seen = await test_icmp.look(*(test_icmp.check(a) for a in ("127.0.0.1", "::1")))
    print(json.dumps([[s.outcome, s.reason, s.received, s.note] for s in seen]))
asyncio.run(main())
"""


@pytest.mark.parametrize("ping_range", ["0 2147483647", "1 0"])
def test_as_nobody_without_capabilities(ping_range):
    if os.getuid() != 0 or Path("/proc/self/uid_map").read_text().split()[2] == "1":
        pytest.skip("needs root outside a user namespace, to become somebody else")
    with namespace(ping_range):
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, "-", str(Path(__file__).parent)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    for outcome, reason, received, note in json.loads(done.stdout):
        if ping_range == "1 0":
            assert (outcome, reason, received) == ("error", "not-permitted", 0)
            assert "net.ipv4.ping_group_range" in note
        else:
            assert (outcome, reason, received) == ("ok", "none", 3)


async def test_a_local_limit_is_ours(monkeypatch):
    def none_left(*_args):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("monitor.probes.echo.open_ping", none_left)
    monkeypatch.setattr("monitor.probes.echo.open_raw", none_left)
    (seen,) = await look(check("127.0.0.1"))
    assert (seen.outcome, seen.reason) == (Outcome.ERROR, Reason.LOCAL_LIMIT)
