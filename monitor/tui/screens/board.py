"""The board: strip, hosts, path, events."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from monitor.tui import keymap
from monitor.tui.lines import EventTarget, NetworkTarget
from monitor.tui.screens.base import DeskScreen, subject_of
from monitor.tui.view import GROUPS, SORTS, HostView
from monitor.tui.widgets.events import EventsPanel
from monitor.tui.widgets.hosts import HostsPanel
from monitor.tui.widgets.linelist import LineList
from monitor.tui.widgets.path import PathPanel
from monitor.tui.widgets.strip import SituationStrip


class BoardScreen(DeskScreen):
    """At 110 columns the path stands beside the hosts; below, key 3 puts it in their place."""

    BINDINGS = [*keymap.BOARD]  # noqa: RUF012 - Textual's own annotation

    DEFAULT_CSS = """
    BoardScreen #middle { height: 2fr; }
    BoardScreen #hosts { width: 3fr; height: 1fr; }
    BoardScreen #path { width: 2fr; height: 1fr; }
    BoardScreen #events { height: 1fr; min-height: 5; max-height: 18; }
    BoardScreen.-narrow #path { display: none; }
    BoardScreen.-narrow.-path #path { display: block; }
    BoardScreen.-narrow.-path #hosts { display: none; }
    BoardScreen #filter {
        display: none; height: 1; border: none; padding: 0 1; dock: bottom; margin-bottom: 1;
        background: $panel; color: $desk-strong;
    }
    BoardScreen.-filter #filter { display: block; }
    """

    def panels(self) -> ComposeResult:
        with Horizontal(id="middle"):
            yield HostsPanel(HostView(self.desk.board))
            yield PathPanel()
        yield EventsPanel()
        yield Input(placeholder="filter: name, state, AS, address", id="filter", compact=True)

    @property
    def hosts(self) -> HostsPanel:
        return self.query_one(HostsPanel)

    @property
    def filtering(self) -> Input:
        return self.query_one("#filter", Input)

    def on_mount(self) -> None:
        self.hosts.focus()

    def refresh_rows(self) -> None:
        super().refresh_rows()
        self.hosts.refresh_rows()
        self.query_one(EventsPanel).refresh_rows()
        self.query_one(PathPanel).follow(self.hosts.host)

    def subject(self) -> tuple[str, str]:
        return subject_of(self.hosts.host)

    def about(self) -> str:
        focused = self.focused
        if isinstance(focused, SituationStrip | EventsPanel):
            match focused.target:
                case NetworkTarget(id):
                    return f"network:{id}"
                case EventTarget(event):
                    return event.subject
        only = self.desk.board.network_behind("")
        if isinstance(focused, SituationStrip) and only is not None:
            return f"network:{only.id}"
        return super().about()

    def event_here(self) -> int:
        target = self.focused.target if isinstance(self.focused, EventsPanel) else None
        return target.event.id if isinstance(target, EventTarget) else 0

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        if isinstance(message.lines, HostsPanel):
            self.query_one(PathPanel).follow(message.lines.host)

    # --- panels --------------------------------------------------------------------------

    def action_panel(self, name: str) -> None:
        if name in ("hosts", "path"):
            self.set_class(name == "path", "-path")
            self.refresh_bindings()
        panels: dict[str, type[LineList]] = {
            "strip": SituationStrip,
            "hosts": HostsPanel,
            "path": PathPanel,
            "events": EventsPanel,
        }
        self.query_one(panels[name]).focus()

    def action_back(self) -> None:
        """Leave the filter, else the path at narrow widths, else go to the hosts."""
        view = self.hosts.view
        if self.has_class("-filter") or view.filter:
            self.remove_class("-filter")
            with self.prevent(Input.Changed):
                self.filtering.value = ""
            view.filter = ""
            self.hosts.reorder()
        self.action_panel("hosts")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "back" and self._ready:
            narrow_path = self.has_class("-path") and self.has_class("-narrow")
            return self.has_class("-filter") or bool(self.hosts.view.filter) or narrow_path
        return super().check_action(action, parameters)

    # --- the order of the hosts ----------------------------------------------------------

    def action_filter(self) -> None:
        self.add_class("-filter")
        self.remove_class("-path")
        self.filtering.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.hosts.view.filter = event.value.strip()
        self.hosts.reorder()

    def on_input_submitted(self) -> None:
        self.remove_class("-filter")
        self.hosts.focus()

    def action_group(self) -> None:
        view = self.hosts.view
        view.group = GROUPS[(GROUPS.index(view.group) + 1) % len(GROUPS)]
        self.hosts.reorder()

    def action_sort(self) -> None:
        view = self.hosts.view
        view.sort = SORTS[(SORTS.index(view.sort) + 1) % len(SORTS)]
        view.reverse = False
        self.hosts.reorder()

    def action_reverse(self) -> None:
        self.hosts.view.reverse = not self.hosts.view.reverse
        self.hosts.reorder()

    def action_soft(self) -> None:
        self.query_one(EventsPanel).toggle_soft()

    def go_to(self, host: str) -> None:
        """Put the cursor on a host, whatever hides it now."""
        hosts = self.hosts
        self.action_panel("hosts")
        if not hosts.find(host):
            self.action_back()
            hosts.view.folded.clear()
            hosts.reorder()
            hosts.find(host)
