"""What one simulated answer costs: microseconds of CPU by kind and state of the path.

python tests/bench/simulation.py
"""

from __future__ import annotations

import datetime as dt
import time

from monitor.records import HOUR, SECOND
from monitor.simulation.drills import load_drill
from monitor.simulation.prober import SimProber

ROUNDS = 5
RUNS = 400


def main() -> None:
    drill = load_drill("dprk-2014")
    prober = SimProber(drill.world(), None)  # type: ignore[arg-type]
    loss = int(dt.datetime(2014, 12, 22, 16, 20, tzinfo=dt.UTC).timestamp()) * SECOND
    for label, base in (
        ("all well", drill.script.start + HOUR),
        ("flapping", loss - HOUR),
        ("lost", loss),
    ):
        best: dict[str, float] = {}
        for check in drill.watchlist.checks():
            for _ in range(ROUNDS):
                began = time.thread_time()
                for run in range(RUNS):
                    prober.answer(check, base + run * SECOND)
                spent = (time.thread_time() - began) / RUNS * 1e6
                kind = check.kind.value
                best[kind] = min(spent, best.get(kind, spent))
        print(f"{label:10}", "  ".join(f"{kind} {us:5.1f}" for kind, us in best.items()))


if __name__ == "__main__":
    main()
