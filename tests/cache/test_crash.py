from __future__ import annotations

import random

from tests.cache.crashing import kill_once


def test_kill_9_loses_nothing_that_was_acknowledged(path):
    """The long version is tests/bench/crash.py."""
    draw, following = random.Random(7), 1
    for _ in range(20):
        following = kill_once(path, following, draw.randint(1, 60))
    assert following > 20
