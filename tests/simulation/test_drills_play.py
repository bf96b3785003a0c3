"""Whole drills through the collector, judge and cache, in virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.assess.rules import RULES
from monitor.cache.digest import content_hash
from monitor.records import MINUTE, SECOND, Event, EventKind, Micros, Phase, State
from monitor.simulation.debrief import debrief
from monitor.simulation.drills import load_drill
from tests.simulation.play import play, play_fast
from tests.simulation.samples import at

pytestmark = pytest.mark.long

NETWORK = "network:north-korea"
ROUND = RULES.network_round
# A look takes its time, and what is inside is asked within half a minute of a change.
SAMPLING = 60 * SECOND


def phases(events: list[Event]) -> list[tuple[Micros, str]]:
    return [
        (event.at, event.new)
        for event in events
        if event.subject == NETWORK and event.kind is EventKind.TRANSITION
    ]


def test_own_link_whatever_is_wrong_with_us_no_host_is_called_down(tmp_path: Path) -> None:
    drill = load_drill("own-link")
    events = play_fast(drill, tmp_path / "drill.db")
    lost = at("2024-03-04T12:00:00Z")
    alarms = [
        event
        for event in events
        if event.subject.startswith("host:")
        and event.new in (State.DOWN, State.UNREACHABLE)
        and not event.quiet
    ]
    assert alarms
    assert all(event.at > lost for event in alarms)
    assert debrief(events, drill.truth).false_alarms == ()
    said = phases(events)
    assert Phase.LOST not in [phase for when, phase in said if when < lost]
    told = next(when for when, phase in said if phase == Phase.LOST)
    assert told <= lost + RULES.lost_for + 2 * ROUND


def test_2014_the_loss_is_said_in_time_and_so_is_the_return(tmp_path: Path) -> None:
    since, until = at("2014-12-22T13:00:00Z"), at("2014-12-23T02:30:00Z")
    events = play_fast(load_drill("dprk-2014"), tmp_path / "drill.db", since, until)
    lost, back = at("2014-12-22T16:15:00Z"), at("2014-12-23T01:46:00Z")
    said = phases(events)
    before = [phase for when, phase in said if when < lost]
    assert before[-1] in (Phase.UNSTABLE, Phase.LOST)
    while_gone = [(when, phase) for when, phase in said if lost <= when < back]
    fallen = next(when for when, phase in while_gone if phase == Phase.LOST)
    assert fallen <= lost + RULES.lost_for + 2 * ROUND
    assert while_gone[-1][1] == Phase.LOST
    restored = next(when for when, phase in said if when >= back and phase != Phase.LOST)
    assert restored <= back + 3 * ROUND + SAMPLING
    assert next(phase for when, phase in said if when >= back) == Phase.RESTORED
    outside = [
        event
        for event in events
        if event.subject in ("host:kcna-jp", "host:chosonsinbo", "host:ryomyong")
        and event.at >= lost
        and event.kind is EventKind.TRANSITION
        and event.hard
    ]
    assert not [event for event in outside if event.new in (State.DOWN, State.UNREACHABLE)]


def test_a_drill_played_twice_gives_the_same_cache(tmp_path: Path) -> None:
    drill = load_drill("dprk-2014")
    since = at("2014-12-22T16:10:00Z")
    until = since + 15 * MINUTE
    told = [play(drill, tmp_path / name, since, until) for name in ("one.db", "two.db")]
    assert content_hash(tmp_path / "one.db") == content_hash(tmp_path / "two.db")
    # Ids are given by the batch, and batches end at other moments without a loop.
    fast = play_fast(drill, tmp_path / "fast.db", since, until)
    assert sorted(map(_said, fast)) == sorted(map(_said, told[0]))


def _said(event: Event) -> tuple[Micros, str, str]:
    return event.at, event.subject, event.text
