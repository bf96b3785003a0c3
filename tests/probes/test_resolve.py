import asyncio
import os

import pytest
from servers import closed_port, dns_server

from monitor.probes.resolve import Resolver
from monitor.records import Outcome, Reason


class Hands:
    """A clock whose monotonic time is moved by hand."""

    name = "hands"

    def __init__(self):
        self.now = 0.0

    def wall(self):
        return int(self.now * 1e6)

    def monotonic(self):
        return self.now

    async def sleep(self, seconds):
        await asyncio.sleep(0)


@pytest.fixture
async def make(tmp_path):
    """Make a resolver that asks 127.0.0.1 on a port."""
    made = []

    def build(port, servers="nameserver 127.0.0.1\n", hosts="", clock=None):
        (tmp_path / "resolv.conf").write_text(servers)
        (tmp_path / "hosts").write_text(hosts)
        made.append(
            Resolver(
                clock or Hands(),
                resolv_conf=tmp_path / "resolv.conf",
                hosts=tmp_path / "hosts",
                port=port,
            )
        )
        return made[-1]

    yield build
    for resolver in made:
        await resolver.close()


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "fe80::1%lo"])
async def test_literals_are_as_they_are(make, text):
    found = await make(closed_port()).address(text, "ipv4", 1.0)
    assert (found.address, found.outcome) == (text, Outcome.OK)


async def test_hosts_file_goes_first_and_is_read_again(make, tmp_path):
    resolver = make(
        closed_port(), hosts="192.0.2.7 WWW.example.test # x\n192.0.2.9 www.example.test\n"
    )
    assert (await resolver.address("www.Example.test.", "ipv4", 1.0)).address == "192.0.2.7"
    (tmp_path / "hosts").write_text("192.0.2.33 www.example.test\nnonsense here\n")
    assert (await resolver.address("www.example.test", "ipv4", 1.0)).address == "192.0.2.33"


async def test_lowest_address_through_an_alias(make):
    async with dns_server() as server:
        found = await make(server.port).address("alias.example.test", "ipv4", 2.0)
    assert (found.address, found.reason) == ("192.0.2.8", Reason.NONE)


@pytest.mark.parametrize(
    ("mode", "name", "family", "reason", "outcome"),
    [
        ("good", "none.example.test", "ipv4", Reason.NAME_NOT_FOUND, Outcome.FAIL),
        ("good", "only6.example.test", "ipv4", Reason.NAME_NO_ADDRESS, Outcome.FAIL),
        ("good", "only6.example.test", "ipv6", Reason.NONE, Outcome.OK),
        ("servfail", "www.example.test", "ipv4", Reason.RESOLVER_FAILED, Outcome.ERROR),
        ("refused", "www.example.test", "ipv4", Reason.RESOLVER_FAILED, Outcome.ERROR),
        ("cut", "www.example.test", "ipv4", Reason.RESOLVER_FAILED, Outcome.ERROR),
        ("loop", "www.example.test", "ipv4", Reason.RESOLVER_FAILED, Outcome.ERROR),
        ("good", "a" * 64 + ".test", "ipv4", Reason.NAME_NOT_FOUND, Outcome.FAIL),
        ("good", "a..test", "ipv4", Reason.NAME_NOT_FOUND, Outcome.FAIL),
    ],
)
async def test_reasons(make, mode, name, family, reason, outcome):
    async with dns_server(mode) as server:
        found = await make(server.port).address(name, family, 2.0)
    assert (found.reason, found.outcome) == (reason, outcome)


async def test_deaf_resolver_is_a_fault_of_ours_within_the_deadline(make):
    async with dns_server("silent") as server:
        found = await make(server.port).address("www.example.test", "ipv4", 0.1)
    assert (found.reason, found.outcome) == (Reason.RESOLVER_TIMEOUT, Outcome.ERROR)


async def test_no_resolver(make):
    resolver = make(closed_port(), servers="search example.test\nnameserver nonsense\n")
    found = await resolver.address("www.example.test", "ipv4", 1.0)
    assert found.reason is Reason.RESOLVER_FAILED


async def test_next_server_is_asked_and_remembered(make):
    async with dns_server() as server:
        resolver = make(server.port, servers="nameserver 127.0.0.3\nnameserver 127.0.0.1\n")
        for name in ("www.example.test", "alias.example.test"):
            assert (await resolver.address(name, "ipv4", 2.0)).address == "192.0.2.8"
        assert resolver._first == 1


async def test_resolv_conf_is_read_again(make, tmp_path):
    async with dns_server() as server:
        resolver = make(server.port, servers="")
        found = await resolver.address("www.example.test", "ipv4", 1.0)
        assert found.reason is Reason.RESOLVER_FAILED
        (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        os.utime(tmp_path / "resolv.conf", (1, 1))
        found = await resolver.address("www.example.test", "ipv4", 1.0)
    assert found.address == "192.0.2.8"


async def test_those_who_ask_together_share_one_look_up(make):
    async with dns_server() as server:
        resolver = make(server.port)
        found = await asyncio.gather(
            *(resolver.address("www.example.test", "ipv4", 2.0) for _ in range(20))
        )
        assert {one.address for one in found} == {"192.0.2.8"}
        assert server.asked == ["www.example.test."]


@pytest.mark.parametrize(("ttl", "kept_s"), [(0, 5.0), (1, 5.0), (60, 60.0), (86_400, 300.0)])
async def test_answers_are_kept_for_their_time(make, ttl, kept_s):
    clock = Hands()
    async with dns_server() as server:
        server.ttl = ttl
        resolver = make(server.port, clock=clock)
        await resolver.address("www.example.test", "ipv4", 2.0)
        clock.now = kept_s - 0.1
        await resolver.address("www.example.test", "ipv4", 2.0)
        assert len(server.asked) == 1
        clock.now = kept_s + 0.1
        await resolver.address("www.example.test", "ipv4", 2.0)
        assert len(server.asked) == 2


async def test_one_who_leaves_leaves_the_others_their_look_up(make):
    async with dns_server(drop=1) as server:
        resolver = make(server.port)
        resolver_task = asyncio.create_task(resolver.address("www.example.test", "ipv4", 5.0))
        early = await resolver.address("www.example.test", "ipv4", 0.05)
        assert early.reason is Reason.RESOLVER_TIMEOUT
        assert (await resolver_task).address == "192.0.2.8"


async def test_closing_ends_what_is_under_way(make):
    async with dns_server("silent") as server:
        resolver = make(server.port)
        waiting = asyncio.create_task(resolver.address("www.example.test", "ipv4", 5.0))
        await server.first.wait()
        await resolver.close()
        assert (await waiting).reason is Reason.RESOLVER_FAILED
