"""Runs of chaos by the seed, for the tests that share two hundred of them."""

from __future__ import annotations

from tests.simulation.chaos import play
from tests.simulation.invariants import broken

CHUNK = 10
# As many as are affordable are played twice.
TWICE = 20


def problems_of(first: int) -> list[str]:
    """What does not hold in CHUNK seeds from ``first`` on."""
    problems = []
    for seed in range(first, first + CHUNK):
        ran = play(seed)
        problems += [f"seed {seed}: {said}" for said in broken(ran)]
        if seed % TWICE == 0 and play(seed).digest != ran.digest:
            problems.append(f"seed {seed}: another cache when played again")
    return problems
