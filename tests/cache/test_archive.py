from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.cache import archive
from monitor.cache.archive import ArchiveError, dump, load
from monitor.cache.reader import Reader
from monitor.cache.says import Says
from monitor.cache.schema import CacheMissing
from monitor.cache.writer import Writer
from monitor.entries import Note
from monitor.records import DAY, HOUR, MINUTE, subject_of
from tests import strategies as some
from tests.cache.samples import check, host, said, seen, trace
from tests.cache.test_rollup import EVER, NOON, finish, ran


def lines_of(path, *span):
    return list(dump(path, *span))


def types_of(lines):
    return [msgspec.json.decode(line)["type"] for line in lines]


@pytest.fixture
def full(path):
    """A cache with a record of every type."""
    with closing(Writer(path)) as writer:
        for day in range(10):
            at = NOON + day * DAY
            runs = [ran(at + minute * MINUTE) for minute in range(120)]
            rows = {subject_of(row): row for row in (host(since=at), check())}
            writer.commit([*runs, trace("a/trace", at, "192.0.2.1")], [said(at=at)], rows, at)
            finish(writer, at)
        writer.commit([ran(NOON + 8 * DAY + 30)], [], {})
    with closing(Says(path)) as says:
        says.request(NOON + 9 * DAY, "kim", "probe", "host:alpha")
        says.say(NOON + 9 * DAY, "kim", "host:alpha", Note("a word"))
    return path


@settings(max_examples=12, deadline=None)
@given(
    observations=st.lists(
        some.observations, max_size=6, unique_by=lambda seen: (seen.check, seen.at)
    ),
    events=st.lists(some.events, max_size=4),
    rows=st.lists(some.rows, max_size=6, unique_by=subject_of),
)
def test_every_record_makes_the_round(observations, events, rows):
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder) / "one.db", Path(folder) / "two.db"
        with closing(Writer(one)) as writer:
            writer.commit(observations, events, {subject_of(row): row for row in rows})
            finish(writer, 2**52, EVER)
        lines = lines_of(one)
        assert load(lines, two) == len(lines) - 1
        assert lines_of(two) == lines
        with closing(Writer(one)) as first, closing(Writer(two)) as second:
            assert first.rows() == second.rows()


def test_a_cache_makes_the_round(full, tmp_path):
    lines = lines_of(full)
    assert types_of(lines)[0] == "watchdesk-export"
    kinds = set(types_of(lines))
    assert kinds == {
        *("watchdesk-export", "observation", "event", "row", "entry", "roll-up"),
        *("request", "rolled", "mark", "seal", "said"),
    }
    copy = tmp_path / "copy.db"
    load(lines, copy)
    assert lines_of(copy) == lines
    at = NOON + 2 * DAY + HOUR
    with closing(Reader(full)) as old, closing(Reader(copy)) as new:
        assert new.board_at(at) == old.board_at(at) != []
        assert new.events() == old.events()
        assert new.entries() == old.entries() != []
        assert new.chains() == old.chains()
        assert [one.broken for one in new.chains()] == [None, None]
        assert new.hosts_behind("192.0.2.1") == old.hosts_behind("192.0.2.1") == ["a"]
        span = NOON, NOON + 10 * DAY
        assert new.series("a/icmp", *span, 100) == old.series("a/icmp", *span, 100)
    for path in (full, copy):
        with closing(Writer(path)) as writer:
            writer.commit([ran(NOON + 10 * DAY)], [], {})
            finish(writer, NOON + 11 * DAY)
    assert lines_of(copy) == lines_of(full)


def test_a_span_holds_what_was_known_in_it(full, tmp_path):
    since, until = NOON + 4 * DAY + HOUR, NOON + 6 * DAY
    lines = lines_of(full, since, until)
    for line in lines[1:]:
        record = msgspec.json.decode(line)
        match record["type"]:
            case "event" | "observation":
                assert since <= record[record["type"]]["at"] < until
            case "entry":
                assert record["at"] < until
            case "rolled":
                assert record["until"] <= until
            case "row":
                pytest.fail("what is current is not of the past")
    copy = tmp_path / "copy.db"
    load(lines, copy)
    with closing(Reader(full)) as old, closing(Reader(copy)) as new:
        at = NOON + 5 * DAY + HOUR
        assert new.row_at("host:alpha", at) == old.row_at("host:alpha", at)
        assert new.row_at("host:alpha", since).since == NOON + 3 * DAY
        events, _ = new.chains()
        assert (events.length, events.broken) == (1, None)
        assert "are not in this export" in events.seals[-1].why


def test_an_existing_cache_is_never_touched(full, tmp_path):
    before = full.read_bytes()
    with pytest.raises(ArchiveError, match="exists already"):
        load(lines_of(full), full)
    assert full.read_bytes() == before


HEAD = b'{"type":"watchdesk-export","schema":1}\n'


@pytest.mark.parametrize(
    ("lines", "said_so"),
    [
        ([], "no export|no record"),
        ([b'{"a": 1}\n'], "line 1"),
        ([b"\xff\xfe\n"], "line 1"),
        ([HEAD, b"[" * 100_000], "line 2"),
        ([b'{"type":"mark","name":"purged","value":1}\n'], "no export"),
        ([HEAD.replace(b"1", b"3")], "newer watchdesk"),
        ([HEAD, HEAD], "line 2 cannot be taken"),
        ([HEAD, b'{"type":"event","event":{"at":1}}\n'], "line 2"),
        ([HEAD, b'{"type":"entry","subject":"x:y","at":1,"row":{}}\n'], "line 2"),
        ([HEAD, b'{"type":"mark","name":"n","value":1e300}\n'], "line 2"),
    ],
)
def test_what_is_no_export_is_said_and_leaves_nothing(tmp_path, lines, said_so):
    path = tmp_path / "new.db"
    with pytest.raises(ArchiveError, match=said_so):
        load(lines, path)
    assert list(tmp_path.iterdir()) == []


def test_a_line_without_an_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_LINE", 100)
    with pytest.raises(ArchiveError, match="longer"):
        load([HEAD, b"x" * 101], tmp_path / "new.db")


def test_text_from_another_machine_is_made_harmless(tmp_path):
    path = tmp_path / "new.db"
    line = msgspec.json.encode(
        {
            "type": "event",
            "event": {"at": 1, "kind": "note", "subject": "host:a", "text": "\x1b[31mred" * 99},
        }
    )
    load([HEAD, line], path)
    with closing(Reader(path)) as reader:
        (event,) = reader.events()
        assert "kept no chain" in reader.chains()[0].seals[0].why
    assert event.text == "·[31mred" * 99


def test_a_damaged_record_costs_itself(path, tmp_path):
    with closing(Writer(path)) as writer:
        writer.commit([seen(at=1), seen(at=2)], [said(), said(at=2)], {"host:alpha": host()})
        writer._db.execute("UPDATE events SET kind = 'nonsense' WHERE id = 1")
        writer._db.execute("UPDATE observations SET facts = x'c1' WHERE at = 1")
        writer._db.execute("UPDATE history SET record = x'c1'")
    kinds = [kind for kind in types_of(lines_of(path)) if kind != "seal"]
    assert kinds == ["watchdesk-export", "event", "observation", "row"]


def test_there_must_be_a_cache(tmp_path):
    with pytest.raises(CacheMissing):
        lines_of(tmp_path / "none.db")
