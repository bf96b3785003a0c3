"""The last line: the keys that work here, or what the desk has to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from monitor.tui.keymap import FOOTER, key_name
from monitor.tui.lines import Span

if TYPE_CHECKING:
    from monitor.tui.app import Desk

# Cells for " ? help  q quit ".
_KEPT = 16


class KeyBar(Widget):
    """One line; a notice takes it over for a while."""

    DEFAULT_CSS = """
    KeyBar { height: 1; dock: bottom; background: $panel; color: $desk-dim; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Span, ...] = ()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh_text())

    def refresh_text(self) -> None:
        """Draw anew where the text changed."""
        spans = self._spans()
        if spans != self._shown:
            self._shown = spans
            self.refresh()

    def _spans(self) -> tuple[Span, ...]:
        desk = cast("Desk", self.app)
        if desk.notice:
            return ((" ", "text"), (desk.notice, "accent"))
        active = {
            found.binding.id: found.binding
            for found in self.screen.active_bindings.values()
            if found.enabled and found.binding.id
        }
        spans: list[Span] = []
        used = 0
        for name in FOOTER:
            binding = active.get(name)
            if binding is None:
                continue
            key = binding.key_display or key_name(binding.key)
            piece = f" {key.split(' ')[0]}"
            size = len(piece) + len(binding.description) + 3
            # Help and quit are always shown, so that no other key has to be.
            kept = 0 if name in ("help", "quit") else _KEPT
            if used + size > self.size.width - kept:
                continue
            used += size
            spans += [(piece, "key"), (f" {binding.description} ", "dim")]
        return tuple(spans)

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one line only
        palette = cast("Desk", self.app).palette
        ground = self.rich_style
        self._shown = self._spans()
        segments = [Segment(text, ground + palette[name]) for text, name in self._shown]
        return Strip(segments).adjust_cell_length(self.size.width, ground)
