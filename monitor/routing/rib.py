"""A small RIB: which peer holds which watched prefix, by what path.  Pure: no clock.

Visibility is "peers that hold the route, of baseline peers still connected".  The baseline
of a prefix are the peers of its address family that hold, or held since they connected,
any watched or control prefix: a peer that never told us of the family cannot miss anything.
A peer that goes down leaves the baseline until it announces again.
"""

from __future__ import annotations

import functools
import ipaddress
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from monitor.records import AlarmKind, Micros, RouteAlarm
from monitor.routing.messages import MessageKind, Path, RouteMessage, path_text
from monitor.routing.ripestat import Snapshot

MAX_PEERS: Final = 4_096
MAX_SPECIFICS: Final = 256
_EXAMPLES: Final = 3

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Visibility(msgspec.Struct, frozen=True):
    """``seen`` of ``peers`` baseline peers hold the route; ``at`` is the newest word of it."""

    seen: int
    peers: int
    at: Micros = 0


class _Held(msgspec.Struct, frozen=True, gc=False):
    """The newest word of a peer about a prefix; ``path`` is None when it withdrew it."""

    at: Micros
    path: Path | None


class _Summary(msgspec.Struct, frozen=True):
    """What one prefix amounts to, until a peer says anything new of it."""

    seen: int
    at: Micros
    origins: dict[int, int]
    upstreams: dict[int, int]


def collapsed(path: Path) -> Path:
    """The path without prepends: what repeats next to itself stands once."""
    return tuple(
        part for place, part in enumerate(path) if place == 0 or part != path[place - 1]
    )


def origins_of(path: Path) -> tuple[int, ...]:
    """The origin AS, or all members of an AS_SET in its place (RFC 4271 section 9.2.2.2)."""
    if not path:
        return ()
    last = path[-1]
    return (last,) if isinstance(last, int) else tuple(dict.fromkeys(last))


@functools.lru_cache(maxsize=4_096)
def upstreams_of(path: Path) -> tuple[int, ...]:
    """The AS left of the origin, or all members of an AS_SET there."""
    short = collapsed(path)
    return origins_of(short[:-1])


class Rib:
    """What every peer holds of the watched prefixes, and of anything more specific."""

    def __init__(
        self, watched: Mapping[str, Iterable[int]], controls: Iterable[str] = ()
    ) -> None:
        """``watched`` gives the expected origins of each canonical prefix (none: any)."""
        self._expected = {prefix: frozenset(asns) for prefix, asns in watched.items()}
        self._tracked = frozenset(self._expected) | frozenset(controls)
        self._above = [(ipaddress.ip_network(prefix), prefix) for prefix in watched]
        self._covering = functools.lru_cache(maxsize=4_096)(self._find_covering)
        self.refused = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything: a session with a hole behind it begins."""
        self._held: dict[str, dict[str, _Held]] = {prefix: {} for prefix in self._tracked}
        self._specifics: dict[str, dict[str, _Held]] = {}
        # Per address family, the peers that count; and since when a peer is down.
        self._baseline: dict[int, set[str]] = {4: set(), 6: set()}
        self._down: dict[str, Micros] = {}
        self._summaries: dict[str, _Summary] = {}
        self._alarms: tuple[RouteAlarm, ...] | None = None

    def apply(self, message: RouteMessage) -> None:
        """Take one message; messages of one peer come in the order of time."""
        if message.kind is MessageKind.PEER_STATE:
            if message.up is False:
                self._drop(message.peer, message.at)
            return
        if message.kind is not MessageKind.UPDATE:
            return
        for prefix in message.withdrawn:
            self._take(prefix, message.peer, _Held(message.at, None))
        # RFC 4271 section 3.1: a prefix both withdrawn and announced is announced.
        for prefix in message.announced:
            self._take(prefix, message.peer, _Held(message.at, message.path))

    def seed(self, snapshot: Snapshot) -> None:
        """Take what all peers held of one prefix; what a peer said later stays."""
        table = self._held.get(snapshot.prefix)
        if table is None:
            return
        here = {holding.peer for holding in snapshot.holdings}
        for peer, held in list(table.items()):
            if peer not in here and held.at <= snapshot.at and held.path is not None:
                self._take(snapshot.prefix, peer, _Held(snapshot.at, None))
        for holding in snapshot.holdings:
            if self._down.get(holding.peer, -1) >= holding.at:
                continue
            self._take(snapshot.prefix, holding.peer, _Held(holding.at, holding.path))
            # It held the route then, whatever it has said since.
            self._joins(snapshot.prefix, holding.peer)

    def visibility(self, prefix: str) -> Visibility:
        """How many hold a tracked prefix, of how many; nobody of nobody for others."""
        if prefix not in self._held:
            return Visibility(0, 0)
        found = self._summary(prefix)
        return Visibility(found.seen, len(self._baseline[_family(prefix)]), found.at)

    def origins(self, prefix: str) -> dict[int, int]:
        """Peers by origin AS, most first; each member of an AS_SET counts."""
        return dict(self._summary(prefix).origins)

    def upstreams(self, prefix: str) -> dict[int, int]:
        """Peers by the AS left of the origin, prepends collapsed; most first."""
        return dict(self._summary(prefix).upstreams)

    def alarms(self) -> tuple[RouteAlarm, ...]:
        """Unexpected origins of watched prefixes, and more specific announcements."""
        if self._alarms is None:
            self._alarms = self._find_alarms()
        return self._alarms

    # --- inside ---------------------------------------------------------------------------

    def _find_alarms(self) -> tuple[RouteAlarm, ...]:
        found: list[RouteAlarm] = []
        for prefix, expected in self._expected.items():
            if expected:
                table = self._held[prefix]
                odd = _by_origin(table, expected)
                found += _alarms(AlarmKind.ORIGIN, prefix, prefix, odd)
        for prefix, table in self._specifics.items():
            watched = self._covering(prefix)
            odd = _by_origin(table, frozenset())
            found += _alarms(AlarmKind.MORE_SPECIFIC, watched, prefix, odd)
        return tuple(sorted(found, key=lambda one: (one.watched, one.prefix, one.asn)))

    def _summary(self, prefix: str) -> _Summary:
        found = self._summaries.get(prefix)
        if found is None:
            table = self._held.get(prefix, {})
            paths = [held.path for held in table.values() if held.path is not None]
            found = _Summary(
                seen=len(paths),
                at=max((held.at for held in table.values()), default=0),
                origins=_counted(asn for path in paths for asn in origins_of(path)),
                upstreams=_counted(asn for path in paths for asn in upstreams_of(path)),
            )
            if prefix in self._held:
                self._summaries[prefix] = found
        return found

    def _take(self, prefix: str, peer: str, held: _Held) -> None:
        if self._down.get(peer, -1) >= held.at:
            return
        self._alarms = None
        self._summaries.pop(prefix, None)
        table = self._held.get(prefix)
        if table is None:
            self._take_specific(prefix, peer, held)
            return
        old = table.get(peer)
        if old is not None and old.at > held.at:
            return
        if held.path is None:
            # Kept even of a peer that never announced it to us: a snapshot that was taken
            # earlier and comes later must not bring the route back.
            if old is not None or len(table) < MAX_PEERS:
                table[peer] = held
            return
        if self._joins(prefix, peer):
            table[peer] = held

    def _joins(self, prefix: str, peer: str) -> bool:
        """Count a peer that holds, or held, ``prefix``; False when there is no room."""
        baseline = self._baseline[_family(prefix)]
        if peer not in baseline:
            if len(baseline) >= MAX_PEERS:
                self.refused += 1
                return False
            baseline.add(peer)
        self._down.pop(peer, None)
        return True

    def _take_specific(self, prefix: str, peer: str, held: _Held) -> None:
        table = self._specifics.get(prefix)
        if held.path is None:
            if table is not None:
                table.pop(peer, None)
                if not table:
                    del self._specifics[prefix]
            return
        if not self._covering(prefix):
            return
        if table is None:
            if len(self._specifics) >= MAX_SPECIFICS:
                self.refused += 1
                return
            table = self._specifics[prefix] = {}
        if peer in table or len(table) < MAX_PEERS:
            table[peer] = held

    def _find_covering(self, prefix: str) -> str:
        """The most specific watched prefix around ``prefix``, or ''."""
        network = ipaddress.ip_network(prefix)
        around = [
            (above.prefixlen, name) for above, name in self._above if _within(network, above)
        ]
        return max(around)[1] if around else ""

    def _drop(self, peer: str, at: Micros) -> None:
        self._alarms = None
        self._summaries.clear()
        for table in self._held.values():
            table.pop(peer, None)
        for prefix, table in list(self._specifics.items()):
            if table.pop(peer, None) is not None and not table:
                del self._specifics[prefix]
        known = any(peer in baseline for baseline in self._baseline.values())
        for baseline in self._baseline.values():
            baseline.discard(peer)
        if known or peer in self._down or len(self._down) < MAX_PEERS:
            self._down[peer] = at


def _family(prefix: str) -> int:
    return 6 if ":" in prefix else 4


def _within(inner: _Network, outer: _Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)


def _counted(asns: Iterable[int]) -> dict[int, int]:
    """Counts by AS, most first."""
    counts = Counter(asns)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _by_origin(
    table: Mapping[str, _Held], expected: frozenset[int]
) -> dict[int, list[tuple[str, _Held]]]:
    """Holders by odd origin; 0 stands for a path without one."""
    found: dict[int, list[tuple[str, _Held]]] = {}
    for peer, held in table.items():
        if held.path is None:
            continue
        for asn in origins_of(held.path) or (0,):
            if asn not in expected:
                found.setdefault(asn, []).append((peer, held))
    return found


def _alarms(
    kind: AlarmKind, watched: str, prefix: str, odd: dict[int, list[tuple[str, _Held]]]
) -> Iterable[RouteAlarm]:
    for asn, holders in odd.items():
        paths = dict.fromkeys(path_text(held.path or ()) for _, held in sorted(holders)[:64])
        yield RouteAlarm(
            kind=kind,
            watched=watched,
            prefix=prefix,
            asn=asn,
            peers=len(holders),
            at=max(held.at for _, held in holders),
            examples=tuple(paths)[:_EXAMPLES],
        )
