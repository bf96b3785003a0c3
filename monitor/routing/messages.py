"""RIS Live messages, from one line of JSON each; pure, and never raising.

Format: https://ris-live.ripe.net/manual/.  Recordings show more than it promises: AS_SETs
as nested lists, empty paths and announcements, a missing ``type``, uncompressed IPv6, one
prefix under two next hops, ``host`` with and without its domain.  All of it is understood,
unknown keys are ignored, and what cannot be understood is :class:`Malformed`.
"""

from __future__ import annotations

import functools
import ipaddress
from enum import StrEnum
from typing import Any, Final

import msgspec

from monitor.records import SECOND, Micros, clean_text

# A path from the peer to the origin; an AS_SET (RFC 4271 section 4.3) is a tuple in it.
Path = tuple[int | tuple[int, ...], ...]

MAX_ASN: Final = 4_294_967_295
_MAX_PREFIX_TEXT: Final = 64
# Longer texts and paths than BGP can carry (RFC 8654) are no recordings of it.
_MAX_PATH: Final = 2_048
_MAX_PREFIXES: Final = 16_384
_LAST_SECOND: Final = 4_102_444_800  # the year 2100


class MessageKind(StrEnum):
    """Kinds of messages of a peer, as RIS Live names them."""

    UPDATE = "UPDATE"
    OPEN = "OPEN"
    NOTIFICATION = "NOTIFICATION"
    KEEPALIVE = "KEEPALIVE"
    PEER_STATE = "RIS_PEER_STATE"


class RouteMessage(msgspec.Struct, frozen=True):
    """One message of one peer.

    ``peer`` is its address in canonical form; it names the peer, as no address is at two
    collectors.  ``path`` belongs to ``announced``; prefixes are canonical, each once.
    ``up`` is what a PEER_STATE says, else None.
    """

    at: Micros
    kind: MessageKind
    peer: str
    peer_asn: int = 0
    host: str = ""
    path: Path = ()
    announced: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    up: bool | None = None


class NoticeKind(StrEnum):
    """What the service says in its own name."""

    ERROR = "ris_error"
    SUBSCRIBED = "ris_subscribe_ok"
    COLLECTORS = "ris_rrc_list"
    PONG = "pong"


class Notice(msgspec.Struct, frozen=True):
    """A message of the service itself; ``text`` is of an error, for people."""

    kind: NoticeKind
    text: str = ""


class Flaw(StrEnum):
    """Why a line is no message."""

    JSON = "json"
    SHAPE = "shape"
    KIND = "kind"
    TIME = "time"
    PEER = "peer"
    PATH = "path"
    PREFIX = "prefix"


class Malformed(msgspec.Struct, frozen=True):
    """A line that cannot be understood; ``text`` is its beginning, for people."""

    flaw: Flaw
    text: str = ""


class _Envelope(msgspec.Struct):
    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Announcement(msgspec.Struct):
    prefixes: list[str] | None = None


class _Data(msgspec.Struct):
    timestamp: float = -1.0
    peer: str = ""
    peer_asn: int | str = 0
    host: str | None = ""
    type: str | None = ""
    path: list[Any] | None = None
    announcements: list[_Announcement] | None = None
    withdrawals: list[str] | None = None
    state: str | None = ""


class _Error(msgspec.Struct):
    message: str = ""


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_DATA: Final = msgspec.json.Decoder(_Data)
_ERROR: Final = msgspec.json.Decoder(_Error)
_KINDS: Final = {kind.value: kind for kind in MessageKind}
_NOTICES: Final = {kind.value: kind for kind in NoticeKind}
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@functools.lru_cache(maxsize=8_192)
def canonical_prefix(text: str) -> str:
    """A prefix in its canonical form; raises ValueError, also where host bits are set."""
    if len(text) > _MAX_PREFIX_TEXT or "/" not in text:
        raise ValueError(text[:_MAX_PREFIX_TEXT])
    return str(ipaddress.ip_network(text))


@functools.lru_cache(maxsize=8_192)
def canonical_address(text: str) -> str:
    """An address in its canonical form, without a zone; raises ValueError."""
    if len(text) > _MAX_PREFIX_TEXT:
        raise ValueError(text[:_MAX_PREFIX_TEXT])
    return str(ipaddress.ip_address(text.partition("%")[0]))


def parse_line(line: bytes) -> RouteMessage | Notice | Malformed | None:
    """What one line says; None for a blank one.  Never raises."""
    line = line.strip()
    if not line:
        return None
    try:
        envelope = _ENVELOPE.decode(line)
        notice = _NOTICES.get(envelope.type)
        if notice is not None:
            return _notice(notice, envelope.data)
        if envelope.type not in ("", "ris_message"):
            return _malformed(Flaw.KIND, line)
        data = _DATA.decode(envelope.data)
    except msgspec.ValidationError:
        return _malformed(Flaw.SHAPE, line)
    except _UNREADABLE:
        return _malformed(Flaw.JSON, line)
    found = _message(data)
    return _malformed(found, line) if isinstance(found, Flaw) else found


def path_text(path: Path) -> str:
    """A path as people write it: ``6939 1853 {64500 64501}``."""
    return " ".join(
        str(part) if isinstance(part, int) else "{" + " ".join(map(str, part)) + "}"
        for part in path
    )


def _malformed(flaw: Flaw, line: bytes) -> Malformed:
    return Malformed(flaw, clean_text(line[:200], 80))


def _notice(kind: NoticeKind, data: msgspec.Raw) -> Notice:
    if kind is not NoticeKind.ERROR:
        return Notice(kind)
    try:
        return Notice(kind, clean_text(_ERROR.decode(data).message))
    except _UNREADABLE:
        return Notice(kind)


def _message(data: _Data) -> RouteMessage | Flaw:
    kind = _kind(data)
    if kind is None:
        return Flaw.KIND
    if not 0 <= data.timestamp <= _LAST_SECOND:
        return Flaw.TIME
    try:
        peer = canonical_address(data.peer)
        peer_asn = int(data.peer_asn or 0)
    except ValueError:
        return Flaw.PEER
    if not 0 <= peer_asn <= MAX_ASN:
        return Flaw.PEER
    path = read_path(data.path or ())
    if path is None:
        return Flaw.PATH
    try:
        announced = _prefixes(
            prefix for part in data.announcements or () for prefix in part.prefixes or ()
        )
        withdrawn = _prefixes(data.withdrawals or ())
    except ValueError:
        return Flaw.PREFIX
    if len(announced) + len(withdrawn) > _MAX_PREFIXES:
        return Flaw.PREFIX
    return RouteMessage(
        at=round(data.timestamp * SECOND),
        kind=kind,
        peer=peer,
        peer_asn=peer_asn,
        host=clean_text((data.host or "").partition(".")[0].lower(), 16),
        path=path,
        announced=announced,
        withdrawn=withdrawn,
        up=_up(data) if kind is MessageKind.PEER_STATE else None,
    )


def _kind(data: _Data) -> MessageKind | None:
    if data.type:
        return _KINDS.get(data.type)
    if data.announcements is not None or data.withdrawals is not None:
        return MessageKind.UPDATE
    return MessageKind.PEER_STATE if data.state else None


def _up(data: _Data) -> bool | None:
    return {"connected": True, "up": True, "down": False}.get((data.state or "").lower())


def read_path(parts: Any) -> Path | None:
    """A path out of JSON: numbers, and lists of numbers for AS_SETs; None if it is none."""
    if len(parts) > _MAX_PATH:
        return None
    out: list[int | tuple[int, ...]] = []
    for part in parts:
        if type(part) is int and 0 <= part <= MAX_ASN:
            out.append(part)
        elif (
            isinstance(part, list)
            and len(part) <= _MAX_PATH
            and all(type(asn) is int and 0 <= asn <= MAX_ASN for asn in part)
        ):
            out.append(tuple(part))
        else:
            return None
    return tuple(out)


def _prefixes(texts: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(canonical_prefix, texts)))
