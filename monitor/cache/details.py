"""Facts in two halves: what repeats from run to run, kept once, and what varies.

A certificate, a DNS answer, a page title are the same for days while the milliseconds
change at each run: without this an HTTPS observation takes several times the disk.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Any, Final, NamedTuple

import msgspec

from monitor.records import (
    DAY,
    DnsFacts,
    Facts,
    Hop,
    HopWindow,
    HttpFacts,
    IcmpFacts,
    Micros,
    Phases,
    TcpFacts,
    TraceFacts,
    encode,
)

_REMEMBERED: Final = 65_536
_DIGEST_BYTES: Final = 16
_ENCODER: Final = msgspec.msgpack.Encoder()
_FACTS: Final[msgspec.msgpack.Decoder[Facts]] = msgspec.msgpack.Decoder(Facts)
_Ms = float | None

# Of each kind of facts: the fields that vary, with what stands in their place in the half
# that repeats, and how their values are read back.
_VARYING: Final[dict[type[Facts], tuple[dict[str, Any], Any]]] = {
    IcmpFacts: ({"rtts_ms": ()}, tuple[tuple[_Ms, ...]]),
    TcpFacts: (
        {"connect_ms": None, "kernel_rtt_ms": None, "tls_ms": None},
        tuple[_Ms, _Ms, _Ms],
    ),
    DnsFacts: ({"lost": 0}, tuple[int]),
    HttpFacts: ({"phases": Phases(), "size": 0}, tuple[Phases, int]),
    TraceFacts: (
        {"hops": (), "target": None},
        tuple[tuple[Hop, ...], HopWindow | None],
    ),
}
_DECODERS: Final = {
    kind: msgspec.msgpack.Decoder(types) for kind, (_, types) in _VARYING.items()
}


class Split(NamedTuple):
    """The halves of facts as MessagePack, and the digest of the one that repeats."""

    repeated: bytes | None
    digest: bytes
    varying: bytes | None


_NOTHING: Final = Split(None, b"", None)


def split(facts: Facts | None) -> Split:
    """Take facts apart; :func:`join` puts them together again, exactly."""
    if facts is None:
        return _NOTHING
    neutral, _ = _VARYING[type(facts)]
    varying = _ENCODER.encode([getattr(facts, name) for name in neutral])
    repeated = encode(msgspec.structs.replace(facts, **neutral))
    digest = hashlib.blake2b(repeated, digest_size=_DIGEST_BYTES).digest()
    return Split(repeated, digest, varying)


def join(repeated: bytes, varying: bytes) -> Facts:
    """The facts of two halves; raises msgspec.DecodeError, TypeError or ValueError."""
    facts = _FACTS.decode(repeated)
    neutral, _ = _VARYING[type(facts)]
    values = _DECODERS[type(facts)].decode(varying)
    return msgspec.structs.replace(facts, **dict(zip(neutral, values, strict=True)))


class Details:
    """Numbers of the halves that repeat.

    ``day`` of each is the last day (UTC, counted from 1970) of an observation that has it,
    which is how the purge knows that none is left.  ``clear`` must follow a rollback and a
    purge: the file may not hold what is remembered.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._known: dict[bytes, tuple[int, int]] = {}

    def number(self, facts: Split, at: Micros) -> int | None:
        """The number of the half that repeats, given now if it is new; in a transaction."""
        if facts.repeated is None:
            return None
        day = at // DAY
        known = self._known.get(facts.digest)
        if known is None:
            known = self._look_up(facts.repeated, facts.digest, day)
        number, last = known
        if last < day:
            self._db.execute("UPDATE details SET day = ? WHERE no = ?", (day, number))
        self._known[facts.digest] = (number, max(last, day))
        return number

    def _look_up(self, repeated: bytes, digest: bytes, day: int) -> tuple[int, int]:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        found = self._db.execute(
            "SELECT no, day FROM details WHERE digest = ?", (digest,)
        ).fetchall()
        if found:
            return int(found[0][0]), int(found[0][1])
        number = self._db.execute(
            "INSERT INTO details (digest, day, record) VALUES (?,?,?)", (digest, day, repeated)
        ).lastrowid
        assert number is not None
        return number, day

    def clear(self) -> None:
        self._known.clear()
