"""Pictures of the screens, compared with those kept beside this file."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("size", "theme"), [((80, 24), "night"), ((120, 36), "night"), ((120, 36), "day")]
)
def test_the_board(writer, make_desk, snap_compare, size, theme):
    desk = make_desk(theme=theme, banner="DRILL, SYNTHETIC DATA")
    assert snap_compare(desk, terminal_size=size, run_before=_settle)


async def _settle(pilot) -> None:
    await pilot.app.poll()
    pilot.app.paint()
    await pilot.pause()
