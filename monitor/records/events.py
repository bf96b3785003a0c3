"""Lines of the event log."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from monitor.records.observed import Observation
from monitor.records.states import Reason
from monitor.records.times import Micros


class EventKind(StrEnum):
    """Kinds of lines in the event log."""

    TRANSITION = "transition"
    FLAPPING = "flapping"
    VANTAGE = "vantage"
    PATH = "path"
    ROUTE = "route"
    HOSTING = "hosting"
    GAP = "gap"
    COLLECTOR = "collector"
    WATCHLIST = "watchlist"
    HEALTH = "health"
    NOTE = "note"
    ACK = "ack"
    ALERT = "alert"


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the event log.

    ``subject`` is ``host:ID``, ``check:ID``, ``network:ID``, ``vantage:NAME``,
    ``feed:NAME`` or ``collector``.  ``old`` and ``new`` are states, phases or vantage
    healths.  A soft transition has ``hard`` False.  ``evidence`` holds the observations
    that caused it, so that it outlives the raw data; ``rule`` names the rule that fired.
    ``since`` and ``until`` bound a gap.  A ``quiet`` event is true but no news by itself:
    a soft step, a first look, a check whose host says it better.  ``id`` is given by the
    cache.
    """

    at: Micros
    kind: EventKind
    subject: str
    text: str
    old: str = ""
    new: str = ""
    hard: bool = True
    reason: Reason = Reason.NONE
    rule: str = ""
    since: Micros = 0
    until: Micros = 0
    evidence: tuple[Observation, ...] = ()
    quiet: bool = False
    id: int = 0
