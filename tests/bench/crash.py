"""kill -9 what writes a cache, many times: ``python -m tests.bench.crash [times] [seed]``.

First a writer that commits as fast as it can; then the collector itself, on a simulated
internet in the days of December 2014 at many times their speed, started anew each time from
what it left.  Every observation is told before the collector hears of it, and a reader looks
on until the kill.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from monitor.cache.enduring import EnduringWriter
from monitor.cache.reader import Cursor, Reader
from monitor.collect.collector import Collector, Tempo
from monitor.collect.sink import BATCH_S, Sink
from monitor.records import MINUTE, SECOND, Event, EventKind, Micros, Observation
from monitor.simulation.drills import Drill, load_drill
from monitor.simulation.loop import SimClock, SimLoop, run
from monitor.simulation.prober import SimProber
from monitor.watchlist.model import Check
from tests.cache.crashing import FAR, ROOT, kill_once

DRILL = "dprk-2014"
SPEED = 300.0


class Loud:
    """Tells of each observation, and when it was over, before anybody else hears of it."""

    def __init__(self, prober: SimProber, clock: SimClock) -> None:
        self._prober = prober
        self._clock = clock

    async def probe(self, check: Check) -> Observation:
        seen = await self._prober.probe(check)
        print(check.id, seen.at, self._clock.wall(), flush=True)
        return seen

    async def close(self) -> None:
        await self._prober.close()


def collect(path: Path, start: Micros) -> None:
    drill, writer = load_drill(DRILL), EnduringWriter(path)
    run(lambda clock: _collect(drill, clock, writer), start or drill.script.start)


async def _collect(drill: Drill, clock: SimClock, writer: EnduringWriter) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    loop.set_speed(SPEED)
    prober = Loud(SimProber(drill.world(), clock), clock)
    sink, tempo = Sink(writer, clock), Tempo().at(SPEED)
    await Collector(
        drill.watchlist, prober, clock, sink, writer.rows(), pid=1, tempo=tempo
    ).run()


class Life:
    """One life of a collector, and what was seen of it from outside."""

    def __init__(self, path: Path, start: Micros) -> None:
        self.told: list[tuple[str, Micros, Micros]] = []
        self.shown: dict[int, Event] = {}
        command = [sys.executable, "-m", "tests.bench.crash", "collect", str(path), str(start)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        self._path = path

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith("\n"):
                check, at, over = line.split()
                self.told.append((check, int(at), int(over)))

    def look_on(self, seconds: float) -> None:
        while not self.told and self._process.poll() is None:
            time.sleep(0.01)
        end, cursor = time.monotonic() + seconds, Cursor()
        with closing(Reader(self._path)) as reader:
            while time.monotonic() < end:
                changes = reader.changes(cursor)
                self.shown |= {event.id: event for event in changes.events}
                cursor = changes.cursor
                time.sleep(0.01)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._listener.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


def faults(path: Path, life: Life, kept: set[tuple[str, Micros]]) -> Iterator[str]:
    with closing(sqlite3.connect(path)) as db:
        if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            yield "the file is damaged"
    with closing(Reader(path)) as reader:
        events = {event.id: event for event in reader.events(limit=FAR)}
    if any(events.get(number) != event for number, event in life.shown.items()):
        yield "an event that was shown is gone"
    turns = [e for e in events.values() if e.kind is EventKind.TRANSITION and e.hard]
    states: dict[str, str] = {}
    for event in sorted(turns, key=lambda event: event.id):
        if event.old and states.get(event.subject, event.old) != event.old:
            yield f"{event.subject} turns from {event.old}, but was {states[event.subject]}"
        states[event.subject] = event.new
    doubled = Counter((e.at, e.subject, e.old, e.new) for e in turns)
    yield from (f"{turn} is there twice" for turn, count in doubled.items() if count > 1)
    last = max(over for *_, over in life.told)
    for check, at, over in life.told:
        # A batch is begun at the end of the one before, so two may be under way.
        if (check, at) not in kept and last - over > 2 * BATCH_S * SPEED * SECOND:
            yield f"{check} of {at} is gone, over {(last - over) / SECOND / SPEED:.2f} s before"


def observed(path: Path) -> set[tuple[str, Micros]]:
    query = "SELECT c.id, o.at FROM observations AS o JOIN checks AS c ON c.no = o.check_no"
    with closing(sqlite3.connect(path)) as db:
        return set(db.execute(query))


def kill_collectors(path: Path, times: int, draw: random.Random) -> None:
    start, lost, most, told = 0, 0, 0, 0
    for _ in range(times):
        life = Life(path, start)
        try:
            life.look_on(draw.uniform(0.3, 1.5))
        finally:
            life.kill()
        kept = observed(path)
        found = list(faults(path, life, kept))
        assert not found, found
        gone = sum((check, at) not in kept for check, at, _ in life.told)
        lost, most, told = lost + gone, max(most, gone), told + len(life.told)
        start = max(over for *_, over in life.told) + MINUTE
    with closing(Reader(path)) as reader:
        events = reader.events(limit=FAR)
    turns = sum(event.kind is EventKind.TRANSITION and event.hard for event in events)
    print(
        f"{times} kills of a collector: {told} observations, {lost} lost, at most {most} at"
        f" once; {len(events)} events, {turns} hard transitions, none gone, none doubled"
    )


def kill_writers(path: Path, times: int, draw: random.Random) -> None:
    began, following = time.monotonic(), 1
    for _ in range(times):
        commits, wait_s = draw.randint(1, 60), draw.uniform(0.0, 0.05)
        following = kill_once(path, following, commits, wait_s)
    print(
        f"{times} kills of a writer in {time.monotonic() - began:.0f} s,"
        f" {following - 1} commits: no damage, nothing acknowledged or shown"
        " lost, nothing doubled or half there"
    )


def main() -> None:
    if sys.argv[1:2] == ["collect"]:
        collect(Path(sys.argv[2]), int(sys.argv[3]))
        return
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    draw = random.Random(sys.argv[2] if len(sys.argv) > 2 else "crash")
    with tempfile.TemporaryDirectory() as folder:
        kill_writers(Path(folder) / "writer.db", times, draw)
        kill_collectors(Path(folder) / "collector.db", times, draw)


if __name__ == "__main__":
    main()
