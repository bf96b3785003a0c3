"""The desk as a person has it: a real terminal, a real collector, real servers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import pytest

from monitor.cache.lock import CollectorLock
from monitor.cache.writer import Writer
from monitor.commands.desk import only_read
from monitor.records import CollectorRow, State
from tests.cache.samples import host
from tests.cache.test_disk import namespace
from tests.conftest import Program
from tests.terminal import Terminal
from tests.test_cli import events, row, state, until, watchlist


@pytest.fixture
def server():
    with socket.create_server(("127.0.1.1", 0)) as listening:
        yield listening


@pytest.fixture
def open_desk(program: Program, tmp_path: Path, server):
    path = watchlist(tmp_path, server.getsockname()[1])
    opened: list[Terminal] = []

    def desk(*arguments: str, watched: bool = True, inside: Sequence[str] = ()) -> Terminal:
        wanted = ("-w", path) if watched else ()
        command = program.command(*wanted, "--cache", program.cache, *arguments)
        terminal = Terminal([*inside, *command], program.env)
        opened.append(terminal)
        return terminal

    yield desk
    for terminal in opened:
        terminal.close()
    holder = CollectorLock.holder(program.cache)
    if holder is not None:
        os.kill(holder.pid, signal.SIGKILL)
        until(lambda: CollectorLock.holder(program.cache) is None)


def test_a_server_that_stops_is_seen_told_and_remembered(
    program: Program, open_desk, server
) -> None:
    desk = open_desk()
    desk.until("UP")
    server.close()
    shown = desk.until("UP → DOWN")
    assert "connection refused" in shown
    desk.press("q")
    assert desk.wait() == 0
    assert CollectorLock.holder(program.cache) is None

    again = open_desk()
    shown = again.until("UP → DOWN")
    again.until("was stopped")
    again.press("q")
    assert again.wait() == 0


def test_a_closed_window_leaves_the_collector_at_work(program: Program, open_desk) -> None:
    desk = open_desk()
    desk.until("UP")
    desk.hang_up()
    desk.process.wait(90)
    holder = CollectorLock.holder(program.cache)
    assert holder is not None
    again = open_desk()
    again.until("UP")
    assert CollectorLock.holder(program.cache) == holder
    again.press("q")
    assert again.wait() == 0
    assert CollectorLock.holder(program.cache) is None


def test_the_last_desk_to_go_takes_its_collector_along(program: Program, open_desk) -> None:
    first, second = open_desk(), None
    first.until("UP")
    second = open_desk()
    second.until("UP")
    first.press("q")
    assert first.wait() == 0
    assert CollectorLock.holder(program.cache) is not None
    second.press("q")
    assert second.wait() == 0
    assert CollectorLock.holder(program.cache) is None


def test_a_collector_that_is_killed_is_replaced_once_however_many_desks_are_open(
    program: Program, open_desk
) -> None:
    first = open_desk()
    first.until("UP")
    second = open_desk()
    second.until("UP")
    killed = CollectorLock.holder(program.cache)
    assert killed is not None
    os.kill(killed.pid, signal.SIGKILL)
    first.until("ended without notice: nobody looked")
    second.until("ended without notice: nobody looked")
    now = CollectorLock.holder(program.cache)
    assert now is not None
    assert now != killed
    for desk in (first, second):
        desk.press("q")
        assert desk.wait() == 0
    assert CollectorLock.holder(program.cache) is None
    starts = [event for event in events(program) if "collector started" in event.text]
    assert len(starts) == 2


def test_when_a_cache_is_only_read(tmp_path: Path) -> None:
    cache = tmp_path / "cache.db"
    assert not only_read(cache)
    with closing(Writer(cache)) as writer:
        writer.commit([], [], {"host:alpha": host()})
        assert not only_read(cache)
        cache.chmod(0o400)
        assert only_read(cache)
        cache.chmod(0o600)
        writer.commit([], [], {"collector": CollectorRow(drill="dprk-2014")})
        assert only_read(cache)


def test_what_another_watchlist_found_is_not_passed_off_as_ours(
    program: Program, open_desk
) -> None:
    with closing(Writer(program.cache)) as writer:
        row = CollectorRow(pid=1, beat=1, watchlist="other", drill="d")
        writer.commit([], [], {"host:alpha": host(), "collector": row})
    desk = open_desk("--at", "2014-12-22T16:20")
    assert desk.wait() == 2
    desk.read()
    assert "the collector of this cache watches other, not watch" in " ".join(desk.text.split())
    # Without a word about what is watched a drill's cache is looked at, and nothing more.
    before = program.cache.read_bytes()
    desk = open_desk(watched=False)
    desk.until("DRILL, SYNTHETIC DATA READ ONLY viewer")
    desk.until("Alpha")
    desk.press("r")
    desk.until("not asked: this desk only reads")
    desk.press("q")
    assert desk.wait() == 0
    assert program.cache.read_bytes() == before
    assert CollectorLock.holder(program.cache) is None


def test_a_viewer_over_a_read_only_mount_sees_what_is_collected_and_starts_nothing(
    program: Program, tmp_path: Path, open_desk, server
) -> None:
    path = watchlist(tmp_path, server.getsockname()[1])
    folder = program.cache.parent
    folder.mkdir()
    mount = f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
    inside = [*namespace(), "sh", "-c", f'{mount} && exec "$@"', "sh"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no read-only mounts here")
    collecting = program.start("collect", "-w", path, "--cache", program.cache)
    until(lambda: state(program, State.UP))
    desk = open_desk(inside=inside)
    desk.until("READ ONLY viewer")
    desk.until("UP")
    server.close()
    desk.until("UP → DOWN")
    collecting.kill()
    collecting.wait(10)
    desk.until("collector silent since")
    desk.press("q")
    assert desk.wait() == 0
    assert CollectorLock.holder(program.cache) is None


def test_a_full_disk_is_said_while_it_lasts(program: Program, open_desk) -> None:
    folder = program.cache.parent
    folder.mkdir()
    mount = f"mount -t tmpfs -o size=3m tmpfs {folder}"
    inside = [*namespace(), "sh", "-c", f'{mount} && exec "$@"', "sh"]
    desk = open_desk(inside=inside)
    desk.until("UP")
    ballast = Path(f"/proc/{desk.process.pid}/root{folder}/ballast")
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        for _ in range(3_000):
            file.write(b"x" * 1_000)
    desk.until("the collector goes on from memory: no space left")
    ballast.unlink()
    until(lambda: desk.read() or "goes on from memory" not in desk.text)
    desk.press("q")
    assert desk.wait() == 0


def test_a_collector_that_cannot_start_is_one_sentence(program: Program, open_desk) -> None:
    program.cache.parent.mkdir()
    program.cache.mkdir()
    desk = open_desk()
    assert desk.wait() == 2
    desk.read()
    assert "Traceback" not in desk.text
    assert "watchdesk: " in desk.text


def test_a_collector_of_another_watchlist_is_not_passed_off_as_ours(
    program: Program, open_desk, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text(watchlist(tmp_path, 9).read_text())
    running = program.start("collect", "-w", other, "--cache", program.cache)
    until(lambda: program.cache.exists() and CollectorLock.holder(program.cache))
    until(lambda: "other" in _watchlist(program))
    desk = open_desk()
    assert desk.wait() == 2
    desk.read()
    assert "the running collector watches other" in " ".join(desk.text.split())
    running.terminate()


def _watchlist(program: Program) -> str:
    found = row(program, "collector")
    return found.watchlist if found else ""
