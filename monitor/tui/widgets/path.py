"""The upstream path of the host under the cursor."""

from __future__ import annotations

from monitor.records import HostRow
from monitor.tui.lines import PathTarget, Target
from monitor.tui.pages.path import path_lines, path_titles
from monitor.tui.text import Look
from monitor.tui.widgets.linelist import PageList


class PathPanel(PageList):
    """The last trace towards one host."""

    def __init__(self) -> None:
        super().__init__(id="path")
        self.host = ""

    @property
    def target(self) -> Target | None:
        """What the line is about, else the whole screen about this path, at this hop."""
        found = super().target
        if found is not None or not self.host:
            return found
        host = self.desk.board.hosts.get(self.host)
        traced = self.desk.board.traced(host) if host is not None else None
        if traced is None or not traced.trace:
            return None
        return PathTarget(traced.id, self.line_key(self.index))

    def follow(self, host: HostRow | None) -> None:
        """Show the path of another host."""
        self.host = host.id if host else ""
        self.refresh_rows()

    def refresh_rows(self) -> None:
        desk = self.desk
        host = desk.board.hosts.get(self.host)
        if host is not None:
            host = desk.board.traced(host)
        look = Look(self.line_width, self.marks, desk.now())
        lines = path_lines(host, desk.board, look)
        self.show(lines, *path_titles(host, desk.board, look))

    def on_resize(self, event: object) -> None:  # noqa: ARG002 - Textual calls each class's own
        self.refresh_rows()
