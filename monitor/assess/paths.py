"""The paths of a watchlist: a judge each, and one voice for what breaks at one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from monitor.assess.check import Gate
from monitor.assess.path import PathJudge, is_down
from monitor.assess.pathwords import as_path
from monitor.records import MINUTE, Event, Kind, Observation, PathRow, Row
from monitor.watchlist.model import Watchlist

# Changes so close to each other are one, seen on several paths.
_SAME_CHANGE: Final = 5 * MINUTE


class Paths:
    """Judges the paths of all trace checks."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        """``rows`` are the current rows of an earlier run."""
        self._old = {row.check: row for row in rows.values() if isinstance(row, PathRow)}
        self._judges: dict[str, PathJudge] = {}

    def follow(self, watchlist: Watchlist) -> list[PathRow]:
        """Judge the trace checks of ``watchlist``; the rows of those that left it."""
        known = {**self._old, **{judge.row.check: judge.row for judge in self._judges.values()}}
        self._old = {}
        self._judges = {
            check.id: PathJudge(check.id, known.pop(check.id, None), watchlist.networks)
            for check in watchlist.checks()
            if check.kind is Kind.TRACE
        }
        left = [row for row in known.values() if not row.removed]
        for row in left:
            row.removed = True
        return left

    def observe(
        self, observation: Observation, gate: Gate
    ) -> tuple[list[Event], PathRow | None]:
        """Judge one trace; its events and its row, None when it says nothing."""
        judge = self._judges.get(observation.check)
        if judge is None or not gate.trusts(observation):
            return [], None
        events = judge.observe(observation, gate.may_condemn)
        if not events:
            return [], judge.row
        return self._hush_change(self._hush(events, judge.row), judge.row), judge.row

    def _hush_change(self, events: list[Event], row: PathRow) -> list[Event]:
        """A change of ASes is no news where another path has told of the same just now."""
        change = _change(row)
        told = any(change) and any(
            other is not row
            and abs(row.changed_at - other.changed_at) < _SAME_CHANGE
            and _change(other) == change
            for other in (judge.row for judge in self._judges.values())
        )
        if not told:
            return events
        return [
            msgspec.structs.replace(event, quiet=True) if event.rule == "path-change" else event
            for event in events
        ]

    def _hush(self, events: list[Event], row: PathRow) -> list[Event]:
        """A break is no news where another path has told of it already."""
        memory = row.memory
        if memory is None or not memory.loud or not is_down(row):
            return events
        told = any(
            other is not row
            and other.state is row.state
            and (other.last_address, other.loop) == (row.last_address, row.loop)
            for other in (judge.row for judge in self._judges.values())
        )
        if not told:
            return events
        memory.loud = False
        return [msgspec.structs.replace(event, quiet=True) for event in events]


def _change(row: PathRow) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The ASes that a path left and those it took, without what both ways share."""
    before, usual = as_path(row.before), as_path(row.usual)
    return (
        tuple(asn for asn in before if asn not in usual),
        tuple(asn for asn in usual if asn not in before),
    )
