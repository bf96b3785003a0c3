"""From the collector to the cache: a bounded buffer, written in batches by one thread.

Events are never dropped; raw observations are, oldest first and counted, when the cache
cannot be written for so long that the buffer is full (DESIGN section 9).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from monitor.cache.says import Request
from monitor.cache.schema import CacheError
from monitor.clock import Clock
from monitor.records import Event, Micros, Observation, Row, Verdict, decode_row, encode

BATCH_S: Final = 0.25
MAX_OBSERVATIONS: Final = 200_000

T = TypeVar("T")


class Store(Protocol):
    """The part of :class:`monitor.cache.writer.Writer` that a sink needs."""

    def commit(
        self,
        observations: list[Observation],
        events: list[Event],
        rows: dict[str, Row],
        at: Micros,
    ) -> list[Event]: ...

    def requests(self, after: int) -> list[Request]: ...

    def maintain(self, now: Micros) -> bool: ...


class Sink:
    """Buffers what is to be remembered and commits it; ``problem`` says what hinders it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        threaded: bool = True,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """``tell`` hears of ``problem`` by another way than the cache that has it."""
        self._store = store
        self._clock = clock
        self._threaded = threaded
        self._tell = tell
        self._observations: deque[Observation] = deque()
        self._events: list[Event] = []
        self._rows: dict[str, Row] = {}
        self._seen_request = 0
        self._going: asyncio.Task[list[Request]] | None = None
        self.dropped = 0
        self.problem = ""
        # Hears everything that is put: who is to be told of it goes into the same commit.
        self.hear: Callable[[Verdict], None] | None = None

    def put(self, verdict: Verdict, observation: Observation | None = None) -> None:
        """Take an assessment step and the observation that led to it."""
        if observation is not None:
            if len(self._observations) >= MAX_OBSERVATIONS:
                self._observations.popleft()
                self.dropped += 1
            self._observations.append(observation)
        self._events += verdict.events
        self._rows.update(verdict.rows)
        if self.hear is not None:
            self.hear(verdict)

    @property
    def waiting(self) -> int:
        """How many observations are not yet on disk."""
        return len(self._observations)

    async def flush(self) -> list[Request]:
        """Commit what is buffered; returns what people have asked since the last flush.

        When the cache cannot be written everything stays buffered, ``problem`` says why in
        one sentence, and the next flush tries again.  One that is cancelled goes on, for a
        thread cannot be called back; the next one waits for it.
        """
        if not self._threaded:
            return await self._flush()
        if self._going is not None:
            await asyncio.wait([self._going])
            self._going.result()
        self._going = asyncio.create_task(self._flush(), name="flush to the cache")
        return await asyncio.shield(self._going)

    async def _flush(self) -> list[Request]:
        observations, events = list(self._observations), self._events
        rows = self._rows
        if self._threaded:
            # The judge goes on changing its rows while the thread writes them: what is
            # written must be what the events of this batch say, or a kill could lose one.
            rows = {name: decode_row(name, encode(row)) for name, row in rows.items()}
        self._observations.clear()
        self._events, self._rows = [], {}
        at = self._clock.wall()
        try:
            requests = await self._run(observations, events, rows, at)
        except CacheError as error:
            self._meet(str(error))
            self._observations.extendleft(reversed(observations))
            while len(self._observations) > MAX_OBSERVATIONS:
                self._observations.popleft()
                self.dropped += 1
            self._events = events + self._events
            self._rows = {**rows, **self._rows}
            return []
        self._meet("")
        return requests

    async def maintain(self, now: Micros) -> bool:
        """Roll up, forget and give room back, one slice; whether more is due."""
        try:
            return await self._call(lambda: self._store.maintain(now))
        except CacheError as error:
            self._meet(str(error))
            return False

    def _meet(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            if self._tell is not None:
                self._tell(problem)

    async def _run(
        self,
        observations: list[Observation],
        events: list[Event],
        rows: dict[str, Row],
        at: Micros,
    ) -> list[Request]:
        def work() -> list[Request]:
            if observations or events or rows:
                self._store.commit(observations, events, rows, at)
            return self._store.requests(self._seen_request)

        requests = await self._call(work)
        if requests:
            self._seen_request = requests[-1].id
        return requests

    async def _call(self, work: Callable[[], T]) -> T:
        if not self._threaded:
            return work()
        return await asyncio.to_thread(work)
