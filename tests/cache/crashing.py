"""A writer that is killed while it writes, and what must be true of its file afterwards.

Run as a program it is that writer: ``python -m tests.cache.crashing CACHE FIRST`` commits
batch after batch and says the number of each on stdout once it is acknowledged.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from monitor.cache.reader import Reader
from monitor.cache.writer import Writer
from monitor.records import Event, EventKind, HostRow, Observation, Outcome, subject_of
from tests.cache.samples import trace

ROOT = Path(__file__).parents[2]
BATCH = 20
FAR = 10**9


def batch(number: int):
    seen = [
        Observation(check=f"h{n}/icmp", at=number, outcome=Outcome.OK, note=str(number))
        for n in range(BATCH - 1)
    ]
    seen.append(trace("alpha/trace", number, f"192.0.2.{number % 250}"))
    event = Event(at=number, kind=EventKind.NOTE, subject="host:alpha", text=str(number))
    row = HostRow(id="alpha", name="Alpha", since=number)
    return seen, [event], {subject_of(row): row}


def write_for_ever(path: Path, number: int) -> None:
    writer = Writer(path)
    while True:
        writer.commit(*batch(number))
        print(number, flush=True)
        writer.purge(number, 2_000, slice_rows=30)
        number += 1


def kill_once(path: Path, first: int, acknowledged: int) -> int:
    """Start a writer, kill -9 it after so many commits; the next number to write."""
    command = [sys.executable, "-m", "tests.cache.crashing", str(path), str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        try:
            for _ in range(acknowledged):
                said = int(writer.stdout.readline())
        finally:
            writer.send_signal(signal.SIGKILL)
        said = max([said, *(int(line) for line in writer.stdout if line.endswith("\n"))])
    return check(path, said)


def check(path: Path, said: int) -> int:
    """Nothing damaged, nothing acknowledged lost, nothing half there."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with closing(Reader(path)) as reader:
        newest = reader.events(limit=1)[0].at
        assert newest >= said, f"commit {said} was acknowledged and is gone"
        assert [event.at for event in reader.events(limit=FAR)] == [*range(newest, 0, -1)]
        assert reader.row("host:alpha").since == newest
        for name in ("h0/icmp", f"h{BATCH - 2}/icmp", "alpha/trace"):
            kept = [seen.at for seen in reader.observations(name, limit=1_000)]
            assert kept == [*range(newest, newest - len(kept), -1)]
            assert len(kept) >= min(newest, 1_000)
        assert reader.hosts_behind(f"192.0.2.{newest % 250}") == ["alpha"]
        assert reader.bad == 0
    return newest + 1


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]), int(sys.argv[2]))
