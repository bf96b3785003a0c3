"""Wall time in a zone, through the changes its clocks have made."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.cache.windows import Window, current, upcoming, windows
from monitor.entries import Maintenance, Weekly
from monitor.records import DAY, HOUR, MINUTE, SECOND

DAILY = tuple(range(7))


def at(text):
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * SECOND


def weekly(start, minutes, zone, days=DAILY, **bounds):
    hours, _, rest = start.partition(":")
    body = Weekly(days, int(hours) * 60 + int(rest), minutes, zone)
    return Maintenance(bounds.get("since", 0), bounds.get("until", 0), body)


def begins(body, since, until):
    return [
        f"{dt.datetime.fromtimestamp(one.since // SECOND, dt.UTC):%m-%d %H:%M}"
        for one in windows(body, at(since), at(until))
    ]


@pytest.mark.parametrize(
    ("start", "zone", "since", "until", "found"),
    [
        # UTC+9 until 2015-08-15, then +8:30, and +9 again from 2018-05-05.
        ("22:00", "Asia/Pyongyang", "2015-08-13T20:00", "2015-08-16T00:00",
         ["08-14 13:00", "08-15 13:30"]),
        ("22:00", "Asia/Pyongyang", "2018-05-03T20:00", "2018-05-06T00:00",
         ["05-04 13:30", "05-05 13:00"]),
        # 23:30 of 4 May 2018 became 00:00 of the 5th: 23:45 was left out.
        ("23:45", "Asia/Pyongyang", "2018-05-03T20:00", "2018-05-06T00:00",
         ["05-04 15:15", "05-05 14:45"]),
        # 00:00 of 15 August 2015 became 23:30 of the 14th: 23:45 came twice, the first counts.
        ("23:45", "Asia/Pyongyang", "2015-08-13T20:00", "2015-08-16T00:00",
         ["08-14 14:45", "08-15 15:15"]),
        # Summer time in Berlin: 02:30 is left out on 29 March, and comes twice on 25 October.
        ("02:30", "Europe/Berlin", "2020-03-28T03:00", "2020-03-30T12:00",
         ["03-29 01:30", "03-30 00:30"]),
        ("02:30", "Europe/Berlin", "2020-10-24T12:00", "2020-10-26T12:00",
         ["10-25 00:30", "10-26 01:30"]),
    ],
)  # fmt: skip
def test_wall_time_is_what_its_clocks_showed(start, zone, since, until, found):
    assert begins(weekly(start, 30, zone), since, until) == found


def test_weekdays_are_those_of_the_zone():
    # Monday 01:00 in Pyongyang is Sunday in UTC.
    body = weekly("01:00", 60, "Asia/Pyongyang", (0,))
    assert begins(body, "2014-12-20T00:00", "2014-12-30T00:00") == [
        "12-21 16:00",
        "12-28 16:00",
    ]


def test_a_window_reaches_over_midnight_and_ends_when_its_time_has_passed():
    body = weekly("23:00", 180, "UTC", (0,))
    night = Window(at("2014-12-22T23:00"), at("2014-12-23T02:00"))
    assert current(body, at("2014-12-23T01:59")) == night
    assert current(body, night.until) is None
    assert upcoming(body, night.since).since == night.since + 7 * DAY


def test_no_moment_is_too_far_for_it():
    body = weekly("12:00", 60, "UTC")
    assert current(body, 2**62) is None
    assert upcoming(body, 2**62) is None


def test_it_holds_from_when_it_was_set_until_it_ends():
    since, until = at("2014-12-22T12:30"), at("2014-12-23T12:30")
    body = weekly("12:00", 60, "UTC", since=since, until=until)
    assert list(windows(body, 0, at("2015-01-01T00:00"))) == [
        Window(since, since + 30 * MINUTE),
        Window(until - 30 * MINUTE, until),
    ]


@given(
    st.integers(0, 1439), st.integers(1, 10_080), st.sampled_from(["UTC", "Asia/Pyongyang",
    "America/St_Johns", "Pacific/Apia", "Europe/Berlin"]),
    st.sets(st.integers(0, 6), min_size=1), st.integers(0, 60 * 365 * 24),
)  # fmt: skip
def test_what_is_now_is_what_the_wall_clock_says(start, minutes, zone, days, hours):
    moment = hours * HOUR
    body = Maintenance(0, weekly=Weekly(tuple(days), start, minutes, zone))
    found = current(body, moment)
    for window in windows(body, moment, moment + DAY):
        begin = dt.datetime.fromtimestamp(window.since / SECOND, ZoneInfo(zone))
        late = begin.hour * 60 + begin.minute - start
        # Where the clock was set forward over it, later; else on the minute, on its day.
        if window.since:
            assert late == 0 or late % 1440 in (30, 60) or zone == "Pacific/Apia"
        assert window.until - window.since <= minutes * MINUTE
    if found is not None:
        assert found.since <= moment < found.until


@pytest.mark.parametrize(
    "make",
    [
        lambda: Weekly((), 0, 60, "UTC"),
        lambda: Weekly((7,), 0, 60, "UTC"),
        lambda: Weekly((0,), 1440, 60, "UTC"),
        lambda: Weekly((0,), 0, 0, "UTC"),
        lambda: Weekly((0,), 0, 60, "Asia/Atlantis"),
        lambda: Weekly((0,), 0, 60, "../etc/passwd"),
    ],
)
def test_no_window_is_refused(make):
    with pytest.raises(ValueError, match=r"weekly|timezone"):
        make()
