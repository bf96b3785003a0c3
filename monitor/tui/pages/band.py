"""The phases of a network as a band over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from monitor.records import DAY, HOUR, Event, EventKind, Micros, NetworkRow, Phase
from monitor.tui.lines import Line, Span, heading, line
from monitor.tui.text import Look, clock, day, state_of

# The shortest that holds the last changes is drawn.
_SPANS: Final = ((6 * HOUR, "6 h"), (DAY, "24 h"), (7 * DAY, "7 d"), (30 * DAY, "30 d"))
_ENOUGH: Final = 4
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


def phase_band(row: NetworkRow, events: Sequence[Event], look: Look) -> list[Line]:
    """``events`` newest first; the higher the bar, the worse.  Before the first: unknown."""
    turns = [
        (event.at, Phase(event.new))
        for event in events
        if event.kind is EventKind.TRANSITION and event.hard
    ][::-1]
    if not turns:
        return []
    now = look.now
    span, name = next(
        (each for each in _SPANS if _tells(turns, now - each[0])),
        _SPANS[-1],
    )
    width = max(20, look.width - 2)
    letters = _ASCII if look.marks.ascii else _LETTERS
    spans: list[Span] = [(" ", "text")]
    for cell in range(width):
        since = now - span + span * cell // width
        until = now - span + span * (cell + 1) // width
        worst = _worst(turns, since, until)
        spans.append((letters[worst], state_of(worst).lower()))
    start = now - span
    label = f" {day(start)} {clock(start)}"
    end = "now " + row.phase
    gap = " " * max(1, width + 1 - len(label) - len(end))
    return [
        Line(),
        heading(" Phases", f"last {name}; the taller the worse"),
        Line(tuple(spans)),
        line((label, "dim"), (gap, "text"), (end, "dim")),
    ]


def _tells(turns: Sequence[tuple[Micros, Phase]], start: Micros) -> bool:
    """Whether enough of the changes lie after ``start``."""
    inside = sum(at >= start for at, _ in turns)
    return inside >= min(_ENOUGH, len(turns))


_RANK: Final = (
    Phase.STABLE,
    Phase.RESTORED,
    Phase.UNKNOWN,
    Phase.UNSTABLE,
    Phase.PARTIAL,
    Phase.LOST,
)


def _worst(turns: Sequence[tuple[Micros, Phase]], since: Micros, until: Micros) -> Phase:
    """The worst phase that held at some time in between."""
    held = [Phase.UNKNOWN]
    for at, phase in turns:
        if at >= until:
            break
        if at <= since:
            held = [phase]
        else:
            held.append(phase)
    return max(held, key=_RANK.index)
