"""A desk on a real line: what breaks is named on it soon, and its times are true."""

import statistics

import pytest

from .conftest import RunningLab, _lack
from .line_desk import busy, delays, open_desk, orders
from .named import CASES, play
from .plan import FAR

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]

BUSY_S = 4.0


@pytest.fixture(scope="module")
def feeding(tmp_path_factory):
    lack = _lack()
    if lack:
        pytest.skip(lack)
    made = RunningLab(tmp_path_factory.mktemp("line") / "lab")
    made("up")
    yield made
    made("down")


@pytest.fixture(scope="module")
def desk(feeding, tmp_path_factory):
    with open_desk(feeding, tmp_path_factory.mktemp("desk"), {"far": FAR}) as opened:
        yield opened


def test_a_withdrawal_is_named_by_the_collector_and_on_the_desk(feeding, desk):
    (case,) = (each for each in CASES if each.name == "withdrawal")
    missing = [what for met, _, what in play(feeding, desk, case) if not met]
    assert not missing, desk.terminal.text


def test_a_hijack_is_on_the_desk_soon_after_the_feed_told(feeding, desk):
    (hijack,) = (each for each in orders() if each[0] == ("hijack", "198.18.178.0/25"))
    ((_, found),) = delays(feeding, desk, [hijack])
    assert found is not None, desk.terminal.text
    print("event, cache, screen: " + " ".join(f"{each:.2f}" for each in found))


def test_stored_times_are_the_kernels_while_keys_are_pressed(feeding, desk):
    pressed, found = busy(feeding, desk, BUSY_S)
    assert pressed > 20
    for differences in found.values():
        # On a machine with nothing else to do it is a twentieth of a millisecond; a time
        # taken when the answer was noticed would be late by what the desk kept busy.
        assert len(differences) >= 2
        assert abs(statistics.median(differences)) < 5
