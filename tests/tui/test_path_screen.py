"""The path as a whole screen: its ways in, stored traces, drill-down, going through time."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.cache.purge import Purge
from monitor.cache.reader import Reader
from monitor.cache.writer import Writer
from monitor.records import MINUTE, SECOND
from monitor.tui.app import Desk
from monitor.tui.lines import HopTarget, NetworkTarget, PathTarget
from monitor.tui.screens.board import BoardScreen
from monitor.tui.screens.path import HopScreen, PathScreen
from monitor.tui.story import PathAsked, read_path
from monitor.tui.text import clock
from monitor.tui.widgets.linelist import PageList
from tests.tui import path_evening
from tests.tui.desk_situation import NOW
from tests.tui.path_evening import BEGIN, BROKEN, MOVED, PREFIX, STEP, STEPS

LAST = BEGIN + (STEPS - 1) * STEP


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed cache of path_evening, to copy."""
    path = tmp_path_factory.mktemp("paths") / "cache.db"
    path_evening.write(path).close()
    return path


@pytest.fixture
def desk(written: Path, cache: Path, make_desk: Callable[..., Desk]) -> Desk:
    shutil.copy(written, cache)
    return make_desk()


@pytest.fixture
def then(written: Path, cache: Path, make_desk: Callable[..., Desk]) -> Callable[[int], Desk]:
    shutil.copy(written, cache)
    return lambda at: make_desk(at=at)


def page(desk: Desk) -> str:
    """All lines of the page, seen or not."""
    return "\n".join(made.text for made in desk.screen.query_one("#page", PageList).lines)


async def to_path(desk: Desk, screen) -> None:
    desk.open_target(PathTarget("ns1"))
    await screen.settle()


async def test_p_opens_the_path_wherever_a_host_is_under_the_cursor(desk, look):
    async with look(desk) as screen:
        assert "Path → ns1.kptc.kp" in await screen.press("p")
        await screen.press("escape", "enter")
        assert "Host ns1.kptc.kp" in screen.text
        assert "Path → ns1.kptc.kp" in await screen.press("p")
        desk.open_target(NetworkTarget("nk"))
        await screen.settle()
        assert "put the cursor on a host first" in await screen.press("home", "p")
        shown = desk.screen.query_one("#page", PageList)
        shown.move_to([made.key for made in shown.lines].index("host:ns2"))
        assert "Path → ns2.kptc.kp" in await screen.press("p")
        desk.go_to("www")
        await screen.press("p")
        assert isinstance(desk.screen, PathScreen)
        assert "www.kptc.kp is not traced; this is the path to ns1.kptc.kp" in screen.text


async def test_without_any_trace_the_desk_says_so(make_desk, writer, look):
    desk = make_desk()
    async with look(desk) as screen:
        desk.screen.go_to("quad9")
        assert "nobody traces the way to quad9" in await screen.press("p")
        await screen.press("3", "enter")
        assert isinstance(desk.screen, BoardScreen)


async def test_enter_on_the_path_panel_opens_it_at_that_hop(desk, look):
    async with look(desk) as screen:
        await screen.press("3", "j", "j", "enter")
        assert isinstance(desk.screen, PathScreen)
        shown = desk.screen.query_one("#page", PageList)
        assert shown.lines[shown.index].key == "hop:2"


async def test_the_screen_says_hops_break_and_what_differs(desk, look):
    async with look(desk, (120, 60)) as screen:
        await to_path(desk, screen)
        text = page(desk)
        assert f"newest trace 2014-12-22 {clock(LAST)}" in text
        assert f"{STEPS} of {STEPS} stored" in text
        assert "not reached  175.45.176.15  100% of 40 lost" in text
        assert "ICMP, flow 4711" in text
        assert f"since {clock(BROKEN)}" in text
        assert "also 198.51.100.10 25%" in text
        assert "MPLS 16001 299824" in text
        assert "silent, hops behind it answer: filtered" in text
        assert "AS20485 TransTeleCom (upstream)" in text
        assert "-AS131279" in text
        assert f"  5 - {path_evening.HOSTS['ns1']}" in text
        assert f"{PREFIX}  0 of 300 peers" in text


async def test_stored_traces_are_gone_through_one_by_one(desk, look):
    async with look(desk) as screen:
        await to_path(desk, screen)
        text = await screen.press("comma")
        assert f"TRACE OF 2014-12-22 {clock(LAST - STEP)}  {STEPS - 1} of {STEPS}" in text
        await screen.press(*["comma"] * STEPS)
        assert f"{clock(BEGIN)}  1 of {STEPS}" in page(desk)
        assert "this is the first stored trace" in screen.text
        await screen.press(*["full_stop"] * 3)
        text = page(desk)
        assert f"{clock(BEGIN + 3 * STEP)}  4 of {STEPS}" in text
        assert "AS4837 중국련합통신 Unicom (upstream)" in text
        assert "limits" in text
        assert "break" not in text.split("Path changes")[0]
        assert "300 of 300 peers  visible  via AS4837" in text
        assert f"▴ trace of {clock(BEGIN + 3 * STEP)}" in text
        text = await screen.press("full_stop")
        assert f"{clock(MOVED)}  5 of {STEPS}" in text
        moved = page(desk)
        assert f"Against the trace before, 2014-12-22 {clock(MOVED - STEP)}" in moved
        assert "-AS4837  +AS20485" in moved
        text = await screen.press(*["full_stop"] * (STEPS - 4))
        assert "this is the newest trace" in text
        assert "newest trace" in page(desk)
        await screen.press("comma")
        await screen.press("at", *"-1h", "enter")
        # What is pinned lies after the moment gone to.
        assert "newest trace" in page(desk)
        assert "TRACE OF" not in screen.text


async def test_p_on_an_event_opens_the_trace_it_rests_on(desk, look):
    async with look(desk) as screen:
        await screen.press("4", "end")
        assert "path changed" in screen.text
        text = await screen.press("p")
        assert f"TRACE OF 2014-12-22 {clock(MOVED + STEP)}  6 of {STEPS}" in text
        await screen.press("escape", "enter", "p")
        assert isinstance(desk.screen, PathScreen)
        assert "TRACE OF" in screen.text
        await screen.press("escape", "escape", "1", "end", "p")
        assert "put the cursor on a host first" in screen.text


async def test_what_was_known_at_a_trace_stands_beside_it(desk, look):
    async with look(desk) as screen:
        await to_path(desk, screen)
        await screen.press(*["comma"] * 3)
        text = page(desk)
        assert f"TRACE OF 2014-12-22 {clock(BROKEN)}" in text
        # One round alone breaks nothing yet.
        assert "━━ break" in text
        assert f"since {clock(BROKEN)}" not in text
        await screen.press("full_stop")
        assert f"since {clock(BROKEN)}, 10m00s" in page(desk)


async def test_nothing_later_than_the_moment_is_told(then, look):
    at = MOVED + STEP + MINUTE
    desk = then(at)
    async with look(desk, (120, 80)) as screen:
        await to_path(desk, screen)
        text = page(desk)
        assert f"newest trace 2014-12-22 {clock(MOVED + STEP)}" in text
        assert "6 of 6 stored" in text
        assert "break" not in text
        assert " 0 of 300" not in text
        assert clock(BROKEN) not in text
        await screen.press("comma")
        assert "5 of 6" in page(desk)
        await screen.press("equals_sign")
        assert "newest trace" in page(desk)
        assert desk.away
        await screen.press("equals_sign")
        await screen.settle()
        assert not desk.away
        assert f"{STEPS} of {STEPS}" in page(desk)


async def test_from_a_hop_to_the_hosts_behind_it_and_on(desk, look):
    async with look(desk) as screen:
        await to_path(desk, screen)
        shown = desk.screen.query_one("#page", PageList)
        shown.move_to([made.key for made in shown.lines].index("hop:4"))
        await screen.press("enter")
        assert isinstance(desk.screen, HopScreen)
        text = page(desk)
        assert "AS20485 TransTeleCom  RU  upstream of North Korea" in text
        assert "Behind 203.0.113.200  2, their latest trace passes it" in text
        assert "By their neighbours  1" in text
        assert "✖ DOWN" in text
        text = await screen.press("enter")
        assert "Host ns1.kptc.kp" in text
        assert "Path → ns1.kptc.kp" in await screen.press("p")
        await screen.press("escape", "escape", "escape", "escape")
        assert "Hosts 3" in screen.text


async def test_an_as_that_was_left_has_hosts_usually_behind_it_only_then(then, look):
    desk = then(MOVED - MINUTE)
    async with look(desk) as screen:
        await to_path(desk, screen)
        shown = desk.screen.query_one("#page", PageList)
        target = next(made.target for made in shown.lines if made.key == "hop:4")
        assert isinstance(target, HopTarget)
        desk.open_target(target)
        await screen.settle()
        assert "Behind 203.0.113.77  2" in page(desk)
        await screen.press("equals_sign")
        await screen.settle()
        assert "no watched host is behind it" in page(desk)


async def test_zoom_changes_the_chart_and_every_picture_has_its_sign(desk, look):
    async with look(desk) as screen:
        await to_path(desk, screen)
        assert "Routes over time  peers that hold each prefix, last 24 h" in page(desk)
        await screen.press("Z")
        assert "last 1 h" in page(desk)
        text = page(desk)
        assert "0000" in text
        await screen.press("at", *"-45m", "enter")
        text = page(desk)
        assert "!!!" in text
        assert "! feed error" in text


async def test_eighty_columns_and_ascii_alone_tell_it_too(make_desk, written, cache, look):
    shutil.copy(written, cache)
    desk = make_desk(ascii_only=True)
    async with look(desk, (80, 24)) as screen:
        await to_path(desk, screen)
        text = page(desk)
        assert "== break" in text
        assert not set("✔▲✖⊘▸•◆─━█·▾▴…▁▂▃▄▅▆▇░┴") & set(text)
        await screen.press("comma", "p", "a", "n", "9", "space", "greater_than_sign")
        assert f"{STEPS - 1} of {STEPS}" in screen.text


def test_path_changes_outlive_the_raw_traces(written, cache):
    shutil.copy(written, cache)
    writer = Writer(cache)
    purge = Purge(writer._ready())
    while purge.step(NOW, 1_000)[1]:
        pass
    writer.close()
    reader = Reader(cache)
    story = read_path(reader, PathAsked("ns1/trace", "ns1", NOW))
    assert reader.trace_times("ns1/trace", NOW) == []
    assert story.times == [MOVED, MOVED + STEP, BROKEN, BROKEN + STEP]
    assert story.shown is not None
    assert story.shown.at == BROKEN + STEP
    pinned = read_path(reader, PathAsked("ns1/trace", "ns1", NOW, MOVED, PREFIX))
    assert pinned.shown is not None
    assert pinned.shown.at == MOVED
    assert pinned.route is not None
    assert pinned.route.seen == 300
    before = read_path(reader, PathAsked("ns1/trace", "ns1", MOVED - SECOND))
    assert before.times == []
    assert before.place == -1
    reader.close()
