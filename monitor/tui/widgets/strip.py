"""The situation strip on top of every screen."""

from __future__ import annotations

from monitor.tui.lines import Line, line
from monitor.tui.pages.ledger import said_parts, shift_lines
from monitor.tui.pages.strip import network_line, title_spans, trouble_lines
from monitor.tui.then import as_of_lines
from monitor.tui.widgets.linelist import PageList

_MOST_LINES = 8


class SituationStrip(PageList):
    """Title line, then what is wrong with ourselves, then one line a network."""

    DEFAULT_CSS = """
    SituationStrip { border: none; height: 3; background: $panel; }
    SituationStrip:focus { border: none; }
    """

    def __init__(self) -> None:
        super().__init__(id="strip")

    def column_line(self, width: int) -> Line | None:
        desk, dead = self.desk, self.desk.collector_dead()
        return Line(
            title_spans(desk.board, width, self.marks, desk.now(), desk.banner, dead=dead)
        )

    def refresh_rows(self) -> None:
        desk, width = self.desk, self.line_width
        board, now = desk.board, desk.now()
        lines = as_of_lines(desk.then, width)
        dead = desk.collector_dead()
        standing = "" if desk.away else desk.tending.standing
        lines += trouble_lines(board, width, now, dead=dead, standing=standing)
        lines += shift_lines(board, width, self.marks, now)
        vantage = board.vantage()
        lines += [
            network_line(
                row, vantage, width, self.marks, now, said=said_parts(row, board, self.marks)
            )
            for row in sorted(board.networks.values(), key=lambda row: row.name.casefold())
        ]
        if not board.networks and not board.problem and not desk.away:
            lines.append(line(("no network is watched yet", "dim")))
        height = 1 + min(len(lines), _MOST_LINES)
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self.show(lines)

    def on_resize(self, event: object) -> None:  # noqa: ARG002 - Textual calls each class's own
        self.refresh_rows()
