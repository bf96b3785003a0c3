"""The page of one check: its history as a plot and run by run."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.records import CheckRow, Observation
from monitor.tui.history import History
from monitor.tui.lines import Line, field, heading, line
from monitor.tui.pages.event import observation_line
from monitor.tui.pages.host import beats_spans, state_spans
from monitor.tui.pages.plot import history_lines
from monitor.tui.text import Look, duration


def check_page(
    row: CheckRow, runs: Sequence[Observation], history: History | None, look: Look
) -> list[Line]:
    """``runs`` newest first, as the cache gives them; ``history`` None while it is read."""
    width, marks, now = look.width, look.marks, look.now
    lines = [line((" ", "text"), *state_spans(row, marks, now)), Line()]
    every = f"{row.kind} every {row.interval_s:g} s"
    attempt = f", attempt {row.attempt} of its change" if row.attempt else ""
    lines.append(field("check", (f"{row.id}  {every}{attempt}", "text")))
    if row.last is not None:
        asked = row.last.address or marks.none
        age = f"{duration(now - row.last.at)} ago, took {row.last.took_ms:.0f} ms"
        lines.append(field("last run", (age, "text"), (f"  asked {asked}", "dim")))
    lines.append(
        field("runs", *beats_spans(row.beats, min(len(row.beats), max(8, width - 16)), marks))
    )
    lines += history_lines(history, look)
    lines += [Line(), heading(" Observations", "newest first, enter opens the raw answer")]
    lines += [observation_line(run, marks, width) for run in runs]
    if not runs:
        lines.append(line((" none in the cache", "dim")))
    return lines
