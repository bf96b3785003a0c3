"""The path panel: windows of hops, the break dated by what is remembered, the usual path."""

from __future__ import annotations

from monitor.records import (
    MINUTE,
    CheckRow,
    Hop,
    HopWindow,
    HostRow,
    Kind,
    Observation,
    Outcome,
    PathHop,
    PathRow,
    PathState,
    Reason,
    State,
    TraceFacts,
)
from monitor.tui.board import Board
from monitor.tui.pages.path import path_lines
from monitor.tui.text import UNICODE, Look
from tests.tui.desk_situation import NOW

LOOK = Look(70, UNICODE, NOW)
HOST = HostRow("ns1", "ns1", trace="ns1/trace", state=State.DOWN, since=NOW - MINUTE)


def shown(
    *hops: Hop,
    reached: bool = False,
    path: PathRow | None = None,
    reason: Reason = Reason.PATH_BREAK,
) -> str:
    board = Board()
    seen = Observation(
        check="ns1/trace",
        at=NOW,
        outcome=Outcome.OK if reached else Outcome.FAIL,
        reason=Reason.NONE if reached else reason,
        address="192.0.2.1",
        facts=TraceFacts("icmp", reached, hops),
    )
    board.checks["ns1/trace"] = CheckRow("ns1/trace", "ns1", Kind.TRACE, last=seen)
    if path is not None:
        board.paths[path.check] = path
    return "\n".join(made.text for made in path_lines(HOST, board, LOOK))


def window(sent: int, received: int) -> HopWindow:
    return HopWindow("198.51.100.1", sent, received, 1.0, 1.0, 1.0, 1.0)


def test_loss_is_that_of_the_window_and_a_router_that_limits_itself_loses_nothing():
    text = shown(
        Hop(1, "198.51.100.1", 1.0, 1, 1, window=window(10, 5)),
        Hop(2, "198.51.100.2", 1.0, 1, 1, window=window(10, 2), limited=True),
        Hop(3, "192.0.2.1", 2.0, 1, 1),
        reached=True,
    )
    assert "50%" in text
    assert "limits" in text
    assert "80%" not in text


def test_the_break_is_dated_by_the_path_and_the_usual_way_stands_beside_it():
    path = PathRow(
        "ns1/trace",
        "ns1",
        state=PathState.BROKEN,
        since=NOW - 5 * MINUTE,
        usual=(PathHop(1, ("a",), 64500), PathHop(2, ("b",), 4837), PathHop(3, ("c",), 131279)),
        before=(PathHop(1, ("a",), 64500), PathHop(2, ("x",), 20485)),
        changed_at=NOW - 30 * MINUTE,
    )
    text = shown(Hop(1, "198.51.100.1", 1.0, 1, 1, asn=4837), path=path)
    assert "break: nothing beyond AS4837" in text
    assert "since 16:16:40Z" in text
    assert "usual AS64500 → AS4837 → AS131279" in text
    assert "was AS64500 → AS20485" in text


def test_a_round_that_came_less_far_does_not_move_the_break():
    path = PathRow(
        "ns1/trace",
        "ns1",
        state=PathState.BROKEN,
        since=NOW - MINUTE,
        usual=(PathHop(1, ("a",), 64500), PathHop(2, ("b",), 4837), PathHop(3, ("c",), 131279)),
        last_ttl=2,
        last_address="b",
        last_asn=4837,
        reason=Reason.NET_UNREACHABLE,
        said_by="b",
    )
    for hops in ((Hop(1, sent=0), Hop(2, sent=1)), (Hop(1, sent=0),), ()):
        text = shown(*hops, path=path)
        assert "break: nothing beyond AS4837 (b) since" in text
        assert "network unreachable, said by b" in text
        assert "  1 a" in text
    # One that came farther is seen as it is.
    text = shown(*(Hop(ttl, name, 1.0, 1, 1) for ttl, name in enumerate("abc", 1)), path=path)
    assert "break: nothing beyond c" in text


def test_a_loop_is_no_break():
    hops = [Hop(ttl, name, 1.0, 1, 1) for ttl, name in enumerate("abcbc", 1)]
    text = shown(*hops, reason=Reason.PATH_LOOP)
    assert "loop: b and c pass it on to each other" in text
    assert "break" not in text
