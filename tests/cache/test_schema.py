from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from monitor.cache import schema
from monitor.cache.reader import Cursor, Reader
from monitor.cache.rescue import open_or_set_aside
from monitor.cache.says import Says
from monitor.cache.schema import CacheError, CacheMissing, CacheNewer, CacheReadOnly
from monitor.cache.writer import Writer
from tests.cache.samples import host, said, seen

NOBODY = 65_534


def pragma(path, name):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(f"PRAGMA {name}").fetchone()[0]


def test_the_file_says_what_it_is(path, opened):
    opened(Writer(path))
    assert pragma(path, "application_id") == schema.APPLICATION_ID
    assert pragma(path, "user_version") == schema.SCHEMA_VERSION == len(schema.MIGRATIONS)
    assert pragma(path, "journal_mode") == "wal"
    assert pragma(path, "auto_vacuum") == 2


@pytest.mark.parametrize("opener", [Writer, Reader, Says, open_or_set_aside])
def test_a_newer_file_is_refused_and_left_alone(path, opener):
    Writer(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version={schema.SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(CacheNewer, match="newer watchdesk; update this one or use another"):
        opener(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("opener", [Writer, Reader, Says])
def test_another_programs_database_is_refused(tmp_path, opener):
    path = tmp_path / "letters.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE letters (a)")
    before = path.read_bytes()
    with pytest.raises(CacheError, match="another program"):
        opener(path)
    assert path.read_bytes() == before


def test_a_step_that_fails_leaves_nothing_of_itself(path, monkeypatch):
    Writer(path).close()
    steps = (*schema.MIGRATIONS, ("CREATE TABLE more (a)", "CREATE TABLE more (a)"))
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    monkeypatch.setattr(schema, "SCHEMA_VERSION", len(steps))
    with pytest.raises(CacheError):
        Writer(path)
    assert pragma(path, "user_version") == len(steps) - 1
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT * FROM sqlite_schema WHERE name = 'more'").fetchall() == []


def test_a_step_is_taken_once_and_keeps_what_is_there(path, monkeypatch):
    with closing(Writer(path)) as writer:
        writer.commit([seen()], [said()], {"host:alpha": host()})
    steps = (*schema.MIGRATIONS, ("CREATE TABLE more (a)",))
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    monkeypatch.setattr(schema, "SCHEMA_VERSION", len(steps))
    with pytest.raises(CacheMissing):
        Says(path)
    for _ in range(2):
        with closing(Writer(path)) as writer:
            assert writer.rows() == {"host:alpha": host()}
    assert pragma(path, "user_version") == len(steps)


def test_an_unknown_folder_is_made_and_a_known_one_left(tmp_path):
    tmp_path.chmod(0o755)
    Writer(tmp_path / "a" / "b" / "cache.db").close()
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for opener in (Writer, Reader, Says):
        for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
            with pytest.raises(CacheError):
                opener(path)


# --- without the right to write -------------------------------------------------------


def powerless(work):
    """What ``work`` returns, as text, run by a user without rights over root's files."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        answer = "nothing"
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            answer = str(work())
        except BaseException as error:  # noqa: BLE001 - told to the test
            answer = f"{type(error).__name__}: {error}"
        finally:
            os.write(theirs, answer.encode())
            os._exit(0)
    os.close(theirs)
    os.waitpid(child, 0)
    try:
        return os.read(ours, 4_096).decode()
    finally:
        os.close(ours)


@pytest.fixture
def shelf():
    """A folder that anybody may read and nobody but its owner write, a cache in it."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "cache.db"
    with closing(Writer(path)) as writer:
        writer.commit([seen()], [said()], {"host:alpha": host()})
    path.chmod(0o444)
    folder.chmod(0o555)
    yield path
    folder.chmod(0o700)
    shutil.rmtree(folder)


def test_a_cache_on_a_shelf_can_be_read(shelf):
    def read():
        with closing(Reader(shelf)) as reader:
            changes = reader.changes(Cursor())
            again = reader.changes(changes.cursor)
            return changes.rows == [host()], len(changes.events), again.rows

    assert powerless(read) == "(True, 1, [])"


def put_on(shelf, **files):
    """Put files beside the cache that stands there."""
    shelf.parent.chmod(0o700)
    for suffix, content in files.items():
        beside = shelf.with_name(f"{shelf.name}-{suffix}")
        beside.write_bytes(content)
        beside.chmod(0o444)
    shelf.parent.chmod(0o555)


def test_an_empty_log_on_a_shelf_hides_nothing(shelf):
    put_on(shelf, wal=b"")

    def read():
        with closing(Reader(shelf)) as reader:
            return len(reader.events())

    assert powerless(read) == "1"


def test_a_log_on_a_shelf_is_not_passed_over_but_said(shelf, path):
    with closing(Writer(path)) as writer:
        writer.commit([seen()], [said(), said()], {})
        put_on(shelf, wal=schema.side_files(path)[0].read_bytes())
    told = powerless(lambda: Reader(shelf))
    assert told.startswith("CacheReadOnly: ")
    assert "copy both to a folder of your own" in told


def test_a_copy_on_a_shelf_that_is_replaced_in_place_is_read_anew(shelf, path):
    with closing(Writer(path)) as writer:
        writer.commit([], [said(), said()], {"host:alpha": host()})
    newer, ours = path.read_bytes(), os.open(shelf, os.O_RDWR)

    def read():
        with closing(Reader(shelf)) as reader:
            before = len(reader.events())
            os.pwrite(ours, newer, 0)
            os.ftruncate(ours, len(newer))
            return before, len(reader.events())

    shelf.parent.chmod(0o555)
    try:
        assert powerless(read) == "(1, 2)"
    finally:
        os.close(ours)


def test_a_cache_on_a_shelf_cannot_be_written_and_says_so(shelf):
    for opener in (Writer, Says, open_or_set_aside):
        assert powerless(lambda opener=opener: opener(shelf)).startswith("CacheReadOnly: ")
    new = shelf.with_name("new.db")
    assert powerless(lambda: Writer(new)).startswith("CacheReadOnly: ")


def test_the_sentences_name_the_file(path):
    error = PermissionError(13, "Permission denied")
    assert isinstance(schema.translate(error, path), CacheReadOnly)
    assert str(path) in str(schema.translate(error, path))
    assert isinstance(schema.translate(OSError(28, "No space"), path), schema.CacheFull)
    assert isinstance(schema.translate(OverflowError("big"), path), schema.CacheRefused)
