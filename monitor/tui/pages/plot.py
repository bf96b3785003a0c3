"""The history of a check: round trips, states and losses over a span of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.cells import cell_len

from monitor.cache.series import Bucket, Gap
from monitor.records import DAY, Micros, State
from monitor.tui.history import History
from monitor.tui.lines import Line, Span, heading, line
from monitor.tui.text import Look, Marks, duration, fit, milliseconds, moment, right, stamp

_DOTS: Final = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))
LABEL: Final = 9
_HEIGHT: Final = 5
_GAPS_SAID: Final = 3
_TICK: Final = 18
_WORST: Final = (State.DOWN, State.UNREACHABLE, State.DEGRADED, State.UP)


def room(width: int) -> int:
    """Cells a plot has beside its scale."""
    return max(8, width - LABEL - 1)


def buckets_of(width: int, marks: Marks) -> int:
    """How many buckets a plot of this width takes: two a cell in braille."""
    return room(width) * (1 if marks.ascii else 2)


def gap_sign(marks: Marks) -> str:
    """What stands where nothing is known; nothing else is drawn with it."""
    return ":" if marks.ascii else "░"


def history_lines(history: History | None, look: Look, check: str = "") -> list[Line]:
    """The part of a page that tells of round trips; ``check`` where that is not plain."""
    said = f"last {history.name}, z Z zoom" if history is not None else "being read"
    whose = f"{check}, " if check else ""
    lines = [Line(), heading(" Round-trip time", whose + said)]
    return lines + (history_plot(history, look) if history is not None else [])


def history_plot(history: History, look: Look) -> list[Line]:
    """The scale runs from zero to the slowest median shown.

    A cell of which nothing is known is filled from top to bottom: a gap is never a curve, and
    never an empty sky either.
    """
    marks, buckets = look.marks, history.buckets
    if not any(bucket.runs for bucket in buckets):
        text = f" nothing was recorded in the last {history.name}"
        return [line((text, "dim")), *gap_lines(history.gaps, look)]
    pairs = _cells(buckets, 1 if marks.ascii else 2)
    mids = [bucket.mid_ms for bucket in buckets]
    top = max((mid for mid in mids if mid is not None), default=None)
    lines: list[Line] = []
    if top is not None:
        rows = _ascii(mids, top) if marks.ascii else _braille(mids, top)
        for at, row in enumerate(rows):
            spans = _filled(row, pairs, marks)
            lines.append(line((_scale(at, top), "dim"), *spans))
    lines.append(line((right("state ", LABEL), "dim"), *_states(pairs, marks)))
    lines.append(line((right("lost ", LABEL), "dim"), *_losses(pairs, marks)))
    lines += axis(history.since, history.until, len(pairs), look)
    return [*lines, *gap_lines(history.gaps, look)]


def axis(
    since: Micros, until: Micros, cells: int, look: Look, label: int = LABEL
) -> list[Line]:
    """A tick and a time below every so many cells, the last at the right end; UTC."""
    marks = look.marks
    ticks = max(1, cells // _TICK)
    form = "%H:%M" if until - since <= DAY else "%m-%d %H:%M"
    if until - since > 30 * DAY:
        form = "%m-%d"
    rule = [marks.rule] * cells
    text = ""
    for tick in range(ticks + 1):
        at = since + (until - since) * tick // ticks
        said = f"{moment(at):{form}}" + ("Z" if tick == ticks else "")
        place = (cells - 1) * tick // ticks
        rule[place] = "+" if marks.ascii else "┴"
        start = place if tick == 0 else place - cell_len(said) // 2
        start = cells - cell_len(said) if tick == ticks else start
        if start > len(text) or not text:
            text = text.ljust(max(0, start)) + said
    return [
        line((" " * label + "".join(rule), "dim")),
        line((" " * label + text, "dim")),
    ]


def gap_lines(gaps: Sequence[Gap], look: Look) -> list[Line]:
    """The newest gaps with their reasons."""
    shown = sorted(gaps, key=lambda gap: gap.since)[-_GAPS_SAID:]
    lines: list[Line] = []
    for gap in reversed(shown):
        sign = gap_sign(look.marks)
        span = f"{stamp(gap.since)}, {duration(gap.until - gap.since)}"
        text = fit(f"nothing known from {span}: {gap.why}", max(20, look.width - 4))
        lines.append(line((f" {sign} ", "unknown"), (text.rstrip(), "dim")))
    if len(gaps) > _GAPS_SAID:
        lines.append(line((f"   and {len(gaps) - _GAPS_SAID} gaps before", "dim")))
    return lines


def joined(signs: Iterable[Span]) -> list[Span]:
    """Neighbours of one style in one span."""
    spans: list[Span] = []
    for text, style in signs:
        if spans and spans[-1][1] == style:
            spans[-1] = (spans[-1][0] + text, style)
        else:
            spans.append((text, style))
    return spans


def _cells(buckets: Sequence[Bucket], a_cell: int) -> list[Sequence[Bucket]]:
    return [buckets[at : at + a_cell] for at in range(0, len(buckets), a_cell)]


def _blind(cell: Sequence[Bucket]) -> bool:
    """Whether nothing is known of any part of a cell."""
    return all(bucket.gap for bucket in cell)


def _scale(row: int, top: float) -> str:
    if row == 0:
        return right(f"{milliseconds(top)} ", LABEL)
    return right("0 " if row == _HEIGHT - 1 else "", LABEL)


def _filled(row: str, cells: Sequence[Sequence[Bucket]], marks: Marks) -> list[Span]:
    return joined(
        (gap_sign(marks), "unknown") if _blind(cell) else (sign, "accent")
        for sign, cell in zip(row, cells, strict=True)
    )


def _braille(mids: Sequence[float | None], top: float) -> list[str]:
    cells = [[0x2800] * (-(-len(mids) // 2)) for _ in range(_HEIGHT)]
    for at, mid in enumerate(mids):
        if mid is not None:
            level = _level(mid, top, _HEIGHT * 4)
            cells[_HEIGHT - 1 - level // 4][at // 2] |= _DOTS[at % 2][level % 4]
    return ["".join(map(chr, row)) for row in cells]


def _ascii(mids: Sequence[float | None], top: float) -> list[str]:
    rows = [[" "] * len(mids) for _ in range(_HEIGHT)]
    for at, mid in enumerate(mids):
        if mid is not None:
            rows[_HEIGHT - 1 - _level(mid, top, _HEIGHT)][at] = "*"
    return ["".join(row) for row in rows]


def _level(value: float, top: float, steps: int) -> int:
    return min(steps - 1, int(value / top * (steps - 1) + 0.5)) if top > 0 else 0


def _states(cells: Sequence[Sequence[Bucket]], marks: Marks) -> list[Span]:
    """The worst of each cell; between two runs the last one stands."""
    signs: list[Span] = []
    last: Span = (" ", "text")
    for cell in cells:
        worst = next((one for one in _WORST if any(b.worst is one for b in cell)), None)
        if worst is not None:
            last = (_sign(worst, marks), worst.lower())
        elif _blind(cell):
            last = (gap_sign(marks), "unknown")
        elif any(bucket.runs for bucket in cell):
            last = (marks.unknown, "unknown")
        elif last[0] == gap_sign(marks):
            last = (" ", "text")
        signs.append(last)
    return joined(signs)


def _sign(state: State, marks: Marks) -> str:
    match state:
        case State.UP:
            return marks.levels[0]
        case State.DEGRADED:
            return marks.levels[3]
        case _:
            return str(getattr(marks, state.lower()))


def _losses(cells: Sequence[Sequence[Bucket]], marks: Marks) -> list[Span]:
    """The higher the bar, the more was lost; between two runs the last one stands."""
    signs: list[Span] = []
    last: Span = (" ", "text")
    for cell in cells:
        lost = max((bucket.loss for bucket in cell if bucket.loss is not None), default=None)
        if lost is not None and not _blind(cell):
            last = _lost(lost, marks)
        elif _blind(cell):
            last = (gap_sign(marks), "unknown")
        elif last[0] == gap_sign(marks):
            last = (" ", "text")
        signs.append(last)
    return joined(signs)


def _lost(fraction: float, marks: Marks) -> Span:
    if fraction == 0:
        return (marks.levels[0], "dim")
    style = "down" if fraction >= 1 else "degraded"
    return (marks.levels[max(1, _level(fraction, 1.0, len(marks.levels)))], style)
