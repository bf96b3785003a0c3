"""The routing room as one thing to own: feeds in, a table for the judge of routes out.

RIS Live tells changes only, so every session begins with snapshots, and the RIB of an
earlier session, which has a hole behind it, is shown as stale until they have come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from monitor.clock import Clock
from monitor.records import (
    FEED_REASONS,
    FeedReason,
    FeedRow,
    FeedState,
    RouteSight,
    RouteTable,
)
from monitor.routing.messages import RouteMessage, canonical_prefix
from monitor.routing.rib import Rib
from monitor.routing.ripestat import CONTROLS, RipeStat, Views
from monitor.routing.rislive import RisLive, Stage
from monitor.routing.web import failure_of
from monitor.watchlist.model import Feeds, Network

CLIENT_ID: Final = "watchdesk"
# What one subscription header can carry, and what a snapshot round may ask.
MAX_WATCHED: Final = 256
# RIPEstat wants to know of who asks more than 1,000 times a day.
_ASKED_A_DAY: Final = 800
_MIN_EVERY_S: Final = 900.0
_RETRY_S: Final = (5.0, 15.0, 60.0, 300.0)
RIS_LIVE: Final = "ris-live"
RIPESTAT: Final = "ripestat"


class Routes:
    """Runs the feeds that the watchlist asks for; owned as one task."""

    def __init__(
        self,
        networks: Sequence[Network],
        feeds: Feeds,
        clock: Clock,
        *,
        client_id: str = CLIENT_ID,
        controls: Sequence[str] = CONTROLS,
        canary_s: float = 60.0,
        retry_s: Sequence[float] = _RETRY_S,
    ) -> None:
        """``retry_s`` are the waits after failed snapshot rounds, the last for ever."""
        self._clock = clock
        self._feeds = feeds
        self._owner: dict[str, str] = {}
        watched: dict[str, set[int]] = {}
        self.left_out = 0
        for network in networks:
            for text in network.prefixes:
                prefix = canonical_prefix(text)
                if prefix not in watched and len(watched) >= MAX_WATCHED:
                    self.left_out += 1
                    continue
                self._owner.setdefault(prefix, network.id)
                watched.setdefault(prefix, set()).update(network.origin_asns)
        self._watched = tuple(watched)
        self._rib = Rib(watched, controls)
        self._live = RisLive(clock, client_id, self._watched, feeds.url, canary_s=canary_s)
        self._stat = RipeStat(clock, client_id, feeds.ripestat_url, controls)
        self._retry_s = tuple(retry_s)
        now = clock.wall()
        self._ris_row = FeedRow(RIS_LIVE, since=now, reason=FeedReason.DISABLED)
        self._stat_row = FeedRow(RIPESTAT, since=now, reason=FeedReason.DISABLED)
        self._session = 0
        self._seeded: set[str] = set()

    @property
    def enabled(self) -> bool:
        """Whether there is anything to ask and leave to ask it."""
        return self._feeds.ris and bool(self._watched)

    async def run(self) -> None:
        """Follow the feeds until cancelled; returns at once when none is asked for."""
        if not self.enabled:
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow())
                if self._feeds.ripestat:
                    self._tell(self._stat_row, FeedState.ABSENT, FeedReason.CONNECTING)
                    group.create_task(self._seed_for_ever())
        finally:
            await self._stat.close()

    def snapshot(self) -> RouteTable:
        """What holds now: sights only while the feeds are live, and only of prefixes that
        have a snapshot behind them.  Cheap enough for once a second.
        """
        if self._live.status.stage is Stage.LIVE:
            self._enter()
        self._refresh_ris()
        state, reason = self._state()
        now = self._clock.wall()
        feeds = (
            msgspec.structs.replace(self._ris_row),
            msgspec.structs.replace(self._stat_row),
        )
        if state is not FeedState.LIVE:
            return RouteTable(now, state, reason, feeds=feeds)
        known = [
            prefix
            for prefix in self._watched
            if prefix in self._seeded or not self._feeds.ripestat
        ]
        return RouteTable(
            at=now,
            state=state,
            reason=reason,
            sights=tuple(self._sight(prefix) for prefix in known),
            alarms=self._rib.alarms(),
            feeds=feeds,
        )

    # --- RIS Live -------------------------------------------------------------------------

    async def _follow(self) -> None:
        """The reader outlives whatever it reads; were it to fail itself, it starts anew."""
        while True:
            try:
                await self._live.run(self._take)
            except Exception as error:  # noqa: BLE001 - a fault here is no reason to go blind
                self._live.fail(failure_of(error))
            await self._clock.sleep(60.0)

    def _take(self, message: RouteMessage) -> None:
        self._enter()
        self._rib.apply(message)

    def _enter(self) -> None:
        """A new session: what was learnt in the last one has a hole behind it."""
        if self._session != self._live.session:
            self._session = self._live.session
            self._rib.clear()
            self._seeded.clear()

    def _refresh_ris(self) -> None:
        if not self.enabled:
            return
        status, counts = self._live.status, self._live.counts
        row = self._ris_row
        row.messages, row.malformed = counts.messages, counts.malformed
        row.late, row.connects = counts.late + counts.early, counts.connects
        row.at = self._live.heard_at
        if status.stage is Stage.LIVE:
            state = FeedState.LIVE
        elif counts.connects:
            state = FeedState.STALE
        else:
            state = FeedState.ABSENT if status.stage is Stage.CONNECTING else FeedState.ERROR
        note = status.note
        if self.left_out:
            note = f"{self.left_out} prefixes beyond {MAX_WATCHED} are not followed"
        self._tell(row, state, status.reason, note)

    def _tell(self, row: FeedRow, state: FeedState, reason: FeedReason, note: str = "") -> None:
        if row.state is not state:
            row.since = self._clock.wall()
        row.state, row.reason = state, reason
        row.why = "; ".join(filter(None, (FEED_REASONS[reason], note)))

    # --- RIPEstat ----------------------------------------------------------------------------

    async def _seed_for_ever(self) -> None:
        """Snapshots when a session begins, and now and then to heal what was missed."""
        every = max(
            _MIN_EVERY_S, 86_400.0 * (len(self._watched) + len(CONTROLS)) / _ASKED_A_DAY
        )
        tries = 0
        while True:
            await self._until_live()
            session = self._live.session
            views = await self._stat.views(self._watched)
            if session != self._live.session:
                continue
            self._plant(views)
            tries = tries + 1 if views.failed else 0
            wait = every
            if tries:
                wait = max(
                    self._retry_s[min(tries, len(self._retry_s)) - 1], views.retry_after_s
                )
            await self._until_session_ends(session, wait)

    async def _until_live(self) -> None:
        while self._live.status.stage is not Stage.LIVE:
            self._live.changed.clear()
            await self._live.changed.wait()

    async def _until_session_ends(self, session: int, wait_s: float) -> None:
        """Wait, but not longer than the session lasts."""
        waiting = asyncio.ensure_future(self._clock.sleep(wait_s))
        try:
            while not waiting.done() and session == self._live.session:
                self._live.changed.clear()
                change = asyncio.ensure_future(self._live.changed.wait())
                try:
                    await asyncio.wait((waiting, change), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    change.cancel()
        finally:
            waiting.cancel()

    def _plant(self, views: Views) -> None:
        self._enter()
        for snapshot in (*views.controls, *views.snapshots):
            self._rib.seed(snapshot)
        row, now = self._stat_row, self._clock.wall()
        row.connects += 1
        row.messages += len(views.snapshots) + len(views.controls)
        if views.snapshots:
            row.at = now
            self._seeded.update(snapshot.prefix for snapshot in views.snapshots)
        if not views.failed:
            self._tell(row, FeedState.LIVE, FeedReason.NONE)
            return
        prefix, reason = next(iter(sorted(views.failed.items())))
        note = f"{len(views.failed)} of {len(self._watched)} prefixes, {prefix} first"
        self._tell(row, FeedState.STALE if row.at else FeedState.ERROR, reason, note)

    # --- together ---------------------------------------------------------------------------

    def _state(self) -> tuple[FeedState, FeedReason]:
        """What both feeds together allow to be said."""
        ris, stat = self._ris_row, self._stat_row
        if not self.enabled or not self._feeds.ripestat:
            return ris.state, ris.reason
        if ris.state is FeedState.LIVE and self._seeded:
            return FeedState.LIVE, FeedReason.NONE
        if ris.state is FeedState.LIVE and stat.state is FeedState.ERROR:
            return FeedState.ERROR, stat.reason
        if ris.state is FeedState.LIVE:
            # A snapshot that came once and does not come now leaves what is old.
            state = FeedState.STALE if stat.at else FeedState.ABSENT
            waiting = stat.reason in (FeedReason.NONE, FeedReason.CONNECTING)
            return state, FeedReason.UNSEEDED if waiting else stat.reason
        if ris.state is FeedState.STALE and not stat.at:
            return FeedState.ERROR, ris.reason
        return ris.state, ris.reason

    def _sight(self, prefix: str) -> RouteSight:
        found = self._rib.visibility(prefix)
        return RouteSight(
            prefix=prefix,
            network=self._owner[prefix],
            seen=found.seen,
            peers=found.peers,
            origins=self._rib.origins(prefix),
            upstreams=self._rib.upstreams(prefix),
            at=found.at,
        )
