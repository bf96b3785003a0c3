"""A prober that does as it is told, and a store in memory, for the collector's own tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from monitor.cache.says import Request
from monitor.cache.schema import CacheError
from monitor.collect.collector import Collector
from monitor.collect.sink import Sink
from monitor.records import Event, Kind, Micros, Observation, Outcome, Reason, Row
from monitor.simulation.loop import SimClock, run
from monitor.watchlist.model import Budget, Check, Host, IcmpParams, TraceParams, Watchlist

START: Micros = 1_419_264_000_000_000


class Scripted:
    """A prober: ``answer(check, seconds)`` says the reason, an exception, or a time to hang."""

    def __init__(self, clock: SimClock, answer: Callable[[Check, float], Any]) -> None:
        self.clock = clock
        self.answer = answer
        self.asked: list[tuple[float, str]] = []
        self.in_flight = self.most = 0
        self.closed = False

    async def probe(self, check: Check) -> Observation:
        at = self.clock.wall()
        began = self.clock.monotonic()
        self.asked.append((began, check.id))
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            said = self.answer(check, began)
            if isinstance(said, Exception):
                raise said
            if isinstance(said, float):
                await self.clock.sleep(said)
                said = Reason.NONE
            await self.clock.sleep(0.04)
        finally:
            self.in_flight -= 1
        ok = said is Reason.NONE
        return Observation(
            check=check.id,
            at=at,
            outcome=Outcome.OK if ok else Outcome.FAIL,
            reason=said,
            rtt_ms=40.0 if ok else None,
            received=int(ok),
            took_ms=40.0,
            address=check.address,
        )

    async def close(self) -> None:
        self.closed = True


class Memory:
    """A store in memory; ``broken`` makes every commit fail."""

    def __init__(self) -> None:
        self.observations: list[Observation] = []
        self.events: list[Event] = []
        self.rows: dict[str, Row] = {}
        self.asked: list[Request] = []
        self.at: Micros = 0
        self.broken = ""

    def commit(
        self,
        observations: list[Observation],
        events: list[Event],
        rows: dict[str, Row],
        at: Micros,
    ) -> list[Event]:
        if self.broken:
            raise CacheError(self.broken)
        self.at = at
        self.observations += observations
        self.events += events
        self.rows.update(rows)
        return events

    def requests(self, after: int) -> list[Request]:
        return [request for request in self.asked if request.id > after]

    def maintain(self, now: Micros) -> bool:
        del now
        return False


class Stage:
    """A collector on simulated time."""

    def __init__(self) -> None:
        self.store = Memory()
        self.answer: Callable[[Check, float], Any] = lambda check, at: Reason.NONE
        self.prober: Scripted
        self.clock: SimClock
        self.collector: Collector
        self.follower: Any = None
        self.routes: Any = None
        self.origins: Any = None
        self.names: Any = None
        self.witness: Any = None
        self.tells: Any = None
        self.own: Any = None
        self.rows: dict[str, Row] = {}

    def run(
        self,
        watchlist: Watchlist,
        seconds: float,
        meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        async def main(clock: SimClock) -> None:
            self.clock = clock
            self.prober = Scripted(clock, self.answer)
            self.sink = Sink(self.store, clock, threaded=False)
            self.collector = Collector(
                watchlist,
                self.prober,
                clock,
                self.sink,
                self.rows,
                pid=1,
                follower=self.follower,
                routes=self.routes,
                origins=self.origins,
                names=self.names,
                witness=self.witness,
                tells=self.tells,
                own=self.own,
            )
            task = asyncio.create_task(self.collector.run(), name="collector")
            if meanwhile is not None:
                await meanwhile()
            await clock.sleep(seconds)
            self.collector.stop()
            await task

        ran = run(main, START)
        assert ran.leaked == ()

    def loud(self) -> list[tuple[str, str]]:
        return [(e.subject, e.new) for e in self.store.events if not e.quiet]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def watched(*names: str, every: float = 10.0, controls: int = 4, **budget: Any) -> Watchlist:
    def host(name: str, n: int, role: str, *kinds: Kind) -> Host:
        checks = tuple(
            Check(
                f"{name}/{kind}",
                name,
                kind,
                f"203.0.{n}.1",
                TraceParams() if kind is Kind.TRACE else IcmpParams(count=1),
                interval_s=every,
            )
            for kind in kinds
        )
        side = "far" if role == "control" else ""
        return Host(name, name, f"203.0.{n}.1", role=role, side=side, asn=n, checks=checks)

    hosts = [host(name, n, "host", Kind.ICMP, Kind.TRACE) for n, name in enumerate(names)]
    hosts += [host(f"far{n}", 100 + n, "control", Kind.ICMP) for n in range(controls)]
    return Watchlist("test", hosts=tuple(hosts), budget=Budget(**budget))
