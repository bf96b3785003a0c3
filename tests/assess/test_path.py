"""The judge of paths: changes, balanced arms, breaks and what only looks like one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.assess.path import PathJudge
from monitor.assess.pathwords import break_text, difference, span
from monitor.records import (
    SECOND,
    EventKind,
    Hop,
    Kind,
    Observation,
    Outcome,
    PathRow,
    PathState,
    Reason,
    TraceFacts,
    decode_row,
    encode,
)
from tests.assess.conftest import NK, T0, World, host, watchlist

TARGET = "192.0.2.9"
ASNS = {"a": 64500, "b": 4837, "c": 4837, "d": 64999, "B": 20485, "C": 20485}


def hop(ttl, name):
    """``a``: answers; ``-``: silent; ``?``: not asked; ``(a)``: believed, not asked now."""
    if name in "-?":
        return Hop(ttl, sent=int(name == "-"))
    asked = not name.startswith("(")
    name = name.strip("()")
    address = TARGET if name == "t" else f"198.51.100.{ord(name)}"
    return Hop(ttl, address, 1.0, int(asked), int(asked), asn=ASNS.get(name))


def address(name):
    return f"198.51.100.{ord(name)}"


class Walk:
    def __init__(self, row: PathRow | None = None, **more):
        self.judge = PathJudge("h/trace", row, **more)
        self.at = 0
        self.events = []

    @property
    def row(self):
        return self.judge.row

    def see(self, path, reason=None, *, flow=7, said_by="", times=1, every=60, may=None):
        """``path`` as in :func:`hop`, blank-separated; it reached when it ends in ``t``."""
        for _ in range(times):
            names = path.split()
            reached = names[-1] == "t"
            why = reason or (Reason.NONE if reached else Reason.PATH_BREAK)
            self.at += every
            seen = Observation(
                "h/trace",
                T0 + self.at * SECOND,
                Outcome.OK if reached else Outcome.FAIL,
                why,
                address=TARGET,
                said_by=address(said_by) if said_by else "",
                facts=TraceFacts(
                    "icmp", reached, tuple(hop(*each) for each in enumerate(names, 1)), 1, flow
                ),
            )
            self.events += self.judge.observe(seen, *([may] if may else []))
        return self

    def told(self):
        return [(event.rule, event.quiet) for event in self.events]

    def us(self, seconds):
        return T0 + seconds * SECOND


def test_what_is_found_first_is_usual_and_no_news():
    walk = Walk().see("a b d t", times=3)
    assert walk.told() == []
    assert (walk.row.state, walk.row.since) == (PathState.WHOLE, walk.us(60))
    assert [each.addresses for each in walk.row.usual] == [
        (address("a"),),
        (address("b"),),
        (address("d"),),
        (TARGET,),
    ]


def test_a_change_is_told_when_two_rounds_show_it():
    walk = Walk().see("a b c d t", times=3).see("a B C d t")
    assert walk.told() == []
    walk.see("a B C d t", times=5)
    assert walk.told() == [("path-change", False)]
    event = walk.events[0]
    assert event.kind is EventKind.PATH
    assert event.subject == "host:h"
    assert event.since == walk.us(240) == walk.row.changed_at
    assert "AS64500 4837 64999 → AS64500 20485 64999" in event.text
    assert f"hop 2: {address('b')} → {address('B')}" in event.text
    assert len(event.evidence) == 2
    assert [each.addresses[0] for each in walk.row.before][1] == address("b")


def test_another_router_of_the_same_as_is_quiet():
    walk = Walk().see("a b d t", times=3).see("a c d t", times=2)
    assert walk.told() == [("path-change", True)]


def test_one_odd_round_is_no_change():
    walk = Walk().see("a b d t", times=3).see("a B d t").see("a b d t", times=3)
    assert walk.told() == []


def test_a_path_that_grew_is_a_change():
    walk = Walk().see("a b t", times=2).see("a b c t", times=2)
    assert walk.told() == [("path-change", True)]
    assert len(walk.row.usual) == 4


def test_arms_that_alternate_are_no_change():
    walk = Walk()
    for _ in range(20):
        walk.see("a b d t").see("a B d t")
    assert walk.told() == []
    assert set(walk.row.usual[1].addresses) == {address("b"), address("B")}


def test_alternating_in_pairs_is_soon_no_news():
    walk = Walk()
    for _ in range(20):
        walk.see("a b d t", times=2).see("a B d t", times=2)
    assert len(walk.events) <= 2


def test_a_failover_now_and_then_is_news_each_time():
    walk = Walk()
    for _ in range(3):
        walk.see("a b d t", times=200).see("a B d t", times=200)
    assert walk.told() == [("path-change", False)] * 5


def test_an_arm_not_seen_for_long_is_forgotten():
    walk = Walk()
    for _ in range(4):
        walk.see("a b d t").see("a B d t")
    walk.see("a b d t", times=150).see("a B d t", times=2)
    assert walk.told() == [("path-change", False)]


def test_another_flow_takes_another_arm_without_a_word():
    walk = Walk().see("a b d t", times=3).see("a B d t", flow=8, times=3)
    assert walk.told() == []
    assert walk.row.usual[1].addresses == (address("B"),)


def test_silence_and_hops_not_asked_contradict_nothing():
    walk = Walk().see("a - d t", times=2).see("a b d t").see("a - ? t").see("(a) (b) - t")
    assert walk.told() == []
    assert walk.row.usual[1].addresses == (address("b"),)


def test_a_break_names_the_edge_and_since_when():
    walk = Walk().see("a b c d t", times=3).see("a b -")
    assert walk.told() == []
    walk.see("a b -", times=5)
    assert walk.told() == [("path-break", False)]
    row = walk.row
    assert (row.state, row.since) == (PathState.BROKEN, walk.us(240))
    assert (row.last_address, row.last_asn) == (address("b"), 4837)
    assert (row.next_address, row.next_asn) == (address("c"), 4837)


def test_the_edge_between_two_ases_is_named():
    walk = Walk().see("a c d t", times=2).see("a c -", times=2)
    assert (walk.row.last_asn, walk.row.next_asn) == (4837, 64999)
    text = f"path breaks behind AS4837 ({address('c')}), before AS64999 ({address('d')})"
    assert walk.events[0].text == text


def test_a_filtered_hop_is_no_break_and_is_passed_over_by_one():
    walk = Walk().see("a - c d t", times=5)
    assert walk.told() == []
    assert walk.row.usual[1].addresses == ()
    walk.see("a -", times=2)
    assert (walk.row.last_address, walk.row.next_address) == (address("a"), address("c"))


def test_a_host_that_is_silent_is_no_break_of_the_way():
    walk = Walk().see("a c d t", times=2).see("a c d -", times=2)
    assert walk.told() == [("path-end", True)]
    assert walk.row.next_address == TARGET


def test_a_break_found_at_first_look_is_shown_and_no_news():
    walk = Walk(networks=[NK]).see("a c -", times=2)
    assert walk.told() == [("path-end", True)]
    assert (walk.row.state, walk.row.next_asn) == (PathState.BROKEN, 64999)


def test_nothing_answers_at_all():
    walk = Walk().see("a c t", times=2).see("-", times=2)
    assert walk.events[0].text == "nothing on the way answers, not even the first hop"


def test_who_refuses_is_named_even_if_it_says_so_only_sometimes():
    walk = Walk().see("a b d t", times=2)
    walk.see("a -").see("a b", Reason.NET_UNREACHABLE, said_by="b").see("a -").see("a -")
    walk.see("a b", Reason.NET_UNREACHABLE, said_by="b")
    assert walk.told() == [("path-break", False)]
    assert (walk.row.last_address, walk.row.said_by) == (address("b"), address("b"))
    assert walk.events[0].text.endswith("says network unreachable")
    assert walk.row.since == walk.us(180)


def test_the_router_that_refuses_may_be_the_first_and_seldom_say_so():
    walk = Walk().see("a b c t", times=3)
    walk.see("a", Reason.NET_UNREACHABLE, said_by="a", times=2)
    walk.see("-", times=9)
    assert [event.rule for event in walk.events] == ["path-break"]
    assert (walk.row.last_address, walk.row.said_by) == (address("a"), address("a"))
    # The break moves to it, however seldom it says so.
    walk = Walk().see("a b c t", times=3)
    walk.see("a b", Reason.NET_UNREACHABLE, said_by="b", times=2)
    for _ in range(3):
        walk.see("a", Reason.NET_UNREACHABLE, said_by="a").see("-")
    assert (walk.row.last_address, walk.row.said_by) == (address("a"), address("a"))
    # That those behind it are silent as well is something else.
    walk = Walk().see("a b c t", times=3)
    walk.see("a b", Reason.NET_UNREACHABLE, said_by="b", times=2)
    walk.see("-", times=3)
    assert walk.events[-1].text.startswith("the break moved: nothing on the way answers")


def test_a_loop_is_told_apart():
    walk = Walk().see("a b d t", times=2).see("a b c b c b", Reason.PATH_LOOP, times=3)
    assert walk.told() == [("path-loop", False)]
    assert (walk.row.state, walk.row.loop) == (PathState.LOOP, (address("b"), address("c")))


def test_recovery_is_told_when_two_rounds_reach():
    walk = Walk().see("a c d t", times=2).see("a c -", times=10).see("a c d t")
    assert len(walk.events) == 1
    walk.see("a c d t", times=3)
    assert walk.told()[1:] == [("path-whole", False)]
    assert walk.events[1].text == (
        f"path whole again after 10m00s; it had ended behind {address('c')}"
    )
    assert (walk.events[1].old, walk.events[1].new) == ("broken", "whole")
    assert (walk.row.state, walk.row.last_address) == (PathState.WHOLE, "")


def test_one_round_that_reaches_is_no_recovery():
    walk = Walk().see("a c d t", times=2)
    for _ in range(10):
        walk.see("a c -", times=3).see("a c d t")
    assert walk.told() == [("path-break", False)]


def test_back_by_another_way_is_both_recovery_and_change():
    walk = Walk().see("a b c d t", times=2).see("a b -", times=3).see("a B C d t", times=3)
    assert [event.rule for event in walk.events] == [
        "path-break",
        "path-whole",
        "path-change",
    ]


def test_a_break_moves_only_when_three_rounds_say_so():
    walk = Walk().see("a b c d t", times=2).see("a b c -", times=3)
    walk.see("a -", times=2).see("a b c -").see("a -", times=3)
    assert walk.told() == [("path-break", False), ("path-break", False)]
    assert walk.row.last_address == address("a")
    assert walk.row.since == walk.us(180)


def test_what_was_not_located_decides_nothing():
    walk = Walk().see("a b d t", times=2).see("a ?", times=4)
    walk.see("a b -", Reason.TIMEOUT, times=4)
    assert walk.told() == []


def test_our_own_line_first():
    walk = Walk().see("a b d t", times=2).see("-", times=4, may=lambda _: False)
    assert walk.told() == []
    walk.see("-", may=lambda first: first == walk.us(180))
    assert walk.told() == [("path-break", False)]
    assert walk.row.since == walk.us(180)


def test_a_host_that_moved_starts_anew():
    walk = Walk().see("a b d t", times=2)
    moved = msgspec.structs.replace(
        Observation("h/trace", walk.us(999), Outcome.OK, facts=TraceFacts("icmp", True)),
        address="192.0.2.77",
        facts=TraceFacts("icmp", True, (Hop(1, "192.0.2.77", 1.0, 1, 1),)),
    )
    assert walk.judge.observe(moved) == []
    assert len(walk.row.usual) == 1


ROUNDS = ["a b d t", "a B d t", "a - d t", "a b -", "a -", "-", "a b c t", "a ? d t", "a b d -"]


@given(st.lists(st.sampled_from(ROUNDS), max_size=40), st.integers(0, 40))
def test_a_restart_changes_nothing(rounds, at):
    whole, parted = Walk(), Walk()
    for number, path in enumerate(rounds):
        if number == at:
            blob = encode(parted.row)
            row = decode_row("path:h/trace", blob)
            parted.judge = PathJudge("h/trace", row)
        whole.see(path)
        parted.see(path)
    assert encode(whole.row) == encode(parted.row)
    assert whole.events == parted.events


@given(st.lists(st.sampled_from(ROUNDS), max_size=60))
def test_a_break_is_said_only_while_the_host_is_not_reached(rounds):
    walk = Walk()
    for path in rounds:
        before = len(walk.events)
        walk.see(path)
        for event in walk.events[before:]:
            assert event.text.isprintable()
            if event.rule in ("path-break", "path-end", "path-loop"):
                assert not path.endswith("t")
    if rounds[-2:] == ["a b d t"] * 2:
        assert walk.row.state is PathState.WHOLE


def test_of_many_paths_that_break_at_one_place_one_is_news():
    names = ["a", "b", "c"]
    world = World(watchlist(*(host(n, f"192.0.2.{ord(n)}", Kind.TRACE) for n in names)))
    for at in range(0, 60, 10):
        world.controls(at)
        world.tick(at + 5)
    for name in names:
        reach = f"192.0.2.{ord(name)}"
        for at in (60, 61):
            world.see(
                f"{name}/trace",
                at,
                address=reach,
                facts=TraceFacts(
                    "icmp",
                    True,
                    (
                        Hop(1, "198.51.100.1", 1.0, 1, 1),
                        Hop(2, "192.0.2.200", 1.0, 1, 1),
                        Hop(3, reach, 1.0, 1, 1),
                    ),
                ),
            )
    world.run(70, 130, lambda _: None)
    for at in (131, 150, 170):
        for name in names:
            world.see(
                f"{name}/trace",
                at,
                Reason.PATH_BREAK,
                address=f"192.0.2.{ord(name)}",
                facts=TraceFacts("icmp", False, (Hop(1, "198.51.100.1", 1.0, 1, 1), Hop(2))),
            )
        world.run(at, at + 10, lambda _: None)
    told = [event for event in world.events if event.kind is EventKind.PATH]
    assert [event.quiet for event in told] == [False, True, True]
    row = world.rows["path:a/trace"]
    assert isinstance(row, PathRow)
    assert (row.last_address, row.next_asn) == ("198.51.100.1", 64999)


def test_of_many_paths_that_change_alike_one_is_news():
    names = ["a", "b"]
    world = World(watchlist(*(host(n, f"192.0.2.{ord(n)}", Kind.TRACE) for n in names)))
    world.controls(0)
    world.controls(10)
    for at in range(20, 26):
        for name in names:
            reach, asn = f"192.0.2.{ord(name)}", 4837 if at < 23 else 20485
            hops = (
                Hop(1, "198.51.100.1", 1.0, 1, 1, asn=64500),
                Hop(2, f"198.51.100.{asn % 199}", 1.0, 1, 1, asn=asn),
                Hop(3, reach, 1.0, 1, 1),
            )
            world.see(f"{name}/trace", at, address=reach, facts=TraceFacts("icmp", True, hops))
    found = [event for event in world.events if event.rule == "path-change"]
    assert [(event.subject, event.quiet) for event in found] == [
        ("host:a", False),
        ("host:b", True),
    ]


def test_the_path_of_a_check_that_left_is_marked():
    world = World(watchlist(host("a", "192.0.2.1", Kind.TRACE)))
    world.trace("a", 10, "198.51.100.1", "192.0.2.1", reached=True)
    world.judge.reload(watchlist(host("b", "192.0.2.2")))
    world.keep()
    row = world.rows["path:a/trace"]
    assert isinstance(row, PathRow)
    assert row.removed


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59, "59 s"), (400, "6m40s"), (11_100, "3h05m")]
)
def test_spans(seconds, said):
    assert span(seconds * SECOND) == said


def test_many_differences_are_summed_up():
    old = Walk().see("a b c d a b t").row.usual
    new = Walk().see("B C B C B C t").row.usual
    assert difference(old, new).endswith("; 3 more hops")
    assert break_text(PathRow("h/trace", "h")) == (
        "nothing on the way answers, not even the first hop"
    )
