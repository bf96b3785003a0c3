from __future__ import annotations

import sqlite3
from contextlib import closing

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.cache.purge import Purge
from monitor.cache.reader import Reader
from monitor.cache.upkeep import Retention
from monitor.cache.writer import Writer
from monitor.records import DAY, HOUR, DnsFacts
from tests.cache.samples import said, seen, trace
from tests.cache.test_rollup import finish


def count(path, table):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def steps(writer, before, rows):
    """Purge the raw observations to the end; how many went with each slice."""
    purge, slices, more = Purge(writer._db), [], True
    while more:
        gone, more = purge.step(before, rows)
        slices.append(gone)
    return slices


def answer(text):
    return DnsFacts(server="192.0.2.53", query="example.net. A", answers=(text,))


def test_what_is_old_goes_in_slices_and_the_rest_stays(path, opened):
    writer, reader = opened(Writer(path)), opened(Reader(path))
    for check in ("a/icmp", "b/icmp", "c/icmp"):
        writer.commit([seen(check, at=n) for n in range(100)], [said()], {})
    slices = steps(writer, 60, 50)
    assert sum(slices) == 180
    assert max(slices) <= 50
    for check in ("a/icmp", "b/icmp", "c/icmp"):
        assert [found.at for found in reader.observations(check)] == [*range(99, 59, -1)]
    assert len(reader.events()) == 3
    assert steps(writer, 60, 50) == [0]


@settings(max_examples=40, deadline=None)
@given(
    kept=st.dictionaries(
        st.sampled_from(["a/icmp", "b/icmp", "c/icmp"]),
        st.sets(st.integers(0, 60), max_size=30),
    ),
    before=st.integers(0, 61),
    size=st.integers(1, 12),
)
def test_any_slices_end_the_same(tmp_path_factory, kept, before, size):
    path = tmp_path_factory.mktemp("purge") / "cache.db"
    with closing(Writer(path)) as writer, closing(Reader(path)) as reader:
        for check, times in kept.items():
            writer.commit([seen(check, at=at) for at in sorted(times)], [], {})
        slices = steps(writer, before, size)
        assert max(slices) <= size
        assert sum(slices) == sum(at < before for times in kept.values() for at in times)
        for check, times in kept.items():
            left = sorted((at for at in times if at >= before), reverse=True)
            assert [found.at for found in reader.observations(check)] == left


def test_hops_go_with_their_trace(path, opened):
    writer, reader = opened(Writer(path)), opened(Reader(path))
    old, young = trace("a/trace", DAY, "192.0.2.1"), trace("b/trace", 2 * DAY, "192.0.2.1")
    writer.commit([old, young], [], {})
    assert reader.hosts_behind("192.0.2.1") == ["a", "b"]
    finish(writer, 2 * DAY, Retention(raw=2 * HOUR))
    assert reader.hosts_behind("192.0.2.1") == ["b"]
    assert count(path, "hops") == count(path, "traces") == 1


def test_what_repeats_stays_as_long_as_somebody_has_it(path, opened):
    writer, reader = opened(Writer(path)), opened(Reader(path))
    for day in range(10):
        facts = [answer("always"), answer(f"of day {day}")]
        writer.commit(
            [seen(f"h{n}/dns", at=day * DAY + n, facts=one) for n, one in enumerate(facts)],
            [],
            {},
        )
    assert count(path, "details") == 11
    finish(writer, 10 * DAY, Retention(raw=3 * DAY))
    assert count(path, "details") == 1 + 3
    assert [found.facts for found in reader.observations("h0/dns")] == [answer("always")] * 3
    assert reader.observations("h1/dns")[0].facts == answer("of day 9")
    # One that went and comes back is a new one.
    back = seen("h1/dns", at=10 * DAY, facts=answer("of day 0"))
    writer.commit([back], [], {})
    assert reader.observations("h1/dns", limit=1) == [back]


def test_a_late_old_observation_does_not_shorten_a_detail(path, opened):
    writer, reader = opened(Writer(path)), opened(Reader(path))
    young, old = 9 * DAY, 1 * DAY
    writer.commit([seen(at=young, facts=answer("x"))], [], {})
    writer.commit([seen(at=old, facts=answer("x"))], [], {})
    finish(writer, 10 * DAY, Retention(raw=3 * DAY))
    assert reader.observations("alpha/icmp") == [seen(at=young, facts=answer("x"))]


def test_room_is_given_back(path, opened):
    writer = opened(Writer(path))
    for turn in range(20):
        batch = [seen(f"h{n}/icmp", at=turn, note="x" * 200) for n in range(300)]
        writer.commit(batch, [], {})
    writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    full = path.stat().st_size
    finish(writer, DAY, Retention(raw=2 * HOUR))
    writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert path.stat().st_size < full / 2
