"""What a collector's cache says of faults, on real packets and in a hurry.

``python -m tests.lab.situation`` shows it of every fault, in real time.
"""

from pathlib import Path

import pytest

from .follow import Collecting, Desk

pytestmark = pytest.mark.lab

WATCHLIST = Path(__file__).with_name("hurried.toml")
SPEED = 30
INSIDE = ("ns1", "h82", "far")
# Real seconds: only a broken program or a very slow machine takes so long.
PATIENCE_S = 60.0


def is_usual(desk):
    states = desk.states()
    well = desk.vantage() == "HEALTHY" and desk.phase() == "STABLE"
    return well and len(states) == 4 and set(states.values()) == {"UP"}


@pytest.fixture
def desk(lab, tmp_path, monkeypatch):
    """The cache of a collector that has found everything well."""
    monkeypatch.setenv("LAB_DIR", str(lab.directory))
    cache = tmp_path / "cache.db"
    program = ["tests.lab.hurried", str(WATCHLIST), str(cache), str(SPEED)]
    collecting, found = Collecting(lab.directory, program), Desk(cache)
    try:
        assert found.until(is_usual, PATIENCE_S) is not None, found.states()
        yield found
    finally:
        found.close()
        collecting.end()


def until(desk, wanted):
    assert desk.until(wanted, PATIENCE_S) is not None, (desk.rows, desk.told())


def test_our_own_line_is_told_from_theirs(lab, desk):
    desk.mark()
    lab("fault", "cut", "desk-isp")
    until(desk, lambda d: d.vantage() == "FAULT")
    until(desk, lambda d: "on our own link" in d.rows["vantage:local"].why)
    assert set(desk.states().values()) == {"UNKNOWN"}
    assert desk.phase() == "UNKNOWN"
    lab("heal")
    until(desk, is_usual)
    assert not desk.condemned()
    assert [each.new for each in desk.told("transition", "network:")] == []
    (gap,) = desk.told("gap")
    assert gap.since < gap.until

    desk.mark()
    for upstream in ("t1", "t2"):
        # Its router goes on answering, so that the path shows where it breaks.
        lab("fault", "drop", upstream, "ip", "daddr", "198.18.176.0/22")
    until(desk, lambda d: set(INSIDE) <= d.condemned())
    until(desk, lambda d: "UNREACHABLE" in {each.new for each in d.told("transition")})
    until(desk, lambda d: d.phase() in ("UNSTABLE", "PARTIAL", "LOST"))
    until(desk, lambda d: "198.19.17.1" in d.network().fate)
    assert desk.condemned() == set(INSIDE)
    assert desk.states()["outside"] == "UP"
    assert desk.vantage() == "HEALTHY"
