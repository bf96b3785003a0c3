"""Alerts at an open desk: the terminal's bell, and a notice on the desktop it stands on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from monitor.records import Ring, clean_text
from monitor.tui.board import Board
from monitor.tui.driver import write

if TYPE_CHECKING:
    from monitor.tui.app import Desk

_TITLE: Final = "watchdesk"
BELL: Final = "\a"


class Ringing:
    """Rings once for each thing that comes while the desk is open, for nothing before it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rung: set[str] | None = None

    def hear(self, board: Board) -> None:
        """Take in what the collector last said."""
        if board.collector is None:
            return
        rings = board.alerts.rings if board.alerts is not None else ()
        known, self._rung = self._rung, {each.id for each in rings}
        new = [each for each in rings if known is not None and each.id not in known]
        if new:
            self._ring(new)

    def _ring(self, rings: list[Ring]) -> None:
        if any(ring.bell for ring in rings):
            write(self._desk, BELL)
        for ring in rings:
            if ring.desktop:
                write(self._desk, notice(ring.text, os.environ))
            self._desk.say(ring.text)


def notice(text: str, env: Mapping[str, str]) -> str:
    """The sequence by which a terminal shows a notice on the desktop.

    OSC 777 (rxvt-unicode's) where the terminal is known to take it, else OSC 9 (iTerm2's),
    which most others do; one that knows neither ignores both.
    """
    # A control character would end the sequence, and a ";" separates its parts.
    said = clean_text(text).replace(";", ",")
    term = env.get("TERM", "")
    if term.startswith(("foot", "rxvt")) or "VTE_VERSION" in env:
        return f"\x1b]777;notify;{_TITLE};{said}\x1b\\"
    return f"\x1b]9;{_TITLE}: {said}\x1b\\"
