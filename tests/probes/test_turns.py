"""The schedule of hops: never more than a router answers, and everybody's turn comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.probes.turns import SPACING_S, Turns, place

HOP = "198.51.100.1"


def play(askers, seconds, every=1.0, turns=None, phase=None):
    """``askers`` paths ask one hop each ``every`` seconds; who was granted, and when."""
    turns = turns or Turns()
    granted = []
    rounds = [
        (number * every + (phase(asker) if phase else asker * every / askers), asker)
        for number in range(int(seconds / every))
        for asker in range(askers)
    ]
    for at, asker in sorted(rounds):
        if turns.may(HOP, str(asker), at, every):
            granted.append((at, asker))
    return granted


def test_one_path_asks_every_round():
    assert len(play(1, 50)) == 50


def test_a_jittering_path_asks_every_round():
    turns = Turns()
    assert all(turns.may(HOP, "a", n + n % 3 * 0.1, 1.0) for n in range(100))


@pytest.mark.parametrize("askers", [2, 5, 20, 100])
@pytest.mark.parametrize("together", [False, True])
def test_many_paths_share_what_the_router_answers_and_take_turns(askers, together):
    granted = play(askers, 200, phase=(lambda asker: asker * 1e-4) if together else None)
    # A Linux router: six in a row, then one a second.
    tokens, last = 6.0, 0.0
    for at, _ in granted:
        tokens, last = min(6.0, tokens + (at - last)), at
        tokens -= 1
        assert tokens >= 0
    counts = [sum(who == asker for _, who in granted) for asker in range(askers)]
    assert max(counts) - min(counts) <= 1
    assert len(granted) > 200 / SPACING_S * 0.6


def test_a_rare_path_is_not_starved_by_busy_ones():
    turns, granted = Turns(), 0
    for tenth in range(6000):
        at = tenth / 10
        if tenth % 600 == 0:
            granted += turns.may(HOP, "rare", at, 60.0)
        turns.may(HOP, str(tenth % 10), at, 1.0)
    assert granted >= 8


def test_one_that_left_holds_up_nobody():
    turns = Turns()
    turns.may(HOP, "gone", 0.0, 1.0)
    assert sum(turns.may(HOP, "stays", 5.0 + n, 1.0) for n in range(10)) == 10


def test_looking_for_a_break_goes_first_but_not_without_end():
    turns = Turns()
    assert [turns.may_urgently(HOP, "a", 0.0) for _ in range(8)] == [True] * 5 + [False] * 3
    assert not turns.may(HOP, "b", 0.5, 1.0)
    assert turns.ask_anyway(HOP, "a", 0.5) is False


def test_a_hop_that_limits_itself_is_asked_more_rarely():
    turns = Turns()
    turns.limits_itself(HOP)
    assert 45 <= sum(turns.may(HOP, "a", float(n), 1.0) for n in range(100)) <= 55
    for _ in range(200):
        turns.answers(HOP)
    assert sum(turns.may(HOP, "a", 1000.0 + n, 1.0) for n in range(100)) == 100


def test_who_stands_behind_whom_is_learnt():
    turns = Turns()
    assert not turns.likely("v4", 1)
    assert [turns.ask_anyway(place("v4", 1), who, 0.0) for who in "abcdefg"][4:] == [
        True,
        False,
        False,
    ]
    turns.learn("v4", 1, HOP)
    assert turns.likely("v4", 1) == HOP
    # What was asked before the hop had a name was asked of it.
    assert not turns.may_urgently(HOP, "h", 0.0)


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 5), st.booleans()), max_size=80))
def test_never_more_than_six_in_a_row_and_one_a_second(steps):
    turns, now, tokens = Turns(), 0.0, 6.0
    for wait, who, urgent in steps:
        now += wait
        tokens = min(6.0, tokens + wait)
        asked = (
            turns.may_urgently(HOP, str(who), now)
            if urgent
            else turns.may(HOP, str(who), now, 1.0)
        )
        tokens -= asked
        assert tokens >= -1e-6
