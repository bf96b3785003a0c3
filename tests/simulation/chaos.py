"""Randomized runs of the real collector, judge, sink and cache in a simulated world.

One seed fixes everything: what is watched, what goes wrong in the world, in our own line,
clock, prober and disk, and when the collector is killed.  The invariants that have to hold
are in :mod:`tests.simulation.invariants`.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec

from monitor.cache.digest import content_hash
from monitor.cache.reader import Reader
from monitor.cache.says import Says
from monitor.cache.schema import CacheError
from monitor.cache.writer import Writer
from monitor.collect import sink as sink_module
from monitor.collect.collector import Collector, Tempo
from monitor.collect.sink import Sink
from monitor.records import MINUTE, SECOND, Event, Kind, Micros, Observation, Row
from monitor.simulation.events import WAYS, Fault, Scope
from monitor.simulation.events import Event as Happens
from monitor.simulation.faults import Commits, FaultyProber, FaultyStore
from monitor.simulation.loop import SimClock, SimLoop, run
from monitor.simulation.prober import SimProber, keep_time
from monitor.simulation.topology import Placement
from monitor.simulation.world import World, world_for
from monitor.watchlist.model import (
    Budget,
    Check,
    DnsParams,
    Host,
    HttpParams,
    IcmpParams,
    Network,
    TcpParams,
    TraceParams,
    Watchlist,
)

START: Micros = 1_419_264_000_000_000
LASTS: Micros = 12 * MINUTE
# There are no routes here to be judged.
_TEMPO = Tempo(batch_s=9.0, health_s=60.0, lag_s=9.0, routes_s=60.0, idle_s=2.0)
_SCRATCH = "/dev/shm" if Path("/dev/shm").is_dir() else None
_PREFIXES = ("192.0.2.0/24", "198.51.100.0/24")


class Chaos(msgspec.Struct, frozen=True):
    """What one seed stands for.  Times of troubles and the kill are in Micros of the world."""

    seed: int
    watchlist: Watchlist
    events: tuple[Happens, ...]
    places: tuple[Placement, ...]
    hangs: float
    raises: float
    lies: float
    full: tuple[tuple[Micros, Micros], ...]
    slow: tuple[tuple[Micros, Micros, float], ...]
    asks: tuple[tuple[Micros, str], ...]
    killed: Micros
    away: Micros
    room: int
    threaded: bool

    def world(self) -> World:
        return world_for(self.watchlist, self.seed, self.events, self.places)


class Life(msgspec.Struct):
    """What one collector did, counted from outside and by itself."""

    asked: int = 0
    cut: int = 0
    done: int = 0
    missed: int = 0
    skipped: int = 0
    dropped: int = 0
    waiting: int = 0
    turns: int = 0
    overdue: list[str] = []


class Ran(msgspec.Struct):
    """Everything an invariant may look at."""

    chaos: Chaos
    lives: list[Life] = []
    events: list[Event] = []
    shown: list[Event] = []
    committed: int = 0
    keys: set[tuple[str, Micros]] = set()
    kept: int = 0
    rows: dict[str, Row] = {}
    commits: list[dict[str, Row]] = []
    leaked: tuple[str, ...] = ()
    digest: str = ""


# --- what a seed stands for -----------------------------------------------------------------


def make(seed: int) -> Chaos:
    """The chaos of ``seed``."""
    dice = random.Random(seed)
    watchlist, places = _watchlist(dice)
    events = tuple(
        sorted(
            (_happens(dice, watchlist) for _ in range(dice.randint(2, 8))),
            key=lambda event: event.at,
        )
    )
    killed = dice.random() < 0.4
    threaded = not killed and dice.random() < 0.15
    trouble = dice.random()
    return Chaos(
        seed=seed,
        watchlist=watchlist,
        events=events,
        places=places,
        hangs=dice.choice((0.0, 0.0, 0.005)),
        raises=dice.choice((0.0, 0.0, 0.01)),
        lies=dice.choice((0.0, 0.0, 0.02)),
        full=_spans(dice, 2) if trouble < 0.3 else (),
        slow=()
        if threaded
        else tuple((a, b, dice.choice((0.02, 0.4, 3.0))) for a, b in _spans(dice, 1)),
        asks=tuple(_asks(dice, watchlist)),
        killed=START + round(dice.uniform(0.2, 0.8) * LASTS) if killed else 0,
        away=round(dice.choice((1.0, 20.0, 150.0)) * SECOND),
        room=dice.choice((40, 200_000)) if trouble < 0.15 else 200_000,
        threaded=threaded,
    )


def _spans(dice: random.Random, most: int) -> tuple[tuple[Micros, Micros], ...]:
    starts = [round(dice.uniform(0.1, 0.9) * LASTS) for _ in range(dice.randint(1, most))]
    return tuple(
        (START + at, START + at + round(dice.uniform(5, 180) * SECOND)) for at in starts
    )


def _asks(dice: random.Random, watchlist: Watchlist) -> list[tuple[Micros, str]]:
    """People press a key, some of them many times."""
    found: list[tuple[Micros, str]] = []
    for _ in range(dice.choice((0, 0, 1, 2))):
        at = START + round(dice.uniform(0.1, 0.9) * LASTS)
        who = f"host:{dice.choice(watchlist.hosts).id}"
        found += [(at + n * 7 * SECOND, who) for n in range(dice.choice((1, 6)))]
    return sorted(found)


def _watchlist(dice: random.Random) -> tuple[Watchlist, tuple[Placement, ...]]:
    nets = tuple(
        Network(f"net{n}", f"Net {n}", (_PREFIXES[n],), (64496 + n,), (64510, 64511 + n))
        for n in range(dice.randint(1, 2))
    )
    hosts: list[Host] = []
    places: list[Placement] = []
    for n in range(dice.randint(3, 8)):
        net = dice.randrange(len(nets))
        name, fate = f"h{n}", dice.random()
        address = f"{_PREFIXES[net][:-4]}{10 + n}"
        if fate > 0.6:
            address = f"www.h{n}.example"
            inside = fate < 0.8
            places.append(
                Placement(name, nets[net].id)
                if inside
                else Placement(name, asn=64520, country="JP")
            )
        kinds = dice.sample(list(Kind), dice.randint(1, 3))
        checks = tuple(_check(dice, name, kind, address) for kind in kinds)
        parents = (hosts[0].id,) if hosts and dice.random() < 0.2 else ()
        hosts.append(
            Host(
                name,
                name.upper(),
                address,
                affiliation=nets[net].id,
                parents=parents,
                checks=checks,
            )
        )
    every = dice.choice((10.0, 10.0, 20.0))
    for n in range(dice.randint(4, 6)):
        name, address = f"far{n}", f"203.0.{n}.1"
        check = Check(
            f"{name}/icmp",
            name,
            Kind.ICMP,
            address,
            IcmpParams(count=dice.choice((1, 5))),
            "icmp",
            interval_s=every,
            timeout_s=3.0,
        )
        hosts.append(
            Host(
                name,
                name,
                address,
                role="control",
                side="far",
                asn=64530 + n % 4,
                checks=(check,),
            )
        )
    budget = Budget(
        dice.choice((4, 16, 128)), dice.choice((2, 4)), dice.choice((1.0, 5.0, 50.0))
    )
    watchlist = Watchlist("chaos", nets, tuple(hosts), budget)
    return watchlist, tuple(places)


def _check(dice: random.Random, host: str, kind: Kind, address: str) -> Check:
    params: Any = {
        Kind.ICMP: IcmpParams(count=dice.choice((1, 3, 5))),
        Kind.TCP: TcpParams(443, tls=dice.random() < 0.5),
        Kind.DNS: DnsParams("example.", "SOA", recursive=dice.random() < 0.5),
        Kind.HTTP: HttpParams(f"http://{address}/"),
        Kind.TRACE: TraceParams(),
    }[kind]
    every = dice.choice((15.0, 20.0, 30.0, 60.0))
    wait = dice.choice((2.0, 5.0))
    return Check(f"{host}/{kind}", host, kind, address, params, str(kind), "ipv4", every, wait)


def _happens(dice: random.Random, watchlist: Watchlist) -> Happens:
    fault = dice.choice(list(Fault))
    at = START + round(dice.uniform(0.1, 0.85) * LASTS)
    lasts = round(dice.uniform(20, 480) * SECOND)
    net = dice.choice(watchlist.networks)
    host = dice.choice([host.id for host in watchlist.hosts if host.role == "host"])
    targets = {
        Scope.NETWORK: net.id,
        Scope.PREFIX: net.prefixes[0],
        Scope.HOST: host,
        Scope.AS: "64510",
        Scope.EDGE: f"64510-{net.origin_asns[0]}",
        Scope.OWN: "",
    }
    scopes: dict[Fault, Sequence[Scope]] = {
        Fault.WITHDRAW: (Scope.NETWORK, Scope.PREFIX),
        Fault.UPSTREAM_CHANGE: (Scope.NETWORK, Scope.PREFIX),
        Fault.OWN_LINK_DOWN: (Scope.OWN,),
        Fault.RESOLVER_DOWN: (Scope.OWN,),
        Fault.SUSPEND: (Scope.OWN,),
        Fault.CLOCK_STEP: (Scope.OWN,),
        Fault.LOSS: (Scope.NETWORK, Scope.HOST, Scope.OWN),
        Fault.OVERLOAD: (Scope.NETWORK, Scope.OWN),
        Fault.CUT: (Scope.NETWORK, Scope.HOST, Scope.AS, Scope.EDGE),
        Fault.FLAP: (Scope.NETWORK, Scope.HOST, Scope.EDGE),
    }
    scope = dice.choice(scopes.get(fault, (Scope.HOST,)))
    shape: dict[str, Any] = {
        "silent": dice.random() < 0.5,
        "routes": dice.random() < 0.7,
        "how": dice.choice(WAYS.get(fault, ("",))),
        "first": dice.random(),
        "last": dice.random(),
        "latency_ms": dice.choice((50.0, 900.0)),
        "period_s": dice.choice((40.0, 120.0)),
        "jitter": dice.random() / 2,
    }
    if fault is Fault.UPSTREAM_CHANGE:
        shape["upstreams"] = (64511, 64510)
    if fault is Fault.HOSTING_MOVE:
        shape["asn"] = 64521
        shape["address"] = dice.choice(("", f"{net.prefixes[0][:-4]}200"))
    if fault is Fault.SUSPEND:
        shape["seconds"] = lasts / SECOND
    if fault is Fault.CLOCK_STEP:
        shape["seconds"] = dice.choice((-300.0, -7.0, 7.0, 300.0))
    return Happens(
        at=at, until=at + lasts, fault=fault, scope=scope, target=targets[scope], **shape
    )


# --- running it -----------------------------------------------------------------------------


class Counted:
    """Counts what is asked of a prober."""

    def __init__(self, prober: FaultyProber) -> None:
        self._prober = prober
        self.asked = 0
        self.cut = 0
        self.ending = False

    async def probe(self, check: Check) -> Observation:
        self.asked += 1
        try:
            return await self._prober.probe(check)
        except asyncio.CancelledError:
            self.cut += self.ending
            raise

    async def close(self) -> None:
        await self._prober.close()


class Watched:
    """A store that notes what was committed to the one behind it."""

    def __init__(self, store: Commits, ran: Ran) -> None:
        self._store = store
        self._ran = ran

    def commit(
        self,
        observations: Sequence[Observation],
        events: Sequence[Event],
        rows: Mapping[str, Row],
        at: Micros,
    ) -> list[Event]:
        kept = self._store.commit(observations, events, rows, at)
        self._ran.committed += len(observations)
        self._ran.keys.update((seen.check, seen.at) for seen in observations)
        self._ran.commits.append({name: msgspec.structs.replace(r) for name, r in rows.items()})
        return kept

    def requests(self, after: int) -> list[Any]:
        return self._store.requests(after)

    def maintain(self, now: Micros) -> bool:
        return self._store.maintain(now)


def play(seed: int) -> Ran:
    """Run the chaos of ``seed`` from beginning to end."""
    chaos = make(seed)
    with (
        tempfile.TemporaryDirectory(dir=_SCRATCH, prefix="chaos-") as folder,
        mock.patch.object(sink_module, "MAX_OBSERVATIONS", chaos.room),
    ):
        cache = Path(folder) / "cache.db"
        ran = Ran(chaos)
        ran.leaked = run(lambda clock: _Stage(ran, clock, cache).play(), START).leaked
        reader = Reader(cache)
        ran.events = reader.events(limit=1_000_000)[::-1]
        checks = {check.id for check in chaos.watchlist.checks()}
        ran.kept = sum(len(reader.observations(name, limit=1_000_000)) for name in checks)
        reader.close()
        ran.digest = content_hash(cache)
    return ran


class _Stage:
    def __init__(self, ran: Ran, clock: SimClock, cache: Path) -> None:
        self.ran = ran
        self.chaos = ran.chaos
        self.clock = clock
        self.cache = cache
        self.world = ran.chaos.world()
        self.store: FaultyStore

    async def play(self) -> None:
        end = START + LASTS
        tasks = [
            asyncio.create_task(keep_time(self.world.clock_events, self.clock), name="clock"),
            asyncio.create_task(self._ask(), name="people"),
        ]
        try:
            if self.chaos.killed:
                await self._live(self.chaos.killed, kill=True)
                reader = Reader(self.cache)
                self.ran.shown = reader.events(limit=1_000_000)[::-1]
                reader.close()
                await self._until(self.clock.true() + self.chaos.away)
            await self._live(end, kill=False)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _until(self, when: Micros) -> None:
        """A suspend may carry the world past ``when``."""
        while (left := when - self.clock.true()) > 0:
            await self.clock.sleep(min(5.0, left / SECOND))

    async def _ask(self) -> None:
        for at, subject in self.chaos.asks:
            await self._until(at)
            if self.cache.exists():
                says = Says(self.cache)
                says.request(self.clock.wall(), "duty", "probe", subject)
                says.close()

    async def _trouble(self) -> None:
        """Fill the disk, slow it down, and set both right again."""
        turns: list[tuple[Micros, str, float]] = []
        for since, until in self.chaos.full:
            turns += [(since, "full", 1.0), (until, "full", 0.0)]
        for since, until, slow in self.chaos.slow:
            turns += [(since, "slow", slow), (until, "slow", 0.0)]
        for at, what, size in sorted(turns):
            await self._until(at)
            if what == "slow":
                self.store.slow_s = size
            else:
                self.store.trouble = CacheError("the disk is full") if size else None

    async def _live(self, until: Micros, *, kill: bool) -> None:
        """One life of a collector, from what an earlier one has committed."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        writer = Writer(self.cache)
        self.store = FaultyStore(Watched(writer, self.ran), loop.stall)
        sink = Sink(self.store, self.clock, threaded=self.chaos.threaded)
        chaos = self.chaos
        prober = Counted(
            FaultyProber(
                SimProber(self.world, self.clock),
                chaos.seed + len(self.ran.lives),
                hangs=chaos.hangs,
                raises=chaos.raises,
                lies=chaos.lies,
            )
        )
        rows = writer.rows()
        collector = Collector(
            chaos.watchlist, prober, self.clock, sink, rows, pid=1, tempo=_TEMPO
        )
        turned = _turns(collector)
        tasks = [
            asyncio.create_task(collector.run(), name="collector"),
            asyncio.create_task(self._trouble(), name="trouble"),
        ]
        await self._until(until)
        prober.ending = True
        tasks[1].cancel()
        await asyncio.gather(tasks[1], return_exceptions=True)
        self.store.slow_s = 0.0
        self.store.trouble = CacheError("killed") if kill else None
        tasks[0].cancel() if kill else collector.stop()
        await asyncio.gather(tasks[0], return_exceptions=kill)
        self.ran.rows = writer.rows()
        writer.close()
        row, schedule = collector._row, collector._schedule
        life = Life(cut=prober.cut)
        life.asked, life.done, life.skipped = prober.asked, row.done, row.skipped
        life.missed, life.dropped, life.waiting = (
            schedule.missed,
            sink.dropped,
            sink.waiting,
        )
        life.turns = _turns(collector) - turned
        now = self.clock.monotonic()
        for entry in schedule._entries.values():
            if not entry.running and entry.due > now + 2.1 * entry.check.interval_s:
                life.overdue.append(f"{entry.check.id} not before {entry.due - now:.0f} s")
        self.ran.lives.append(life)


def _turns(collector: Collector) -> int:
    return sum(entry.turn for entry in collector._schedule._entries.values())
