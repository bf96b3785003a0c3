"""The stored traces of a path, and what was known when each was made.  No Textual in here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from monitor.cache.history import ended
from monitor.cache.reader import Reader
from monitor.records import (
    Event,
    EventKind,
    Hop,
    HopWindow,
    Micros,
    Observation,
    PathRow,
    RouteRow,
    TraceFacts,
)

# Runs from which figures and sparklines are drawn, and path changes that are read.
RUNS: Final = 30
CHANGES: Final = 5_000


class PathAsked(msgspec.Struct, frozen=True):
    """A trace check of a host, as of ``until``; ``pin`` is the start of the trace to show, 0
    for the newest there is; ``prefix`` the routes beside it.
    """

    check: str
    host: str
    until: Micros
    pin: Micros = 0
    prefix: str = ""


class PathStory(msgspec.Struct):
    """``times`` are the starts of all stored traces, oldest first: raw ones, and for ever
    those in the evidence of path changes.  ``runs`` are traces that are shown and drawn from,
    newest first, the first of them at ``place``.  ``path`` and ``route`` are what was known
    before the next trace was made; None without a pin: the board knows.
    """

    asked: PathAsked
    times: list[Micros] = []
    place: int = -1
    runs: list[Observation] = []
    changes: list[Event] = []
    path: PathRow | None = None
    route: RouteRow | None = None

    @property
    def shown(self) -> Observation | None:
        return self.runs[0] if self.runs else None

    @property
    def before(self) -> Observation | None:
        """The trace before the one shown."""
        return self.runs[1] if self.runs[1:] else None


def read_path(reader: Reader, asked: PathAsked) -> PathStory:
    """Raises CacheError."""
    changes = reader.events(
        subject=f"host:{asked.host}",
        kinds=frozenset({EventKind.PATH}),
        until=asked.until + 1,
        limit=CHANGES,
    )
    kept = {
        seen.at: seen
        for event in changes
        for seen in event.evidence
        if seen.check == asked.check
        and isinstance(seen.facts, TraceFacts)
        and ended(seen) <= asked.until
    }
    times = sorted({*kept, *reader.trace_times(asked.check, asked.until)})
    place = bisect_right(times, asked.pin or asked.until) - 1
    if place < 0 and times:
        place = 0
    story = PathStory(asked, times, place, changes=changes)
    if place < 0:
        return story
    wanted = times[max(0, place - RUNS + 1) : place + 1][::-1]
    raw = {
        seen.at: seen
        for seen in reader.observations(
            asked.check, since=wanted[-1], until=wanted[0] + 1, limit=4 * RUNS
        )
        if isinstance(seen.facts, TraceFacts)
    }
    story.runs = [seen for at in wanted if (seen := raw.get(at) or kept.get(at)) is not None]
    if asked.pin:
        at = min(times[place + 1] - 1, asked.until) if times[place + 1 :] else asked.until
        path = reader.row_at(f"path:{asked.check}", at)
        route = reader.row_at(f"route:{asked.prefix}", at) if asked.prefix else None
        story.path = path if isinstance(path, PathRow) else None
        story.route = route if isinstance(route, RouteRow) else None
    return story


def figures(runs: Sequence[Observation], ttl: int, address: str) -> HopWindow | None:
    """What ``address`` answered at a TTL in these runs, newest first; None where it never
    did.  A run in which the hop was spared tells nothing.
    """
    sent = received = 0
    times: list[float] = []
    for run in runs:
        hop = hop_at(run, ttl)
        if hop is None or not hop.sent or hop.address not in ("", address):
            continue
        sent += hop.sent
        received += hop.received
        if hop.rtt_ms is not None:
            times.append(hop.rtt_ms)
    return window_of(address, sent, received, times) if times else None


def window_of(address: str, sent: int, received: int, times: list[float]) -> HopWindow:
    """``times`` are of the answers, newest first and at least one; see HopWindow."""
    mean = sum(times) / len(times)
    spread = sum((time - mean) ** 2 for time in times)
    steps = [abs(a - b) for a, b in pairwise(times)]
    return HopWindow(
        address,
        sent,
        received,
        times[0],
        min(times),
        max(times),
        mean,
        (spread / (len(times) - 1)) ** 0.5 if times[1:] else 0.0,
        sum(steps) / len(steps) if steps else 0.0,
    )


def hop_at(run: Observation, ttl: int) -> Hop | None:
    """The hop of a run at a TTL; None where it did not come so far."""
    hops = run.facts.hops if isinstance(run.facts, TraceFacts) else ()
    return next((hop for hop in hops if hop.ttl == ttl), None)
