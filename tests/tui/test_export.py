"""``e``: what is on the screen, or the report, in a file; marked in a drill, dated as shown."""

from __future__ import annotations

import shutil

import pytest

from monitor.cache.writer import Writer
from monitor.records import CollectorRow
from tests.tui import past_evening
from tests.tui.desk_situation import NOW


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "watchdesk" / "exports"


async def test_the_screen_is_exported_without_the_choice_on_it(desk, look, state):
    async with look(desk) as screen:
        before = screen.lines
        asked = await screen.press("e")
        assert "s screen as SVG" in asked
        assert str(state)[:60] in asked
        await screen.press("t")
        (path,) = state.iterdir()
        assert str(path) in desk.notices[-1]
        told = path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600
        assert "export:" not in told
        assert "as of 2014-12-22 16:21:40Z" in told
        assert all(line.rstrip() in told for line in before[1:-1])
        await screen.press("e", "s")
    picture = next(path for path in state.iterdir() if path.suffix == ".svg")
    assert picture.name == "screen-20141222T162140Z.svg"
    assert picture.read_text().startswith("<svg")
    assert "SYNTHETIC" not in picture.read_text()


async def test_exports_are_never_written_over_and_escape_writes_none(desk, look, state):
    async with look(desk) as screen:
        await screen.press("e", "escape")
        assert not state.exists()
        assert "export:" not in await screen.press("e", "t", "e", "t")
    names = sorted(path.name for path in state.iterdir())
    assert names == ["screen-20141222T162140Z-2.txt", "screen-20141222T162140Z.txt"]


async def test_the_report_is_of_the_moment_shown_and_marked_in_a_drill(
    cache, make_desk, look, state, evening
):
    shutil.copy(evening, cache)
    writer = Writer(cache)
    drill = CollectorRow(pid=1, beat=NOW, watchlist="evening", drill="dprk-2014")
    writer.commit([], [], {"collector": drill}, NOW)
    writer.close()
    desk = make_desk(at=past_evening.BLIND)
    async with look(desk) as screen:
        assert "report of North Korea" in await screen.press("e")
        await screen.press("r")
        await screen.press("e", "t")
    names = {path.suffix: path.name for path in state.iterdir()}
    assert names == {
        ".html": "report-nk-20141222T154140Z-SYNTHETIC.html",
        ".txt": "screen-20141222T154140Z-SYNTHETIC.txt",
    }
    report = (state / names[".html"]).read_text()
    assert "DRILL, SYNTHETIC DATA (dprk-2014)" in report
    assert "At 2014-12-22 15:41:40Z North Korea was LOST" in report
    assert (state / names[".txt"]).read_text().startswith("DRILL, SYNTHETIC DATA (dprk-2014)")


async def test_a_folder_that_cannot_be_made_is_one_sentence(desk, look, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    async with look(desk) as screen:
        await screen.press("e", "t")
        assert desk.notices[-1].startswith("not written: ")


async def test_a_desk_in_a_browser_writes_no_file(desk, look, state, monkeypatch):
    monkeypatch.setattr("monitor.tui.screens.base.in_browser", lambda: True)
    async with look(desk) as screen:
        assert "writes no files" in await screen.press("e")
    assert not state.exists()
