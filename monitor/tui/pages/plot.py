"""A plot of round-trip times and loss in braille, or in plain ASCII."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from monitor.records import Observation, Outcome
from monitor.tui.lines import Line, Span, line
from monitor.tui.text import Marks, clock, milliseconds, right

_DOTS: Final = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
_LABEL: Final = 9


def plot(
    observations: Sequence[Observation], width: int, height: int, marks: Marks
) -> list[Line]:
    """``observations`` newest first; two runs a cell in braille, newest at the right.

    The scale runs from zero to the slowest run shown.  A run that failed has a mark in the
    line below the plot, so that a gap in the curve is never mistaken for speed.
    """
    room = max(4, width - _LABEL - 2)
    per_cell = 1 if marks.ascii else 2
    shown = list(reversed(observations[: room * per_cell]))
    rtts = [run.rtt_ms for run in shown]
    top = max((rtt for rtt in rtts if rtt is not None), default=None)
    if top is None:
        lines: list[Line] = []
    else:
        rows = _ascii(rtts, top, height) if marks.ascii else _braille(rtts, top, height)
        lines = [
            line((_label(at, height, top), "dim"), (row, "accent"))
            for at, row in enumerate(rows)
        ]
    lines.append(line((right("lost ", _LABEL), "dim"), *_losses(shown, per_cell, marks)))
    if shown:
        first, last = clock(shown[0].at), clock(shown[-1].at)
        used = -(-len(shown) // per_cell)
        gap = max(1, used - len(first) - len(last))
        lines.append(line((" " * _LABEL + first + " " * gap + last, "dim")))
    return lines


def _label(row: int, height: int, top: float) -> str:
    if row == 0:
        return right(f"{milliseconds(top)} ", _LABEL)
    return right("0 " if row == height - 1 else "", _LABEL)


def _braille(rtts: Sequence[float | None], top: float, height: int) -> list[str]:
    cells = [[0x2800] * (-(-len(rtts) // 2)) for _ in range(height)]
    steps = height * 4
    for at, rtt in enumerate(rtts):
        if rtt is None:
            continue
        level = min(steps - 1, int(rtt / top * (steps - 1) + 0.5)) if top > 0 else 0
        cells[height - 1 - level // 4][at // 2] |= _DOTS[at % 2][level % 4]
    return ["".join(map(chr, row)) for row in cells]


def _ascii(rtts: Sequence[float | None], top: float, height: int) -> list[str]:
    rows = [[" "] * len(rtts) for _ in range(height)]
    for at, rtt in enumerate(rtts):
        if rtt is not None:
            level = min(height - 1, int(rtt / top * (height - 1) + 0.5)) if top > 0 else 0
            rows[height - 1 - level][at] = "*"
    return ["".join(row) for row in rows]


def _losses(shown: Sequence[Observation], per_cell: int, marks: Marks) -> list[Span]:
    """One sign a cell: nothing lost, some, all, or we could not look."""
    spans: list[Span] = []
    for at in range(0, len(shown), per_cell):
        worst = max(shown[at : at + per_cell], key=_badness)
        match _badness(worst):
            case 0:
                spans.append((marks.levels[0], "dim"))
            case 1:
                spans.append((marks.levels[3], "degraded"))
            case 2:
                spans.append((marks.unknown, "unknown"))
            case _:
                spans.append((marks.down, "down"))
    return spans


def _badness(run: Observation) -> int:
    if run.outcome == Outcome.FAIL:
        return 3
    if run.outcome in (Outcome.ERROR, Outcome.SKIPPED):
        return 2
    return 1 if run.received < run.sent or run.outcome == Outcome.WARN else 0
