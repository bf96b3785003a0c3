"""An edit is seen once, at rest; an error is said once."""

from __future__ import annotations

import os

import pytest

from monitor.watchlist.bundled import Source
from monitor.watchlist.errors import WatchlistError
from monitor.watchlist.follow import Follower
from monitor.watchlist.model import Watchlist

GOOD = '[[host]]\nid = "a"\naddress = "192.0.2.1"\nchecks = [{ kind = "icmp" }]\n'
OTHER = GOOD.replace('"a"', '"b"')


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "watchlist.toml"
    found.write_text(GOOD)
    return found


def settled(follower: Follower) -> Watchlist | WatchlistError | None:
    """An edit is handed out by the second call that finds it at rest; the third is quiet."""
    first = follower.changed()
    assert first is None
    found = follower.changed()
    assert follower.changed() is None
    return found


def test_what_was_loaded_is_no_change(path):
    source = Source("x", str(path))
    assert settled(Follower(source, source.load().hash)) is None
    assert isinstance(settled(Follower(source)), Watchlist)


def test_an_edit_is_handed_out_once_and_only_at_rest(path):
    follower = Follower(Source("x", str(path)), Source("x", str(path)).load().hash)
    assert settled(follower) is None
    path.write_text("")
    assert follower.changed() is None
    path.write_text(OTHER)
    found = settled(follower)
    assert isinstance(found, Watchlist)
    assert found.hosts[0].id == "b"


def test_a_touch_is_no_change(path):
    follower = Follower(Source("x", str(path)), Source("x", str(path)).load().hash)
    assert settled(follower) is None
    os.utime(path, ns=(1, 1))
    assert settled(follower) is None


def test_a_file_replaced_under_its_name_is_seen(path):
    follower = Follower(Source("x", str(path)), Source("x", str(path)).load().hash)
    assert settled(follower) is None
    new = path.with_suffix(".new")
    new.write_text(OTHER)
    new.replace(path)
    assert isinstance(settled(follower), Watchlist)


def test_a_vanished_file_is_an_error_once_and_good_news_when_it_is_back(path):
    follower = Follower(Source("x", str(path)), Source("x", str(path)).load().hash)
    assert settled(follower) is None
    path.unlink()
    found = settled(follower)
    assert isinstance(found, WatchlistError)
    assert "no such file" in str(found)
    assert follower.changed() is None
    path.write_text(GOOD)
    assert isinstance(settled(follower), Watchlist)


def test_a_broken_edit_is_said_once(path):
    follower = Follower(Source("x", str(path)), Source("x", str(path)).load().hash)
    path.write_text(GOOD + "nonsense")
    assert isinstance(settled(follower), WatchlistError)
    os.utime(path, ns=(1, 1))
    assert settled(follower) is None
    path.write_text(GOOD + "other = 1\n")
    assert isinstance(settled(follower), WatchlistError)
    path.write_text(GOOD)
    assert isinstance(settled(follower), Watchlist)


def test_a_bundled_watchlist_never_changes():
    source = Source("controls")
    assert settled(Follower(source, source.load().hash)) is None


def test_a_path_that_is_none_is_an_error_once():
    assert isinstance(settled(Follower(Source("x", "a\0b"))), WatchlistError)
