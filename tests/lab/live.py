"""A real desk and its collector in a running lab: a pty, pressed keys, the cache they share."""

import os
import sys
import time
from pathlib import Path

from monitor.cache.reader import Cursor, Reader
from monitor.cache.schema import CacheError
from monitor.records import subject_of
from tests.terminal import Terminal

from .plan import AS, FEED, PREFIXES

LAB = str(Path(__file__).resolve().parent / "lab")
_ROOT = Path(__file__).resolve().parent.parent.parent
_READ_S = 0.02
_START_S = 40.0
_END_S = 20.0
_HEAD = """name = "line"
[budget]
prefix_rate = 100
prefix_in_flight = 16
[feeds]
ris = true
url = "http://{feed}:{port}/v1/stream/"
ripestat = false
"""
_NETWORK = """[[network]]
id = "{id}"
name = "{name}"
prefixes = {prefixes}
origin_asns = [{asn}]
"""
_HOST = """[[{kind}]]
id = "{id}"
address = "{address}"
{more}
checks = [{{ kind = "icmp", count = 1, interval = "{every}s", timeout = "0.9s" }}{trace}]
"""
_TRACE = ', {{ kind = "trace", interval = "{every}s", timeout = "{most}s" }}'
# Far controls are kept out of the AS that is broken.
_CONTROLS = {
    "isp": ("203.0.113.1", AS["isp"]),
    "t1": ("198.19.16.1", AS["t1"]),
    "t2": ("198.19.32.1", AS["t2"]),
    "out": ("198.51.100.53", AS["out"]),
}


def watchlist(traced, *, every=1, networks=("bdr", "t1", "t2", "isp")):
    """A watchlist that pings and traces ``traced`` (id: address) every ``every`` seconds."""
    parts = [_HEAD.format(feed=FEED[0], port=FEED[1])]
    for router in networks:
        prefixes = str(PREFIXES[router]).replace("'", '"')
        parts.append(
            _NETWORK.format(id=router, name=f"lab {router}", prefixes=prefixes, asn=AS[router])
        )
    trace = _TRACE.format(every=every, most=max(0.9, 0.9 * every))
    for name, address in traced.items():
        more = f'affiliation = "{networks[0]}"'
        host = {"kind": "host", "id": name, "address": address, "more": more}
        parts.append(_HOST.format(**host, every=every, trace=trace))
    for name, (address, asn) in _CONTROLS.items():
        more = f'side = "far"\nasn = {asn}'
        control = {"kind": "control", "id": f"c-{name}", "address": address, "more": more}
        parts.append(_HOST.format(**control, every=2, trace=""))
    return "\n".join(parts)


class LiveDesk:
    """The desk in namespace ``desk`` of ``lab``, with what its screen and its cache show.

    ``events`` are those of the log, each with the moment this process read it from the
    cache; ``rows`` the newest by subject.
    """

    def __init__(self, lab, folder, text, *, width=200, height=60):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "line.toml"
        path.write_text(text, encoding="utf-8")
        self.cache = folder / "cache.db"
        env = {
            **os.environ,
            "LAB_DIR": str(lab.directory),
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "xdg"),
            "WATCHDESK_CONFIG": str(folder / "config"),
            "TERM": "xterm-256color",
            "PYTHONUTF8": "1",
            "PYTHONPATH": str(_ROOT),
        }
        command = [LAB, "exec", "desk", sys.executable, "-m", "monitor"]
        command += ["-w", str(path), "--cache", str(self.cache)]
        self.rows, self.events, self.traced = {}, [], ()
        self._reader, self._cursor, self._marked, self.broke_at = None, Cursor(), 0, 0
        self.terminal = Terminal(command, env, width, height)

    @staticmethod
    def now():
        """The moment as observations and events have it, in microseconds."""
        return time.time_ns() // 1000

    def look(self):
        """Take in what the desk painted and the cache got since the last look."""
        self.terminal.read(_READ_S)
        try:
            self._reader = self._reader or Reader(self.cache)
            changes = self._reader.changes(self._cursor)
        except CacheError:
            return
        self._cursor, now = changes.cursor, time.time()
        self.rows.update((subject_of(row), row) for row in changes.rows)
        self.events += [(event, now) for event in changes.events]

    def mark(self):
        """What :attr:`fresh` gives begins here."""
        self.look()
        self._marked = len(self.events)

    @property
    def read(self):
        """The events since the mark, each with when it was read."""
        return self.events[self._marked :]

    @property
    def fresh(self):
        """The events since the mark."""
        return [event for event, _ in self.read]

    def until(self, wanted, patience_s=30.0, each=lambda: None):
        """The first true value of ``wanted()``, looked for after every look; else None."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            each()
            self.look()
            found = wanted()
            if found:
                return found
            if self.terminal.process.poll() is not None:
                raise AssertionError(f"the desk ended:\n{self.terminal.text}")
        return None

    def started(self, checks):
        """Wait until every one of ``checks`` (``host/label``) has run."""
        found = self.until(
            lambda: all(
                (row := self.rows.get(f"check:{check}")) and row.last for check in checks
            ),
            _START_S,
        )
        assert found, f"not all of {checks} ran: {sorted(self.rows)}\n{self.terminal.text}"

    def shows(self, *words):
        """Whether the screen shows every one of ``words``, line breaks and panels aside."""
        return all(word in self.terminal.text for word in words)

    def observations(self, check, since=0):
        return self._reader.observations(check, since=since, limit=5000)[::-1]

    def close(self):
        """Quit the desk, which takes its collector along."""
        if self._reader is not None:
            self._reader.close()
        try:
            if self.terminal.process.poll() is None:
                self.terminal.press("q")
                self.terminal.wait(_END_S)
        except OSError:
            pass
        finally:
            self.terminal.close()
