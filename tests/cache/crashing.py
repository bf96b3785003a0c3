"""A writer that is killed while it writes, and what must be true of its file afterwards.

Run as a program it is that writer: ``python -m tests.cache.crashing CACHE FIRST`` commits
batch after batch and says the number of each on stdout once it is acknowledged.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from monitor.cache.reader import Reader
from monitor.cache.rollup import FIVE
from monitor.cache.upkeep import Retention
from monitor.cache.writer import Writer
from monitor.records import (
    HOUR,
    SECOND,
    Event,
    EventKind,
    HostRow,
    Observation,
    Outcome,
    subject_of,
)
from tests.cache.samples import trace

ROOT = Path(__file__).parents[2]
BATCH = 20
FAR = 10**9
# So far apart that two hours, the least that is kept, are soon full.
STEP = 10 * SECOND
KEPT = Retention(raw=2 * HOUR)


def batch(number: int):
    at = number * STEP
    seen = [
        Observation(check=f"h{n}/icmp", at=at, outcome=Outcome.OK, note=str(number))
        for n in range(BATCH - 1)
    ]
    seen.append(trace("alpha/trace", at, f"192.0.2.{number % 250}"))
    event = Event(at=at, kind=EventKind.NOTE, subject="host:alpha", text=str(number))
    row = HostRow(id="alpha", name="Alpha", since=at)
    return seen, [event], {subject_of(row): row}


def write_for_ever(path: Path, number: int) -> None:
    writer = Writer(path, KEPT)
    while True:
        writer.commit(*batch(number))
        print(number, flush=True)
        writer.maintain(number * STEP)
        number += 1


def kill_once(path: Path, first: int, acknowledged: int, wait_s: float = 0.0) -> int:
    """Start a writer, kill -9 it so long after so many commits; the next number to write."""
    command = [sys.executable, "-m", "tests.cache.crashing", str(path), str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        try:
            for _ in range(acknowledged):
                said = int(writer.stdout.readline())
            time.sleep(wait_s)
            with closing(Reader(path)) as reader:
                shown = reader.events(limit=1)[0].at // STEP
        finally:
            writer.send_signal(signal.SIGKILL)
        said = max([said, shown, *(int(line) for line in writer.stdout if line.endswith("\n"))])
    return check(path, said)


def check(path: Path, said: int) -> int:
    """Nothing damaged, nothing acknowledged or shown lost, nothing doubled or half there."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with closing(Reader(path)) as reader:
        newest = reader.events(limit=1)[0].at // STEP
        assert newest >= said, f"commit {said} was acknowledged or shown and is gone"
        events = [event.at for event in reader.events(limit=FAR)]
        assert events == [*range(newest * STEP, 0, -STEP)]
        assert reader.row("host:alpha").since == newest * STEP
        for name in ("h0/icmp", f"h{BATCH - 2}/icmp", "alpha/trace"):
            kept = [seen.at for seen in reader.observations(name, limit=FAR)]
            assert kept == [*range(newest * STEP, (newest - len(kept)) * STEP, -STEP)]
            assert len(kept) * STEP >= min(newest * STEP, KEPT.raw)
        assert reader.hosts_behind(f"192.0.2.{newest % 250}") == ["alpha"]
        assert reader.bad == 0
    check_roll_ups(path)
    return newest + 1


def check_roll_ups(path: Path) -> None:
    """Every slot but the first holds every run of its time, once."""
    with closing(sqlite3.connect(path)) as db:
        for table, width in (("fives", FIVE), ("hours", HOUR)):
            found = db.execute(f"SELECT slot, n FROM {table} WHERE slot > 0").fetchall()
            assert {runs for _, runs in found} <= {width // STEP}


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]), int(sys.argv[2]))
