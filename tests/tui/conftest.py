"""Desks over real cache files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from textual._context import active_app
from textual.message_pump import MessagePump
from textual.worker import WorkerCancelled

from monitor.cache.writer import Writer
from monitor.tui.app import Desk
from tests.tui import desk_situation, past_evening


@pytest.fixture(autouse=True)
def utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same signs on every machine; colour unless a test takes it away."""
    monkeypatch.setattr("monitor.tui.app._unicode", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)


# Turns of the loop without a message, after which none is on its way any more.
CALM = 3
PATIENCE_S = 30.0


async def no_message_left(_least: float = 0.0, _most: float = 0.0) -> None:
    """Until nobody in the running app has a message to take in."""
    app, calm = active_app.get(), 0
    async with asyncio.timeout(PATIENCE_S):
        while calm < CALM:
            await asyncio.sleep(0)
            waiting = any(_has_mail(pump) for pump in (app, *app._registry))
            calm = 0 if waiting else calm + 1


def _has_mail(pump: MessagePump) -> bool:
    return not pump._message_queue.empty() or pump._pending_message is not None


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is over when its messages are, however busy the machine.

    Textual's own pilot takes a process that gets no CPU for one that has nothing to do, and
    sleeps 20 ms to find out; and a cache on a slow disk is no fault of the desk's here.
    """
    monkeypatch.setattr("textual.app.wait_for_idle", no_message_left)
    monkeypatch.setattr("textual.pilot.wait_for_idle", no_message_left)
    monkeypatch.setattr("monitor.tui.source.DEADLINE_S", PATIENCE_S)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


@pytest.fixture
def writer(cache: Path):
    """The evening of 22 December, and its writer to go on with."""
    found = desk_situation.write(cache)
    yield found
    found.close()


@pytest.fixture
def make_desk(cache: Path, tmp_path: Path) -> Callable[..., Desk]:
    def make(**options) -> Desk:
        options.setdefault("now", lambda: desk_situation.NOW)
        return Desk(cache, config_dir=tmp_path / "config", **options)

    return make


@pytest.fixture
def desk(writer: Writer, make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


@pytest.fixture(scope="session")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed cache of past_evening, to copy."""
    path = tmp_path_factory.mktemp("evening") / "cache.db"
    past_evening.write(path).close()
    return path


class Screen:
    """What stands on the screen of a piloted desk."""

    def __init__(self, desk: Desk, pilot) -> None:
        self.desk, self.pilot = desk, pilot

    async def settle(self) -> None:
        await self.desk.poll()
        await self.loaded()
        self.desk.paint()
        await self.pilot.pause()

    async def loaded(self) -> None:
        """Until what the keys so far have asked of the cache is there."""
        await self.pilot.pause()
        while loads := [
            worker for worker in self.desk.workers if worker.name not in ("feed", "tend")
        ]:
            for worker in loads:
                # One whose page has gone on to another moment is cancelled.
                with suppress(WorkerCancelled):
                    await worker.wait()
            await self.pilot.pause()

    async def press(self, *keys: str) -> str:
        for key in keys:
            await self.pilot.press(key)
            await self.loaded()
        await self.settle()
        return self.text

    @property
    def lines(self) -> list[str]:
        return [strip.text for strip in self.desk.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def look():
    """``async with look(desk, size) as screen``."""
    from contextlib import asynccontextmanager  # noqa: PLC0415 - only here

    @asynccontextmanager
    async def opened(desk: Desk, size=(120, 36)):
        async with desk.run_test(size=size) as pilot:
            screen = Screen(desk, pilot)
            await screen.settle()
            yield screen

    return opened
