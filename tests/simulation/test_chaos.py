"""A hundred seeds, and what the invariants notice; the other hundred in test_chaos_too.py.

Two files, for two processes to share the work; thousands by ``python -m tests.bench.chaos``.
"""

from __future__ import annotations

import pytest

from tests.simulation.chaos import play
from tests.simulation.invariants import broken
from tests.simulation.seeds import CHUNK, problems_of

pytestmark = pytest.mark.long


@pytest.mark.parametrize("first", range(0, 100, CHUNK))
def test_whatever_goes_wrong_the_story_is_true(first: int) -> None:
    problems = problems_of(first)
    assert not problems, "\n".join(problems)


def test_a_broken_promise_is_seen() -> None:
    """The invariants are no ornament: each notices a story that is not true."""
    ran = play(6)
    hard = [
        event
        for event in ran.events
        if event.kind == "transition" and event.hard and event.evidence
    ]
    ran.leaked = ("somebody",)
    ran.lives[0].asked += 1
    ran.shown = ran.events[1:]
    ran.events.append(hard[-1])
    found = {said.partition(":")[0] for said in broken(ran)}
    assert {
        "no_task_is_left",
        "every_look_is_accounted_for",
        "events_chain",
        "what_was_shown_stays",
    } <= found
