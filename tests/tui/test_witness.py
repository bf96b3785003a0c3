"""The independent witness on the page of a network."""

from __future__ import annotations

import msgspec

from monitor.cache.reader import Changes, Cursor
from monitor.records import FeedState, WitnessRow, WitnessSign
from monitor.tui.pages.network import network_page
from tests.tui.test_routes import LOOK, NOW, boarded, net, text


def test_the_page_has_a_line_a_series_and_says_when_nobody_is_asked():
    board = boarded(net())
    assert "witness      IODA: not asked" in text(network_page(net(), board, (), LOOK))
    sign = WitnessSign("bgp", "AS131279", FeedState.LIVE, value=0.0, usual=4.0, at=NOW)
    row = WitnessRow("kp", FeedState.LIVE, signs=(sign,))
    board.apply(Changes([row], [], Cursor(1, 1), more=False, fresh=False))
    said = text(network_page(net(), board, (), LOOK))
    assert "witness      IODA bgp AS131279: 0 /24 blocks routed, usually 4, as of " in said
    away = msgspec.structs.replace(row, removed=True)
    board.apply(Changes([away], [], Cursor(2, 2), more=False, fresh=False))
    assert board.witnesses == {}
