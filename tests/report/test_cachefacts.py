from __future__ import annotations

import json
from contextlib import closing

from monitor.cache.writer import Writer
from monitor.records import DAY, HOUR, MINUTE
from monitor.report.cachefacts import amount, as_json, as_text, look
from tests.cache.samples import host, said
from tests.cache.test_rollup import NOON, finish, ran


def test_what_is_kept_since_when_and_how_large_it_becomes(tmp_path):
    path = tmp_path / "cache.db"
    with closing(Writer(path)) as writer:
        for day in range(3):
            begin = NOON + day * DAY
            for name in ("a/icmp", "b/icmp"):
                runs = [ran(begin + n * MINUTE, 5.0, name) for n in range(24 * 60)]
                writer.commit(runs, [said(at=begin)], {"host:a": host("a", begin)}, begin)
        finish(writer, NOON + 3 * DAY + HOUR)
    facts = look(path)
    raw, hops, fives, hours, history, events = facts.tiers
    assert (raw.rows, fives.rows, hours.rows) == (8_640, 1_728, 144)
    assert (hops.rows, history.rows, events.rows) == (0, 3, 6)
    assert raw.since == NOON
    assert raw.kept_days == 7
    assert history.kept_days is history.steady_bytes is None
    # Three days of three: seven make seven thirds.
    assert 2.2 < raw.steady_bytes / raw.bytes < 2.4
    assert 29 < fives.steady_bytes / fives.bytes < 31
    # The shares are of the file as it is.
    assert sum(tier.bytes for tier in facts.tiers) <= facts.size
    assert sum(tier.bytes for tier in facts.tiers) > 0.8 * (facts.size - facts.free)
    assert raw.bytes > fives.bytes > hours.bytes
    found = json.loads(as_json(facts))
    assert found["schema"] == 1
    assert found["steady_bytes"] == facts.steady_bytes
    text = as_text(facts)
    assert "5-minute roll-ups" in text
    assert "for ever" in text
    assert all(len(line) <= 120 for line in text.splitlines()[1:])


def test_an_empty_cache_is_no_error(tmp_path):
    path = tmp_path / "cache.db"
    Writer(path).close()
    facts = look(path)
    assert {tier.rows for tier in facts.tiers} == {0}
    assert "raw observations" in as_text(facts)


def test_amounts_are_said_in_words_people_use():
    assert [amount(n) for n in (0, 1023, 1024, 3 << 20, 5 << 30)] == [
        *("0 B", "1023 B", "1.0 KiB", "3.0 MiB", "5.0 GiB")
    ]
