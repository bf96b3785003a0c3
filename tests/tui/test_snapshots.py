"""Pictures of the screens, compared with those kept beside this file."""

from __future__ import annotations

import pytest

from tests.tui import path_evening
from tests.tui.conftest import Screen


@pytest.mark.parametrize(
    ("size", "theme"), [((80, 24), "night"), ((120, 36), "night"), ((120, 36), "day")]
)
def test_the_board(writer, make_desk, snap_compare, size, theme):
    desk = make_desk(theme=theme, banner="DRILL, SYNTHETIC DATA")
    assert snap_compare(desk, terminal_size=size, run_before=_settle)


@pytest.mark.parametrize(("size", "theme"), [((80, 24), "night"), ((120, 50), "day")])
def test_the_path(cache, make_desk, snap_compare, size, theme):
    path_evening.write(cache).close()
    desk = make_desk(theme=theme)
    assert snap_compare(desk, terminal_size=size, run_before=_to_an_earlier_trace)


async def _to_an_earlier_trace(pilot) -> None:
    screen = Screen(pilot.app, pilot)
    await screen.settle()
    await screen.press("p", "Z", *["comma"] * 4)


async def _settle(pilot) -> None:
    await pilot.app.poll()
    pilot.app.paint()
    await pilot.pause()
