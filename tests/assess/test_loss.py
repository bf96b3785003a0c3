"""Loss of a network: beyond chance, beyond our own line, and not silence."""

from __future__ import annotations

import pytest

from monitor.assess.loss import Burst, loses_more, lossy_part
from monitor.assess.rules import RULES


def more(bursts: list[Burst], ours: list[Burst] | None = None) -> bool:
    return loses_more(bursts, RULES.loss, ours or [], RULES.lossy_sigmas)


def test_loss_is_more_than_chance_by_two_deviations() -> None:
    assert not more([])
    assert not more([Burst(0, 5, 2)])
    assert more([Burst(0, 5, 3)])
    assert not more([Burst(0, 5, 1)] * 30)
    assert more([Burst(0, 5, 1), Burst(0, 5, 2)] * 15)


def test_what_our_own_line_loses_is_expected_of_everybody() -> None:
    theirs = [Burst(0, 5, 2)] * 20
    assert more(theirs, [Burst(0, 5, 0)] * 9)
    assert not more(theirs, [Burst(0, 5, 2)] * 9)
    assert more([Burst(0, 5, 4)] * 20, [Burst(0, 5, 2)] * 9)


@pytest.mark.parametrize(
    ("lost", "counted"),
    [
        ([0, 1, 2, 1], [0, 1, 2, 1]),
        ([0, 2, 2, 1], [0, 1]),
        ([2, 0, 1, 2], [0, 1]),
        ([2], []),
        ([], []),
    ],
)
def test_silence_is_no_loss(lost: list[int], counted: list[int]) -> None:
    bursts = [Burst(place, 2, each) for place, each in enumerate(lost)]
    assert [burst.lost for burst in lossy_part(bursts)] == counted
