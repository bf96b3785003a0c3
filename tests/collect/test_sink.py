"""The sink loses no event, and counts what else it must let go."""

from __future__ import annotations

import asyncio
import threading

import pytest

from monitor.cache.schema import CacheError
from monitor.clock import RealClock
from monitor.collect import sink as module
from monitor.collect.sink import Sink
from monitor.records import Event, EventKind, HostRow, Observation, Outcome, Verdict
from tests.collect.conftest import Memory


def seen(at: int) -> Observation:
    return Observation("a/icmp", at, Outcome.OK)


def told(at: int) -> Event:
    return Event(at, EventKind.NOTE, "host:a", f"event {at}")


def test_what_cannot_be_written_waits_in_order(monkeypatch) -> None:
    monkeypatch.setattr(module, "MAX_OBSERVATIONS", 5)
    store = Memory()
    sink = Sink(store, RealClock(), threaded=False)

    async def run() -> None:
        store.broken = "no space left"
        for at in range(4):
            sink.put(Verdict(events=[told(at)]), seen(at))
        await sink.flush()
        assert sink.problem == "no space left"
        for at in range(4, 8):
            sink.put(Verdict(events=[told(at)]), seen(at))
        await sink.flush()
        store.broken = ""
        await sink.flush()

    asyncio.run(run())
    assert [event.at for event in store.events] == list(range(8))
    assert [each.at for each in store.observations] == [3, 4, 5, 6, 7]
    assert sink.dropped == 3
    assert sink.problem == ""


def test_what_hinders_it_is_told_once_and_so_is_its_end() -> None:
    store, told = Memory(), []
    sink = Sink(store, RealClock(), threaded=False, tell=told.append)

    async def run() -> None:
        for store.broken in ("no space left", "no space left", "", ""):
            sink.put(Verdict(), seen(1))
            await sink.flush()

    asyncio.run(run())
    assert told == ["no space left", ""]


def test_a_writer_thread_is_used_and_nothing_is_committed_twice() -> None:
    store = Memory()
    sink = Sink(store, RealClock())

    async def run() -> None:
        sink.put(Verdict(events=[told(1)]), seen(1))
        await sink.flush()
        await sink.flush()

    asyncio.run(run())
    assert len(store.events) == len(store.observations) == 1


async def test_a_batch_is_remembered_under_the_clock_and_not_under_what_is_in_it() -> None:
    store, clock = Memory(), RealClock()
    sink = Sink(store, clock)
    before = clock.wall()
    sink.put(Verdict(rows={"host:a": HostRow("a", "a", since=1)}))
    await sink.flush()
    assert before <= store.at <= clock.wall()


async def test_a_flush_that_is_cancelled_loses_nothing_and_writes_nothing_twice() -> None:
    held = threading.Event()

    class Slow(Memory):
        def commit(self, observations, events, rows, at):
            if not held.is_set():
                assert held.wait(10)
                raise CacheError("no space left")
            return super().commit(observations, events, rows, at)

    store = Slow()
    sink = Sink(store, RealClock())
    sink.put(Verdict(events=[told(1)]), seen(1))
    first = asyncio.create_task(sink.flush())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    sink.put(Verdict(), seen(2))
    held.set()
    await sink.flush()
    assert [each.at for each in store.observations] == [1, 2]
    assert store.events == [told(1)]
