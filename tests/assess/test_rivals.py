"""The models of other programs' rules decide as their formulas say (tests/bench/rivals.py)."""

from __future__ import annotations

import pytest

from monitor.records import MINUTE, SECOND, Observation, Outcome, Phase, Reason
from tests.bench.rivals import (
    Block,
    Gatus,
    HostRule,
    Icinga2,
    Ioda,
    Nagios,
    Said,
    Trinocular,
    UptimeKuma,
    believe,
)

START = 1_704_067_200 * SECOND


def heard(host: str, good: bool) -> Observation:
    if good:
        return Observation(f"{host}/icmp", 0, Outcome.OK, address="192.0.2.1")
    return Observation(f"{host}/icmp", 0, Outcome.FAIL, Reason.TIMEOUT, address="192.0.2.1")


def calls(rule: type[HostRule], results: str) -> list[tuple[int, bool]]:
    """Which of the ``results`` (``+`` and ``-``) changed the word about a host, and to what."""
    judge = rule({"a": ["a/icmp"]}, ["a"])
    for number, letter in enumerate(results):
        judge.observe(START + number, heard("a", letter == "+"))
    return [(at - START, down) for at, _, down in judge.said.calls]


@pytest.mark.parametrize(
    ("rule", "results", "found"),
    [
        (UptimeKuma, "+-+", []),
        (UptimeKuma, "+--+", [(2, True), (3, False)]),
        (Gatus, "+--+---", [(6, True)]),
        (Gatus, "---+-++", [(2, True), (6, False)]),
        (Nagios, "++--+" + "+" * 20 + "---+", [(27, True), (28, False)]),
        (Icinga2, "---", [(2, True)]),
    ],
)
def test_attempts_and_thresholds(rule, results, found) -> None:
    assert calls(rule, results) == found


def test_nagios_weighs_twenty_transitions_from_three_to_five_quarters() -> None:
    assert Nagios.percent([True] * 20) == pytest.approx(100.0)
    assert Nagios.percent([True] + [False] * 19) == pytest.approx(3.75)
    assert Nagios.percent([True]) == pytest.approx(6.25)


def test_icinga_weighs_twenty_slots_from_080_to_118() -> None:
    assert Icinga2.percent([True] * 20) == pytest.approx(99.0)
    assert Icinga2.percent([True] + [False] * 19) == pytest.approx(4.0)
    assert Icinga2.percent([True]) == pytest.approx(5.9)


def test_what_flaps_is_not_called_down() -> None:
    assert calls(Nagios, "+-" * 12 + "---") == []
    assert calls(Gatus, "+-" * 12 + "---") == [(25, True)]


@pytest.mark.parametrize(("availability", "failures"), [(0.98, 2), (0.9, 3), (0.7, 6)])
def test_trinocular_needs_as_many_failures_as_published(availability, failures) -> None:
    block = Block()
    needed = 0
    while not block.down:
        block.availability = availability
        believe(block, answers=False)
        needed += 1
    assert needed == failures


def test_trinocular_keeps_the_belief_in_bounds_and_comes_back() -> None:
    judge = Trinocular({"192.0.2.0/24": ["a", "b"]})
    for number in range(10):
        judge.observe(START + number, heard("a", False))
    assert judge.blocks["192.0.2.0/24"].belief == pytest.approx(0.01)
    judge.observe(START + 10, heard("b", True))
    judge.observe(START + 11, heard("b", True))
    assert [(host, down) for _, host, down in judge.said.calls] == [
        ("a", True),
        ("b", True),
        ("a", False),
        ("b", False),
    ]


def test_ioda_compares_a_bin_with_the_median_of_its_past() -> None:
    hosts = [f"h{n}" for n in range(10)]
    judge = Ioda(hosts)
    for number, up in enumerate((10, 10, 10, 8, 7, 0, 10, 10)):
        at = START + number * 10 * MINUTE
        for host in hosts[:up]:
            judge.observe(at, heard(host, True))
        judge.observe(at, heard("h9", False))
    phases = [phase for _, phase in judge.said.phases]
    assert phases == [Phase.STABLE, Phase.PARTIAL, Phase.LOST, Phase.RESTORED]


def test_a_network_level_is_derived_with_the_same_cuts() -> None:
    said = Said()
    steps = [(0, 0.0, 0.0), (1, 0.25, 0.0), (2, 1.0, 0.0), (3, 0.1, 0.0), (40, 0.0, 0.0)]
    for minute, down, restless in [*steps, (41, 0.0, 0.5)]:
        said.word(START + minute * MINUTE, down, restless)
    assert [phase for _, phase in said.phases] == [
        Phase.STABLE,
        Phase.PARTIAL,
        Phase.LOST,
        Phase.RESTORED,
        Phase.STABLE,
        Phase.UNSTABLE,
    ]
