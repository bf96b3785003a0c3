"""Small watchlists, right and wrong."""

from __future__ import annotations

import pytest

from monitor.watchlist.errors import WatchlistError
from monitor.watchlist.loader import parse
from monitor.watchlist.model import Watchlist

HOST = '[[host]]\nid = "a"\naddress = "192.0.2.1"\n'
ICMP = 'checks = [{ kind = "icmp" }]\n'
GOOD = HOST + ICMP


def host(line: str) -> str:
    return f"{HOST}{line}\n{ICMP}"


def check(body: str) -> str:
    return f"{HOST}checks = [{{ {body} }}]\n"


def http(body: str) -> str:
    return check(f'kind = "http", url = "http://a.example/", {body}')


def network(line: str) -> str:
    return f'{GOOD}[[network]]\nid = "net"\nprefixes = ["192.0.2.0/24"]\n{line}\n'


def problems(text: str | bytes):
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(WatchlistError) as caught:
        parse(data, "desk.toml")
    return caught.value.problems


def ok(text: str) -> Watchlist:
    return parse(text.encode(), "desk.toml")
