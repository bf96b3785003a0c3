"""The one place that looks behind Textual's driver."""

from __future__ import annotations

from typing import Any

from textual import constants
from textual.app import App

# The driver's writer takes 30 pieces and then blocks the event loop.
BACKED_UP = 2


def in_browser() -> bool:
    """Whether textual-serve runs this process for a browser: it has no terminal then."""
    return "web_driver" in (constants.DRIVER or "")


def write(app: App[Any], sequence: str) -> None:
    """Say something to the terminal itself, where it is one and it is ours."""
    if app._driver is not None and not (app.is_headless or app.is_web):  # noqa: SLF001 - as above
        app._driver.write(sequence)  # noqa: SLF001 - as above


def backed_up(app: App[Any]) -> bool:
    """Whether the terminal is not reading: painting more would freeze the desk."""
    thread = getattr(app._driver, "_writer_thread", None)  # noqa: SLF001 - no public way to ask
    queue = getattr(thread, "_queue", None)
    return queue is not None and queue.qsize() > BACKED_UP
