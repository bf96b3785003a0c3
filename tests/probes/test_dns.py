import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import closed_port, dns_server

from monitor.probes.dns import DnsProbe
from monitor.probes.dnswire import Parser, belongs, is_fresh, query
from monitor.probes.failures import Failure
from monitor.records import Kind, Outcome, Reason
from monitor.watchlist.model import Check, DnsParams


@pytest.fixture
async def look(clock, resolver):
    """Run one DNS check."""
    probe = DnsProbe(clock, resolver)

    async def run(port, name="www.example.test", rdtype="A", timeout_s=2.0, **params):
        check = Check(
            id="h/dns",
            host="h",
            kind=Kind.DNS,
            address="127.0.0.1",
            params=DnsParams(name, rdtype, port=port, **params),
            timeout_s=timeout_s,
        )
        return await probe.probe(check)

    yield run
    await probe.close()


async def test_authority_answers(look):
    async with dns_server() as server:
        first = await look(server.port)
        again = await look(server.port)
    for seen in (first, again):
        assert (seen.outcome, seen.reason) == (Outcome.OK, Reason.NONE)
        assert seen.facts.answers == ("192.0.2.8", "192.0.2.80")
        assert seen.facts.flags == ("QR", "AA")
        assert (seen.facts.rcode, seen.facts.transport) == ("NOERROR", "udp")
        assert (seen.sent, seen.received, seen.facts.lost) == (1, 1, 0)
        assert 0 < seen.rtt_ms <= seen.took_ms


async def test_resolver_answers_through_an_alias(look):
    async with dns_server() as server:
        seen = await look(server.port, "alias.example.test", recursive=True)
    assert seen.outcome is Outcome.OK
    assert seen.facts.answers == ("192.0.2.8", "192.0.2.80", "CNAME www.example.test.")
    assert "RD" in seen.facts.flags


async def test_serial(look):
    async with dns_server() as server:
        fresh = await look(server.port, "example.test", "SOA", min_serial=2024)
        stale = await look(server.port, "example.test", "SOA", min_serial=2025)
    assert (fresh.outcome, fresh.facts.serial) == (Outcome.OK, 2024)
    assert (stale.outcome, stale.reason) == (Outcome.FAIL, Reason.DNS_UNEXPECTED)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (("NS1.example.test.", "ns2.example.test."), Reason.NONE),
        (("ns3.example.test.",), Reason.DNS_UNEXPECTED),
    ],
)
async def test_expected_answers(look, answers, reason):
    async with dns_server() as server:
        seen = await look(server.port, "example.test", "NS", answers=answers)
    assert seen.reason is reason


async def test_hostile_text_is_made_harmless(look):
    async with dns_server() as server:
        seen = await look(server.port, "txt.example.test", "TXT")
    assert seen.outcome is Outcome.OK
    assert seen.facts.answers[0].isprintable()


@pytest.mark.parametrize(
    ("mode", "name", "reason"),
    [
        ("servfail", "www.example.test", Reason.DNS_SERVFAIL),
        ("refused", "www.example.test", Reason.DNS_REFUSED),
        ("formerr", "www.example.test", Reason.DNS_ERROR),
        ("lame", "www.example.test", Reason.DNS_LAME),
        ("good", "none.example.test", Reason.DNS_NXDOMAIN),
        ("good", "only6.example.test", Reason.DNS_NODATA),
        ("loop", "www.example.test", Reason.DNS_MALFORMED),
        ("cut", "www.example.test", Reason.DNS_MALFORMED),
        ("records", "www.example.test", Reason.DNS_MALFORMED),
        ("oversized", "www.example.test", Reason.DNS_MALFORMED),
        ("tcp-wrong-id", "www.example.test", Reason.DNS_MALFORMED),
    ],
)
async def test_bad_answer(look, mode, name, reason):
    async with dns_server(mode) as server:
        seen = await look(server.port, name)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, reason)
    assert seen.sent == 1


@pytest.mark.parametrize("mode", ["silent", "wrong-id", "wrong-question", "echo"])
async def test_what_does_not_answer_us_is_no_answer(look, mode):
    async with dns_server(mode) as server:
        seen = await look(server.port, timeout_s=0.2)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.TIMEOUT)
    assert (seen.sent, seen.received, seen.facts.lost) == (2, 0, 2)
    assert len(server.asked) == 2
    assert ("strange" in seen.note) == (mode != "silent")


async def test_true_answer_behind_spoofed_ones(look):
    async with dns_server("spoof-first") as server:
        seen = await look(server.port)
    assert seen.outcome is Outcome.OK


async def test_lost_datagram_is_asked_for_again_and_counted(look):
    async with dns_server(drop=1) as server:
        seen = await look(server.port, timeout_s=0.6)
    assert seen.outcome is Outcome.OK
    assert (seen.sent, seen.received, seen.facts.lost) == (2, 1, 1)


async def test_closed_port_is_known_at_once(look):
    seen = await look(closed_port())
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.PORT_UNREACHABLE)
    assert seen.said_by == "127.0.0.1"
    assert seen.sent == 1


async def test_server_comes_back_on_the_same_socket_key(look):
    async with dns_server() as server:
        port = server.port
        assert (await look(port)).outcome is Outcome.OK
    assert (await look(port)).reason is Reason.PORT_UNREACHABLE
    assert (await look(port)).reason is Reason.PORT_UNREACHABLE


@pytest.mark.parametrize("name", ["www.example.test", "big.example.test"])
async def test_truncated_is_asked_again_over_tcp(look, name):
    async with dns_server("truncated") as server:
        rdtype = "TXT" if name.startswith("big") else "A"
        seen = await look(server.port, name, rdtype)
    assert (seen.outcome, seen.facts.transport) == (Outcome.OK, "tcp")
    assert len(seen.facts.answers) == (20 if rdtype == "TXT" else 2)


async def test_expected_rcode(look):
    async with dns_server() as server:
        absent = await look(server.port, "none.example.test", rcode="NXDOMAIN")
        present = await look(server.port, rcode="NXDOMAIN")
    assert absent.outcome is Outcome.OK
    assert present.reason is Reason.DNS_UNEXPECTED


async def test_many_questions_share_a_socket(look):
    async with dns_server() as server:
        seen = await asyncio.gather(*(look(server.port) for _ in range(50)))
    assert {one.outcome for one in seen} == {Outcome.OK}


async def test_unaskable_question_is_our_fault(look):
    seen = await look(closed_port(), "a" * 64 + ".test")
    assert seen.outcome is Outcome.ERROR


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**31 - 1))
def test_serials_wrap(serial, ahead):
    assert is_fresh((serial + ahead) % 2**32, serial)
    if ahead:
        assert not is_fresh(serial, (serial + ahead) % 2**32)


QUERY = query("www.example.test", "A", recursive=False)


@given(st.binary(max_size=600), st.integers(0, 40))
def test_garbage_is_malformed_or_read_and_nothing_else(noise, records):
    data = b"\0\0\x84\0\0\x01\0" + bytes([records]) + b"\0\0\0\0" + QUERY.question + noise
    assert belongs(data, QUERY)
    with contextlib.suppress(Failure):
        asyncio.run(Parser().parse(data, QUERY))


async def test_long_answer_is_read_apart_and_whole():
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4"
    data = b"\0\0\x84\0\0\1\1\0\0\0\0\0" + b"".join(
        [QUERY.question, *(record + bytes([10, 0, 0, last]) for last in range(256))]
    )
    parsed = await Parser().parse(data, QUERY)
    assert len(parsed.answers) == 32


@given(st.binary(max_size=60))
def test_noise_never_belongs(noise):
    assert not belongs(noise, QUERY) or noise[4:6] == b"\0\0"
    with contextlib.suppress(Failure):
        asyncio.run(Parser().parse(b"\0" * 12 + noise, QUERY))
