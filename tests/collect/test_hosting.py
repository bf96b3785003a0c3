"""Hosting by origin look-ups: measured, moved, named on the way, remembered."""

from __future__ import annotations

import asyncio

import dns.message
import dns.rcode
import dns.rrset
import msgspec
import pytest

from monitor.assess.assessor import Assessor
from monitor.clock import RealClock
from monitor.collect.drillworld import DrillOrigins
from monitor.collect.hosting import WAITING, OriginKeeper
from monitor.collect.service import origins_for
from monitor.records import (
    HOUR,
    SECOND,
    Event,
    EventKind,
    Hop,
    Hosting,
    Observation,
    OriginsRow,
    Outcome,
    TraceFacts,
    decode_row,
    encode,
)
from monitor.routing.cymru import Kept, Origins
from monitor.routing.origin import AsName, Lookup, Origin
from monitor.simulation.drills import load_drill
from monitor.simulation.loop import SimClock, run
from monitor.watchlist.model import Feeds, Network, Watchlist
from tests.collect.conftest import START, Stage, watched
from tests.simulation.samples import at

NET = Network("north", "North", ("203.0.0.0/24",), origin_asns=(64999,))
LIST = msgspec.structs.replace(watched("a", "b"), networks=(NET,), feeds=Feeds(origins=True))


class Told:
    """A source that knows what it is told; ``hold`` keeps it from answering."""

    how = "told"

    def __init__(self, clock) -> None:
        self.clock = clock
        self.asns: dict[str, tuple[int, ...]] = {}
        self.country = "KP"
        self.asked: list[str] = []
        self.hold = False
        self.broken = False
        self.kept = Kept()
        self.closed = 0

    async def origin(self, address: str) -> Origin:
        self.asked.append(address)
        if self.broken:
            raise ValueError
        if self.hold:
            await asyncio.Event().wait()
        now, asns = self.clock.wall(), self.asns.get(address, ())
        if not asns:
            return Origin(Lookup.NOT_ROUTED, now)
        prefix = address.rpartition(".")[0] + ".0/24"
        return Origin(Lookup.KNOWN, now, prefix, asns, self.country)

    async def as_name(self, asn: int) -> AsName:
        return AsName(Lookup.KNOWN, self.clock.wall(), asn, f"NAME-{asn}")

    def export(self) -> Kept:
        return self.kept

    def restore(self, kept: Kept) -> None:
        self.kept = kept

    async def close(self) -> None:
        self.closed += 1


def staged(stage: Stage, **asns: tuple[int, ...]) -> list[Told]:
    """The sources a stage's collector builds; ``a=(1,)`` gives the origins of host a."""
    made: list[Told] = []

    def build(watchlist: Watchlist) -> Told | None:
        if not watchlist.feeds.origins:
            return None
        made.append(Told(stage.clock))
        places = {host.id: host.address for host in watchlist.hosts}
        made[-1].asns = {places[name]: found for name, found in asns.items()}
        return made[-1]

    stage.origins = build
    return made


def hosting(stage: Stage, name: str) -> Hosting:
    found = stage.store.rows[f"host:{name}"].hosting  # type: ignore[union-attr]
    assert found is not None
    return found


def moves(stage: Stage) -> list[Event]:
    return [e for e in stage.store.events if e.kind is EventKind.HOSTING]


def test_a_host_is_measured_as_soon_as_it_is_seen(stage: Stage) -> None:
    (sources, _) = staged(stage, a=(64999,), b=(64501, 64502)), stage.run(LIST, 30)
    (source,) = sources
    found = hosting(stage, "a")
    assert (found.asn, found.as_name, found.country) == (64999, "NAME-64999", "KP")
    assert (found.prefix, found.how, found.inside) == ("203.0.0.0/24", "told", True)
    assert not hosting(stage, "b").inside
    assert hosting(stage, "b").asn == 64501
    assert not moves(stage)
    # Each address once, whatever the number of looks; controls as well.
    assert sorted(source.asked).count("203.0.0.1") == 1
    assert source.closed == 1


def test_nobody_is_asked_where_the_watchlist_does_not_say_so(stage: Stage) -> None:
    sources = staged(stage, a=(64999,))
    stage.run(msgspec.structs.replace(LIST, feeds=Feeds()), 20)
    assert sources == []
    assert hosting(stage, "a").how == "watchlist prefixes"
    assert origins_for(msgspec.structs.replace(LIST, feeds=Feeds()), RealClock()) is None


def test_it_is_asked_anew_when_the_answer_is_old() -> None:
    heard: list[int | None] = []

    async def main(clock: SimClock) -> None:
        source = Told(clock)
        keeper = OriginKeeper(lambda _: source, clock, lambda found: heard.append(found.asn))
        await keeper.follow(LIST)
        # Announced by another as well is no move; a withdrawn route moves nobody.
        for asns in ((64501,), (64100, 64501), (), (64777,)):
            source.asns["203.0.1.1"] = asns
            for _ in range(3):
                keeper.of("203.0.1.1")
                await clock.sleep(HOUR / SECOND / 3)
            found = keeper.of("203.0.1.1")
            assert found is not None
            await clock.sleep(4 * HOUR / SECOND)
        await keeper.close()
        assert len(source.asked) <= 7

    assert run(main, START).leaked == ()
    assert heard == [64501, 64501, 64777]


def test_another_origin_of_the_same_address_is_a_loud_move() -> None:
    judge = Assessor(LIST, START)
    judge.observe(Observation("b/icmp", START + 1, Outcome.OK, address="203.0.1.1"))
    judge.hear_origin("203.0.1.1", Hosting("203.0.1.1", "p", 64501, "ONE", "CN"), START + 2)
    found = Hosting("203.0.1.1", "q", 64777, "TWO", "KP", how="told")
    judge.hear_origin("203.0.1.1", found, START + 3)
    (event,) = (e for e in judge.take().events if e.kind is EventKind.HOSTING)
    assert (event.old, event.new, event.subject) == ("AS64501", "AS64777", "host:b")
    assert event.text == "origin AS64501 → AS64777 TWO KP: 203.0.1.1 in q, told"
    assert not event.quiet


@pytest.mark.parametrize(("asn", "loud"), [(64501, False), (64777, True)])
def test_a_new_address_is_quiet_within_its_as(asn: int, loud: bool) -> None:
    judge = Assessor(LIST, START)

    def see(address: str, moment: int) -> None:
        judge.observe(Observation("b/icmp", moment, Outcome.OK, address=address))

    see("203.0.1.1", START + 1)
    judge.hear_origin("203.0.1.1", Hosting("203.0.1.1", "p", 64501, "ONE", "CN"), START + 2)
    see("203.0.7.7", START + 3)
    judge.hear_origin("203.0.7.7", Hosting("203.0.7.7", "q", asn, "TWO", "JP"), START + 4)
    found = judge.take().events
    told = [(e.old, e.new, e.quiet) for e in found if e.kind is EventKind.HOSTING]
    assert told[0] == ("203.0.1.1", "203.0.7.7", True)
    assert told[1:] == ([("AS64501", "AS64777", False)] if loud else [])


def test_a_move_inside_is_told_once(stage: Stage) -> None:
    judge = Assessor(LIST, START)
    judge.observe(Observation("b/icmp", START + 1, Outcome.OK, address="203.0.1.1"))
    judge.hear_origin("203.0.1.1", Hosting("203.0.1.1", "p", 64501, "ONE", "CN"), START + 2)
    judge.observe(Observation("b/icmp", START + 3, Outcome.OK, address="203.0.0.9"))
    judge.hear_origin("203.0.0.9", Hosting("203.0.0.9", "q", 64999, "IN", "KP"), START + 4)
    found = [e for e in judge.take().events if e.kind is EventKind.HOSTING]
    assert [(e.new, e.quiet) for e in found] == [("203.0.0.9", False)]


def test_look_ups_that_hang_or_fail_hold_up_nothing(stage: Stage) -> None:
    sources = staged(stage)

    async def later() -> None:
        await stage.clock.sleep(1)
        sources[0].hold = True
        await stage.clock.sleep(100)
        sources[0].hold, sources[0].broken = False, True

    stage.run(LIST, 300, later)
    assert len(stage.prober.asked) > 100
    assert len(sources[0].asked) >= 3
    assert hosting(stage, "a").asn is None


# --- the keeper alone -----------------------------------------------------------------------


def trace(*addresses: str) -> Observation:
    hops = tuple(Hop(n, address) for n, address in enumerate(addresses, 1))
    facts = TraceFacts("icmp", reached=False, hops=hops)
    return Observation("a/trace", START, Outcome.FAIL, facts=facts)


def test_hops_are_named_from_what_is_known_and_asked_for_next_time() -> None:
    async def main(clock: SimClock) -> None:
        source = Told(clock)
        source.asns = {"203.0.9.1": (64501,)}
        keeper = OriginKeeper(lambda _: source, clock, lambda _: None)
        await keeper.follow(LIST)
        first = keeper.name_hops(trace("203.0.9.1", "", "203.0.9.2"))
        assert first == trace("203.0.9.1", "", "203.0.9.2")
        await clock.sleep(1)
        named = keeper.name_hops(first).facts
        assert isinstance(named, TraceFacts)
        assert [(hop.asn, hop.as_name, hop.country) for hop in named.hops] == [
            (64501, "NAME-64501", "KP"), (None, "", ""), (None, "", ""),
        ]  # fmt: skip
        plain = Observation("a/icmp", START, Outcome.OK)
        assert keeper.name_hops(plain) is plain
        await keeper.close()

    assert run(main, START).leaked == ()


def test_the_line_is_bounded() -> None:
    async def main(clock: SimClock) -> None:
        source = Told(clock)
        source.hold = True
        keeper = OriginKeeper(lambda _: source, clock, lambda _: None)
        await keeper.follow(LIST)
        for n in range(2 * WAITING):
            keeper.of(f"203.{n // 250}.{n % 250}.1")
        assert len(keeper._line) == WAITING
        await keeper.close()
        assert not len(keeper._line)
        assert source.closed == 1

    assert run(main, START).leaked == ()


def test_what_was_found_is_kept_over_a_restart() -> None:
    async def main(clock: SimClock) -> None:
        now = clock.wall()
        kept = Kept((("203.0.9.0/24", Origin(Lookup.KNOWN, now, "203.0.9.0/24", (64501,))),))
        source = Told(clock)
        keeper = OriginKeeper(lambda _: source, clock, lambda _: None)
        await keeper.follow(LIST)
        assert keeper.row() is None
        source.kept = kept
        row = keeper.row()
        assert isinstance(row, OriginsRow)
        assert keeper.row() is None
        await keeper.close()
        again = Told(clock)
        back = decode_row("origins", encode(row))
        later = OriginKeeper(lambda _: again, clock, lambda _: None, back)
        await later.follow(LIST)
        assert again.kept == kept
        assert later.row() is None
        await later.close()
        broken = OriginKeeper(None, clock, lambda _: None, OriginsRow(b"\xff"))
        assert broken.row() is None

    assert run(main, START).leaked == ()


def test_a_drill_knows_its_own_world() -> None:
    drill = load_drill("dprk-2014")
    world = drill.world()

    async def main(clock: SimClock) -> None:
        origins = DrillOrigins(world, clock)
        there = world.hosting("uriminzokkiri", clock.true())
        found = await origins.origin(there.address)
        assert (found.lookup, found.asns, found.country) == (Lookup.KNOWN, (4837,), "CN")
        assert (await origins.as_name(4837)).name == there.as_name
        assert (await origins.origin("192.0.2.254")).lookup is Lookup.NOT_ROUTED

    run(main, at("2014-12-20T00:00:00Z"))


# --- the wire -------------------------------------------------------------------------------

ZONE = {
    "53.180.45.175.o4.test.": "131279 | 175.45.180.0/24 | KP | apnic | 2009-12-21",
    "AS131279.names.test.": "131279 | KP | apnic | 2009-12-21 | STAR-KP, KP",
}


class Resolver(asyncio.DatagramProtocol):
    """Answers TXT questions out of ``ZONE``."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data, addr) -> None:
        query = dns.message.from_wire(data)
        name = query.question[0].name
        self.asked.append(name.to_text())
        answer = dns.message.make_response(query)
        if name.to_text() in ZONE:
            text = f'"{ZONE[name.to_text()]}"'
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", text))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)


async def test_team_cymru_is_asked_over_dns_and_never_about_private_addresses() -> None:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        Resolver, local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    zones = {"zone4": "o4.test", "zone6": "o6.test", "zone_names": "names.test"}
    clock = RealClock()
    origins = Origins(clock, ["127.0.0.1"], port=port, rate=1000.0, **zones)
    heard: asyncio.Queue[Hosting] = asyncio.Queue()
    keeper = OriginKeeper(lambda _: origins, clock, heard.put_nowait)
    await keeper.follow(LIST)
    try:
        for address in (
            "10.1.2.3",
            "192.168.0.1",
            "fe80::1",
            "not-an-address",
            "175.45.180.53",
        ):
            keeper.of(address)
        async with asyncio.timeout(20):
            found = await heard.get()
    finally:
        await keeper.close()
        transport.close()
    assert found == Hosting(
        "175.45.180.53", "175.45.180.0/24", 131279, "STAR-KP, KP", "KP",
        how="Team Cymru", at=found.at,
    )  # fmt: skip
    assert server.asked == list(ZONE)
    row = keeper.row()
    assert row is not None
    assert row.at > 0
