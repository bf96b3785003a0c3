"""The bundled watchlists load, watch what they say, and tread lightly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monitor.records import Kind
from monitor.watchlist import describe
from monitor.watchlist.bundled import Source, bundled, bundled_names, resolve
from monitor.watchlist.errors import WatchlistError

GOOD = '[[host]]\nid = "a"\naddress = "192.0.2.1"\nchecks = [{ kind = "icmp" }]\n'


def loaded(name: str):
    return Source(name).load()


def test_the_bundled_names():
    assert bundled_names() == ("controls", "north-korea")
    with pytest.raises(KeyError):
        bundled("../loader")


@pytest.mark.parametrize("name", bundled_names())
def test_a_bundled_watchlist_loads_without_warnings(name):
    found = loaded(name)
    assert found.name == name
    assert found.path == ""
    assert describe.warnings(found) == ()
    far = found.controls("far")
    assert len(far) >= 8
    assert len({control.asn for control in far}) >= 4
    assert all(check.interval_s == 10.0 for host in far for check in host.checks)


@pytest.mark.parametrize("name", bundled_names())
def test_every_prefix_is_within_its_budget(name):
    found = loaded(name)
    rates = describe.by_prefix(found)
    assert all(
        rate <= found.budget.prefix_rate * 60 for prefix, rate in rates.items() if prefix
    )


def test_the_country_is_within_the_budget_of_one_24_even_if_all_sites_share_it():
    found = loaded("north-korea")
    network = found.networks[0]
    inside = [
        check
        for check in found.checks()
        if check.address.endswith(".kp") or network.holds(check.address)
    ]
    assert len({check.host for check in inside}) >= 14
    assert describe.packets_per_minute(inside) <= found.budget.prefix_rate * 60
    sites = [check for check in inside if check.kind is Kind.HTTP]
    assert min(check.interval_s for check in sites) >= 60


def test_conflicting_claims_are_kept_side_by_side():
    hosts = {host.id: host for host in loaded("north-korea").hosts}
    assert [claim.hosted_in for claim in hosts["rodong"].claims][:2] == ["CN", "KP"]
    assert [claim.hosted_in for claim in hosts["kcna"].claims][:2] == ["JP", "KP"]
    assert all(claim.source and claim.date for host in hosts.values() for claim in host.claims)
    assert {host.id for host in hosts.values() if host.historic} == {
        "uriminzokkiri",
        "dprktoday",
        "ryomyong",
    }


def test_both_lists_have_the_same_far_controls():
    first, second = loaded("north-korea").controls("far"), loaded("controls").controls("far")
    assert first == second


def test_without_a_word_ones_own_file_comes_first(tmp_path: Path):
    assert resolve(None, tmp_path) == Source("north-korea")
    assert resolve(None, tmp_path / "not" / "there") == Source("north-korea")
    own = tmp_path / "watchlist.toml"
    own.write_text(GOOD)
    assert resolve(None, tmp_path).load().path == str(own)
    own.unlink()
    # A link that leads nowhere is somebody's own list, and wrong: not a reason for another.
    own.symlink_to(tmp_path / "gone")
    with pytest.raises(WatchlistError, match="no such file"):
        resolve(None, tmp_path).load()


def test_a_bundled_name_goes_before_a_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("controls").write_text(GOOD)
    assert resolve("controls", tmp_path) == Source("controls")
    assert resolve("./controls", tmp_path).load().hosts[0].id == "a"
    Path("mine").write_text(GOOD)
    assert resolve("mine", tmp_path).load().hosts[0].id == "a"


def test_a_word_that_is_nothing_says_what_there_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WatchlistError) as caught:
        resolve("north-corea", tmp_path).load()
    assert "controls, north-korea" in str(caught.value)
    assert 'did you mean "north-korea"?' in str(caught.value)
    for path in ("north-korea.toml", "", "\x1b[2J", f"a{os.sep}b"):
        with pytest.raises(WatchlistError) as caught:
            resolve(path, tmp_path).load()
        assert "\x1b" not in str(caught.value)


def test_a_bundled_source_that_is_none_is_an_error_like_any_other():
    with pytest.raises(WatchlistError, match="controls, north-korea"):
        Source("nothing").load()


def test_only_the_list_that_says_why_asks_routing_feeds():
    assert [name for name in bundled_names() if loaded(name).feeds.ris] == ["north-korea"]
