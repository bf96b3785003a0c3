"""When to look: a heap of due times, and no asyncio.

Each check keeps a fixed phase in its interval, so load stays spread for weeks; jitter of
up to a tenth keeps us from beating in time with anything we watch.  Both come from a hash
of the check's id, so a schedule is the same every time it is made.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from typing import Final
from zlib import crc32

import msgspec

from monitor.watchlist.model import Check

JITTER: Final = 0.1
# The first look comes soon, whatever the interval: people wait for it.
FIRST_SPREAD_S: Final = 10.0


class Entry(msgspec.Struct, gc=False):
    """A check in the schedule; ``turn`` counts its ticks, ``due`` is monotonic seconds."""

    check: Check
    phase: float
    turn: int = 0
    due: float = 0.0
    version: int = 0
    running: bool = False


def _fraction(text: str) -> float:
    return crc32(text.encode()) / 2**32


class Schedule:
    """Which checks are due, one in flight each; missed ticks are dropped and counted."""

    def __init__(self, checks: Iterable[Check], now: float) -> None:
        self._entries: dict[str, Entry] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._version = 0
        self.missed = 0
        self.replace(checks, now)

    def __len__(self) -> int:
        return len(self._entries)

    def replace(self, checks: Iterable[Check], now: float) -> None:
        """Go on with these checks; the ones that stay keep their phase and due time."""
        old, self._entries = self._entries, {}
        self._heap.clear()
        for check in checks:
            entry = old.get(check.id)
            if entry is None or entry.check.interval_s != check.interval_s:
                running = entry.running if entry else False
                entry = Entry(check, _fraction(check.id), running=running)
                spread = min(check.interval_s, FIRST_SPREAD_S)
                entry.due = now + entry.phase * spread
                entry.turn = int(now // check.interval_s)
            entry.check = check
            self._entries[check.id] = entry
            if not entry.running:
                self._push(entry)

    def next_due(self) -> float | None:
        """Monotonic seconds of the next due check; None when nothing is scheduled."""
        while self._heap:
            due, version, name = self._heap[0]
            entry = self._entries.get(name)
            if entry is not None and entry.version == version:
                return due
            heapq.heappop(self._heap)
        return None

    def pop_due(self, now: float) -> Check | None:
        """The next check that is due, marked as running, or None."""
        due = self.next_due()
        if due is None or due > now:
            return None
        entry = self._entries[heapq.heappop(self._heap)[2]]
        entry.running = True
        return entry.check

    def done(self, name: str, now: float, retry_s: float | None = None) -> None:
        """A check has run: plan its next tick, or an earlier (or later) one by ``retry_s``.

        Ticks that went by while it ran are missed, and counted.
        """
        entry = self._entries.get(name)
        if entry is None:
            return
        entry.running = False
        passed = _newest_tick(entry, now)
        if entry.turn < passed:
            self.missed += passed - entry.turn
            entry.turn = passed
        if retry_s is None:
            # A look brought forward stands for the next tick; many do for no more than that.
            entry.turn = min(entry.turn + 1, passed + 2)
            self._plan_tick(entry)
        else:
            entry.turn = max(entry.turn, _newest_tick(entry, now + retry_s))
            self._plan(entry, now + retry_s)

    def postpone(self, name: str, until: float) -> None:
        """Put a popped check back: a budget does not allow it yet."""
        entry = self._entries.get(name)
        if entry is not None:
            entry.running = False
            self._plan(entry, until)

    def soon(self, name: str, now: float) -> bool:
        """Look at once; False when there is no such check.  One in flight stays one."""
        entry = self._entries.get(name)
        if entry is None:
            return False
        if not entry.running:
            self._plan(entry, now)
        return True

    def bring_forward(
        self, now: float, spread: float, hosts: Collection[str] | None = None
    ) -> None:
        """Look once within ``spread`` seconds, by each check's phase: at all, or at these."""
        for entry in self._entries.values():
            if hosts is not None and entry.check.host not in hosts:
                continue
            due = now + entry.phase * spread
            if not entry.running and due < entry.due:
                self._plan(entry, due)

    def checks_of(self, host: str) -> list[str]:
        """The ids of a host's checks."""
        return [name for name, entry in self._entries.items() if entry.check.host == host]

    # --- inside ---------------------------------------------------------------------------

    def _push(self, entry: Entry) -> None:
        self._version += 1
        entry.version = self._version
        heapq.heappush(self._heap, (entry.due, entry.version, entry.check.id))

    def _plan(self, entry: Entry, due: float) -> None:
        entry.due = due
        self._push(entry)

    def _plan_tick(self, entry: Entry) -> None:
        jitter = _fraction(f"{entry.check.id}/{entry.turn}") * JITTER
        self._plan(entry, (entry.turn + entry.phase + jitter) * entry.check.interval_s)


def _newest_tick(entry: Entry, now: float) -> int:
    """The number of the newest tick whose time, before jitter, has come."""
    return int((now / entry.check.interval_s - entry.phase) // 1)
