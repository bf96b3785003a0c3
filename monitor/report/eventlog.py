"""The event log as a stream of lines: text for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from monitor.cache.reader import Cursor, Reader
from monitor.records import SECOND, CollectorRow, Event, EventKind, Micros

PAGE: Final = 500
# Without a time to begin at: the newest, as many as a screen takes.
NEWEST: Final = 20
_LOOKED_THROUGH: Final = 2_000


class EventLog:
    """Reads on where it stopped, also in a file that took the place of the first.

    Every method raises CacheError.
    """

    def __init__(
        self, path: Path, *, since: Micros | None, subject: str | None, soft: bool
    ) -> None:
        """From ``since`` on, or the newest; of one subject; with ``soft`` steps or without."""
        self._reader = Reader(path)
        self._since = since
        self._subject = subject
        self._soft = soft
        self._cursor: Cursor | None = None
        row = self._reader.row("collector")
        self.drill = row.drill if isinstance(row, CollectorRow) else ""

    def pages(self) -> Iterator[list[Event]]:
        """What there is, oldest first, page by page; call again for what has come since."""
        if self._cursor is None:
            yield self._begin()
        while True:
            assert self._cursor is not None
            found = self._reader.changes(self._cursor, PAGE)
            self._cursor = found.cursor
            page = [event for event in found.events if self._wanted(event)]
            if page:
                yield page
            if not found.more:
                return

    def _begin(self) -> list[Event]:
        """What is before the cursor from which reading goes on."""
        now = self._reader.changes(Cursor(), 1)
        if self._since is None:
            self._cursor = now.cursor
            newest = self._reader.events(
                subject=self._subject, before=now.cursor.event + 1, limit=_LOOKED_THROUGH
            )
            return [event for event in newest if self._wanted(event)][:NEWEST][::-1]
        before = self._reader.events(until=self._since, limit=1)
        last = before[0].id if before else 0
        # All rows are known: only events are asked for.
        self._cursor = msgspec.structs.replace(now.cursor, event=last)
        return []

    def _wanted(self, event: Event) -> bool:
        if self._subject not in (None, event.subject):
            return False
        if self._since is not None and event.at < self._since:
            return False
        news = not event.quiet and (event.hard or event.kind is EventKind.ROUTE)
        return news or self._soft

    def close(self) -> None:
        self._reader.close()


def as_text(event: Event) -> str:
    """``2014-12-22 16:20:01Z  transition  network:kp  PARTIAL → LOST  0 of 14 inside ...``."""
    turn = f"{event.old} → {event.new}" if event.old and event.new else event.new or event.old
    kind = event.kind if event.hard else f"{event.kind} (soft)"
    said = f"{turn}  {event.text}" if turn else event.text
    return f"{_iso(event.at, ' ')}  {kind:<10}  {event.subject}  {said}"


def as_json(event: Event, drill: str = "") -> str:
    """One JSON object; times are ISO 8601 in UTC, ``synthetic`` names a drill."""
    said: dict[str, Any] = {
        "id": event.id,
        "at": _iso(event.at),
        "kind": event.kind,
        "subject": event.subject,
        "old": event.old,
        "new": event.new,
        "hard": event.hard,
        "quiet": event.quiet,
        "reason": event.reason,
        "rule": event.rule,
        "text": event.text,
        "since": _iso(event.since) if event.since else None,
        "until": _iso(event.until) if event.until else None,
        "evidence": [
            {"check": seen.check, "at": _iso(seen.at), "outcome": seen.outcome}
            | {"reason": seen.reason, "rtt_ms": seen.rtt_ms, "address": seen.address}
            for seen in event.evidence
        ],
    }
    if drill:
        said["synthetic"] = drill
    return msgspec.json.encode(said).decode()


def _iso(at: Micros, between: str = "T") -> str:
    """Whole seconds for people, microseconds for programs."""
    form = f"%Y-%m-%d{between}%H:%M:%S" + (".%f" if between == "T" else "")
    return (
        f"{datetime.fromtimestamp(at // SECOND, UTC).replace(microsecond=at % SECOND):{form}}Z"
    )
