"""The prompt for a moment to go to."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from monitor.tui.then import HINT


class MomentScreen(ModalScreen[None]):
    """Two lines over whatever is shown; ``accept`` gives a sentence where it refuses."""

    BINDINGS = [Binding("escape", "dismiss", "back", show=False)]  # noqa: RUF012 - Textual's own annotation
    DEFAULT_CSS = """
    MomentScreen { background: transparent; align: left bottom; }
    MomentScreen #said { height: auto; max-height: 3; background: $panel; color: $desk-dim; }
    MomentScreen #moment {
        height: 1; border: none; padding: 0 1; background: $panel; color: $desk-strong;
    }
    """

    def __init__(self, accept: Callable[[str], str]) -> None:
        super().__init__()
        self._accept = accept

    def compose(self) -> ComposeResult:
        yield Static(f" go to: {HINT}", id="said", markup=False)
        yield Input(placeholder="moment", id="moment", compact=True)

    def on_mount(self) -> None:
        self.query_one("#moment", Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        refused = self._accept(event.value) if event.value.strip() else ""
        if refused:
            self.query_one("#said", Static).update(f" {refused}")
        else:
            self.dismiss()
