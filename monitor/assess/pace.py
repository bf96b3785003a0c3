"""How soon to look again: sooner on probation, later when long down (DESIGN 4.2)."""

from __future__ import annotations

from monitor.assess.check import is_heavy
from monitor.assess.host import BAD
from monitor.assess.rules import RULES, Rules
from monitor.records import CheckRow, Micros


def retry_after(
    row: CheckRow, now: Micros, *, sentinel: bool, rules: Rules = RULES
) -> float | None:
    """Seconds until the next look, or None for the check's own tick.

    A check on probation is looked at every 15 s.  A heavy one that has been down for half
    an hour backs off to 5 minutes, unless it is its prefix's sentinel.
    """
    if row.soft is not None or (
        row.memory is not None and 0 < row.memory.fails < rules.attempts
    ):
        return min(rules.retry_s, row.interval_s)
    if (
        row.state in BAD
        and is_heavy(row.kind)
        and not sentinel
        and now - row.since >= rules.back_off_after
    ):
        return max(rules.back_off_s, row.interval_s)
    return None
