"""A shift ends and another begins, on the evening of 22 December 2014."""

from __future__ import annotations

import shutil
from contextlib import closing

import msgspec
import pytest

from monitor.cache.reader import Reader
from monitor.cache.says import Says
from monitor.cache.writer import Writer
from monitor.collect.collector import Tempo
from monitor.collect.replay import FastCollector
from monitor.commands.common import moment
from monitor.entries import Ack, Inference, Likelihood, Maintenance, Note, Seen, Statement
from monitor.records import HOUR, MINUTE
from monitor.report.handover import Handover, as_json, handover
from monitor.report.handover_text import as_text
from monitor.report.why import as_text as why_text
from monitor.report.why import why
from monitor.simulation.drills import load_drill

BEGIN, LEFT, END = map(moment, ("2014-12-22T16:00", "2014-12-22T16:10", "2014-12-22T16:30"))
NETWORK = "network:north-korea"


@pytest.fixture(scope="module")
def drill(tmp_path_factory):
    """The cache of half an hour of the drill, closed."""
    path = tmp_path_factory.mktemp("drill") / "cache.db"
    found = load_drill("dprk-2014")
    writer = Writer(path)
    tempo = Tempo().at(600.0)
    fast = FastCollector(found.watchlist, found.world(), writer, {}, BEGIN, tempo=tempo)
    fast.play(END)
    fast.end()
    writer.close()
    return path


@pytest.fixture
def cache(drill, tmp_path):
    return shutil.copy(drill, tmp_path / "cache.db")


def hand_over(cache, who="kim", since=None, at=None):
    with closing(Reader(cache)) as reader:
        return handover(reader, who, since, at)


@pytest.fixture
def shift(cache):
    """What kim said before lee took over."""
    with closing(Says(cache)) as says:
        says.say(LEFT, "lee", "desk", Seen(3))
        until = END + HOUR
        says.say(END - 6 * MINUTE, "kim", NETWORK, Ack("LOST", expires=until, text="on it"))
        says.say(END - 5 * MINUTE, "kim", NETWORK, Note("the operator does not answer"))
        claim = Statement("State Department", "no comment", "briefing", LEFT)
        says.say(END - 4 * MINUTE, "kim", NETWORK, claim)
        guess = Inference("kim", Likelihood.LIKELY, "all at once", "withdrawal")
        says.say(END - 3 * MINUTE, "kim", NETWORK, guess)
        says.say(END - 2 * MINUTE, "kim", "host:quad9", Maintenance(END, until))
    return cache


def test_what_is_open_and_what_to_watch_is_told(cache):
    found = hand_over(cache, since=BEGIN)
    assert (found.troubles[0].name, found.troubles[0].state) == ("North Korea", "LOST")
    inside = [one for one in found.troubles if one.subject.startswith("host:")]
    assert len(inside) >= 20
    text = as_text(found)
    assert "North Korea is LOST: " in text
    assert "undetermined, nothing was recorded" in text
    assert "acknowledged by nobody" in text
    assert "9 of 9 far controls answer" in text


def test_the_numbers_are_those_of_the_cache(cache):
    found = hand_over(cache, since=LEFT)
    with closing(Reader(cache)) as reader:
        events = {event.id: event for event in reader.events(limit=5_000)}
    assert found.changes
    for one in found.changes:
        assert events[one.event].at == one.at >= LEFT
        assert events[one.event].text == one.text
    flips = [
        event
        for event in events.values()
        if event.at >= LEFT
        and event.hard
        and not event.quiet
        and event.subject.startswith("host:")
        and event.kind in ("transition", "flapping")
    ]
    assert sum(one.count for one in found.hosts) == len(flips)


def test_the_next_person_reads_what_was_said(shift):
    found = hand_over(shift, "lee")
    assert (found.since, found.until) == (LEFT, END)
    text = as_text(found)
    assert "acked by kim" in text
    assert "Claimed by others (observed by nobody here):\n" in text
    assert "State Department (briefing, 2014-12-22 16:10Z): no comment [kim]" in text
    assert "kim: likely (55-80 %)" in text
    assert "the operator does not answer [kim]" in text
    assert "North Korea: acknowledgement by kim runs out" in text
    assert "Quad9: maintenance ends 2014-12-22 17:30Z" in text
    assert "undetermined" not in text
    # The one who stayed has left no mark: eight hours.
    assert hand_over(shift).since == END - 8 * HOUR


def test_why_says_what_people_say_of_the_cause(shift):
    with closing(Reader(shift)) as reader:
        now, before = why(reader, NETWORK), why(reader, NETWORK, LEFT)
    assert before.cause == "undetermined"
    assert now.cause.startswith("not observed")
    assert [text.partition(":")[0] for text in now.said] == ["claimed", "inferred"]
    assert "  claimed: State Department (briefing, 2014-12-22 16:10Z)" in why_text(now, END)


def test_as_of_a_moment_nothing_later_is_in_it(shift):
    at = LEFT + MINUTE
    found = hand_over(shift, "lee", since=BEGIN, at=at)
    assert found.until == at
    assert all(one.at <= at for one in found.changes)
    assert found.acks == found.said == []
    assert all(one.state != "LOST" for one in found.troubles)


def test_json_holds_all_of_it(shift):
    found = hand_over(shift, "lee")
    assert msgspec.json.decode(as_json(found), type=Handover) == found


def test_the_command_writes_it(shift, program):
    done = program.run("handover", "--cache", shift, "--as", "lee")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2014-12-22 16:10Z to 2014-12-22 16:30Z, by lee" in done.stdout
