from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from monitor.assess.explain import explain
from monitor.assess.picture import Count, Picture
from monitor.assess.words import RULE_TEXTS, rules_row
from monitor.cache.reader import Reader
from monitor.cache.writer import Writer
from monitor.records import (
    HOUR,
    MINUTE,
    SECOND,
    CheckRow,
    CollectorRow,
    Event,
    EventKind,
    FeedReason,
    FeedRow,
    FeedState,
    Hosting,
    HostRow,
    Kind,
    NetworkRow,
    Observation,
    Outcome,
    Phase,
    Reason,
    Routed,
    RouteRow,
    Row,
    State,
    Vantage,
    VantageRow,
    WitnessRow,
    WitnessSign,
    subject_of,
)
from monitor.report.why import UnknownSubject, as_json, as_text, observation_line, why

T0 = 1_419_264_900 * SECOND  # 2014-12-22 16:15:00Z
NOW = T0 + 7 * MINUTE

SILENT = Observation(
    "ns1/icmp", T0, Outcome.FAIL, Reason.TIMEOUT, sent=5, received=0, said_by="203.0.113.1"
)
PICTURE = Picture(
    at=NOW,
    phase=Phase.LOST,
    inside_known=14,
    outside=Count(5, 5),
    began=T0,
    silent_at=T0,
    vantage=Vantage.HEALTHY,
    unstable_min=1_440.0,
)
HOST = HostRow(
    "ns1",
    "Name server",
    state=State.DOWN,
    since=T0,
    why="icmp: no answer",
    checks=("ns1/icmp", "ns1/trace", "ns1/gone"),
)
ROWS: tuple[Row, ...] = (
    HOST,
    CheckRow("ns1/icmp", "ns1", Kind.ICMP, state=State.DOWN, since=T0, last=SILENT),
    CheckRow("ns1/trace", "ns1", Kind.TRACE, soft=State.DOWN),
    NetworkRow(
        "nk",
        "North Korea",
        phase=Phase.LOST,
        since=T0,
        why="0 of 14 inside answer",
        fate="all 9 lost hosts lie behind AS4837→AS131279; 2 hosts behind AS20485 answer",
        explanations=tuple(explain(PICTURE)),
    ),
    VantageRow("local", Vantage.HEALTHY, T0 - HOUR, why="8 of 8 far controls answer"),
    CollectorRow(pid=7, beat=NOW - SECOND),
    rules_row(),
)


def turn(at: int, subject: str, old: str, new: str, rule: str = "hard", **more) -> Event:
    more.setdefault("kind", EventKind.TRANSITION)
    more.setdefault("since", at)
    return Event(
        at=at, subject=subject, text="icmp: no answer", old=old, new=new, rule=rule, **more
    )


EVENTS = [
    turn(T0 - 9 * HOUR, "host:ns1", State.UNKNOWN, State.UP, "first-look", quiet=True),
    turn(
        T0 - 8 * HOUR, "vantage:local", "UNKNOWN", "HEALTHY", "vantage", kind=EventKind.VANTAGE
    ),
    turn(
        T0 - 2 * HOUR,
        "vantage:local",
        "",
        "",
        "gap",
        kind=EventKind.GAP,
        since=T0 - 3 * HOUR,
        until=T0 - 2 * HOUR,
    ),
    turn(T0 + 1, "host:ns1", State.UP, State.DOWN, "soft", hard=False),
    turn(T0 + 45 * SECOND, "host:ns1", State.UP, State.DOWN, since=T0, evidence=(SILENT,)),
    turn(T0 + 45 * SECOND, "check:ns1/icmp", State.UP, State.DOWN, evidence=(SILENT,)),
    turn(T0 + 5 * MINUTE, "network:nk", Phase.UNSTABLE, Phase.LOST, "lost", since=T0),
]


def filled(path: Path, events: list[Event], rows: tuple[Row, ...]) -> Reader:
    writer = Writer(path)
    writer.commit([], events, {subject_of(row): row for row in rows})
    writer.close()
    return Reader(path)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    found = filled(tmp_path / "cache.db", EVENTS, ROWS)
    yield found
    found.close()


def test_a_host_says_its_rule_its_evidence_and_what_would_change_it(reader):
    text = as_text(why(reader, "host:ns1"), NOW)
    assert text.startswith(
        "Name server (host:ns1) is DOWN since 2014-12-22 16:15:00Z, for 7 min 0 s"
    )
    assert "2014-12-22 16:15:45Z  UP → DOWN: icmp: no answer" in text
    assert f"rule hard: {RULE_TEXTS['hard']}" in text
    assert (
        "  2014-12-22 16:15:00Z  ns1/icmp  fails: no answer, 0 of 5 answered, "
        "said by 203.0.113.1" in text
    )
    assert "what would change it: 2 good results in a row" in text
    assert "  UNKNOWN: ns1/trace has not run yet" in text
    assert "cause" not in text


def test_a_network_lists_its_explanations_and_decides_nothing(reader):
    text = as_text(why(reader, "network:nk"), NOW)
    assert "cause: undetermined" in text
    assert "shared by what fails: all 9 lost hosts lie behind AS4837→AS131279" in text
    assert "   1. overload or DDoS\n        + hours of instability, then loss" in text
    cable = text[text.index("cable cut") :].splitlines()
    assert "        - hours of instability, then loss" in cable[:5]
    assert "        ? all prefixes are withdrawn" in cable[:8]
    assert "463 stayed unknown" in text
    assert f"rule lost: {RULE_TEXTS['lost']}" in text


@pytest.mark.parametrize(
    ("subject", "full", "state"),
    [
        ("ns1", "host:ns1", "DOWN"),
        ("nk", "network:nk", "LOST"),
        ("ns1/icmp", "check:ns1/icmp", "DOWN"),
        ("check:ns1/icmp", "check:ns1/icmp", "DOWN"),
        ("vantage:local", "vantage:local", "HEALTHY"),
        ("local", "vantage:local", "HEALTHY"),
    ],
)
def test_a_subject_may_be_given_bare(reader, subject, full, state):
    found = why(reader, subject)
    assert (found.subject, found.state) == (full, state)
    assert found.turn is not None
    assert found.turn.new == state
    assert found.rule
    assert found.next


@pytest.mark.parametrize(
    "subject", ["", "nobody", "host:nobody", "host:", "rules", "collector"]
)
def test_nobody_knows_is_said(reader, subject):
    with pytest.raises(UnknownSubject, match="knows no"):
        why(reader, subject)


def test_a_hostile_subject_is_made_harmless(reader):
    with pytest.raises(UnknownSubject) as caught:
        why(reader, "\x1b[31mred")
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("at", "state", "since"),
    [
        (T0 + 45 * SECOND, "DOWN", T0),
        (T0 + 44 * SECOND, "UP", T0 - 9 * HOUR),
        (T0 - 10 * HOUR, "UNKNOWN", 0),
    ],
)
def test_as_of_a_moment_nothing_later_leaks_in(reader, at, state, since):
    found = why(reader, "ns1", at)
    assert (found.state, found.since, found.at) == (state, since, at)
    assert found.parts == []
    assert f"was {state}" in as_text(found, NOW)


def test_of_a_moment_in_a_gap_nothing_is_known(reader):
    found = why(reader, "ns1", T0 - 150 * MINUTE)
    assert "2014-12-22 13:15:00Z to 2014-12-22 14:15:00Z" in found.gap
    assert "nothing is known of that moment" in as_text(found, NOW)
    assert why(reader, "ns1", T0 - 2 * HOUR).gap == ""
    assert why(reader, "ns1", T0 - 4 * HOUR).gap == ""


def test_a_network_of_the_past_keeps_its_cause_open_and_lists_nothing_of_now(reader):
    found = why(reader, "nk", T0 + 6 * MINUTE)
    assert (found.cause, found.explanations, found.fate) == ("undetermined", (), "")


def test_a_silent_collector_is_said(reader):
    assert "no collector" not in as_text(why(reader, "ns1"), NOW)
    late = as_text(why(reader, "ns1"), NOW + HOUR)
    assert "no collector has written since 2014-12-22 16:21:59Z" in late


def test_json_says_the_same(reader):
    whole = msgspec.json.decode(as_json(why(reader, "nk")))
    assert whole["schema"] == 1
    assert whole["cause"] == "undetermined"
    assert whole["state"] == "LOST"
    assert whole["explanations"][0]["title"] == "overload or DDoS"
    assert whole["turn"]["rule"] == "lost"
    assert whole["gap"] == ""


def test_a_change_far_back_is_found_behind_many_pages(tmp_path):
    many = [turn(T0 + n, "host:ns1", State.UP, State.DOWN) for n in range(450)]
    reader = filled(tmp_path / "cache.db", many, (HOST,))
    assert why(reader, "ns1", T0 + 3).since == T0 + 3
    reader.close()


def test_without_the_rules_row_the_rule_is_named_all_the_same(tmp_path):
    reader = filled(tmp_path / "cache.db", EVENTS[-3:], (HOST,))
    found = why(reader, "ns1")
    assert (found.rule, found.next) == ("", "")
    assert "rule hard: its words are not in this cache" in as_text(found, NOW)
    reader.close()


def test_a_state_without_a_remembered_change_says_so(tmp_path):
    reader = filled(tmp_path / "cache.db", [], (HOST,))
    assert "no change into this state is remembered" in as_text(why(reader, "ns1"), NOW)
    reader.close()


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (Observation("a/icmp", T0, Outcome.OK, rtt_ms=41.26), "answers, 41.3 ms"),
        (
            Observation("a/icmp", T0, Outcome.WARN, Reason.LOSS, sent=5, received=4),
            "answers, with a warning: packet loss, 4 of 5 answered",
        ),
        (
            Observation("a/dns", T0, Outcome.ERROR, Reason.NO_ROUTE, vantage="seoul"),
            "could not look: no route from here, seen from seoul",
        ),
        (
            Observation("a/http", T0, Outcome.SKIPPED, Reason.SHED, note="busy", stalled=True),
            "not run: skipped: too much in flight, busy, while our own program stood still",
        ),
    ],
)
def test_an_observation_in_one_line(seen, said):
    assert observation_line(seen) == f"2014-12-22 16:15:00Z  {seen.check}  {said}"


def test_a_prefix_and_a_feed_say_why(tmp_path):
    prefix = "175.45.176.0/24"
    route = RouteRow(
        prefix,
        "nk",
        Routed.WITHDRAWN,
        since=T0,
        seen=1,
        peers=312,
        upstreams={4837: 1},
        why="1 of 312 peers",
        feed=FeedState.LIVE,
    )
    feed = FeedRow("ris-live", FeedState.STALE, since=T0, why="silent")
    gone = ("network:nk", "visible", "withdrawn", "route-confirmed")
    told = [
        Event(T0 + at, EventKind.ROUTE, subject, text, old, new, rule=rule, since=since)
        for at, text, since, (subject, old, new, rule) in (
            (-HOUR, "older", T0 - HOUR, gone),
            (HOUR, "4 of 4 gone", T0, gone),
            (HOUR, "feed stale: silent", T0, ("feed:ris-live", "live", "stale", "feed")),
        )
    ]
    reader = filled(tmp_path / "cache.db", told, (*ROWS, route, feed))
    found = why(reader, prefix)
    assert (found.subject, found.state, found.since) == (f"route:{prefix}", "withdrawn", T0)
    assert found.text == "1 of 312 peers; entered by AS4837 for 1"
    assert found.turn is not None
    assert found.turn.text == "4 of 4 gone"
    assert found.rule == RULE_TEXTS["route-confirmed"]
    found = why(reader, "feed:ris-live")
    assert (found.state, found.text) == ("stale", "silent")
    assert found.turn is not None
    assert found.rule == RULE_TEXTS["feed"]
    text = as_text(why(reader, f"route:{prefix}"), NOW)
    assert "route:175.45.176.0/24) is withdrawn since" in text
    reader.close()


def test_a_prefix_and_a_feed_of_the_past_say_why(tmp_path):
    def route(state, since, seen):
        return RouteRow("192.0.2.0/24", "nk", state, since=since, seen=seen, peers=300)

    def told(at, old, new):
        text = f"{old} to {new}"
        of = ("network:nk", text, old, new)
        return Event(at, EventKind.ROUTE, *of, rule="route-confirmed", since=at)

    writer = Writer(tmp_path / "cache.db")
    turns = (
        (T0, route(Routed.VISIBLE, T0, 300), []),
        (T0 + HOUR, route(Routed.WITHDRAWN, T0 + HOUR, 0), [("visible", "withdrawn")]),
        (T0 + 2 * HOUR, route(Routed.VISIBLE, T0 + 2 * HOUR, 9), [("withdrawn", "visible")]),
    )
    for at, row, words in turns:
        feed = FeedRow("ris-live", FeedState.STALE if words else FeedState.LIVE, since=at)
        rows = {subject_of(each): each for each in (row, feed, NetworkRow("nk", "NK"))}
        writer.commit([], [told(at, *pair) for pair in words], rows, at)
    writer.close()
    with closing(Reader(tmp_path / "cache.db")) as reader:
        at = T0 + 90 * MINUTE
        found = why(reader, "route:192.0.2.0/24", at)
        assert (found.state, found.since, found.at) == ("withdrawn", T0 + HOUR, at)
        assert found.turn is not None
        assert found.turn.text == "visible to withdrawn"
        assert "0 of 300 peers" in found.text
        assert "was withdrawn since" in as_text(found, NOW)
        assert why(reader, "route:192.0.2.0/24", T0 + MINUTE).state == "visible"
        assert why(reader, "feed:ris-live", T0 + MINUTE).state == "live"
        assert why(reader, "route:192.0.2.0/24", T0 - HOUR).state == "UNKNOWN"


def test_a_network_says_what_the_witness_says_or_that_nobody_asked(tmp_path):
    reader = filled(tmp_path / "none.db", EVENTS, ROWS)
    found = why(reader, "nk")
    assert found.witness == ["IODA: not asked"]
    assert "IODA" not in as_text(why(reader, "ns1"), NOW)
    reader.close()
    witness = WitnessRow(
        "nk",
        FeedState.LIVE,
        signs=(
            WitnessSign("bgp", "AS131279", FeedState.LIVE, value=0.0, usual=4.0, at=T0),
            WitnessSign("ping-slash24", "KP", reason=FeedReason.NO_DATA),
        ),
    )
    reader = filled(tmp_path / "some.db", EVENTS, (*ROWS, witness))
    told = as_text(why(reader, "nk"), NOW)
    assert "IODA, an independent witness; it moves nothing here:" in told
    assert "IODA bgp AS131279: 0 /24 blocks routed, usually 4, as of " in told
    assert "IODA ping-slash24 KP: no data: it answers, and has no data of this" in told
    assert why(reader, "nk").state == Phase.LOST
    reader.close()


def test_a_host_says_where_it_is_and_what_that_is_called(tmp_path):
    named = msgspec.structs.replace(HOST, hosting=Hosting("175.45.176.15", name="ns1.kptc.kp"))
    reader = filled(tmp_path / "cache.db", EVENTS, (named, *ROWS[1:]))
    said = as_text(why(reader, "ns1"), NOW).splitlines()
    assert "  at 175.45.176.15, called ns1.kptc.kp by reverse DNS (not confirmed)" in said
    reader.close()
    reader = filled(tmp_path / "bare.db", EVENTS, ROWS)
    assert why(reader, "ns1").address == ""
    reader.close()
