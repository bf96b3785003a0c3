"""A writer that survives the damage of its file: set aside at work, and on with the rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from monitor.cache.rescue import open_or_set_aside, set_aside
from monitor.cache.says import Request
from monitor.cache.schema import CacheCorrupt
from monitor.cache.upkeep import DEFAULT, Retention
from monitor.cache.writer import Writer
from monitor.records import Event, EventKind, Micros, Observation, Row, decode_row, encode


class EnduringWriter:
    """As :class:`Writer`.  ``notice`` says what was set aside at the start, '' for nothing.

    A call that meets damage raises CacheCorrupt, so that it is said while it lasts; the next
    one sets the file aside first, and a commit tells of it in the log.
    """

    def __init__(self, path: Path, retention: Retention = DEFAULT) -> None:
        """Open the cache, or begin a new one with the rest of a damaged one.

        Raises CacheError for everything but damage.
        """
        self._path = path
        self._retention = retention
        self._turn = threading.Lock()
        self._damage = ""
        self._untold: list[str] = []
        self._known: dict[str, Row] = {}
        self._writer: Writer | None = None
        self._writer, self.notice = open_or_set_aside(path)
        self._writer.retention = retention

    def commit(
        self,
        observations: Sequence[Observation],
        events: Sequence[Event],
        rows: Mapping[str, Row],
        at: Micros,
    ) -> list[Event]:
        """See :meth:`Writer.commit`; what was set aside is told after ``events``."""
        with self._whole() as writer:
            told = [Event(at, EventKind.HEALTH, "collector", text) for text in self._untold]
            if told:
                rows = {**self._known, **rows}
            kept = writer.commit(observations, [*events, *told], rows, at)
            del self._untold[: len(told)]
            self._remember(rows)
        return kept[: len(kept) - len(told)]

    def rows(self) -> dict[str, Row]:
        """See :meth:`Writer.rows`."""
        with self._whole() as writer:
            rows = writer.rows()
        # The judge goes on with what is returned here.
        self._remember({name: decode_row(name, encode(row)) for name, row in rows.items()})
        return rows

    def requests(self, after: int) -> list[Request]:
        """See :meth:`Writer.requests`."""
        with self._whole() as writer:
            return writer.requests(after)

    def maintain(self, now: Micros) -> bool:
        """See :meth:`Writer.maintain`."""
        with self._whole() as writer:
            return writer.maintain(now)

    def close(self) -> None:
        with self._turn:
            if self._writer is not None:
                self._writer.close()

    def _remember(self, rows: Mapping[str, Row]) -> None:
        """Rows that may not change for days; a check's comes again with its next run."""
        for subject, row in rows.items():
            if not subject.startswith("check:"):
                self._known[subject] = row

    @contextmanager
    def _whole(self) -> Iterator[Writer]:
        with self._turn:
            writer = self._mended()
            try:
                yield writer
            except CacheCorrupt as error:
                self._damage = str(error)
                raise

    def _mended(self) -> Writer:
        """The writer, of another file where damage was met; raises CacheError."""
        if self._writer is not None and not self._damage:
            return self._writer
        damage, self._damage = self._damage, ""
        writer, self._writer = self._writer, None
        if writer is None:
            # Setting it aside was cut short: what has been begun is gone on with.
            mended, said = open_or_set_aside(self._path)
        else:
            writer.close()
            mended, said = set_aside(self._path, damage)
        mended.retention = self._retention
        self._writer = mended
        self._untold += [said] if said else []
        return mended
