"""The witness in the collector: asked when it is wanted, kept apart, never in the way."""

from __future__ import annotations

import asyncio

import msgspec

from monitor.clock import RealClock
from monitor.collect.service import witness_for
from monitor.collect.witness import RETRY_S
from monitor.records import (
    FeedReason,
    FeedState,
    NetworkRow,
    WitnessRow,
    WitnessSign,
    decode_row,
    encode,
)
from monitor.routing.ioda import Ioda
from monitor.watchlist.model import Feeds, Network, Watchlist
from tests.collect.conftest import START, Stage, watched

NET = Network("north", "North", ("203.0.0.0/24",), origin_asns=(64999,), country="KP")
LIST = msgspec.structs.replace(watched("a", "b"), networks=(NET,), feeds=Feeds(ioda=True))
GONE = WitnessSign("bgp", "AS64999", FeedState.LIVE, value=0.0, usual=4.0, at=START)


class Told:
    """A witness that says ``signs`` and then nothing more, or fails."""

    networks = ("north",)

    def __init__(self, *signs: WitnessSign, fails: bool = False) -> None:
        self.signs = signs
        self.fails = fails
        self.before: list = []

    async def run(self, said, before) -> None:
        self.before.append(before)
        if self.fails:
            raise ValueError
        said(WitnessRow("north", FeedState.LIVE, at=START, signs=self.signs))
        await asyncio.Event().wait()


def row(stage: Stage) -> WitnessRow:
    found = stage.store.rows["witness:north"]
    assert isinstance(found, WitnessRow)
    return found


def test_what_it_says_is_kept_and_moves_nothing(stage: Stage) -> None:
    stage.witness = lambda _: Told(GONE)
    stage.run(LIST, 120)
    assert row(stage).signs == (GONE,)
    assert row(stage).state is FeedState.LIVE
    told = {key: found for key, found in stage.store.rows.items() if key == "network:north"}
    events = [(e.kind, e.subject, e.text, e.new) for e in stage.store.events]
    silent = Stage()
    silent.run(LIST, 120)
    assert told == {"network:north": silent.store.rows["network:north"]}
    assert events == [(e.kind, e.subject, e.text, e.new) for e in silent.store.events]
    assert isinstance(told["network:north"], NetworkRow)


def test_one_that_crashes_is_an_error_and_asked_again(stage: Stage) -> None:
    source = Told(fails=True)
    stage.witness = lambda _: source
    stage.run(LIST, 3 * RETRY_S + 1)
    assert len(source.before) == 4
    assert (row(stage).state, row(stage).reason) == (FeedState.ERROR, FeedReason.CRASHED)
    assert len(stage.prober.asked) > 50


def test_what_was_known_is_stale_after_a_restart_until_it_is_said_again(stage: Stage) -> None:
    kept = WitnessRow("north", FeedState.LIVE, since=START - 9, at=START - 9, signs=(GONE,))
    stage.rows = {"witness:north": decode_row("witness:north", encode(kept))}
    source = Told(fails=True)
    stage.witness = lambda _: source
    stage.run(LIST, 5)
    (sign,) = row(stage).signs
    assert (row(stage).state, sign.state) == (FeedState.STALE, FeedState.STALE)
    assert (sign.value, sign.at) == (0.0, START)
    assert source.before[0]["north"][0].value == 0.0


def test_nobody_is_asked_where_the_watchlist_does_not_say_so(stage: Stage) -> None:
    made: list[Told] = []

    def build(watchlist: Watchlist) -> Told | None:
        if watchlist.feeds.ioda:
            made.append(Told(GONE))
            return made[-1]
        return None

    stage.witness = build
    plain = msgspec.structs.replace(LIST, feeds=Feeds(ris=False))
    stage.run(plain, 10)
    assert made == []
    assert "witness:north" not in stage.store.rows
    assert witness_for(plain, RealClock()) is None
    assert isinstance(witness_for(LIST, RealClock()), Ioda)


def test_it_is_left_when_the_watchlist_leaves_it(stage: Stage) -> None:
    plain = msgspec.structs.replace(LIST, feeds=Feeds())

    class Follower:
        found = None

        def changed(self):
            found, self.found = self.found, None
            return found

    stage.follower = Follower()
    stage.witness = lambda watchlist: Told(GONE) if watchlist.feeds.ioda else None

    async def meanwhile() -> None:
        await stage.clock.sleep(10)
        assert not row(stage).removed
        stage.follower.found = plain

    stage.run(LIST, 30, meanwhile)
    assert row(stage).removed
