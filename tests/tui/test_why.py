"""Why and explanations, reached by keys from wherever one stands."""

from __future__ import annotations

from monitor.assess.words import rules_row
from monitor.cache.writer import Writer
from monitor.records import (
    MINUTE,
    Event,
    EventKind,
    Explanation,
    NetworkRow,
    Phase,
)
from monitor.tui.pages.band import phase_band
from monitor.tui.text import ASCII, UNICODE, Look
from tests.tui.desk_situation import NOW

LOOK = Look(80, UNICODE, NOW)


def turn(minutes: int, new: Phase) -> Event:
    at = NOW - minutes * MINUTE
    return Event(at, EventKind.TRANSITION, "network:nk", "x", new=new)


async def test_w_says_why_and_esc_comes_back(desk, look, writer: Writer):
    writer.commit([], [], {"rules": rules_row()})
    async with look(desk) as screen:
        before = screen.text
        shown = await screen.press("w")
        assert "Why " in shown
        assert "what would change it" in shown or "no change into this state" in shown
        assert await screen.press("w") == shown
        assert await screen.press("escape") == before


async def test_x_shows_the_explanations_of_the_network_and_decides_nothing(
    desk, look, writer: Writer
):
    async with look(desk) as screen:
        network = next(iter(desk.board.networks.values()))
        network.explanations = (
            Explanation(
                "a", "overload or DDoS", ("hours of instability",), (), ("routes",), (), 1
            ),
            Explanation("b", "cable cut", (), ("hours of instability",), (), (), 2),
        )
        network.fate = "all 9 lost hosts lie behind AS4837→AS131279"
        writer.commit([], [], {f"network:{network.id}": network})
        await screen.settle()
        shown = await screen.press("x")
        assert "undetermined" in shown
        assert shown.index("overload or DDoS") < shown.index("cable cut")
        assert "all 9 lost hosts lie behind" in shown
        assert "- hours of instability" in shown


def test_the_band_is_as_bad_as_the_worst_of_each_span():
    events = [turn(5, Phase.RESTORED), turn(60, Phase.LOST), turn(120, Phase.STABLE)]
    row = NetworkRow("nk", "North", phase=Phase.RESTORED)
    band = phase_band(row, events, LOOK)
    assert "6 h" in band[1].text
    assert {"█", "▂", "▁", "·"} <= set(band[2].text)
    assert band[2].text.index("▁") < band[2].text.index("█") < band[2].text.index("▂")
    assert phase_band(row, [], LOOK) == []
    plain = phase_band(row, events, Look(80, ASCII, NOW))
    assert plain[2].text.isascii()
