"""Events on the time line: when each is on, and where on a path it strikes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from monitor.records import SECOND, Micros
from monitor.simulation.draw import key_of, unit
from monitor.simulation.events import FAILOVER_S, Event, Fault, Scope
from monitor.simulation.topology import Step
from monitor.simulation.way import Way

FAILOVER: Final = round(FAILOVER_S * SECOND)


class Happening:
    """An event with the moments at which it turns on and off, in turn."""

    __slots__ = ("does", "edges", "event")

    def __init__(self, event: Event, seed: int) -> None:
        self.event = event
        self.does = event.fault
        self.edges = [event.at, event.until]
        if event.fault is Fault.FLAP:
            self.does = Fault.WITHDRAW if event.how == "withdraw" else Fault.CUT
            self.edges = _flap(event, seed)

    def since(self, at: Micros) -> Micros | None:
        """When it last turned on, if it is on at ``at``."""
        place = bisect_right(self.edges, at)
        return self.edges[place - 1] if place % 2 else None


def _flap(event: Event, seed: int) -> list[Micros]:
    period = round(event.period_s * SECOND)
    down = round(event.period_s * event.duty * SECOND)
    room = period - down
    key = key_of(seed, "flap", event.at, event.target)
    edges: list[Micros] = []
    for count, start in enumerate(range(event.at, event.until, period)):
        moved = start + round(room * event.jitter * unit(key, count))
        if moved >= event.until:
            break
        edges += [moved, min(moved + down, event.until)]
    return edges


class Track:
    """The ways to one (host, address) over time, each built when first asked for."""

    __slots__ = ("happenings", "host", "times", "ways", "zone")

    def __init__(self, host: str, zone: str, happenings: list[Happening]) -> None:
        self.host = host
        self.zone = zone
        self.happenings = happenings
        times: set[Micros] = set()
        for happening in happenings:
            times.update(happening.edges)
            if happening.does is Fault.CUT and happening.event.routes:
                times.update(edge + FAILOVER for edge in happening.edges[::2])
        self.times = sorted(times)
        self.ways: list[Way | None] = [None] * (len(self.times) + 1)

    def cut_at(self, times: Iterable[Micros]) -> None:
        self.times = sorted({*self.times, *times})
        self.ways = [None] * (len(self.times) + 1)


def entry(event: Event, chain: tuple[int, ...]) -> int | None:
    """The AS of ``chain`` before which an AS or edge event strikes, as an index."""
    if event.scope is Scope.AS:
        asn = int(event.target)
        return chain.index(asn) if asn in chain else None
    if event.scope is Scope.EDGE:
        ends = {int(end) for end in event.target.split("-")}
        for place in range(1, len(chain)):
            if {chain[place - 1], chain[place]} == ends:
                return place
    return None


def hop_of(event: Event, chain: tuple[int, ...], steps: tuple[Step, ...]) -> int | None:
    """The first hop beyond which ``event`` strikes; the host is hop ``len(steps)``."""
    if not steps:
        return 0 if event.scope is Scope.HOST else None
    match event.scope:
        case Scope.HOST:
            return len(steps)
        case Scope.OWN:
            return 1
        case Scope.NETWORK | Scope.PREFIX:
            asn = chain[-1]
        case Scope.AS | Scope.EDGE:
            place = entry(event, chain)
            if place is None:
                return None
            asn = chain[place]
    return next(i for i, step in enumerate(steps) if step.router.system.asn == asn)
