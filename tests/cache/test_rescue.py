from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from monitor.cache.reader import Cursor, Reader
from monitor.cache.rescue import open_or_set_aside, set_aside
from monitor.cache.schema import CacheError, damage_mark
from monitor.cache.writer import Writer
from monitor.records import subject_of
from tests.cache.samples import check, host, said, seen

PAGE = 4096


def fill(path, hosts=400, turns=10):
    """A cache of some hundred pages; its rows and events."""
    rows = {
        subject_of(row): row for n in range(hosts) for row in (host(f"h{n}"), check(f"h{n}"))
    }
    events = []
    with closing(Writer(path)) as writer:
        writer.commit([], [], rows)
        for turn in range(turns):
            observations = [seen(f"h{n}/icmp", at=turn) for n in range(hosts)]
            events += writer.commit(observations, [said(at=turn)] * 20, {})
    return rows, events


def scribble(path, pages):
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(b"\xa5" * PAGE)


def pages_of(path, table):
    with closing(sqlite3.connect(path)) as db:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        return db.execute(query, (table,)).fetchone()[0]


def aside_of(path):
    found = [file for file in path.parent.iterdir() if ".corrupt-" in file.name]
    return [file for file in found if not file.name.endswith(("-wal", "-shm"))]


def test_a_sound_cache_is_opened_as_it_is(path):
    rows, _ = fill(path, hosts=3, turns=1)
    writer, sentence = open_or_set_aside(path)
    with closing(writer):
        assert sentence == ""
        assert writer.rows() == rows
    assert aside_of(path) == []


def test_a_file_beyond_reading_is_set_aside_whole(path):
    path.parent.mkdir()
    noise = b"\x00\xff\x13" * 5_000
    path.write_bytes(noise)
    writer, sentence = open_or_set_aside(path)
    with closing(writer):
        writer.commit([seen()], [said()], {})
    (aside,) = aside_of(path)
    assert aside.read_bytes() == noise
    assert aside.name in sentence
    assert "0 events and 0 rows were carried over" in sentence


def test_what_can_be_read_around_the_damage_comes_over(path):
    rows, events = fill(path)
    with closing(sqlite3.connect(path)) as db:
        total = db.execute("PRAGMA page_count").fetchone()[0]
    lost = [n for n in range(12, total, 9) if n != pages_of(path, "current")]
    scribble(path, lost)
    before = path.read_bytes()
    writer, sentence = set_aside(path, "the cache is damaged")
    with closing(writer), closing(Reader(path)) as reader:
        found = writer.rows()
        assert len(rows) // 3 < len(found) < len(rows)
        assert all(getattr(rows[name], "id", "") == row.id for name, row in found.items())
        kept = reader.events(limit=10_000)
        assert len(events) // 3 < len(kept)
        assert set(kept) <= set(events)
        assert f"{len(kept)} events" in sentence
        # Numbers go on, so that nobody takes a new event for one already seen.
        newest = max(event.id for event in kept)
        assert writer.commit([], [said(at=99)], {})[0].id > newest
    (aside,) = aside_of(path)
    assert aside.read_bytes() == before


def test_damage_among_the_rows_is_found_at_the_start(path):
    fill(path)
    scribble(path, [pages_of(path, "current")])
    writer, sentence = open_or_set_aside(path)
    with closing(writer), closing(Reader(path)) as reader:
        assert "damaged" in sentence
        assert len(reader.events(limit=1_000)) == 200
        writer.commit([seen()], [said()], {})


def test_damage_met_while_writing_is_set_aside_at_the_next_start(path):
    fill(path)
    damage_mark(path).touch()
    writer, sentence = open_or_set_aside(path)
    writer.close()
    assert "was found damaged" in sentence
    assert not damage_mark(path).exists()
    writer, sentence = open_or_set_aside(path)
    writer.close()
    assert sentence == ""


def test_the_log_goes_with_the_file(path):
    """A cache whose last commits stand in the log alone, as after a kill, then damaged."""
    fill(path, hosts=5, turns=1)
    writer = Writer(path)
    writer.commit([], [said(at=77)], {})
    copy = path.with_name("copy.db")
    for end in ("", "-wal", "-shm"):
        shutil.copy(path.with_name(path.name + end), copy.with_name(copy.name + end))
    writer.close()
    writer, sentence = set_aside(copy, "trouble")
    with closing(writer), closing(Reader(copy)) as reader:
        assert reader.events(limit=1)[0].at == 77
        assert "21 events and 10 rows" in sentence


def test_a_desk_that_was_reading_goes_over_to_the_new_file(path):
    fill(path, hosts=5, turns=1)
    with closing(Reader(path)) as reader:
        cursor = reader.changes(Cursor()).cursor
        writer, _ = set_aside(path, "trouble")
        with closing(writer):
            writer.commit([], [], {"host:new": host("new")})
            changes = reader.changes(cursor)
    assert changes.fresh
    assert len(changes.rows) == 11


def test_another_programs_file_is_left_alone(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE letters (a)")
        db.commit()
    with pytest.raises(CacheError, match="another program"):
        open_or_set_aside(path)
    assert aside_of(path) == []


def test_two_damages_in_one_second_get_two_names(path):
    path.parent.mkdir()
    for turn in range(3):
        path.write_bytes(b"\xff%d" % turn * 5_000)
        set_aside(path, "trouble")[0].close()
    assert len(aside_of(path)) == 3
