"""For how long a watchlist's cache keeps what: ``[keep] raw five_minutes hourly``."""

from __future__ import annotations

from functools import partial
from typing import Final

from monitor.watchlist import values
from monitor.watchlist.model import Keep
from monitor.watchlist.reader import Table

_DAY_S: Final = 86_400.0
# A day is looked back at on most screens; beyond twenty years there is no hurry.
_LEAST: Final = _DAY_S
_MOST: Final = 7_300 * _DAY_S


def read_keep(top: Table) -> Keep:
    """The spans of each tier; a coarser one is kept at least as long as a finer one."""
    table = top.table("keep")
    plain, span = Keep(), partial(values.seconds, low=_LEAST, high=_MOST)
    raw = table.read("raw", span, plain.raw_s)
    fives = table.read("five_minutes", span, max(plain.fives_s, raw))
    hours = table.read("hourly", span, max(plain.hours_s, fives))
    table.finish()
    for key, finer, coarser in (("five_minutes", raw, fives), ("hourly", fives, hours)):
        if coarser < finer:
            least = f"at least {values.duration_text(finer)}, as long as the finer tier"
            table.wrong(key, values.duration_text(coarser), least)
            return plain
    return Keep(raw, fives, hours)
