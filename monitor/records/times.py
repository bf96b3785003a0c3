"""Moments and spans, in microseconds."""

from __future__ import annotations

from typing import Final

Micros = int


SECOND: Final = 1_000_000


MINUTE: Final = 60 * SECOND


HOUR: Final = 60 * MINUTE


DAY: Final = 24 * HOUR
