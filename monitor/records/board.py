"""The board: every kind of row, its subject, and how it is kept."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from monitor.records.events import Event
from monitor.records.hosts import CheckRow, HostRow
from monitor.records.networks import NetworkRow, VantageRow
from monitor.records.paths import PathRow
from monitor.records.process import AlertsRow, CollectorRow, NamesRow, OriginsRow, RulesRow
from monitor.records.routes import FeedRow, RouteRow, WitnessRow

Row = (
    CheckRow
    | HostRow
    | NetworkRow
    | VantageRow
    | CollectorRow
    | RulesRow
    | RouteRow
    | FeedRow
    | PathRow
    | WitnessRow
    | OriginsRow
    | NamesRow
    | AlertsRow
)


# Rows of which there is one.
_ALONE: Final[dict[type[Row], str]] = {
    CollectorRow: "collector",
    RulesRow: "rules",
    OriginsRow: "origins",
    NamesRow: "names",
    AlertsRow: "alerts",
}


def subject_of(row: Row) -> str:
    """The subject under which a current row is kept, e.g. ``host:ns1-kptc``."""
    match row:
        case CheckRow():
            return f"check:{row.id}"
        case HostRow():
            return f"host:{row.id}"
        case NetworkRow():
            return f"network:{row.id}"
        case VantageRow():
            return f"vantage:{row.id}"
        case RouteRow():
            return f"route:{row.prefix}"
        case FeedRow():
            return f"feed:{row.name}"
        case PathRow():
            return f"path:{row.check}"
        case WitnessRow():
            return f"witness:{row.network}"
        case _:
            return _ALONE[type(row)]


class Verdict(msgspec.Struct):
    """What an assessment step changed: events in order, and the rows to keep.

    ``look`` names hosts that should be looked at soon, because the picture is changing.
    """

    events: list[Event] = []
    rows: dict[str, Row] = {}
    look: list[str] = []

    def add(self, row: Row) -> None:
        """Keep ``row`` as the newest of its subject."""
        self.rows[subject_of(row)] = row


_ENCODER = msgspec.msgpack.Encoder()


_ROW_TYPES: Final[dict[str, type[Any]]] = {
    "check": CheckRow,
    "host": HostRow,
    "network": NetworkRow,
    "vantage": VantageRow,
    "collector": CollectorRow,
    "route": RouteRow,
    "feed": FeedRow,
    "rules": RulesRow,
    "path": PathRow,
    "origins": OriginsRow,
    "names": NamesRow,
    "witness": WitnessRow,
    "alerts": AlertsRow,
}


_ROW_DECODERS: Final = {
    name: msgspec.msgpack.Decoder(kind) for name, kind in _ROW_TYPES.items()
}


def encode(record: msgspec.Struct) -> bytes:
    """MessagePack of a record, as the cache keeps it."""
    return _ENCODER.encode(record)


def decode_row(subject: str, blob: bytes) -> Row:
    """The current row kept under ``subject``.

    Raises msgspec.DecodeError (ValidationError) when the blob is not such a row.
    """
    row: Row = _ROW_DECODERS[subject.partition(":")[0]].decode(blob)
    return row
