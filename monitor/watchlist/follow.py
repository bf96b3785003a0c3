"""Notices that a watchlist was edited."""

from __future__ import annotations

from pathlib import Path

from monitor.watchlist.bundled import Source
from monitor.watchlist.errors import WatchlistError
from monitor.watchlist.model import Watchlist

_Stamp = tuple[int, ...]
_MISSING: _Stamp = ()


class Follower:
    """Compares a source with what was last handed out.

    ``seen`` is the hash of the watchlist already in use; without it the first call that
    finds the file at rest hands it out.  An edit is handed out by the second call that
    finds the file in the same condition: editors write in steps, and half a watchlist may
    be a valid one.  Reads at most 1 MiB from the disk: call it in a thread.
    """

    def __init__(self, source: Source, seen: str = "") -> None:
        self._source = source
        self._good = seen
        self._failed = ""
        self._stamp: _Stamp | None = None
        self._read: _Stamp | None = None

    def changed(self) -> Watchlist | WatchlistError | None:
        """The new watchlist, what is wrong with it, or None for no change; never raises.

        The same error is handed out once; a good watchlist after an error is handed out
        even when it is the one from before.
        """
        stamp = self._condition()
        if stamp != self._stamp:
            self._stamp = stamp
            return None
        if stamp == self._read:
            return None
        found = self._loaded()
        if self._condition() != stamp:
            # Written to while we read: what we have may be half of it.
            self._stamp = None
            return None
        self._read = stamp
        if isinstance(found, WatchlistError):
            text = str(found)
            known, self._failed = self._failed, text
            return None if text == known else found
        if found.hash == self._good and not self._failed:
            return None
        self._good, self._failed = found.hash, ""
        return found

    def _loaded(self) -> Watchlist | WatchlistError:
        try:
            return self._source.load()
        except WatchlistError as error:
            return error

    def _condition(self) -> _Stamp:
        if not self._source.path:
            return (0,)
        try:
            found = Path(self._source.path).stat()
        except (OSError, ValueError):
            return _MISSING
        return (
            found.st_dev,
            found.st_ino,
            found.st_size,
            found.st_mtime_ns,
            found.st_ctime_ns,
        )
