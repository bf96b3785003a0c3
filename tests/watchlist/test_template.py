"""What init writes loads, and so does every example in it."""

from __future__ import annotations

import re

import pytest

from monitor.watchlist import describe
from monitor.watchlist.errors import WatchlistError
from monitor.watchlist.loader import load, parse
from monitor.watchlist.template import init, template


def test_the_template_loads_without_warnings():
    found = parse(template().encode(), "template.toml")
    assert describe.warnings(found) == ()
    assert found.networks == ()


def test_the_template_loads_with_every_example():
    text = re.sub(r"(?m)^#(?! \S|$)", "", template())
    found = parse(text.encode(), "template.toml")
    assert [network.id for network in found.networks] == ["example-net"]
    assert {host.id for host in found.hosts} > {"ns1", "www", "upstream"}
    assert describe.warnings(found) == ()


def test_init_writes_and_refuses_to_overwrite(tmp_path):
    path = tmp_path / "new" / "watchlist.toml"
    init(path)
    assert load(path).name == "my-desk"
    path.write_text("mine")
    with pytest.raises(WatchlistError, match="a file that exists"):
        init(path)
    assert path.read_text() == "mine"
    init(path, force=True)
    assert path.read_text() == template()


def test_init_says_where_it_cannot_write(tmp_path):
    with pytest.raises(WatchlistError, match="cannot be written"):
        init(tmp_path / ("x" * 300))
    with pytest.raises(WatchlistError, match="cannot be written"):
        init(tmp_path / "a\0b")
    with pytest.raises(WatchlistError):
        init(tmp_path, force=True)
