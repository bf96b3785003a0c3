"""The event log: newest on top, day by day."""

from __future__ import annotations

from monitor.records import Event
from monitor.tui.board import is_soft
from monitor.tui.lines import Line, line
from monitor.tui.pages.event import event_line
from monitor.tui.text import day
from monitor.tui.widgets.linelist import LineList


class EventsPanel(LineList):
    """Events of the board; soft ones are hidden until asked for."""

    def __init__(self) -> None:
        super().__init__(id="events")
        self.soft = False
        self._items: list[Event | str] = []
        self._made: tuple[object, ...] = ()

    def count(self) -> int:
        return len(self._items)

    def line_key(self, index: int) -> str:
        item = self._items[index]
        return f"day:{item}" if isinstance(item, str) else f"event:{item.id}"

    def line(self, index: int, width: int) -> Line:
        item = self._items[index]
        if isinstance(item, str):
            rule = self.marks.rule
            return line((f"{rule * 2} {item} {rule * max(0, width - len(item) - 4)}", "dim"))
        board = self.desk.board
        made = event_line(item, board, width, self.marks)
        return Line(made.spans, made.key, made.target, item.id > board.seen_event)

    def titles(self) -> tuple[str, str]:
        new = self.desk.board.unread_events(soft=self.soft)
        soft = "all" if self.soft else "soft hidden"
        return "Events", f"{new} new, {soft}" if new else soft

    def toggle_soft(self) -> None:
        self.soft = not self.soft
        self._made = ()
        self.refresh_rows()

    def refresh_rows(self) -> None:
        board = self.desk.board
        newest = board.events[-1].id if board.events else 0
        made = (board, newest, day(self.desk.now()))
        if self._made == made:
            self.recheck()
            return
        self._made = made
        self._items = self._list(board.events)
        if not self.has_focus:
            # Nobody reads here: the newest stays in sight.
            self.index = 0
            self._clamp()
        self.relist()

    def _list(self, events: list[Event]) -> list[Event | str]:
        """Newest first, with a line above each day but today."""
        items: list[Event | str] = []
        current = day(self.desk.now())
        for event in reversed(events):
            if not self.soft and is_soft(event):
                continue
            date = day(event.at)
            if date != current:
                items.append(date)
                current = date
            items.append(event)
        return items

    def on_blur(self) -> None:
        self.desk.board.mark_events_seen()
        super().on_blur()
        self.recheck()
