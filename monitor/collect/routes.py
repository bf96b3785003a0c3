"""Where the collector's routes come from, owned: run, restarted, replaced, ended.

A source that fails is said and tried again; it never takes the collector with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from monitor.clock import Clock
from monitor.records import (
    FEED_REASONS,
    FeedReason,
    FeedRow,
    FeedState,
    RouteTable,
    clean_text,
)
from monitor.watchlist.model import Feeds, Network, Watchlist

# How often the routes are judged, and how long a source that failed is left alone.
# A withdrawal is to be on the desk within two seconds of the feed's message.
STEP_S: Final = 1.0
RETRY_S: Final = 60.0
_END_S: Final = 5.0


class RouteSource(Protocol):
    """What :class:`monitor.routing.service.Routes` does, and a drill's routes do as well."""

    @property
    def enabled(self) -> bool:
        """Whether there is anything to ask and leave to ask it."""
        ...

    async def run(self) -> None:
        """Follow the feeds until cancelled."""
        ...

    def snapshot(self) -> RouteTable:
        """What they hold now."""
        ...


# Builds the source a watchlist asks for; None where it asks for none.
SourceOf = Callable[[Watchlist], RouteSource | None]


class RouteKeeper:
    """Owns one source at a time; ``problem`` says in one sentence what hinders it."""

    def __init__(
        self,
        build: SourceOf | None,
        clock: Clock,
        said: Callable[[str], None],
    ) -> None:
        """``said`` is given a sentence for people when a source fails."""
        self._build = build
        self._clock = clock
        self._said = said
        self._source: RouteSource | None = None
        self._task: asyncio.Task[None] | None = None
        self._watchlist: Watchlist | None = None
        self._asked: tuple[tuple[Network, ...], Feeds] | None = None
        self._retry_at = 0.0
        self._feeds: tuple[FeedRow, ...] = ()
        self.problem = ""

    async def follow(self, watchlist: Watchlist) -> bool:
        """Go on with ``watchlist``: a new source where networks or feeds have changed.

        Returns whether there is one; needs a running loop.
        """
        asked = (watchlist.networks, watchlist.feeds)
        if asked == self._asked:
            return self._watchlist is not None
        await self.close()
        self._asked, self.problem = asked, ""
        self._watchlist = watchlist
        self._start()
        if self._source is None and not self.problem:
            self._watchlist = None
        return self._watchlist is not None

    def table(self) -> RouteTable | None:
        """What holds now; None where nobody asks for routes."""
        if self._watchlist is None:
            return None
        if self._task is not None and self._task.done():
            self._fail(_ending(self._task))
        if self._task is None:
            if self._clock.monotonic() < self._retry_at:
                return self._crashed()
            self._start()
        if self._source is None:
            return self._crashed()
        try:
            found = self._source.snapshot()
        except Exception as error:  # noqa: BLE001 - a fault of the feeds costs the feeds only
            self._fail(type(error).__name__)
            return self._crashed()
        if found.state is FeedState.LIVE:
            self.problem = ""
        self._feeds = found.feeds
        return found

    async def close(self) -> None:
        """End the source; one that does not end in time is left behind."""
        task, self._task, self._source = self._task, None, None
        self._asked = self._watchlist = None
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=_END_S)
            if task.done() and not task.cancelled():
                task.exception()

    def _start(self) -> None:
        assert self._watchlist is not None
        if self._build is None:
            return
        try:
            source = self._build(self._watchlist)
        except Exception as error:  # noqa: BLE001 - a fault of the feeds costs the feeds only
            self._fail(type(error).__name__)
            return
        if source is not None and source.enabled:
            self._source = source
            self._task = asyncio.create_task(source.run(), name="routes")

    def _fail(self, why: str) -> None:
        task, self._task, self._source = self._task, None, None
        if task is not None:
            task.cancel()
        self._retry_at = self._clock.monotonic() + RETRY_S
        again = f"tried again in {RETRY_S:.0f} s"
        problem = clean_text(f"routes: the reader of the feeds failed ({why}), {again}")
        if problem != self.problem:
            self.problem = problem
            self._said(problem)

    def _crashed(self) -> RouteTable:
        now, reason = self._clock.wall(), FeedReason.CRASHED
        feeds = tuple(
            msgspec.structs.replace(
                feed, state=FeedState.ERROR, reason=reason, why=FEED_REASONS[reason]
            )
            for feed in self._feeds
            if feed.reason is not FeedReason.DISABLED
        )
        return RouteTable(now, FeedState.ERROR, reason, feeds=feeds)


def _ending(task: asyncio.Task[None]) -> str:
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    return "it ended by itself" if error is None else type(error).__name__
