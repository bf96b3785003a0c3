"""Scripts: what goes wrong when, written in TOML.

    name title watchlist start end seed note alive
    [[place]]  host, and network or asn and country: where a host was then
    [[event]]  at, until or for, fault, target, source, note, and what the fault may be told
    [[truth]]  network from plain phase at_fault: for the debriefing and tests alone

Times carry their zone (``2014-12-22T16:15:00Z``).  Targets are ``network:ID``,
``prefix:CIDR``, ``host:ID``, ``as:ASN``, ``edge:ASN-ASN`` or ``own``.  ``alive`` names
hosts that are historic in the watchlist and were not yet at the time of the script.

A :class:`Truth` is what the script's author says the events mean.  It is handed out beside
the script and never reaches the world, the probes or the collector.
"""

from __future__ import annotations

import tomllib
from functools import partial
from typing import Any, Final

import msgspec

from monitor.records import Kind, Micros, Phase
from monitor.simulation.events import Event, Scope
from monitor.simulation.reading import (
    Known,
    moment,
    read_event,
    read_place,
)
from monitor.simulation.topology import Placement
from monitor.simulation.world import World, world_for
from monitor.watchlist import values
from monitor.watchlist.bundled import bundled, bundled_names
from monitor.watchlist.loader import parse as parse_watchlist
from monitor.watchlist.loader import refusal
from monitor.watchlist.model import Check, Feeds, HttpParams, Watchlist
from monitor.watchlist.reader import Sink, Table

_MAX_BYTES: Final = 256 * 1024
_MAX_ROWS: Final = 1_000


class Script(msgspec.Struct, frozen=True):
    """What goes wrong between ``start`` and ``end`` (Micros) in a world of ``seed``."""

    name: str
    title: str
    watchlist: str
    start: Micros
    end: Micros
    seed: int
    note: str = ""
    events: tuple[Event, ...] = ()
    places: tuple[Placement, ...] = ()
    alive: tuple[str, ...] = ()

    def applied(self, watchlist: Watchlist) -> Watchlist:
        """``watchlist`` as it would have been then: hosts of ``alive`` are asked for their
        page, which a historic host is not.  Nothing outside is asked during a drill, so no
        routing feed either.
        """
        hosts = tuple(
            msgspec.structs.replace(
                host, historic=False, checks=host.checks or (_page(host.id, host.address),)
            )
            if host.id in self.alive
            else host
            for host in watchlist.hosts
        )
        return msgspec.structs.replace(watchlist, hosts=hosts, feeds=Feeds())

    def world(self, watchlist: Watchlist) -> World:
        """The world of this script for a watchlist that went through :meth:`applied`."""
        return world_for(watchlist, self.seed, self.events, self.places)


class TruthChange(msgspec.Struct, frozen=True):
    """From ``at`` on, ``network`` is in ``phase`` and ``at_fault`` is what caused it.

    What creeps in is ``plain`` only later: from then on a few packets tell it from chance.
    """

    network: str
    at: Micros
    phase: Phase
    at_fault: str
    plain: Micros = 0


class Truth(msgspec.Struct, frozen=True):
    """What a script's author says really happened, in order of time."""

    script: str
    start: Micros
    end: Micros
    changes: tuple[TruthChange, ...] = ()
    own_faults: tuple[tuple[Micros, Micros], ...] = ()


def parse(data: bytes, source: str, watchlist: Watchlist | None = None) -> tuple[Script, Truth]:
    """The script in ``data``; without ``watchlist``, for the bundled one it names.

    Raises WatchlistError with every problem, in the order of the file.
    """
    document, found = _decoded(data, source)
    sink = Sink(source)
    top = Table(sink, (), found)
    result = _read(sink, top, watchlist)
    sink.finish(document)
    assert result is not None
    return result


def _decoded(data: bytes, source: str) -> tuple[str, dict[str, Any]]:
    if len(data) > _MAX_BYTES:
        raise refusal(source, f"more than {_MAX_BYTES} bytes", f"at most {_MAX_BYTES}")
    try:
        document = data.decode("utf-8")
        return document, tomllib.loads(document)
    except (ValueError, RecursionError) as error:
        raise refusal(source, f"no TOML ({values.text(str(error))})", "TOML 1.0") from None


def _read(sink: Sink, top: Table, watchlist: Watchlist | None) -> tuple[Script, Truth] | None:
    name = top.need("name", values.identifier, "", '"my-drill"')
    title = top.need("title", values.label, "", '"one line"')
    word = top.need("watchlist", values.identifier, "", '"north-korea"')
    if watchlist is None:
        if word not in bundled_names():
            if word:
                hint = sink.meant(word, bundled_names())
                top.wrong("watchlist", f'"{word}"', ", ".join(bundled_names()), hint)
            top.forgive()
            return None
        watchlist = parse_watchlist(bundled(word), f"{word}.toml")
    example = "2014-12-22T16:15:00Z"
    start = top.need("start", moment, 0, example)
    end = top.need("end", moment, 0, example)
    if start and end and end <= start:
        top.wrong("end", "an end that is not after the start", "a later time")
    known = Known(sink, watchlist, start, end)
    places = tuple(read_place(table, known) for table in top.tables("place", _MAX_ROWS))
    known.learn(places)
    events = tuple(read_event(table, known) for table in top.tables("event", _MAX_ROWS))
    for path, event in known.late:
        known.check_asns(path, event)
    script = Script(
        name=name,
        title=title,
        watchlist=word,
        start=start,
        end=end,
        seed=top.read("seed", partial(values.whole, low=0, high=2**32), 0),
        note=top.read("note", values.note, ""),
        events=events,
        places=places,
        alive=top.each("alive", known.word_of(known.hosts)),
    )
    changes = tuple(_read_truth(table, known) for table in top.tables("truth", _MAX_ROWS))
    top.finish()
    own = tuple((e.at, e.until) for e in events if e.scope is Scope.OWN)
    ordered = tuple(sorted(changes, key=lambda change: change.at))
    return script, Truth(name, start, end, ordered, own)


def _read_truth(table: Table, known: Known) -> TruthChange:
    change = TruthChange(
        network=table.need("network", known.word_of(known.networks), "", '"north-korea"'),
        at=table.need("from", known.within, 0, "2014-12-22T16:15:00Z"),
        phase=table.need("phase", _phase, Phase.UNKNOWN, '"LOST"'),
        at_fault=table.need("at_fault", values.label, "", '"unknown"'),
        plain=table.read("plain", known.within, 0),
    )
    table.finish()
    return change


def _phase(value: object) -> Phase:
    return Phase(values.one_of(value, [phase.value for phase in Phase]))


def _page(host: str, address: str) -> Check:
    params = HttpParams(url=f"http://{address}/")
    return Check(f"{host}/http", host, Kind.HTTP, address, params, "http", timeout_s=10.0)
