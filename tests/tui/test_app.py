"""The desk as a person drives it: by keyboard, over a real cache."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from monitor.cache.writer import Writer
from monitor.records import (
    SECOND,
    CollectorRow,
    Event,
    EventKind,
    HostRow,
    OwnControl,
    OwnRole,
    Reason,
    State,
    Vantage,
    VantageRow,
    subject_of,
)
from monitor.tui.app import run_desk
from monitor.tui.pages.network import network_page
from monitor.tui.screens.board import BoardScreen
from monitor.tui.screens.page import PageScreen
from monitor.tui.text import UNICODE, Look
from monitor.tui.widgets.events import EventsPanel
from monitor.tui.widgets.hosts import HostsPanel
from tests.tui import desk_situation
from tests.tui.desk_situation import NOW


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60)])
async def test_the_board_says_what_matters_at_every_size(desk, look, size):
    async with look(desk, size) as screen:
        assert "✖ LOST" in screen.lines[1]
        assert "inside 0 of 14" in screen.lines[1]
        assert "8 of 8" in screen.lines[1]
        assert "2014-12-22 16:21:40Z" in screen.lines[0]
        assert "✖ DOWN" in screen.text
        assert "PARTIAL → LOST" in screen.text
        assert ("break: nothing beyond AS4837" in screen.text) == (size[0] >= 110)
        assert all(cell_len(line) == size[0] for line in screen.lines)


async def test_at_80_columns_the_path_takes_the_place_of_the_hosts(desk, look):
    async with look(desk, (80, 24)) as screen:
        assert "break: nothing beyond" in await screen.press("3")
        assert "airkoryo" in await screen.press("escape")
        assert "break: nothing beyond" not in screen.text


async def test_three_presses_from_the_board_to_the_raw_answer_and_back(desk, look):
    async with look(desk) as screen:
        assert "Host airkoryo" in await screen.press("enter")
        assert "served from inside" in screen.text
        assert "Round-trip time" in await screen.press("enter")
        text = await screen.press("enter")
        assert '"outcome": "fail"' in text
        await screen.press("escape", "escape", "escape")
        assert isinstance(desk.screen, BoardScreen)


async def test_the_network_and_an_event_open_with_their_evidence(desk, look):
    async with look(desk) as screen:
        assert "175.45.178.0/24" in await screen.press("1", "enter")
        await screen.press("escape")
        assert "kept with the event" in await screen.press("4", "home", "enter")
        assert "Observation of" in await screen.press("enter")


async def test_http_and_dns_answers_show_every_fact_and_never_markup(desk, look):
    async with look(desk) as screen:
        await screen.press("slash", *"kcna.co.jp", "enter", "enter", "enter", "enter")
        assert "[/b] 조선중앙통신" in screen.text
        assert "first byte" in screen.text
        assert "nginx" in screen.text


async def test_filter_narrows_and_escape_clears_it(desk, look):
    async with look(desk) as screen:
        await screen.press("slash", *"kptc")
        assert "Hosts 2 of 26" in screen.text
        await screen.press("enter")
        assert isinstance(desk.focused, HostsPanel)
        await screen.press("escape")
        assert "Hosts 26" in screen.text


async def test_sort_and_group_go_round_and_the_cursor_keeps_its_host(desk, look):
    async with look(desk) as screen:
        await screen.press("j", "j")
        panel = desk.screen.query_one(HostsPanel)
        host = panel.host.id
        for key in "ssssSgggg":
            await screen.press(key)
            assert panel.host.id == host
        assert panel.view.group == "network"


async def test_keys_that_mean_nothing_do_nothing(desk, look):
    async with look(desk) as screen:
        before = screen.text
        await screen.press("z", "b", "d", "f5", "ctrl+y", "equals_sign")
        assert screen.text == before


async def test_what_changes_is_painted_and_marked_unread(desk, look, writer: Writer):
    async with look(desk) as screen:
        row = desk.board.hosts["kcna-co-jp"]
        changed = HostRow(
            row.id, row.name, network=row.network, affiliation="KP", hosting=row.hosting,
            state=State.DOWN, since=NOW,
        )  # fmt: skip
        said = Event(NOW, EventKind.TRANSITION, "host:kcna-co-jp", "gone", "UP", "DOWN")
        writer.commit([], [said], {subject_of(changed): changed})
        await screen.settle()
        assert "kcna-co-jp" in desk.board.unread_hosts
        assert "1 new" in screen.text
        assert "•" in screen.text
        await screen.press("4", "2")
        assert "1 new" not in screen.text


async def test_an_own_fault_is_loud(desk, look, writer: Writer):
    async with look(desk) as screen:
        row = VantageRow("local", Vantage.FAULT, NOW, answering=2, known=8, total=8)
        writer.commit([], [], {subject_of(row): row})
        await screen.settle()
        assert "OWN VANTAGE FAULT: 2 of 8 controls answer" in screen.text
        row = VantageRow("local", Vantage.UNKNOWN, NOW, answering=0, known=8, total=8)
        writer.commit([], [], {subject_of(row): row})
        await screen.settle()
        assert "nothing can be said from here" in screen.text


async def test_names_that_cannot_be_looked_up_are_a_matter_of_ours(desk, look, writer: Writer):
    own = (
        OwnControl(OwnRole.GATEWAY, "192.0.2.254", True, ever=True),
        OwnControl(OwnRole.RESOLVER, "192.0.2.53", False, Reason.TIMEOUT, ever=True),
    )
    async with look(desk) as screen:
        row = VantageRow("local", Vantage.HEALTHY, NOW, why="no names", own=own, nameless=NOW)
        writer.commit([], [], {subject_of(row): row})
        await screen.settle()
        assert "no names" in screen.text
        network = next(iter(desk.board.networks.values()))
        shown = network_page(network, desk.board, (), Look(80, UNICODE, NOW))
        text = "\n".join(each.text for each in shown)
        assert "gateway 192.0.2.254: answers" in text
        assert "resolver 192.0.2.53: does not answer: no answer" in text


async def test_a_dead_collector_is_said(make_desk, look, writer: Writer):
    desk = make_desk(now=lambda: NOW + 60 * SECOND)
    async with look(desk) as screen:
        assert "collector silent since 2014-12-22 16:21:38Z" in screen.text
        row = CollectorRow(
            pid=1, beat=NOW, stopped=NOW, problem="watchlist: line 3: no such key"
        )
        writer.commit([], [], {"collector": row})
        await screen.settle()
        assert "collector stopped at" in screen.text
        assert "watchlist: line 3: no such key" in screen.text


async def test_without_a_cache_the_desk_waits_and_then_shows_it(make_desk, look, cache):
    desk = make_desk()
    async with look(desk, (80, 24)) as screen:
        assert "no cache" in screen.text.lower() or str(cache)[:20] in screen.text
        desk_situation.write(cache).close()
        await screen.settle()
        assert "✖ LOST" in screen.text


async def test_a_broken_cache_is_said_and_the_desk_remembers(desk, look, cache, writer):
    async with look(desk) as screen:
        writer.close()
        for path in cache.parent.glob("cache.db*"):
            path.unlink()
        cache.write_bytes(b"not a cache at all" * 400)
        await screen.settle()
        assert "shown from memory: " in screen.text
        assert "✖ DOWN" in screen.text


async def test_probe_now_is_a_request_in_the_cache(desk, look, writer: Writer):
    async with look(desk) as screen:
        await screen.press("r")
        assert [(r.verb, r.subject) for r in writer.requests(0)] == [
            ("probe", "host:airkoryo-com-kp")
        ]
        assert "asked the collector" in screen.lines[-1]


async def test_the_theme_changes_and_is_remembered(desk, look, make_desk):
    async with look(desk) as screen:
        assert desk.theme == "night"
        await screen.press("t")
        chosen = desk.theme
        assert chosen != "night"
    assert make_desk().theme == chosen


async def test_a_broken_theme_and_keymap_are_notices(writer, make_desk, look, tmp_path):
    folder = tmp_path / "config" / "themes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('[base]\nprimary = "no such colour"\n')
    (tmp_path / "config" / "keymap.toml").write_text('nothing = "x"\n')
    desk = make_desk(theme="mine")
    async with look(desk) as screen:
        assert "base.primary" in screen.lines[-1]
        assert desk.theme == "night"
        text = await screen.press("question_mark", "end")
        assert "no binding is called 'nothing'" in text


async def test_a_user_keymap_changes_keys_and_the_help(writer, make_desk, look, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "keymap.toml").write_text('sort = "o"\n')
    desk = make_desk()
    async with look(desk) as screen:
        await screen.press("o")
        assert desk.screen.query_one(HostsPanel).view.sort == "name"
        assert " o sort" in screen.lines[-1]


async def test_ascii_only_draws_nothing_else(writer, make_desk, look):
    async with look(make_desk(ascii_only=True), (80, 24)) as screen:
        text = await screen.press("slash", *"kptc", "enter")
        assert text.replace("\n", "").isascii()
        assert (await screen.press("enter", "enter")).replace("\n", "").isascii()


async def test_without_colour_the_cursor_is_reversed(writer, make_desk, look, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    desk = make_desk()
    async with look(desk):
        panel = desk.screen.query_one(HostsPanel)
        strip = panel.render_line(panel.index - panel.scroll_offset.y + 1)
        assert all(segment.style.reverse for segment in strip if segment.text.strip())


async def test_the_banner_stands_on_every_screen(writer, make_desk, look):
    async with look(make_desk(banner="DRILL, SYNTHETIC DATA"), (80, 24)) as screen:
        assert "DRILL, SYNTHETIC DATA" in screen.lines[0]
        await screen.press("enter")
        assert "DRILL, SYNTHETIC DATA" in screen.lines[0]
        await screen.press("question_mark")
        assert "DRILL, SYNTHETIC DATA" in screen.lines[0]


async def test_resize_keeps_the_cursor_in_sight(desk, look):
    async with look(desk, (200, 60)) as screen:
        await screen.press("end", "k", "k")
        await screen.pilot.resize_terminal(80, 24)
        await screen.settle()
        assert desk.screen.query_one(HostsPanel).host.name in screen.text
        assert all(cell_len(line) == 80 for line in screen.lines)


async def test_ten_thousand_hosts_draw_only_what_is_visible(make_desk, look, cache):
    desk_situation.many(cache, 10_000).close()
    desk = make_desk()
    async with look(desk) as screen:
        panel = desk.screen.query_one(HostsPanel)
        drawn: list[int] = []
        line = panel.line
        panel.line = lambda index, width: drawn.append(index) or line(index, width)
        await screen.press("end")
        assert len(set(drawn)) <= 2 * panel.size.height
        assert "host-09999" in screen.text


async def test_the_palette_goes_to_a_host(desk, look):
    async with look(desk) as screen:
        await screen.press("colon", *"vok.rep", "enter")
        panel = desk.screen.query_one(HostsPanel)
        assert panel.host.name == "vok.rep.kp"


async def test_soft_events_are_shown_on_demand(desk, look):
    async with look(desk) as screen:
        assert "1 of 3" not in screen.text
        assert "1 of 3" in await screen.press("f")
        assert desk.screen.query_one(EventsPanel).soft


async def test_mouse_selects_opens_and_sorts(desk, look):
    async with look(desk) as screen:
        panel = desk.screen.query_one(HostsPanel)
        await screen.pilot.click(panel, offset=(5, 5))
        assert panel.index == 3
        await screen.pilot.click(panel, offset=(18, 1))
        assert panel.view.sort == "name"
        await screen.pilot.click(panel, offset=(5, 5), times=2)
        await screen.settle()
        assert isinstance(desk.screen, PageScreen)


async def test_q_leaves_cleanly(desk, look):
    async with look(desk) as screen:
        await screen.pilot.press("q")
    assert desk.return_code == 0


def test_a_desk_needs_a_terminal(cache, tmp_path, capsys):
    assert run_desk(cache, config_dir=tmp_path) == 2
    assert "terminal" in capsys.readouterr().err
