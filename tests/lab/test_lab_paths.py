"""Rounds over real routers, beside mtr and traceroute, judged from real packets."""

import json
import math
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from monitor.assess.path import PathJudge
from monitor.records import Observation, PathState, Reason
from monitor.watchlist.model import Network

from .plan import AS, FAR, FAR_SIX, SIX

pytestmark = pytest.mark.lab

ISP, T1, BORDER_T1 = "203.0.113.1", "198.19.16.1", "198.19.17.1"
PATH = [ISP, T1, BORDER_T1, FAR]
PATH_SIX = [*(SIX[link][1] for link in ("desk-isp", "isp-t1", "t1-bdr")), FAR_SIX]
WEB = [f"198.18.176.{last}" for last in range(82, 122)]
LIMIT = "/proc/sys/net/ipv4/icmp_ratelimit"
NETWORKS = [
    Network("kp", "KP", ("198.18.176.0/22",), (AS["bdr"],)),
    Network("t1", "T1", ("198.19.16.0/20",), (AS["t1"],)),
    Network("isp", "ISP", ("203.0.113.0/24",), (AS["isp"],)),
]


def walk(lab, addresses, rounds, every=1.0, **more):
    order = json.dumps({"addresses": addresses, "rounds": rounds, "every": every, **more})
    said = lab("exec", "desk", sys.executable, "-m", "tests.lab.walk", order)
    return msgspec.json.decode(said, type=list[Observation])


def last_of(seen):
    return list({each.check: each for each in seen}.values())


def path(seen):
    return [hop.address for hop in seen.facts.hops]


def mtr(lab, *options, to=FAR):
    if shutil.which("mtr") is None:
        pytest.skip("not installed: mtr-tiny")
    said = json.loads(lab("exec", "desk", "mtr", "--json", "-n", *options, to))
    return said["report"]["hubs"]


@pytest.mark.parametrize(("to", "way"), [(FAR, PATH), (FAR_SIX, PATH_SIX)])
def test_the_hops_are_those_of_mtr_and_traceroute(lab, to, way):
    if shutil.which("traceroute") is None:
        pytest.skip("not installed: traceroute")
    routed = lab("exec", "desk", "traceroute", "-n", "-I", "-q", "1", to).splitlines()[1:]
    ours = walk(lab, [to], 2)[-1]
    assert path(ours) == way
    assert [hub["host"] for hub in mtr(lab, "-c", "1", "-G", "1", to=to)] == way
    assert [line.split()[1] for line in routed] == way


def test_loss_and_times_agree_with_mtr_at_the_same_time(lab):
    lab("fault", "loss", "bdr-far", "20", "ab")
    lab("fault", "delay", "isp-t1", "15")
    rounds = 16
    with ThreadPoolExecutor() as pool:
        theirs = pool.submit(mtr, lab, "-c", str(rounds), "-i", "0.5", "-G", "1")
        ours = walk(lab, [FAR], rounds, 0.5)[-1]
        hubs = theirs.result()
    windows = [hop.window for hop in ours.facts.hops[:3]] + [ours.facts.target]
    for hub, window in zip(hubs, windows, strict=True):
        assert window.address == hub["host"]
        # A hop that answers is as far away for both, give or take what the wires add.
        assert abs(window.best_ms - hub["Best"]) < 5
        share = (window.sent - window.received + hub["Loss%"] / 100 * hub["Snt"]) / (
            window.sent + hub["Snt"]
        )
        error = math.sqrt(share * (1 - share) * (1 / window.sent + 1 / hub["Snt"]))
        assert abs(window.loss - hub["Loss%"] / 100) <= 4 * error + 1e-9
    assert all(window.loss == 0 for window in windows[:3])
    assert windows[3].sent >= rounds


def test_balanced_load_never_shows_a_link_that_is_not_there(lab):
    lab("fault", "ecmp", "on")
    seen = walk(lab, WEB[:20], 40, 0.1, apart=True)
    arms = {(T1, BORDER_T1), ("198.19.32.1", "198.19.33.1")}
    judges = {}
    for each in seen:
        judges.setdefault(each.check, PathJudge(each.check)).observe(each)
        hops = [hop.address for hop in each.facts.hops[1:3] if hop.address]
        if each.facts.reached and len(hops) == 2 and len(each.facts.hops) == 4:
            assert tuple(hops) in arms
    links = {tuple(hop.addresses for hop in judge.row.usual[1:3]) for judge in judges.values()}
    assert links == {((a,), (b,)) for a, b in arms}
    assert len(seen) == 800


@pytest.fixture
def limiting(lab):
    """Routers that answer as Linux does by default: six in a row, then once a second."""
    for router in ("isp", "t1", "t2", "bdr"):
        lab("exec", router, "sh", "-c", f"echo 1000 > {LIMIT}")
    yield lab
    for router in ("isp", "t1", "t2", "bdr"):
        lab("exec", router, "sh", "-c", f"echo 0 > {LIMIT}")


def test_many_paths_behind_the_same_routers_show_no_loss(limiting, capsys):
    rounds = 9
    seen = walk(limiting, WEB[:20], rounds)
    apart = walk(limiting, WEB[:20], 3, apart=True)
    hops = [hop for each in last_of(seen) for hop in each.facts.hops[:-1] if hop.window]
    sent, received = (
        sum(getattr(hop.window, name) for hop in hops) for name in ("sent", "received")
    )
    naive = [hop for each in apart for hop in each.facts.hops[:-1]]
    answered = sum(hop.received for hop in naive) / sum(hop.sent for hop in naive)
    with capsys.disabled():
        print(
            f"\n20 paths, one round a second: {sent - received} of {sent} hop answers missing;"
            f" each by itself: {1 - answered:.0%}"
        )
    # A quiet machine misses none; a busy one blurs the second between two packets, so what
    # is asserted is the difference that the shared schedule makes.
    assert sent >= 2 * rounds
    assert (sent - received) / sent < (1 - answered) / 2
    assert all(each.facts.target.loss == 0 for each in last_of(seen))
    assert answered < 0.5


class Rounds:
    """Rounds one after the other, judged."""

    def __init__(self, lab):
        self._lab = lab
        self.judge = PathJudge("h0/trace", networks=NETWORKS)
        self.events = []
        self.see(3)
        assert [hop.addresses for hop in self.row.usual] == [(each,) for each in PATH]

    @property
    def row(self):
        return self.judge.row

    def see(self, rounds):
        """The prober is new each time and knows no path; the judge does."""
        for each in walk(self._lab, [FAR], rounds, 0.2, timeout_s=1.0):
            self.events += self.judge.observe(each)
        return self

    def edge(self):
        row = self.row
        return row.last_address, row.last_asn, row.next_address, row.next_asn


def test_a_withdrawn_prefix_breaks_behind_the_first_router(lab):
    rounds = Rounds(lab)
    lab("fault", "withdraw", "198.18.179.0/24")
    rounds.see(2)
    assert rounds.row.state is PathState.BROKEN
    assert rounds.edge() == (ISP, AS["isp"], T1, AS["t1"])
    assert (rounds.row.reason, rounds.row.said_by) == (Reason.NET_UNREACHABLE, ISP)
    assert [event.rule for event in rounds.events] == ["path-break"]
    lab("heal")
    rounds.see(3)
    assert [event.rule for event in rounds.events] == ["path-break", "path-whole"]


def test_a_line_cut_upstream_breaks_behind_the_last_router_that_answers(lab):
    rounds = Rounds(lab)
    # Both ways into the border go dark, and nobody is told: carrier and BGP stay.
    for router in ("t1", "t2"):
        lab("fault", "drop", router, "ip", "daddr", FAR)
    rounds.see(2)
    assert rounds.edge() == (T1, AS["t1"], BORDER_T1, AS["t1"])
    assert rounds.row.reason is Reason.PATH_BREAK


def test_a_cable_cut_is_a_change_of_the_way(lab):
    rounds = Rounds(lab)
    lab("fault", "cut", "isp-t1")
    end = time.monotonic() + 20
    while not rounds.events and time.monotonic() < end:
        rounds.see(2)
    assert [event.rule for event in rounds.events] == ["path-change"]
    assert [hop.addresses[0] for hop in rounds.row.usual[1:3]] == [
        "198.19.32.1",
        "198.19.33.1",
    ]


def test_a_mute_router_is_no_break(lab):
    rounds = Rounds(lab)
    lab("fault", "filter", "t1")
    rounds.see(3)
    assert (rounds.row.state, rounds.events) == (PathState.WHOLE, [])
    assert rounds.row.current[1].addresses == ()


def test_a_blackhole_at_the_border_breaks_before_it(lab):
    rounds = Rounds(lab)
    lab("fault", "blackhole", FAR)
    rounds.see(2)
    assert rounds.edge() == (T1, AS["t1"], BORDER_T1, AS["t1"])
    assert [(event.rule, event.quiet) for event in rounds.events] == [("path-break", False)]


def test_the_command_names_the_break(lab):
    lab("fault", "withdraw", "198.18.179.0/24")
    command = ["exec", "desk", sys.executable, "-m", "monitor", "path", FAR, "--rounds", "2"]
    with pytest.raises(AssertionError, match=rf"last answer {ISP} at hop 1") as failed:
        lab(*command)
    assert "network unreachable" in str(failed.value)
    assert subprocess.list2cmdline(command)
