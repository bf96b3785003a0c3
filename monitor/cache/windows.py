"""When a maintenance is: wall time in its zone turned into spans of UTC."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from monitor.entries import LATEST, LONGEST_WINDOW, Maintenance, Weekly
from monitor.records import DAY, MINUTE, SECOND, Micros

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# A window of the past may reach into the span; a zone is at most a day from UTC.
_BEFORE: Final = LONGEST_WINDOW + 2 * DAY
_AHEAD: Final = 9 * DAY


class Window(NamedTuple):
    """From ``since`` up to, but not including, ``until`` (0: until somebody ends it)."""

    since: Micros
    until: Micros


def windows(body: Maintenance, since: Micros, until: Micros) -> Iterator[Window]:
    """The windows that have something of ``since <= t < until``, by their start."""
    if body.weekly is None:
        found = iter([Window(body.since, body.until)])
    else:
        found = _weekly(body, body.weekly, since, until)
    for window in found:
        if window.since < until and window.until > since:
            yield window


def current(body: Maintenance, at: Micros) -> Window | None:
    """The window that ``at`` lies in."""
    return next(windows(body, at, at + 1), None)


def upcoming(body: Maintenance, at: Micros) -> Window | None:
    """The first window that begins after ``at``; a one-off however far, others in a week."""
    until = max(at, body.since) + _AHEAD
    return next((one for one in windows(body, at + 1, until) if one.since > at), None)


def _weekly(
    body: Maintenance, weekly: Weekly, since: Micros, until: Micros
) -> Iterator[Window]:
    last = min(until, body.until or until)
    day = _date(max(since, body.since) - _BEFORE)
    end = _date(last + 2 * DAY)
    while day <= end:
        if day.weekday() in weekly.days:
            begins = instant(day, weekly.start, weekly.timezone)
            ends = begins + weekly.minutes * MINUTE
            begins, ends = max(begins, body.since), min(ends, body.until or ends)
            if begins < ends:
                yield Window(begins, ends)
        day += dt.timedelta(days=1)


def instant(day: dt.date, minutes: int, timezone: str) -> Micros:
    """When the wall clock of a zone shows so many minutes after midnight (PEP 495, fold 0)."""
    local = dt.datetime.combine(day, dt.time(minutes // 60, minutes % 60), ZoneInfo(timezone))
    return (local - _EPOCH) // dt.timedelta(microseconds=1)


def _date(at: Micros) -> dt.date:
    return (_EPOCH + dt.timedelta(seconds=min(max(at, 0), LATEST) // SECOND)).date()
