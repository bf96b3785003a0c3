"""The desk's clock in a drill, and what a drill says of itself."""

from __future__ import annotations

import time
from typing import Final

from monitor.records import SECOND, CollectorRow, Micros

# Between two words of the drill its time is drawn on by the speed, but never further.
_AHEAD_S: Final = 1.0
_SILENT_S: Final = 8.0


class DrillClock:
    """Simulated time on the desk: the drill's last word, carried on at the drill's speed."""

    def __init__(self) -> None:
        self._row: CollectorRow | None = None
        self._heard = 0.0

    def hear(self, row: CollectorRow | None) -> bool:
        """Take in the newest word; returns whether this is a drill at all."""
        if row is None or row.clock != "simulated":
            return False
        if self._row is None or row.beat != self._row.beat or row.paused != self._row.paused:
            self._heard = time.monotonic()
        self._row = row
        return True

    def now(self) -> Micros:
        row = self._row
        if row is None:
            return 0
        if row.paused or row.stopped:
            return row.beat
        passed = min(_AHEAD_S, time.monotonic() - self._heard)
        return row.beat + int(passed * row.speed * SECOND)

    @property
    def silent(self) -> bool:
        """Whether the drill has ended or hangs."""
        row = self._row
        if row is None or row.stopped:
            return True
        return not row.paused and time.monotonic() - self._heard > _SILENT_S


def speed_said(row: CollectorRow | None) -> str:
    """The drill's speed, pause or end, for the banner; '' when this is no drill."""
    if row is None or not row.drill:
        return ""
    if row.ends and row.beat >= row.ends:
        return "OVER: q for the debriefing"
    if row.paused:
        return "PAUSED"
    return f"{row.speed:.0f} x"
