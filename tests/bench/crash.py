"""kill -9 a writing collector many times: ``python -m tests.bench.crash [times] [seed]``."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.cache.crashing import kill_once


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    draw = random.Random(sys.argv[2] if len(sys.argv) > 2 else "crash")
    began, following = time.monotonic(), 1
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(times):
            path, commits = Path(folder) / "cache.db", draw.randint(1, 60)
            following = kill_once(path, following, commits, draw.uniform(0.0, 0.05))
    print(
        f"{times} kills in {time.monotonic() - began:.0f} s, {following - 1} commits:"
        " no damage, nothing acknowledged or shown lost, nothing doubled or half there"
    )


if __name__ == "__main__":
    main()
