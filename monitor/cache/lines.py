"""The forms of the lines of an export: what the first says, and one form for each record."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from monitor.cache.rollup import FIVE
from monitor.cache.schema import CacheError
from monitor.entries import Entry as Spoken
from monitor.records import HOUR, Event, Micros, Observation

EXPORT_SCHEMA: Final = 2
# The first form that has links and seals.
CHAINED: Final = 2
WIDTHS: Final = {"fives": FIVE, "hours": HOUR}


class ArchiveError(CacheError):
    """The lines are not an export, or cannot be taken; one sentence for people."""


class Head(msgspec.Struct, tag="watchdesk-export"):
    """The first line.  ``until`` is 0 when the export goes to its own moment; ``synthetic``
    names the drill that made the data up, '' for real ones.
    """

    schema: int
    since: Micros = 0
    until: Micros = 0
    synthetic: str = ""


class Seen(msgspec.Struct, tag="observation", omit_defaults=True):
    """An observation, with the judge's letter for it (records.BEATS) where there is one."""

    observation: Observation
    beat: str = ""


class Said(msgspec.Struct, tag="event"):
    """A line of the event log, with its link in hex (chain.py)."""

    event: Event
    link: str = ""


class Told(msgspec.Struct, tag="said"):
    """An entry of the ledger, with its link in hex."""

    entry: Spoken
    link: str


class Sealed(msgspec.Struct, tag="seal"):
    """Where a chain begins; links in hex (chain.Seal)."""

    chain: str
    id: int
    at: Micros
    why: str
    before: str
    link: str


class Shown(msgspec.Struct, tag="row", omit_defaults=True):
    """A current row, and the judge's memory apart."""

    subject: str
    version: int
    row: Any
    memory: Any = None


class Entry(msgspec.Struct, tag="entry"):
    """What the board said of a subject from ``at`` on, without figures."""

    subject: str
    at: Micros
    row: Any


class Roll(msgspec.Struct, tag="roll-up", omit_defaults=True):
    """Runs of a check in five minutes or an hour from ``at``; see the table's columns."""

    check: str
    tier: str
    at: Micros
    figures: tuple[int | None, ...]
    outcome: str
    reason: str | None
    beats: str


class Asked(msgspec.Struct, tag="request"):
    """What a person asked of the collector."""

    request: tuple[int, Micros, str, str, str, str]


class Rolled(msgspec.Struct, tag="rolled"):
    """Up to when a check is rolled up, and the slots that must be rolled up again."""

    check: str
    until: Micros
    late: tuple[int, ...] = ()


class Mark(msgspec.Struct, tag="mark"):
    """A number the cache remembers about itself."""

    name: str
    value: int


Line = Head | Sealed | Seen | Said | Told | Shown | Entry | Roll | Asked | Rolled | Mark
