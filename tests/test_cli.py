"""The doors, as a person meets them: one sentence for every failure, and its exit code."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import pytest

from monitor.cache.lock import CollectorLock
from monitor.cache.reader import Reader
from monitor.cache.schema import CacheError
from monitor.records import CollectorRow, EventKind, HostRow, State
from tests.conftest import Program

DEADLINE = 90.0


def watchlist(folder: Path, port: int, *, interval: str = "1s") -> Path:
    path = folder / "watch.toml"
    path.write_text(
        f"""
        [[network]]
        id = "loop"
        name = "Loopback"
        prefixes = ["127.0.1.0/24"]
        [[host]]
        id = "web"
        address = "127.0.1.1"
        checks = [{{ kind = "tcp", port = {port}, interval = "{interval}", timeout = "500ms" }}]
        """
    )
    return path


@pytest.fixture
def server():
    with socket.create_server(("127.0.1.1", 0)) as listening:
        yield listening


def until(what, seconds: float = DEADLINE):
    """Wait for a real process: looks every 50 ms, gives up at a deadline."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    pytest.fail(f"not within {seconds} s")


def row(program: Program, subject: str):
    try:
        reader = Reader(program.cache)
    except CacheError:
        return None
    try:
        return reader.row(subject)
    finally:
        reader.close()


def state(program: Program, wanted: State):
    found = row(program, "host:web")
    return isinstance(found, HostRow) and found.state is wanted


def events(program: Program):
    reader = Reader(program.cache)
    try:
        return reader.events(limit=500)
    finally:
        reader.close()


def test_without_a_terminal_the_desk_says_what_to_use_instead(program: Program) -> None:
    ran = program.run()
    assert ran.returncode == 2
    assert "watchdesk check" in ran.stderr
    assert "watchdesk collect" in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1


def test_help_and_version_are_said(program: Program) -> None:
    assert "validate" in program.run("--help").stdout
    assert program.run("--version").stdout.startswith("watchdesk 0.")


BAD = {
    "missing": None,
    "empty": b"",
    "broken": b"[[host]\n",
    "latin-1": 'name = "Pjöngjang"'.encode("latin-1"),
    "huge": b"#" * 10_000_000,
    "interval": b'[[host]]\nid="a"\naddress="127.0.0.1"\nchecks=[{kind="icmp",interval=0}]\n',
    "twice": b'[[host]]\nid="a"\naddress="127.0.0.1"\n' * 2,
    "escape": b'[[host]]\nid="a"\nname="\\u001b[2J"\naddress="127.0.0.1"\n',
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("command", ["validate", "check", "collect"])
def test_a_bad_watchlist_is_an_error_of_its_own_and_nothing_is_written(
    program: Program, tmp_path: Path, name: str, command: str
) -> None:
    path = tmp_path / "bad.toml"
    data = BAD[name]
    if data is not None:
        path.write_bytes(data)
    place = [path] if command == "validate" else ["-w", path, "--cache", program.cache]
    ran = program.run(command, *place)
    assert ran.returncode == 2
    assert ran.stderr.startswith("watchdesk: ")
    assert "bad.toml" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "\x1b" not in ran.stderr
    assert not program.cache.parent.exists()


def test_validate_sums_up_what_is_watched(program: Program) -> None:
    ran = program.run("validate", "north-korea")
    assert ran.returncode == 0
    assert "north-korea" in ran.stdout


def test_init_writes_a_watchlist_that_validates_and_never_overwrites(program: Program) -> None:
    assert program.run("init").returncode == 0
    path = program.config / "watchlist.toml"
    assert program.run("validate", path).returncode == 0
    path.write_text("mine")
    again = program.run("init")
    assert again.returncode == 2
    assert path.read_text() == "mine"
    assert program.run("init", "--force").returncode == 0


def test_check_reports_and_its_exit_code_says_it(
    program: Program, tmp_path: Path, server
) -> None:
    path = watchlist(tmp_path, server.getsockname()[1])
    ran = program.run("check", "-w", path)
    assert ran.returncode == 0
    assert "UP" in ran.stdout
    server.close()
    ran = program.run("check", "-w", path, "--json")
    assert ran.returncode == 2
    found = json.loads(ran.stdout)
    assert found["schema"] == 1
    assert found["hosts"][0]["state"] == "DOWN"
    assert found["hosts"][0]["checks"][0]["reason"] == "refused"


def test_a_collector_sees_a_server_stop_and_remembers_it_over_a_restart(
    program: Program, tmp_path: Path, server
) -> None:
    path = watchlist(tmp_path, server.getsockname()[1])
    arguments = ("collect", "-w", path, "--cache", program.cache)
    first = program.start(*arguments)
    until(lambda: state(program, State.UP))
    server.close()
    until(lambda: state(program, State.DOWN))
    first.send_signal(signal.SIGTERM)
    assert first.wait(DEADLINE) == 0
    assert CollectorLock.holder(program.cache) is None

    second = program.start(*arguments)
    until(
        lambda: (
            isinstance(row(program, "collector"), CollectorRow)
            and row(program, "collector").pid == second.pid
        )
    )
    until(lambda: row(program, "host:web").last_at > row(program, "collector").started)
    second.send_signal(signal.SIGTERM)
    assert second.wait(DEADLINE) == 0
    told = [
        e for e in events(program) if e.subject == "host:web" and e.new == "DOWN" and e.hard
    ]
    assert len(told) == 1
    assert told[0].evidence
    gaps = [e for e in events(program) if e.kind is EventKind.GAP]
    assert len(gaps) == 1
    assert "was stopped" in gaps[0].text


def test_a_killed_collector_leaves_a_gap_and_its_lock(
    program: Program, tmp_path: Path, server
) -> None:
    path = watchlist(tmp_path, server.getsockname()[1])
    arguments = ("collect", "-w", path, "--cache", program.cache)
    first = program.start(*arguments)
    until(lambda: state(program, State.UP))
    first.kill()
    first.wait(DEADLINE)
    program.start(*arguments)
    until(lambda: any("without notice" in e.text for e in events(program)))


def test_one_collector_a_cache_and_stop_ends_it(
    program: Program, tmp_path: Path, server
) -> None:
    path = watchlist(tmp_path, server.getsockname()[1])
    arguments = ("collect", "-w", path, "--cache", program.cache)
    first = program.start(*arguments)
    until(lambda: CollectorLock.holder(program.cache))
    second = program.run(*arguments)
    assert second.returncode == 2
    assert str(first.pid) in second.stderr
    until(lambda: state(program, State.UP))
    stopped = program.run("collect", "--stop", "--cache", program.cache)
    assert stopped.returncode == 0
    assert str(first.pid) in stopped.stdout
    assert first.wait(DEADLINE) == 0
    assert "no collector" in program.run("collect", "--stop", "--cache", program.cache).stdout


def test_an_edited_watchlist_is_taken_over_and_a_bad_edit_is_said(
    program: Program, tmp_path: Path, server
) -> None:
    path = watchlist(tmp_path, server.getsockname()[1])
    program.start("collect", "-w", path, "--cache", program.cache)
    until(lambda: state(program, State.UP))
    good = path.read_text()
    path.write_text("[[host]]\n")
    until(lambda: "the old one goes on" in row(program, "collector").problem)
    path.write_text(good.replace('id = "web"', 'id = "site"'))
    until(lambda: isinstance(row(program, "host:site"), HostRow))
    until(lambda: row(program, "collector").problem == "")
    assert row(program, "host:web").removed


def test_a_damaged_cache_is_set_aside_and_said(
    program: Program, tmp_path: Path, server
) -> None:
    path = watchlist(tmp_path, server.getsockname()[1])
    program.cache.parent.mkdir()
    program.cache.write_bytes(b"no database" * 1000)
    program.start("collect", "-w", path, "--cache", program.cache)
    until(lambda: state(program, State.UP))
    assert [f for f in program.cache.parent.iterdir() if "corrupt" in f.name]
    assert any(e.kind is EventKind.HEALTH for e in events(program))
