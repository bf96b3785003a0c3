"""What a cache holds, as one number: equal for equal commits in equal order."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from monitor.cache.schema import open_reading, speaking_of

_ORDERED: Final = (
    ("checks", "no"),
    ("words", "no"),
    ("details", "no"),
    ("observations", "check_no, at"),
    ("traces", "check_no"),
    ("hops", "check_no, at, address, ttl"),
    ("events", "id"),
    ("entries", "id"),
    ("seals", "chain, id"),
    ("current", "subject"),
    ("memories", "subject"),
    ("requests", "id"),
    ("fives", "check_no, slot"),
    ("hours", "check_no, slot"),
    ("rolled", "check_no"),
    ("late", "check_no, slot"),
    ("subjects", "no"),
    ("sketches", "no"),
    ("history", "subject_no, at"),
    ("marks", "name"),
)


def content_hash(path: Path) -> str:
    """SHA-256 (hex) over the rows of every table in key order; raises CacheError.

    Where the rows lie in the file, and when they were written, does not count.
    """
    digest = hashlib.sha256()
    encoder = msgspec.msgpack.Encoder()
    db, _ = open_reading(path)
    try:
        with speaking_of(path):
            db.execute("BEGIN")
            for table, key in _ORDERED:
                digest.update(encoder.encode(table))
                for row in db.execute(f"SELECT * FROM {table} ORDER BY {key}"):  # noqa: S608 - our own names
                    digest.update(encoder.encode(row))
    finally:
        db.close()
    return digest.hexdigest()
