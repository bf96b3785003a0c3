"""Simulated weeks from seeds, each with what a script's author knows of it.

A week is one small network (8 hosts in two /24s, two upstreams, two more hosts hosted
elsewhere) and 4 far controls in 4 ASNs, the fewest that DESIGN 4.1 allows.  Hosts are looked
at every 180 s and controls every 60 s, a third and a sixth as often as in the bundled
watchlists: that is what lets 300 weeks run in minutes.  Retries (15 s), rounds (10 and 30 s)
and staleness (2.5 intervals) are the real ones, so every rule still means what it says; what
gets slower is the first look at a change, for every judge alike, and our proof that our own
line is well, for us alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from msgspec.structs import replace

from monitor.records import HOUR, MINUTE, SECOND, Kind, Micros, Phase
from monitor.simulation.events import Event, Fault, Scope
from monitor.simulation.script import Script
from monitor.simulation.topology import Placement
from monitor.simulation.way import Way
from monitor.simulation.world import World
from monitor.watchlist.loader import parse
from monitor.watchlist.model import Check, Watchlist

START: Final[Micros] = 1_704_067_200 * SECOND  # 2024-01-01T00:00:00Z, a Monday
INSIDE: Final = ("ns1", "ns2", "a1", "a2", "a3", "b1", "b2", "web")
OUTSIDE: Final = ("abroad", "mirror")
PREFIXES: Final = ("175.45.176.0/24", "175.45.177.0/24")

# Where an outage is judged an outage, as DESIGN 4.5 has it.
LOST_SHARE: Final = 0.05
WELL_SHARE: Final = 0.80
LOST_FOR: Final = 5 * MINUTE
RESTORED_FOR: Final = 30 * MINUTE
LOSSY: Final = 0.20
# An echo burst, three DNS questions, four SYNs: a look that fails more often than not.
_TRIES: Final = {Kind.ICMP: 5, Kind.DNS: 3, Kind.HTTP: 4}

_LIST: Final = """
[defaults]
interval = "180s"
timeout = "5s"

[[network]]
id = "north"
name = "North"
prefixes = ["175.45.176.0/24", "175.45.177.0/24"]
origin_asns = [131279]
upstream_asns = [4837, 20485]
"""
_ICMP: Final = '{ kind = "icmp" }'
_HOSTS: Final = (
    ("ns1", "175.45.176.15", _ICMP + ', { kind = "dns", query = "kp. SOA" }'),
    ("ns2", "175.45.177.16", '{ kind = "dns", query = "kp. SOA" }'),
    ("a1", "175.45.176.21", _ICMP),
    ("a2", "175.45.176.22", _ICMP),
    ("a3", "175.45.176.23", '{ kind = "http", url = "http://175.45.176.23/" }'),
    ("b1", "175.45.177.31", _ICMP),
    ("b2", "175.45.177.32", _ICMP),
    ("web", "www.site.kp", '{ kind = "http", url = "http://www.site.kp/" }'),
    ("abroad", "paper.example.jp", '{ kind = "http", url = "http://paper.example.jp/" }'),
    ("mirror", "mirror.example.net", _ICMP),
)
_PLACES: Final = (
    Placement("web", network="north"),
    Placement("abroad", asn=2516),
    Placement("mirror", asn=4837),
)
_CONTROLS: Final = (
    ("quad9", "9.9.9.9", 19281),
    ("cloudflare", "1.1.1.1", 13335),
    ("google", "8.8.8.8", 15169),
    ("opendns", "208.67.222.222", 36692),
)


def watchlist() -> Watchlist:
    """The watchlist of every week."""
    text = _LIST
    for name, address, checks in _HOSTS:
        text += f'\n[[host]]\nid = "{name}"\naddress = "{address}"\naffiliation = "north"\n'
        text += f"checks = [{checks}]\n"
    for name, address, asn in _CONTROLS:
        text += f'\n[[control]]\nid = "{name}"\naddress = "{address}"\nside = "far"\n'
        text += f'asn = {asn}\nchecks = [{{ kind = "icmp", interval = "60s" }}]\n'
    return parse(text.encode(), "bench.toml")


class Span(NamedTuple):
    """From ``since`` up to, not including, ``until`` (Micros)."""

    since: Micros
    until: Micros


class Truth(NamedTuple):
    """What is true of a week.

    ``phases`` follow each other without a hole; ``down`` by host; ``outages`` are spans of
    at least five minutes in which fewer than half of the hosts inside can be reached, each
    with the start of the trouble it belongs to; ``own`` are faults of our own.
    """

    phases: list[tuple[Span, Phase]]
    down: dict[str, list[Span]]
    outages: list[tuple[Span, Micros]]
    own: list[Span]


class Week(NamedTuple):
    """One week: ``flickers`` are spans that the author calls unstable as a whole."""

    kind: str
    script: Script
    flickers: list[Span]


class _Maker:
    """Draws the events of one week."""

    def __init__(self, seed: int, days: float) -> None:
        self.random = random.Random(seed)
        self.end = START + round(days * 24) * HOUR
        self.events: list[Event] = []
        self.flickers: list[Span] = []

    def slots(self, low: int, high: int) -> Iterator[Micros]:
        """Starts of some incidents, each with a share of the week of its own."""
        count = self.random.randint(low, high)
        room = (self.end - START - 8 * HOUR) // count
        for number in range(count):
            first = START + 4 * HOUR + number * room
            yield first + round(self.random.random() * 0.45 * room)

    def minutes(self, low: float, high: float) -> Micros:
        """A length, short ones as likely as long ones (log-uniform)."""
        return round(low * (high / low) ** self.random.random() * MINUTE)

    def add(
        self, fault: Fault, target: str, at: Micros, lasts: Micros, **more: object
    ) -> Micros:
        scope, _, rest = target.partition(":")
        until = min(at + lasts, self.end)
        self.events.append(
            Event(at=at, until=until, fault=fault, scope=Scope(scope), target=rest, **more)  # type: ignore[arg-type]
        )
        return until


_NET: Final = "network:north"


def _quiet(_: _Maker) -> None:
    pass


def _sharp(m: _Maker) -> None:
    for at in m.slots(1, 3):
        fault = m.random.choice((Fault.CUT, Fault.WITHDRAW))
        m.add(fault, _NET, at, m.minutes(6, 12 * 60), silent=m.random.random() < 0.5)


def _creeping(m: _Maker) -> None:
    for at in m.slots(1, 2):
        grows = m.minutes(10, 90)
        full = m.add(Fault.OVERLOAD, _NET, at, grows, last=0.95, latency_ms=800.0)
        m.add(Fault.CUT, _NET, full, m.minutes(10, 8 * 60), silent=True)


def _flicker(m: _Maker) -> None:
    for at in m.slots(1, 2):
        period = m.minutes(4, 30)
        count = m.random.randint(5, 24)
        duty = m.random.uniform(0.3, 0.6)
        until = m.add(
            Fault.FLAP,
            _NET,
            at,
            round(period * (count + duty)),
            period_s=period / SECOND,
            duty=duty,
            how=m.random.choice(("cut", "withdraw")),
        )
        m.flickers.append(Span(at, until))


def _upstream(m: _Maker) -> None:
    for at in m.slots(1, 3):
        lasts = m.minutes(30, 24 * 60)
        if m.random.random() < 0.5:
            m.add(Fault.UPSTREAM_CHANGE, _NET, at, lasts, upstreams=(20485, 4837))
        else:
            m.add(Fault.CUT, "edge:4837-131279", at, lasts)


def _dns_only(m: _Maker) -> None:
    for at in m.slots(1, 3):
        how = m.random.choice(("timeout", "servfail", "refused", "lame"))
        lasts = m.minutes(10, 6 * 60)
        m.add(Fault.DNS_DEAD, "host:ns1", at, lasts, how=how)
        m.add(Fault.DNS_DEAD, "host:ns2", at, lasts, how=how)


def _moves(m: _Maker) -> None:
    for at in m.slots(1, 2):
        host = m.random.choice(("web", "abroad"))
        m.add(Fault.HOSTING_MOVE, f"host:{host}", at, m.minutes(60, 48 * 60), asn=4837)


def _lossy(m: _Maker) -> None:
    for at in m.slots(1, 3):
        loss = m.random.uniform(0.03, 0.13)
        m.add(Fault.LOSS, _NET, at, m.minutes(4 * 60, 36 * 60), first=loss, last=loss)


def _own_total(m: _Maker) -> None:
    for at in m.slots(3, 8):
        how = m.random.choice(("no-route", "silent"))
        m.add(Fault.OWN_LINK_DOWN, "own", at, m.minutes(1, 120), how=how)


def _own_loss(m: _Maker) -> None:
    for at in m.slots(2, 5):
        m.add(Fault.LOSS, "own", at, m.minutes(3, 90), first=0.6, last=0.6)


def _own_resolver(m: _Maker) -> None:
    for at in m.slots(2, 5):
        how = m.random.choice(("timeout", "failed"))
        m.add(Fault.RESOLVER_DOWN, "own", at, m.minutes(3, 180), how=how)


def _sites(m: _Maker) -> None:
    for at in m.slots(2, 6):
        host = m.random.choice((*INSIDE, *OUTSIDE))
        lasts = m.minutes(4, 12 * 60)
        match m.random.randrange(3):
            case 0 if host in ("a3", "web", "abroad"):
                m.add(Fault.SERVER_5XX, f"host:{host}", at, lasts)
            case 1 if host in ("a3", "web", "abroad"):
                m.add(Fault.REFUSE, f"host:{host}", at, lasts)
            case _:
                m.add(Fault.CUT, f"host:{host}", at, lasts, silent=True)


def _partial(m: _Maker) -> None:
    for at in m.slots(1, 3):
        prefix = m.random.choice(PREFIXES)
        m.add(Fault.CUT, f"prefix:{prefix}", at, m.minutes(8, 8 * 60), silent=True)


def _blips(m: _Maker) -> None:
    for at in m.slots(2, 6):
        m.add(Fault.CUT, _NET, at, m.minutes(0.5, 4.5), silent=m.random.random() < 0.5)


def _overload(m: _Maker) -> None:
    for at in m.slots(1, 3):
        low = m.random.uniform(0.3, 0.5)
        lasts = m.minutes(20, 5 * 60)
        m.add(Fault.LOSS, _NET, at, lasts, first=low, last=low + 0.25)


def _mixed(m: _Maker) -> None:
    """An outage, and our own line fails shortly before, in or after it."""
    for at in m.slots(1, 2):
        lasts = m.minutes(30, 5 * 60)
        m.add(Fault.CUT, _NET, at, lasts, silent=True)
        own = at + round(m.random.uniform(-0.3, 1.1) * lasts)
        if m.random.random() < 0.5:
            m.add(Fault.OWN_LINK_DOWN, "own", own, m.minutes(2, 30), how="silent")
        else:
            m.add(Fault.LOSS, "own", own, m.minutes(3, 30), first=0.6, last=0.6)


KINDS: Final[dict[str, Callable[[_Maker], None]]] = {
    "quiet": _quiet,
    "sharp": _sharp,
    "creeping": _creeping,
    "flicker": _flicker,
    "upstream": _upstream,
    "dns-only": _dns_only,
    "moves": _moves,
    "lossy": _lossy,
    "own-total": _own_total,
    "own-loss": _own_loss,
    "own-resolver": _own_resolver,
    "sites": _sites,
    "partial": _partial,
    "blips": _blips,
    "overload": _overload,
    "mixed": _mixed,
}


def make(seed: int, days: float = 7.0) -> Week:
    """The week of a seed; its kind goes round with the seed."""
    kind = list(KINDS)[seed % len(KINDS)]
    maker = _Maker(seed, days)
    KINDS[kind](maker)
    script = Script(
        name=f"{kind}-{seed}",
        title=f"{kind} week of seed {seed}",
        watchlist="bench",
        start=START,
        end=maker.end,
        seed=seed,
        events=tuple(maker.events),
        places=_PLACES,
    )
    return Week(kind, script, maker.flickers)


# --- truth ----------------------------------------------------------------------------------


def truth_of(week: Week, watched: Watchlist) -> Truth:
    """What is true of ``week``: the world without our own faults, read by DESIGN 4.5."""
    script = week.script
    events = tuple(event for event in script.events if event.scope is not Scope.OWN)
    world = replace(script, events=events).world(watched)
    checks: dict[str, list[Check]] = {}
    for check in watched.checks():
        checks.setdefault(check.host, []).append(check)
    down: dict[str, list[Span]] = {name: [] for name in (*INSIDE, *OUTSIDE)}
    line: list[tuple[Span, float, bool]] = []
    edges = _edges(world, script)
    for since, until in pairwise(edges):
        reached = inside = lossy = 0
        for name, host_checks in checks.items():
            if name not in down:
                continue
            way = world.way(name, host_checks[0].address, since)
            if all(_fails(check, way, since) for check in host_checks):
                _extend(down[name], Span(since, until))
            if name in INSIDE and way.site.net and not way.resolver:
                inside += 1
                reached += any(_reached(check, way, since) for check in host_checks)
                lossy += way.whole and way.lost(since) >= LOSSY
        share = reached / inside if inside else 1.0
        line.append((Span(since, until), share, lossy >= 0.5 * max(1, inside)))
    phases = _phases(line, week.flickers)
    own = [Span(e.at, e.until) for e in script.events if e.scope is Scope.OWN]
    return Truth(phases, down, _outages(line, phases), own)


def _edges(world: World, script: Script) -> list[Micros]:
    """The moments at which anything may change; ramps are sampled every 30 s."""
    found = {script.start, script.end}
    for happening in world.happenings:
        event = happening.event
        found.update(happening.edges)
        found.update(edge + 30 * SECOND for edge in happening.edges)
        if event.fault in (Fault.LOSS, Fault.OVERLOAD) and event.first != event.last:
            found.update(range(event.at, event.until, 30 * SECOND))
    return sorted(at for at in found if script.start <= at <= script.end)


def _reached(check: Check, way: Way, at: Micros) -> bool:
    """Whether something comes back from the host's address more often than not."""
    return way.whole and way.lost(at) ** _TRIES[check.kind] < 0.5


def _fails(check: Check, way: Way, at: Micros) -> bool:
    """Whether a look fails more often than not, by no fault of ours."""
    if way.resolver or not _reached(check, way, at):
        return True
    if check.kind is Kind.DNS:
        return bool(way.dns or way.refuse)
    return check.kind is Kind.HTTP and bool(way.refuse or way.status >= 400)


def _extend(spans: list[Span], span: Span) -> None:
    if spans and spans[-1].until == span.since:
        spans[-1] = Span(spans[-1].since, span.until)
    else:
        spans.append(span)


def _phases(
    line: list[tuple[Span, float, bool]], flickers: list[Span]
) -> list[tuple[Span, Phase]]:
    """DESIGN 4.5 with hindsight: a loss of five minutes was one from its first moment.

    A shorter one is UNSTABLE, as is a loss of packets at half of the hosts or more; after a
    LOST the network is RESTORED for half an hour; between the dips of a flicker it is
    UNSTABLE.
    """
    levels: list[tuple[Span, str]] = []
    for span, share, lossy in line:
        level = "well"
        if share < LOST_SHARE:
            level = "lost"
        elif share < WELL_SHARE:
            level = "partial"
        elif lossy:
            level = "lossy"
        if levels and levels[-1][1] == level:
            levels[-1] = (Span(levels[-1][0].since, span.until), level)
        else:
            levels.append((span, level))
    named: list[tuple[Span, Phase]] = []
    for span, level in levels:
        last = named[-1][1] if named else Phase.STABLE
        for part in _cut(span, [edge for flicker in flickers for edge in flicker]):
            flickers_now = any(f.since <= part.since < f.until for f in flickers)
            named += _named(part, span, level, last, flickers_now)
    return [(span, phase) for span, phase in named if span.until > span.since]


def _cut(span: Span, edges: list[Micros]) -> list[Span]:
    times = [span.since, *sorted(e for e in edges if span.since < e < span.until), span.until]
    return [Span(a, b) for a, b in pairwise(times)]


def _named(
    part: Span, whole: Span, level: str, last: Phase, flickers: bool
) -> list[tuple[Span, Phase]]:
    long = whole.until - whole.since >= LOST_FOR
    if level in ("lost", "partial"):
        phase = Phase.LOST if level == "lost" else Phase.PARTIAL
        return [(part, phase if long else Phase.UNSTABLE)]
    if flickers or level == "lossy":
        return [(part, Phase.UNSTABLE)]
    if last is Phase.LOST:
        middle = min(part.until, part.since + RESTORED_FOR)
        return [
            (Span(part.since, middle), Phase.RESTORED),
            (Span(middle, part.until), Phase.STABLE),
        ]
    return [(part, Phase.STABLE)]


def _outages(
    line: list[tuple[Span, float, bool]], phases: list[tuple[Span, Phase]]
) -> list[tuple[Span, Micros]]:
    spans: list[Span] = []
    for span, share, _ in line:
        if share < 0.5:
            _extend(spans, span)
    trouble: list[Span] = []
    for span, phase in phases:
        if phase is not Phase.STABLE:
            _extend(trouble, span)
    found: list[tuple[Span, Micros]] = []
    for outage in spans:
        if outage.until - outage.since < LOST_FOR:
            continue
        began = next(t.since for t in trouble if t.since <= outage.since < t.until)
        # Of a flicker or a creeping loss, the first outage is the one to be told.
        if not any(since == began for _, since in found):
            found.append((outage, began))
    return found
