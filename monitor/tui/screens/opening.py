"""Which screen shows what a line stands for."""

from __future__ import annotations

from monitor.tui.lines import HopTarget, PathTarget, Target
from monitor.tui.screens.page import PageScreen
from monitor.tui.screens.path import HopScreen, PathScreen


def screen_for(target: Target) -> PageScreen:
    """A screen of its own for each target."""
    match target:
        case PathTarget():
            return PathScreen(target)
        case HopTarget():
            return HopScreen(target)
        case _:
            return PageScreen(target)
