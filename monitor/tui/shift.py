"""The person at the desk: what was said, what is new since they left, what they have seen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from monitor.cache.schema import CacheError
from monitor.entries import Seen
from monitor.records import SECOND, Micros
from monitor.tui.text import stamp

if TYPE_CHECKING:
    from monitor.tui.app import Desk

# An acknowledgement expires and a maintenance begins without anybody writing anything.
READ_EVERY_S: Final = 5.0
# In a drill time runs on: what is over must not look as if it held.
READ_EVERY: Final = 30 * SECOND


class Shift:
    """Reads the ledger beside the board, and marks what was seen."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._entry = -1
        self._event = -1
        self._read_at = 0.0
        self._taken_up = False

    async def read(self) -> bool:
        """Bring the book of the live board up to date where it may have changed."""
        board, source = self._desk.live, self._desk.source
        reached = board.cursor
        if not reached.file or not self._due(reached.entry, reached.event):
            return False
        if not reached.entry:
            self._taken_up = True
            return False
        try:
            book = await source.book(self._desk.live_now())
        except CacheError:
            # What was read before stands; the next poll says what is wrong.
            return False
        self._entry, self._event = reached.entry, reached.event
        self._read_at = time.monotonic()
        before, board.book = board.book, book
        if not self._taken_up:
            self._taken_up = True
            self._take_up()
        return (
            before.acks != book.acks
            or before.planned != book.planned
            or (len(before.said) != len(book.said) or before.said != book.said)
        )

    def _due(self, entry: int, event: int) -> bool:
        if (entry, event) != (self._entry, self._event):
            return True
        late = self._desk.live_now() - self._desk.live.book.at >= READ_EVERY
        return bool(entry) and late and time.monotonic() - self._read_at >= READ_EVERY_S

    def _take_up(self) -> None:
        """Say what is new since this person left."""
        desk = self._desk
        who = desk.source.who
        mark = desk.live.book.marks.get(who)
        if mark is None or desk.away:
            return
        count = desk.live.take_up(who)
        desk.say(f"since {who} left at {stamp(mark.at)}: {count} new events; v: all seen")

    def time(self) -> Micros:
        """The time of what is said now: in a drill no later than its data has come."""
        now, row = self._desk.live_now(), self._desk.live.collector
        return min(now, row.beat) if row is not None and row.drill else now

    async def mark(self) -> str:
        """Write down what was seen; one sentence where that failed, else ''."""
        desk = self._desk
        newest = desk.live.seen_event
        if not newest:
            return ""
        try:
            await desk.source.say(self.time(), "desk", Seen(newest))
        except (ValueError, CacheError) as error:
            return f"not remembered as seen: {error}"
        return ""

    async def leave(self) -> None:
        """On the way out: all that stands on the board was seen."""
        desk = self._desk
        if desk.source.refuses or desk.live.collector is None:
            return
        desk.live.mark_events_seen()
        if desk.live.seen_event != self._marked():
            await self.mark()

    def _marked(self) -> int:
        mark = self._desk.live.book.marks.get(self._desk.source.who)
        return mark.body.newest if mark is not None and isinstance(mark.body, Seen) else 0
