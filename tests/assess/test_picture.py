from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.assess.picture import unstable_minutes
from monitor.records import DAY, HOUR, MINUTE, SECOND, Phase

FELL = 1_419_264_900 * SECOND  # 2014-12-22 16:15:00Z


@pytest.mark.parametrize(
    ("history", "minutes"),
    [
        (((FELL - 9 * DAY, Phase.STABLE),), 0.0),
        (((FELL - 3 * DAY, Phase.UNSTABLE),), 1440.0),
        (((FELL - 2 * DAY, Phase.UNSTABLE), (FELL - 23 * HOUR, Phase.STABLE)), 60.0),
        (((FELL - DAY, Phase.STABLE), (FELL - 23 * MINUTE, Phase.UNSTABLE)), 23.0),
        # The fall itself, and what came after it, is no instability before it.
        (((FELL - DAY, Phase.STABLE), (FELL, Phase.UNSTABLE), (FELL + HOUR, Phase.LOST)), 0.0),
        (((FELL - 12 * HOUR, Phase.STABLE),), 0.0),
        (((FELL - 11 * HOUR, Phase.STABLE),), None),
        (((FELL - DAY, Phase.UNKNOWN), (FELL - HOUR, Phase.UNSTABLE)), None),
        ((), None),
    ],
)
def test_minutes_of_instability_before_a_fall(history, minutes):
    assert unstable_minutes(history, FELL) == minutes


@given(st.lists(st.tuples(st.integers(0, 3 * DAY), st.sampled_from(Phase)), max_size=9))
def test_never_more_than_a_day(steps):
    history = sorted((FELL - 2 * DAY + ago, phase) for ago, phase in steps)
    minutes = unstable_minutes(history, FELL)
    assert minutes is None or 0 <= minutes <= DAY / MINUTE
