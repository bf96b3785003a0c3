"""Which gateway and resolvers a machine has, and that they are asked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from monitor.assess.own import OWN_CHECKS
from monitor.collect.own import OwnPlaces, asks_own
from monitor.records import Kind, VantageRow
from monitor.watchlist.model import Check, Host, IcmpParams, Watchlist
from tests.collect.conftest import Stage, watched

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="tables of such a machine")

GATEWAY, GATEWAY6, FIRST, SECOND = OWN_CHECKS
HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
FAR = "wlan0\t00000000\t0202A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
NEAR = "eth0\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
LAN = "eth0\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
DOWN = "eth1\t00000000\t0103000A\t0002\t0\t0\t1\t00000000\t0\t0\t0\n"
ZERO = "0" * 32
ROUTE6 = (
    f"fd00{'0' * 28} 40 {ZERO} 00 {ZERO} 00000100 00000001 00000000 00000001 eth0\n"
    f"{ZERO} 00 {ZERO} 00 fe80{'0' * 27}1 00000400 00000001 00000000 00000003 eth0\n"
    f"{ZERO} 00 {ZERO} 00 {ZERO} ffffffff 00000001 00000000 00200200 lo\n"
)


class Machine:
    """The three files of a machine, and what is found in them."""

    def __init__(self, folder: Path) -> None:
        self.route, self.route6 = folder / "route", folder / "route6"
        self.resolv_conf = folder / "resolv.conf"
        self._places = OwnPlaces(
            route=self.route, route6=self.route6, resolv_conf=self.resolv_conf
        )

    def found(self) -> dict[str, str]:
        return {check.id: check.address for check in self._places.checks()}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_default_route_with_the_lowest_metric(machine: Machine) -> None:
    machine.route.write_text(HEAD + FAR + NEAR + LAN + DOWN)
    assert machine.found() == {GATEWAY: "10.0.2.1"}


def test_a_link_local_gateway_has_its_interface(machine: Machine) -> None:
    machine.route6.write_text(ROUTE6)
    assert machine.found() == {GATEWAY6: "fe80::1%eth0"}


def test_the_first_two_resolvers_each_once(machine: Machine) -> None:
    machine.resolv_conf.write_text(
        "search example.test\nnameserver 192.0.2.53\nnameserver 192.0.2.53\n"
        "nameserver nonsense\nnameserver 2001:db8::53\nnameserver 192.0.2.54\n"
    )
    assert machine.found() == {FIRST: "192.0.2.53", SECOND: "2001:db8::53"}


@pytest.mark.parametrize("text", ["", HEAD, "nonsense\n\0\n", HEAD + "eth0\t0\tx\n"])
def test_nothing_and_nonsense(machine: Machine, text: str) -> None:
    assert machine.found() == {}
    machine.route.write_text(text)
    machine.route6.write_text(text)
    machine.resolv_conf.write_text(text)
    assert machine.found() == {}


def test_a_gateway_that_went_with_its_route_is_still_asked_for(machine: Machine) -> None:
    machine.route.write_text(HEAD + NEAR)
    machine.found()
    machine.route.write_text(HEAD + LAN)
    assert machine.found() == {GATEWAY: "10.0.2.1"}
    machine.route.write_text(HEAD + FAR)
    assert machine.found() == {GATEWAY: "192.168.2.2"}


def test_they_are_asked_beside_the_watchlist_and_followed(stage: Stage) -> None:
    def gateway(address: str) -> tuple[Check, ...]:
        return (Check(GATEWAY, "@own", Kind.ICMP, address, IcmpParams(), interval_s=10.0),)

    addresses = iter(["192.0.2.254", "192.0.2.254", "192.0.2.253"])
    known = ["192.0.2.253"]
    stage.own = lambda: gateway(next(addresses, known[0]))
    stage.run(watched("a"), 60)
    row = stage.store.rows["vantage:local"]
    assert isinstance(row, VantageRow)
    assert [(each.address, each.answers) for each in row.own] == [("192.0.2.253", True)]
    seen = [each.address for each in stage.store.observations if each.check == GATEWAY]
    assert {"192.0.2.254", "192.0.2.253"} == set(seen)
    assert 5 <= len(seen) <= 8
    assert not any("@own" in subject for subject in stage.store.rows)


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("203.0.113.1", True),
        ("resolver.example", True),
        ("127.0.0.2", False),
        ("::1", False),
        ("localhost", False),
    ],
)
def test_they_are_asked_only_where_a_far_control_lies_beyond_us(
    address: str, asked: bool
) -> None:
    far = Host("c", "c", address, role="control", side="far")
    assert asks_own(Watchlist("w", hosts=(far,))) is asked
    assert not asks_own(Watchlist("w", hosts=(Host("h", "h", "203.0.113.1"),)))
