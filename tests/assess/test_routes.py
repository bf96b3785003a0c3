"""The judge of routes: levels, probation, flapping, alarms, disagreement, missing data."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.assess.routes import RouteJudge, RouteTally, level_of
from monitor.records import (
    MINUTE,
    SECOND,
    AlarmKind,
    Disagreement,
    FeedReason,
    FeedRow,
    FeedState,
    RouteAlarm,
    Routed,
    RouteRow,
    RouteSight,
    RouteTable,
    decode_row,
    encode,
    subject_of,
)
from monitor.watchlist.model import Network

T0 = 1_419_264_000 * SECOND
PREFIXES = tuple(f"175.45.{n}.0/24" for n in range(176, 180))
NETWORK = Network(
    "kp", "North Korea", prefixes=PREFIXES, origin_asns=(131279,), upstream_asns=(4837,)
)
PEERS = 300


class Desk:
    """A judge, and time in seconds from T0."""

    def __init__(self, rows=None) -> None:
        self.judge = RouteJudge([NETWORK], rows)
        self.now = T0
        self.alarms: tuple[RouteAlarm, ...] = ()
        self.reached = None
        self.told: list = []

    def at(self, seconds, *seen, feed=FeedState.LIVE, reason=FeedReason.NONE, peers=PEERS):
        """Step with ``seen`` peers a prefix (the last for all that follow); its events."""
        self.now = T0 + int(seconds * SECOND)
        sights = ()
        if feed is FeedState.LIVE:
            each = (*seen, *(seen[-1:] * 4))[:4]
            sights = tuple(
                RouteSight(prefix, "kp", n, peers, {131279: n}, {4837: n}, self.now)
                for prefix, n in zip(PREFIXES, each, strict=True)
            )
        table = RouteTable(self.now, feed, reason, sights, self.alarms)
        events = self.judge.step(self.now, table, self.reached)
        self.told += events
        return events

    def states(self):
        return [row.state for row in self.judge.rows.values()]


def rules(events):
    return [(event.rule, event.old, event.new, event.hard) for event in events]


def settled(seen=PEERS) -> Desk:
    desk = Desk()
    desk.at(0, seen)
    desk.told.clear()
    return desk


def test_levels():
    assert [level_of(n, 100) for n in (51, 50, 10, 9, 0)] == [
        Routed.VISIBLE, Routed.PARTIAL, Routed.PARTIAL, Routed.WITHDRAWN, Routed.WITHDRAWN,
    ]  # fmt: skip
    assert level_of(2, 2) is Routed.UNKNOWN


def test_what_is_visible_at_first_is_no_news():
    desk = Desk()
    (event,) = desk.at(0, PEERS)
    assert event.quiet
    assert event.rule == "first-look"
    assert event.text == ("4 of 4 prefixes visible: 300 of 300 peers; " + ", ".join(PREFIXES))
    assert desk.at(10, PEERS) == []
    assert desk.judge.tally("kp") == RouteTally(visible=4)
    row = desk.judge.rows[PREFIXES[0]]
    assert (row.seen, row.peers, row.upstreams, row.feed) == (300, 300, {4837: 300}, "live")


def test_withdrawn_is_provisional_at_once_and_confirmed_after_six_minutes():
    desk = settled()
    (event,) = desk.at(10, 0)
    assert rules([event]) == [("route-provisional", "visible", "withdrawn", False)]
    assert event.subject == "network:kp"
    assert "4 of 4 prefixes withdrawn: 0 of 300 peers" in event.text
    assert event.text.endswith("provisional for 6 min")
    assert desk.states() == [Routed.VISIBLE] * 4
    assert desk.judge.tally("kp") == RouteTally(withdrawn=4, provisional=4)
    assert desk.at(369, 5) == []
    (event,) = desk.at(370, 5)
    assert rules([event]) == [("route-confirmed", "visible", "withdrawn", True)]
    assert event.since == T0 + 10 * SECOND
    assert desk.states() == [Routed.WITHDRAWN] * 4
    assert desk.judge.tally("kp") == RouteTally(withdrawn=4)


def test_prefixes_that_go_one_after_the_other_are_counted():
    desk = settled()
    (first,) = desk.at(10, 0, PEERS)
    (second,) = desk.at(14, 0, 0, 0, 0)
    assert first.text.startswith("1 of 4 prefixes withdrawn: 0 of 300 peers; 175.45.176.0/24;")
    assert second.text.startswith("4 of 4 prefixes withdrawn")
    (partly,) = desk.at(20, 0, 0, 100, 40)
    assert partly.text.startswith("2 of 4 prefixes only partly visible: 40-100 of 300 peers")


def test_back_before_it_was_confirmed():
    desk = settled()
    desk.at(10, 0)
    (event,) = desk.at(200, PEERS)
    assert rules([event]) == [("route-back", "withdrawn", "visible", False)]
    assert event.text.endswith("withdrawn was not confirmed")
    assert desk.at(400, PEERS) == []
    assert desk.judge.rows[PREFIXES[0]].since == T0


def test_withdrawn_at_the_first_look_is_told():
    desk = Desk()
    assert rules(desk.at(0, 0)) == [("route-provisional", "unknown", "withdrawn", False)]
    assert rules(desk.at(360, 0)) == [("route-confirmed", "unknown", "withdrawn", True)]


def test_a_first_look_at_half_of_it_is_put_right():
    desk = Desk()
    desk.at(0, 0)
    (event,) = desk.at(30, PEERS)
    assert rules([event]) == [("route-back", "withdrawn", "visible", False)]
    assert desk.states() == [Routed.VISIBLE] * 4
    assert desk.at(400, PEERS) == []


def test_three_crossings_within_the_hour_are_unstable_until_they_are_old():
    desk = settled()
    desk.at(600, 0)
    desk.at(1200, PEERS)
    events = desk.at(1800, 0)
    assert rules(events)[0] == ("route-unstable", "visible", "unstable", True)
    assert events[0].text.startswith("routes unstable: 3 crossings in 60 min")
    assert events[1].quiet
    assert desk.judge.rows[PREFIXES[0]].unstable
    # What has lasted is news all the same; what is provisional is not.
    assert all(event.quiet == (not event.hard) for event in desk.at(2200, 0))
    (event,) = desk.at(4200, 0)
    assert rules([event]) == [("route-calm", "visible", "withdrawn", True)]
    assert event.text.endswith("calm again, visible before")
    assert not desk.judge.rows[PREFIXES[0]].unstable


def test_partial_and_withdrawn_are_the_same_side_of_the_line():
    desk = settled()
    for turn in range(10):
        desk.at(60 * (turn + 1), 100 if turn % 2 else 0)
    assert not any(event.rule == "route-unstable" for event in desk.told)


def test_no_data_is_not_zero():
    desk = settled()
    assert desk.at(10, feed=FeedState.STALE, reason=FeedReason.SILENT) == []
    row = desk.judge.rows[PREFIXES[0]]
    assert (row.state, row.feed, row.seen) == (Routed.VISIBLE, FeedState.STALE, 300)
    assert row.why.startswith("silent")
    (event,) = desk.at(180, feed=FeedState.ERROR, reason=FeedReason.REFUSED)
    assert rules([event]) == [("route-no-data", "visible", "unknown", True)]
    assert event.quiet
    assert "connection refused" in event.text
    assert desk.judge.tally("kp") == RouteTally(unknown=4)
    assert desk.at(600, feed=FeedState.ERROR, reason=FeedReason.REFUSED) == []
    (event,) = desk.at(700, PEERS)
    assert (event.rule, event.quiet) == ("as-before", True)
    assert desk.judge.rows[PREFIXES[0]].since == T0


def test_after_a_gap_a_change_is_told_against_what_was_before():
    desk = settled()
    desk.at(200, feed=FeedState.STALE, reason=FeedReason.CLOSED)
    assert rules(desk.at(300, 0)) == [("route-provisional", "visible", "withdrawn", False)]
    assert rules(desk.at(660, 0)) == [("route-confirmed", "visible", "withdrawn", True)]
    other = settled()
    other.at(200, feed=FeedState.STALE, reason=FeedReason.CLOSED)
    other.at(300, 0)
    assert rules(other.at(310, PEERS)) == [("route-back", "withdrawn", "visible", False)]
    assert other.states() == [Routed.VISIBLE] * 4


def test_a_reconnect_does_not_restart_probation_and_a_long_gap_does():
    desk = settled()
    desk.at(10, 0)
    desk.at(100, feed=FeedState.STALE, reason=FeedReason.CLOSED)
    assert rules(desk.at(370, 0))[0][0] == "route-confirmed"
    desk = settled()
    desk.at(10, 0)
    desk.at(250, feed=FeedState.STALE, reason=FeedReason.CLOSED)
    assert rules(desk.at(371, 0))[0][0] == "route-provisional"


def test_too_few_peers_say_nothing():
    desk = Desk()
    assert desk.at(0, 1, peers=2) == []
    assert desk.states() == [Routed.UNKNOWN] * 4
    assert desk.judge.rows[PREFIXES[0]].why == "1 of 2 peers: too few to say"


def alarm(peers=3, prefix=PREFIXES[0], asn=666, kind=AlarmKind.ORIGIN) -> RouteAlarm:
    return RouteAlarm(kind, PREFIXES[0], prefix, asn, peers, T0, ("64500 666",))


def test_an_odd_origin_is_told_confirmed_and_ends():
    desk = settled()
    desk.alarms = (alarm(),)
    (event,) = desk.at(10, PEERS)
    assert rules([event]) == [("route-origin", "", "origin", False)]
    assert event.text == (
        "175.45.176.0/24 originated by AS666, expected AS131279: 3 of 300 peers,"
        " by 64500 666; provisional"
    )
    assert desk.at(20, PEERS) == []
    (event,) = desk.at(370, PEERS)
    assert event.hard
    desk.alarms = ()
    assert desk.at(400, PEERS) == []
    desk.alarms = (alarm(9),)
    assert desk.at(500, PEERS) == [], "away for a moment: the same alarm"
    desk.alarms = ()
    desk.at(600, PEERS)
    assert desk.at(700, feed=FeedState.STALE) == []
    (event,) = desk.at(1000, PEERS)
    assert (event.hard, event.quiet, event.until) == (True, False, T0 + 600 * SECOND)
    assert event.text.endswith("at most 9 peers saw it")
    assert desk.judge.rows[PREFIXES[0]].alarms == ()


def test_a_more_specific_announcement():
    desk = settled()
    half = "175.45.176.0/25"
    desk.alarms = (
        alarm(prefix=half, kind=AlarmKind.MORE_SPECIFIC),
        alarm(prefix=half, kind=AlarmKind.MORE_SPECIFIC, asn=131279),
    )
    foreign, own = desk.at(10, PEERS)
    assert foreign.text.startswith(
        "175.45.176.0/25, more specific than 175.45.176.0/24, announced by AS666: 3 of"
    )
    assert "announced by AS131279, its own origin:" in own.text
    assert len(desk.judge.rows[PREFIXES[0]].alarms) == 2


def test_announced_but_dead_and_withdrawn_but_alive():
    desk = settled()
    desk.reached = {PREFIXES[0]: (0, 10), PREFIXES[1]: (4, 4)}
    assert desk.at(10, PEERS) == []
    (event,) = desk.at(370, PEERS)
    assert rules([event]) == [("route-disagrees", "", "announced but dead", True)]
    assert event.text.startswith(
        "1 of 4 prefixes announced but dead: 0 of 10 hosts answer; 175"
    )
    desk.reached = {PREFIXES[0]: (1, 10), PREFIXES[1]: (4, 4)}
    (event,) = desk.at(400, PEERS)
    assert event.quiet
    assert event.text.startswith("1 of 4 prefixes no longer announced but dead")
    desk.at(410, PEERS, 0)
    events = desk.at(770, PEERS, 0)
    assert ("route-disagrees", "", "withdrawn but alive", True) in rules(events)
    assert desk.judge.rows[PREFIXES[1]].disagreement is Disagreement.ALIVE
    desk.reached = None
    assert [event.quiet for event in desk.at(800, PEERS, 0)] == [True]


def test_feeds_are_told_of_by_state_and_kept_by_the_minute():
    judge = RouteJudge([NETWORK])

    def step(seconds, state, messages=0, reason=FeedReason.NONE):
        now = T0 + seconds * SECOND
        feed = FeedRow("ris-live", state, reason, now, now, "why", messages)
        return judge.step(now, RouteTable(now, state, reason, feeds=(feed,)))

    (event,) = step(0, FeedState.LIVE)
    assert (event.subject, event.quiet) == ("feed:ris-live", True)
    assert "feed:ris-live" in judge.take()
    assert step(10, FeedState.LIVE, 5) == []
    assert judge.take() == {}
    step(60, FeedState.LIVE, 9)
    assert judge.take()["feed:ris-live"].messages == 9
    (event,) = step(70, FeedState.STALE, 9, FeedReason.SILENT)
    assert (event.old, event.new, event.text) == ("live", "stale", "feed stale: why")
    assert not event.quiet


def test_a_restart_goes_on_where_it_was():
    desk = settled()
    desk.at(10, 0)
    rows = {
        subject: decode_row(subject, encode(row)) for subject, row in desk.judge.take().items()
    }
    again = Desk(rows)
    assert again.at(300, feed=FeedState.ABSENT, reason=FeedReason.CONNECTING) == []
    assert rules(again.at(370, 0)) == [("route-confirmed", "visible", "withdrawn", True)]


def test_a_prefix_that_leaves_the_watchlist_is_removed():
    old = RouteRow("192.0.2.0/24", "kp")
    judge = RouteJudge([NETWORK], {subject_of(old): old})
    assert judge.take()["route:192.0.2.0/24"].removed


seens = st.tuples(*[st.sampled_from([0, 20, 100, 290])] * 4)
feeds = st.sampled_from([FeedState.LIVE] * 4 + [FeedState.STALE, FeedState.ERROR])
reaches = st.none() | st.fixed_dictionaries(
    {prefix: st.tuples(st.integers(0, 2), st.just(2)) for prefix in PREFIXES[:2]}
)
odd = st.lists(
    st.builds(alarm, st.integers(1, 9), asn=st.sampled_from([666, 777])),
    max_size=2,
    unique_by=lambda one: one.asn,
).map(tuple)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from([10, 200, 400]), seens, feeds, reaches, odd), max_size=25
    )
)
def test_the_same_again_gives_the_same_and_rows_hold_what_the_judge_knows(script):
    one, other = Desk(), Desk()
    now = 0
    for wait, seen, feed, reached, alarms in script:
        now += wait
        for desk in (one, other):
            desk.reached, desk.alarms = reached, alarms
        events = one.at(now, *seen, feed=feed)
        assert events == other.at(now, *seen, feed=feed)
        rows = one.judge.rows.values()
        assert sum(row.state is row.soft for row in rows) == 0
        for event in events:
            assert event.text.isprintable()
            assert event.since <= event.at
        for row in rows:
            assert decode_row(subject_of(row), encode(row)) == row
            assert all(one.now - at < 60 * MINUTE for at in row.memory.crossings) or (
                row.feed is not FeedState.LIVE
            )
    assert one.judge.take().keys() == other.judge.take().keys()
