"""An open desk's care for its collector: one that died is replaced, but not for ever.

Several desks may care for one cache: which of the collectors they start becomes the
collector is decided by its lock, and the others end at once.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from monitor.cache.lock import CollectorLock, Holder
from monitor.cache.schema import CacheError
from monitor.collect.launch import START_S, collector_row, last_words, start
from monitor.records import CollectorRow, clean_text
from monitor.watchlist.bundled import bundled_names

# Before the first, second... start since a collector last held out.
DELAYS_S: Final = (2.0, 10.0, 60.0, 300.0, 300.0)
# A service manager that looks after its own is given time to do so.
SERVICE_S: Final = 10.0
STEADY_S: Final = 600.0
SILENT_S: Final = 60.0
_SAID_MOST: Final = 80
_STARTING: Final = "the collector ended; another is being started"


class Start(Protocol):
    """Starts a collector (:func:`monitor.collect.launch.start`)."""

    def __call__(
        self, cache: Path, watchlist: str | None, *, by_desk: bool
    ) -> subprocess.Popen[bytes]: ...


class Care(NamedTuple):
    """``notice`` is said once, ``standing`` stays on the screen; '' where there is none."""

    notice: str = ""
    standing: str = ""


def watch(cache: Path) -> Callable[[bool], Care]:
    """What a viewer can tell of a collector; it does nothing about it."""

    def look(silent: bool) -> Care:
        holder = None
        if silent:
            with suppress(CacheError):
                holder = CollectorLock.holder(cache)
        return _from_memory(holder) if holder is not None and holder.problem else Care()

    return look


def _from_memory(holder: Holder) -> Care:
    return Care("", f"the collector goes on from memory: {holder.problem}")


class Keeper:
    """Looks at the lock, and starts a collector where one died; :meth:`step` every second.

    One that was stopped in an orderly way stays stopped, and a drill's is the drill's.
    """

    def __init__(
        self,
        cache: Path,
        watchlist: str | None,
        *,
        start: Start = start,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``watchlist`` is the one this desk was opened with, if any; ``now`` in seconds."""
        self._cache = cache
        self._watchlist = watchlist
        self._start = start
        self._now = now
        self._child: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._due: float | None = None
        self._starts = 0
        self._held_since: float | None = None
        self._silent_since: float | None = None
        self._trouble = ""
        self._known: CollectorRow | None = None

    def step(self, silent: bool) -> Care:
        """Look once, and do what is due; takes milliseconds.

        ``silent`` says that the collector has written nothing for too long.
        """
        try:
            return self._step(self._now(), silent=silent)
        except (CacheError, OSError) as error:
            self._trouble = clean_text(str(error))
            return Care("", f"no collector can be started: {self._trouble}")

    def leave(self) -> None:
        """The desk is left: a collector of ours that does not yet hold the cache goes too."""
        child = self._child
        if child is None or child.poll() is not None:
            return
        with suppress(CacheError):
            holder = CollectorLock.holder(self._cache)
            if holder is not None and holder.pid == child.pid:
                return
        child.terminate()

    def _step(self, now: float, *, silent: bool) -> Care:
        holder = CollectorLock.holder(self._cache)
        if holder is not None:
            return self._held(holder, now, silent=silent)
        self._held_since = self._silent_since = None
        if self._starting(now):
            return Care("", _STARTING)
        row = self._known = collector_row(self._cache) or self._known
        if row is not None and row.drill:
            return Care("", "this is a drill's cache: no collector is started for it")
        if row is not None and row.stopped >= row.beat > 0:
            self._due, self._starts = None, 0
            return Care("", "it was stopped on purpose: 'watchdesk collect' starts one")
        if self._starts == len(DELAYS_S):
            return Care("", self._given_up())
        return self._again(row, now)

    def _held(self, holder: Holder, now: float, *, silent: bool) -> Care:
        """Somebody collects: all is well, unless nothing comes of it."""
        first = self._held_since is None
        if first:
            self._held_since = now
            # A damaged cache cannot say any more what was watched.
            self._known = collector_row(self._cache) or self._known
        self._due, self._trouble = None, ""
        if now - (self._held_since or now) >= STEADY_S:
            self._starts = 0
        if holder.problem:
            return _from_memory(holder)
        if not silent:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now
        if silent and now - (self._silent_since or now) >= SILENT_S:
            return Care("", f"process {holder.pid} holds the cache and is silent; end it")
        back = first and self._starts > 0
        return Care(f"process {holder.pid} collects now" if back and holder.pid else "")

    def _starting(self, now: float) -> bool:
        """Whether one that was started here may still become the collector."""
        child = self._child
        if child is None:
            return False
        if child.poll() is None:
            if now - self._began < START_S:
                return True
            child.kill()
            child.wait()
        self._child = None
        self._trouble = clean_text(last_words(self._cache).rpartition("\n")[2], _SAID_MOST)
        return False

    def _again(self, row: CollectorRow | None, now: float) -> Care:
        if self._due is None:
            wait = DELAYS_S[self._starts]
            if row is not None and not row.by_desk:
                wait = max(wait, SERVICE_S)
            self._due = now + wait
        if now < self._due:
            said = f"; it said: {self._trouble}" if self._trouble else ""
            left = self._due - now
            return Care(
                "", f"the collector ended; this desk starts another in {left:.0f} s{said}"
            )
        watchlist = self._watched(row)
        if watchlist is None:
            return Care("", "the collector ended; start one: watchdesk collect -w FILE")
        self._due, self._starts, self._began = None, self._starts + 1, now
        self._child = self._start(self._cache, watchlist, by_desk=row is None or row.by_desk)
        who = "the collector" if row is None else f"the collector (process {row.pid})"
        return Care(f"{who} ended without notice: this desk starts another", _STARTING)

    def _watched(self, row: CollectorRow | None) -> str | None:
        """What the one that died watched, as an argument; None where that cannot be told."""
        if self._watchlist is not None or row is None:
            return self._watchlist
        if Path(row.watchlist_path).is_absolute():
            return row.watchlist_path
        return row.watchlist if row.watchlist in bundled_names() else None

    def _given_up(self) -> str:
        why = self._trouble or "it dies soon after its start"
        return f"given up after {self._starts} starts; see why: watchdesk collect ({why})"
