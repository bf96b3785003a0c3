"""``watchdesk cache``, ``export`` and ``import`` as a person runs them."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from pathlib import Path

from monitor.cache.reader import Reader
from monitor.cache.writer import Writer
from monitor.collect.service import retention_of
from monitor.records import HOUR, CollectorRow, HostRow
from monitor.watchlist.loader import load
from tests.cache.samples import host, said, seen
from tests.conftest import Program
from tests.test_cli import watchlist

NOON = 1_419_249_600_000_000  # 2014-12-22T12:00:00Z


def filled(program: Program) -> None:
    with closing(Writer(program.cache)) as writer:
        for hour in range(4):
            at = NOON + hour * HOUR
            row = host(since=at)
            writer.commit([seen(at=at)], [said(at=at)], {"host:alpha": row}, at)


def test_what_a_cache_keeps_is_said(program: Program) -> None:
    filled(program)
    ran = program.run("cache", "--cache", program.cache)
    assert ran.returncode == 0
    assert "hourly roll-ups" in ran.stdout
    facts = json.loads(program.run("cache", "--json", "--cache", program.cache).stdout)
    assert facts["tiers"][0]["rows"] == 4
    missing = program.run("cache", "--cache", program.home / "none.db")
    assert missing.returncode == 2
    assert "there is no cache" in missing.stderr


def test_the_spans_of_the_watchlist_are_what_is_kept_and_foretold(
    program: Program, tmp_path: Path
) -> None:
    path = watchlist(tmp_path, 9)
    path.write_text(path.read_text() + '[keep]\nraw = "2d"\nhourly = "3650d"\n')
    writer = Writer(program.cache, retention_of(load(path).keep))
    writer.maintain(NOON)
    writer.close()
    facts = json.loads(program.run("cache", "--json", "--cache", program.cache).stdout)
    kept = {tier["name"]: tier["kept_days"] for tier in facts["tiers"]}
    assert kept["raw observations"] == 2
    assert kept["5-minute roll-ups"] == 90
    assert kept["hourly roll-ups"] == 3650
    assert kept["events and notes"] is None


def test_a_cache_is_exported_and_imported(program: Program) -> None:
    filled(program)
    whole = program.run("export", "--jsonl", "--cache", program.cache)
    assert whole.returncode == 0
    file, copy = program.home / "all.jsonl", program.home / "copy.db"
    file.write_text(whole.stdout)
    took = program.run("import", file, "--cache", copy)
    assert took.returncode == 0, took.stderr
    assert program.run("export", "--jsonl", "--cache", copy).stdout == whole.stdout
    with closing(Reader(copy)) as reader:
        assert len(reader.events()) == 4
    again = program.run("import", file, "--cache", copy)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    nameless = program.run("import", file)
    assert nameless.returncode == 2
    assert "--cache FILE" in nameless.stderr


def test_a_span_is_exported(program: Program) -> None:
    filled(program)
    span = ("--since", "2014-12-22T13:00", "--until", "2014-12-22T15:00")
    ran = program.run("export", "--jsonl", *span, "--cache", program.cache)
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    times = [line["event"]["at"] for line in lines if line["type"] == "event"]
    assert times == [NOON + HOUR, NOON + 2 * HOUR]
    bad = program.run("export", "--jsonl", "--since", "noon", "--cache", program.cache)
    assert bad.returncode == 2
    assert "is no moment" in bad.stderr


def test_what_is_no_export_is_said_in_one_sentence(program: Program) -> None:
    file = program.home / "notes.txt"
    file.write_text("not an export\n")
    for path in (file, program.home / "none.jsonl", program.home):
        ran = program.run("import", path, "--cache", program.home / "new.db")
        assert ran.returncode == 2
        assert len(ran.stderr.splitlines()) == 1
        assert "Traceback" not in ran.stderr
    assert not (program.home / "new.db").exists()


def test_a_reader_that_leaves_ends_an_export(program: Program) -> None:
    with closing(Writer(program.cache)) as writer:
        writer.commit([seen(at=n) for n in range(20_000)], [], {})
    exporting = subprocess.Popen(
        program.command("export", "--jsonl", "--cache", program.cache),
        env=program.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    exporting.stdout.readline()
    exporting.stdout.close()
    assert exporting.wait(20) == 141
    assert exporting.stderr.read() == b""
    exporting.stderr.close()


def test_what_leaves_a_drills_cache_says_that_it_is_made_up(program: Program) -> None:
    writer = Writer(program.cache)
    host = HostRow("a", "a")
    writer.commit([], [], {"collector": CollectorRow(drill="dprk-2014"), "host:a": host})
    writer.close()
    lines = program.run("export", "--jsonl", "--cache", program.cache).stdout.splitlines()
    assert json.loads(lines[0])["synthetic"] == "dprk-2014"
    assert "SYNTHETIC" in program.run("why", "a", "--cache", program.cache).stdout
