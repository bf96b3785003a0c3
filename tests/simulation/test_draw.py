"""Draws."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.simulation.draw import between, bits, key_of, unit

words = st.integers(0, 2**64 - 1)


def test_a_draw_is_the_same_in_every_process_and_version() -> None:
    assert key_of("host", 7) == 15225049602902301436
    assert bits(0, 1) == 0xE220A8397B1DCDAF  # SplitMix64's first number of seed 0


def test_keys_do_not_run_together() -> None:
    assert key_of("ab", "c") != key_of("a", "bc")
    assert key_of("check", 1) != key_of("check", 2)


@settings(deadline=None)
@given(words, st.integers(0, 2**70))
def test_numbers_stay_in_their_ranges(key: int, counter: int) -> None:
    assert 0 <= bits(key, counter) < 2**64
    assert 0.0 <= unit(key, counter) < 1.0
    assert 3.0 <= between(key, 3.0, 5.0) <= 5.0


def test_draws_are_spread_evenly() -> None:
    key = key_of("spread")
    drawn = [unit(key, counter) for counter in range(20_000)]
    assert abs(sum(drawn) / len(drawn) - 0.5) < 0.01
    assert abs(sum(value < 0.1 for value in drawn) / len(drawn) - 0.1) < 0.01
