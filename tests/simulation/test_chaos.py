"""Two hundred seeds; thousands by ``python -m tests.bench.chaos``."""

from __future__ import annotations

import pytest

from tests.simulation.chaos import play
from tests.simulation.invariants import broken

CHUNK = 10
# As many as are affordable are played twice.
TWICE = 10


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", range(0, 200, CHUNK))
def test_whatever_goes_wrong_the_story_is_true(first: int) -> None:
    problems = []
    for seed in range(first, first + CHUNK):
        ran = play(seed)
        problems += [f"seed {seed}: {said}" for said in broken(ran)]
        if seed % TWICE == 0 and play(seed).digest != ran.digest:
            problems.append(f"seed {seed}: another cache when played again")
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
