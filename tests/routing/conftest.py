"""What this room's tests share."""

from __future__ import annotations

import pytest

from monitor.clock import RealClock


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    """Loopback stays loopback, whatever the environment says."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class FastClock(RealClock):
    """Real time, but back-offs and jitter last no longer than a moment."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(min(seconds, 0.02))


@pytest.fixture
def clock():
    return RealClock()


@pytest.fixture
def fast():
    return FastClock()
