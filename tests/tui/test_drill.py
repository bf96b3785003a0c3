"""A drill on the desk: its clock, its marks, its keys."""

from __future__ import annotations

from collections.abc import Callable

from monitor.cache.writer import Writer
from monitor.records import SECOND, CollectorRow
from monitor.tui.app import Desk
from monitor.tui.drill import DrillClock, speed_said
from tests.tui import desk_situation
from tests.tui.conftest import Screen

BEAT = desk_situation.NOW


def row(**more: object) -> CollectorRow:
    values = {
        "beat": BEAT,
        "started": BEAT - SECOND,
        "clock": "simulated",
        "drill": "dprk-2014",
        "speed": 600.0,
        "watchlist": "north-korea",
        "ends": BEAT + 1000 * SECOND,
    }
    return CollectorRow(**(values | more))  # type: ignore[arg-type]


def test_time_goes_on_by_the_drills_speed_but_never_far_ahead_of_it() -> None:
    clock = DrillClock()
    assert clock.hear(row())
    assert BEAT <= clock.now() <= BEAT + 601 * SECOND
    clock.hear(row(paused=True))
    assert clock.now() == BEAT
    assert not clock.silent
    clock.hear(row(stopped=BEAT))
    assert clock.silent
    assert not clock.hear(CollectorRow())


def test_what_a_drill_says_of_itself() -> None:
    assert speed_said(row()) == "600 x"
    assert speed_said(row(paused=True)) == "PAUSED"
    assert speed_said(row(ends=BEAT)).startswith("OVER")
    assert speed_said(CollectorRow()) == ""


async def test_a_drill_is_marked_and_steered_by_keys(
    writer: Writer, make_desk: Callable[..., Desk]
) -> None:
    said: list[tuple[object, ...]] = []
    writer.commit([], [], {"collector": row()})
    desk = make_desk(banner="DRILL, SYNTHETIC DATA", steer=lambda *words: said.append(words))
    async with desk.run_test(size=(120, 36)) as pilot:
        screen = Screen(desk, pilot)
        await screen.settle()
        assert "DRILL, SYNTHETIC DATA 600 x" in screen.text
        await pilot.press("space", "plus", "minus", "greater_than_sign")
        assert said == [("pause",), ("speed", 1200.0), ("speed", 300.0), ("jump",)]
        await pilot.press("enter")
        await screen.settle()
        assert "DRILL, SYNTHETIC DATA" in screen.text
        await pilot.press("space")
        assert said[-1] == ("pause",)


async def test_outside_a_drill_its_keys_do_nothing(desk: Desk) -> None:
    async with desk.run_test(size=(120, 36)) as pilot:
        screen = Screen(desk, pilot)
        await screen.settle()
        before = screen.text
        await pilot.press("space", "plus", "minus", "greater_than_sign")
        await screen.settle()
        assert screen.text == before


async def test_a_drills_cache_is_marked_however_it_is_opened(
    writer: Writer, make_desk: Callable[..., Desk]
) -> None:
    writer.commit([], [], {"collector": row()})
    desk = make_desk()
    async with desk.run_test(size=(80, 24)) as pilot:
        screen = Screen(desk, pilot)
        await screen.settle()
        assert "DRILL, SYNTHETIC DATA" in screen.text
        assert "process" in await screen.press("question_mark", "end")
