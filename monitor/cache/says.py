"""What a person says through a desk: the only thing a desk ever writes."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Final

import msgspec

from monitor.cache import chain, codec, said
from monitor.cache.ledger import may_refer
from monitor.cache.schema import CacheRefused, open_writing, speaking_of, transaction
from monitor.entries import Body, End, Entry, cleaned
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
    """A connection of its own; usable from one thread at a time.

    A request, or an entry, waits up to 5 s for the collector's commit to end, which takes
    milliseconds.  A CacheLocked after that means that nothing was kept: asking again is
    safe.  So it is after any other CacheError.
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

    def say(
        self,
        at: Micros,
        who: str,
        subject: str,
        body: Body,
        *,
        event: int = 0,
        refers: int = 0,
    ) -> Entry:
        """Write an entry into the ledger, for ever; returns it with its id.

        ``refers`` is an earlier entry that it amends or ends: it then is about the same
        subject and event.  Raises ValueError for an entry without author or too long, and
        CacheError when it could not be kept or refers to what it cannot amend.
        """
        who = clean_text(who.strip())
        if not who:
            raise ValueError("an entry needs its author")
        entry = Entry(0, at, who, clean_text(subject), cleaned(body), event, refers)
        with speaking_of(self._path), transaction(self._db):
            if refers:
                entry = self._referring(entry)
            elif isinstance(body, End):
                raise CacheRefused("say which entry is to end")
            number = chain.next_id(self._db, chain.ENTRIES)
            entry = msgspec.structs.replace(entry, id=number)
            said.keep(self._db, entry)
        return entry

    def _referring(self, entry: Entry) -> Entry:
        row = said.row(self._db, entry.refers)
        try:
            earlier = None if row is None else said.entry_of(row)
        except codec.UNREADABLE as error:
            raise CacheRefused(f"entry {entry.refers} cannot be read") from error
        trouble = may_refer(entry.body, earlier)
        if earlier is None or trouble:
            raise CacheRefused(trouble)
        event = entry.event or earlier.event
        return msgspec.structs.replace(entry, subject=earlier.subject, event=event)

    def close(self) -> None:
        self._db.close()


def os_user() -> str:
    """The name of the person at the machine, as it knows it; "desk" where it knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "desk"
