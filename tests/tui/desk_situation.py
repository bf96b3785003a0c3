"""Caches to look at: the evening of 22 December 2014, and any number of hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from monitor.cache.writer import Writer
from monitor.records import (
    DAY,
    MINUTE,
    SECOND,
    CheckRow,
    Claim,
    CollectorRow,
    DnsFacts,
    Event,
    EventKind,
    Hop,
    Hosting,
    HostRow,
    HttpFacts,
    IcmpFacts,
    Kind,
    NetworkRow,
    Observation,
    Outcome,
    Phase,
    Phases,
    Reason,
    Row,
    State,
    TlsFacts,
    TraceFacts,
    Vantage,
    VantageRow,
    subject_of,
)

# 2014-12-22 16:21:40 UTC
NOW = 1_419_265_300 * SECOND
LOST = NOW - 6 * MINUTE - 40 * SECOND
INSIDE = (
    "ns1.kptc.kp",
    "ns2.kptc.kp",
    "naenara.com.kp",
    "kcna.kp",
    "rodong.rep.kp",
    "vok.rep.kp",
    "friend.com.kp",
    "airkoryo.com.kp",
    "cooks.org.kp",
    "ma.gov.kp",
    "star.net.kp",
    "knic.com.kp",
    "silibank.net.kp",
    "ryongnamsan.edu.kp",
)
OUTSIDE = (
    ("uriminzokkiri.com", "CN", 4837, "CHINA169", 43.2),
    ("kcna.co.jp", "JP", 2516, "KDDI", 31.0),
    ("조선신보 chosonsinbo.com", "JP", 2914, "NTT", 33.4),
)
FAR = ("quad9", "cloudflare-dns", "google-dns", "k-root", "l-root", "wikipedia")
HOPS = (
    Hop(1, "192.0.2.1", 0.4, 3, 3, name="gw.example", asn=64500, as_name="desk"),
    Hop(2, "198.51.100.9", 1.1, 3, 3, asn=3786, as_name="LG DACOM"),
    Hop(3),
    Hop(4, "203.0.113.77", 38.2, 3, 3, asn=4837, as_name="CHINA169-Backbone"),
    Hop(5, "203.0.113.130", 41.0, 3, 2, asn=4837, as_name="CHINA169-Backbone"),
    *(Hop(ttl) for ttl in range(6, 11)),
)


def trace(check: str, at: int, address: str, *, reached: bool) -> Observation:
    hops = HOPS
    if reached:
        last = Hop(6, address, 71.3, 3, 3, asn=131279, as_name="Star JV")
        hops = (*HOPS[:5], last)
    return Observation(
        check,
        at,
        Outcome.OK if reached else Outcome.FAIL,
        Reason.NONE if reached else Reason.PATH_BREAK,
        71.3 if reached else None,
        30,
        12,
        4100.0,
        address,
        facts=TraceFacts("icmp", reached, hops),
    )


def ping(check: str, at: int, address: str, rtt: float | None) -> Observation:
    rtts = (rtt, None if rtt and int(rtt * 10) % 7 == 0 else rtt, rtt) if rtt else (None,) * 3
    got = sum(one is not None for one in rtts)
    return Observation(
        check,
        at,
        Outcome.OK if rtt else Outcome.FAIL,
        Reason.NONE if rtt else Reason.TIMEOUT,
        rtt,
        3,
        got,
        612.0,
        address,
        facts=IcmpFacts(rtts, reply_ttl=52 if rtt else None),
    )


def dns(check: str, at: int, address: str) -> Observation:
    return Observation(
        check,
        at,
        Outcome.FAIL,
        Reason.TIMEOUT,
        None,
        2,
        0,
        5000.0,
        address,
        facts=DnsFacts(address, "kp. SOA", lost=2),
    )


def web(check: str, at: int, address: str, name: str) -> Observation:
    tls = TlsFacts(
        "TLSv1.2",
        "ECDHE-RSA-AES128-GCM-SHA256",
        f"CN={name}",
        "CN=Example CA",
        (name,),
        at - 90 * DAY,
        at + 20 * DAY,
        "ab" * 32,
        3,
    )
    return Observation(
        check,
        at,
        Outcome.OK,
        Reason.NONE,
        31.0,
        1,
        1,
        190.4,
        address,
        facts=HttpFacts(
            f"http://{name}/",
            200,
            "HTTP/1.1",
            Phases(4.1, 31.0, 62.5, 88.0, 190.4),
            20_480,
            server="nginx",
            content_type="text/html",
            title="[/b] 조선중앙통신",
            tls=tls,
        ),
    )


def inside_host(index: int, name: str) -> tuple[list[Row], list[Observation]]:
    ident = name.replace(".", "-")
    address = f"175.45.176.{15 + index}"
    rows: list[Row] = []
    runs: list[Observation] = []
    checks = [f"{ident}/icmp", f"{ident}/trace"]
    for step in range(60):
        at = NOW - (60 - step) * MINUTE
        rtt = 70.0 + (step * 7 % 13) + index if at < LOST else None
        runs.append(ping(checks[0], at, address, rtt))
    runs.append(trace(checks[1], NOW - 12 * SECOND, address, reached=False))
    last_ping = runs[-2]
    if index == 0:
        checks.append(f"{ident}/dns")
        runs.append(dns(checks[-1], NOW - 20 * SECOND, address))
    for check in checks:
        last = next(run for run in reversed(runs) if run.check == check)
        kind = Kind(check.partition("/")[2])
        rows.append(
            CheckRow(
                id=check,
                host=ident,
                kind=kind,
                label=kind,
                state=State.DOWN,
                since=LOST,
                attempt=3,
                last=last,
                beats=b"U" * 40 + b"uDDxXXXXXX",
            )
        )
    state = State.UNREACHABLE if index in (4, 9) else State.DOWN
    rows.append(
        HostRow(
            ident,
            name,
            address=address,
            affiliation="KP",
            network="north-korea",
            hosting=Hosting(
                address,
                "175.45.176.0/24",
                131279,
                "Star JV",
                "KP",
                inside=True,
                how="prefix",
                at=NOW - DAY,
            ),
            claims=(Claim("UPI/YTN", "2015-06-01", "KP", "served from inside"),),
            state=state,
            since=LOST,
            reason=Reason.PATH_BREAK,
            why="path ends at AS4837",
            loss=1.0,
            last_at=last_ping.at,
            beats=b"U" * 50 + b"UUDUdxXXXX",
            checks=tuple(checks),
            trace=checks[1],
        )
    )
    return rows, runs


def outside_host(name: str, country: str, asn: int, owner: str, rtt: float):
    ident = name.rsplit(" ", maxsplit=1)[-1].replace(".", "-")
    check = f"{ident}/http"
    run = web(check, NOW - 30 * SECOND, "203.0.113.9", name.rsplit(" ", maxsplit=1)[-1])
    row = CheckRow(
        id=check,
        host=ident,
        kind=Kind.HTTP,
        label="http",
        state=State.UP,
        since=NOW - 9 * DAY,
        last=run,
        beats=b"U" * 60,
    )
    host = HostRow(
        ident,
        name,
        address=name.rsplit(" ", maxsplit=1)[-1],
        affiliation="KP",
        network="north-korea",
        hosting=Hosting("203.0.113.9", "203.0.113.0/24", asn, owner, country),
        state=State.UP,
        since=NOW - 9 * DAY,
        rtt_ms=rtt,
        loss=0.0,
        beats=b"U" * 60,
        last_at=NOW,
        checks=(check,),
    )
    return [row, host], [run]


def control(name: str, side: str) -> HostRow:
    return HostRow(
        name,
        name,
        role="control",
        side=side,
        address="198.51.100.53",
        state=State.UP,
        since=NOW - 20 * DAY,
        hosting=Hosting("198.51.100.53", "198.51.100.0/24", 64501, "Example", "US"),
        rtt_ms=8.4,
        loss=0.0,
        beats=b"U" * 60,
        last_at=NOW,
    )


def events(first: Observation) -> Iterator[Event]:
    yield Event(NOW - DAY, EventKind.COLLECTOR, "collector", "started, 19 checks")
    yield Event(
        NOW - 29 * MINUTE,
        EventKind.TRANSITION,
        "network:north-korea",
        "7 hard changes in 6 h",
        Phase.STABLE,
        Phase.UNSTABLE,
    )
    yield Event(
        LOST - SECOND,
        EventKind.TRANSITION,
        "check:ns1-kptc-kp/icmp",
        "1 of 3, no answer",
        State.UP,
        State.DOWN,
        hard=False,
        reason=Reason.TIMEOUT,
    )
    yield Event(
        LOST + 3 * SECOND,
        EventKind.PATH,
        "host:ns1-kptc-kp",
        "usual path breaks at AS4837; 5 hosts behind AS4837 answer",
        evidence=(first,),
    )
    yield Event(
        LOST + 30 * SECOND,
        EventKind.TRANSITION,
        "host:ns1-kptc-kp",
        "3 attempts failed",
        State.UP,
        State.DOWN,
        reason=Reason.TIMEOUT,
        rule="hard",
        evidence=(first, first),
    )
    yield Event(
        LOST + 60 * SECOND,
        EventKind.TRANSITION,
        "network:north-korea",
        "0 of 14 inside",
        Phase.UNSTABLE,
        Phase.PARTIAL,
    )
    yield Event(
        NOW - 130 * SECOND,
        EventKind.TRANSITION,
        "network:north-korea",
        "0 of 14 inside for 5 min; routes and probes agree",
        Phase.PARTIAL,
        Phase.LOST,
        rule="lost",
        evidence=(first,),
    )


def situation() -> tuple[dict[str, Row], list[Observation], list[Event]]:
    rows: list[Row] = [
        NetworkRow(
            id="north-korea",
            name="North Korea",
            timezone="Asia/Pyongyang",
            prefixes=tuple(f"175.45.{n}.0/24" for n in range(176, 180)),
            origin_asns=(131279,),
            upstream_asns=(4837, 20485),
            phase=Phase.LOST,
            since=LOST,
            inside_up=0,
            inside_known=14,
            inside_total=14,
            outside_up=3,
            outside_total=3,
            why="0 of 14 inside for 5 min",
        ),
        VantageRow("local", Vantage.HEALTHY, NOW - DAY, answering=8, known=8, total=8, asns=6),
        CollectorRow(
            pid=4711,
            started=NOW - DAY,
            beat=NOW - 2 * SECOND,
            version="0.1.0",
            watchlist="north-korea",
            timezone="Asia/Seoul",
            checks=38,
        ),
    ]
    runs: list[Observation] = []
    for index, name in enumerate(INSIDE):
        more, seen = inside_host(index, name)
        rows += more
        runs += seen
    for name, country, asn, owner, rtt in OUTSIDE:
        more, seen = outside_host(name, country, asn, owner, rtt)
        rows += more
        runs += seen
    rows += [control(name, "far") for name in FAR]
    rows += [control("unicom", "near"), control("transtelecom", "near")]
    rows.append(
        HostRow(
            "ryomyong", "ryomyong.com", affiliation="KP", network="north-korea", historic=True
        )
    )
    return {subject_of(row): row for row in rows}, runs, list(events(runs[-1]))


def write(path: Path) -> Writer:
    """A cache with the situation in it, and its writer, to go on writing."""
    rows, runs, said = situation()
    writer = Writer(path)
    writer.commit(runs, said, rows)
    return writer


def many(path: Path, count: int) -> Writer:
    """A cache with ``count`` hosts of one network."""
    rows: list[Row] = [
        NetworkRow(
            "big",
            "Big Country",
            inside_total=count,
            inside_known=count,
            inside_up=count - count // 10,
            phase=Phase.STABLE,
            since=NOW - DAY,
        ),
        CollectorRow(pid=1, started=NOW - DAY, beat=NOW, watchlist="big"),
    ]
    for number in range(count):
        down = number % 10 == 0
        rows.append(
            HostRow(
                f"h{number:05}",
                f"host-{number:05}.example",
                address="192.0.2.1",
                affiliation="BC",
                network="big",
                hosting=Hosting(
                    "192.0.2.1",
                    "192.0.2.0/24",
                    64500 + number % 20,
                    "Example",
                    "BC",
                    inside=True,
                ),
                state=State.DOWN if down else State.UP,
                since=NOW - number * SECOND,
                rtt_ms=None if down else number % 300 + 0.5,
                loss=1.0 if down else 0.0,
                beats=b"X" * 60 if down else b"U" * 60,
            )
        )
    writer = Writer(path)
    writer.commit([], [], {subject_of(row): row for row in rows})
    return writer
