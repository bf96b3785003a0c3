"""What routing costs: ``python -m tests.bench.routes``; microseconds unless said otherwise."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from monitor.assess.routes import RouteJudge
from monitor.records import SECOND, FeedState, RouteSight, RouteTable
from monitor.routing.messages import parse_line
from monitor.routing.rib import Rib
from monitor.routing.ripestat import parse_looking_glass
from monitor.watchlist.model import Network
from tests.routing.samples import AT, line, looking_glass, update

PREFIXES = tuple(f"175.45.{n}.0/24" for n in range(176, 180))
PEERS = [f"192.0.{n // 250}.{n % 250}" for n in range(400)]


def timed(name: str, work: Callable[[], object], pieces: int, rounds: int = 5) -> None:
    """The best of some rounds, for each piece of the work."""
    best = min(_once(work) for _ in range(rounds))
    print(f"{name:44} {best / pieces * 1e6:10.1f}")


def _once(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    updates = [
        line(update(peer, at=AT + n, announce=PREFIXES, path=[64500, 6939, 4837, 131279]))
        for n, peer in enumerate(PEERS)
    ]
    messages = [parse_line(each) for each in updates]
    timed("parse one UPDATE of 4 prefixes", lambda: [*map(parse_line, updates)], len(updates))
    timed("refuse one line that is no JSON", lambda: [*map(parse_line, [b"<x>"] * 1000)], 1000)
    rib = Rib(dict.fromkeys(PREFIXES, (131279,)))
    timed("RIB: apply one UPDATE of 4 prefixes", lambda: [*map(rib.apply, messages)], 400)

    def sights() -> list[RouteSight]:
        return [
            RouteSight(
                prefix, "kp", rib.visibility(prefix).seen, rib.visibility(prefix).peers,
                rib.origins(prefix), rib.upstreams(prefix),
            )
            for prefix in PREFIXES
        ]  # fmt: skip

    def changed() -> None:
        rib.apply(messages[-1])
        sights()
        rib.alarms()

    timed("RIB: one table of 4 prefixes, 400 peers", changed, 1)
    timed("RIB: the same with nothing new", sights, 1)
    document = looking_glass(PREFIXES[0], dict.fromkeys(PEERS, "64500 6939 4837 131279"))
    data = json.dumps(document).encode()
    timed(
        f"parse a looking glass of 400 peers, {len(data) >> 10} KiB",
        lambda: parse_looking_glass(data, PREFIXES[0]),
        1,
    )
    judge = RouteJudge([Network("kp", "North Korea", PREFIXES, (131279,))])
    table = RouteTable(AT * SECOND, FeedState.LIVE, sights=tuple(sights()))
    timed(
        "judge: one step of 4 prefixes",
        lambda: [judge.step(AT * SECOND + n, table) for n in range(100)],
        100,
    )


if __name__ == "__main__":
    main()
