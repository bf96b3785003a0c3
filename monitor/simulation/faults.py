"""Trouble for tests: a prober and a store that misbehave, behind the protocols they speak."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from monitor.probes.base import Prober
from monitor.records import Event, Micros, Observation, Outcome, Reason, Row
from monitor.simulation.draw import key_of, unit
from monitor.watchlist.model import Check


class FaultyProber:
    """Hangs, raises or lies in given parts of all runs, else looks as ``prober`` does.

    The fate of a run depends on ``seed``, the check and how often it was run before.  A lie
    turns an answer into silence and anything else into an answer.
    """

    def __init__(
        self,
        prober: Prober,
        seed: int,
        *,
        hangs: float = 0.0,
        raises: float = 0.0,
        lies: float = 0.0,
    ) -> None:
        assert hangs + raises + lies <= 1.0
        self._prober = prober
        self._seed = seed
        self._hangs = hangs
        self._raises = hangs + raises
        self._lies = hangs + raises + lies
        self._runs: dict[str, int] = {}

    async def probe(self, check: Check) -> Observation:
        run = self._runs[check.id] = self._runs.get(check.id, 0) + 1
        fate = unit(key_of(self._seed, check.id), run)
        if fate < self._hangs:
            await asyncio.get_running_loop().create_future()
        if fate < self._raises:
            raise RuntimeError(f"injected into run {run} of {check.id}")
        seen = await self._prober.probe(check)
        return _turned(seen) if fate < self._lies else seen

    async def close(self) -> None:
        await self._prober.close()


def _turned(seen: Observation) -> Observation:
    if seen.outcome is Outcome.OK:
        return msgspec.structs.replace(
            seen,
            outcome=Outcome.FAIL,
            reason=Reason.TIMEOUT,
            rtt_ms=None,
            received=0,
            facts=None,
        )
    return msgspec.structs.replace(
        seen, outcome=Outcome.OK, reason=Reason.NONE, rtt_ms=1.0, received=seen.sent, facts=None
    )


class Commits(Protocol):
    """What the collector asks of a store."""

    def commit(
        self,
        observations: Sequence[Observation],
        events: Sequence[Event],
        rows: Mapping[str, Row],
        at: Micros,
    ) -> list[Event]: ...

    def requests(self, after: int) -> list[Any]: ...

    def maintain(self, now: Micros) -> bool: ...


class FaultyStore:
    """A store that refuses while ``trouble`` is set, and takes ``slow_s`` for each commit.

    ``wait`` is how it takes its time: ``time.sleep`` in a thread, or ``SimLoop.stall``.
    """

    def __init__(self, store: Commits, wait: Callable[[float], None]) -> None:
        self._store = store
        self._wait = wait
        self.trouble: Exception | None = None
        self.slow_s = 0.0
        self.refused = 0

    def commit(
        self,
        observations: Sequence[Observation],
        events: Sequence[Event],
        rows: Mapping[str, Row],
        at: Micros,
    ) -> list[Event]:
        if self.slow_s:
            self._wait(self.slow_s)
        self._refuse()
        return self._store.commit(observations, events, rows, at)

    def requests(self, after: int) -> list[Any]:
        return self._store.requests(after)

    def maintain(self, now: Micros) -> bool:
        self._refuse()
        return self._store.maintain(now)

    def _refuse(self) -> None:
        if self.trouble is not None:
            self.refused += 1
            raise self.trouble
