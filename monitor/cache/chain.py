"""The chains of hashes: what was written once cannot be altered without being noticed.

Every row of the event log, and every entry of the ledger, holds ``link``: SHA-256 over the
link before it and its own columns as MessagePack.  A *seal* stands where a chain begins or
begins again, and says why.  Nothing secret goes into a link: who may write the file can chain
it anew, so a chain proves something to those who know one of its links from elsewhere, such
as the manifest of a bundle.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from monitor.records import Micros

EVENTS: Final = "events"
ENTRIES: Final = "entries"
# Everything but the link, in the order in which it is hashed.
COLUMNS: Final = {
    EVENTS: (
        "id, at, kind, subject, old, new, hard, reason, rule, text, since, until, quiet,"
        " evidence"
    ),
    ENTRIES: "id, at, who, kind, subject, event, refers, body",
}
FIRST: Final = -(1 << 63)
_PAGE: Final = 1_000
_ENCODER: Final = msgspec.msgpack.Encoder()

TABLES: Final = (
    # Why a chain begins, or begins again, before the row of this id.
    """CREATE TABLE seals (
        chain TEXT NOT NULL, id INTEGER NOT NULL, at INTEGER NOT NULL, why TEXT NOT NULL,
        before BLOB NOT NULL, link BLOB NOT NULL,
        PRIMARY KEY (chain, id)) STRICT, WITHOUT ROWID""",
    "ALTER TABLE events ADD COLUMN link BLOB",
    """CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL,
        kind TEXT NOT NULL, subject TEXT NOT NULL, event INTEGER NOT NULL,
        refers INTEGER NOT NULL, body BLOB NOT NULL, link BLOB) STRICT""",
)


class Seal(msgspec.Struct, frozen=True):
    """Where a chain begins, before its row ``id``; ``at`` is 0 for a cache made new.

    ``before`` is the link before it.  Where ``link`` is the same, what stood between is not in
    this file; else ``link`` is the hash of the seal itself.
    """

    chain: str
    id: int
    at: Micros
    why: str
    before: bytes
    link: bytes

    @property
    def cut(self) -> bool:
        return bool(self.before) and self.before == self.link


class Broken(msgspec.Struct, frozen=True):
    """The first row that is not what was written, and how that shows."""

    id: int
    why: str


class Chain(msgspec.Struct, frozen=True):
    """A chain as it was found: ``length`` rows hold from its beginning to ``head``."""

    name: str
    length: int
    head: bytes
    seals: tuple[Seal, ...]
    broken: Broken | None = None


class Links(NamedTuple):
    """Where a chain stands: the id and the link of its last row."""

    id: int
    link: bytes


def link_of(before: bytes, columns: Sequence[Any]) -> bytes:
    """The link of a row of COLUMNS that follows ``before``."""
    return hashlib.sha256(before + _ENCODER.encode(tuple(columns))).digest()


def sealed(chain: str, row: int, at: Micros, why: str, before: bytes = b"") -> Seal:
    """A seal before the row of an id."""
    link = link_of(before, (chain, row, at, why))
    return Seal(chain, row, at, why, before, link)


def keep_seal(db: sqlite3.Connection, seal: Seal) -> None:
    db.execute(
        "INSERT OR REPLACE INTO seals (chain, id, at, why, before, link) VALUES (?,?,?,?,?,?)",
        msgspec.structs.astuple(seal),
    )


def begin(db: sqlite3.Connection) -> None:
    """Begin both chains in a file that has none; what stands there already is chained now."""
    for chain in (EVENTS, ENTRIES):
        relink(db, chain, "made by an earlier version, which kept no chain")


def relink(db: sqlite3.Connection, chain: str, why: str, since: int = FIRST) -> int:
    """Chain every row from ``since`` on anew, under a seal that says so; in a transaction.

    Returns how many rows that were.
    """
    db.execute("DELETE FROM seals WHERE chain = ? AND id >= ?", (chain, since))
    before = last(db, chain, since).link
    first, count = db.execute(
        f"SELECT min(id), count(*) FROM {chain} WHERE id >= ?",  # noqa: S608 - our own names
        (since,),
    ).fetchall()[0]
    if count:
        text = f"{count} {chain} from {first} on were chained then, not when written: {why}"
        seal = sealed(chain, first, time.time_ns() // 1_000, text, before)
    elif before:
        return 0
    else:
        seal = sealed(chain, 1, 0, "the beginning")
    keep_seal(db, seal)
    link = seal.link
    update = f"UPDATE {chain} SET link = ? WHERE id = ?"  # noqa: S608 - our own names
    strict, db.text_factory = db.text_factory, lenient
    try:
        for row in _rows(db, chain, since):
            link = link_of(link, row[:-1])
            db.execute(update, (link, row[0]))
    finally:
        db.text_factory = strict
    return int(count)


def lenient(raw: bytes) -> str:
    """Text of a file that may be damaged: it costs its row, not the whole answer."""
    return str(raw, "utf-8", "replace")


def last(db: sqlite3.Connection, chain: str, before: int | None = None) -> Links:
    """The last row of a chain (below the id ``before``), or what its first will follow."""
    bound = (1 << 63) - 1 if before is None else before
    rows = db.execute(
        f"SELECT id, link FROM {chain} WHERE id < ? ORDER BY id DESC LIMIT 1",  # noqa: S608 - our own names
        (bound,),
    ).fetchall()
    seals = db.execute(
        "SELECT id, link FROM seals WHERE chain = ? AND id < ? ORDER BY id DESC LIMIT 1",
        (chain, bound),
    ).fetchall()
    number = int(rows[0][0]) if rows else 0
    if seals and seals[0][0] > number:
        return Links(number, seals[0][1])
    return Links(number, (rows[0][1] if rows else None) or b"")


def next_id(db: sqlite3.Connection, chain: str) -> int:
    """The id that the next row gets: one that was never given."""
    found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (chain,)).fetchall()
    return int(found[0][0]) + 1 if found else 1


def seals(db: sqlite3.Connection, chain: str) -> tuple[Seal, ...]:
    found = db.execute(
        "SELECT chain, id, at, why, before, link FROM seals WHERE chain = ? ORDER BY id",
        (chain,),
    ).fetchall()
    return tuple(Seal(*row) for row in found)


def verify(db: sqlite3.Connection, chain: str) -> Chain:
    """Follow a chain from its beginning; its ``broken`` names the first altered row."""
    known = seals(db, chain)
    walk = follow(known, _rows(db, chain))
    return _with_tail(db, chain, Chain(chain, *walk[:2], known, walk[2]))


def follow(
    known: Sequence[Seal], rows: Iterator[tuple[Any, ...]]
) -> tuple[int, bytes, Broken | None]:
    """Follow rows (COLUMNS and the link) under seals: how many hold, the last link of
    these, and where it breaks.
    """
    waiting = list(known)
    link, length = b"", 0
    for row in rows:
        number = row[0]
        while waiting and waiting[0].id <= number:
            seal = waiting.pop(0)
            if not _holds(seal, link):
                return length, link, Broken(number, "the seal before it was altered")
            link = seal.link
        if not link:
            return length, link, Broken(number, "the chain has no beginning")
        if not isinstance(row[-1], bytes):
            return length, link, Broken(number, "it has no link: it was written past the chain")
        if link_of(link, row[:-1]) != row[-1]:
            return (
                length,
                link,
                Broken(
                    number, "it is not what was written, or what stood before it was taken out"
                ),
            )
        link, length = row[-1], length + 1
    return length, link, None


def _holds(seal: Seal, link: bytes) -> bool:
    if seal.cut:
        return True
    return seal.before == link and seal == sealed(
        seal.chain, seal.id, seal.at, seal.why, seal.before
    )


def _with_tail(db: sqlite3.Connection, chain: str, found: Chain) -> Chain:
    """Ids are never given twice, so the file remembers how many there were."""
    newest = db.execute(f"SELECT max(id) FROM {chain}").fetchall()[0][0] or 0  # noqa: S608 - our own names
    given = next_id(db, chain) - 1
    if found.broken or newest >= given:
        return found
    return msgspec.structs.replace(
        found, broken=Broken(newest + 1, f"the last rows, up to {given}, were taken out")
    )


def _rows(db: sqlite3.Connection, chain: str, since: int = FIRST) -> Iterator[tuple[Any, ...]]:
    query = (
        f"SELECT {COLUMNS[chain]}, link FROM {chain} WHERE id >= ? ORDER BY id LIMIT {_PAGE}"  # noqa: S608 - our own names
    )
    while rows := db.execute(query, (since,)).fetchall():
        yield from rows
        since = rows[-1][0] + 1
