from __future__ import annotations

import sqlite3
import stat
import threading

import msgspec
import pytest

from monitor.cache import schema
from monitor.cache.digest import content_hash
from monitor.cache.reader import Cursor, Reader
from monitor.cache.schema import (
    CacheCorrupt,
    CacheError,
    CacheFull,
    CacheLocked,
    CacheMissing,
)
from monitor.cache.upkeep import Retention
from monitor.cache.writer import Writer
from monitor.records import DAY, HOUR, DnsFacts, subject_of
from tests.cache.samples import check, host, said, seen, trace


def rows_of(*rows):
    return {subject_of(row): row for row in rows}


def test_files_and_folder_are_for_the_owner_alone(path, opened):
    writer = opened(Writer(path))
    writer.commit([seen()], [], {})
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in (path, *schema.side_files(path)):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_close_folds_the_log_in(path):
    writer = Writer(path)
    writer.commit([seen()], [], {})
    writer.close()
    assert not any(file.exists() for file in schema.side_files(path))
    with pytest.raises(CacheError, match="closed"):
        writer.commit([seen(at=2)], [], {})


def test_the_first_of_two_observations_at_one_time_stays(path, opened):
    writer, first = opened(Writer(path)), seen(note="first")
    reader = opened(Reader(path))
    writer.commit([first, seen(note="second")], [], {})
    writer.commit([seen(note="third")], [], {})
    assert reader.observations("alpha/icmp") == [first]


def test_a_duplicate_trace_leaves_no_hops(path, opened):
    writer = opened(Writer(path))
    reader = opened(Reader(path))
    writer.commit([trace("alpha/trace", 1, "192.0.2.1")], [], {})
    writer.commit([trace("alpha/trace", 1, "192.0.2.2")], [], {})
    assert reader.hosts_behind("192.0.2.1") == ["alpha"]
    assert reader.hosts_behind("192.0.2.2") == []


def test_rows_of_a_commit_share_a_version_above_all_before(path, opened):
    writer = opened(Writer(path))
    writer.commit([], [], rows_of(host("alpha"), host("beta")))
    writer.commit([], [], rows_of(host("beta", since=2)))
    with sqlite3.connect(path) as db:
        found = dict(db.execute("SELECT subject, version FROM current"))
    db.close()
    assert found == {"host:alpha": 1, "host:beta": 2}


def test_a_restarted_writer_goes_on_where_it_was(path):
    first = Writer(path)
    first.commit([seen()], [said()], rows_of(host(), check()))
    first.close()
    second = Writer(path)
    assert second.rows() == rows_of(host(), check())
    assert second.commit([seen(at=2)], [said()], rows_of(host()))[0].id == 2
    second.close()


def test_a_row_without_memory_replaces_one_that_had_it(path, opened):
    writer = opened(Writer(path))
    bare = msgspec.structs.replace(check(), memory=None)
    writer.commit([], [], rows_of(check()))
    writer.commit([], [], rows_of(bare))
    assert writer.rows() == rows_of(bare)


def test_a_record_no_file_can_hold_does_not_hold_up_the_others(path, opened):
    writer = opened(Writer(path))
    reader = opened(Reader(path))
    fine, huge = seen(at=5), seen(at=2**63)
    mangled = msgspec.structs.replace(said(), text="\udcff")
    kept = writer.commit([huge, fine], [mangled, said(at=9)], rows_of(host()))
    assert [event.at for event in kept] == [9]
    assert reader.observations("alpha/icmp") == [fine]
    assert writer.rows() == rows_of(host())
    assert writer.refused == 2


def test_numbers_and_texts_survive_a_failed_commit(path, opened, monkeypatch):
    """A rolled-back check id must not stay remembered with a number the file lacks."""
    writer = opened(Writer(path))
    writer.commit([seen()], [], {})
    monkeypatch.setattr(schema, "WRITE_BUSY_MS", 0)
    writer._db.execute("PRAGMA max_page_count=1")
    with pytest.raises(CacheFull):
        writer.commit([seen(f"h{n}/icmp", note="x" * 200) for n in range(500)], [], {})
    writer._db.execute("PRAGMA max_page_count=100000")
    writer.commit([seen("h7/icmp"), seen("alpha/icmp", at=2)], [], {})
    reader = opened(Reader(path))
    assert len(reader.observations("h7/icmp")) == 1
    assert len(reader.observations("alpha/icmp")) == 2
    assert reader.observations("h8/icmp") == []


def test_a_full_disk_keeps_nothing_and_heals(path, opened):
    writer = opened(Writer(path))
    writer.commit([seen()], [said()], rows_of(host()))
    before = content_hash(path)
    pages = writer._db.execute("PRAGMA page_count").fetchone()[0]
    writer._db.execute(f"PRAGMA max_page_count={pages + 4}")
    big = [seen(at=n, note="x" * 250) for n in range(10, 2_000)]
    with pytest.raises(CacheFull, match="space"):
        writer.commit(big, [said(at=2)], rows_of(host("beta")))
    assert content_hash(path) == before
    assert opened(Reader(path)).row("host:alpha") == host()
    writer._db.execute("PRAGMA max_page_count=100000")
    assert writer.commit(big, [said(at=2)], rows_of(host("beta")))[0].id == 2


def test_a_locked_file_is_said_and_heals(path, opened, monkeypatch):
    monkeypatch.setattr(schema, "WRITE_BUSY_MS", 20)
    first, second = opened(Writer(path)), opened(Writer(path))
    first._db.execute("BEGIN IMMEDIATE")
    with pytest.raises(CacheLocked, match="locked"):
        second.commit([seen()], [], {})
    with pytest.raises(CacheLocked):
        second.maintain(20_000 * DAY)
    first._db.execute("ROLLBACK")
    second.commit([seen()], [], {})
    first.commit([seen(at=2), seen("beta/icmp")], [], {})
    assert len(opened(Reader(path)).observations("alpha/icmp")) == 2


def test_two_writers_never_disagree_about_a_number(path, opened):
    """The lock forbids it, the file survives it: numbers are looked up before given."""
    first, second = opened(Writer(path)), opened(Writer(path))
    for turn in range(4):
        first.commit([seen(f"a{turn}/icmp")], [said()], rows_of(host("alpha", turn)))
        second.commit([seen(f"b{turn}/icmp"), seen(f"a{turn}/icmp", at=2)], [], {})
    reader = opened(Reader(path))
    assert [len(reader.observations(f"a{turn}/icmp")) for turn in range(4)] == [2] * 4


def test_a_removed_file_is_said_and_its_return_heals(path, opened):
    writer = opened(Writer(path))
    away = path.with_name("elsewhere")
    path.rename(away)
    with pytest.raises(CacheMissing):
        writer.commit([seen()], [], {})
    away.rename(path)
    writer.commit([seen()], [], {})


def test_another_file_in_its_place_is_never_written(path, opened):
    writer = opened(Writer(path))
    path.rename(path.with_name("elsewhere"))
    path.write_bytes(b"")
    with pytest.raises(CacheMissing, match="replaced"):
        writer.commit([seen()], [], {})
    assert path.read_bytes() == b""


def test_damage_met_while_writing_is_said_and_marked(path):
    writer = Writer(path)
    for turn in range(50):
        writer.commit([seen(at=turn * 100 + n, note="x" * 90) for n in range(100)], [], {})
    writer.close()
    scribble(path, first_page=40)
    writer = Writer(path)
    with pytest.raises(CacheCorrupt, match="damaged"):
        writer.commit([seen(at=n) for n in range(5_000)], [], {})
    assert schema.damage_mark(path).exists()
    writer.close()


def scribble(path, first_page):
    raw = bytearray(path.read_bytes())
    raw[first_page * 4096 :] = b"\xa5" * (len(raw) - first_page * 4096)
    path.write_bytes(raw)


def test_threads_take_turns(path, opened):
    writer = opened(Writer(path, Retention(raw=2 * HOUR)))
    writer.commit([seen(at=n) for n in range(2_000)], [], {})
    trouble: list[BaseException] = []

    def run(work):
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - shown to the test
            trouble.append(error)

    now = 20_000 * DAY

    def write():
        for n in range(50):
            writer.commit([seen(at=now - n)], [], rows_of(host()))

    def upkeep():
        while writer.maintain(now):
            writer.requests(0)

    threads = [threading.Thread(target=run, args=(work,)) for work in (write, upkeep)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert trouble == []
    assert len(opened(Reader(path)).observations("alpha/icmp", limit=5_000)) == 50


def test_the_log_is_capped(path, opened, monkeypatch):
    monkeypatch.setattr("monitor.cache.writer.WAL_CAP_BYTES", 200_000)
    writer = opened(Writer(path))
    writer._db.execute("PRAGMA wal_autocheckpoint=0")
    wal = schema.side_files(path)[0]
    sizes = []
    for turn in range(40):  # about 60 kB each
        facts = DnsFacts(server="s", query="q", answers=("x" * 200,))
        writer.commit([seen(at=turn * 100 + n, facts=facts) for n in range(100)], [], {})
        sizes.append(wal.stat().st_size)
    assert max(sizes[5:]) < 700_000
    assert min(sizes[5:]) == 0


def test_an_unreadable_row_is_left_out_and_counted(path, opened):
    writer = opened(Writer(path))
    writer.commit([], [], rows_of(host(), check(), host("beta")))
    writer._db.execute("UPDATE current SET record = x'93' WHERE subject = 'host:alpha'")
    writer._db.execute("UPDATE memories SET record = x'c1'")
    assert writer.rows() == rows_of(host("beta"))
    assert writer.bad == 2


def test_the_same_commits_give_the_same_content(tmp_path, opened):
    hashes = set()
    for name in ("one", "two"):
        writer = opened(Writer(tmp_path / name))
        for turn in range(5):
            writer.commit(
                [seen(at=turn), trace("b/trace", turn, "192.0.2.9", "192.0.2.1")],
                [said(at=turn)],
                rows_of(host(since=turn), check()),
            )
        hashes.add(content_hash(tmp_path / name))
    assert len(hashes) == 1
    writer.commit([seen(at=99)], [], {})
    assert content_hash(tmp_path / "two") not in hashes


def test_changes_and_commits_meet_in_the_version(path, opened):
    writer = opened(Writer(path))
    reader = opened(Reader(path))
    writer.commit([], [], rows_of(host()))
    cursor = reader.changes(Cursor()).cursor
    writer.commit([seen()], [], {})
    assert reader.changes(cursor).cursor == cursor
