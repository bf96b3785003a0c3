"""One table of a script at a time: places and events, checked against the watchlist."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from monitor.records import SECOND, Micros
from monitor.simulation.events import SCOPES, WAYS, Event, Fault, Scope
from monitor.simulation.topology import DESK_ASN, TRANSIT_ASNS, Placement
from monitor.watchlist import values
from monitor.watchlist.errors import Wrong
from monitor.watchlist.model import Watchlist
from monitor.watchlist.reader import Sink, Table

_EXAMPLE: Final = "2014-12-22T16:15:00Z"
_MAX_FLAPS: Final = 20_000
_LONGEST_S: Final = 366 * 86_400.0
_asn = partial(values.whole, low=1, high=values.MAX_ASN)
_span = partial(values.seconds, low=1.0, high=_LONGEST_S)
_delay = partial(values.seconds, low=0.0, high=60.0)

_TARGETS: Final[dict[Scope, str]] = {
    Scope.NETWORK: '"network:ID"',
    Scope.PREFIX: '"prefix:192.0.2.0/24"',
    Scope.HOST: '"host:ID"',
    Scope.AS: '"as:64496"',
    Scope.EDGE: '"edge:64496-64497"',
    Scope.OWN: '"own"',
}


def moment(value: object) -> Micros:
    """A TOML time with its zone, as Micros of UTC."""
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        since = value - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        return since // dt.timedelta(microseconds=1)
    raise Wrong(f"a time with its zone and without quotes, as {_EXAMPLE}")


def fraction(value: object) -> float:
    """A part of the whole, 0 to 1."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise Wrong("a fraction from 0 to 1, as 0.3")


def _signed(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and 0 < abs(value) <= _LONGEST_S:
        return float(value)
    raise Wrong("seconds forward, or backward with a minus, as -3600; not 0")


class Known:
    """What a script may speak of: the ids, prefixes, ASes and times of its watchlist."""

    def __init__(self, sink: Sink, watchlist: Watchlist, start: Micros, end: Micros) -> None:
        self.sink = sink
        self.start = start
        self.end = end
        nets = watchlist.networks
        self.networks = frozenset(net.id for net in nets)
        self.hosts = frozenset(host.id for host in watchlist.hosts)
        self.prefixes = frozenset(prefix for net in nets for prefix in net.prefixes)
        self.asns = {DESK_ASN, *TRANSIT_ASNS}
        for net in nets:
            self.asns.update(net.origin_asns, net.upstream_asns)
        self.asns.update(host.asn for host in watchlist.hosts if host.asn is not None)
        self.late: list[tuple[Table, Event]] = []

    def learn(self, places: Collection[Placement]) -> None:
        """ASes that only this script has."""
        self.asns.update(place.asn for place in places if place.asn)

    def word_of(self, ids: Collection[str]) -> Callable[[object], str]:
        """A parser of one of ``ids``."""

        def parse(value: object) -> str:
            if isinstance(value, str) and value in ids:
                return value
            raise Wrong("an id of the watchlist", self.sink.meant(value, ids))

        return parse

    def within(self, value: object) -> Micros:
        """A moment between the script's start and end."""
        found = moment(value)
        if self.start and self.end and not self.start <= found <= self.end:
            raise Wrong("a time from the script's start to its end")
        return found

    def target(self, allowed: Collection[Scope], value: object) -> tuple[Scope, str]:
        """Scope and what is left of a target, which must be of an allowed scope."""
        shape = " or ".join(_TARGETS[scope] for scope in Scope if scope in allowed)
        if not isinstance(value, str):
            raise Wrong(shape)
        word, _, rest = value.partition(":")
        if word not in {scope.value for scope in allowed}:
            raise Wrong(shape, self.sink.meant(word, [scope.value for scope in allowed]))
        scope = Scope(word)
        match scope:
            case Scope.NETWORK:
                self._one(rest, self.networks, scope)
            case Scope.HOST:
                self._one(rest, self.hosts, scope)
            case Scope.PREFIX:
                self._one(rest, self.prefixes, scope)
            case Scope.AS | Scope.EDGE:
                parts = rest.split("-") if scope is Scope.EDGE else [rest]
                digits = all(p.isascii() and p.isdigit() and len(p) <= 10 for p in parts)
                if not digits or len(set(parts)) != (2 if scope is Scope.EDGE else 1):
                    raise Wrong(_TARGETS[scope])
            case Scope.OWN:
                if value != "own":
                    raise Wrong(_TARGETS[scope])
        return scope, rest

    def _one(self, word: str, known: Collection[str], scope: Scope) -> None:
        if word not in known:
            raise Wrong(f"a {scope.value} of the watchlist", self.sink.meant(word, known))

    def check_asns(self, table: Table, event: Event) -> None:
        """An AS nobody has would make an event without effect."""
        for part in event.target.split("-"):
            if int(part) not in self.asns:
                table.wrong("target", f"AS{part}", "an AS of the watchlist or of this script")


def read_place(table: Table, known: Known) -> Placement:
    """Where a host was at the time of the script."""
    place = Placement(
        host=table.need("host", known.word_of(known.hosts), "", '"the id of a host"'),
        network=table.read("network", known.word_of(known.networks), ""),
        asn=table.read("asn", _asn, 0),
        country=table.read("country", values.country, ""),
    )
    if ("network" in table) == ("asn" in table or "country" in table):
        table.wrong(None, "a place that says both or nothing", "network, or asn and country")
    table.finish()
    return place


def read_event(table: Table, known: Known) -> Event:
    """One event; what is wrong is noted, and a harmless event handed back."""
    word = table.need("fault", lambda v: values.one_of(v, list(Fault)), "", '"withdraw"')
    at = table.need("at", known.within, known.start, _EXAMPLE)
    if not word:
        table.forgive()
        return Event(at=at, until=at, fault=Fault.CUT, scope=Scope.OWN)
    fault = Fault(word)
    table.subject = word
    scope, target = _read_target(table, known, fault)
    until = _read_until(table, known, at)
    if fault is Fault.CLOCK_STEP:
        until = at + SECOND
    event = Event(
        at=at,
        until=until,
        fault=fault,
        scope=scope,
        target=target,
        source=table.read("source", values.label, ""),
        note=table.read("note", values.note, ""),
        **_READERS[fault](table),
    )
    if fault is Fault.SUSPEND:
        event = _lasting(table, event)
    if fault is Fault.FLAP and (until - at) / (event.period_s * SECOND) > _MAX_FLAPS:
        table.wrong("period", "a period too short", f"at most {_MAX_FLAPS} flaps an event")
        until = at
    known.asns.update(event.upstreams, [event.asn] if event.asn else [])
    if scope in (Scope.AS, Scope.EDGE) and target:
        known.late.append((table, event))
    table.finish()
    return event


def _read_target(table: Table, known: Known, fault: Fault) -> tuple[Scope, str]:
    allowed = SCOPES[fault]
    if allowed == {Scope.OWN} and "target" not in table:
        return Scope.OWN, ""
    shape = " or ".join(_TARGETS[scope] for scope in Scope if scope in allowed)
    nowhere = (Scope.OWN, "")
    return table.need("target", partial(known.target, allowed), nowhere, shape)


def _read_until(table: Table, known: Known, at: Micros) -> Micros:
    """When an event ends: ``until``, ``for``, or with the script."""
    if "until" in table and "for" in table:
        table.wrong("for", "until and for", "one of them")
    lasts = table.read("for", _span, 0.0)
    until = table.read("until", known.within, known.end)
    if lasts:
        until = at + round(lasts * SECOND)
    if until <= at and "until" in table:
        table.wrong("until", "an end that is not after at", "a later time")
    return max(until, at)


def _lasting(table: Table, event: Event) -> Event:
    """A suspend is as long as its event."""
    if "for" not in table and "until" not in table:
        table.wrong(None, "no for", 'for = "2h"')
    return msgspec.structs.replace(event, seconds=(event.until - event.at) / SECOND)


def _way(table: Table, fault: Fault) -> str:
    ways = WAYS[fault]
    return table.read("how", lambda value: values.one_of(value, ways), ways[0])


def _withdraw(table: Table) -> dict[str, Any]:
    return {"silent": table.read("silent", values.truth, False)}


def _cut(table: Table) -> dict[str, Any]:
    return _withdraw(table) | {"routes": table.read("routes", values.truth, True)}


def _loss(table: Table) -> dict[str, Any]:
    if "from" not in table and "to" not in table:
        whole = table.need("loss", fraction, 0.0, "0.3, or from = 0.1 and to = 0.6")
        return {"first": whole, "last": whole}
    first = table.need("from", fraction, 0.0, "0.1")
    return {"first": first, "last": table.need("to", fraction, first, "0.6")}


def _flap(table: Table) -> dict[str, Any]:
    return _cut(table) | {
        "how": _way(table, Fault.FLAP),
        "period_s": table.read("period", _span, 600.0),
        "duty": table.read("duty", fraction, 0.5),
        "jitter": table.read("jitter", fraction, 0.0),
    }


def _overload(table: Table) -> dict[str, Any]:
    return {
        "last": table.read("loss", fraction, 0.8),
        "latency_ms": table.read("latency", _delay, 2.0) * 1000,
        "grow_s": table.read("grow", _span, 0.0),
    }


def _server(table: Table) -> dict[str, Any]:
    return {"status": table.read("status", partial(values.whole, low=400, high=599), 503)}


def _move(table: Table) -> dict[str, Any]:
    return {
        "asn": table.need("asn", _asn, 0, "4837"),
        "country": table.read("country", values.country, ""),
        "address": table.read("address", _literal, ""),
    }


def _literal(value: object) -> str:
    found = values.address(value)
    if values.family_of(found) != "ipv4":
        raise Wrong("an IPv4 address")
    return found


def _upstreams(table: Table) -> dict[str, Any]:
    found = table.each("to", _asn)
    if not found:
        table.wrong(None, "no to", "to = [64496], ASNs in order of preference")
    return {"upstreams": found}


def _nothing(_table: Table) -> dict[str, Any]:
    return {}


def _how(fault: Fault) -> Callable[[Table], dict[str, Any]]:
    return lambda table: {"how": _way(table, fault)}


_READERS: Final[Mapping[Fault, Callable[[Table], dict[str, Any]]]] = {
    Fault.WITHDRAW: _withdraw,
    Fault.CUT: _cut,
    Fault.LOSS: _loss,
    Fault.FLAP: _flap,
    Fault.OVERLOAD: _overload,
    Fault.DNS_DEAD: _how(Fault.DNS_DEAD),
    Fault.SERVER_5XX: _server,
    Fault.CERTIFICATE: _how(Fault.CERTIFICATE),
    Fault.HOSTING_MOVE: _move,
    Fault.OWN_LINK_DOWN: _how(Fault.OWN_LINK_DOWN),
    Fault.RESOLVER_DOWN: _how(Fault.RESOLVER_DOWN),
    Fault.SUSPEND: _nothing,
    Fault.CLOCK_STEP: lambda table: {"seconds": table.need("seconds", _signed, 0.0, "-3600")},
    Fault.UPSTREAM_CHANGE: _upstreams,
    Fault.REFUSE: _how(Fault.REFUSE),
}
