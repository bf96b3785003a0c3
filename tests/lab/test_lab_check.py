"""The installed program over real routers: every host up, and every fault named rightly."""

import json
import sys
import time
from pathlib import Path

import pytest

from .plan import FAR

pytestmark = pytest.mark.lab

WATCHLIST = Path(__file__).with_name("watchlist.toml")
PATH = ["203.0.113.1", "198.19.16.1", "198.19.17.1"]


class Look:
    """What ``watchdesk check --json`` said."""

    def __init__(self, text):
        self.found = json.loads(text)
        self.hosts = {host["id"]: host for host in self.found["hosts"]}
        self.checks = {
            seen["check"]: seen for host in self.found["hosts"] for seen in host["checks"]
        }

    def state(self, host):
        return self.hosts[host]["state"]

    def reason(self, check):
        return self.checks[check]["reason"]

    def path(self, check):
        return [hop.get("address", "") for hop in self.checks[check]["facts"]["hops"]]


@pytest.fixture
def check(lab):
    """One look from the lab's desk by the installed program."""
    lab("exec", "desk", "sh", "-c", "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range")

    def look():
        # Exit codes 0 to 3 are all answers here.
        command = (
            f"SSL_CERT_FILE={lab.directory}/pki/ca.pem {sys.executable} -m monitor check --json"
            f" -w {WATCHLIST}; [ $? -le 3 ]"
        )
        return Look(lab("exec", "desk", "sh", "-c", command))

    return look


def test_every_host_is_up_and_the_hop_list_is_the_true_one(check):
    seen = check()
    assert {name: host["state"] for name, host in seen.hosts.items()} == dict.fromkeys(
        seen.hosts, "UP"
    )
    assert seen.path("far/trace") == [*PATH, FAR]
    assert seen.path("ns1/trace") == [*PATH, "198.18.177.53"]
    assert seen.found["exit"] == 0
    assert seen.found["vantage"]["health"] == "HEALTHY"
    network = seen.found["networks"][0]
    assert (network["inside_up"], network["inside_total"]) == (3, 3)


def test_a_withdrawn_prefix_is_unreachable_and_its_neighbours_are_up(lab, check):
    lab("fault", "withdraw", "198.18.179.0/24")
    seen = check()
    assert (seen.state("far"), seen.reason("far/icmp")) == ("UNREACHABLE", "net-unreachable")
    assert (seen.state("ns1"), seen.state("www"), seen.state("outside")) == ("UP",) * 3


def test_our_own_cut_line_condemns_nobody(lab, check):
    lab("fault", "cut", "desk-isp")
    seen = check()
    assert seen.found["vantage"]["health"] == "FAULT"
    assert {host["state"] for host in seen.hosts.values()} == {"UNKNOWN"}
    assert seen.found["exit"] == 3


def test_both_upstreams_cut_is_theirs_while_the_hoster_outside_answers(lab, check):
    lab("fault", "cut", "t1-bdr")
    lab("fault", "cut", "t2-bdr")
    seen = check()
    assert seen.found["vantage"]["health"] == "HEALTHY"
    assert {seen.state("ns1"), seen.state("far")} <= {"UNREACHABLE", "DOWN"}
    assert seen.found["networks"][0]["inside_up"] == 0


def test_one_upstream_cut_is_no_outage(lab, check):
    lab("fault", "cut", "t1-bdr")
    seen = check()
    assert {seen.state("ns1"), seen.state("far"), seen.state("www")} == {"UP"}
    assert "198.19.33.1" in seen.path("far/trace")


def test_dead_name_servers_are_a_fault_of_names_not_of_the_line(lab, check):
    lab("fault", "dns", "stop", "both")
    seen = check()
    assert seen.reason("ns1/dns") in ("port-unreachable", "refused", "timeout")
    assert seen.checks["ns1/icmp"]["outcome"] == "ok"
    assert seen.state("ns1") == "DEGRADED"
    assert seen.state("far") == "UP"


def test_a_dead_resolver_of_ours_condemns_nobody(lab, check):
    lab("fault", "dns", "stop", "resolver")
    seen = check()
    assert seen.checks["outside/http"]["outcome"] == "error"
    assert seen.reason("outside/http") in ("resolver-timeout", "resolver-failed")
    assert seen.state("outside") == "UNKNOWN"
    assert seen.state("ns1") == "UP"


def test_a_site_that_says_503_has_a_line(lab, check):
    lab("fault", "web", "503")
    seen = check()
    assert seen.reason("www/http") == "http-status"
    assert seen.state("www") == "DEGRADED"
    assert seen.found["networks"][0]["inside_up"] == 3


def test_a_moved_site_is_measured_outside(lab, check):
    lab("fault", "move", "www", "out")
    # The old address may be cached for its TTL of 5 s, and a little longer by the resolver.
    end = time.monotonic() + 30
    seen = check()
    while seen.checks["www/icmp"]["address"] != "198.51.100.80" and time.monotonic() < end:
        seen = check()
    assert seen.checks["www/icmp"]["address"] == "198.51.100.80"
    assert seen.hosts["www"]["network"] == ""


def test_a_blackhole_at_the_border_ends_the_path_there(lab, check):
    lab("fault", "blackhole", FAR, "bdr")
    seen = check()
    assert seen.state("far") in ("DOWN", "UNREACHABLE")
    assert seen.reason("far/trace") == "path-break"
    assert seen.path("far/trace")[:2] == PATH[:2]
