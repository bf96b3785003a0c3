"""Plays drills from beginning to end: ``python -m tests.bench.drills [NAME...]``.

Prints each debriefing, what share of the changes was said in time, and the CPU it took.
``--from`` and ``--until`` (ISO times) play a part only.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
import time
from pathlib import Path

from monitor.cache.writer import Writer
from monitor.collect.collector import Tempo
from monitor.collect.drill import debriefing
from monitor.collect.replay import FastCollector
from monitor.records import SECOND
from monitor.simulation.drills import drill_names, load_drill


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=drill_names())
    parser.add_argument("--from", dest="since", type=_moment, default=0)
    parser.add_argument("--until", type=_moment, default=0)
    options = parser.parse_args()
    for name in options.names:
        play(name, options.since, options.until)


def play(name: str, since: int, until: int) -> None:
    drill = load_drill(name)
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache.db"
        writer = Writer(cache)
        began = time.process_time()
        fast = FastCollector(
            drill.watchlist,
            drill.world(),
            writer,
            {},
            since or drill.script.start,
            tempo=Tempo().at(600.0),
        )
        fast.play(until or drill.script.end)
        fast.end()
        spent = time.process_time() - began
        writer.close()
        print(*debriefing(name, cache), sep="\n")
    print(f"{fast.looks} observations in {spent:.0f} s CPU\n", flush=True)


def _moment(text: str) -> int:
    found = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
    return int(found.timestamp()) * SECOND


if __name__ == "__main__":
    main()
