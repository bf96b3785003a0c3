"""A small form over whatever is shown: keys only, one sentence where it refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from monitor.tui.forms import Choices, Field

Accept = Callable[[dict[str, str]], Awaitable[str]]
_LABEL = 16


class Choice(Widget, can_focus=True):
    """One of several; left and right go through them."""

    BINDINGS = [  # noqa: RUF012 - Textual's own annotation
        Binding("left,h", "turn(-1)", show=False),
        Binding("right,l,space", "turn(1)", show=False),
        Binding("enter", "submit", show=False),
    ]
    DEFAULT_CSS = """
    Choice { height: 1; width: 1fr; color: $desk-text; background: $panel; }
    Choice:focus { color: $desk-strong; text-style: bold; background: $desk-cursor; }
    """

    class Submitted(Message):
        """Enter was pressed on it."""

    def __init__(self, choices: Choices, value: str, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._choices = choices
        self._at = next((at for at, one in enumerate(choices) if one[0] == value), 0)

    @property
    def value(self) -> str:
        return self._choices[self._at][0]

    def render(self) -> Content:
        place = f"{self._at + 1}/{len(self._choices)}"
        return Content(f"< {self._choices[self._at][1]} >  {place}")

    def action_turn(self, step: int) -> None:
        self._at = (self._at + step) % len(self._choices)
        self.refresh()

    def action_submit(self) -> None:
        self.post_message(self.Submitted())


class FormScreen(ModalScreen[None]):
    """Enter goes on and, on the last line, is the end of it; ``ctrl+s`` ends it anywhere.

    ``accept`` gives a sentence where it refuses, '' where it is done.
    """

    BINDINGS = [  # noqa: RUF012 - Textual's own annotation
        Binding("escape", "dismiss", "back", show=False),
        Binding("down,tab", "app.focus_next", show=False),
        Binding("up,shift+tab", "app.focus_previous", show=False),
        Binding("ctrl+s", "accept", show=False),
    ]
    DEFAULT_CSS = """
    FormScreen { background: transparent; align: left bottom; }
    FormScreen #form { height: auto; max-height: 100%; background: $panel; }
    FormScreen Horizontal { height: 1; }
    FormScreen .label { width: 17; color: $desk-dim; }
    FormScreen #title { height: 1; color: $desk-heading; text-style: bold; }
    FormScreen #refusal { height: auto; max-height: 3; color: $desk-dim; }
    FormScreen Input {
        height: 1; width: 1fr; border: none; padding: 0 1; background: $panel;
        color: $desk-strong;
    }
    FormScreen Input:focus { background: $desk-cursor; }
    """
    HINT = " enter: next, at the end done   ctrl+s: done   left right: choose   esc: nothing"

    def __init__(self, title: str, fields: Sequence[Field], accept: Accept) -> None:
        super().__init__()
        self._title = title
        self._fields = tuple(fields)
        self._accept = accept
        self._busy = False

    def compose(self) -> ComposeResult:
        with Vertical(id="form"):
            yield Static(f" {self._title}", id="title", markup=False)
            for field in self._fields:
                with Horizontal():
                    yield Static(
                        f" {field.label:<{_LABEL}}"[:17], classes="label", markup=False
                    )
                    yield _widget(field)
            yield Static(self.HINT, id="refusal", markup=False)

    def on_mount(self) -> None:
        self._widgets()[0].focus()

    def _widgets(self) -> list[Input | Choice]:
        found: list[Input | Choice] = []
        for field in self._fields:
            name = f"#field-{field.name}"
            found.append(
                self.query_one(name, Choice) if field.choices else self.query_one(name, Input)
            )
        return found

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        await self._go_on()

    async def on_choice_submitted(self, event: Choice.Submitted) -> None:
        event.stop()
        await self._go_on()

    async def _go_on(self) -> None:
        if self.focused is self._widgets()[-1]:
            await self.action_accept()
        else:
            self.focus_next()

    async def action_accept(self) -> None:
        """Hand it over once; what is refused stays to be put right."""
        if self._busy:
            return
        self._busy = True
        values = {
            field.name: widget.value
            for field, widget in zip(self._fields, self._widgets(), strict=True)
        }
        try:
            refused = await self._accept(values)
        finally:
            self._busy = False
        if refused:
            self.query_one("#refusal", Static).update(f" {refused}")
        else:
            self.dismiss()


def _widget(field: Field) -> Input | Choice:
    name = f"field-{field.name}"
    if field.choices:
        return Choice(field.choices, field.value, id=name)
    return Input(field.value, placeholder=field.hint, id=name, compact=True)
