"""A bounded line of addresses to look up, worked off by tasks that somebody owns."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

_END_S = 5.0


class Line:
    """Each address once, oldest first; what does not fit into ``most`` is left out."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._busy: set[str] = set()
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    def put(self, address: str) -> None:
        """Have ``address`` looked up, unless it waits already or the line is full."""
        if address in self._waiting or address in self._busy or len(self) >= self._most:
            return
        self._waiting[address] = None
        self._idle.clear()
        self._more.set()

    def start(
        self, look_up: Callable[[str], Awaitable[None]], name: str, workers: int = 1
    ) -> None:
        """Work the line off, ``workers`` at a time; ``look_up`` must not raise."""
        self._tasks = [
            asyncio.create_task(self._work(look_up), name=name) for _ in range(workers)
        ]

    async def settle(self, seconds: float) -> None:
        """Wait until nobody is left in the line, but no longer than ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        """End what is under way and forget who waits."""
        tasks, self._tasks = self._tasks, []
        self._waiting.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_END_S)
        self._idle.set()

    async def _work(self, look_up: Callable[[str], Awaitable[None]]) -> None:
        while True:
            while self._waiting:
                address, _ = self._waiting.popitem(last=False)
                self._busy.add(address)
                try:
                    await look_up(address)
                finally:
                    self._busy.discard(address)
                    if not len(self):
                        self._idle.set()
            self._more.clear()
            await self._more.wait()
