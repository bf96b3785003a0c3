"""Moments and spans as reports write them; zones with the offset they had at the time."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from monitor.records import DAY, HOUR, MINUTE, SECOND, Micros

_LAST_MOMENT: Final = 253_402_300_799


def moment(at: Micros) -> dt.datetime:
    return dt.datetime.fromtimestamp(min(max(at, 0) // SECOND, _LAST_MOMENT), tz=dt.UTC)


def stamp(at: Micros) -> str:
    """``2014-12-22 16:14:44Z``."""
    return f"{moment(at):%Y-%m-%d %H:%M:%S}Z"


def clock(at: Micros) -> str:
    """``22 Dec 16:14:44``: within a report whose span is named."""
    return f"{moment(at):%d %b %H:%M:%S}"


def local(at: Micros, zone: str) -> str:
    """``23 Dec 01:14:44 +09:00`` in a zone of the IANA database, '' for the machine's own.

    The offset is that of the moment: Pyongyang is +09:00 in 2014 and +08:30 in 2016.  A zone
    that is not known is said in UTC.
    """
    try:
        there = moment(at).astimezone(ZoneInfo(zone) if zone else None)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        there = moment(at)
    offset = f"{there:%z}"
    return f"{there:%d %b %H:%M:%S} {offset[:3]}:{offset[3:5]}"


def span(length: Micros) -> str:
    """Two units at most: ``42 s``, ``6 min 40 s``, ``9 h 31 min``, ``3 d 4 h``."""
    length = max(0, length)
    for unit, name, small, less in (
        (DAY, "d", HOUR, "h"),
        (HOUR, "h", MINUTE, "min"),
        (MINUTE, "min", SECOND, "s"),
    ):
        if length >= unit:
            rest = length % unit // small
            return f"{length // unit} {name}" + (f" {rest} {less}" if rest else "")
    return f"{length // SECOND} s"
