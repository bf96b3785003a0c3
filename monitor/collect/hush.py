"""What people at the desks have acknowledged or announced, for whoever tells of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

from monitor.cache.ledger import Book, lineage
from monitor.cache.reader import Reader
from monitor.cache.schema import CacheError
from monitor.records import SECOND, Micros

_EVERY: Final = 2 * SECOND


class Hush:
    """The ledger as of a moment ago, read in a thread; what cannot be read stays as it was."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._reader: Reader | None = None
        self._book = Book(0)
        self._read_at: Micros = 0

    async def refresh(self, now: Micros) -> None:
        """Read it again when that was some time ago."""
        if abs(now - self._read_at) < _EVERY:
            return
        self._read_at = now
        with suppress(CacheError):
            self._book = await asyncio.to_thread(self._read, now)

    def _read(self, now: Micros) -> Book:
        if self._reader is None:
            self._reader = Reader(self._cache)
        return self._reader.book(now)

    def hushes(self, subject: str, network: str) -> bool:
        """Whether a subject, in a network if in any, is acknowledged or under maintenance."""
        names = lineage(subject, network)
        return self._book.acked(names) is not None or self._book.maintained(names) is not None

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
