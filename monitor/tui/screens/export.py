"""The choice of what to export: one key, one file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Static

from monitor.records import NetworkRow
from monitor.tui import exporting

if TYPE_CHECKING:
    from monitor.tui.app import Desk


class ExportScreen(ModalScreen[None]):
    """Two lines over what is shown; whatever is chosen, it is gone from the picture."""

    BINDINGS = [  # noqa: RUF012 - Textual's own annotation
        Binding("escape,e", "dismiss", "back", show=False),
        Binding("s", "picture", "this screen as SVG", show=False),
        Binding("t", "text", "this screen as text", show=False),
        Binding("r", "report", "the report", show=False),
    ]
    DEFAULT_CSS = """
    ExportScreen { background: transparent; align: left bottom; }
    ExportScreen Static { height: 1; background: $panel; color: $desk-dim; }
    ExportScreen #choice { color: $desk-strong; }
    """

    def __init__(self, network: NetworkRow | None) -> None:
        super().__init__()
        self._network = network

    def compose(self) -> ComposeResult:
        report = f"  r report of {self._network.name}" if self._network else ""
        choice = f" export:  s screen as SVG  t screen as text{report}  esc back"
        yield Static(choice, id="choice", markup=False)
        yield Static(f" into {exporting.folder()}", markup=False)

    def action_picture(self) -> None:
        self._keep("svg")

    def action_text(self) -> None:
        self._keep("txt")

    def action_report(self) -> None:
        if self._network is None:
            return
        desk, network = cast("Desk", self.app), self._network
        self.dismiss()
        desk.say(f"writing the report of {network.name}")
        desk.run_worker(_report(desk, network), group="export", exclusive=True)

    def _keep(self, ending: str) -> None:
        desk = cast("Desk", self.app)
        self.dismiss()
        desk.call_after_refresh(partial(_keep_screen, desk, ending))


def _keep_screen(desk: Desk, ending: str) -> None:
    """Once the choice is gone from the screen."""
    text = exporting.screen_svg(desk) if ending == "svg" else exporting.screen_text(desk)
    desk.say(exporting.keep(desk, "screen", ending, text))


async def _report(desk: Desk, network: NetworkRow) -> None:
    desk.say(await exporting.keep_report(desk, network))
