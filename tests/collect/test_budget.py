"""Nobody is to feel that we look."""

from __future__ import annotations

import pytest

from monitor.collect.budget import PrefixBudget, area_of, cost_of
from monitor.records import Kind
from monitor.watchlist.model import Budget, Check, IcmpParams, TraceParams


@pytest.mark.parametrize(
    ("address", "area"),
    [
        ("175.45.176.15", "175.45.176.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("127.0.0.9", ""),
        ("::1", ""),
        ("KCNA.kp", "kcna.kp"),
    ],
)
def test_the_area_of_an_address(address: str, area: str) -> None:
    assert area_of(address) == area


def test_a_burst_costs_what_it_sends() -> None:
    burst = Check("a/icmp", "a", Kind.ICMP, "192.0.2.1", IcmpParams(count=5))
    trace = Check("a/trace", "a", Kind.TRACE, "192.0.2.1", TraceParams())
    assert (cost_of(burst), cost_of(trace)) == (5, 2)


def test_one_packet_a_second_on_the_long_run() -> None:
    budget = PrefixBudget(Budget())
    now, sent = 0.0, 0
    while now < 100.0:
        wait = budget.admit("192.0.2.0/24", 5, now)
        if wait > 0:
            now += wait
            continue
        sent += 5
        budget.release("192.0.2.0/24")
    assert 95 <= sent <= 105


def test_two_in_flight_and_no_third() -> None:
    budget = PrefixBudget(Budget(prefix_rate=1000.0))
    assert budget.admit("a", 1, 0.0) == 0.0
    assert budget.admit("a", 1, 1.0) == 0.0
    assert budget.admit("a", 1, 2.0) > 0.0
    budget.release("a")
    assert budget.admit("a", 1, 3.0) == 0.0


def test_loopback_is_ourselves_and_idle_areas_are_forgotten() -> None:
    budget = PrefixBudget(Budget())
    assert [budget.admit("", 5, 0.0) for _ in range(50)] == [0.0] * 50
    budget.admit("a", 1, 0.0)
    budget.release("a")
    budget.forget_idle(10_000.0)
    assert budget.admit("a", 1, 10_000.0) == 0.0
