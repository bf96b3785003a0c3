"""The board as of a moment is the log folded up to it."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.assess.host import refresh
from monitor.cache.asof import fill_host
from monitor.cache.history import TOLD_WITHIN, ended, moment_of
from monitor.cache.parts import KINDS, Kinds
from monitor.cache.reader import Reader
from monitor.cache.writer import Writer
from monitor.records import (
    BEATS,
    BEATS_KEPT,
    MINUTE,
    SECOND,
    CheckRow,
    CollectorRow,
    Event,
    EventKind,
    FeedRow,
    HostRow,
    Kind,
    NetworkRow,
    Observation,
    Outcome,
    Phase,
    Reason,
    RouteRow,
    State,
    subject_of,
)
from tests import strategies as some
from tests.cache.samples import check, host, said, seen
from tests.collect.conftest import Stage, watched

CHECKS = ("a/icmp", "a/dns", "b/http")
KIND = {"a/icmp": Kind.ICMP, "a/dns": Kind.DNS, "b/http": Kind.HTTP}
STATE_FIELD = {CheckRow: "state", HostRow: "state", NetworkRow: "phase"}


def judged(row):
    """A row without what is not a matter of the history."""
    kinds = KINDS.get(type(row), Kinds())
    bare = {
        field.name: field.default
        if field.default_factory is msgspec.NODEFAULT
        else field.default_factory()
        for field in msgspec.structs.fields(type(row))
        if field.name in (*kinds.left, *kinds.sampled)
    }
    return msgspec.structs.replace(row, **bare)


class Log:
    """The log of everything committed, folded the slow and plain way."""

    def __init__(self):
        self.entries = {}
        self.seen = {}
        self.letters = {}

    def add(self, at, observations, events, rows):
        for one in observations:
            self.seen.setdefault(one.check, []).append(one)
        for event in events:
            if event.kind is EventKind.TRANSITION and event.hard:
                self._turn(event, rows.get(event.subject))
        for subject, row in rows.items():
            self._keep(subject, at, judged(row))

    def _turn(self, event, row):
        past = self.entries.get(event.subject)
        if not past and row is None:
            return
        at, before = past[-1] if past else (event.at, judged(row))
        told = at if event.at < at - TOLD_WITHIN else event.at
        more = {"soft": None, "reason": event.reason, "why": event.text}
        fields = type(before).__struct_fields__
        changes = {name: value for name, value in more.items() if name in fields}
        field = STATE_FIELD[type(before)]
        now = (Phase if field == "phase" else State)(event.new)
        changed = msgspec.structs.replace(
            before, **changes, **{field: now}, since=event.since or event.at
        )
        self._keep(event.subject, told, changed)

    def _keep(self, subject, at, row):
        past = self.entries.setdefault(subject, [])
        while past and past[-1][0] >= at and past[-1][0] > 0:
            past.pop()
        past.append((at, row))

    def board(self, at):
        rows = {}
        for subject, past in self.entries.items():
            then = [row for time, row in past if time <= at]
            if then:
                rows[subject] = then[-1]
        return rows

    def last(self, name, at):
        known = [one for one in self.seen.get(name, []) if ended(one) <= at]
        return max(known, key=lambda one: one.at, default=None)


@st.composite
def logs(draw):
    """Commits in the order of time, each with what happened since the one before."""
    now, commits, beats = 10 * SECOND, [], dict.fromkeys(CHECKS, b"")
    last = {}
    for _ in range(draw(st.integers(1, 6))):
        before, now = now, now + draw(st.integers(1, 400)) * SECOND
        observations, events, rows = [], [], {}
        for name in draw(st.sets(st.sampled_from(CHECKS))):
            times = draw(st.sets(st.integers(before, now - SECOND), max_size=3))
            for at in sorted(times):
                took = draw(st.integers(0, min(900, (now - at) // 1000)))
                outcome = draw(st.sampled_from(Outcome))
                last[name] = Observation(
                    check=name,
                    at=at,
                    outcome=outcome,
                    rtt_ms=draw(st.none() | st.integers(1, 90).map(float)),
                    received=draw(st.integers(0, 1)),
                    took_ms=took,
                )
                observations.append(last[name])
                beats[name] += draw(st.sampled_from(b"UDXR?udxr")).to_bytes(1, "big")
            row = CheckRow(
                id=name,
                host=name[0],
                kind=KIND[name],
                state=draw(some.states),
                soft=draw(some.maybe_state),
                since=draw(st.integers(0, now)),
                last=last.get(name),
                beats=beats[name][-BEATS_KEPT:],
            )
            rows[subject_of(row)] = row
        for name in draw(st.sets(st.sampled_from("ab"))):
            rows[f"host:{name}"] = HostRow(
                id=name,
                name=draw(st.sampled_from(["One", "Other"])),
                state=draw(some.states),
                soft=draw(some.maybe_state),
                since=draw(st.integers(0, now)),
                why=draw(st.sampled_from(["", "icmp: no answer"])),
                stale=draw(st.booleans()),
                checks=tuple(each for each in CHECKS if each[0] == name),
            )
        if draw(st.booleans()):
            rows["network:n"] = NetworkRow(
                id="n",
                name="N",
                phase=draw(st.sampled_from(Phase)),
                since=draw(st.integers(0, now)),
                inside_up=draw(st.integers(0, 3)),
                fate=draw(st.sampled_from(["", "one upstream"])),
            )
        for subject in draw(st.lists(st.sampled_from(["host:a", "network:n"]), max_size=3)):
            of = Phase if subject == "network:n" else State
            events.append(
                Event(
                    at=draw(st.integers(max(0, before - 7 * SECOND), now)),
                    kind=EventKind.TRANSITION,
                    subject=subject,
                    text=draw(st.sampled_from(["turned", "turned again"])),
                    new=draw(st.sampled_from(of)),
                    hard=draw(st.booleans()),
                    reason=draw(st.sampled_from([Reason.NONE, Reason.TIMEOUT])),
                )
            )
        commits.append((now, observations, events, rows))
    return commits


@settings(max_examples=40, deadline=None)
@given(logs(), st.data())
def test_the_board_as_of_a_moment_is_the_log_folded_up_to_it(commits, data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cache.db"
        log = Log()
        with closing(Writer(path)) as writer, closing(Reader(path)) as reader:
            for at, observations, events, rows in commits:
                writer.commit(observations, events, rows, at)
                log.add(at, observations, events, rows)
            end = commits[-1][0] + SECOND
            turns = [event.at for _, _, events, _ in commits for event in events]
            turns += [at for at, *_ in commits]
            # A moment after each turn too, where an entry dated later must not hide it.
            close = {at + late for at in turns for late in (-1, 0, 1, 6 * SECOND)}
            for at in sorted(close | data.draw(st.sets(st.integers(0, end), max_size=6))):
                board = {subject_of(row): row for row in reader.board_at(at)}
                assert {name: judged(row) for name, row in board.items()} == log.board(at)
                for name, row in board.items():
                    assert reader.row_at(name, at) == row
                    if isinstance(row, CheckRow):
                        assert row.last == log.last(row.id, at)
            assert reader.bad == 0


@settings(max_examples=20, deadline=None)
@given(logs())
def test_the_newest_board_is_the_current_one(commits):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cache.db"
        with closing(Writer(path)) as writer, closing(Reader(path)) as reader:
            for at, observations, _, rows in commits:
                writer.commit(observations, [], rows, at)
            now = commits[-1][0]
            for row in reader.board_at(now):
                current = reader.row(subject_of(row))
                assert judged(row) == judged(current)
                if isinstance(row, CheckRow):
                    assert row.last == current.last
                    assert row.beats == current.beats


@settings(max_examples=40, deadline=None)
@given(some.host_rows, st.lists(some.check_rows, max_size=4))
def test_a_hosts_figures_are_those_the_judge_gives(row, checks):
    named = {f"h/{index}": each for index, each in enumerate(checks)}
    row = msgspec.structs.replace(row, checks=tuple(named))
    by_judge = msgspec.structs.replace(row)
    refresh(by_judge, checks)
    fill_host(row, named)
    for figure in ("rtt_ms", "loss", "last_at"):
        assert getattr(row, figure) == getattr(by_judge, figure)


class Recorded:
    """A store that keeps what a real collector gives to a real writer."""

    def __init__(self, writer):
        self.writer = writer
        self.moments = []
        self.events = []
        self.rows = {}

    def commit(self, observations, events, rows, at):
        kept = self.writer.commit(observations, events, rows, at)
        at = moment_of(observations, events, rows, at).at
        now = max(at, self.moments[-1][0] if self.moments else 0)
        for subject, row in rows.items():
            copy = msgspec.msgpack.decode(msgspec.msgpack.encode(row), type=type(row))
            if hasattr(copy, "memory"):
                copy.memory = None
            self.rows[subject] = copy
        self.events += kept
        self.moments.append((now, dict(self.rows)))
        return kept

    def requests(self, after):
        return []

    def maintain(self, now):
        return self.writer.maintain(now)


def incident(check, at):
    """Hosts of one network go one after the other, flap, and come back."""
    if check.host == "a" and 400 < at < 900:
        return Reason.TIMEOUT
    if check.host == "b" and 500 < at < 1500 and int(at / 70) % 2:
        return Reason.REFUSED
    return Reason.NONE


def test_a_collectors_board_can_be_seen_again_as_it_was(path, opened):
    writer = opened(Writer(path))
    store = Recorded(writer)
    stage = Stage()
    stage.store = store
    stage.answer = incident
    stage.run(watched("a", "b", "c"), 2000)
    reader = opened(Reader(path))
    ends = [at for at, _ in store.moments[1:]] + [1 << 60]
    looked = 0
    for (at, rows), end in zip(store.moments, ends, strict=True):
        if end == at or (at // SECOND) % 7:
            continue
        looked += 1
        board = {subject_of(row): row for row in reader.board_at(at)}
        assert board.keys() == rows.keys()
        for subject, row in rows.items():
            if isinstance(row, CollectorRow):
                assert at - MINUTE * 5 <= board[subject].beat <= at
                assert judged(board[subject]) == judged(row)
            else:
                assert board[subject] == row
    assert looked > 100
    states = {}
    for event in store.events:
        if event.kind is EventKind.TRANSITION and event.hard:
            states.setdefault(event.at, {})[event.subject] = event.new
    assert sum(len(each) for each in states.values()) > 10
    for at, turned in states.items():
        for subject, new in turned.items():
            row = reader.row_at(subject, at)
            assert getattr(row, STATE_FIELD[type(row)]) == new


# --- cases ----------------------------------------------------------------------------


def test_nothing_newer_than_the_moment_is_shown(path, opened):
    writer, reader = opened(Writer(path)), opened(Reader(path))
    slow = seen("alpha/icmp", at=100 * SECOND, took_ms=4_000.0)
    early = seen("alpha/icmp", at=90 * SECOND, took_ms=10.0)
    row = msgspec.structs.replace(check(), since=1, last=slow, beats=b"UX")
    writer.commit(
        [early], [], {"check:alpha/icmp": msgspec.structs.replace(row, last=early, beats=b"U")}
    )
    writer.commit([slow], [], {"check:alpha/icmp": row})
    assert reader.board_at(80 * SECOND) == []
    assert reader.row_at("check:alpha/icmp", 102 * SECOND).last == early
    assert reader.row_at("check:alpha/icmp", 102 * SECOND).beats == b"U"
    assert reader.row_at("check:alpha/icmp", 104 * SECOND).last == slow
    assert reader.row_at("check:alpha/icmp", 104 * SECOND).beats == b"UX"
    assert reader.row_at("host:alpha", 104 * SECOND) is None


def test_only_what_was_judged_makes_entries(path, opened):
    writer = opened(Writer(path))
    for at in range(1, 50):
        row = msgspec.structs.replace(host(), rtt_ms=float(at), last_at=at, beats=b"U" * at)
        writer.commit([], [], {"host:alpha": row}, at)
    assert writer._db.execute("SELECT count(*) FROM history").fetchone() == (1,)
    turned = msgspec.structs.replace(host(), state=State.DOWN, since=50)
    writer.commit([], [], {"host:alpha": turned}, 50)
    assert writer._db.execute("SELECT count(*) FROM history").fetchone() == (2,)
    assert writer._db.execute("SELECT count(*) FROM sketches").fetchone() == (1,)


def test_figures_that_nothing_else_holds_are_sampled(path, opened):
    writer, reader = opened(Writer(path)), opened(Reader(path))
    for minute in range(60):
        at = minute * MINUTE
        row = RouteRow(prefix="192.0.2.0/24", network="n", seen=minute, peers=300, at=at)
        feed = FeedRow(name="ris", messages=minute, at=at)
        writer.commit([], [], {subject_of(each): each for each in (row, feed)}, at)
    assert writer._db.execute("SELECT count(*) FROM history").fetchone() == (24,)
    for minute in (0, 7, 31, 59):
        row = reader.row_at("route:192.0.2.0/24", minute * MINUTE)
        assert minute - 5 < row.seen <= minute
        assert row.at <= minute * MINUTE


def test_a_clock_set_right_again_hides_nothing(path, opened):
    writer, reader = opened(Writer(path)), opened(Reader(path))
    year = 365 * 86_400 * SECOND
    up, down = host(), msgspec.structs.replace(host(), state=State.DOWN)
    writer.commit([], [], {"host:alpha": up, "host:beta": host("beta")}, 10 * SECOND)
    writer.commit([], [], {"host:alpha": down, "host:beta": host("beta", 2)}, year)
    writer.commit([], [], {"host:alpha": up}, 20 * SECOND)
    assert reader.row_at("host:alpha", 15 * SECOND).state is State.UP
    assert reader.row_at("host:alpha", 2 * year).state is State.UP
    assert reader.row_at("host:beta", 15 * SECOND).since == 1
    assert reader.row_at("host:beta", 25 * SECOND).since == 2
    # Without a reading of the clock an older time is no such thing.
    writer.commit([], [said(at=5, hard=False)], {"host:alpha": down})
    assert reader.row_at("host:alpha", 15 * SECOND).state is State.UP
    assert reader.row_at("host:alpha", 20 * SECOND).state is State.DOWN


def test_a_restarted_writer_writes_no_entry_twice(path, opened):
    for at in (10, 20, 30):
        with closing(Writer(path)) as writer:
            rows = {"host:alpha": host(), "check:alpha/icmp": check()}
            writer.commit([], [], rows, at)
            found = writer._db.execute("SELECT count(*) FROM history").fetchone()
    assert found == (2,)
    assert opened(Reader(path)).row_at("host:alpha", 10).id == "alpha"


def test_a_damaged_entry_costs_its_row(path, opened):
    writer, reader = opened(Writer(path)), opened(Reader(path))
    writer.commit([], [], {"host:alpha": host(), "host:beta": host("beta")}, 10)
    writer._db.execute("UPDATE history SET record = x'c1' WHERE subject_no = 1")
    assert [row.id for row in reader.board_at(10)] == ["beta"]
    assert reader.bad == 1


def test_events_as_of_a_moment(path, opened):
    writer, reader = opened(Writer(path)), opened(Reader(path))
    writer.commit([], [said(at=at) for at in (1, 2, 9, 3, 4, 5)], {})
    assert [event.at for event in reader.events(until=5)] == [4, 3, 2, 1]
    assert [event.at for event in reader.events(until=5, limit=2)] == [4, 3]
    assert [event.at for event in reader.events(until=10)] == [5, 4, 3, 9, 2, 1]
    assert reader.events(until=1) == []


def test_letters_of_a_row_that_has_gone_on_are_not_taken(path, opened):
    writer, reader = opened(Writer(path)), opened(Reader(path))
    later = seen("alpha/icmp", at=30 * SECOND)
    row = msgspec.structs.replace(check(), last=later, beats=b"XX")
    writer.commit([seen("alpha/icmp", at=20 * SECOND)], [], {"check:alpha/icmp": row})
    assert reader.row_at("check:alpha/icmp", 60 * SECOND).beats == BEATS[State.UP].encode()
