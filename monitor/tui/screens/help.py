"""Help: every key there is, read from the bindings themselves, and the notices so far."""

from __future__ import annotations

from textual.app import ComposeResult

from monitor.records import Phase, State
from monitor.tui import keymap
from monitor.tui.lines import Line, heading, line
from monitor.tui.screens.base import DeskScreen
from monitor.tui.text import mark_of, state_of
from monitor.tui.widgets.linelist import PageList


class HelpScreen(DeskScreen):
    """One page of lines."""

    DEFAULT_CSS = """
    HelpScreen #page { height: 1fr; }
    """

    def panels(self) -> ComposeResult:
        yield PageList(id="page")

    def on_mount(self) -> None:
        self.query_one("#page", PageList).focus()

    def refresh_rows(self) -> None:
        super().refresh_rows()
        self.query_one("#page", PageList).show(self._lines(), "Help", "esc goes back")

    def _collector(self) -> list[Line]:
        """The collector's own health."""
        row = self.desk.board.collector
        if row is None:
            return []
        looks = f"{row.done} done, {row.in_flight} in flight, {row.missed} missed"
        lost = f"{row.skipped} skipped, {row.dropped} observations dropped"
        lag = f"{row.lag_p50_ms:.1f} ms half of the time, {row.lag_p99_ms:.1f} ms at p99"
        return [
            Line(),
            heading(" Collector", f"process {row.pid}, since it started"),
            line((f"   looks   {looks}, {lost}", "text")),
            line((f"   lag     {lag}", "text")),
            *self._alerts(),
        ]

    def _alerts(self) -> list[Line]:
        """What was told to people, and what could not be."""
        row = self.desk.board.alerts
        if row is None:
            return []
        told = f"{row.troubles} troubles told of, {row.delivered} messages delivered"
        lost = f"{row.waiting} wait, {row.given_up} given up, {row.dropped} dropped"
        return [line((f"   alerts  {told}, {lost}", "text"))]

    def _lines(self) -> list[Line]:
        marks = self.desk.marks
        lines: list[Line] = []
        for title, bindings in keymap.SECTIONS:
            lines.append(heading(f" {title}"))
            for binding in bindings:
                keys = self.desk.keys.get(binding.id or "", binding.key).split(",")
                names = ", ".join(keymap.key_name(key) for key in keys)
                said = line((f"   {names:<20}", "key"), (f"{binding.description:<24}", "text"))
                lines.append(Line((*said.spans, (binding.id or "", "dim"))))
            lines.append(Line())
        lines.append(line(("   q leaves the desk; ", "text"), (self.desk.quit_says, "strong")))
        lines.append(
            line(("   click selects, double click opens, a column's head sorts", "text"))
        )
        keys_file = self.desk.config_dir / "keymap.toml"
        lines.append(line((f'   other keys: {keys_file}, as in  sort = "o"', "dim")))
        lines += [Line(), heading(" Marks")]
        for word in (*State, *Phase):
            if word != Phase.UNKNOWN:
                style = state_of(word).lower()
                lines.append(line((f"   {mark_of(word, marks)} {word}", style)))
        for sign, word in (
            (marks.acked, "acknowledged: somebody knows"),
            (marks.upkeep, "under maintenance: nothing of it is unread"),
            (marks.claimed, "claimed by others"),
            (marks.inferred, "inferred by an analyst"),
            (marks.noted, "noted at the desk"),
        ):
            lines.append(line((f"   {sign} {word}", "accent")))
        lines.append(line((f"   you are {self.desk.source.who} here (--as NAME)", "dim")))
        lines += self._collector()
        if self.desk.notices:
            lines += [Line(), heading(" Notices")]
            lines += [line((f"   {notice}", "text")) for notice in self.desk.notices]
        return lines
