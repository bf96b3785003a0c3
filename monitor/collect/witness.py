"""The witness that is asked beside our own looking, owned: run, restarted, replaced, ended.

What it says goes to the board as it is; nobody judges by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from monitor.clock import Clock
from monitor.records import FeedReason, FeedState, Row, Verdict, WitnessRow, WitnessSign
from monitor.watchlist.model import Feeds, Network, Watchlist

RETRY_S: Final = 60.0
_END_S: Final = 5.0


class WitnessSource(Protocol):
    """What :class:`monitor.routing.ioda.Ioda` does."""

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks there is anything to ask about."""
        ...

    async def run(
        self,
        said: Callable[[WitnessRow], None],
        before: Mapping[str, tuple[WitnessSign, ...]],
    ) -> None:
        """Ask until cancelled."""
        ...


# Builds the source a watchlist asks for; None where it asks for none.
WitnessOf = Callable[[Watchlist], WitnessSource | None]


class WitnessKeeper:
    """Owns one source; ``put`` is given what it says."""

    def __init__(
        self,
        build: WitnessOf | None,
        clock: Clock,
        put: Callable[[Verdict], None],
        rows: Mapping[str, Row],
    ) -> None:
        """``rows`` are an earlier run's."""
        self._build = build
        self._clock = clock
        self._put = put
        self._rows = {
            row.network: row
            for row in rows.values()
            if isinstance(row, WitnessRow) and not row.removed
        }
        self._asked: tuple[tuple[Network, ...], Feeds] | None = None
        self._task: asyncio.Task[None] | None = None

    async def follow(self, watchlist: Watchlist) -> None:
        """Ask, or cease to ask, as ``watchlist`` says; needs a running loop."""
        asked = (watchlist.networks, watchlist.feeds)
        if asked == self._asked:
            return
        await self.close()
        self._asked = asked
        source = None if self._build is None else self._build(watchlist)
        networks = () if source is None else source.networks
        for network in [each for each in self._rows if each not in networks]:
            gone = msgspec.structs.replace(self._rows.pop(network), removed=True)
            self._tell(gone)
        for network in networks:
            self._lapse(network, FeedReason.CONNECTING)
        if source is not None and networks:
            self._task = asyncio.create_task(self._run(source), name="witness")

    async def close(self) -> None:
        """End the source; one that does not end in time is left behind."""
        task, self._task, self._asked = self._task, None, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=_END_S)

    # --- inside ---------------------------------------------------------------------------

    async def _run(self, source: WitnessSource) -> None:
        while True:
            try:
                before = {network: row.signs for network, row in self._rows.items()}
                await source.run(self._hear, before)
            except Exception:  # noqa: BLE001 - a fault of the witness costs the witness only
                for network in source.networks:
                    self._lapse(network, FeedReason.CRASHED)
            await self._clock.sleep(RETRY_S)

    def _lapse(self, network: str, reason: FeedReason) -> None:
        """Nothing new is said: what was known is old, and nothing known is no data."""
        row = self._rows.get(network, WitnessRow(network))
        nothing = FeedState.ERROR if reason is FeedReason.CRASHED else FeedState.ABSENT

        def old(sign: WitnessSign) -> WitnessSign:
            state = nothing if sign.value is None else FeedState.STALE
            return msgspec.structs.replace(sign, state=state, reason=reason)

        signs = tuple(old(sign) for sign in row.signs)
        known = any(sign.value is not None for sign in signs)
        state = FeedState.STALE if known else nothing
        self._hear(
            msgspec.structs.replace(
                row, state=state, reason=reason, signs=signs, since=self._clock.wall()
            )
        )

    def _hear(self, row: WitnessRow) -> None:
        old = self._rows.get(row.network)
        if old is not None and old.state is row.state:
            row = msgspec.structs.replace(row, since=old.since)
        self._rows[row.network] = row
        self._tell(row)

    def _tell(self, row: WitnessRow) -> None:
        verdict = Verdict()
        verdict.add(row)
        self._put(verdict)
