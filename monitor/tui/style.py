"""From style names to terminal styles, through the variables of the theme in use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.style import Style
from textual.color import Color, ColorParseError

# Style name: (theme variable of the text, of the ground or "", attributes).
STYLES: Final[dict[str, tuple[str, str, str]]] = {
    "text": ("desk-text", "", ""),
    "strong": ("desk-strong", "", "bold"),
    "dim": ("desk-dim", "", ""),
    "label": ("desk-dim", "", ""),
    "heading": ("desk-heading", "", "bold"),
    "accent": ("desk-accent", "", ""),
    "key": ("desk-accent", "", "bold"),
    "up": ("state-up", "", ""),
    "degraded": ("state-degraded", "", "bold"),
    "down": ("state-down", "", "bold"),
    "unreachable": ("state-unreachable", "", "bold"),
    "unknown": ("state-unknown", "", ""),
    "border": ("desk-border", "", ""),
    "break": ("state-down", "", "bold"),
    "fault": ("state-down", "", "bold reverse"),
    "warn": ("state-degraded", "", "bold reverse"),
    "banner": ("state-degraded", "", "bold reverse"),
}

VARIABLES: Final[dict[str, str]] = {
    "state-up": "#7fb069",
    "state-degraded": "#e6b450",
    "state-down": "#ff5d62",
    "state-unreachable": "#d484ff",
    "state-unknown": "#8a94a3",
    "desk-text": "#c5cdd9",
    "desk-strong": "#f2f5f9",
    "desk-dim": "#7d8796",
    "desk-heading": "#8fb4d8",
    "desk-accent": "#79b8e0",
    "desk-border": "#3a4250",
    "desk-focus": "#79b8e0",
    "desk-cursor": "#2a3444",
}
"""Every variable of the desk's own with a fallback, so that its CSS parses in any theme."""


class Palette:
    """Terminal styles by name, for one theme.

    Without colour the cursor is shown by reverse video, because a ground alone would not
    be seen.
    """

    def __init__(self, variables: Mapping[str, str], *, colourless: bool) -> None:
        self._styles = {
            name: _style(variables, fore, back, attributes)
            for name, (fore, back, attributes) in STYLES.items()
        }
        ground = _colour(variables, "desk-cursor")
        self.cursor = Style(reverse=True) if colourless else Style(bgcolor=ground)
        self.cursor_idle = Style(underline=True) if colourless else Style()

    def __getitem__(self, name: str) -> Style:
        return self._styles.get(name) or self._styles["text"]


def _style(variables: Mapping[str, str], fore: str, back: str, attributes: str) -> Style:
    return Style(
        color=_colour(variables, fore),
        bgcolor=_colour(variables, back) if back else None,
        bold="bold" in attributes or None,
        reverse="reverse" in attributes or None,
    )


def _colour(variables: Mapping[str, str], name: str) -> str | None:
    """A colour as rich reads it; None (the terminal's own) for one that cannot be read."""
    try:
        return Color.parse(variables.get(name) or VARIABLES[name]).hex6
    except ColorParseError:
        return None
