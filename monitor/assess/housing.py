"""Where hosts are hosted: by the address they answer from, and by who announces it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from monitor.assess.check import ended
from monitor.assess.origin import measured, moved, origin_of
from monitor.assess.roster import Judged, Roster, Watched
from monitor.records import Event, EventKind, Hosting, HostRow, Micros, Observation
from monitor.watchlist.model import Network


def locate(
    roster: Roster, watched: Watched, observation: Observation
) -> tuple[Event | None, list[Judged]]:
    """A host was seen at an address that is new for it: the move, if it is one to tell.

    Also the networks whose hosts have to be counted anew.
    """
    address, row = observation.address, watched.row
    old, before = row.hosting, watched.network
    roster.house(watched, address)
    after = watched.network
    row.hosting = Hosting(
        address=address,
        prefix=_prefix(after, address),
        inside=after is not None,
        how="watchlist prefixes",
        at=observation.at,
        # A move that is told here is not told again once its origin is known.
        was_asn=origin_of(old) if before is after else None,
    )
    networks = (before, after, watched.home)
    touched = [each for each in roster.networks.values() if each.network in networks]
    if old is None or not old.address:
        return None, touched
    if before is not after:
        _count_move(touched)
    there = f"inside {after.name}" if after else "outside every watched network"
    text = f"address {old.address} → {address}"
    event = Event(
        at=ended(observation),
        kind=EventKind.HOSTING,
        subject=f"host:{row.id}",
        text=text if before is after else f"{text}: now hosted {there}",
        old=old.address,
        new=address,
        rule="hosting",
        evidence=(observation,),
        quiet=before is after,
    )
    return event, touched


def hear_origin(
    roster: Roster, address: str, origin: Hosting, now: Micros
) -> Iterator[tuple[HostRow, Event | None]]:
    """Note who announces ``address``; another origin AS than before is a move."""
    for watched in roster.hosts.values():
        row = watched.row
        if row.hosting is None or row.hosting.address != address:
            continue
        before = origin_of(row.hosting)
        row.hosting = measured(row.hosting, origin)
        if before is None or origin.asn in (None, before):
            yield row, None
            continue
        networks = (watched.network, watched.home)
        _count_move([each for each in roster.networks.values() if each.network in networks])
        yield row, moved(row, before, now)


def _count_move(networks: list[Judged]) -> None:
    for judged in networks:
        if judged.row.memory is not None:
            judged.row.memory.moves += 1


def _prefix(network: Network | None, address: str) -> str:
    if network is None:
        return ""
    found = ipaddress.ip_address(address)
    return next(prefix for prefix in network.prefixes if found in ipaddress.ip_network(prefix))
