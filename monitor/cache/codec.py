"""Between records and columns: what the writer binds and the reader gets back."""

from __future__ import annotations

from typing import Any, Final, get_args

import msgspec

from monitor.cache import details
from monitor.records import (
    Event,
    EventKind,
    Observation,
    Outcome,
    Reason,
    Row,
    decode_row,
    encode,
)

LOCAL: Final = "local"
_INT64: Final = 1 << 63
# What Python raises when a value has no place in a column or in MessagePack.
REFUSALS: Final = (OverflowError, UnicodeError, TypeError, ValueError)
OBSERVED: Final = (
    "check_id, at, outcome, reason, rtt_ms, sent, received, took_ms, address, said_by,"
    " stalled, note, vantage, detail, facts"
)
EVENT_SAID: Final = (
    "at, kind, subject, old, new, hard, reason, rule, text, since, until, quiet, evidence"
)
EVENT: Final = f"{EVENT_SAID}, id"
ROW: Final = (
    "SELECT c.subject, c.record, m.record FROM current AS c"
    " LEFT JOIN memories AS m ON m.subject = c.subject"
)
ROWS: Final = f"{ROW} ORDER BY c.subject"
# What a decoder raises on a record that is not what it should be.
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, LookupError, TypeError)

_EVIDENCE: Final = msgspec.msgpack.Decoder(tuple[Observation, ...])
_MEMORIES: Final = {
    kind: msgspec.msgpack.Decoder(field.type)
    for kind in get_args(Row)
    for field in msgspec.structs.fields(kind)
    if field.name == "memory"
}
_ENCODER: Final = msgspec.msgpack.Encoder()


def keepable(record: msgspec.Struct) -> bool:
    """Whether the file can hold ``record``: text that is text, numbers of 64 bits."""
    try:
        kept = _ENCODER.encode(record)
    except REFUSALS:
        return False
    # MessagePack has unsigned numbers up to 2**64, SQLite has not.
    numbers = msgspec.structs.astuple(record)
    return bool(kept) and all(
        -_INT64 <= number < _INT64 for number in numbers if isinstance(number, int)
    )


def observation_of(row: tuple[Any, ...]) -> Observation:
    """The observation in a row of the columns OBSERVED; raises one of UNREADABLE."""
    check, at, outcome, reason, rtt, sent, received, took, address, said_by = row[:10]
    stalled, note, vantage, detail, varying = row[10:]
    return Observation(
        check=check,
        at=at,
        outcome=Outcome(outcome),
        reason=Reason.NONE if reason is None else Reason(reason),
        rtt_ms=rtt,
        sent=sent,
        received=received,
        took_ms=took or 0.0,
        address=address or "",
        said_by=said_by or "",
        stalled=bool(stalled),
        note=note or "",
        vantage=LOCAL if vantage is None else vantage,
        facts=None if detail is None else details.join(detail, varying),
    )


def event_columns(event: Event) -> tuple[Any, ...]:
    """The columns EVENT_SAID: all but the id, which the cache gives."""
    evidence = _ENCODER.encode(event.evidence) if event.evidence else None
    return (
        event.at,
        event.kind.value,
        event.subject,
        event.old,
        event.new,
        int(event.hard),
        event.reason.value,
        event.rule,
        event.text,
        event.since,
        event.until,
        int(event.quiet),
        evidence,
    )


def event_of(row: tuple[Any, ...]) -> Event:
    """The event in a row of the columns EVENT; raises one of UNREADABLE."""
    at, kind, subject, old, new, hard, reason, rule, text, since, until = row[:11]
    quiet, evidence, no = row[11:]
    return Event(
        at=at,
        kind=EventKind(kind),
        subject=subject,
        text=text,
        old=old,
        new=new,
        hard=bool(hard),
        reason=Reason(reason),
        rule=rule,
        since=since,
        until=until,
        quiet=bool(quiet),
        evidence=() if evidence is None else _EVIDENCE.decode(evidence),
        id=no,
    )


def row_blobs(row: Row) -> tuple[bytes, bytes | None]:
    """The record of a current row without the judge's memory, and that memory."""
    memory = getattr(row, "memory", None)
    if memory is None:
        return encode(row), None
    return encode(without_memory(row)), encode(memory)


def without_memory(row: Row) -> Row:
    """A row as readers get it; only the judge needs its memory, and it is most of its size."""
    if type(row) not in _MEMORIES:
        return row
    return msgspec.structs.replace(row, memory=None)


def row_of(subject: str, record: bytes, memory: bytes | None = None) -> Row:
    """The current row kept under ``subject``; raises one of UNREADABLE."""
    row = decode_row(subject, record)
    if memory is not None:
        row = msgspec.structs.replace(row, memory=_MEMORIES[type(row)].decode(memory))
    return row
