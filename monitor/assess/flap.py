"""Flapping: Icinga's weighted ring, and a wall-clock rule for what a ring cannot see.

The ring is an int of ``slots`` bits, newest lowest; a set bit means that the result
differed from the one before.  Weights run from 0.80 (oldest) to 1.18 (newest), as in
Icinga 2's ``checkable-flapping.cpp``.  A slow flicker (five down, five up) never trips a
ring that counts results, so hard changes are counted by the clock as well.
"""

from __future__ import annotations

from monitor.assess.rules import Rules
from monitor.records import Micros


def push(ring: int, changed: bool, slots: int) -> int:
    """The ring with one more result."""
    return ((ring << 1) | changed) & ((1 << slots) - 1)


def ring_percent(ring: int, slots: int) -> float:
    """Weighted share of changes in the ring, in percent."""
    total = 0.0
    for age in range(slots):
        if ring >> age & 1:
            total += 0.80 + 0.02 * (slots - 1 - age)
    return 100.0 * total / slots


def recent_changes(times: list[Micros], now: Micros, rules: Rules) -> list[Micros]:
    """The hard changes that still count for the wall-clock rule."""
    return [at for at in times if now - at <= rules.flicker_span]


def is_flapping(was: bool, ring: int, times: list[Micros], rules: Rules) -> bool:
    """Whether a check flaps now, given whether it did (hysteresis)."""
    if len(times) >= rules.flicker_count:
        return True
    if not ring:
        return False
    percent = ring_percent(ring, rules.flap_slots)
    return percent > rules.flap_start or (was and percent >= rules.flap_stop)
