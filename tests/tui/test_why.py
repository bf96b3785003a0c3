"""Why and explanations, reached by keys from wherever one stands."""

from __future__ import annotations

from monitor.assess.words import rules_row
from monitor.cache.writer import Writer
from monitor.records import Explanation


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
