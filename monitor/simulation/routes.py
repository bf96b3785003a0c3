"""What simulated RIS peers say of the watched prefixes: announcements and withdrawals.

Every peer hears of a change a while after it, and withdrawals are slower than announcements
(Labovitz 2000); a few peers keep a dead route, as real ones do.  All of it is data made
from the world's events: no recording of the real network is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from monitor.records import SECOND, Micros
from monitor.simulation.draw import between, key_of, unit
from monitor.simulation.topology import Net
from monitor.simulation.world import World

PEERS: Final = 40
# Seconds until the first and the last peer has heard.
_ANNOUNCED_S: Final = (1.0, 30.0)
_WITHDRAWN_S: Final = (2.0, 90.0)
_KEEPS_DEAD: Final = 0.02
_FIRST_ASN: Final = 64_600  # private use (RFC 6996)


class Peer(msgspec.Struct, frozen=True):
    """A router that tells a RIS collector (``host``) what it holds."""

    host: str
    address: str
    asn: int


class RouteMessage(msgspec.Struct, frozen=True, order=True):
    """One UPDATE for one prefix; an empty ``path`` is a withdrawal.

    ``path`` goes from the peer's AS to the origin's.
    """

    at: Micros
    peer: str
    prefix: str
    host: str
    peer_asn: int
    path: tuple[int, ...] = ()


def peers(world: World, count: int = PEERS) -> tuple[Peer, ...]:
    """The simulated peers, addresses out of RFC 5737."""
    assert 0 < count <= 250
    return tuple(
        Peer(f"rrc{key_of(world.seed, n) % 26:02d}", f"203.0.113.{n + 1}", _FIRST_ASN + n)
        for n in range(count)
    )


def route_messages(
    world: World, since: Micros, until: Micros, count: int = PEERS
) -> tuple[RouteMessage, ...]:
    """Every message with ``since`` <= at < ``until``, in order of time."""
    told = (message for story in _stories(world, count) for message in story)
    return tuple(sorted(message for message in told if since <= message.at < until))


def table(world: World, at: Micros, count: int = PEERS) -> tuple[RouteMessage, ...]:
    """What every peer holds at ``at``: its newest announcement of each prefix, if it stands."""
    held: list[RouteMessage] = []
    for story in _stories(world, count):
        told = [message for message in story if message.at <= at]
        if told and told[-1].path:
            held.append(told[-1])
    return tuple(held)


def ris_live(message: RouteMessage) -> dict[str, Any]:
    """The message as RIS Live sends it (https://ris-live.ripe.net/manual/)."""
    data: dict[str, Any] = {
        "timestamp": message.at / SECOND,
        "peer": message.peer,
        "peer_asn": str(message.peer_asn),
        "id": f"{message.host[3:]}-{message.peer}-{message.at}",
        "host": f"{message.host}.ripe.net",
        "type": "UPDATE",
    }
    if message.path:
        data["path"] = list(message.path)
        data["community"] = []
        data["origin"] = "igp"
        data["announcements"] = [{"next_hop": message.peer, "prefixes": [message.prefix]}]
    else:
        data["withdrawals"] = [message.prefix]
    return {"type": "ris_message", "data": data}


_Changes = list[tuple[Micros, int | None]]


def _stories(world: World, count: int) -> Iterator[Iterator[RouteMessage]]:
    """All that each peer says of each prefix, in order of time."""
    for net in world.plan.nets.values():
        for prefix in net.prefixes:
            changes = list(_changes(world, net, prefix))
            for peer in peers(world, count):
                yield _of_peer(world, net, prefix, peer, changes)


def _changes(world: World, net: Net, prefix: str) -> Iterator[tuple[Micros, int | None]]:
    """When the upstream that carries ``prefix`` changes; the first item is the beginning."""
    current: int | None = net.upstreams[0]
    yield 0, current
    for time in world.times_of(net, prefix):
        upstream = world.routed(net, prefix, time)
        if upstream != current:
            current = upstream
            yield time, upstream


def _of_peer(
    world: World, net: Net, prefix: str, peer: Peer, changes: _Changes
) -> Iterator[RouteMessage]:
    """All that one peer ever says of one prefix, in order of time."""
    held = False
    for place, (time, upstream) in enumerate(changes):
        key = key_of(world.seed, prefix, peer.asn, time)
        low, high = _ANNOUNCED_S if upstream is not None else _WITHDRAWN_S
        # Most hear soon, some late.
        delay = low + (high - low) * unit(key, 2) ** 3
        heard = time + round(delay * SECOND) if time else 0
        after = changes[place + 1][0] if place + 1 < len(changes) else None
        if after is not None and heard >= after:
            continue
        if upstream is None:
            if not held or between(key, 0.0, 1.0) < _KEEPS_DEAD:
                continue
            held = False
            yield RouteMessage(heard, peer.address, prefix, peer.host, peer.asn)
        else:
            held = True
            path = _path(world, net, upstream, peer)
            yield RouteMessage(heard, peer.address, prefix, peer.host, peer.asn, path)


def _path(world: World, net: Net, upstream: int, peer: Peer) -> tuple[int, ...]:
    middle = world.plan.transit_of(peer.asn)
    chain = (peer.asn, middle, upstream, net.origin.asn)
    return tuple(dict.fromkeys(chain))
