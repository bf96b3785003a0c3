"""Origin look-ups: answers, what is never asked, and what is remembered."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress

import dns.message
import dns.rcode
import dns.rrset
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.clock import RealClock
from monitor.records import HOUR
from monitor.routing.asking import system_servers
from monitor.routing.cymru import Kept, Origins
from monitor.routing.origin import (
    AsName,
    Lookup,
    Origin,
    parse_as_name,
    parse_origin,
    question_for,
)

ZONES = {"zone4": "o4.test", "zone6": "o6.test", "zone_names": "names.test"}
ZONE = {
    "31.108.90.216.o4.test.": ["23028 | 216.90.108.0/24 | US | arin | 1998-09-25"],
    "8.8.8.8.o4.test.": [
        "3356 | 8.0.0.0/9 | US | arin | 1992-12-01",
        "15169 | 8.8.8.0/24 | US | arin | 2023-12-28",
        "64512 15169 | 8.8.8.0/24 | US | arin | 2023-12-28",
    ],
    "1.9.9.9.o4.test.": ["19281 | 9.9.9.0/25 | US | arin |"],
    "200.9.9.9.o4.test.": ["701 | 9.9.9.128/25 | US | arin |"],
    "1.2.2.2.o4.test.": ["nonsense"],
    "AS23028.names.test.": ["23028 | US | arin | 2002-01-04 | TEAM-CYMRU - A | B, US"],
    "AS666.names.test.": ["666 | ZZZ | x | never | \x1b[31mred"],
}


class Moved(RealClock):
    """A wall clock that can be moved on, and sleeps that are noted."""

    ahead = 0

    def __init__(self) -> None:
        self.slept: list[float] = []

    def wall(self):
        return super().wall() + self.ahead

    async def sleep(self, seconds):
        self.slept.append(seconds)
        await super().sleep(0)


class Server(asyncio.DatagramProtocol):
    """Answers TXT questions out of ``ZONE``, or as ``mode`` says."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.mode = "good"
        self.go = asyncio.Event()
        self.go.set()
        self.first = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text()
        self.asked.append(name)
        self.first.set()
        if self.mode != "silent":
            asyncio.get_running_loop().create_task(self.reply(query, name, addr))

    async def reply(self, query, name, addr):
        await self.go.wait()
        found = dns.message.make_response(query)
        if self.mode == "servfail":
            found.set_rcode(dns.rcode.SERVFAIL)
        elif name in ZONE and self.mode == "good":
            rrset = dns.rrset.RRset(query.question[0].name, 1, 16)
            for text in ZONE[name]:
                quoted = text.replace("\x1b", "\\027")
                rrset.add(dns.rdata.from_text("IN", "TXT", f'"{quoted}"'))
            found.answer.append(rrset)
        else:
            found.set_rcode(dns.rcode.NXDOMAIN)
        wire = found.to_wire()
        self.transport.sendto(wire[:12] + b"\xff" * 20 if self.mode == "bad" else wire, addr)


@pytest.fixture
async def server():
    loop = asyncio.get_running_loop()
    transport, found = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    found.port = transport.get_extra_info("sockname")[1]
    yield found
    transport.close()
    await asyncio.sleep(0)


@pytest.fixture
def moved():
    return Moved()


@pytest.fixture
async def origins(server, moved):
    found = Origins(moved, ["127.0.0.1"], port=server.port, timeout_s=2.0, rate=1000.0, **ZONES)
    yield found
    await found.close()


def test_names():
    four, six = map(ipaddress.ip_address, ("216.90.108.31", "2001:db8::1"))
    assert question_for(four, "a", "b") == "31.108.90.216.a."
    name = question_for(six, "a", "b")
    assert name == "1.0.0.0." + "0." * 20 + "8.b.d.0.1.0.0.2.b."
    assert name.count(".") == 33


async def test_an_origin_and_its_name(origins, server):
    found = await origins.origin("216.90.108.31")
    assert found == Origin(
        Lookup.KNOWN, found.at, "216.90.108.0/24", (23028,), "US", "arin", "1998-09-25"
    )
    name = await origins.as_name(23028)
    assert (name.name, name.country) == ("TEAM-CYMRU - A | B, US", "US")
    assert (name.registry, name.allocated) == ("arin", "2002-01-04")
    assert server.asked == ["31.108.90.216.o4.test.", "AS23028.names.test."]


async def test_the_longest_prefix_wins_with_all_its_origins(origins):
    found = await origins.origin("8.8.8.8")
    assert (found.prefix, found.asns) == ("8.8.8.0/24", (15169, 64512))


async def test_answers_are_kept_per_block_for_four_hours(origins, server, moved):
    await origins.origin("216.90.108.31")
    assert (await origins.origin("216.90.108.200")).asns == (23028,)
    assert len(server.asked) == 1
    moved.ahead = 4 * HOUR
    await origins.origin("216.90.108.31")
    assert len(server.asked) == 2
    moved.ahead = 0
    await origins.origin("216.90.108.31")
    assert len(server.asked) == 3, "an answer of the future is not used"


async def test_prefixes_longer_than_a_block_are_kept_apart(origins, server):
    both = await asyncio.gather(origins.origin("9.9.9.1"), origins.origin("9.9.9.200"))
    assert [each.prefix for each in both] == ["9.9.9.0/25", "9.9.9.128/25"]
    await origins.origin("9.9.9.1")
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "127.0.0.1", "192.0.2.1", "198.18.0.1", "100.64.0.1", "169.254.1.1",
     "224.0.0.1", "239.1.1.1", "255.255.255.255", "0.0.0.0", "::1", "fe80::1%eth0", "fc00::1",
     "2001:db8::1", "ff0e::1", "::ffff:10.0.0.1"],
)  # fmt: skip
async def test_private_and_reserved_addresses_are_never_asked(origins, server, address):
    assert (await origins.origin(address)).lookup is Lookup.PRIVATE
    assert server.asked == []


async def test_nonsense_is_never_asked(origins, server):
    assert (await origins.origin("a.kp")).lookup is Lookup.BAD_ADDRESS
    assert (await origins.as_name(64512)).lookup is Lookup.PRIVATE
    assert (await origins.as_name(-1)).lookup is Lookup.NOT_ROUTED
    assert server.asked == []


async def test_what_is_not_routed_is_known_to_be_so(origins, server, moved):
    assert (await origins.origin("1.1.1.1")).lookup is Lookup.NOT_ROUTED
    assert (await origins.origin("1.1.1.1")).lookup is Lookup.NOT_ROUTED
    assert len(server.asked) == 1
    moved.ahead = HOUR
    await origins.origin("1.1.1.1")
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("mode", "address", "lookup"),
    [
        ("servfail", "8.8.8.8", Lookup.UNAVAILABLE),
        ("silent", "8.8.8.8", Lookup.TIMEOUT),
        ("bad", "8.8.8.8", Lookup.TIMEOUT),
        ("good", "2.2.2.1", Lookup.MALFORMED),
    ],
)
async def test_failures_are_typed_and_kept_for_a_while(server, moved, mode, address, lookup):
    server.mode = mode
    timeout_s = 0.3 if lookup is Lookup.TIMEOUT else 10.0
    origins = Origins(moved, ["127.0.0.1"], port=server.port, timeout_s=timeout_s, **ZONES)
    found = await origins.origin(address)
    assert (found.lookup, found.prefix, found.asns) == (lookup, "", ())
    assert (await origins.origin(address)).lookup is lookup
    assert len(server.asked) == 1


async def test_the_next_server_is_asked(server, moved):
    # Nobody listens at 127.0.0.2.
    origins = Origins(
        moved, ["127.0.0.2", "127.0.0.1"], port=server.port, timeout_s=3.0, **ZONES
    )
    assert (await origins.origin("216.90.108.31")).lookup is Lookup.KNOWN
    nobody = Origins(moved, [], **ZONES)
    assert (await nobody.origin("216.90.108.31")).lookup is Lookup.UNAVAILABLE


async def test_hostile_text_is_harmless(origins):
    found = await origins.as_name(666)
    assert found == AsName(Lookup.KNOWN, found.at, 666, "·[31mred", "", "x", "")


async def test_the_same_is_asked_once_and_leaving_ends_it_for_nobody(origins, server):
    server.go.clear()
    asking = [asyncio.create_task(origins.origin("216.90.108.31")) for _ in range(5)]
    await server.first.wait()
    asking[0].cancel()
    server.go.set()
    found = await asyncio.gather(*asking[1:])
    assert {each.lookup for each in found} == {Lookup.KNOWN}
    assert len(server.asked) == 1


async def test_the_budget(server, moved):
    origins = Origins(moved, ["127.0.0.1"], port=server.port, rate=2.0, **ZONES)
    addresses = [f"1.1.{n}.1" for n in range(80)]
    found = await asyncio.gather(*(origins.origin(each) for each in addresses))
    lookups = [each.lookup for each in found]
    assert lookups.count(Lookup.BUSY) == 80 - len(server.asked) > 0
    assert max(moved.slept) <= 32.0


async def test_a_restart_does_not_ask_again(origins, server, moved):
    await origins.origin("216.90.108.31")
    await origins.as_name(23028)
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(origins.export()), type=Kept)
    again = Origins(moved, ["127.0.0.1"], port=server.port, **ZONES)
    again.restore(kept)
    assert (await again.origin("216.90.108.77")).asns == (23028,)
    assert (await again.as_name(23028)).lookup is Lookup.KNOWN
    assert len(server.asked) == 2


async def test_closing_ends_what_is_under_way(server, moved):
    server.mode = "silent"
    origins = Origins(moved, ["127.0.0.1"], port=server.port, timeout_s=30.0, **ZONES)
    asking = asyncio.create_task(origins.origin("8.8.8.8"))
    await server.first.wait()
    await origins.close()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    assert asking.cancelled()


def test_system_servers(tmp_path):
    path = tmp_path / "resolv.conf"
    path.write_text("# x\nnameserver 192.0.2.1\nnameserver no\nnameserver ::1\nsearch a\n")
    assert system_servers(path) == ("192.0.2.1", "::1")
    assert system_servers(tmp_path / "none") == ()


@settings(deadline=None)
@given(st.lists(st.text(max_size=60) | st.text("0123456789|./ :", max_size=40), max_size=4))
def test_any_text(texts):
    assert parse_origin(texts, "8.8.8.8", 1).lookup in (Lookup.KNOWN, Lookup.MALFORMED)
    assert parse_as_name(texts, 5, 1).lookup in (Lookup.KNOWN, Lookup.MALFORMED)
