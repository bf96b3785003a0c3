"""When the network of the drill was lost, and what people said of it."""

from __future__ import annotations

from typing import Final

from monitor.records import MINUTE

LOST_AT: Final = 1_419_264_900_000_000
SINCE: Final = LOST_AT - 25 * MINUTE
UNTIL: Final = LOST_AT + 25 * MINUTE
NETWORK: Final = "north-korea"
