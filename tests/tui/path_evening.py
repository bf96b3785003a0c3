"""An evening on which the way to a network changes, and then breaks; every trace is kept."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from monitor.assess.path import PathJudge
from monitor.cache.writer import Writer
from monitor.records import (
    HOUR,
    MINUTE,
    SECOND,
    CheckRow,
    CollectorRow,
    Event,
    FeedState,
    Hop,
    HopWindow,
    Hosting,
    HostRow,
    Kind,
    NetworkRow,
    Observation,
    Outcome,
    Phase,
    Reason,
    Routed,
    RouteRow,
    State,
    TraceFacts,
    Vantage,
    VantageRow,
    subject_of,
)
from tests.tui.desk_situation import NOW

STEP = 10 * MINUTE
STEPS = 12
BEGIN = NOW - 2 * HOUR
MOVED = BEGIN + 4 * STEP
BLIND = BEGIN + 6 * STEP
BROKEN = BEGIN + 8 * STEP
PREFIX = "175.45.176.0/24"
HOSTS = {"ns1": "175.45.176.15", "ns2": "175.45.176.16"}
ARMS = (("198.51.100.9", 30), ("198.51.100.10", 10))


def window(address: str, rtt: float, sent: int = 40, lost: int = 0) -> HopWindow:
    times = (rtt, rtt * 0.9, rtt * 1.5, rtt, 1.25, 0.75)
    arms = ARMS if address == "198.51.100.9" else ()
    return HopWindow(address, sent, sent - lost, *times, arms)


def hop(ttl: int, address: str, rtt: float, asn: int, who: str, country: str, **more) -> Hop:
    more.setdefault("window", window(address, rtt))
    fixed = {"icmp_type": 11, "icmp_code": 0, "reply_ttl": 255 - ttl}
    return Hop(
        ttl,
        address,
        rtt,
        1,
        1,
        asn=asn,
        as_name=who,
        country=country,
        **(fixed | more),
    )


def hops(target: str, *, second: bool, broken: bool) -> tuple[Hop, ...]:
    limited = window("203.0.113.77", 38.2, lost=20)
    via = (
        hop(4, "203.0.113.200", 61.0, 20485, "TransTeleCom", "RU")
        if second
        else hop(4, "203.0.113.77", 38.2, 4837, "중국련합통신 Unicom", "CN",
                 window=limited, limited=True)
    )  # fmt: skip
    way = (
        hop(1, "192.0.2.1", 0.41, 64500, "desk", "KR", name="gw.example"),
        hop(2, "198.51.100.9", 1.1, 3786, "LG DACOM", "KR", labels=(16001, 299824)),
        Hop(3),
        via,
    )
    if broken:
        return (*way, *(Hop(ttl) for ttl in range(5, 9)))
    end = {"icmp_type": 0, "reply_ttl": 52}
    return (*way, hop(5, target, 71.3, 131279, "Star JV", "KP", **end))


def trace(host: str, at: int) -> Observation:
    address = HOSTS[host]
    broken = at >= BROKEN
    facts = TraceFacts(
        "icmp",
        not broken,
        hops(address, second=at >= MOVED, broken=broken),
        40,
        4711,
        window(address, 71.3, lost=40 if broken else 0),
    )
    return Observation(
        f"{host}/trace",
        at,
        Outcome.FAIL if broken else Outcome.OK,
        Reason.PATH_BREAK if broken else Reason.NONE,
        None if broken else 71.3,
        took_ms=900.0,
        address=address,
        facts=facts,
    )


def route(at: int) -> RouteRow:
    seen = 300 if at < BROKEN else 0
    by = 20485 if at >= MOVED else 4837
    blind = BLIND <= at < BLIND + 2 * STEP
    return RouteRow(
        PREFIX,
        "nk",
        Routed.VISIBLE if seen else Routed.WITHDRAWN,
        since=BEGIN if seen else BROKEN,
        seen=seen,
        peers=300,
        upstreams={by: seen} if seen else {},
        at=at,
        feed=FeedState.ERROR if blind else FeedState.LIVE,
        why="no answer in time" if blind else "",
    )


def rows(at: int, seen: dict[str, Observation]):
    down = at >= BROKEN
    made = [
        CollectorRow(pid=1, started=BEGIN, beat=at, watchlist="evening"),
        VantageRow("local", Vantage.HEALTHY, BEGIN, answering=8, known=8, total=8, asns=6),
        NetworkRow(
            "nk",
            "North Korea",
            prefixes=(PREFIX,),
            origin_asns=(131279,),
            upstream_asns=(4837, 20485),
            phase=Phase.LOST if down else Phase.STABLE,
            since=BROKEN if down else BEGIN,
        ),
        route(at),
    ]
    for host, address in HOSTS.items():
        check = f"{host}/trace"
        made.append(CheckRow(check, host, Kind.TRACE, interval_s=600.0, last=seen[host]))
        made.append(watched(host, address, check, down=down))
    made.append(watched("www", "175.45.176.80", "", down=down))
    return {subject_of(row): row for row in made}


def watched(host: str, address: str, check: str, *, down: bool) -> HostRow:
    return HostRow(
        host,
        f"{host}.kptc.kp",
        address=address,
        affiliation="nk",
        network="nk",
        hosting=Hosting(address, PREFIX, 131279, "Star JV", "KP", inside=True),
        state=State.DOWN if down else State.UP,
        since=BROKEN if down else BEGIN,
        checks=(check,) if check else (),
        trace=check,
    )


def write(path: Path) -> Writer:
    """Two traced hosts behind one upstream; all times are known beforehand."""
    writer = Writer(path)
    judges = {host: PathJudge(f"{host}/trace") for host in HOSTS}
    for step in range(STEPS):
        at = BEGIN + step * STEP
        seen = {host: trace(host, at) for host in HOSTS}
        said: list[Event] = []
        for host, judge in judges.items():
            said += judge.observe(seen[host])
        paths = {subject_of(one.row): structs.replace(one.row) for one in judges.values()}
        writer.commit(list(seen.values()), said, rows(at, seen) | paths, at + SECOND)
    return writer
