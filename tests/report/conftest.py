"""Caches that reports are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.cache.writer import Writer
from monitor.collect.collector import Tempo
from monitor.collect.replay import FastCollector
from monitor.records import HOUR, MINUTE
from monitor.simulation.drills import load_drill
from tests.report.samples import LOST_AT


@pytest.fixture(scope="session")
def lost_evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The loss of December 2014 from half an hour before it to half an hour after, closed."""
    path = tmp_path_factory.mktemp("lost") / "cache.db"
    drill = load_drill("dprk-2014")
    writer = Writer(path)
    fast = FastCollector(
        drill.watchlist, drill.world(), writer, {}, LOST_AT - HOUR // 2, tempo=Tempo().at(600.0)
    )
    fast.name_drill(drill.script.name, drill.script.end)
    fast.play(LOST_AT + 30 * MINUTE)
    fast.end()
    writer.close()
    return path
