from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing

import msgspec
import pytest

from monitor.cache.reader import Cursor, Reader
from monitor.cache.schema import CacheError, CacheMissing, side_files
from monitor.cache.writer import Writer
from monitor.records import (
    CheckRow,
    EventKind,
    NetMemory,
    NetworkRow,
    RouteMemory,
    RouteRow,
    subject_of,
)
from tests.cache import crashing
from tests.cache.crashing import ROOT
from tests.cache.samples import check, host, said, seen, trace


@pytest.fixture
def writer(path, opened):
    return opened(Writer(path))


@pytest.fixture
def reader(writer, path, opened):
    return opened(Reader(path))


def rows_of(*rows):
    return {subject_of(row): row for row in rows}


def test_a_missing_cache_is_said_and_not_made(path):
    with pytest.raises(CacheMissing, match="no cache"):
        Reader(path)
    assert not path.exists()


def test_an_empty_file_holds_nothing_yet(tmp_path):
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(CacheMissing, match="start a collector"):
        Reader(empty)


def test_from_the_start_all_rows_and_the_newest_events(writer, reader):
    events = writer.commit([], [said(at=n) for n in range(9)], rows_of(host(), host("b")))
    changes = reader.changes(Cursor(), event_limit=4)
    assert changes.events == events[-4:]
    assert {row.id for row in changes.rows} == {"alpha", "b"}
    assert (changes.cursor.version, changes.cursor.event) == (1, 9)
    assert not changes.more


def test_then_only_what_is_new(writer, reader):
    writer.commit([], [said()], rows_of(host(), host("b")))
    cursor = reader.changes(Cursor()).cursor
    assert reader.changes(cursor).rows == []
    kept = writer.commit([], [said(at=2)], rows_of(host("b", since=2)))
    changes = reader.changes(cursor)
    assert changes.rows == [host("b", since=2)]
    assert changes.events == kept
    assert not changes.fresh
    nothing = reader.changes(changes.cursor)
    assert (nothing.rows, nothing.events, nothing.cursor) == ([], [], changes.cursor)


def test_more_events_than_asked_for_come_in_order_none_left_out(writer, reader):
    writer.commit([], [said(at=0)], {})
    cursor, got, more = reader.changes(Cursor()).cursor, [], True
    kept = writer.commit([], [said(at=n) for n in range(25)], {})
    while more:
        changes = reader.changes(cursor, event_limit=10)
        cursor, more = changes.cursor, changes.more
        got += changes.events
        assert len(changes.events) <= 10
    assert got == kept


def test_an_older_cursor_still_gets_everything(writer, reader):
    writer.commit([], [said()], rows_of(host()))
    old = reader.changes(Cursor()).cursor
    writer.commit([], [said(at=2)], rows_of(host(since=2)))
    reader.changes(old)
    assert reader.changes(old).rows == [host(since=2)]


def test_looking_for_nothing_reads_no_table(writer, reader):
    writer.commit([], [said()], rows_of(host()))
    cursor = reader.changes(Cursor()).cursor
    asked: list[str] = []
    reader._db.set_trace_callback(asked.append)
    reader.changes(cursor)
    reader._db.set_trace_callback(None)
    assert asked == ["PRAGMA data_version"]


def test_check_rows_come_without_the_judges_memory(writer, reader):
    writer.commit([], [], rows_of(check()))
    (row,) = reader.changes(Cursor()).rows
    assert isinstance(row, CheckRow)
    assert row.memory is None
    assert reader.row("check:alpha/icmp") == check()
    assert reader.row("check:nobody") is None


def test_no_row_comes_with_the_judges_memory(writer, reader):
    rows = rows_of(
        NetworkRow(id="n", name="N", memory=NetMemory(usual={"alpha": 1})),
        RouteRow(prefix="192.0.2.0/24", network="n", memory=RouteMemory(crossings=[1])),
    )
    writer.commit([], [], rows)
    assert [row.memory for row in reader.changes(Cursor()).rows] == [None, None]
    assert writer.rows() == rows
    assert {subject: reader.row(subject) for subject in rows} == rows


def test_unreadable_records_are_left_out_and_counted(writer, reader):
    writer.commit(
        [seen(), seen(at=2)], [said(), said(at=2)], rows_of(host(), host("b"), host("c"))
    )
    for damage in (
        "UPDATE current SET record = x'93' WHERE subject = 'host:alpha'",
        "UPDATE current SET record = CAST(x'81a269640a' AS BLOB) WHERE subject = 'host:b'",
        "UPDATE events SET kind = 'nonsense' WHERE id = 1",
        "UPDATE observations SET facts = x'c1' WHERE at = 1",
        "UPDATE events SET text = CAST(x'fffe' AS TEXT) WHERE id = 2",
    ):
        writer._db.execute(damage)
    changes = reader.changes(Cursor())
    assert changes.rows == [host("c")]
    assert [event.id for event in changes.events] == [2]
    assert changes.bad == 3
    assert reader.observations("alpha/icmp") == [seen(at=2)]
    assert reader.row("host:alpha") is None
    assert reader.bad == 5


def test_events_can_be_chosen(writer, reader):
    writer.commit(
        [],
        [
            said(at=1),
            said(at=2, kind=EventKind.NOTE),
            said(at=3, hard=False),
            said(at=4, subject="host:beta"),
            said(at=5, kind=EventKind.GAP),
        ],
        {},
    )

    def times(**chosen):
        return [event.at for event in reader.events(**chosen)]

    assert times() == [5, 4, 3, 2, 1]
    assert times(limit=2) == [5, 4]
    assert times(before=3) == [2, 1]
    assert times(subject="host:beta") == [4]
    assert times(kinds=frozenset({EventKind.NOTE, EventKind.GAP})) == [5, 2]
    assert times(kinds=frozenset()) == []
    assert times(hard_only=True, subject="host:alpha", before=5) == [2, 1]


def test_observations_of_a_span_newest_first(writer, reader):
    writer.commit([seen(at=n) for n in range(1, 9)] + [seen("b/icmp", at=3)], [], {})

    def times(**span):
        return [found.at for found in reader.observations("alpha/icmp", **span)]

    assert times() == [8, 7, 6, 5, 4, 3, 2, 1]
    assert times(since=3, until=6) == [5, 4, 3]
    assert times(limit=2) == [8, 7]
    assert reader.observations("nobody/icmp") == []


def test_hosts_behind_a_hop_by_their_latest_trace(writer, reader):
    writer.commit(
        [
            trace("a/trace", 1, "192.0.2.1", "192.0.2.2"),
            trace("b/trace", 1, "192.0.2.1", "", "192.0.2.3"),
            trace("c/trace", 1, "192.0.2.1", "192.0.2.2"),
            trace("c/trace-tcp", 1, "192.0.2.9", "192.0.2.2"),
        ],
        [],
        {},
    )
    assert reader.hosts_behind("192.0.2.1") == ["a", "b", "c"]
    assert reader.hosts_behind("192.0.2.2") == ["a", "c"]
    later = [trace("a/trace", 5, "192.0.2.1", "192.0.2.3"), trace("c/trace", 5)]
    writer.commit(later, [], {})
    writer.commit([trace("a/trace", 3, "192.0.2.2")], [], {})  # late, not latest
    assert reader.hosts_behind("192.0.2.2") == ["c"]
    assert reader.hosts_behind("192.0.2.3") == ["a", "b"]
    assert reader.hosts_behind("192.0.2.1") == ["a", "b"]
    assert reader.hosts_behind("") == []
    assert reader.hosts_behind("192.0.2.2", at=1) == ["a", "c"]
    assert reader.hosts_behind("192.0.2.2", at=3) == ["a", "c"]
    assert reader.hosts_behind("192.0.2.3", at=4) == ["b"]
    assert reader.hosts_behind("192.0.2.3", at=5) == ["a", "b"]
    assert reader.hosts_behind("192.0.2.1", at=0) == []


def test_the_times_of_traces_that_were_over_by_then(writer, reader):
    slow = msgspec.structs.replace(trace("a/trace", 8_000, "192.0.2.1"), took_ms=5.0)
    failed = seen("a/trace", 9_000, facts=None)
    runs = [trace("a/trace", at, "192.0.2.1") for at in (1_000, 3_000, 20_000)]
    writer.commit([*runs, slow, failed, trace("b/trace", 2_000)], [], {})
    assert reader.trace_times("a/trace", 20_000) == [1_000, 3_000, 8_000, 20_000]
    assert reader.trace_times("a/trace", 12_999) == [1_000, 3_000]
    assert reader.trace_times("a/trace", 999) == []
    assert reader.trace_times("nobody/trace", 20_000) == []


def test_reading_goes_on_when_the_collector_has_gone(path, opened):
    writer = Writer(path)
    writer.commit([seen()], [said()], rows_of(host()))
    reader = opened(Reader(path))
    cursor = reader.changes(Cursor()).cursor
    writer.close()
    assert reader.changes(cursor).rows == []
    assert reader.row("host:alpha") == host()
    assert opened(Reader(path)).events() == reader.events()
    again = opened(Writer(path))
    again.commit([], [], rows_of(host(since=7)))
    assert reader.changes(cursor).rows == [host(since=7)]


def test_a_file_put_in_its_place_is_noticed(path, opened):
    first = Writer(path)
    first.commit([], [said()] * 5, rows_of(host(), host("old")))
    reader = opened(Reader(path))
    cursor = reader.changes(Cursor()).cursor
    first.close()
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(CacheMissing):
        reader.changes(cursor)
    second = opened(Writer(path))
    second.commit([], [said(at=9)], rows_of(host("new")))
    changes = reader.changes(cursor)
    assert changes.fresh
    assert changes.rows == [host("new")]
    assert [event.at for event in changes.events] == [9]
    assert not reader.changes(changes.cursor).fresh


def test_a_new_reader_notices_it_by_the_cursor(path, opened):
    with closing(Writer(path)) as first:
        first.commit([], [said()] * 3, rows_of(host()))
    with closing(Reader(path)) as reader:
        cursor = reader.changes(Cursor()).cursor
    path.rename(path.with_name("elsewhere"))
    second = opened(Writer(path))
    for turn in range(9):
        second.commit([], [said()], rows_of(host("new", turn)))
    assert opened(Reader(path)).changes(cursor).fresh


def test_a_cursor_beyond_the_file_is_of_another(writer, path, opened):
    writer.commit([], [said()], rows_of(host()))
    inode = path.stat().st_ino
    for cursor in (Cursor(2, 1, inode), Cursor(1, 2, inode), Cursor(0, 2)):
        changes = opened(Reader(path)).changes(cursor)
        assert changes.fresh
        assert changes.rows == [host()]
    assert not opened(Reader(path)).changes(Cursor(1, 1, inode)).fresh


def test_no_read_holds_up_a_checkpoint(writer, reader, path):
    writer.commit([seen()], [said()], rows_of(host(), check()))
    reader.changes(Cursor())
    reader.observations("alpha/icmp")
    reader.events()
    reader.row("host:alpha")
    reader.hosts_behind("x")
    assert writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    assert side_files(path)[0].stat().st_size == 0


def test_size_counts_the_log(writer, reader, path):
    writer.commit([seen(at=n) for n in range(100)], [], {})
    log = side_files(path)[0].stat().st_size
    assert log > 0
    assert reader.size() == path.stat().st_size + log


def test_a_reader_cannot_write(reader):
    with pytest.raises(Exception, match="readonly"):
        reader._db.execute("DELETE FROM current")


def test_following_a_writer_in_another_process(path, opened):
    command = [sys.executable, "-m", "tests.cache.crashing", str(path), "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        try:
            other.stdout.readline()
            reader, cursor, got = opened(Reader(path)), Cursor(), []
            for line in other.stdout:
                changes = reader.changes(cursor)
                cursor = changes.cursor
                got += [event.at // crashing.STEP for event in changes.events]
                assert got[-1] >= int(line)
                if got[-1] >= 100:
                    break
        finally:
            other.kill()
    assert got == [*range(1, got[-1] + 1)]


def test_what_is_not_a_cache_is_refused(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database at all, and long enough to have a header " * 40)
    with pytest.raises(CacheError, match="damaged"):
        Reader(text)
    with pytest.raises(CacheError):
        Reader(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CacheError):
        Reader(tmp_path / "pipe")
