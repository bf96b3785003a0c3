"""The report of a walked path, and the command's doors that need no network."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import pytest
from rich.console import Console

from monitor.records import (
    Hop,
    HopWindow,
    Observation,
    Outcome,
    PathHop,
    PathRow,
    PathState,
    Reason,
    TraceFacts,
)
from monitor.report.path import PathReport, as_csv, as_json, exit_code, print_report, sentence

T0 = 1_419_264_000_000_000
TARGET = "192.0.2.9"
WINDOW = HopWindow("198.51.100.1", 10, 10, 1.0, 0.9, 12.5, 1.5, 0.2, 0.1)
HOPS = (
    Hop(1, "198.51.100.1", 1.0, 1, 1, 11, 0, 64, window=WINDOW),
    Hop(2, "198.51.100.2", 2.0, 0, 0, labels=(16001,), limited=True,
        window=HopWindow("198.51.100.2", 10, 4, 2.0, 2.0, 2.0, 2.0,
                         arms=(("198.51.100.2", 3), ("198.51.100.3", 1)))),
    Hop(3),
    Hop(4, TARGET, 40.0, 1, 1, window=HopWindow(TARGET, 10, 10, 40.0, 39.0, 41.0, 40.0)),
)  # fmt: skip


def report(*, reached=True, outcome=Outcome.OK, **row):
    hops = HOPS if reached else HOPS[:3]
    lost = 0 if reached else 5
    target = msgspec.structs.replace(HOPS[3].window, received=10 - lost)
    facts = TraceFacts("icmp", reached, hops, 1, 7, target)
    seen = Observation("h/trace", T0, outcome, address=TARGET, facts=facts)
    current = (PathHop(1, ("198.51.100.1",), 64500, "DESK"),)
    path = PathRow("h/trace", "h", current=current, address=TARGET, **row)
    return PathReport("h", T0, 10, seen, path)


BROKEN = report(
    reached=False,
    outcome=Outcome.FAIL,
    state=PathState.BROKEN,
    since=T0,
    why="path breaks behind AS4837 (198.51.100.2), before AS64999 (192.0.2.1)",
)


def printed(what):
    out = io.StringIO()
    print_report(what, Console(file=out, width=160, highlight=False))
    return out.getvalue()


def test_a_table_of_hops_and_a_sentence():
    text = printed(report())
    lines = text.splitlines()
    assert lines[0] == "h 192.0.2.9 by icmp, 10 rounds from 2014-12-22 16:00:00Z"
    assert "AS64500 DESK" in lines[2]
    assert lines[2].split()[-5:] == ["1.00", "1.50", "0.90", "12.5", "0.20"]
    assert "likely rate-limited; MPLS 16001; also 198.51.100.3" in lines[3]
    assert "no answer" in lines[4]
    assert lines[-1] == (
        "reached in 4 hops, 0 of 10 lost; one hop likely only limited in how often it answers"
    )


def test_names_stand_beside_addresses_where_there_are_any():
    facts = report().last.facts
    hops = (msgspec.structs.replace(HOPS[0], name="gw.example"), *HOPS[1:])
    last = msgspec.structs.replace(
        report().last, facts=msgspec.structs.replace(facts, hops=hops)
    )
    found = msgspec.structs.replace(report(), last=last)
    lines = printed(found).splitlines()
    assert lines[1].split()[:4] == ["hop", "address", "name", "AS"]
    assert "198.51.100.1  gw.example  AS64500 DESK" in lines[2]
    assert "name" not in printed(report())
    assert json.loads(as_json(found))["hops"][0]["name"] == "gw.example"
    assert next(csv.DictReader(io.StringIO(as_csv(found))))["name"] == "gw.example"


def test_the_break_is_said_with_since_when():
    assert sentence(BROKEN) == (
        "path breaks behind AS4837 (198.51.100.2), before AS64999 (192.0.2.1), "
        "since 2014-12-22 16:00:00Z; 5 of 10 to the host lost"
    )
    assert printed(BROKEN).splitlines()[-1] == sentence(BROKEN)


def test_json_has_every_figure():
    found = json.loads(as_json(report()))
    assert found["schema"] == 1
    assert found["hops"][1]["limited"] is True
    assert found["hops"][1]["others"] == ["198.51.100.3"]
    assert found["hops"][1]["loss"] == 0.6
    assert found["hops"][2]["address"] == ""
    assert found["exit"] == 0
    assert "memory" not in found["path"]


def test_csv_has_a_line_a_hop():
    rows = list(csv.DictReader(io.StringIO(as_csv(report()))))
    assert [row["ttl"] for row in rows] == ["1", "2", "3", "4"]
    assert (rows[0]["asn"], rows[0]["avg_ms"], rows[2]["avg_ms"]) == ("64500", "1.5", "")


def test_exit_codes():
    lossy = msgspec.structs.replace(
        report().last.facts, target=HopWindow(TARGET, 10, 8, 1.0, 1.0, 1.0, 1.0)
    )
    lossy = msgspec.structs.replace(report().last, facts=lossy)
    nothing = Observation("h/trace", T0, Outcome.ERROR, Reason.NOT_PERMITTED, note="why")
    could_not = PathReport("h", T0, 1, nothing, PathRow("h/trace", "h"))
    assert exit_code(report()) == 0
    assert exit_code(PathReport("h", T0, 10, lossy, PathRow("h/trace", "h"))) == 1
    assert exit_code(BROKEN) == 2
    assert exit_code(could_not) == 3
    assert printed(could_not) == "no path: not permitted here: why\n"
    assert json.loads(as_json(could_not))["hops"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["path", "nowhere.example"], "is no host of"),
        (["path", "192.0.2.1", "--rounds", "0"], "--rounds must lie between"),
    ],
)
def test_what_cannot_be_walked_is_refused_in_a_sentence(words, said, monkeypatch, capsys):
    from monitor.cli import main  # noqa: PLC0415

    monkeypatch.setattr("sys.argv", ["watchdesk", *words])
    assert main() == 2
    assert said in capsys.readouterr().err
