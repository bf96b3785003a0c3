"""Names of addresses: asked for once, put beside hops and hosts, kept over a restart."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from monitor.clock import RealClock
from monitor.collect.names import AT_ONCE, WAITING, NameKeeper
from monitor.collect.service import names_for
from monitor.collect.walk import path_of, walk
from monitor.records import (
    HOUR,
    MINUTE,
    SECOND,
    Hop,
    Hosting,
    HostRow,
    NamesRow,
    Observation,
    Outcome,
    TraceFacts,
    decode_row,
    encode,
)
from monitor.report.path import as_csv
from monitor.routing.origin import Lookup
from monitor.routing.reverse import Name, Reverse
from monitor.simulation.loop import SimClock, run
from monitor.watchlist.model import Feeds, Watchlist
from tests.collect.conftest import START, Stage, watched
from tests.collect.test_hosting import Told as Origins

LIST = msgspec.structs.replace(watched("a", "b"), feeds=Feeds(names=True))
A, B = "203.0.0.1", "203.0.1.1"


class Told:
    """A source that knows what it is told; ``hold`` keeps it from answering."""

    def __init__(self, clock) -> None:
        self.clock = clock
        self.names: dict[str, str] = {}
        self.asked: list[str] = []
        self.failing = False
        self.broken = False
        self.hold = False
        self.at_once = self.most = 0

    async def name(self, address: str) -> Name:
        self.asked.append(address)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(0)
            if self.hold:
                await asyncio.Event().wait()
        finally:
            self.at_once -= 1
        now, found = self.clock.wall(), self.names.get(address, "")
        if self.broken:
            raise ValueError
        if self.failing:
            return Name(Lookup.TIMEOUT, now, now + MINUTE)
        return Name(Lookup.KNOWN if found else Lookup.NO_NAME, now, now + HOUR, found)


def keeper_of(source: Told, heard=lambda _: None, old=None) -> NameKeeper:
    return NameKeeper(lambda _: source, source.clock, heard, old)


def trace(*addresses: str) -> Observation:
    hops = tuple(Hop(n, address) for n, address in enumerate(addresses, 1))
    facts = TraceFacts("icmp", reached=False, hops=hops)
    return Observation("a/trace", START, Outcome.FAIL, facts=facts)


def named(keeper: NameKeeper, *addresses: str) -> list[str]:
    facts = keeper.name_hops(trace(*addresses)).facts
    assert isinstance(facts, TraceFacts)
    return [hop.name for hop in facts.hops]


def test_hops_are_named_once_it_is_known() -> None:
    async def main(clock: SimClock) -> None:
        source = Told(clock)
        source.names = {A: "gw.example"}
        keeper = keeper_of(source)
        await keeper.follow(LIST)
        assert named(keeper, A, "", B) == ["", "", ""]
        await keeper.settle(5.0)
        assert named(keeper, A, "", B) == ["gw.example", "", ""]
        assert source.asked == [A, B]
        plain = Observation("a/icmp", START, Outcome.OK)
        assert keeper.name_hops(plain) is plain
        await keeper.close()

    assert run(main, START).leaked == ()


def test_a_name_is_asked_for_anew_when_it_is_old_and_outlives_a_failing_server() -> None:
    heard: list[str] = []

    async def main(clock: SimClock) -> None:
        source = Told(clock)
        source.names = {A: "one.example"}
        keeper = keeper_of(source, heard.append)
        await keeper.follow(LIST)

        async def next_hour() -> str:
            keeper.of(A)
            await keeper.settle(60.0)
            found = keeper.of(A)
            await clock.sleep(HOUR / SECOND)
            return found

        assert await next_hour() == "one.example"
        source.failing = True
        assert await next_hour() == "one.example"
        source.failing, source.broken = False, True
        assert await next_hour() == "one.example"
        source.broken, source.names = False, {A: "two.example"}
        assert await next_hour() == "two.example"
        source.names = {}
        assert await next_hour() == ""
        assert len(source.asked) == 5
        await keeper.close()

    assert run(main, START).leaked == ()
    assert heard == [A, A, A]


def test_few_are_asked_at_once_and_the_line_is_bounded() -> None:
    async def main(clock: SimClock) -> None:
        source = Told(clock)
        source.hold = True
        keeper = keeper_of(source)
        await keeper.follow(LIST)
        for n in range(2 * WAITING):
            keeper.of(f"203.{n // 250}.{n % 250}.1")
        await clock.sleep(1)
        assert source.most == AT_ONCE
        assert len(keeper._line) == WAITING
        await keeper.settle(1.0)
        # One that hangs costs its own deadline and no more.
        source.hold = False
        await clock.sleep(120)
        assert len(set(source.asked)) == WAITING
        await keeper.close()

    assert run(main, START).leaked == ()


def test_nobody_is_asked_where_the_watchlist_does_not_say_so() -> None:
    async def main(clock: SimClock) -> None:
        source = Told(clock)

        def build(watchlist: Watchlist) -> Told | None:
            return source if watchlist.feeds.names else None

        keeper = NameKeeper(build, clock, lambda _: None)
        silent = msgspec.structs.replace(LIST, feeds=Feeds(origins=True))
        await keeper.follow(silent)
        assert named(keeper, A) == [""]
        await keeper.follow(LIST)
        await keeper.follow(LIST)
        assert named(keeper, A) == [""]
        await keeper.settle(1.0)
        await keeper.follow(silent)
        assert named(keeper, A) == [""]
        assert source.asked == [A]

    assert run(main, START).leaked == ()
    assert names_for(msgspec.structs.replace(LIST, feeds=Feeds()), RealClock()) is None
    assert isinstance(names_for(LIST, RealClock()), Reverse)


def test_what_was_found_is_kept_over_a_restart() -> None:
    async def main(clock: SimClock) -> None:
        source = Told(clock)
        source.names = {A: "one.example"}
        keeper = keeper_of(source)
        await keeper.follow(LIST)
        assert keeper.row() is None
        named(keeper, A, B)
        await keeper.settle(1.0)
        await keeper.close()
        row = keeper.row()
        assert isinstance(row, NamesRow)
        assert keeper.row() is None
        again = Told(clock)
        later = keeper_of(again, old=decode_row("names", encode(row)))
        await later.follow(LIST)
        assert named(later, A, B) == ["one.example", ""]
        assert again.asked == []
        await clock.sleep(2 * HOUR / SECOND)
        named(later, A)
        await later.settle(1.0)
        assert again.asked == [A]
        await later.close()
        broken = keeper_of(again, old=NamesRow(b"\xff"))
        assert broken.row() is None

    assert run(main, START).leaked == ()


def host(stage: Stage, name: str) -> Hosting:
    row = stage.store.rows[f"host:{name}"]
    assert isinstance(row, HostRow)
    assert row.hosting is not None
    return row.hosting


@pytest.mark.parametrize("origins", [True, False])
def test_the_board_knows_the_names_of_hosts(stage: Stage, origins: bool) -> None:
    def build(_: Watchlist) -> Told:
        made = Told(stage.clock)
        made.names = {A: "a.example", B: "b.example"}
        return made

    def announced(_: Watchlist) -> Origins:
        made = Origins(stage.clock)
        made.asns = {A: (64999,)}
        return made

    stage.names = build
    stage.origins = announced if origins else None
    stage.run(LIST, 40)
    assert (host(stage, "a").name, host(stage, "b").name) == ("a.example", "b.example")
    assert host(stage, "a").asn == (64999 if origins else None)
    assert isinstance(stage.store.rows["names"], NamesRow)


def test_a_report_is_given_the_names_of_its_hops() -> None:
    async def main(clock: SimClock) -> None:
        class Walker:
            async def probe(self, check):
                del check
                return msgspec.structs.replace(trace(A, B), at=clock.wall())

            async def close(self):
                pass

        source = Told(clock)
        source.names = {A: "gw.example"}
        keeper = keeper_of(source)
        await keeper.follow(LIST)
        check = path_of(LIST, "a")
        assert check is not None
        report = await walk(
            check, LIST, Walker(), clock, rounds=1, progress=lambda *_: None, names=(keeper,)
        )
        await keeper.close()
        lines = as_csv(report).splitlines()
        assert [line.split(",")[2] for line in lines] == ["name", "gw.example", ""]

    assert run(main, START).leaked == ()
