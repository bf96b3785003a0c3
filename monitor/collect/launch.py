"""A desk's way to its collector: start one when none runs, leave none behind unwanted."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from monitor.cache.lock import CollectorLock
from monitor.cache.reader import Reader
from monitor.cache.schema import CacheError
from monitor.collect import service
from monitor.records import CollectorRow

START_S: Final = 30.0
_LOOK_S: Final = 0.02


class NotStarted(Exception):  # noqa: N818 - an answer for people
    """The collector did not start; the text is what it said, in a sentence."""


def log_path(cache: Path) -> Path:
    """Where a collector that a desk started says what it has to say."""
    return cache.with_name(cache.name + ".log")


def ensure_collector(cache: Path, watchlist: str | None) -> bool:
    """Start a collector in a session of its own unless one holds the cache.

    It outlives a crash of the desk and the closing of its terminal.  Returns whether it was
    started here; raises NotStarted.
    """
    if CollectorLock.holder(cache) is not None:
        return False
    child = start(cache, watchlist, by_desk=True)
    return _await_board(cache, child) == child.pid


def start(cache: Path, watchlist: str | None, *, by_desk: bool) -> subprocess.Popen[bytes]:
    """Start a collector in a session of its own; with ``by_desk`` the last desk ends it."""
    arguments = ["collect", "--cache", str(cache)]
    if by_desk:
        arguments.append("--by-desk")
    if watchlist is not None:
        arguments += ["--watchlist", watchlist]
    return _spawn(cache, arguments, subprocess.DEVNULL)


class DrillProcess:
    """A drill beside its desk; it ends when its pipe does, however the desk ended."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child

    def say(self, line: bytes) -> None:
        """One command to the drill; one that has ended hears nothing."""
        assert self._child.stdin is not None
        with suppress(OSError):
            os.write(self._child.stdin.fileno(), line)

    def end(self) -> None:
        """Close the pipe and wait until everything is written."""
        assert self._child.stdin is not None
        with suppress(OSError):
            self._child.stdin.close()
        try:
            self._child.wait(START_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def start_drill(cache: Path, arguments: list[str]) -> DrillProcess:
    """Start a drill's collector; raises NotStarted."""
    child = _spawn(cache, arguments, subprocess.PIPE)
    process = DrillProcess(child)
    try:
        _await_board(cache, child)
    except NotStarted:
        process.end()
        raise
    return process


def _spawn(cache: Path, arguments: list[str], stdin: int) -> subprocess.Popen[bytes]:
    cache.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    log = os.open(log_path(cache), flags, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "monitor", *arguments],
            stdin=stdin,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)


def _await_board(cache: Path, child: subprocess.Popen[bytes]) -> int:
    """Wait until a collector has written a board; its pid.  Raises NotStarted."""
    deadline = time.monotonic() + START_S
    while True:
        holder = CollectorLock.holder(cache)
        if holder is not None and _has_spoken(cache, holder.pid):
            return holder.pid
        if child.poll() is not None:
            ended = f"the collector ended at once; see {log_path(cache)}"
            raise NotStarted(last_words(cache) or ended)
        if time.monotonic() > deadline:
            child.terminate()
            raise NotStarted(f"the collector did not start within {START_S:.0f} s")
        time.sleep(_LOOK_S)


def _has_spoken(cache: Path, pid: int) -> bool:
    """Whether the collector has written its first rows: before that there is no board."""
    row = collector_row(cache)
    return row is not None and row.pid == pid


def collector_row(cache: Path) -> CollectorRow | None:
    """What the collector last said of itself; None where that cannot be read."""
    with suppress(CacheError), closing(Reader(cache)) as reader:
        row = reader.row("collector")
        return row if isinstance(row, CollectorRow) else None
    return None


def last_words(cache: Path) -> str:
    """What a collector that a desk started has said, or ''."""
    with suppress(OSError):
        text = log_path(cache).read_text("utf-8", "replace").strip()
        return text.removeprefix("watchdesk: ")
    return ""


class Presence:
    """Marks that a desk is open on a cache, so that the last one to go can tell.

    A shared flock on ``<cache>.desks``; the kernel gives it back when a desk dies.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        path = cache.with_name(cache.name + ".desks")
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_SH)

    def leave(self, *, stop_collector: bool) -> bool:
        """Close an orderly desk; stop the collector when no other desk is open.

        Returns whether it was stopped.
        """
        try:
            if not stop_collector:
                return False
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return service.stop(self._cache) > 0
        except BlockingIOError:
            return False
        finally:
            os.close(self._fd)
