"""Lines of keys, in every way TOML allows to write them."""

from __future__ import annotations

import tomllib

from monitor.watchlist.positions import Positions

TEXT = '''\
# [[host]] in a comment
a = 1
"b c" = "x # y [z]"
'd' = """
[[host]]
k = 1 \\""" still
"""
e.f = { g = 1, "h.i" = [ 1,
  2, { j = 3 } ] }
date = 1979-05-27 07:32:00

[t."u v".w] # a header
x = \'\'\'it's
''\'\'\'
[[host]]
id = "0"
[[host.checks]]
kind = "a"
[[host.checks]]
kind = "b"
[host.checks.expect]
z = 1
[[host]]
id = "1"
[[host.checks]]
kind = "\\u0063"
'''


def test_every_key_has_its_line():

    tomllib.loads(TEXT)
    line = Positions(TEXT).line
    assert [
        line(("a",)),
        line(("b c",)),
        line(("d",)),
        line(("e", "f")),
        line(("e", "f", "g")),
        line(("e", "f", "h.i", 1)),
        line(("e", "f", "h.i", 2, "j")),
        line(("date",)),
        line(("t", "u v", "w")),
        line(("t", "u v", "w", "x")),
        line(("host", 0, "id")),
        line(("host", 0, "checks", 1, "kind")),
        line(("host", 0, "checks", 1, "expect", "z")),
        line(("host", 1)),
        line(("host", 1, "checks", 0, "kind")),
    ] == [2, 3, 4, 8, 8, 9, 9, 10, 12, 13, 16, 20, 22, 23, 26]


def test_an_absent_key_has_the_line_of_what_is_around_it():
    positions = Positions(TEXT)
    assert positions.line(("host", 1, "address")) == 23
    assert positions.line(("nowhere",)) == 0
    assert positions.offset(()) == 0
