"""Damage met at work: said once, set aside, and on with what could be carried over."""

from __future__ import annotations

from contextlib import closing

import pytest

from monitor.cache import enduring
from monitor.cache.enduring import EnduringWriter
from monitor.cache.reader import Cursor, Reader
from monitor.cache.schema import CacheCorrupt, CacheFull, damage_mark, side_files
from monitor.cache.upkeep import Retention
from monitor.records import DAY, EventKind
from tests.cache.samples import host, said, seen
from tests.cache.test_rescue import aside_of, fill, pages_of, scribble


def harm(path):
    """Damage the newest observations, below a writer that has them open."""
    scribble(path, [pages_of(path, "observations"), pages_of(path, "events")])


@pytest.fixture
def writer(path):
    fill(path, hosts=40)
    with closing(EnduringWriter(path, Retention(raw=3 * DAY))) as found:
        yield found


def test_a_sound_cache_is_written_as_ever(path, writer):
    assert writer.notice == ""
    (kept,) = writer.commit([seen("x/icmp", 99)], [said(99)], {"host:x": host("x")}, 99)
    assert kept.id == 201
    assert writer.rows()["host:x"] == host("x")
    assert writer.requests(0) == []
    writer.maintain(20_000 * DAY)
    assert aside_of(path) == []


def test_damage_at_work_is_said_and_then_set_aside(path, writer):
    with closing(Reader(path)) as desk:
        cursor = desk.changes(Cursor()).cursor
        harm(path)
        with pytest.raises(CacheCorrupt, match="damaged"):
            writer.commit([seen("h1/icmp", 99)], [said(99)], {}, 99)
        assert aside_of(path) == []
        (kept,) = writer.commit([seen("h1/icmp", 99)], [said(99)], {}, 99)
        assert kept.at == 99
        changes = desk.changes(cursor)
    assert changes.fresh
    assert {row.id for row in changes.rows} >= {"h1", "h1/icmp"}
    told = changes.events[-1]
    assert (told.kind, told.at) == (EventKind.HEALTH, 99)
    assert "it was set aside as" in told.text
    assert len(aside_of(path)) == 1
    assert not damage_mark(path).exists()
    writer.commit([seen("h1/icmp", 100)], [], {}, 100)
    with closing(Reader(path)) as reader:
        assert [run.at for run in reader.observations("h1/icmp")] == [100, 99]
        assert sum("set aside" in event.text for event in reader.events(limit=999)) == 1


def test_rows_beyond_reading_are_written_anew_from_memory(path, writer):
    writer.rows()
    writer.commit([], [], {"host:h2": host("h2", 77)}, 98)
    scribble(path, range(2, path.stat().st_size // 4096))

    def write():
        for at in range(99, 999):
            writer.commit([seen("h1/icmp", at)], [said(at)], {}, at)

    with pytest.raises(CacheCorrupt):
        write()
    writer.commit([], [], {"host:h3": host("h3", 88)}, 99)
    with closing(Reader(path)) as reader:
        rows = {row.id: row.since for row in reader.changes(Cursor()).rows}
    assert rows["h2"] == 77
    assert rows["h3"] == 88
    assert {f"h{n}" for n in range(40)} <= rows.keys()


def test_setting_aside_that_fails_is_gone_on_with(path, writer, monkeypatch):
    harm(path)
    with pytest.raises(CacheCorrupt):
        writer.commit([seen("h1/icmp", 99)], [said(99)], {}, 99)

    def full(where, trouble):
        for file in (where, *side_files(where)):
            file.unlink(missing_ok=True)
        damage_mark(where).unlink()
        raise CacheFull("no space left")

    monkeypatch.setattr(enduring, "set_aside", full)
    with pytest.raises(CacheFull):
        writer.commit([], [said(99)], {}, 99)
    assert [event.at for event in writer.commit([], [said(99)], {}, 99)] == [99]
