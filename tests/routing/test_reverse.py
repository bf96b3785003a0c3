"""Reverse DNS against a resolver on loopback: names, none, hostile ones, and how long."""

from __future__ import annotations

import asyncio

import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.PTR
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.clock import RealClock
from monitor.records import DAY, HOUR, MINUTE, SECOND, clean_text
from monitor.routing.origin import Lookup
from monitor.routing.reverse import Reverse, parse_name

SOA = "ns.example. host.example. 1 2 3 4 1200"
ZONE: dict[str, list[tuple[str, int, str, str]]] = {
    "15.176.45.175.in-addr.arpa.": [("@", 7200, "PTR", "ns1.kptc.kp.")],
    "8.8.8.8.in-addr.arpa.": [
        ("@", 9_999_999, "PTR", "b.example."),
        ("@", 9_999_999, "PTR", "a.example."),
    ],
    # RFC 2317: the block's own zone is one CNAME away.
    "9.9.9.9.in-addr.arpa.": [
        ("@", 86400, "CNAME", "9.0-25.9.9.9.in-addr.arpa."),
        ("9.0-25.9.9.9.in-addr.arpa.", 4000, "PTR", "named.example."),
    ],
    "1.1.1.1.in-addr.arpa.": [("@", 60, "PTR", "\\027[2Jwiped\\226\\128\\174.example.")],
    "1.0.0.1.in-addr.arpa.": [("@", 60, "PTR", ".")],
    "4.4.8.8.in-addr.arpa.": [("@", 60, "TXT", '"no pointer"')],
    "1.1.1.8.in-addr.arpa.": [
        ("@", 60, "CNAME", "2.1.1.8.in-addr.arpa."),
        ("2.1.1.8.in-addr.arpa.", 60, "CNAME", "1.1.1.8.in-addr.arpa."),
    ],
}  # fmt: skip


class Resolver(asyncio.DatagramProtocol):
    """Answers out of ``ZONE``, or as ``mode`` says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.mode = "good"

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        query = dns.message.from_wire(data)
        (question,) = query.question
        name = question.name.to_text()
        self.asked.append((name, dns.rdatatype.to_text(question.rdtype)))
        if self.mode == "silent":
            return
        answer = dns.message.make_response(query)
        if self.mode in ("servfail", "refused"):
            answer.set_rcode(dns.rcode.from_text(self.mode))
        elif name in ZONE:
            for owner, ttl, kind, text in ZONE[name]:
                place = name if owner == "@" else owner
                answer.answer.append(dns.rrset.from_text(place, ttl, "IN", kind, text))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
            answer.authority.append(dns.rrset.from_text("arpa.", 5000, "IN", "SOA", SOA))
        wire = answer.to_wire()
        if self.mode == "another":
            wire = bytes([wire[0] ^ 0xFF]) + wire[1:]
        self.transport.sendto(wire[: len(wire) // 2] if self.mode == "cut" else wire, addr)


@pytest.fixture
async def resolver():
    loop = asyncio.get_running_loop()
    transport, found = await loop.create_datagram_endpoint(
        Resolver, local_addr=("127.0.0.1", 0)
    )
    found.port = transport.get_extra_info("sockname")[1]
    yield found
    transport.close()
    await asyncio.sleep(0)


def reverse(resolver, **how) -> Reverse:
    how = {"timeout_s": 10.0, "rate": 1000.0, **how}
    return Reverse(RealClock(), ["127.0.0.1"], port=resolver.port, **how)


async def test_a_name_holds_for_its_ttl(resolver):
    found = await reverse(resolver).name("175.45.176.15")
    assert (found.lookup, found.name) == (Lookup.KNOWN, "ns1.kptc.kp")
    assert found.until - found.at == 7200 * SECOND
    assert resolver.asked == [("15.176.45.175.in-addr.arpa.", "PTR")]


async def test_of_several_the_first_by_the_alphabet_and_a_day_at_most(resolver):
    found = await reverse(resolver).name("8.8.8.8")
    assert found.name == "a.example"
    assert found.until - found.at == DAY


async def test_a_delegated_block_is_followed(resolver):
    found = await reverse(resolver).name("9.9.9.9")
    assert (found.lookup, found.name) == (Lookup.KNOWN, "named.example")
    assert found.until - found.at == 4000 * SECOND


async def test_an_ipv6_address_is_asked_by_nibbles(resolver):
    found = await reverse(resolver).name("2001:4860:4860::8888%eth0")
    assert found.lookup is Lookup.NO_NAME
    ((name, kind),) = resolver.asked
    assert name == "8.8.8.8." + "0." * 16 + "0.6.8.4.0.6.8.4.1.0.0.2.ip6.arpa."
    assert kind == "PTR"


@pytest.mark.parametrize("address", ["1.0.0.1", "8.8.4.4", "9.8.7.6"])
async def test_no_name_is_an_answer_and_kept_as_one(resolver, address):
    found = await reverse(resolver).name(address)
    assert (found.lookup, found.name) == (Lookup.NO_NAME, "")
    assert 15 * MINUTE <= found.until - found.at <= 3 * HOUR


async def test_a_missing_name_is_kept_as_its_zone_says(resolver):
    found = await reverse(resolver).name("9.8.7.6")
    assert found.until - found.at == 1200 * SECOND  # RFC 2308: the SOA's minimum


async def test_hostile_names_are_harmless(resolver):
    found = await reverse(resolver).name("1.1.1.1")
    assert found.lookup is Lookup.KNOWN
    assert found.name == clean_text(found.name)
    assert "\x1b" not in found.name
    assert "\u202e" not in found.name


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "127.0.0.1", "192.0.2.1", "100.64.0.1", "169.254.1.1", "224.0.0.1", "::1",
     "0.0.0.0", "fe80::1%eth0", "fc00::1", "2001:db8::1", "::ffff:192.168.1.1"],
)  # fmt: skip
async def test_nobodys_addresses_are_never_asked(resolver, address):
    assert (await reverse(resolver).name(address)).lookup is Lookup.PRIVATE
    assert (await reverse(resolver).name("ns1.kptc.kp")).lookup is Lookup.BAD_ADDRESS
    assert resolver.asked == []


@pytest.mark.parametrize(
    ("mode", "lookup"),
    [
        ("servfail", Lookup.UNAVAILABLE),
        ("refused", Lookup.UNAVAILABLE),
        ("silent", Lookup.TIMEOUT),
        ("another", Lookup.TIMEOUT),
        ("cut", Lookup.TIMEOUT),
    ],
)
async def test_failures_are_typed_and_left_alone_for_a_while(resolver, mode, lookup):
    resolver.mode = mode
    timeout_s = 0.3 if lookup is Lookup.TIMEOUT else 10.0
    found = await reverse(resolver, timeout_s=timeout_s).name("175.45.176.15")
    assert (found.lookup, found.name) == (lookup, "")
    assert found.until - found.at == 15 * MINUTE


async def test_a_chain_without_an_end_is_no_answer(resolver):
    assert (await reverse(resolver).name("8.1.1.1")).lookup in (
        Lookup.MALFORMED,
        Lookup.NO_NAME,
    )


async def test_the_budget(resolver):
    class Patient(RealClock):
        slept: list[float] = []  # noqa: RUF012 - one clock

        async def sleep(self, seconds):
            self.slept.append(seconds)
            await super().sleep(0)

    asking = Reverse(Patient(), ["127.0.0.1"], port=resolver.port, rate=2.0)
    found = await asyncio.gather(*(asking.name(f"9.1.{n}.1") for n in range(80)))
    lookups = [each.lookup for each in found]
    assert lookups.count(Lookup.BUSY) == 80 - len(resolver.asked) > 0
    assert max(Patient.slept) <= 32.0


@given(st.binary(max_size=60))
def test_any_name_of_any_bytes_is_text_that_can_be_shown(label):
    question = dns.message.make_query("1.1.1.1.in-addr.arpa.", "PTR")
    answer = dns.message.make_response(question)
    owner = question.question[0].name
    target = dns.name.Name((label or b"x", b"example", b""))
    record = dns.rdtypes.ANY.PTR.PTR(dns.rdataclass.IN, dns.rdatatype.PTR, target)
    answer.answer.append(dns.rrset.from_rdata(owner, 60, record))
    found = parse_name(dns.message.from_wire(answer.to_wire()), 1)
    assert found.until == 1 + HOUR
    assert found.name
    assert found.name.isprintable()
    assert found.name == clean_text(found.name)
