"""Nothing that was written once can be altered without being noticed, and named."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from monitor.cache import chain
from monitor.cache.reader import Reader
from monitor.cache.rescue import set_aside
from monitor.cache.says import Says
from monitor.cache.writer import Writer
from monitor.entries import Note
from tests.cache.samples import said, seen


@pytest.fixture
def written(path):
    """Ten events in three commits, and three entries."""
    with closing(Writer(path)) as writer:
        writer.commit([], [said(at=n) for n in range(1, 5)], {})
        writer.commit([seen()], [], {})
        writer.commit([], [said(at=5)], {})
    with closing(Writer(path)) as writer:
        writer.commit([], [said(at=n) for n in range(6, 11)], {})
    with closing(Says(path)) as says:
        for n in range(3):
            says.say(n + 1, "kim", "host:alpha", Note(f"note {n}"))
    return path


def chains(path):
    with closing(Reader(path)) as reader:
        return reader.chains()


def alter(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def test_what_was_written_holds(written):
    events, entries = chains(written)
    assert (events.length, events.broken) == (10, None)
    assert (entries.length, entries.broken) == (3, None)
    assert [seal.why for seal in events.seals] == ["the beginning"]
    assert len(events.head) == 32


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE events SET text = text || '.' WHERE id = 4", 4),
        ("UPDATE events SET at = at + 1 WHERE id = 1", 1),
        ("UPDATE events SET quiet = 1 WHERE id = 10", 10),
        ("UPDATE events SET evidence = x'90' WHERE id = 5", 5),
        ("DELETE FROM events WHERE id = 6", 7),
        ("DELETE FROM events WHERE id >= 9", 9),
        ("DELETE FROM events", 1),
        ("UPDATE events SET link = NULL WHERE id = 3", 3),
        ("UPDATE events SET id = 99 WHERE id = 10", 99),
        ("UPDATE seals SET why = 'nothing' WHERE chain = 'events'", 1),
        ("DELETE FROM seals", 1),
    ],
)
def test_the_first_altered_event_is_named(written, statement, place):
    alter(written, statement)
    events, _ = chains(written)
    assert events.broken is not None
    assert events.broken.id == place
    assert events.length <= place


def test_an_altered_entry_is_named(written):
    alter(written, "UPDATE entries SET who = 'lee' WHERE id = 2")
    events, entries = chains(written)
    assert events.broken is None
    assert (entries.length, entries.broken.id) == (1, 2)


def test_who_chains_it_anew_cannot_keep_the_head(written):
    before = chains(written)[0].head
    alter(written, "UPDATE events SET text = 'another' WHERE id = 2")
    with closing(sqlite3.connect(written, isolation_level=None)) as db:
        chain.relink(db, chain.EVENTS, "a lie")
    events, _ = chains(written)
    assert events.broken is None
    assert events.head != before
    assert "a lie" in events.seals[0].why


def test_a_damaged_cache_is_chained_anew_where_something_is_lost(written):
    alter(written, "DELETE FROM events WHERE id = 6")
    writer, _ = set_aside(written, "it is damaged")
    writer.commit([], [said(at=11)], {})
    writer.close()
    events, entries = chains(written)
    assert (events.broken, entries.broken) == (None, None)
    assert (events.length, entries.length) == (10, 3)
    assert [seal.id for seal in events.seals] == [1, 7]
    assert "found damaged" in events.seals[1].why
