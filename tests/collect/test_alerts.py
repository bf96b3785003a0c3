"""The rules' decisions: what is told when, how often, and what is not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.collect.alerts import TOGETHER_OVER, Alerts, Decided, Said, Telling, in_quiet
from monitor.collect.alertwords import body, span_text, title
from monitor.records import (
    HOUR,
    MINUTE,
    SECOND,
    AlarmMemory,
    FeedReason,
    FeedRow,
    FeedState,
    HostRow,
    Micros,
    NetworkRow,
    Phase,
    Reason,
    Routed,
    RouteMemory,
    RouteRow,
    State,
    Vantage,
    VantageRow,
)
from monitor.watchlist.model import Alert, Quiet, Watchlist

T0: Micros = 1_419_264_000_000_000  # 2014-12-22 16:00:00Z
HEALTHY = VantageRow("local", Vantage.HEALTHY, total=8)
FAULT = VantageRow("local", Vantage.FAULT, since=T0, answering=1, known=8, total=8)


def at(text: str) -> Micros:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def rule(**said) -> Alert:
    given = {"states": (State.DOWN, State.UNREACHABLE), "to": ("bell",), "together_s": 30.0}
    return Alert("r", **{**given, **said})


def host(name: str, state: State, since: Micros = T0, **said) -> HostRow:
    return HostRow(name, name, state=state, since=since, reason=Reason.TIMEOUT, **said)


def network(phase: Phase, since: Micros = T0) -> NetworkRow:
    return NetworkRow("kp", "North Korea", phase=phase, since=since, inside_total=14)


class Desk:
    """The decisions of some rules, stepped every second."""

    def __init__(self, *rules: Alert, vantage: VantageRow = HEALTHY) -> None:
        self.now = T0
        self.hushed: set[str] = set()
        self.told: list[Telling] = []
        self.rules = rules
        self.begin(Decided())
        self.hear(vantage)

    def begin(self, decided: Decided) -> None:
        self.alerts = Alerts(
            Watchlist("t", alerts=self.rules),
            decided,
            lambda subject, _: subject in self.hushed,
        )

    def hear(self, *rows) -> None:
        self.alerts.hear(rows, self.now)

    def wait(self, seconds: float) -> list[Telling]:
        """Let time pass; what was told in it."""
        before = len(self.told)
        for _ in range(int(seconds)):
            self.now += SECOND
            self.told += self.alerts.step(self.now)
        return self.told[before:]

    def titles(self, seconds: float) -> list[str]:
        return [title(telling) for telling in self.wait(seconds)]


def test_many_hosts_of_one_network_are_one_message_and_one_more_when_over():
    desk = Desk(rule())
    for n in range(14):
        desk.hear(host(f"h{n}", State.DOWN, T0 + n * SECOND, network="kp"))
        desk.wait(1)
    assert desk.titles(60) == [
        "✖ 14 hosts DOWN: h0, h1, h2 and 11 more since 2014-12-22 16:00:00Z"
    ]
    assert desk.wait(HOUR // SECOND) == []
    for n in range(14):
        desk.hear(host(f"h{n}", State.UP, desk.now, network="kp"))
        desk.wait(1)
    (over,) = desk.told[1:]
    assert over.said is Said.OVER
    assert "over: 14 hosts DOWN" in title(over)
    assert "lasted 1 h 1 min" in title(over)
    assert desk.wait(600) == []
    assert desk.alerts.decided.incidents == []


def test_hosts_of_different_causes_are_told_apart():
    desk = Desk(rule())
    desk.hear(host("a", State.DOWN, network="kp"), host("b", State.DOWN, network="jp"))
    assert len(desk.wait(40)) == 2


def test_nothing_is_told_of_what_did_not_last():
    desk = Desk(rule(after_s=120.0))
    desk.hear(host("a", State.DOWN))
    assert desk.wait(110) == []
    desk.hear(host("a", State.UP, desk.now))
    assert desk.wait(600) == []
    desk.hear(host("a", State.DOWN, desk.now))
    assert desk.wait(119) == []
    assert len(desk.wait(40)) == 1


def test_a_phase_that_becomes_worse_is_told_again_and_one_end():
    desk = Desk(rule(states=(), phases=(Phase.PARTIAL, Phase.LOST), together_s=0.0))
    desk.hear(network(Phase.PARTIAL))
    assert desk.titles(5) == ["✖ North Korea PARTIAL since 2014-12-22 16:00:00Z"]
    desk.hear(network(Phase.LOST, T0 + 5 * MINUTE))
    assert desk.titles(5) == ["✖ North Korea LOST since 2014-12-22 16:05:00Z"]
    desk.hear(network(Phase.PARTIAL, T0 + 6 * MINUTE))
    assert desk.wait(5) == []
    desk.hear(network(Phase.RESTORED, T0 + 571 * MINUTE))
    assert desk.titles(5) == ["✔ over: North Korea LOST, lasted 9 h 31 min"]


def test_what_began_before_what_it_ends_ends_it_now():
    desk = Desk(rule(states=(), phases=(Phase.LOST,), together_s=0.0))
    desk.hear(network(Phase.LOST, T0))
    desk.wait(5 * 60)
    desk.hear(network(Phase.UNSTABLE, T0 - 5 * MINUTE))
    assert desk.titles(5) == ["✔ over: North Korea LOST, lasted 5 min"]


def test_a_reminder_comes_at_its_interval_and_says_for_how_long():
    desk = Desk(rule(reminder_s=3600.0, together_s=0.0))
    desk.hear(host("a", State.DOWN))
    desk.wait(5)
    said = desk.wait(2 * 3600 + 10)
    assert [each.said for each in said] == [Said.REMINDER, Said.REMINDER]
    assert title(said[1]) == "✖ still a DOWN, for 2 h"


def test_acknowledged_is_not_told_nor_reminded_of_but_its_end_is():
    desk = Desk(rule(reminder_s=600.0, together_s=0.0))
    desk.hushed.add("host:b")
    desk.hear(host("a", State.DOWN), host("b", State.DOWN))
    assert desk.titles(5) == ["✖ a DOWN since 2014-12-22 16:00:00Z"]
    desk.hushed.add("host:a")
    assert desk.wait(1300) == []
    desk.hushed.remove("host:b")
    assert [each.said for each in desk.wait(5)] == [Said.MORE]
    desk.hear(host("a", State.UP, desk.now), host("b", State.UP, desk.now))
    assert [each.said for each in desk.wait(5)] == [Said.OVER]


def test_nothing_is_told_while_our_own_vantage_is_at_fault():
    desk = Desk(rule(together_s=0.0))
    desk.hear(FAULT, host("a", State.DOWN))
    assert desk.wait(600) == []
    desk.hear(VantageRow("local", Vantage.RECHECK, total=8))
    assert desk.wait(60) == []
    desk.hear(HEALTHY)
    assert len(desk.wait(5)) == 1
    desk.hear(FAULT, host("a", State.UNKNOWN, desk.now))
    desk.wait(600)
    desk.hear(HEALTHY, host("a", State.DOWN, T0))
    assert desk.wait(600) == []
    desk.hear(host("a", State.UP, desk.now))
    assert len(desk.wait(5)) == 1


def test_without_controls_there_is_nothing_to_wait_for():
    desk = Desk(rule(together_s=0.0), vantage=VantageRow("local"))
    desk.hear(host("a", State.DOWN))
    assert len(desk.wait(2)) == 1


def test_our_own_fault_is_told_of_while_it_lasts():
    desk = Desk(rule(states=(), own=True, together_s=10.0))
    desk.hear(FAULT)
    assert desk.titles(15) == ["✖ own vantage FAULT since 2014-12-22 16:00:00Z"]
    desk.hear(VantageRow("local", Vantage.RECHECK, T0 + 10 * MINUTE, total=8))
    assert desk.titles(5) == ["✔ over: own vantage FAULT, lasted 10 min"]


def test_flapping_and_unknown_neither_begin_nor_end_anything():
    desk = Desk(rule(together_s=0.0))
    desk.hear(host("a", State.DOWN, flapping=True), host("b", State.UNKNOWN))
    assert desk.wait(60) == []
    desk.hear(host("a", State.DOWN))
    assert len(desk.wait(2)) == 1
    for state in (State.UP, State.DOWN, State.UP):
        desk.hear(host("a", state, desk.now, flapping=True))
        assert desk.wait(60) == []
    desk.hear(host("a", State.UP, desk.now))
    assert len(desk.wait(2)) == 1


def test_some_of_many_that_are_well_are_told_of_after_a_while():
    desk = Desk(rule(together_s=0.0))
    desk.hear(*(host(f"h{n}", State.DOWN, network="kp") for n in range(3)))
    desk.wait(2)
    desk.hear(host("h0", State.UP, desk.now, network="kp"))
    assert desk.wait(250) == []
    (over,) = desk.wait(60)
    assert "1 of 3 still" not in title(over)
    assert "2 of 3 still" in title(over)
    desk.hear(host("h1", State.UP, desk.now, network="kp"))
    desk.hear(host("h1", State.DOWN, desk.now, network="kp"))
    assert desk.wait(400) == []


def test_quiet_hours_hold_back_and_what_still_is_comes_after_them():
    desk = Desk(rule(quiet=Quiet(1 * 60, 2 * 60, "Asia/Seoul"), together_s=0.0))  # 16-17 UTC
    desk.hear(host("a", State.DOWN), host("b", State.DOWN))
    assert desk.wait(1800) == []
    desk.hear(host("b", State.UP, desk.now))
    assert desk.wait(1790) == []
    assert desk.titles(15) == ["✖ a DOWN since 2014-12-22 16:00:00Z"]


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        ("2024-03-31T00:30", False),  # 01:30 before the clocks go forward
        ("2024-03-31T01:10", True),  # 03:10 summer time
        ("2024-10-27T00:10", False),  # 02:10 summer time
        ("2024-10-27T02:10", True),  # 03:10 winter time
        ("2024-10-27T03:10", False),
    ],
)
def test_quiet_hours_follow_the_clock_on_the_wall(moment: str, quiet: bool):
    assert in_quiet(Quiet(3 * 60, 4 * 60, "Europe/Berlin"), at(moment)) is quiet


def test_quiet_hours_run_over_midnight():
    night = Quiet(22 * 60, 7 * 60, "UTC")
    assert [in_quiet(night, T0 + n * HOUR) for n in (5, 6, 14, 15)] == [
        False,
        True,
        True,
        False,
    ]


def test_only_what_a_rule_names_is_told():
    desk = Desk(
        rule(hosts=("ns*",), together_s=0.0),
        Alert("n", states=(State.DOWN,), networks=("kp",), to=("bell",), together_s=0.0),
        Alert("f", states=(State.DOWN,), affiliations=("k?",), to=("bell",), together_s=0.0),
    )
    desk.hear(host("ns1", State.DOWN), host("www", State.DOWN))
    assert [each.rule.id for each in desk.wait(2)] == ["r"]
    desk.hear(host("x", State.DOWN, network="kp"), host("far", State.DOWN, role="control"))
    assert [each.rule.id for each in desk.wait(2)] == ["n"]
    desk.hear(host("y", State.DOWN, affiliation="kp"), host("z", State.DEGRADED))
    assert [each.rule.id for each in desk.wait(2)] == ["n", "f"]


def routes(**said) -> RouteRow:
    given = {"state": Routed.VISIBLE, "feed": FeedState.LIVE, "peers": 300}
    return RouteRow("192.0.2.0/24", "kp", since=T0, **{**given, **said})


def test_routes_and_their_alarms_are_told_when_confirmed():
    words = ("withdrawn", "origin", "disagrees", "unstable")
    desk = Desk(rule(states=(), routes=words, together_s=0.0))
    desk.hear(routes(soft=Routed.WITHDRAWN))
    assert desk.wait(2) == []
    odd = RouteMemory(alarms={"origin 192.0.2.0/25 64500": AlarmMemory(T0, 9)})
    desk.hear(routes(memory=odd))
    assert desk.wait(2) == []
    odd.alarms["origin 192.0.2.0/25 64500"].hard = True
    desk.hear(routes(memory=odd, state=Routed.WITHDRAWN))
    assert desk.titles(2) == ["✖ 192.0.2.0/24 withdrawn and 1 more since 2014-12-22 16:00:00Z"]
    desk.hear(routes(feed=FeedState.STALE, memory=RouteMemory()))
    assert desk.wait(2) == []
    desk.hear(routes(memory=RouteMemory()))
    (over,) = desk.wait(2)
    assert "192.0.2.0/25 by AS64500: was origin" in body(over)


def test_a_feed_that_fails_is_told():
    desk = Desk(rule(states=(), feeds=True, together_s=0.0))
    desk.hear(FeedRow("ris-live", FeedState.ERROR, FeedReason.REFUSED, since=T0))
    (said,) = desk.wait(2)
    assert "connection refused" in body(said)
    desk.hear(FeedRow("ris-live", FeedState.LIVE, since=desk.now))
    assert [each.said for each in desk.wait(2)] == [Said.OVER]


def test_without_recovery_the_end_is_not_told():
    desk = Desk(rule(recovery=False, together_s=0.0))
    desk.hear(host("a", State.DOWN))
    assert len(desk.wait(2)) == 1
    desk.hear(host("a", State.UP, desk.now))
    assert desk.wait(600) == []


def test_a_restart_tells_nothing_twice_and_forgets_nothing():
    desk = Desk(rule(together_s=0.0, after_s=60.0))
    desk.hear(host("a", State.DOWN))
    assert len(desk.wait(61)) == 1
    desk.hear(host("b", State.DOWN, desk.now, network="jp"))
    desk.begin(desk.alerts.decided)
    assert desk.wait(30) == []  # nothing is known of our own vantage yet
    desk.hear(HEALTHY, host("a", State.DOWN), host("b", State.DOWN, desk.now, network="jp"))
    assert [each.incident.open[0].key for each in desk.wait(70)] == ["host:b"]
    desk.hear(host("a", State.UP, desk.now))
    assert [each.said for each in desk.wait(2)] == [Said.OVER]


def test_a_host_that_leaves_the_watchlist_or_the_rule_is_forgotten():
    desk = Desk(rule(together_s=0.0, networks=("kp",)))
    desk.hear(host("a", State.DOWN, network="kp"), host("b", State.DOWN, network="kp"))
    desk.wait(2)
    desk.hear(host("a", State.DOWN, network="kp", removed=True))
    desk.hear(host("b", State.DOWN, network="jp"))
    assert desk.wait(600) == []
    assert desk.alerts.decided.incidents == []


def test_the_same_rows_tell_the_same():
    def run() -> list[str]:
        desk = Desk(rule(), rule(states=(), phases=(Phase.LOST,)))
        desk.hear(host("a", State.DOWN), network(Phase.LOST))
        desk.wait(100)
        desk.hear(host("a", State.UP, desk.now), network(Phase.STABLE, desk.now))
        desk.wait(400)
        return [f"{each.id} {title(each)}\n{body(each)}" for each in desk.told]

    assert run() == run()


def test_what_is_made_up_says_so_in_every_message():
    desk = Desk(rule(together_s=0.0))
    desk.hear(host("a", State.DOWN))
    (said,) = desk.wait(2)
    assert body(said, "dprk-2014").startswith("DRILL, SYNTHETIC DATA (dprk-2014)")
    assert "no answer" in body(said)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (45 * SECOND, "45 s"),
        (400 * SECOND, "6 min 40 s"),
        (571 * MINUTE, "9 h 31 min"),
        (51 * HOUR, "2 d 3 h"),
        (0, "0 s"),
    ],
)
def test_spans_in_words(span: Micros, text: str):
    assert span_text(span) == text


_TURNS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "own"]),
        st.sampled_from([State.UP, State.DOWN, State.UNREACHABLE, State.UNKNOWN]),
        st.integers(0, 90),
    ),
    max_size=25,
)


@settings(max_examples=20)
@given(_TURNS, st.sampled_from([0.0, 40.0]), st.sampled_from([0.0, 600.0]))
def test_every_incident_begins_once_and_is_over_once(turns, after: float, reminder: float):
    desk = Desk(rule(after_s=after, reminder_s=reminder, together_s=10.0))
    for name, state, seconds in turns:
        if name == "own":
            desk.hear(FAULT if state is State.DOWN else HEALTHY)
        else:
            desk.hear(host(name, state, desk.now, network="kp"))
        told = desk.wait(seconds)
        assert desk.alerts.trusted or not told
    desk.hear(HEALTHY, *(host(name, State.UP, desk.now, network="kp") for name in "abc"))
    desk.wait(TOGETHER_OVER // SECOND + 60)
    assert desk.alerts.decided.incidents == []
    by_incident: dict[str, list[Said]] = {}
    for telling in desk.told:
        by_incident.setdefault(telling.incident.id, []).append(telling.said)
        assert title(telling)
        assert body(telling)
    for said in by_incident.values():
        assert said[0] is Said.BEGUN
        assert said.count(Said.BEGUN) == 1
        assert said[-1] is Said.OVER
    assert len({telling.id for telling in desk.told}) == len(desk.told)
