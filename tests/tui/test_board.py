"""The plain model behind the screens."""

from __future__ import annotations

import pytest

from monitor.cache.reader import Changes, Cursor
from monitor.records import DAY, SECOND, CollectorRow, Event, EventKind, HostRow, State
from monitor.tui.board import EVENTS_KEPT, Board
from monitor.tui.view import GROUPS, SORTS, HostView, Section
from tests.tui.desk_situation import NOW, situation


def changes(rows=(), events=(), *, fresh=False) -> Changes:
    return Changes(list(rows), list(events), Cursor(1, 1), more=False, fresh=fresh)


@pytest.fixture
def board() -> Board:
    rows, _, events = situation()
    found = Board()
    found.apply(changes(rows.values(), events))
    return found


def test_nothing_new_changes_nothing(board: Board):
    revision = board.revision
    assert not board.apply(changes())
    assert board.revision == revision


def test_only_what_moves_a_line_asks_for_sorting(board: Board):
    row = board.hosts["kcna-co-jp"]
    order = board.order
    faster = HostRow(row.id, row.name, affiliation=row.affiliation, network=row.network,
                     address=row.address, hosting=row.hosting, state=row.state,
                     since=row.since, rtt_ms=1.0)  # fmt: skip
    board.apply(changes([faster]))
    assert board.order == order
    faster = HostRow(row.id, row.name, state=State.DOWN)
    board.apply(changes([faster]))
    assert board.order == order + 1
    assert board.unread_hosts == {row.id}


def test_a_removed_host_goes_and_a_replaced_file_replaces_all(board: Board):
    board.apply(changes([HostRow("kcna-co-jp", "x", removed=True)]))
    assert "kcna-co-jp" not in board.hosts
    board.apply(changes([HostRow("other", "other")], fresh=True))
    assert list(board.hosts) == ["other"]
    assert not board.events
    assert not board.unread_hosts


def test_events_are_bounded_and_counted_since_last_seen(board: Board):
    many = [Event(NOW, EventKind.NOTE, "collector", "x", id=100 + n) for n in range(5_000)]
    soft = Event(NOW, EventKind.TRANSITION, "collector", "x", hard=False, id=9_000)
    board.apply(changes([], [*many, soft]))
    assert len(board.events) == EVENTS_KEPT
    assert board.unread_events(soft=True) == EVENTS_KEPT
    assert board.unread_events(soft=False) == EVENTS_KEPT - 1
    board.mark_events_seen()
    assert board.unread_events(soft=True) == 0


def test_the_collector_is_dead_after_five_seconds(board: Board):
    board.apply(changes([CollectorRow(beat=NOW)]))
    assert not board.collector_dead(NOW + 5 * SECOND)
    assert board.collector_dead(NOW + 6 * SECOND)
    assert not Board().collector_dead(NOW)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("sort", SORTS)
def test_every_order_shows_every_host_once(board: Board, group: str, sort: str):
    view = HostView(board)
    view.group, view.sort = group, sort
    view.rebuild()
    assert sorted(item for item in view.items if isinstance(item, str)) == sorted(board.hosts)


def test_sections_count_and_fold(board: Board):
    view = HostView(board)
    view.rebuild()
    first = view.items[0]
    assert isinstance(first, Section)
    assert (first.title, first.up, first.total) == ("North Korea, inside", 0, 14)
    view.folded.add(first.key)
    view.rebuild()
    assert isinstance(view.items[1], Section)


def test_worst_first_and_the_filter_takes_all_words(board: Board):
    view = HostView(board)
    view.group = "none"
    view.rebuild()
    states = [board.hosts[item].state for item in view.items if isinstance(item, str)]
    assert states[0] == State.DOWN
    assert states[-1] == State.UP
    view.filter = "AS131279 kptc"
    view.rebuild()
    assert view.items == ["ns1-kptc-kp", "ns2-kptc-kp"]


def test_a_volatile_order_is_renewed_at_most_every_ten_seconds(board: Board):
    view = HostView(board)
    view.sort = "rtt"
    view.rebuild(100.0)
    row = HostRow("kcna-co-jp", "kcna.co.jp", network="north-korea", rtt_ms=9_000.0,
                  since=NOW - DAY)  # fmt: skip
    board.apply(changes([row]))
    assert not view.refresh(101.0)
    assert view.refresh(111.0)


def test_what_the_collector_could_not_do_is_counted_over_a_minute():
    board = Board()
    for second, skipped in ((0, 5), (30, 5), (50, 9)):
        board._take(CollectorRow(beat=second * SECOND, skipped=skipped, missed=2))
    assert board.losses() == {"skipped": 4}
    board._take(CollectorRow(beat=120 * SECOND, skipped=9, missed=2))
    assert board.losses() == {}
    board._take(CollectorRow(beat=130 * SECOND, skipped=0, missed=1))
    assert board.losses() == {}
