"""What people say, folded: as of any moment it is what it was then."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.cache.ledger import Book, fold, lineage
from monitor.cache.reader import Cursor, Reader
from monitor.cache.says import Says
from monitor.cache.schema import CacheRefused
from monitor.cache.writer import Writer
from monitor.entries import (
    MAX_SAID,
    Ack,
    End,
    Entry,
    Inference,
    Likelihood,
    Maintenance,
    Note,
    Seen,
    Statement,
)
from monitor.records import Event, EventKind

HOST = "host:alpha"
BODIES = st.one_of(
    st.builds(Note, st.sampled_from(["a", "b"])),
    st.builds(Ack, st.sampled_from(["DOWN", "UNKNOWN"]), st.booleans(), st.integers(0, 60)),
    st.builds(
        lambda at, span: Maintenance(at, at + span), st.integers(0, 50), st.integers(1, 20)
    ),
    st.just(Statement("somebody", "something")),
    st.just(Inference("kim", Likelihood.LIKELY, "reasons", "cut")),
    st.builds(Seen, st.integers(0, 9)),
    st.just(End()),
)
SAID = st.lists(
    st.tuples(st.integers(0, 50), st.sampled_from(["kim", "lee"]), BODIES, st.integers(0, 12)),
    max_size=12,
)
TURNS = st.lists(
    st.tuples(st.integers(0, 50), st.sampled_from(["UP", "DOWN", "UNKNOWN", "DEGRADED"])),
    max_size=8,
)


def entries_of(said):
    return [
        Entry(number, at, who, HOST, body, refers=min(refers, number - 1))
        for number, (at, who, body, refers) in enumerate(said, 1)
    ]


def turn(at, new, subject=HOST, *, hard=True):
    return Event(at, EventKind.TRANSITION, subject, "x", "?", new, hard=hard)


@given(SAID, TURNS, st.integers(0, 60))
def test_what_comes_later_changes_nothing(said, turns, at):
    entries, events = entries_of(said), [turn(*one) for one in turns]
    then = fold(
        [one for one in entries if one.at <= at], [one for one in events if one.at <= at], at
    )
    assert fold(entries, events, at) == then


@given(SAID, TURNS, st.integers(0, 60))
def test_kinds_are_never_mixed_and_nothing_is_lost(said, turns, at):
    entries = entries_of(said)
    book = fold(entries, [turn(*one) for one in turns], at)
    for one in book.said:
        assert {one.first.kind} >= {version.kind for version in one.versions} or one.versions[
            1:
        ]
    told = {entry.id for one in book.said for entry in one.versions}
    wanted = {
        one.id for one in entries if one.at <= at and not isinstance(one.body, Seen | End)
    }
    assert told == wanted
    assert all(
        isinstance(one.latest.body, Statement | Inference) for one in book.causes((HOST,))
    )


@settings(max_examples=25, deadline=None)
@given(SAID, TURNS, st.integers(0, 60))
def test_a_reader_folds_the_same(tmp_path_factory, said, turns, at):
    path = tmp_path_factory.mktemp("book") / "cache.db"
    entries = []
    with closing(Writer(path)) as writer, closing(Says(path)) as says:
        writer.commit([], [turn(*one) for one in turns], {})
        for moment, who, body, refers in said:
            try:
                entries.append(says.say(moment, who, HOST, body, refers=refers))
            except CacheRefused:
                continue
    with closing(Reader(path)) as reader:
        assert reader.entries() == entries
        assert reader.book(at) == fold(entries, [turn(*one) for one in turns], at)
        assert reader.changes(Cursor()).entries == entries


def acked(ack, *turns, at=100):
    return fold([Entry(1, 10, "kim", HOST, ack)], [turn(*one) for one in turns], at).acks


def test_an_acknowledgement_until_change_ends_with_the_next_hard_change():
    ack = Ack("DOWN")
    assert acked(ack)
    assert not acked(ack, (20, "DEGRADED"))
    assert acked(ack, (20, "DEGRADED"), at=19)
    assert acked(ack, (5, "UP"))
    soft = fold([Entry(1, 10, "kim", HOST, ack)], [turn(20, "UP", hard=False)], 100)
    assert soft.acks


def test_not_to_know_is_no_change():
    assert acked(Ack("DOWN"), (20, "UNKNOWN"), (30, "DOWN"))
    assert not acked(Ack("DOWN"), (20, "UNKNOWN"), (30, "UP"))


def test_a_sticky_one_ends_with_recovery_or_expiry():
    assert acked(Ack("DOWN", sticky=True), (20, "DEGRADED"), (30, "DOWN"))
    assert not acked(Ack("DOWN", sticky=True), (20, "UP"), (30, "DOWN"))
    assert acked(Ack("DOWN", sticky=True, expires=101))
    assert not acked(Ack("DOWN", sticky=True, expires=100))


def test_an_acknowledgement_of_a_host_is_one_of_its_checks_and_of_nothing_above():
    book = fold([Entry(1, 10, "kim", HOST, Ack("DOWN"))], [], 20)
    assert book.acked(lineage("check:alpha/icmp", "nk"))
    assert not book.acked(lineage("network:nk"))
    network = fold([Entry(1, 10, "kim", "network:nk", Ack("LOST"))], [], 20)
    assert network.acked(lineage("network:nk"))
    assert not network.acked(lineage(HOST, "nk"))


def test_maintenance_of_a_network_is_one_of_its_hosts():
    said = [Entry(1, 5, "kim", "network:nk", Maintenance(10, 20))]
    for at, now in ((9, False), (10, True), (19, True), (20, False)):
        book = fold(said, [], at)
        assert (book.maintained(lineage("check:alpha/icmp", "nk")) is not None) is now
    ended = [*said, Entry(2, 12, "lee", "network:nk", End(), refers=1)]
    assert fold(ended, [], 11).maintained(("network:nk",))
    assert not fold(ended, [], 12).maintained(("network:nk",))


def test_marks_are_each_persons_own():
    said = [(1, "kim", Seen(5)), (2, "lee", Seen(7)), (3, "kim", Seen(9))]
    entries = [Entry(n, at, who, "desk", body) for n, (at, who, body) in enumerate(said, 1)]
    marks = fold(entries, [], 3).marks
    assert {who: mark.body.newest for who, mark in marks.items()} == {"kim": 9, "lee": 7}
    assert fold(entries, [], 0) == Book(0)


def test_who_says_something_stays_within_the_rules(path, opened):
    opened(Writer(path))
    says = opened(Says(path))
    note = says.say(1, "kim\x1b[0m", HOST, Note("  a\nword\u202e "), event=7)
    assert (note.id, note.who, note.body) == (1, "kim·[0m", Note("a·word·"))
    amended = says.say(2, "lee", "host:other", Note("b"), refers=1)
    assert (amended.subject, amended.event) == (HOST, 7)
    for body, refers, why in (
        (End(), 0, "which entry"),
        (End(), 99, "no such entry"),
        (Ack("DOWN"), 1, "amended by a note"),
    ):
        with pytest.raises(CacheRefused, match=why):
            says.say(3, "kim", HOST, body, refers=refers)
    for who, body, why in (
        ("  ", Note("x"), "author"),
        ("kim", Note("x" * (MAX_SAID + 1)), "longer"),
    ):
        with pytest.raises(ValueError, match=why):
            says.say(3, who, HOST, body)
    assert len(opened(Reader(path)).entries()) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: Note(" "),
        lambda: Statement("", "x"),
        lambda: Statement("x", ""),
        lambda: Inference("kim", Likelihood.LIKELY, "", "cut"),
        lambda: Inference("kim", Likelihood.LIKELY, "because"),
        lambda: Maintenance(5, 5),
        lambda: Maintenance(2**62, 2**62 + 1),
        lambda: Ack("DOWN", expires=-1),
    ],
)
def test_an_entry_that_says_nothing_is_refused(make):
    with pytest.raises(ValueError, match=r"needs|must"):
        make()
