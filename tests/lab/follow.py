"""A collector in a running lab, and what its cache says as time goes on."""

import os
import subprocess
import sys
import time
from pathlib import Path

from monitor.cache.reader import Cursor, Reader
from monitor.cache.schema import CacheError
from monitor.records import EventKind, subject_of

from .cli import enter

ROOT = Path(__file__).resolve().parent.parent.parent
_POLL_S = 0.1
_STOP_S = 20.0


class Desk:
    """Rows and events as a reader of the cache sees them; nothing is asked of the collector."""

    def __init__(self, cache):
        self._cache = cache
        self._reader = None
        self._cursor = Cursor()
        self.rows = {}
        self.events = []
        self.began = 0

    def look(self):
        """Take in what is new."""
        try:
            self._reader = self._reader or Reader(self._cache)
            changes = self._reader.changes(self._cursor)
        except CacheError:
            return
        self._cursor = changes.cursor
        self.rows.update((subject_of(row), row) for row in changes.rows)
        self.events += changes.events

    def mark(self):
        """From now on :attr:`fresh` begins anew."""
        self.look()
        self.began = len(self.events)

    @property
    def fresh(self):
        """The events since the mark, oldest first."""
        return self.events[self.began :]

    def until(self, wanted, patience_s, always=lambda _: ""):
        """Seconds until ``wanted`` of the desk holds, or None; ``always`` complains."""
        begun = time.monotonic()
        while True:
            self.look()
            complaint = always(self)
            if complaint:
                raise AssertionError(complaint)
            passed = time.monotonic() - begun
            if wanted(self):
                return passed
            if passed > patience_s:
                return None
            time.sleep(_POLL_S)

    def states(self, role="host"):
        """The hard state of every host, or control."""
        found = {row.id: row for row in self.rows.values() if getattr(row, "role", "") == role}
        return {name: str(row.state) for name, row in found.items()}

    def network(self, name="star"):
        return self.rows.get(f"network:{name}")

    def phase(self):
        row = self.network()
        return "" if row is None else str(row.phase)

    def vantage(self):
        row = self.rows.get("vantage:local")
        return "" if row is None else str(row.health)

    def told(self, kind=None, subject=""):
        """What the event log was told since the mark, soft and quiet steps left out."""
        return [
            event
            for event in self.fresh
            if event.hard
            and not event.quiet
            and kind in (None, event.kind)
            and event.subject.startswith(subject)
        ]

    def condemned(self):
        """Hosts of which a hard DOWN or UNREACHABLE was told since the mark."""
        return {
            event.subject.partition(":")[2]
            for event in self.told(EventKind.TRANSITION, "host:")
            if event.new in ("DOWN", "UNREACHABLE")
        }

    @staticmethod
    def clock():
        return time.monotonic()

    def close(self):
        if self._reader is not None:
            self._reader.close()


class Collecting:
    """A process that collects at the lab's desk; ``program`` is what runs it."""

    def __init__(self, lab, program):
        env = {**os.environ, "SSL_CERT_FILE": f"{lab}/pki/ca.pem"}
        self._process = subprocess.Popen(
            [*enter("desk"), sys.executable, "-m", *program],
            env=env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )

    def alive(self):
        return self._process.poll() is None

    def end(self):
        """For a program that ends with its standard input."""
        self._process.stdin.close()
        self._process.wait(_STOP_S)

    def stop(self, cache):
        """As ``watchdesk collect --stop`` does it: the process ids are the lab's."""
        stop = [sys.executable, "-m", "monitor", "collect", "--stop", "--cache", str(cache)]
        subprocess.run([*enter("desk"), *stop], cwd=ROOT, check=True, capture_output=True)
        self.end()
