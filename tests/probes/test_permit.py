import pytest
from fakenet import PING_RANGE, namespace

from monitor.probes import permit


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_ping_sockets_are_preferred(family):
    with namespace():
        seen = permit.icmp_permission(family)
    assert (seen.ok, seen.how, seen.remedy) == (True, "ping socket", "")


def test_raw_sockets_are_second_choice():
    with namespace("1 0"):
        if PING_RANGE.read_text().split() != ["1", "0"]:
            pytest.skip("the ping range cannot be closed here")
        seen = {each.what: each for each in permit.permissions()}
    assert seen["ICMP echo IPv4"].how == "raw socket"
    assert not seen["ping sockets"].ok
    assert seen["ping sockets"].spare
    assert "net.ipv4.ping_group_range" in seen["ping sockets"].remedy
    assert seen["UDP traces"].ok
    assert seen["TCP traces"].ok


def test_neither_is_a_lack_with_its_remedy(monkeypatch):
    def refuse(_family):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(permit, "open_ping", refuse)
    monkeypatch.setattr(permit, "open_raw", refuse)
    seen = permit.icmp_permission("ipv4")
    assert (seen.ok, seen.spare, seen.how) == (False, False, "ping socket: Permission denied")
    assert "net.ipv4.ping_group_range='0 2147483647'" in seen.remedy


def test_other_systems_get_a_sentence(monkeypatch):
    monkeypatch.setattr(permit, "SUPPORTED", False)
    seen = permit.permissions()
    assert not seen[0].ok
    assert "Linux" in seen[0].remedy
