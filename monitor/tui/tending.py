"""The collector looked after by an open desk: who does it is wired from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from monitor.tui.app import Desk

# Is told whether the collector is silent; says what to show once, and for as long as it is so.
Tend = Callable[[bool], tuple[str, str]]

EVERY_S: Final = 1.0


class Tending:
    """``standing`` is what is being done about a collector that does not run, or ''."""

    def __init__(self, desk: Desk, tend: Tend | None) -> None:
        self.standing = ""
        self._desk = desk
        self._tend = tend

    def begin(self) -> None:
        """Look after the collector for as long as the desk lives."""
        if self._tend is not None:
            self._desk.run_worker(self._run(self._tend), name="tend", group="tend")

    async def _run(self, tend: Tend) -> None:
        desk = self._desk
        while True:
            await asyncio.sleep(EVERY_S)
            silent = desk.live.collector_dead(desk.live_now())
            notice, self.standing = await asyncio.to_thread(tend, silent)
            if notice:
                desk.say(notice)
