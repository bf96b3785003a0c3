"""A current row in parts, by how long and in which form each is remembered.

*still* parts say who it is and repeat from entry to entry; *turning* parts were judged, and
a change of one makes an entry in the history; *sampled* parts are figures that nothing else
holds, remembered with every entry and at least every five minutes while they change; what
observations hold anyway, and the judge's memory, is left out.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, get_args

import msgspec

from monitor.records import (
    AlertsRow,
    CheckRow,
    CollectorRow,
    FeedRow,
    HostRow,
    NamesRow,
    NetworkRow,
    OriginsRow,
    PathRow,
    RouteRow,
    Row,
    RulesRow,
    VantageRow,
    WitnessRow,
    decode_row,
)

_ENCODER: Final = msgspec.msgpack.Encoder()
_FIXMAP: Final = 0x80
_MAP16: Final = 0xDE


class Kinds(NamedTuple):
    """Names of the fields that are not turning."""

    still: tuple[str, ...] = ()
    sampled: tuple[str, ...] = ()
    left: tuple[str, ...] = ("memory",)


# A field that is not named is a turning one, and so are all of a kind that is not here.
KINDS: Final[dict[type[Row], Kinds]] = {
    CheckRow: Kinds(
        still=("id", "host", "kind", "label", "interval_s"),
        left=("memory", "last", "beats"),
    ),
    HostRow: Kinds(
        still=(
            *("id", "name", "role", "side", "address", "affiliation", "network"),
            *("historic", "claims", "hosting", "checks", "trace"),
        ),
        left=("rtt_ms", "loss", "last_at", "beats"),
    ),
    NetworkRow: Kinds(
        still=(
            *("id", "name", "timezone", "prefixes", "origin_asns", "upstream_asns"),
            "explanations",
        ),
        sampled=("upstreams",),
    ),
    VantageRow: Kinds(still=("id", "total")),
    CollectorRow: Kinds(
        sampled=(
            *("beat", "in_flight", "done", "missed", "skipped", "dropped"),
            *("lag_p50_ms", "lag_p99_ms"),
        ),
    ),
    RouteRow: Kinds(
        still=("prefix", "network"),
        sampled=("seen", "peers", "origins", "upstreams", "at", "reached", "known", "why"),
    ),
    FeedRow: Kinds(
        still=("name",), sampled=("at", "messages", "malformed", "late", "connects")
    ),
    PathRow: Kinds(
        still=("check", "host", "method"),
        sampled=("usual", "before", "current", "rounds", "at"),
    ),
    WitnessRow: Kinds(still=("network",), sampled=("at", "signs")),
    OriginsRow: Kinds(left=("kept", "at")),
    NamesRow: Kinds(left=("kept", "at")),
    AlertsRow: Kinds(sampled=("delivered",), left=("rings", "kept", "at")),
    RulesRow: Kinds(still=("sentences", "nexts", "base_rates")),
}
Field = tuple[str, Any]


class _Plan(NamedTuple):
    still: tuple[Field, ...]
    turning: tuple[Field, ...]
    sampled: tuple[Field, ...]


def _plan(kind: type[Row], kinds: Kinds) -> _Plan:
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        factory = field.default_factory
        fields[field.name] = field.default if factory is msgspec.NODEFAULT else factory()
    named = {*kinds.still, *kinds.sampled, *kinds.left}
    return _Plan(
        tuple((name, fields[name]) for name in kinds.still),
        tuple((name, default) for name, default in fields.items() if name not in named),
        tuple((name, fields[name]) for name in kinds.sampled),
    )


_PLANS: Final = {kind: _plan(kind, KINDS.get(kind, Kinds())) for kind in get_args(Row)}


class Cut(NamedTuple):
    """The parts of a row; ``still`` by value, the others as MessagePack maps."""

    kind: type[Row]
    still: tuple[Any, ...]
    turning: bytes
    sampled: bytes


def cut(row: Row) -> Cut:
    """Take a row apart."""
    plan = _PLANS[type(row)]
    return Cut(
        type(row),
        tuple(getattr(row, name) for name, _ in plan.still),
        _packed(row, plan.turning),
        _packed(row, plan.sampled) if plan.sampled else b"",
    )


def _packed(row: Row, fields: tuple[Field, ...]) -> bytes:
    said = {}
    for name, default in fields:
        value = getattr(row, name)
        if value != default:
            said[name] = value
    return _ENCODER.encode(said)


def still_record(parts: Cut) -> bytes:
    """The part that repeats, as a MessagePack map."""
    said = {}
    for (name, default), value in zip(_PLANS[parts.kind].still, parts.still, strict=True):
        if value != default:
            said[name] = value
    return _ENCODER.encode(said)


def join(subject: str, *maps: bytes | None) -> Row:
    """The row of its parts; what is left out has its default.

    Raises msgspec.MsgspecError or ValueError when they are no such row.
    """
    count, bodies = 0, []
    for packed in maps:
        if packed:
            entries, start = _head(packed)
            count += entries
            bodies.append(packed[start:])
    head = bytes([_MAP16]) + count.to_bytes(2, "big")
    return decode_row(subject, head + b"".join(bodies))


def _head(packed: bytes) -> tuple[int, int]:
    """How many entries a MessagePack map has, and where the first begins."""
    first = packed[0]
    if first & 0xF0 == _FIXMAP:
        return first & 0x0F, 1
    if first == _MAP16:
        return int.from_bytes(packed[1:3], "big"), 3
    raise ValueError("not a map of fields")


def turned(turning: bytes, kind: type[Row], **changes: Any) -> bytes:
    """The turning part with some fields changed; those that the kind has not are ignored."""
    said = msgspec.msgpack.decode(turning)
    for name, default in _PLANS[kind].turning:
        if name in changes:
            if changes[name] == default:
                said.pop(name, None)
            else:
                said[name] = changes[name]
    ordered = {name: said[name] for name, _ in _PLANS[kind].turning if name in said}
    return _ENCODER.encode(ordered)
