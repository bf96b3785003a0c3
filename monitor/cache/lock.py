"""Who collects for a cache: an flock on ``<cache>.lock``, released by the kernel at death.

The file is never removed: between another process's open and its flock the name could
come to mean a new file, and two collectors would each hold a lock of their own.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from monitor.cache.schema import make_folder, speaking_of
from monitor.records import clean_text

_TRIES: Final = 5
_PAUSE_S: Final = 0.01
# The first block of the file, which is there from the start.
_SAID_BYTES: Final = 512


class Holder(msgspec.Struct):
    """The process that collects; ``pid`` is 0 in the instant before it has written it.

    ``problem`` is one sentence about why it cannot write the cache, or ''.
    """

    pid: int
    problem: str = ""


def _lock_path(cache: Path) -> Path:
    return cache.with_name(cache.name + ".lock")


class CollectorLock:
    """The right to be the collector of one cache."""

    def __init__(self, cache: Path) -> None:
        self._path = _lock_path(cache)
        self._fd = -1

    def acquire(self) -> bool:
        """Take the lock; False when another collector holds it.  Takes at most 50 ms.

        Tried several times: a desk that asks for the holder holds it shared for an instant.
        Raises CacheError when the lock file cannot be made.
        """
        if self._fd >= 0:
            return True
        with speaking_of(self._path):
            make_folder(self._path)
            fd = os.open(
                self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
            try:
                held = _try_often(fd)
                if held:
                    os.ftruncate(fd, 0)
                    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
            except BaseException:
                os.close(fd)
                raise
        if held:
            self._fd = fd
        else:
            os.close(fd)
        return held

    def say(self, problem: str) -> None:
        """Tell whoever asks for the holder why the cache cannot be written; '' when it can.

        It takes the place of what stands there already, so that a full disk takes it too.
        """
        if self._fd < 0:
            return
        text = f"{os.getpid()}\n{clean_text(problem)}".strip()
        data = text.encode()[: _SAID_BYTES - 1] + b"\n"
        with suppress(OSError):
            os.pwrite(self._fd, data, 0)
            os.ftruncate(self._fd, len(data))

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._fd >= 0:
            # The lock is what counts; a pid left behind on a full disk misleads nobody.
            with suppress(OSError):
                os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1

    @staticmethod
    def holder(cache: Path) -> Holder | None:
        """Who holds the lock now, or None.  Raises CacheError when it cannot be told."""
        path = _lock_path(cache)
        with speaking_of(path):
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                return None
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                pid, _, problem = os.pread(fd, _SAID_BYTES, 0).partition(b"\n")
                said = clean_text(problem.decode("utf-8", "ignore").strip())
                return Holder(int(pid) if pid.isdigit() else 0, said)
            else:
                return None
            finally:
                os.close(fd)


def _try_often(fd: int) -> bool:
    for left in range(_TRIES, 0, -1):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if left > 1:
                time.sleep(_PAUSE_S)
        else:
            return True
    return False
