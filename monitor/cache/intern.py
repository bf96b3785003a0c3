"""Dictionary tables: each text once in the file, a small number wherever it is used."""

from __future__ import annotations

import sqlite3
from typing import Final

_REMEMBERED: Final = 65_536


class Dictionary:
    """Numbers of texts, remembered between commits.

    ``clear`` must follow a rollback: the file may not hold what is remembered.
    """

    def __init__(self, db: sqlite3.Connection, table: str, column: str) -> None:
        self._db = db
        self._insert = f"INSERT INTO {table} ({column}) VALUES (?)"  # noqa: S608 - our own names
        self._select = f"SELECT no FROM {table} WHERE {column} = ?"  # noqa: S608 - our own names
        self._known: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The number of ``text``, given now if it is new; inside a transaction."""
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            rows = self._db.execute(self._select, (text,)).fetchall()
            if not rows:
                rows = [(self._db.execute(self._insert, (text,)).lastrowid,)]
            found = self._known[text] = int(rows[0][0])
        return found

    def clear(self) -> None:
        self._known.clear()
