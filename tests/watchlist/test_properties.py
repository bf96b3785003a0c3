"""Anything at all: only WatchlistError, only harmless messages, nothing lost."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.watchlist.errors import WatchlistError
from monitor.watchlist.loader import parse
from monitor.watchlist.positions import Positions

from .samples import ICMP, ok

harmful = {"Cc", "Cf", "Cs", "Zl", "Zp"}
words = st.sampled_from(
    ["host", "control", "network", "id", "address", "checks", "kind", "icmp", "http", "url",
     "interval", "claims", "date", "expect", "json", "headers", "parents", "near", "side"]
)  # fmt: skip
scalars = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | words
    | st.dates()
    | st.datetimes()
    | st.times()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(words | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=30,
)


def toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            out = "".join(
                c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in value
            )
            return f'"{out}"'
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{toml(k)} = {toml(v)}" for k, v in value.items()) + "}"
        case _:
            return value.isoformat()


def messages(data: bytes, source: str = "x") -> list[str]:
    try:
        parse(data, source)
    except WatchlistError as error:
        return [str(problem) for problem in error.problems] or ["an error without a problem"]
    return []


def is_harmless(text: str) -> bool:
    return not {unicodedata.category(char) for char in text} & harmful


@given(st.binary(max_size=400), st.text(max_size=10))
@example(b"\x1b]0;x\x07 = 1", "\x1b[2J\x07")
def test_no_bytes_raise_anything_else(data, source):
    assert all(is_harmless(text) for text in messages(data, source))


@settings(max_examples=150)
@given(st.dictionaries(words | st.text(max_size=8), values, max_size=6))
def test_no_document_raises_anything_else(document):
    lines = (f"{toml(key)} = {toml(value)}" for key, value in document.items())
    assert all(is_harmless(text) for text in messages("\n".join(lines).encode()))


checks_of = st.lists(
    st.sampled_from(
        ['kind = "icmp"', 'kind = "trace"', 'kind = "dns", query = "kp. SOA"',
         'kind = "http", url = "http://a.kp/"', 'kind = "tcp", port = 80']
    ),
    min_size=1,
    max_size=5,
    unique=True,
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(checks_of, min_size=1, max_size=8), st.integers(0, 5), st.integers(0, 4))
def test_whatever_is_right_is_all_there(hosts, controls, networks):
    lines = [f'[[network]]\nid = "n{i}"\norigin_asns = [{i + 1}]' for i in range(networks)]
    for i, checks in enumerate(hosts):
        inline = ", ".join(f"{{ {body} }}" for body in checks)
        lines.append(f'[[host]]\nid = "h{i}"\naddress = "h{i}.kp"\nchecks = [{inline}]')
        if i:
            lines.append(f'parents = ["h{i - 1}"]')
    lines += [
        f'[[control]]\nid = "c{i}"\naddress = "192.0.2.{i}"\nside = "far"\n{ICMP}'
        for i in range(controls)
    ]
    found = ok("\n".join(lines))
    assert len(found.networks) == networks
    assert len(found.controls()) == controls
    assert len(found.hosts) == len(hosts) + controls
    assert len(found.checks()) == sum(map(len, hosts)) + controls
    assert len({c.id for c in found.checks()}) == len(found.checks())


@settings(max_examples=100)
@given(st.dictionaries(words | st.text(max_size=8), values, max_size=6))
def test_every_key_is_found_in_its_line(document):
    text = "\n".join(f"{toml(key)} = {toml(value)}" for key, value in document.items())
    positions = Positions(text)

    def check(value: object, path: tuple[str | int, ...], line: int) -> None:
        assert positions.line(path) == line
        inside = value.items() if isinstance(value, dict) else ()
        for key, item in enumerate(value) if isinstance(value, list) else inside:
            check(item, (*path, key), line)

    for line, (key, value) in enumerate(document.items(), 1):
        check(value, (key,), line)
