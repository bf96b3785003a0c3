"""The desk's way to the cache: a thread of its own, every wait with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from monitor.cache.history import ended
from monitor.cache.ledger import Book
from monitor.cache.reader import Changes, Cursor, Reader
from monitor.cache.says import Says, os_user
from monitor.cache.schema import CacheClosed, CacheError, CacheLocked, CacheReadOnly
from monitor.entries import Body, Entry
from monitor.records import Event, Micros, Observation
from monitor.report.why import Why, why
from monitor.tui.history import Asked, History, read_history
from monitor.tui.story import PathAsked, PathStory, read_path
from monitor.tui.then import Then, read_then

T = TypeVar("T")

DEADLINE_S: Final = 3.0


class Source:
    """Reads the cache, and writes requests, in one thread; every method raises CacheError.

    Calls queue up behind each other; one that takes longer than DEADLINE_S is given up,
    and while it still hangs nothing is queued behind it.
    """

    def __init__(self, path: Path, *, who: str = "", refuses: str = "") -> None:
        """``who`` is at the desk ('': the user of the machine); ``refuses`` is the sentence of
        a desk that writes nothing, '' for one that may.
        """
        self.who = who or os_user()
        self._path = path
        self._refuses = refuses
        self._reader: Reader | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="desk-cache")
        self._late: Future[object] | None = None
        self._closed = False

    @property
    def cache(self) -> Path:
        """The file that is read."""
        return self._path

    @property
    def refuses(self) -> str:
        """Why this desk writes nothing; '' for one that may."""
        return self._refuses

    async def changes(self, cursor: Cursor) -> Changes:
        return await self._ask(lambda reader: reader.changes(cursor))

    async def observations(
        self, check: str, limit: int, at: Micros | None = None
    ) -> list[Observation]:
        """The newest runs of a check; with ``at`` those that were over by then."""
        until = None if at is None else at + 1
        found = await self._ask(
            lambda reader: reader.observations(check, until=until, limit=limit)
        )
        return found if at is None else [seen for seen in found if ended(seen) <= at]

    async def events(self, subject: str, limit: int, at: Micros | None = None) -> list[Event]:
        """The newest events of a subject, with ``at`` those until then."""
        until = None if at is None else at + 1
        return await self._ask(
            lambda reader: reader.events(subject=subject, limit=limit, until=until)
        )

    async def log(self, limit: int, at: Micros | None = None) -> list[Event]:
        """The newest hard events of everything, with ``at`` those until then."""
        until = None if at is None else at + 1
        return await self._ask(
            lambda reader: reader.events(limit=limit, hard_only=True, until=until)
        )

    async def book(self, at: Micros) -> Book:
        """What people had said by then."""
        return await self._ask(lambda reader: reader.book(at))

    async def why(self, subject: str, at: Micros | None = None) -> Why:
        """Raises UnknownSubject as well."""
        return await self._ask(lambda reader: why(reader, subject, at))

    async def then(self, at: Micros) -> Then:
        """The board as of a moment."""
        return await self._ask(lambda reader: read_then(reader, at))

    async def news(self, at: Micros, *, later: bool) -> Micros | None:
        return await self._ask(lambda reader: reader.news(at, later=later))

    async def history(self, asked: Asked) -> History:
        return await self._ask(lambda reader: read_history(reader, asked))

    async def path(self, asked: PathAsked) -> PathStory:
        """The stored traces of a check."""
        return await self._ask(lambda reader: read_path(reader, asked))

    async def behind(
        self, hops: Sequence[str], at: Micros | None = None
    ) -> dict[str, list[str]]:
        """By address, the hosts whose latest trace passes it; with ``at``, of then."""
        return await self._ask(
            lambda reader: {hop: reader.hosts_behind(hop, at) for hop in hops}
        )

    async def request(self, at: Micros, verb: str, subject: str) -> int:
        return await self._write(lambda: self._say(at, verb, subject))

    def _say(self, at: Micros, verb: str, subject: str) -> int:
        says = Says(self._path)
        try:
            return says.request(at, self.who, verb, subject)
        finally:
            says.close()

    async def _write(self, work: Callable[[], T]) -> T:
        """Every way in which a desk writes goes through here."""
        if self._refuses:
            raise CacheReadOnly(self._refuses)
        return await self._run(work)

    async def say(
        self, at: Micros, subject: str, body: Body, *, event: int = 0, refers: int = 0
    ) -> Entry:
        """Write into the ledger as the person at the desk; raises ValueError as well."""

        def write() -> Entry:
            says = Says(self._path)
            try:
                return says.say(at, self.who, subject, body, event=event, refers=refers)
            finally:
                says.close()

        return await self._write(write)

    async def _ask(self, question: Callable[[Reader], T]) -> T:
        return await self._run(lambda: self._read(question))

    def _read(self, question: Callable[[Reader], T]) -> T:
        if self._reader is None:
            self._reader = Reader(self._path)
        try:
            return question(self._reader)
        except CacheError:
            # A damaged or replaced file is opened anew the next time.
            reader, self._reader = self._reader, None
            with suppress(CacheError):
                reader.close()
            raise

    async def _run(self, work: Callable[[], T]) -> T:
        # A worker of the desk may still be at a question while the desk is being taken down.
        if self._closed:
            raise CacheClosed(f"the cache {self._path} was closed with the desk")
        if self._late is not None and not self._late.done():
            raise CacheLocked(f"the cache {self._path} does not answer")
        future: Future[T] = self._thread.submit(work)
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            self._late = future  # type: ignore[assignment]
            raise CacheLocked(f"the cache {self._path} does not answer") from error

    def close(self) -> None:
        """Let the thread close its reader and end, without waiting for one that hangs."""
        if self._closed:
            return
        self._closed = True
        if self._late is None or self._late.done():
            self._thread.submit(self._close_reader)
        self._thread.shutdown(wait=self._late is None or self._late.done())

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
