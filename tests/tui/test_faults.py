"""What is wrong with the cache or the collector is one sentence on the desk, while it lasts."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from monitor.cache import schema
from monitor.cache.writer import Writer
from monitor.commands.desk import VIEWER
from tests.tui import desk_situation


def damaged(path):
    Writer(path).close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))


def of_version(path, number):
    Writer(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version={number}")


def of_another_program(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE letters (a)")


FAULTS = (
    (lambda path: path.touch(), "holds nothing yet; start a collector"),
    (damaged, "is damaged"),
    (lambda path: path.write_bytes(b"no database" * 999), "is damaged"),
    (lambda path: of_version(path, 1), "was written by an older watchdesk; start a collector"),
    (
        lambda path: of_version(path, schema.SCHEMA_VERSION + 1),
        "newer watchdesk; update this one",
    ),
    (of_another_program, "is a database of another program"),
    (lambda path: path.mkdir(), "is not a file"),
    (os.mkfifo, "is not a file"),
    (lambda path: None, "there is no cache at"),
)


def put(made, cache):
    """In the cache's place at once: the desk goes on looking while a test goes on."""
    if cache.exists():
        cache.rename(made.with_name(f"before-{made.name}"))
    for beside in schema.side_files(cache):
        beside.unlink(missing_ok=True)
    if made.exists():
        made.rename(cache)


async def test_each_fault_of_the_cache_is_said_and_what_was_known_stays(
    desk, look, writer, cache, tmp_path
):
    writer.close()
    # Wide enough for whatever path the cache has.
    async with look(desk, (300, 36)) as screen:
        for number, (break_it, sentence) in enumerate(FAULTS):
            made = tmp_path / f"broken-{number}"
            break_it(made)
            put(made, cache)
            await screen.settle()
            said = next(line for line in screen.lines if "shown from memory" in line)
            assert sentence in said, said
            assert "ns1.kptc.kp" in screen.text
        made = tmp_path / "whole"
        desk_situation.write(made).close()
        put(made, cache)
        await screen.settle()
        assert "shown from memory" not in screen.text
        assert "LOST" in screen.text


async def test_a_locked_cache_is_said_while_it_is_locked(desk, look, writer, cache, tmp_path):
    writer.close()
    made = tmp_path / "locked"
    desk_situation.write(made).close()
    async with look(desk, (160, 36)) as screen:
        with closing(sqlite3.connect(made)) as other:
            other.execute("PRAGMA locking_mode=EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            put(made, cache)
            await screen.settle()
            assert "is locked by another process" in screen.text
        await screen.settle()
        assert "locked" not in screen.text


async def test_what_is_done_about_a_collector_stands_on_every_screen(
    make_desk, look, writer, monkeypatch
):
    monkeypatch.setattr("monitor.tui.tending.EVERY_S", 0.01)
    words = ("the collector ended; another is being started", "this desk starts another")
    asked = []

    def tend(silent):
        asked.append(silent)
        return words[1] if len(asked) == 1 else "", words[0]

    desk = make_desk(tend=tend)
    async with look(desk) as screen:
        while len(asked) < 3:
            await screen.pilot.pause(0.02)
        await screen.settle()
        assert words[0] in screen.text
        assert words[1] in screen.lines[-1]
        assert words[0] in await screen.press("enter")
        assert words[0] not in await screen.press("left_square_bracket")
    assert asked[0] is False


async def test_a_viewer_says_so_and_asks_nothing(make_desk, look, writer):
    desk = make_desk(banner=VIEWER, read_only=True, quit_says="this desk only reads")
    async with look(desk, (80, 24)) as screen:
        assert VIEWER in screen.lines[0]
        await screen.press("2", "j")
        assert "not asked: this desk only reads" in await screen.press("r")
    assert writer.requests(0) == []
