"""What the whole screen about a path is made of: the table, differences, the chart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from rich.cells import cell_len

from monitor.cache.sights import SightBucket
from monitor.records import (
    HOUR,
    FeedState,
    Hop,
    HopWindow,
    HostRow,
    NetworkRow,
    Observation,
    Outcome,
    PathHop,
    PathRow,
    PathState,
    Reason,
    Routed,
    RouteRow,
    TraceFacts,
)
from monitor.tui.board import Board
from monitor.tui.history import Asked, History
from monitor.tui.pages.behind import addresses_of, behind_page
from monitor.tui.pages.hops import Way, hop_lines, shape_of, spark, with_figures
from monitor.tui.pages.pathdiff import as_path, diff_lines, differs, pairs
from monitor.tui.pages.pathview import PathView, path_page
from monitor.tui.pages.routechart import chart_room, route_chart
from monitor.tui.story import PathAsked, PathStory, figures
from monitor.tui.text import ASCII, UNICODE, Look
from tests.tui.desk_situation import NOW
from tests.tui.path_evening import PREFIX, hop, hops

LOOK = Look(116, UNICODE, NOW)
NETWORK = NetworkRow(
    "nk",
    "North Korea",
    prefixes=(PREFIX,),
    origin_asns=(131279,),
    upstream_asns=(4837, 20485),
)
paths = st.lists(
    st.builds(
        PathHop,
        st.just(0),
        st.lists(st.sampled_from("abcdef"), max_size=2, unique=True).map(tuple),
        st.sampled_from([None, 1, 2, 3]),
    ),
    max_size=12,
).map(lambda found: [structs.replace(one, ttl=at) for at, one in enumerate(found, 1)])


def run(facts: TraceFacts, at: int = NOW, reason: Reason = Reason.NONE) -> Observation:
    rtt = 71.3 if facts.reached else None
    return Observation(
        "ns1/trace", at, Outcome.OK, reason, rtt, address="175.45.176.15", facts=facts
    )


def table(
    facts: TraceFacts, look: Look = LOOK, path: PathRow | None = None, **more
) -> list[str]:
    seen = run(facts, **more)
    return [made.text for made in hop_lines(Way(seen, facts, [seen], NETWORK, path), look)]


def way(*addresses: str) -> tuple[PathHop, ...]:
    return tuple(PathHop(ttl, (one,) if one else ()) for ttl, one in enumerate(addresses, 1))


# --- differences ---------------------------------------------------------------------------


@settings(max_examples=40)
@given(paths, paths)
def test_pairs_hold_every_hop_once_and_in_order(old, new):
    found = pairs(old, new)
    assert [pair.old for pair in found if pair.old is not None] == old
    assert [pair.new for pair in found if pair.new is not None] == new
    for pair in found:
        if pair.old and pair.new and pair.old.addresses and pair.new.addresses:
            assert set(pair.old.addresses) & set(pair.new.addresses)


@settings(max_examples=40)
@given(paths)
def test_a_path_does_not_differ_from_itself(path):
    assert not differs(path, path)
    assert all(pair.old is pair.new for pair in pairs(path, path))


def test_a_hop_more_shifts_nothing_behind_it():
    old, new = way("a", "b", "c", "d"), way("a", "x", "b", "c", "d")
    odd = [pair for pair in pairs(old, new) if pair.old is None or pair.new is None]
    assert [(pair.old, pair.new and pair.new.addresses) for pair in odd] == [(None, ("x",))]
    assert differs(old, new)


def test_silence_contradicts_nothing_but_is_told():
    old, new = way("a", "b", "c"), way("a", "", "c")
    assert not differs(old, new)
    text = "\n".join(
        made.text for made in diff_lines(("T", "usual path", "this one"), old, new, {}, LOOK)
    )
    assert "2 hops the same, 1 ? silent in one" in text
    assert "2 ? b" in text
    assert "silent now" in text
    none = diff_lines(("T", "usual path", "this one"), (), new, {}, LOOK)
    assert none[-1].text == " no usual path is known"


def test_what_differs_by_as_is_named():
    old = (PathHop(1, ("a",), 1), PathHop(2, ("b",), 2), PathHop(3, ("z",), 9))
    new = (PathHop(1, ("a",), 1), PathHop(2, ("c",), 3), PathHop(3, ("z",), 9))
    made = diff_lines(
        ("T", "usual path", "this one"), old, new, {2: "Unicom", 3: "TransTeleCom"}, LOOK
    )
    text = "\n".join(one.text for one in made)
    assert "AS1  -AS2  +AS3  AS9  AS2 is Unicom  AS3 is TransTeleCom" in text
    assert "1 - only the usual path, 1 + only this one" in text
    assert as_path(old) == (1, 2, 9)


# --- the table -----------------------------------------------------------------------------


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("width", [76, 96, 116, 150, 196, 240])
@pytest.mark.parametrize("marks", [UNICODE, ASCII])
def test_the_table_fits_every_width_with_wide_names(width, marks, broken):
    facts = TraceFacts("icmp", not broken, hops("175.45.176.15", second=False, broken=broken))
    rows = table(facts, Look(width, marks, NOW))
    assert all(cell_len(row) <= width for row in rows)
    jitters = [cell_len(row[: row.index("0.75")]) for row in rows if "0.75" in row]
    assert len(jitters) == (3 if broken else 4)
    assert len(set(jitters)) == 1


@given(st.integers(76, 260), st.integers(7, 39), st.integers(0, 60))
def test_columns_never_take_more_than_there_is(width, address, name):
    one = Hop(1, "x" * address, name="n" * name)
    shape = shape_of(width, [one])
    used = 6 + shape.address + 1 + shape.whose + 1 + 3 + 7 + 6 * shape.number + shape.reply
    used += shape.name + (shape.spark + 2 if shape.spark else 0)
    used += shape.remarks + 2 if shape.remarks else 0
    assert min(shape) >= 0
    assert used <= width


def test_the_border_the_upstream_and_what_is_no_break():
    text = "\n".join(
        table(TraceFacts("icmp", True, hops("175.45.176.15", second=False, broken=False)))
    )
    assert "── border of North Korea ──" in text
    assert "likely rate-limited" in text
    assert "filtered" in text
    assert "upstream" in text
    assert "break" not in text


def test_a_refusal_is_marked_and_a_loop_is_no_break():
    first = hop(1, "192.0.2.1", 0.4, 64500, "desk", "KR")
    refusal = hop(2, "192.0.2.1", 0.4, 64500, "desk", "KR", icmp_type=3, icmp_code=1)
    facts = TraceFacts("icmp", False, (first, refusal))
    rows = table(facts, reason=Reason.HOST_UNREACHABLE)
    assert "refuses: ICMP type 3 code 1" in "\n".join(rows)
    assert any(row.startswith("  2 ✖") for row in rows)
    again = [hop(ttl, f"192.0.2.{ttl % 2}", 1.0, 1, "a", "KR") for ttl in range(1, 6)]
    rows = table(TraceFacts("icmp", False, tuple(again)), reason=Reason.PATH_LOOP)
    assert "loop: 192.0.2.1 and 192.0.2.0 pass it on to each other" in rows[-1]
    assert "break" not in "\n".join(rows)


def test_the_break_has_its_age_only_where_it_is_known():
    facts = TraceFacts("icmp", False, hops("175.45.176.15", second=True, broken=True))
    path = PathRow("ns1/trace", "ns1", PathState.BROKEN, NOW - HOUR, why="path breaks there")
    text = "\n".join(table(facts, path=path))
    assert "nothing beyond AS20485 TransTeleCom (203.0.113.200) since 15:21:40Z, 1h00m" in text
    assert "4 further hops silent" in text
    assert "path breaks there" in text
    assert "since" not in "\n".join(table(facts))


def plain(at: int, *rtts: float | None) -> Observation:
    made = tuple(
        Hop(ttl, f"192.0.2.{ttl}" if rtt else "", rtt, 2, 1 if rtt else 0)
        for ttl, rtt in enumerate(rtts, 1)
    )
    return run(TraceFacts("icmp", True, made), at)


def test_runs_without_windows_lend_their_figures():
    runs = [plain(NOW - at, 4.0 + at % 3, None if at % 2 else 9.0, 20.0) for at in range(12)]
    known = figures(runs, 1, "192.0.2.1")
    assert known is not None
    assert (known.last_ms, known.best_ms, known.worst_ms) == (4.0, 4.0, 6.0)
    assert known.mean_ms == pytest.approx(5.0)
    assert (known.sent, known.received) == (24, 12)
    assert figures(runs, 1, "198.51.100.1") is None
    assert figures(runs, 9, "192.0.2.9") is None
    # A run that asked twice and was answered once lost nothing that passed behind.
    facts = runs[0].facts
    assert isinstance(facts, TraceFacts)
    found = with_figures(facts, runs)
    assert [one.limited for one in found.hops] == [False, False, False]
    never = [structs.replace(seen, facts=_lossless_end(seen.facts)) for seen in runs]
    facts = never[0].facts
    assert isinstance(facts, TraceFacts)
    assert [one.limited for one in with_figures(facts, never).hops] == [True, True, False]


def _lossless_end(facts) -> TraceFacts:
    return structs.replace(
        facts, hops=(*facts.hops[:-1], structs.replace(facts.hops[-1], sent=1))
    )


def test_a_sparkline_marks_what_was_lost():
    runs = [plain(NOW - at, 4.0, None if at == 1 else 9.0 + 9 * (at == 2)) for at in range(4)]
    facts = runs[0].facts
    assert isinstance(facts, TraceFacts)
    text = "".join(piece for piece, _ in spark(runs, facts.hops[1], 6, UNICODE))
    assert text == "  ▁█✖▁"


# --- the chart -----------------------------------------------------------------------------


def chart(*buckets: SightBucket, marks=UNICODE, row: RouteRow | None = None, **more) -> str:
    look = Look(80, marks, NOW)
    size = chart_room(look.width)
    filled = [buckets[at * len(buckets) // size] for at in range(size)]
    asked = Asked(0, NOW, size, prefixes=(PREFIX,))
    history = History(asked, NOW - HOUR, NOW, routes={PREFIX: filled})
    told = row or RouteRow(
        PREFIX, "nk", Routed.WITHDRAWN, seen=0, peers=300, feed=FeedState.LIVE
    )
    lines = route_chart([told], history, look, **more)
    assert all(cell_len(made.text) <= look.width for made in lines)
    return "\n".join(made.text for made in lines)


def live(seen: int, **shares: float) -> SightBucket:
    by = {int(asn[2:]): share for asn, share in shares.items()}
    return SightBucket(0, 1, FeedState.LIVE, seen, 300, by)


ZERO = live(0)
ERROR = SightBucket(0, 1, FeedState.ERROR)
ABSENT = SightBucket(0, 1, FeedState.ABSENT)
GAP = SightBucket(0, 1)


@pytest.mark.parametrize("marks", [UNICODE, ASCII])
def test_zero_error_absent_and_gap_are_four_pictures(marks):
    rows = [chart(one, marks=marks).splitlines()[2] for one in (ZERO, ERROR, ABSENT, GAP)]
    signs = [row[20] for row in rows]
    assert len(set(signs)) == 4
    assert not set(signs) & set(marks.levels)
    text = chart(ZERO, ERROR, ABSENT, GAP, marks=marks)
    for said in ("none of the peers", "feed error", "nobody asks a feed", "nothing known"):
        assert said in text


def test_each_upstream_has_a_bar_and_the_trace_its_place():
    both = [live(300, AS4837=1.0), live(300, AS4837=0.25, AS20485=0.75)]
    row = RouteRow(
        PREFIX, "nk", Routed.VISIBLE, seen=300, peers=300, upstreams={20485: 300},
        feed=FeedState.LIVE,
    )  # fmt: skip
    text = chart(*both, row=row, tall=2, shown=NOW - HOUR // 2)
    lines = text.splitlines()
    assert "via AS20485" in text
    assert "via AS4837" in text
    assert "300 of 300" in text
    assert "100%" in text
    assert "▴ trace of 15:51:40Z" in text
    # Twice as tall: full bars in both rows.
    assert lines[2].strip()
    assert set(lines[2].strip()) == {"█"}


def test_no_prefix_and_nothing_read_draw_nothing():
    assert route_chart([], None, LOOK) == []
    row = RouteRow(PREFIX, "nk", Routed.UNKNOWN)
    assert route_chart([row], None, LOOK) == []
    assert "feed error" in chart(ERROR, row=structs.replace(row, feed=FeedState.ERROR))


# --- whatever a trace holds ------------------------------------------------------------------

addresses = st.sampled_from(["", "192.0.2.1", "2001:db8::1", "175.45.176.9", "no address"])
windows = st.builds(
    HopWindow,
    addresses,
    st.integers(0, 9),
    st.integers(0, 9),
    *[st.floats(0, 1e6)] * 6,
    st.lists(st.tuples(addresses, st.integers(0, 9)), max_size=3).map(tuple),
)
any_hops = st.lists(
    st.builds(
        Hop,
        st.integers(1, 40),
        addresses,
        st.none() | st.floats(0, 1e6),
        sent=st.integers(0, 3),
        icmp_type=st.sampled_from([None, 0, 1, 3, 11]),
        icmp_code=st.sampled_from([None, 0, 3, 13]),
        labels=st.just((16001,)) | st.just(()),
        others=st.lists(addresses, max_size=2).map(tuple),
        name=st.sampled_from(["", "조선.example", "r1.example"]),
        asn=st.sampled_from([None, 4837, 131279]),
        as_name=st.sampled_from(["", "중국련합통신"]),
        window=st.none() | windows,
        limited=st.booleans(),
    ),
    max_size=8,
).map(tuple)


@settings(max_examples=25, deadline=None)
@given(any_hops, any_hops, st.booleans(), st.integers(60, 210), st.booleans())
def test_any_trace_is_drawn(now, before, reached, width, pinned):
    runs = [
        run(TraceFacts("udp", reached, now), NOW, Reason.PATH_LOOP),
        run(TraceFacts("icmp", not reached, before), NOW - HOUR),
    ]
    usual = tuple(PathHop(one.ttl, (one.address,), one.asn) for one in before if one.address)
    path = PathRow("ns1/trace", "ns1", PathState.BROKEN, NOW - 1, usual=usual)
    story = PathStory(PathAsked("ns1/trace", "ns1", NOW), [NOW - HOUR, NOW], 1, runs)
    host = HostRow("ns1", "ns1", address="175.45.176.15", trace="ns1/trace")
    view = PathView(host, story, path, None, [], NETWORK, pinned=pinned)
    look = Look(width, UNICODE, NOW)
    board = Board()
    board.hosts["ns1"] = host
    board.paths[path.check] = path
    made = path_page(view, board, look)
    assert len(made) > 5
    for one in now:
        behind = {address: ["ns1"] for address in addresses_of(one, board)}
        assert behind_page(one, NOW, board, behind, look)
