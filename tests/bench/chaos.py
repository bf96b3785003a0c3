"""Thousands of randomized runs: ``python -m tests.bench.chaos --seeds N [--first S]``.

Prints every seed of which an invariant does not hold; ``--seed S`` plays one with all of
its script and events, ``--twice`` plays each again and compares the caches.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from datetime import UTC, datetime

from monitor.records import SECOND
from tests.simulation.chaos import make, play
from tests.simulation.invariants import broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--twice", action="store_true")
    options = parser.parse_args()
    if options.seed is not None:
        return _verbose(options.seed)
    began, failed = time.process_time(), 0
    for seed in range(options.first, options.first + options.seeds):
        found = _problems(seed, twice=options.twice)
        failed += bool(found)
        for said in found:
            print(f"seed {seed}: {said}", flush=True)
    spent = time.process_time() - began
    print(f"{options.seeds} seeds, {failed} failed, {spent:.1f} s CPU")
    return 1 if failed else 0


def _problems(seed: int, *, twice: bool) -> list[str]:
    try:
        ran = play(seed)
        found = broken(ran)
        if twice and play(seed).digest != ran.digest:
            found.append("another cache when played again")
    except Exception:  # noqa: BLE001 - the seed of whatever fails is to be printed
        return [traceback.format_exc()]
    return found


def _verbose(seed: int) -> int:
    chaos = make(seed)
    for host in chaos.watchlist.hosts:
        checks = ", ".join(f"{c.kind} {c.interval_s:g} s" for c in host.checks)
        print(f"{host.id} {host.address} of {host.affiliation or host.role}: {checks}")
    for happens in chaos.events:
        print(f"{_time(happens.at)}-{_time(happens.until)} {happens}")
    print(f"killed {_time(chaos.killed)}, full {chaos.full}, slow {chaos.slow}")
    print(f"hangs {chaos.hangs} raises {chaos.raises} lies {chaos.lies} room {chaos.room}")
    ran = play(seed)
    for event in ran.events:
        mark = "." if event.quiet else "!"
        print(
            f"{event.id:4} {_time(event.at)} {mark} {event.subject} {event.old} -> {event.new}"
            f" [{event.rule}{'' if event.hard else ' soft'}] {event.text}"
        )
    print(*ran.lives, sep="\n")
    found = broken(ran)
    for said in found:
        print(f"seed {seed}: {said}")
    return 1 if found else 0


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%H:%M:%S")


if __name__ == "__main__":
    sys.exit(main())
