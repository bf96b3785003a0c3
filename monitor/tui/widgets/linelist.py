"""A framed list of lines with a cursor, drawn by the Line API: only what is visible."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from monitor.tui import keymap
from monitor.tui.lines import Line, Target
from monitor.tui.style import Palette
from monitor.tui.text import Marks

if TYPE_CHECKING:
    from monitor.tui.app import Desk

_STRIPS_KEPT = 512
# The cursor's own column, left of every line.
GUTTER = 1


class LineList(ScrollView, can_focus=True):
    """Subclasses say how many lines there are and what each one is.

    A line's ``key`` is what the cursor follows when lines move.  ``recheck`` draws anew
    only those visible lines that changed; ``relist`` is for lines that moved.
    """

    BINDINGS = keymap.MOVE  # type: ignore[assignment]

    DEFAULT_CSS = """
    LineList {
        border: round $desk-border;
        border-title-color: $desk-dim;
        background: $background;
        color: $desk-text;
        scrollbar-size: 0 1;
        scrollbar-color: $desk-border;
        scrollbar-color-hover: $desk-focus;
        scrollbar-color-active: $desk-focus;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        overflow-x: hidden;
    }
    LineList:focus { border: round $desk-focus; border-title-color: $desk-strong; }
    """

    # Whether the cursor is marked while the keys go elsewhere.
    marks_always = False

    class Open(Message):
        """Enter or a double click on a line with something behind it."""

        def __init__(self, target: Target) -> None:
            super().__init__()
            self.target = target

    class Moved(Message):
        """The cursor stands on another line."""

        def __init__(self, lines: LineList) -> None:
            super().__init__()
            self.lines = lines

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self.index = 0
        self._key = ""
        # The line the cursor stood on, where going through time took it away.
        self._lost = ""
        self._strips: dict[int, Strip] = {}
        self._shape = (0, 0)
        self._framed = ""

    # --- what subclasses say --------------------------------------------------------

    def count(self) -> int:
        raise NotImplementedError

    def line(self, index: int, width: int) -> Line:
        """Line ``index``, at most ``width`` cells wide."""
        raise NotImplementedError

    def line_key(self, index: int) -> str:
        """What the cursor follows; Textual takes a method ``key_...`` for that key's own."""
        raise NotImplementedError

    def index_of(self, key: str) -> int | None:
        """Where the line with ``key`` stands now."""
        return next((at for at in range(self.count()) if self.line_key(at) == key), None)

    def column_line(self, width: int) -> Line | None:  # noqa: ARG002 - for subclasses
        """The head that stays in place above the lines, if the list has one."""
        return None

    def titles(self) -> tuple[str, str]:
        """What the frame says at its left and right end."""
        return "", ""

    def column_clicked(self, x: int) -> None:
        """A click on the head, at cell ``x``."""

    def visited(self) -> None:
        """The cursor was put on a line by the person at the desk."""

    # --- surroundings -----------------------------------------------------------------

    @property
    def desk(self) -> Desk:
        return cast("Desk", self.app)

    @property
    def target(self) -> Target | None:
        """What enter would open here."""
        return self.line(self.index, self.line_width).target if self.count() else None

    @property
    def palette(self) -> Palette:
        return self.desk.palette

    @property
    def marks(self) -> Marks:
        return self.desk.marks

    @property
    def line_width(self) -> int:
        """Cells a line may take."""
        return max(1, self.scrollable_content_region.width - GUTTER)

    @property
    def head_height(self) -> int:
        return 1 if self.column_line(self.line_width) is not None else 0

    # --- keeping the picture up to date -------------------------------------------------

    def relist(self) -> None:
        """Lines moved or their number changed: keep the cursor on its line, and that line
        where it is on the screen.
        """
        row = self.index - self.scroll_offset.y
        found = self.index_of(self._key) if self._key else None
        if found is None and self.desk.away:
            self._lost = self._lost or self._key
        elif self._lost and (back := self.index_of(self._lost)) is not None:
            found, self._lost = back, ""
        self.index = found if found is not None else self.index
        self._clamp()
        self._measure()
        self._strips.clear()
        top = max(0, min(self.index - row, self.max_scroll_y))
        drawn = self._shape != (0, 0)
        if drawn and top != self.scroll_offset.y and not self._key_at_top(row):
            self.scroll_to(y=top, animate=False, force=True, immediate=True)
        self.refresh()
        self.retitle()

    def keep_place(self) -> None:
        """The lines are about to go; where the cursor's comes back, so does the cursor."""
        self._lost = self._lost or self._key

    def _key_at_top(self, row: int) -> bool:
        """A list read from its top stays there: what is new appears above."""
        return self.scroll_offset.y == 0 and 0 <= self.index < self._room() and row >= 0

    def recheck(self) -> None:
        """Draw anew the visible lines that are no longer what is on the screen."""
        if self.count() + self.head_height != self.virtual_size.height:
            self.relist()
            return
        width = self.scrollable_content_region.width
        for y in range(self.size.height):
            index = self._line_at(y)
            old = self._strips.get(index)
            if old is None:
                continue
            new = self._draw(index, width)
            if new != old:
                self._strips[index] = new
                self.refresh(Region(0, y, self.size.width, 1))
        self.retitle()

    def retitle(self) -> None:
        """Write the frame's title where it changed."""
        if not self.styles.border_top[0]:
            return
        left, right = self.titles()
        rule = "-" if self.marks.ascii else "─"
        room = self.outer_size.width - 6
        gap = room - cell_len(left) - cell_len(right) - 2
        title = f"{left} {rule * gap} {right}" if right and gap > 0 else left
        if title != self._framed:
            self._framed = title
            self.border_title = Content(title or rule)

    def _measure(self) -> None:
        width = self.scrollable_content_region.width
        height = self.count() + self.head_height
        if self.virtual_size != (width, height):
            self.virtual_size = Size(width, height)

    def _clamp(self) -> None:
        self.index = max(0, min(self.index, self.count() - 1))
        self._key = self.line_key(self.index) if self.count() else ""

    def on_mount(self) -> None:
        self._clamp()
        self._measure()

    def on_resize(self, _event: events.Resize) -> None:
        self._strips.clear()
        self._measure()
        self._reveal()
        self.retitle()
        self.refresh()

    def on_focus(self) -> None:
        self._redraw(self.index)

    def on_blur(self) -> None:
        self._redraw(self.index)

    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    # --- drawing --------------------------------------------------------------------------

    def _line_at(self, y: int) -> int:
        """Which line stands in row ``y``; -1 for the head."""
        return y + self.scroll_offset.y - self.head_height if y >= self.head_height else -1

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if self._shape != (width, self.head_height):
            self._shape = (width, self.head_height)
            self._strips.clear()
        index = self._line_at(y)
        found = self._strips.get(index)
        if found is None:
            if len(self._strips) >= _STRIPS_KEPT:
                self._strips.clear()
            found = self._strips[index] = self._draw(index, width)
        return found

    def _draw(self, index: int, width: int) -> Strip:
        ground = self.rich_style
        if index >= self.count():
            return Strip.blank(width, ground)
        if index < 0:
            head = self.column_line(width - GUTTER) or Line()
            return self._strip(Line(((" ", "text"), *head.spans)), width, ground)
        made = self.line(index, width - GUTTER)
        chosen = index == self.index and (self.has_focus or self.marks_always)
        mark = self.marks.cursor if chosen else self.marks.unread if made.unread else " "
        if chosen:
            ground += self.palette.cursor if self.has_focus else self.palette.cursor_idle
        return self._strip(Line(((mark, "accent"), *made.spans)), width, ground)

    def _strip(self, made: Line, width: int, ground: Style) -> Strip:
        """Segments of exactly ``width`` cells."""
        segments: list[Segment] = []
        left = width
        for text, name in made.spans:
            cells = cell_len(text)
            piece = text if cells <= left else set_cell_size(text, left)
            if piece:
                segments.append(Segment(piece, ground + self.palette[name]))
            left -= min(cells, left)
        if left > 0:
            segments.append(Segment(" " * left, ground))
        return Strip(segments, width)

    def _redraw(self, index: int) -> None:
        """Draw one line anew, if it is on the screen."""
        self._strips.pop(index, None)
        y = index - self.scroll_offset.y + self.head_height
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    # --- moving ---------------------------------------------------------------------------

    def _room(self) -> int:
        return max(1, self.scrollable_content_region.height - self.head_height)

    def move_to(self, index: int) -> None:
        """Put the cursor on a line and show it."""
        self._lost = ""
        old = self.index
        self.index = index
        self._clamp()
        if self.index == old:
            self._reveal()
            return
        self._redraw(old)
        self._redraw(self.index)
        self._reveal()
        self.visited()
        self.post_message(self.Moved(self))

    def _reveal(self) -> None:
        top, room = self.scroll_offset.y, self._room()
        if self.index < top:
            wanted = self.index
        elif self.index >= top + room:
            wanted = self.index - room + 1
        else:
            return
        self.scroll_to(y=wanted, animate=False, force=True, immediate=True)

    def action_cursor(self, step: int) -> None:
        self.move_to(self.index + step)

    def action_page(self, pages: int) -> None:
        self.move_to(self.index + pages * max(1, self._room() - 1))

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(self.count() - 1)

    def action_open(self) -> None:
        self.visited()
        if self.count():
            target = self.target
            if target is not None:
                self.post_message(self.Open(target))

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        if place is None:
            return
        index = self._line_at(place.y)
        if index < 0:
            self.column_clicked(place.x - GUTTER)
        elif index < self.count():
            self.move_to(index)
            if event.chain == 2:
                self.action_open()


class PageList(LineList):
    """A list whose lines are simply given."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.lines: list[Line] = []
        self.title = ("", "")

    def count(self) -> int:
        return len(self.lines)

    def line(self, index: int, width: int) -> Line:  # noqa: ARG002 - they are made for a width
        return self.lines[index]

    def line_key(self, index: int) -> str:
        return self.lines[index].key

    def titles(self) -> tuple[str, str]:
        return self.title

    def show(self, lines: list[Line], left: str = "", right: str = "") -> None:
        """Show these lines; the cursor stays on its line where that is still there."""
        moved = [made.key for made in lines] != [made.key for made in self.lines]
        self.lines, self.title = lines, (left, right)
        if moved:
            self.relist()
        else:
            self.recheck()
