"""The phases of a network as a band over time."""

from __future__ import annotations

from typing import Final

from monitor.cache.series import Gap
from monitor.records import Micros, NetworkRow, Phase
from monitor.tui.history import History
from monitor.tui.lines import Line, heading, line
from monitor.tui.pages.plot import axis, gap_lines, gap_sign, joined
from monitor.tui.text import Look, state_of

_LETTERS: Final = {
    Phase.STABLE: "▁",
    Phase.RESTORED: "▂",
    Phase.UNSTABLE: "▄",
    Phase.PARTIAL: "▆",
    Phase.LOST: "█",
    Phase.UNKNOWN: "·",
}
_ASCII: Final = {
    Phase.STABLE: "_",
    Phase.RESTORED: "r",
    Phase.UNSTABLE: "u",
    Phase.PARTIAL: "p",
    Phase.LOST: "L",
    Phase.UNKNOWN: "?",
}
_RANK: Final = (
    Phase.UNKNOWN,
    Phase.STABLE,
    Phase.RESTORED,
    Phase.UNSTABLE,
    Phase.PARTIAL,
    Phase.LOST,
)


def phase_band(row: NetworkRow, history: History | None, look: Look) -> list[Line]:
    """The higher the bar, the worse; a cell shows the worst phase that held in it, and is a
    gap where most of it is one.
    """
    if history is None or not history.bands:
        return []
    width = max(20, look.width - 2)
    letters = _ASCII if look.marks.ascii else _LETTERS
    signs = []
    since, span = history.since, history.until - history.since
    for cell in range(width):
        edges = since + span * cell // width, since + span * (cell + 1) // width
        if _blind(history.gaps, edges):
            signs.append((gap_sign(look.marks), "unknown"))
            continue
        worst = _worst(history, edges)
        signs.append((letters[worst], state_of(worst).lower()))
    said = f"last {history.name}, now {row.phase}; the taller the worse; z Z zoom"
    return [
        Line(),
        heading(" Phases", said),
        line((" ", "text"), *joined(signs)),
        *axis(since, history.until, width, look, label=1),
        *gap_lines(history.gaps, look),
    ]


def _worst(history: History, edges: tuple[Micros, Micros]) -> Phase:
    """The worst phase that held at some time in between."""
    held = [band.phase for band in history.bands if _overlap(band.since, band.until, edges)]
    return max(held, key=_RANK.index, default=Phase.UNKNOWN)


def _blind(gaps: list[Gap], edges: tuple[Micros, Micros]) -> bool:
    blind = sum(_overlap(gap.since, gap.until, edges) for gap in gaps)
    return blind * 2 > edges[1] - edges[0]


def _overlap(since: Micros, until: Micros, edges: tuple[Micros, Micros]) -> Micros:
    return max(0, min(until, edges[1]) - max(since, edges[0]))
