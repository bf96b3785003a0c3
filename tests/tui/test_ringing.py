"""Alerts at an open desk: each once, and none of before it was opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.cache.writer import Writer
from monitor.records import AlertsRow, CollectorRow, Ring
from monitor.tui.app import Desk
from monitor.tui.ringing import notice


def ring(number: int, **said: bool) -> Ring:
    return Ring(f"r-{number}", number, f"✖ host {number} DOWN", **said)


async def test_a_desk_rings_once_for_what_comes_while_it_is_open(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    written: list[str] = []
    monkeypatch.setattr("monitor.tui.ringing.write", lambda _, text: written.append(text))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("VTE_VERSION", raising=False)
    writer = Writer(cache)

    def put(*rings: Ring) -> None:
        row = AlertsRow(rings=rings)
        writer.commit([], [], {"alerts": row, "collector": CollectorRow(pid=1, beat=1)})

    put(ring(1, bell=True))
    desk = Desk(cache, config_dir=tmp_path)
    async with desk.run_test(size=(80, 24)):
        await desk.poll()
        assert written == []
        put(ring(1, bell=True), ring(2, bell=True, desktop=True))
        await desk.poll()
        await desk.poll()
        assert written == ["\a", "\x1b]9;watchdesk: ✖ host 2 DOWN\x1b\\"]
        assert desk.notice == "✖ host 2 DOWN"
        put(ring(2, bell=True, desktop=True), ring(3))
        await desk.poll()
        assert len(written) == 2
    writer.close()


@pytest.mark.parametrize("env", [{"TERM": "foot"}, {"TERM": "xterm", "VTE_VERSION": "7200"}])
def test_a_terminal_that_takes_the_other_notice_gets_it(env: dict[str, str]):
    assert notice("a;b", env) == "\x1b]777;notify;watchdesk;a,b\x1b\\"


def test_no_sequence_gets_out_of_a_notice():
    said = notice("a\x1b]0;evil\x07b\x9c", {"TERM": "xterm"})
    assert said.count("\x1b") == 2
    assert "\x07" not in said
    assert "\x9c" not in said
