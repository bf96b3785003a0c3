"""The collector: looks when it is time, has it judged, has it remembered.

One per cache.  Everything that can be slow or fail stands behind a protocol: the prober,
the clock, the store, the watchlist's follower.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from monitor import __version__
from monitor.assess.assessor import Assessor
from monitor.assess.check import ended
from monitor.assess.own import OWN_CHECKS
from monitor.assess.pace import retry_after
from monitor.assess.rules import RULES
from monitor.cache.says import Request
from monitor.clock import Clock
from monitor.collect.budget import PrefixBudget, area_of, cost_of
from monitor.collect.health import BEAT_S, ClockWatch, LagMeter
from monitor.collect.hosting import SAVE_S, OriginsOf
from monitor.collect.names import NamesOf
from monitor.collect.naming import Naming
from monitor.collect.own import LOOK_S, OwnOf, asks_own
from monitor.collect.routes import STEP_S, RouteKeeper, SourceOf
from monitor.collect.schedule import Schedule
from monitor.collect.sink import BATCH_S, Sink
from monitor.collect.telling import TellerOf
from monitor.collect.witness import WitnessKeeper, WitnessOf
from monitor.probes.base import VANTAGE, Prober
from monitor.records import (
    SECOND,
    CollectorRow,
    Event,
    EventKind,
    Micros,
    Observation,
    Outcome,
    Reason,
    RouteTable,
    Row,
    Vantage,
    Verdict,
)
from monitor.watchlist.errors import WatchlistError
from monitor.watchlist.model import Check, Host, Watchlist

# How long a probe may outlive its own timeout before it counts as hung.
GRACE_S: Final = 10.0
# A jump of the clock is noticed when the collector wakes, at the latest after this.
_IDLE_WAIT_S: Final = 0.5
_IDLE_MOST_S: Final = 2.0
_FOLLOW_S: Final = 2.0
# A slice of upkeep takes some milliseconds; between two the writer has its turn.
_UPKEEP_S: Final = 30.0
_SLICE_S: Final = 0.1


class Tempo(msgspec.Struct, frozen=True):
    """How often the collector does what is not looking, in seconds of its clock."""

    batch_s: float = BATCH_S
    health_s: float = 2.0
    lag_s: float = BEAT_S
    routes_s: float = STEP_S
    idle_s: float = _IDLE_WAIT_S

    def at(self, speed: float) -> Tempo:
        """The tempo of a clock that runs ``speed`` times as fast as people do."""
        scale = max(1.0, speed)
        return Tempo(
            self.batch_s * scale,
            self.health_s * scale / 4,
            self.lag_s * scale,
            min(10.0, self.routes_s * scale),
            min(_IDLE_MOST_S, self.idle_s * scale),
        )


REAL_TEMPO: Final = Tempo()


class Follows(Protocol):
    """Says when the watchlist has changed (``monitor.watchlist.follow.Follower``)."""

    def changed(self) -> Watchlist | WatchlistError | None: ...


class Collector:
    """Runs a watchlist's checks until cancelled or asked to stop."""

    def __init__(
        self,
        watchlist: Watchlist,
        prober: Prober,
        clock: Clock,
        sink: Sink,
        rows: Mapping[str, Row],
        *,
        pid: int,
        follower: Follows | None = None,
        by_desk: bool = False,
        notice: str = "",
        tempo: Tempo = REAL_TEMPO,
        routes: SourceOf | None = None,
        origins: OriginsOf | None = None,
        names: NamesOf | None = None,
        own: OwnOf | None = None,
        witness: WitnessOf | None = None,
        tells: TellerOf | None = None,
    ) -> None:
        """``rows`` are an earlier run's; ``notice`` is an event to begin with, if any;
        ``own`` finds the checks of our own gateway and resolvers;
        ``routes`` builds the source of routes that a watchlist asks for, ``origins`` the one
        of who announces an address, ``names`` the one of what it is called,
        ``witness`` the one that is asked what it sees of the networks; ``tells`` builds who
        tells people.
        """
        self._prober = prober
        self._clock = clock
        self._sink = sink
        self._teller = None if tells is None else tells(sink.put)
        if self._teller is not None:
            sink.hear = self._teller.hear
        self._follower = follower
        self._started = clock.wall()
        self._assessor = Assessor(watchlist, self._started, rows)
        self._find_own = own
        self._own: tuple[Check, ...] = ()
        self._schedule = Schedule(watchlist.checks(), clock.monotonic())
        self._budget = PrefixBudget(watchlist.budget)
        self._tempo = tempo
        self._lag = LagMeter(clock, tempo.lag_s)
        self._jumps = ClockWatch(clock, RULES.clock_jump)
        self._running: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._wakes_at = 0.0
        self._restart_helpers = True
        self._stop = asyncio.Event()
        self._voided_before = self._started
        self._sentinels = _sentinels(watchlist)
        self._watchlist_problem = ""
        self._routes = RouteKeeper(routes, clock, self._tell_health)
        self._naming = Naming(
            self._assessor, clock, self._sink.put, rows, origins=origins, names=names
        )
        self._witness = WitnessKeeper(witness, clock, self._sink.put, rows)
        self._row = CollectorRow(
            pid=pid,
            started=self._started,
            version=__version__,
            clock=clock.name,
            by_desk=by_desk,
        )
        self._describe(watchlist)
        if notice:
            self._tell_health(notice)
        self._tell_start(rows.get("collector"))

    @property
    def checks_running(self) -> int:
        return len(self._running)

    def stop(self) -> None:
        """Ask for an orderly end; :meth:`run` returns once everything is written."""
        self._stop.set()
        self._wake.set()

    def pace(self, speed: float, *, paused: bool) -> None:
        """The clock runs at another speed from now on (a drill's does)."""
        self._tempo = REAL_TEMPO.at(speed)
        self._row.speed, self._row.paused = speed, paused
        self._restart_helpers = True
        self._wake.set()
        self._health()
        # A pause holds every timer: what is known now must be on disk before it.
        task = asyncio.create_task(self._flush(), name="flush-now")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def name_drill(self, name: str, ends: Micros) -> None:
        """Mark everything that is recorded as a drill's."""
        self._row.drill, self._row.ends = name, ends

    async def run(self) -> None:
        """Look, judge and remember until stopped; then cancel, write and return."""
        helpers: list[asyncio.Task[None]] = []
        try:
            await self._follow_routes()
            await self._naming.follow(self._assessor.watchlist)
            await self._follow_own()
            await self._witness.follow(self._assessor.watchlist)
            await self._look_on(helpers)
        finally:
            await _end([*helpers, *self._running])
            await self._routes.close()
            await self._naming.close()
            await self._witness.close()
            await self._prober.close()
            if self._teller is not None:
                await self._teller.close()
            # One that broke down has not been stopped: a desk may start another.
            if self._stop.is_set():
                self._tell_stop()
            await self._sink.flush()

    def _start_helpers(self) -> list[asyncio.Task[None]]:
        tempo = self._tempo
        self._lag = LagMeter(self._clock, tempo.lag_s)
        teller = (
            [] if self._teller is None else [self._every(tempo.routes_s, self._teller.step)]
        )
        return [
            *(asyncio.create_task(work, name="tell people") for work in teller),
            asyncio.create_task(self._lag.run(), name="lag"),
            asyncio.create_task(self._every(tempo.batch_s, self._flush), name="flush"),
            asyncio.create_task(self._every(tempo.health_s, self._health), name="health"),
            asyncio.create_task(self._every(_FOLLOW_S, self._follow), name="follow"),
            asyncio.create_task(self._every(LOOK_S, self._follow_own), name="follow own"),
            asyncio.create_task(
                self._every(tempo.routes_s, self._judge_routes), name="judge routes"
            ),
            asyncio.create_task(self._every(SAVE_S, self._naming.keep), name="keep names"),
            asyncio.create_task(self._every(_UPKEEP_S, self._maintain), name="upkeep"),
        ]

    async def _look_on(self, helpers: list[asyncio.Task[None]]) -> None:
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            if self._restart_helpers:
                self._restart_helpers = False
                await _end(helpers)
                helpers[:] = self._start_helpers()
            self._notice_jump()
            self._start_due()
            now = self._clock.monotonic()
            due = self._schedule.next_due()
            idle = self._tempo.idle_s
            wait = idle if due is None else min(idle, due - now)
            self._wake.clear()
            self._wakes_at = now + wait
            alarm = loop.call_later(max(0.0, wait), self._wake.set)
            try:
                await self._wake.wait()
            finally:
                alarm.cancel()
            for task in helpers:
                if task.done():
                    task.result()

    # --- looking ------------------------------------------------------------------------

    def _start_due(self) -> None:
        now = self._clock.monotonic()
        while (check := self._schedule.pop_due(now)) is not None:
            area = area_of(self._last_address(check))
            wait = self._budget.admit(area, cost_of(check), now)
            if wait > 0:
                self._schedule.postpone(check.id, now + wait)
                continue
            if self.checks_running >= self._assessor.watchlist.budget.in_flight:
                self._budget.release(area)
                self._shed(check)
                continue
            self._begin(check, area)

    def _begin(self, check: Check, area: str) -> None:
        task = asyncio.create_task(self._look(check, area), name=check.id)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _last_address(self, check: Check) -> str:
        row = self._assessor.row_of(check.id)
        if row is not None and row.last is not None and row.last.address:
            return row.last.address
        return check.address

    def _shed(self, check: Check) -> None:
        self._row.skipped += 1
        self._hear(
            Observation(
                check=check.id,
                at=self._clock.wall(),
                outcome=Outcome.SKIPPED,
                reason=Reason.SHED,
                sent=0,
                vantage=VANTAGE,
            )
        )
        self._schedule.done(check.id, self._clock.monotonic())

    async def _look(self, check: Check, area: str) -> None:
        at, began = self._clock.wall(), self._clock.monotonic()
        try:
            async with asyncio.timeout(check.timeout_s + GRACE_S):
                seen = await self._prober.probe(check)
        except TimeoutError:
            seen = hung(check, at)
        except Exception as error:  # noqa: BLE001 - a probe's fault costs its own check only
            seen = _crashed(check, at, f"{type(error).__name__}")
        finally:
            self._budget.release(area)
        self._ended(check, seen, began)

    def _ended(self, check: Check, seen: Observation, began: float) -> None:
        """A run is over: what is known of the time it was in counts, and it is judged."""
        if seen.at < self._voided_before:
            seen = msgspec.structs.replace(seen, outcome=Outcome.ERROR, reason=Reason.VOIDED)
        if self._lag.stalled_since(began):
            seen = msgspec.structs.replace(seen, stalled=True)
        self._row.done += 1
        seen = self._naming.name_hops(seen)
        self._hear(seen)
        if check.id not in OWN_CHECKS:
            self._naming.place(check.host, seen.address)
        self._plan_next(check, ended(seen))

    def _plan_next(self, check: Check, at: int) -> None:
        row = self._assessor.row_of(check.id)
        retry = (
            None
            if row is None
            else retry_after(row, at, sentinel=check.host in self._sentinels)
        )
        self._schedule.done(check.id, self._clock.monotonic(), retry)
        self._wake_in_time()

    def _wake_in_time(self) -> None:
        due = self._schedule.next_due()
        if due is not None and due < self._wakes_at:
            self._wake.set()

    def _hear(self, seen: Observation) -> None:
        self._assessor.observe(seen)
        verdict = self._assessor.take()
        self._sink.put(verdict, seen)
        self._follow_up(verdict)

    def _follow_up(self, verdict: Verdict) -> None:
        """Trace at once when a check begins to fail or comes back; look anew after a fault."""
        now = self._clock.monotonic()
        if verdict.look:
            self._schedule.bring_forward(now, RULES.retry_s, frozenset(verdict.look))
        for event in verdict.events:
            if event.kind is EventKind.VANTAGE and event.new == Vantage.RECHECK:
                spread = RULES.recheck / SECOND / 2
                self._schedule.bring_forward(now, spread)
            if event.kind is not EventKind.TRANSITION or event.rule not in ("soft", "hard"):
                continue
            subject, _, name = event.subject.partition(":")
            row = self._assessor.row_of(name) if subject == "check" else None
            if row is None:
                continue
            trace = self._assessor.trace_of(row.host)
            if trace and trace != row.id:
                self._schedule.soon(trace, now)

    # --- beside the looking ---------------------------------------------------------------

    async def _every(self, seconds: float, work: Callable[[], object]) -> None:
        while True:
            await self._clock.sleep(seconds)
            result = work()
            if asyncio.iscoroutine(result):
                await result

    def _notice_jump(self) -> None:
        jump = self._jumps.jumped()
        if jump is None:
            return
        since, until, why = jump
        self._voided_before = self._clock.wall()
        self._assessor.gap(since, until, why)
        self._sink.put(self._assessor.take())

    async def _flush(self) -> None:
        self._assessor.tick(self._clock.wall())
        verdict = self._assessor.take()
        self._sink.put(verdict)
        self._follow_up(verdict)
        self._wake_in_time()
        unwritten = [] if self._teller is None else self._teller.unwritten()
        for request in await self._sink.flush():
            self._serve(request)
        if self._teller is not None and not self._sink.problem:
            self._teller.written(unwritten)

    def _serve(self, request: Request) -> None:
        """Do what a person asked for: ``probe`` a host or a check, and do it now."""
        if request.at < self._started or request.verb not in ("probe", "trace"):
            return
        kind, _, name = request.subject.partition(":")
        names = [name] if kind == "check" else self._schedule.checks_of(name)
        now = self._clock.monotonic()
        for check in names:
            self._schedule.soon(check, now)
        self._wake.set()

    async def _follow_routes(self) -> None:
        if not await self._routes.follow(self._assessor.watchlist):
            self._assessor.end_routes(self._clock.wall())
            self._sink.put(self._assessor.take())
        self._judge_routes()

    def _judge_routes(self) -> None:
        table = self._routes.table()
        if table is not None:
            self._hear_routes(table)

    def _hear_routes(self, table: RouteTable) -> None:
        self._assessor.hear_routes(self._clock.wall(), table)
        verdict = self._assessor.take()
        self._sink.put(verdict)
        self._follow_up(verdict)

    def _health(self) -> None:
        row = self._row
        row.beat = self._clock.wall()
        row.in_flight = self.checks_running
        row.checks = len(self._schedule)
        row.missed = self._schedule.missed
        row.dropped = self._sink.dropped
        row.lag_p50_ms = round(self._lag.quantile_ms(0.5), 2)
        row.lag_p99_ms = round(self._lag.quantile_ms(0.99), 2)
        row.problem = self._sink.problem or self._watchlist_problem or self._routes.problem
        if self._teller is not None:
            row.problem = row.problem or self._teller.problem
        self._sink.put(Verdict(rows={"collector": row}))
        self._budget.forget_idle(self._clock.monotonic())

    async def _maintain(self) -> None:
        while await self._sink.maintain(self._clock.wall()):
            await self._clock.sleep(_SLICE_S)

    async def _follow(self) -> None:
        if self._follower is None:
            return
        found = await asyncio.to_thread(self._follower.changed)
        if found is None:
            return
        if isinstance(found, WatchlistError):
            self._watchlist_problem = f"watchlist not reloaded, the old one goes on: {found}"
            self._tell(EventKind.WATCHLIST, self._watchlist_problem)
            return
        self._watchlist_problem = ""
        self._assessor.reload(found)
        self._plan(found)
        self._budget = PrefixBudget(found.budget)
        self._sentinels = _sentinels(found)
        self._describe(found)
        self._tell(EventKind.WATCHLIST, f"watchlist reloaded: {len(found.hosts)} hosts")
        await self._follow_routes()
        await self._naming.follow(found)
        await self._witness.follow(found)
        if self._teller is not None:
            self._teller.follow(found)
        self._wake.set()

    async def _follow_own(self) -> None:
        """Ask our own gateway and resolvers; they may have become others."""
        if self._find_own is None:
            return
        wanted = asks_own(self._assessor.watchlist)
        found = await asyncio.to_thread(self._find_own) if wanted else ()
        if found != self._own:
            self._own = found
            self._plan(self._assessor.watchlist)
            self._wake.set()

    def _plan(self, watchlist: Watchlist) -> None:
        checks = (*watchlist.checks(), *self._own)
        self._schedule.replace(checks, self._clock.monotonic())

    # --- saying what we are -----------------------------------------------------------------

    def _describe(self, watchlist: Watchlist) -> None:
        self._row.watchlist = watchlist.name
        self._row.watchlist_path = watchlist.path
        self._row.watchlist_hash = watchlist.hash
        self._row.timezone = watchlist.timezone

    def _tell(self, kind: EventKind, text: str, *, quiet: bool = False) -> None:
        event = Event(
            at=self._clock.wall(), kind=kind, subject="collector", text=text, quiet=quiet
        )
        verdict = self._assessor.take()
        verdict.events.append(event)
        self._sink.put(verdict)

    def _tell_health(self, text: str) -> None:
        self._tell(EventKind.HEALTH, text)

    def _tell_start(self, old: Row | None) -> None:
        if isinstance(old, CollectorRow) and old.beat:
            how = "was stopped" if old.stopped >= old.beat else "ended without notice"
            until = self._started
            self._assessor.gap(old.beat, until, f"the collector {how}: nobody looked")
        self._tell(EventKind.COLLECTOR, f"collector started, watchlist {self._row.watchlist}")
        self._health()

    def _tell_stop(self) -> None:
        self._health()
        self._row.stopped = self._row.beat
        self._tell(EventKind.COLLECTOR, "collector stopped", quiet=True)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def hung(check: Check, at: Micros) -> Observation:
    """What is recorded of a probe that did not end in time."""
    return _crashed(check, at, "hung: did not end in time")


def _crashed(check: Check, at: int, note: str) -> Observation:
    return Observation(
        check=check.id,
        at=at,
        outcome=Outcome.ERROR,
        reason=Reason.PROBE_CRASHED,
        sent=0,
        vantage=VANTAGE,
        note=note,
    )


def _sentinels(watchlist: Watchlist) -> set[str]:
    """One host for each watched /24: it keeps its pace when all are down (DESIGN 4.2)."""
    first: dict[str, Host] = {}
    for host in watchlist.hosts:
        if not host.historic:
            first.setdefault(area_of(host.address), host)
    return {host.id for host in first.values()}
