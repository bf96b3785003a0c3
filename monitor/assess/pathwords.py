"""Paths as people read them: what differs, by AS and by hop, and the break in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Final

from monitor.records import REASONS, SECOND, Micros, PathHop, PathRow

_TOLD: Final = 3


def as_path(hops: Iterable[PathHop]) -> tuple[int, ...]:
    """The ASes of a path in order, each once in a row; hops of no known AS are passed over."""
    found: list[int] = []
    for hop in hops:
        if hop.asn is not None and (not found or found[-1] != hop.asn):
            found.append(hop.asn)
    return tuple(found)


def difference(old: Sequence[PathHop], new: Sequence[PathHop]) -> str:
    """What differs, by AS where both are known, and by hop: ``hop 3: a → b``."""
    before, after = as_path(old), as_path(new)
    parts = []
    if before and after and before != after:
        parts.append(f"{_as_words(before)} → {_as_words(after)}")
    pairs = [
        (ttl, a, b) for ttl, (a, b) in enumerate(zip_longest(old, new), 1) if not alike(a, b)
    ]
    for ttl, a, b in pairs[:_TOLD]:
        parts.append(f"hop {ttl}: {_hop_words(a)} → {_hop_words(b)}")
    if len(pairs) > _TOLD:
        parts.append(f"{len(pairs) - _TOLD} more hops")
    return "; ".join(parts)


def break_text(row: PathRow) -> str:
    """The break in a sentence: the last that answers, and the first that does not."""
    if row.loop:
        return f"path loops between {' and '.join(row.loop[:4])}"
    if not row.last_address:
        return "nothing on the way answers, not even the first hop"
    last = _named(row.last_address, row.last_asn)
    if not row.usual:
        text = f"last answer {last} at hop {row.last_ttl}; nothing beyond"
    elif row.next_address == row.address:
        text = f"last answer {last} at hop {row.last_ttl}; the host behind it is silent"
    else:
        text = f"path breaks behind {last}, before {_named(row.next_address, row.next_asn)}"
    if row.said_by:
        text += f": {row.said_by} says {REASONS[row.reason].text}"
    return text


def span(time: Micros) -> str:
    """A duration as people say it: ``40 s``, ``6m40s``, ``3h05m``."""
    seconds = max(0, time) // SECOND
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02}s"
    return f"{seconds // 3600}h{seconds % 3600 // 60:02}m"


def _named(address: str, asn: int | None) -> str:
    return f"AS{asn} ({address})" if asn is not None else address


def _as_words(path: tuple[int, ...]) -> str:
    return "AS" + " ".join(map(str, path))


def _hop_words(hop: PathHop | None) -> str:
    if hop is None:
        return "none"
    return hop.addresses[0] if hop.addresses else "silent"


def alike(a: PathHop | None, b: PathHop | None) -> bool:
    if a is None or b is None:
        return False
    return not a.addresses or not b.addresses or b.addresses[0] in a.addresses


def odd_at(usual: Sequence[PathHop], now: Sequence[PathHop]) -> list[str]:
    """Where ``now`` is not ``usual``, as ``ttl address``; silence contradicts nothing."""
    return [
        f"{ttl} {_hop_words(b)}"
        for ttl, (a, b) in enumerate(zip_longest(usual, now), 1)
        if not alike(a, b)
    ]
