"""Histories: plots and bands over a span one can zoom, with gaps that stay gaps."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from monitor import cli
from monitor.cache.reader import Reader
from monitor.cache.series import Band, Bucket, Gap
from monitor.cache.writer import Writer
from monitor.commands import desk
from monitor.records import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    CheckRow,
    HostRow,
    Kind,
    NetworkRow,
    Phase,
    State,
)
from monitor.tui.board import Board
from monitor.tui.history import SPANS, Asked, History, due, main_check, read_history
from monitor.tui.lines import HostTarget, NetworkTarget
from monitor.tui.pages.band import phase_band
from monitor.tui.pages.plot import axis, buckets_of, gap_sign, history_plot
from monitor.tui.text import ASCII, UNICODE, Look
from tests.tui import past_evening
from tests.tui.past_evening import BACK, BEGIN, BLIND, CHECK, FELL, NOW, SIGHT

LOOK = Look(80, UNICODE, NOW)
NETWORK = NetworkRow("nk", "North", phase=Phase.RESTORED)


@pytest.fixture
def writer(cache, evening):
    shutil.copy(evening, cache)
    found = Writer(cache)
    yield found
    found.close()


def row_of(text: str, name: str) -> str:
    return next(
        line[line.index(f"{name} ") + len(name) + 1 :].strip("│| ")
        for line in text.splitlines()
        if f"{name} " in line[:12]
    )


async def test_z_zooms_out_and_capital_z_in(desk, look, writer):
    async with look(desk) as screen:
        text = await screen.press("enter")
        assert "last 24 h, z Z zoom" in text
        for name in ("7 d", "90 d", "1 h", "24 h"):
            assert f"last {name}" in await screen.press("z")
        assert "last 1 h" in await screen.press("Z")
        assert "z longer" in screen.lines[-1]
        assert "last 1 h" in await screen.press("enter")
        assert "Check ns1/icmp" in screen.text


async def test_a_gap_is_drawn_and_its_reason_said(desk, look, writer):
    async with look(desk, (120, 50)) as screen:
        await screen.press("enter")
        text = await screen.press("Z")
        states = row_of(text, "state")
        first, gap, second, up = (states.index(s) for s in ("✖", "░", "✖▁", "▁"))
        assert first < gap < second < up
        assert "our own link was down" in text
        share = states.count("░") / len(states)
        assert 0.12 < share < 0.24
        assert "░" in row_of(text, "lost")


async def test_the_band_of_a_network_knows_gaps_and_its_beginning(desk, look, writer):
    async with look(desk, (120, 50)) as screen:
        desk.open_target(NetworkTarget("nk"))
        await screen.settle()
        text = await screen.press("Z")
        band = next(line for line in text.splitlines() if "█░" in line).strip("│ ")
        assert band.index("█") < band.index("░") < band.index("▁")
        text = await screen.press("z")
        band = next(line for line in text.splitlines() if "··▁" in line).strip("│ ")
        assert band.count("·") / len(band) == pytest.approx(21 / 24, abs=0.03)


async def test_histories_end_at_the_moment_shown(make_desk, writer, look):
    async with look(make_desk(at=FELL - MINUTE), (120, 50)) as screen:
        await screen.press("enter")
        text = await screen.press("Z")
        assert set(row_of(text, "state")) <= {"▁", "░", " "}
        assert "15:20Z" in text
        assert "link was down" not in text
        assert "fell silent" not in text


async def test_histories_in_ascii(make_desk, writer, look):
    async with look(make_desk(ascii_only=True), (80, 60)) as screen:
        await screen.press("enter")
        text = await screen.press("Z")
        assert text.replace("\n", "").isascii()
        assert "x:" in row_of(text, "state")
        screen.desk.open_target(NetworkTarget("nk"))
        await screen.settle()
        assert screen.text.replace("\n", "").isascii()
        assert "L:" in screen.text


async def test_a_small_terminal_and_a_resize_take_the_plot_along(desk, look, writer):
    async with look(desk, (200, 60)) as screen:
        desk.open_target(HostTarget("ns1"))
        await screen.settle()
        wide = len(row_of(screen.text, "state"))
        await screen.pilot.resize_terminal(80, 40)
        await screen.settle()
        assert len(row_of(screen.text, "state")) < wide
        assert all(cell_len(line) == 80 for line in screen.lines)


def test_what_is_read_for_the_past_holds_nothing_later(cache, writer):
    writer.commit([past_evening.slow_run(BACK + 30 * SECOND)], [], {})
    reader = Reader(cache)
    asked = Asked(0, BACK + 32 * SECOND, 60, check=CHECK, network="nk", past=True)
    found = read_history(reader, asked)
    assert found.until == BACK + 30 * SECOND
    assert all(bucket.until <= asked.until for bucket in found.buckets)
    assert found.bands[-1].phase is Phase.STABLE
    assert [(gap.since, gap.until) for gap in found.gaps] == [(BLIND, SIGHT)]
    long = read_history(reader, Asked(1, NOW, 60, network="nk"))
    assert long.bands[0] == Band(NOW - DAY, BEGIN, Phase.UNKNOWN)
    assert all(a.until == b.since for a, b in zip(long.bands, long.bands[1:], strict=False))
    reader.close()


def test_a_history_is_read_anew_when_a_bucket_has_gone_by():
    drawn = Asked(0, NOW, 60, check=CHECK)
    assert due(drawn, None)
    assert not due(Asked(0, NOW + 30 * SECOND, 60, check=CHECK), drawn)
    assert due(Asked(0, NOW + 61 * SECOND, 60, check=CHECK), drawn)
    assert due(Asked(0, NOW - SECOND, 60, check=CHECK), drawn)
    assert due(Asked(1, NOW, 60, check=CHECK), drawn)
    past = Asked(0, NOW, 60, check=CHECK, past=True)
    assert not due(past, past)
    assert due(Asked(0, NOW + 1, 60, check=CHECK, past=True), past)


def test_the_main_check_is_the_echo_and_never_the_trace_if_there_is_another():
    board = Board()
    for kind in (Kind.TRACE, Kind.HTTP, Kind.ICMP):
        board.checks[f"h/{kind}"] = CheckRow(f"h/{kind}", "h", kind)
    assert main_check(HostRow("h", "h", checks=tuple(board.checks)), board) == "h/icmp"
    assert main_check(HostRow("h", "h", checks=("h/trace", "h/http")), board) == "h/http"
    assert main_check(HostRow("h", "h", checks=("h/trace",)), board) == "h/trace"
    assert main_check(HostRow("h", "h"), board) == ""


def made(buckets: list[Bucket]) -> History:
    return History(Asked(0, NOW, len(buckets)), NOW - HOUR, NOW, buckets)


def bucket(at: int, mid: float | None, *, gap: bool = False) -> Bucket:
    if gap or mid is None:
        return Bucket(at, at + 1, gap=gap)
    return Bucket(at, at + 1, 1, mid, mid, mid, 0.0, State.UP)


def test_a_curve_never_crosses_a_gap():
    buckets = [bucket(at, 40.0, gap=10 <= at < 20) for at in range(30)]
    for look in (LOOK, Look(80, ASCII, NOW)):
        a_cell = 1 if look.marks.ascii else 2
        rows = [line.text[9:] for line in history_plot(made(buckets), look)][:7]
        for row in rows:
            assert row[10 // a_cell : 20 // a_cell] == gap_sign(look.marks) * (10 // a_cell)
            assert gap_sign(look.marks) not in row[: 10 // a_cell] + row[20 // a_cell :]


def test_an_empty_history_says_so():
    said = history_plot(made([bucket(at, None, gap=True) for at in range(9)]), LOOK)
    assert "nothing was recorded in the last 1 h" in said[0].text


@given(
    width=st.integers(10, 240),
    mids=st.lists(st.none() | st.floats(0, 1e6), min_size=1, max_size=9),
    plain=st.booleans(),
)
def test_a_plot_fits_at_every_width(width, mids, plain):
    look = Look(width, ASCII if plain else UNICODE, NOW)
    size = buckets_of(width, look.marks)
    buckets = [bucket(at, mids[at % len(mids)]) for at in range(size)]
    for line in history_plot(made(buckets), look)[:-2]:
        assert cell_len(line.text) <= max(width, 18) or "recorded" in line.text


@pytest.mark.parametrize("span", range(len(SPANS)))
def test_an_axis_ends_at_both_ends_with_a_time(span):
    rule, text = axis(NOW - SPANS[span][0], NOW, 100, LOOK)
    assert rule.text[9] == rule.text[-1] == "┴"
    assert text.text[9] != " "
    assert text.text.endswith("Z")
    assert cell_len(text.text) == 109


def test_the_band_is_as_bad_as_the_worst_of_each_span():
    start = NOW - 6 * HOUR
    turns = [(start, Phase.STABLE), (NOW - HOUR, Phase.LOST), (NOW - MINUTE, Phase.RESTORED)]
    ends = [at for at, _ in turns[1:]] + [NOW]
    bands = [Band(at, end, phase) for (at, phase), end in zip(turns, ends, strict=True)]
    gap = Gap(start + HOUR, start + 2 * HOUR, "vantage:local", "own link down")
    history = History(Asked(1, NOW, 9), start, NOW, bands=bands, gaps=[gap])
    lines = phase_band(NETWORK, history, LOOK)
    letters = lines[2].text.strip()
    assert letters.index("▁") < letters.index("░") < letters.index("█")
    assert letters.endswith("█")
    assert "own link down" in lines[-1].text
    assert phase_band(NETWORK, None, LOOK) == []
    plain = phase_band(NETWORK, history, Look(80, ASCII, NOW))
    assert all(line.text.isascii() for line in plain[2:])


def test_at_opens_a_copied_cache_and_starts_no_collector(cache, writer, monkeypatch, capsys):
    options = cli.parser().parse_args(["--at", "2014-12-22T16:00", "--cache", str(cache)])
    before = {path.name for path in cache.parent.iterdir()}
    # Without a terminal it goes no further than the desk's own refusal.
    assert desk._view(options, None) == 2
    assert "needs a terminal" in capsys.readouterr().err
    assert {path.name for path in cache.parent.iterdir()} == before
