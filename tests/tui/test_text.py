"""Words, numbers and times keep their places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from monitor.records import DAY, HOUR, MINUTE, SECOND, Hosting, HostRow, clean_text
from monitor.tui.lines import wrap
from monitor.tui.pages.host import beats_spans
from monitor.tui.text import (
    ASCII,
    BEAT_LETTERS,
    UNICODE,
    duration,
    fit,
    hosting_of,
    milliseconds,
    right,
    short_duration,
    since,
    zone_clock,
)
from monitor.tui.widgets.hosts import columns
from tests.tui.desk_situation import NOW


@given(st.text().map(clean_text), st.integers(0, 60))
def test_fitted_text_has_exactly_its_width(text: str, width: int):
    assert cell_len(fit(text, width)) == width


@given(st.text().map(clean_text), st.integers(-5, 40))
def test_wrapped_text_loses_nothing_and_keeps_its_width(text: str, width: int):
    rows = wrap(text, width)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")
    assert all(cell_len(row) <= max(8, width) for row in rows)


@pytest.mark.parametrize(
    ("span", "long", "short"),
    [
        (0, "0s", "0s"),
        (-5, "0s", "0s"),
        (400 * SECOND, "6m40s", "6m"),
        (3 * HOUR + 5 * MINUTE, "3h05m", "3h"),
        (9 * DAY, "9d", "9d"),
    ],
)
def test_durations(span: int, long: str, short: str):
    assert (duration(span), short_duration(span)) == (long, short)


def test_clocks_say_when_the_day_differs():
    assert zone_clock("Asia/Pyongyang", NOW) == "Pyongyang 01:21 +1d"
    assert zone_clock("America/New_York", NOW) == "New York 11:21"
    assert zone_clock("Nowhere/At_All", NOW) == ""
    assert since(NOW - DAY, NOW) == "12-21 16:21Z"
    assert since(0, NOW) == "—"


@pytest.mark.parametrize(
    ("value", "said"), [(None, "—"), (0.44, "0.4 ms"), (43.2, "43 ms"), (1203.0, "1.20 s")]
)
def test_milliseconds(value: float | None, said: str):
    assert milliseconds(value) == said
    assert len(right(said, 7)) == 7


def test_hosting_tells_voice_place_and_as():
    row = HostRow("h", "h", affiliation="KP", hosting=Hosting("a", asn=4837, country="CN"))
    assert hosting_of(row, UNICODE) == "KP→CN AS4837"
    assert hosting_of(row, ASCII) == "KP>CN AS4837"
    assert hosting_of(HostRow("h", "h", affiliation="north-korea"), UNICODE) == "NK"
    assert hosting_of(HostRow("h", "h"), UNICODE) == "—"


def test_every_ascii_sign_is_ascii_and_of_one_cell():
    for name in ASCII.__struct_fields__:
        value = getattr(ASCII, name)
        if isinstance(value, str):
            assert value.isascii(), name
            assert cell_len(getattr(UNICODE, name)) == len(getattr(UNICODE, name)), name
    assert len(UNICODE.beats) == len(ASCII.beats) == len(BEAT_LETTERS)


@given(st.binary(max_size=80), st.integers(1, 60))
def test_the_bar_keeps_its_width_whatever_the_runs_are(beats: bytes, width: int):
    assert sum(cell_len(text) for text, _ in beats_spans(beats, width, UNICODE)) == width


@given(st.integers(60, 300), st.integers(1, 60))
def test_columns_fit_the_panel(width: int, longest: int):
    found = columns(width, longest)
    fixed = 13 + 7 + 4
    cells = [found.name, found.hosting, found.beats, found.since]
    cells += [found.address] if found.address else []
    cells += [found.why] if found.why else []
    assert fixed + sum(cells) + len(cells) + 2 <= width
