"""The collector on simulated time without an event loop, for weeks that pass in minutes.

A task, a timer and a timeout for each simulated look cost more than looking and judging.
Here a heap of the looks under way takes their place; schedule, budget, judge, sink and
store are the collector's own.
"""

from __future__ import annotations

import heapq
from collections.abc import Coroutine, Mapping
from typing import Any, Final, TypeVar

from monitor.collect.collector import GRACE_S, REAL_TEMPO, Collector, Tempo, hung
from monitor.collect.sink import Sink, Store
from monitor.records import Micros, Observation, Row
from monitor.simulation.events import Event, Fault
from monitor.simulation.loop import SimClock
from monitor.simulation.prober import SimProber
from monitor.simulation.world import World
from monitor.watchlist.model import Check, Watchlist

_NEVER: Final = float("inf")

T = TypeVar("T")


class _Time:
    """Simulated seconds since the start."""

    now = 0.0

    def time(self) -> float:
        return self.now


class FastCollector(Collector):
    """Plays a watchlist in a simulated world; the same events as the collector's.

    One thing differs: a jump of the clock is noticed at once, not within half a second.
    """

    def __init__(
        self,
        watchlist: Watchlist,
        world: World,
        store: Store,
        rows: Mapping[str, Row],
        start: Micros,
        *,
        tempo: Tempo = REAL_TEMPO,
    ) -> None:
        """Begin at ``start``, the world's time; ``rows`` are an earlier run's."""
        self._time = _Time()
        self._under_way: list[tuple[float, int, Check, str, Observation, float]] = []
        clock = SimClock(self._time, start)
        looker = SimProber(world, clock)
        sink = Sink(store, clock, threaded=False)
        super().__init__(watchlist, looker, clock, sink, rows, pid=0, tempo=tempo)
        self.clock = clock
        self._looker = looker
        self._begun = 0
        self._changes = [event for event in world.clock_events if event.at >= start]
        self._flush_at = tempo.batch_s
        self._health_at = tempo.health_s

    @property
    def checks_running(self) -> int:
        return len(self._under_way)

    @property
    def looks(self) -> int:
        """How many looks have ended."""
        return self._row.done

    def play(self, until: Micros) -> None:
        """Look, judge and remember up to ``until``, the world's time."""
        time, schedule = self._time, self._schedule
        while True:
            due = schedule.next_due()
            if due is not None and due <= time.now:
                self._start_due()
                due = schedule.next_due()
            nearest = min(
                _NEVER if due is None else due,
                self._under_way[0][0] if self._under_way else _NEVER,
                self._flush_at,
                self._health_at,
            )
            change = self._changes[0].at if self._changes else until
            limit = self.clock.loop_time(min(until, change))
            if nearest >= limit:
                time.now = max(time.now, limit)
                if change >= until:
                    return
                self._change(self._changes.pop(0))
                continue
            time.now = nearest
            self._take_turn(nearest)

    def end(self) -> None:
        """Leave what is under way, and write the rest."""
        for _, _, _, area, _, _ in self._under_way:
            self._budget.release(area)
        self._under_way.clear()
        self._tell_stop()
        _at_once(self._sink.flush())

    # --- inside ---------------------------------------------------------------------------

    def _begin(self, check: Check, area: str) -> None:
        began = self._time.now
        seen, took = self._looker.look(check)
        patience = check.timeout_s + GRACE_S
        if took > patience:
            seen, took = hung(check, self.clock.wall()), patience
        self._begun += 1
        heapq.heappush(self._under_way, (began + took, self._begun, check, area, seen, began))

    def _take_turn(self, now: float) -> None:
        if self._under_way and self._under_way[0][0] <= now:
            _, _, check, area, seen, began = heapq.heappop(self._under_way)
            self._budget.release(area)
            self._ended(check, seen, began)
        if self._flush_at <= now:
            self._flush_at += self._tempo.batch_s
            _at_once(self._flush())
        if self._health_at <= now:
            self._health_at += self._tempo.health_s
            self._health()

    def _change(self, event: Event) -> None:
        self._notice_jump()
        if event.fault is Fault.SUSPEND:
            self.clock.suspend(event.seconds)
        else:
            self.clock.step(event.seconds)
        self._notice_jump()


def _at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("it waits")
