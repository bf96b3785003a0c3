"""Windows over rounds, and hops that only limit themselves."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.probes.window import Window, limited
from monitor.records import HopWindow

samples = st.lists(st.none() | st.floats(0, 1e4), max_size=300)


@given(samples)
def test_the_figures_are_those_of_the_last_rounds(rtts):
    window = Window(100)
    for number, rtt in enumerate(rtts, 1):
        window.add(number, rtt, "a")
        window.move_on(number)
    facts, kept = window.facts(), rtts[-100:]
    answered = [rtt for rtt in kept if rtt is not None]
    assert (facts.sent, facts.received) == (len(kept), len(answered))
    if answered:
        assert facts.last_ms == pytest.approx(answered[-1], abs=1e-3)
        assert facts.best_ms == pytest.approx(min(answered), abs=1e-3)
        assert facts.worst_ms == pytest.approx(max(answered), abs=1e-3)
        assert facts.mean_ms == pytest.approx(statistics.fmean(answered), abs=1e-2)
    if len(answered) > 1:
        assert facts.stdev_ms == pytest.approx(statistics.stdev(answered), abs=1e-2)


def test_jitter_is_the_mean_step():
    window = Window()
    for number, rtt in enumerate([10.0, None, 14.0, 12.0]):
        window.add(number, rtt, "a")
    assert window.facts().jitter_ms == 3.0


def test_a_window_is_bounded_in_rounds_and_in_samples():
    window = Window(10)
    for number in range(30):
        for _ in range(9):
            window.add(number, 1.0, "a")
    assert window.facts().sent == 40
    window.move_on(100)
    assert window.facts().sent == 0


def test_arms_are_counted_and_bounded():
    window = Window()
    for number in range(60):
        window.add(number, 1.0, f"192.0.2.{number % 3}")
    assert window.facts().arms == tuple((f"192.0.2.{arm}", 20) for arm in range(3))
    for number in range(60, 100):
        window.add(number, 1.0, f"198.51.100.{number}")
    assert len(window.addresses) == 16


def hop(sent, received):
    return HopWindow("a", sent, received)


@pytest.mark.parametrize(
    ("hops", "target", "expected"),
    [
        ([(100, 100), (100, 60)], (100, 100), [False, True]),
        ([(100, 60), (100, 58)], (100, 62), [False, False]),  # real loss goes on
        ([(100, 90), (100, 50), (100, 88)], (100, 91), [False, True, False]),
        ([(100, 98)], (100, 100), [False]),  # chance
        ([(100, 0)], (100, 100), [False]),  # silent, not limited
        ([(100, 40), (100, 100)], (100, 0), [True, False]),  # broken behind
        ([(100, 40)], (0, 0), [False]),
    ],
)
def test_loss_that_does_not_go_on_is_limited(hops, target, expected):
    assert limited([hop(*each) for each in hops], hop(*target)) == expected
