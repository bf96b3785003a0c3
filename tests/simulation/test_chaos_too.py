"""The second hundred seeds; see test_chaos.py."""

from __future__ import annotations

import pytest

from tests.simulation.seeds import CHUNK, problems_of

pytestmark = pytest.mark.long


@pytest.mark.parametrize("first", range(100, 200, CHUNK))
def test_whatever_goes_wrong_the_story_is_true(first: int) -> None:
    problems = problems_of(first)
    assert not problems, "\n".join(problems)
