"""What a person says through a desk: the only thing a desk ever writes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from monitor.cache.schema import open_writing, speaking_of, transaction
from monitor.records import Micros, clean_text

VERBS: Final = ("probe", "reload", "trace")
SAY_BUSY_MS: Final = 5_000


class Request(msgspec.Struct):
    """What somebody asked the collector to do; ``verb`` is one of VERBS."""

    id: int
    at: Micros
    who: str
    verb: str
    subject: str
    argument: str = ""


class Says:
    """A connection of its own for requests; usable from one thread at a time.

    A request waits up to 5 s for the collector's commit to end, which takes milliseconds.
    A CacheLocked after that means that nothing was kept: asking again is safe.  So it is
    after any other CacheError.
    """

    def __init__(self, path: Path) -> None:
        """Open an existing cache; raises CacheMissing when there is none, or CacheError."""
        self._path = path
        self._db = open_writing(path, create=False)
        with speaking_of(path):
            self._db.execute(f"PRAGMA busy_timeout={SAY_BUSY_MS}")

    def request(self, at: Micros, who: str, verb: str, subject: str, argument: str = "") -> int:
        """Ask the collector for something; returns the request's id.

        Raises ValueError for an unknown verb, CacheError when it could not be kept.
        """
        if verb not in VERBS:
            raise ValueError(f"no such request: {verb!r}; known are {', '.join(VERBS)}")
        row = (at, clean_text(who), verb, clean_text(subject), clean_text(argument))
        with speaking_of(self._path), transaction(self._db):
            done = self._db.execute(
                "INSERT INTO requests (at, who, verb, subject, argument) VALUES (?,?,?,?,?)",
                row,
            )
            assert done.lastrowid is not None
            return done.lastrowid

    def close(self) -> None:
        self._db.close()
