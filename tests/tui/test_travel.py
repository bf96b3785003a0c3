"""Time travel: any screen as of any moment, and nothing on it that came later."""

from __future__ import annotations

import shutil
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from monitor.cache.writer import Writer
from monitor.records import DAY, HOUR, MINUTE, SECOND, CollectorRow, HostRow, State, subject_of
from monitor.tui.board import Board
from monitor.tui.lines import HostTarget, NetworkTarget, WhyTarget
from monitor.tui.text import moment, stamp
from monitor.tui.then import parse_moment, silent_then
from monitor.tui.widgets.hosts import HostsPanel
from monitor.tui.widgets.linelist import PageList
from tests.tui import past_evening
from tests.tui.past_evening import BACK, BEGIN, BLIND, FELL, LONG_BEFORE, NOW


@pytest.fixture
def writer(cache, evening):
    shutil.copy(evening, cache)
    found = Writer(cache)
    yield found
    found.close()


def as_of(screen) -> str:
    return next((line.strip() for line in screen.lines if " AS OF " in line), "")


async def test_brackets_step_from_event_to_event_and_equals_comes_home(desk, look):
    async with look(desk) as screen:
        now = screen.text
        assert "AS OF" not in now
        for at in (BACK + SECOND, BACK, past_evening.SIGHT, FELL + SECOND, FELL, BEGIN):
            await screen.press("left_square_bracket")
            await screen.settle()
            assert as_of(screen) == f"AS OF {stamp(at)}"
            assert stamp(at) in screen.lines[0]
        assert "no earlier event" in await screen.press("left_square_bracket")
        assert desk.now() == BEGIN
        await screen.press("right_square_bracket")
        assert desk.now() == FELL
        await screen.press("left_curly_bracket", "left_curly_bracket", "right_curly_bracket")
        assert desk.now() == FELL - HOUR
        await screen.pilot.press("equals_sign")
        assert desk.board is desk.live
        desk.notice = ""
        await screen.settle()
        assert screen.text == now


async def test_steps_made_faster_than_they_are_drawn_are_all_made(desk, look):
    async with look(desk) as screen:
        await screen.pilot.press(*["left_square_bracket"] * 3)
        await screen.settle()
        assert desk.now() == past_evening.SIGHT
        await screen.pilot.press("left_square_bracket", "equals_sign")
        await screen.settle()
        assert not desk.away


async def test_in_a_drill_equals_is_now_and_steers_nothing(make_desk, writer, look):
    said = []
    row = CollectorRow(
        pid=1, started=BEGIN, beat=NOW, clock="simulated", drill="d", speed=60.0, paused=True
    )
    writer.commit([], [], {"collector": row})
    desk = make_desk(steer=lambda *words: said.append(words), now=lambda: NOW + 900 * DAY)
    async with look(desk) as screen:
        await screen.press("left_square_bracket", "equals_sign")
        assert not desk.away
        assert desk.now() == NOW
        assert said == []
        await screen.press("left_square_bracket", "plus")
        assert said == [("speed", 120.0)]
        assert desk.away


async def test_the_cursor_on_a_page_comes_back_too(desk, look):
    async with look(desk) as screen:
        await screen.press("enter", "end", "k")
        page = desk.screen.query_one("#page", PageList)
        line = page.lines[page.index].text
        assert "fell silent" in line
        await screen.press("at", *"-2h", "enter")
        assert "fell silent" not in screen.text
        await screen.press("equals_sign")
        await screen.settle()
        assert page.lines[page.index].text == line


async def test_why_before_anything_was_known_says_so(make_desk, writer, look):
    async with look(make_desk(at=LONG_BEFORE)) as screen:
        screen.desk.open_target(WhyTarget("host:ns1"))
        await screen.settle()
        assert "nothing was known of this then" in screen.text
        await screen.press("equals_sign")
        await screen.settle()
        assert "back in the air" in screen.text


async def test_the_strip_is_reversed_while_away(desk, look):
    async with look(desk) as screen:
        await screen.press("left_square_bracket")
        strip = desk.screen.query_one("#strip").render_line(1)
        assert any("AS OF" in part.text and part.style.reverse for part in strip)


async def test_past_the_newest_event_is_now(desk, look):
    async with look(desk) as screen:
        await screen.press("left_square_bracket")
        assert desk.away
        assert "this is now" in await screen.press("right_square_bracket")
        assert not desk.away
        assert "this is now" in await screen.press("right_curly_bracket")
        assert not desk.away


@pytest.mark.parametrize("target", [None, HostTarget("ns1"), NetworkTarget("nk")])
async def test_nothing_newer_than_the_moment_is_on_any_screen(make_desk, writer, look, target):
    at = FELL + 5 * MINUTE
    desk = make_desk(at=at)
    async with look(desk) as screen:
        if target is not None:
            desk.open_target(target)
        for keys in ((), ("enter",), ("enter", "enter"), ("w",), ("x",), ("3",), ("f",)):
            await screen.press(*keys)
            assert as_of(screen) == f"AS OF {stamp(at)}"
            assert "back in the air" not in screen.text
            assert "link was down" not in screen.text
            for minute in range(6, 65):
                assert f"{moment(FELL + minute * MINUTE):%H:%M:%SZ}" not in screen.text
            if keys != ("x",):
                assert "fell silent" in screen.text or "DOWN" in screen.text
            if keys and keys[0] in ("enter", "w", "x"):
                await screen.press(*("escape" for _ in keys))


async def test_an_open_page_goes_back_with_the_desk(desk, look):
    async with look(desk) as screen:
        await screen.press("2", "enter")
        assert "back in the air" in screen.text
        await screen.press("at", *"-61m", "enter")
        await screen.settle()
        assert desk.now() == FELL - MINUTE
        assert "UP" in screen.text
        assert "fell silent" not in screen.text
        await screen.press("equals_sign")
        await screen.settle()
        assert "back in the air" in screen.text


async def test_an_event_page_has_nothing_to_say_before_its_event(desk, look):
    async with look(desk) as screen:
        await screen.press("4", "home", "enter")
        assert "back in the air" in screen.text
        await screen.press("left_curly_bracket")
        await screen.settle()
        assert "this had not happened yet" in screen.text
        assert "back in the air" not in screen.text
        await screen.press("equals_sign")
        assert "back in the air" in screen.text


async def test_a_run_under_way_had_not_said_anything(make_desk, writer, look):
    writer.commit([past_evening.slow_run(BACK + 30 * SECOND)], [], {})
    desk = make_desk(at=BACK + 32 * SECOND)
    async with look(desk) as screen:
        await screen.press("2", "enter", "enter")
        await screen.settle()
        assert "Observations" in screen.text
        assert "connection refused" not in screen.text
        await screen.press("at", *"+10s", "enter")
        await screen.settle()
        assert "connection refused" in screen.text


async def test_what_comes_in_while_away_is_there_on_return_and_not_before(desk, look, writer):
    async with look(desk) as screen:
        await screen.press("left_square_bracket")
        row = HostRow("ns1", "ns1.kptc.kp", affiliation="nk", network="nk",
                      state=State.DOWN, since=NOW, why="gone once more")  # fmt: skip
        writer.commit([], [], {subject_of(row): row})
        await screen.settle()
        await screen.settle()
        assert "gone once more" not in screen.text
        assert desk.board.hosts["ns1"].state is State.UP
        await screen.press("equals_sign")
        assert desk.board.hosts["ns1"].state is State.DOWN
        assert "ns1" in desk.board.unread_hosts


async def test_a_gap_is_said(make_desk, writer, look):
    desk = make_desk(at=BLIND + 5 * MINUTE)
    async with look(desk) as screen:
        assert "nothing is known of this moment: our own link was down" in screen.text


async def test_before_the_cache_begins_is_a_sentence_and_the_cursor_comes_back(desk, look):
    async with look(desk, (80, 24)) as screen:
        panel = desk.screen.query_one(HostsPanel)
        host = panel.host.id
        await screen.press("at", *stamp(LONG_BEFORE).removesuffix("Z"), "enter")
        await screen.settle()
        assert "this cache begins at" in screen.text
        assert "ns1" not in screen.text
        for key in ("enter", "w", "x", "j", "3", "2", "4", "f"):
            await screen.press(key)
        await screen.press("equals_sign")
        assert panel.host.id == host


async def test_the_prompt_takes_moments_and_refuses_the_rest(desk, look):
    async with look(desk) as screen:
        assert "go to:" in await screen.press("at")
        assert "is no moment" in await screen.press(*"soon", "enter")
        assert not desk.away
        await screen.press("escape")
        await screen.press("at", *"-2h", "enter")
        assert desk.now() == NOW - 2 * HOUR
        await screen.press("colon", *"go to a moment", "enter")
        await screen.press(*"2999-01-01 00:00", "enter")
        assert "still to come" in screen.text
        assert not desk.away


async def test_the_past_is_not_probed(desk, look, writer):
    async with look(desk) as screen:
        await screen.press("left_square_bracket")
        assert "the past cannot be probed" in await screen.press("r")
        assert writer.requests(0) == []


async def test_a_desk_opened_in_the_past_never_shows_now(make_desk, writer, look):
    desk = make_desk(at=FELL - MINUTE)
    assert desk.away
    assert desk.board.hosts == {}
    async with look(desk) as screen:
        assert as_of(screen) == f"AS OF {stamp(FELL - MINUTE)}"
        assert "STABLE" in screen.text
        assert "fell silent" not in screen.text


async def test_a_desk_in_the_past_without_a_cache_says_so(make_desk, look):
    async with look(make_desk(at=FELL)) as screen:
        assert "cannot be shown" in screen.text
        await screen.press("equals_sign")


async def test_ascii_draws_the_past_with_nothing_else(make_desk, writer, look):
    async with look(make_desk(ascii_only=True, at=FELL + MINUTE), (80, 24)) as screen:
        assert (await screen.press("enter", "2")).replace("\n", "").isascii()
        assert "AS OF" in screen.text


async def test_help_tells_the_keys(desk, look):
    async with look(desk, (120, 80)) as screen:
        text = await screen.press("question_mark")
        for said in ("event before", "an hour back", "go to a moment", "longer"):
            assert said in text


ZONES = {"here": ZoneInfo("Asia/Seoul"), "utc": UTC, "z": UTC, "seoul": ZoneInfo("Asia/Seoul")}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2014-12-22 16:15", "2014-12-22 16:15:00Z"),
        ("2014-12-22T16:15:30Z", "2014-12-22 16:15:30Z"),
        ("2014-12-23 01:15 here", "2014-12-22 16:15:00Z"),
        ("2014-12-23 01:15+09:00", "2014-12-22 16:15:00Z"),
        ("2014-12-21", "2014-12-21 00:00:00Z"),
        ("16:15", "2014-12-22 16:15:00Z"),
        ("16:15:10Z", "2014-12-22 16:15:10Z"),
        ("01:15 Seoul", "2014-12-22 16:15:00Z"),
        ("23:00", "2014-12-21 23:00:00Z"),
        ("-2h", "2014-12-22 14:21:40Z"),
        ("- 1h 30min", "2014-12-22 14:51:40Z"),
        ("+40s", "2014-12-22 16:22:20Z"),
        ("now", "2014-12-22 16:21:40Z"),
    ],
)
def test_moments_as_people_write_them(text, wanted):
    assert stamp(parse_moment(text, NOW, NOW, ZONES)) == wanted


@pytest.mark.parametrize(
    "text", ["soon", "25:00", "16:75", "2014-13-01", "-", "-2", "0001", "/"]
)
def test_what_is_no_moment_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="is no moment; write it like"):
        parse_moment(text, NOW, NOW, ZONES)


def test_a_moment_before_time_is_its_beginning():
    assert parse_moment("-99999d", NOW, NOW, ZONES) == 0
    assert parse_moment("0001-01-01", NOW, NOW, ZONES) == 0


def test_whether_the_collector_was_at_work():
    board = Board()
    assert not silent_then(board, NOW)
    board.collector = CollectorRow(beat=NOW - 4 * MINUTE)
    assert not silent_then(board, NOW)
    assert silent_then(board, NOW + DAY)
    board.collector = CollectorRow(beat=NOW, stopped=NOW)
    assert silent_then(board, NOW)
