"""Fixtures of this room."""

from __future__ import annotations

import pytest

from monitor.simulation.events import Event
from monitor.simulation.world import world_for
from monitor.watchlist.loader import parse
from monitor.watchlist.model import Watchlist
from tests.simulation.samples import LIST, Look, Looks


@pytest.fixture(scope="session")
def watchlist() -> Watchlist:
    return parse(LIST, "small.toml")


@pytest.fixture
def look(watchlist: Watchlist) -> Looks:
    """Makes a world in which the given events happen, to be asked about."""

    def make(*events: Event, seed: int = 7) -> Look:
        return Look(watchlist, world_for(watchlist, seed, events))

    return make
