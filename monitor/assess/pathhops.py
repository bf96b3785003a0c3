"""Small questions about the hops of a path.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from monitor.records import Hop, Observation, PathHop, TraceFacts

_ARMS: Final = 8
_H = TypeVar("_H", Hop, PathHop)


def hop_at(hops: Sequence[_H], ttl: int) -> _H | None:
    return hops[ttl - 1] if 0 < ttl <= len(hops) else None


def agree(tried: Sequence[str], now: Sequence[str]) -> bool:
    return len(tried) == len(now) and all(
        not a or not b or a == b for a, b in zip(tried, now, strict=True)
    )


def merged(usual: Sequence[PathHop], now: Sequence[PathHop]) -> tuple[PathHop, ...]:
    """The usual path with what a round adds to it: arms, names, who limits itself."""
    made = []
    for old, new in zip(usual, now, strict=True):
        addresses = tuple(dict.fromkeys((*new.addresses, *old.addresses)))[:_ARMS]
        known = new if new.asn is not None else old
        made.append(PathHop(old.ttl, addresses, known.asn, known.as_name, new.limited))
    return tuple(made)


def with_arm(usual: Sequence[PathHop], ttl: int, address: str) -> tuple[PathHop, ...]:
    hops = list(usual)
    hop = hops[ttl - 1]
    addresses = (*hop.addresses, address)[:_ARMS]
    hops[ttl - 1] = msgspec.structs.replace(hop, addresses=addresses)
    return tuple(hops)


def beyond(usual: Sequence[PathHop], last: PathHop | None) -> PathHop | None:
    """The first hop of the usual path behind ``last`` that usually answers."""
    ttl = 0
    if last is not None:
        ttl = next((hop.ttl for hop in usual if last.addresses[0] in hop.addresses), last.ttl)
    return next((hop for hop in usual if hop.ttl > ttl and hop.addresses), None)


def loop_of(hops: Sequence[Hop]) -> tuple[str, ...]:
    """The addresses between the first that comes again and its last coming."""
    seen = [hop.address for hop in hops if hop.address]
    for place, address in enumerate(seen):
        if address in seen[place + 1 :]:
            last = len(seen) - 1 - seen[::-1].index(address)
            return tuple(dict.fromkeys(seen[place : last + 1]))
    return ()


def came_to(seen: Observation) -> tuple[int, bool]:
    """How far a run came: its last answering TTL, and whether anybody refused."""
    facts = seen.facts
    assert isinstance(facts, TraceFacts)
    return max((hop.ttl for hop in facts.hops if hop.address), default=0), bool(seen.said_by)
