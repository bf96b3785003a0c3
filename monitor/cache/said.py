"""Entries of the ledger between records and their table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from monitor.cache import chain, codec
from monitor.cache.ledger import RECOVERED, TURNS
from monitor.entries import Ack, Entry, decode_body
from monitor.records import Micros, State, encode

COLUMNS: Final = chain.COLUMNS[chain.ENTRIES]
_MAX_TIME: Final = 2**63 - 1
_SELECT: Final = f"SELECT {COLUMNS} FROM entries WHERE id > ? AND at <= ? ORDER BY id"  # noqa: S608 - our own names
_ONE: Final = f"SELECT {COLUMNS} FROM entries WHERE id = ?"  # noqa: S608 - our own names
_INSERT: Final = f"INSERT INTO entries ({COLUMNS}, link) VALUES (?,?,?,?,?,?,?,?,?)"  # noqa: S608 - our own names
_TURNS: Final = ",".join(f"'{kind}'" for kind in sorted(TURNS))
_ENDED: Final = (
    f"SELECT {codec.EVENT} FROM events WHERE subject = ? AND at > ? AND at <= ? AND hard = 1"  # noqa: S608 - our own names
    f" AND kind IN ({_TURNS}) AND new {{rule}} ORDER BY id LIMIT 1"
)
_RECOVERED: Final = ",".join(f"'{word}'" for word in sorted(RECOVERED))
_ENDED_STICKY: Final = _ENDED.format(rule=f"IN ({_RECOVERED}) AND ?4 NOT NULL")
_ENDED_PLAIN: Final = _ENDED.format(rule=f"NOT IN ('{State.UNKNOWN}', ?4)")


def entry_of(row: tuple[Any, ...]) -> Entry:
    """The entry in a row of COLUMNS; raises one of codec.UNREADABLE."""
    number, at, who, _, subject, event, refers, body = row
    return Entry(number, at, who, subject, decode_body(body), event, refers)


def columns_of(entry: Entry) -> tuple[Any, ...]:
    """COLUMNS of an entry."""
    return (
        entry.id,
        entry.at,
        entry.who,
        entry.kind.value,
        entry.subject,
        entry.event,
        entry.refers,
        encode(entry.body),
    )


def keep(db: sqlite3.Connection, entry: Entry, link: bytes | None = None) -> None:
    """Write an entry, chained to the last unless its ``link`` is known; in a transaction."""
    columns = columns_of(entry)
    if link is None:
        link = chain.link_of(chain.last(db, chain.ENTRIES).link, columns)
    db.execute(_INSERT, (*columns, link))


def row(db: sqlite3.Connection, number: int) -> tuple[Any, ...] | None:
    """The row of one entry."""
    found: list[tuple[Any, ...]] = db.execute(_ONE, (number,)).fetchall()
    return found[0] if found else None


def rows(db: sqlite3.Connection, after: int, until: Micros) -> list[tuple[Any, ...]]:
    """Rows of the entries after an id, with ``at <= until``, oldest first."""
    return db.execute(_SELECT, (after, until)).fetchall()


class Spoken:
    """Every entry that can be read, oldest first; what was written never changes, so only what
    is new is read.
    """

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._last = 0

    def read(self, db: sqlite3.Connection) -> list[Entry]:
        for row in rows(db, self._last, _MAX_TIME):
            self._last = row[0]
            with suppress(*codec.UNREADABLE):
                self._entries.append(entry_of(row))
        return self._entries


def endings(
    db: sqlite3.Connection, entries: Iterable[Entry], until: Micros
) -> list[tuple[Any, ...]]:
    """Rows of the events that end the newest acknowledgement of each subject by ``until``."""
    newest = {entry.subject: entry for entry in entries if isinstance(entry.body, Ack)}
    found: list[tuple[Any, ...]] = []
    for subject, entry in newest.items():
        assert isinstance(entry.body, Ack)
        query = _ENDED_STICKY if entry.body.sticky else _ENDED_PLAIN
        values = (subject, entry.at, until, entry.body.state)
        found += db.execute(query, values).fetchall()
    return found
