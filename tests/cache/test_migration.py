"""A file of an earlier version becomes one of this version and loses nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from monitor.cache import schema
from monitor.cache.reader import Cursor, Reader
from monitor.cache.rescue import set_aside
from monitor.cache.says import Says
from monitor.cache.schema import CacheMissing
from monitor.cache.writer import Writer
from monitor.entries import Note
from monitor.records import HOUR, MINUTE, subject_of
from tests.cache.samples import check, host, said, seen, trace

FIRST = 1_700_000_000_000_000 // HOUR * HOUR
OBSERVED = [
    *(seen("alpha/icmp", at=FIRST + n * MINUTE) for n in range(90)),
    trace("alpha/trace", FIRST, "192.0.2.1"),
]
ROWS = {subject_of(row): row for row in (host(), check())}


@pytest.fixture
def first_version(path, tmp_path):
    """A cache as version 1 wrote it."""
    return as_version(1, path, tmp_path)


@pytest.fixture
def second_version(path, tmp_path):
    """A cache as version 2 wrote it."""
    return as_version(2, path, tmp_path)


def as_version(version, path, tmp_path):
    with closing(Writer(tmp_path / "now.db")) as writer:
        writer.commit(OBSERVED, [said(at=FIRST)], ROWS)
    path.parent.mkdir(mode=0o700)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("PRAGMA journal_mode=WAL").fetchall()
        for step in schema.MIGRATIONS[:version]:
            for statement in step:
                db.execute(statement)
        db.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
        db.execute(f"PRAGMA user_version={version}")
        db.execute("ATTACH ? AS now", (str(tmp_path / "now.db"),))
        tables = db.execute("SELECT name FROM main.sqlite_schema WHERE type='table'").fetchall()
        for (table,) in tables:
            if table.startswith("sqlite_"):
                continue
            columns = ",".join(
                row[1] for row in db.execute(f"PRAGMA main.table_info({table})").fetchall()
            )
            db.execute(
                f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}"
            )
    return path


def test_a_file_of_version_1_keeps_all_it_has(first_version, opened):
    with pytest.raises(CacheMissing, match="older watchdesk; start a collector"):
        Reader(first_version)
    writer = opened(Writer(first_version))
    reader = opened(Reader(first_version))
    assert writer.rows() == ROWS
    assert [event.at for event in reader.events()] == [FIRST]
    icmp = [one for one in OBSERVED if one.check == "alpha/icmp"]
    assert reader.observations("alpha/icmp") == icmp[::-1]
    assert reader.hosts_behind("192.0.2.1") == ["alpha"]
    assert len(reader.changes(Cursor()).rows) == 2


def test_a_file_of_version_1_gets_what_is_new(first_version, opened):
    writer, reader = opened(Writer(first_version)), opened(Reader(first_version))
    assert reader.board_at(FIRST + 30 * MINUTE) == []
    while writer.maintain(FIRST + 3 * HOUR):
        pass
    writer.commit([], [], ROWS, FIRST + 3 * HOUR)
    board = reader.board_at(FIRST + 3 * HOUR)
    assert [subject_of(row) for row in board] == ["check:alpha/icmp", "host:alpha"]
    # No judge's letter was kept then: what the outcomes say stands in its place.
    assert board[0].beats == b"U" * 60
    assert board[0].last.at == FIRST + 89 * MINUTE
    hours = reader.series("alpha/icmp", FIRST, FIRST + 2 * HOUR, 2)
    assert [bucket.runs for bucket in hours] == [60, 30]


def test_a_file_of_version_2_is_chained_and_says_so(second_version, opened):
    writer, says = opened(Writer(second_version)), opened(Says(second_version))
    writer.commit([], [said(at=FIRST + 1)], {})
    says.say(FIRST + 2, "kim", "host:alpha", Note("a word"))
    reader = opened(Reader(second_version))
    events, entries = reader.chains()
    assert (events.length, events.broken) == (2, None)
    assert (entries.length, entries.broken) == (1, None)
    assert events.seals[0].why.startswith("1 events from 1 on were chained then, not when")
    assert events.seals[0].at > FIRST
    assert entries.seals[0].why == "the beginning"
    assert [entry.body for entry in reader.book(FIRST + 3).said[0].versions] == [Note("a word")]


def test_a_damaged_file_of_version_1_is_carried_over(first_version):
    writer, said_so = set_aside(first_version, "it is damaged")
    with closing(writer):
        assert "1 events and 2 rows were carried over" in said_so
        assert writer.rows() == ROWS


def test_a_rescued_cache_remembers_the_past(path):
    with closing(Writer(path)) as writer:
        writer.commit(OBSERVED, [said(at=FIRST)], ROWS, FIRST + 90 * MINUTE)
        while writer.maintain(FIRST + 3 * HOUR):
            pass
    with closing(Reader(path)) as reader:
        board = reader.board_at(FIRST + 2 * HOUR)
        drawn = reader.series("alpha/icmp", FIRST, FIRST + HOUR, 12)
    writer, _ = set_aside(path, "it is damaged")
    with closing(writer), closing(Reader(path)) as reader:
        again = reader.board_at(FIRST + 2 * HOUR)
        assert [row.state for row in again if row.id == "alpha"] == [
            row.state for row in board if row.id == "alpha"
        ]
        assert [
            bucket.runs for bucket in reader.series("alpha/icmp", FIRST, FIRST + HOUR, 12)
        ] == [bucket.runs for bucket in drawn]
