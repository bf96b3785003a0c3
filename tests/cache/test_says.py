from __future__ import annotations

import pytest

from monitor.cache import says as says_room
from monitor.cache.says import Request, Says
from monitor.cache.schema import CacheLocked, CacheMissing
from monitor.cache.writer import Writer
from monitor.records import DAY
from tests.cache.samples import seen


def test_what_a_person_asks_reaches_the_collector_in_order(path, opened):
    writer = opened(Writer(path))
    one, two = opened(Says(path)), opened(Says(path))
    assert writer.requests(0) == []
    assert one.request(5, "kim", "probe", "host:alpha") == 1
    assert two.request(6, "lee", "reload", "collector", "now") == 2
    assert writer.requests(0) == [
        Request(1, 5, "kim", "probe", "host:alpha"),
        Request(2, 6, "lee", "reload", "collector", "now"),
    ]
    assert [asked.id for asked in writer.requests(1)] == [2]


def test_there_must_be_a_cache(path):
    with pytest.raises(CacheMissing):
        Says(path)
    assert not path.exists()
    path.parent.mkdir()
    path.touch()
    with pytest.raises(CacheMissing):
        Says(path)
    assert path.read_bytes() == b""


def test_an_unknown_request_is_refused(path, opened):
    opened(Writer(path))
    with pytest.raises(ValueError, match="probe, reload, trace"):
        opened(Says(path)).request(1, "kim", "erase", "host:alpha")


def test_text_from_a_person_is_made_harmless(path, opened):
    writer = opened(Writer(path))
    opened(Says(path)).request(1, "\x1b[31mkim", "trace", "host:a\nb", "\u202e" + "x" * 999)
    (asked,) = writer.requests(0)
    assert (asked.who, asked.subject) == ("·[31mkim", "host:a·b")
    assert asked.argument.startswith("·xxx")
    assert len(asked.argument) <= 256


def test_a_locked_cache_is_said_and_asking_again_works(path, opened, monkeypatch):
    monkeypatch.setattr(says_room, "SAY_BUSY_MS", 20)
    writer = opened(Writer(path))
    desk = opened(Says(path))
    writer._db.execute("BEGIN IMMEDIATE")
    with pytest.raises(CacheLocked):
        desk.request(1, "kim", "probe", "host:alpha")
    writer._db.execute("ROLLBACK")
    assert desk.request(1, "kim", "probe", "host:alpha") == 1


def test_numbers_of_requests_never_come_back(path, opened):
    writer = opened(Writer(path))
    desk = opened(Says(path))
    desk.request(1, "kim", "probe", "host:alpha")
    writer.commit([seen()], [], {})
    while writer.maintain(20_000 * DAY):
        pass
    assert writer.requests(0) == []
    assert desk.request(2_000, "kim", "probe", "host:alpha") == 2
