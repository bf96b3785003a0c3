"""A small watchlist, and worlds in which one thing goes wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from monitor.records import HOUR, MINUTE, SECOND, Micros, Observation
from monitor.simulation.events import Event, Fault, Scope
from monitor.simulation.prober import SimProber
from monitor.simulation.world import World
from monitor.watchlist.model import Watchlist

NOON: Micros = 1_419_249_600_000_000  # 2014-12-22T12:00:00Z

LIST = b"""
[defaults]
interval = "60s"
timeout = "5s"

[[network]]
id = "north"
name = "North"
prefixes = ["175.45.176.0/24", "175.45.177.0/24"]
origin_asns = [131279]
upstream_asns = [4837, 20485]

[[host]]
id = "ns"
address = "175.45.176.15"
affiliation = "north"
checks = [
  { kind = "icmp", count = 5 },
  { kind = "dns", query = "kp. SOA" },
  { kind = "tcp", port = 53 },
  { kind = "trace" },
]

[[host]]
id = "site"
address = "www.site.kp"
affiliation = "north"
checks = [
  { kind = "http", url = "https://www.site.kp/" },
  { kind = "icmp" },
]

[[host]]
id = "paper"
address = "paper.example.jp"
affiliation = "north"
claims = [{ hosted_in = "JP", source = "somebody", date = 2014-12-24 }]
checks = [
  { kind = "http", url = "http://paper.example.jp/" },
  { kind = "trace" },
  { kind = "tcp", port = 443, tls = true, label = "tls" },
]

[[host]]
id = "old"
address = "old.example.com"
affiliation = "north"
historic = true

[[control]]
id = "gateway"
address = "192.168.1.1"
side = "far"
checks = [{ kind = "icmp" }]

[[control]]
id = "far"
address = "9.9.9.9"
side = "far"
asn = 19281
checks = [{ kind = "icmp" }, { kind = "dns", query = ". NS", recursive = true }]

[[control]]
id = "near"
address = "202.106.0.20"
side = "near"
near = ["north"]
asn = 4808
checks = [{ kind = "icmp" }, { kind = "trace" }]
"""


def at(text: str) -> Micros:
    moment = dt.datetime.fromisoformat(text)
    return int(moment.timestamp()) * SECOND


def event(fault: Fault, target: str = "own", **more: Any) -> Event:
    """An event of one hour from noon."""
    scope, _, rest = target.partition(":")
    times = {"at": NOON, "until": NOON + HOUR} | more
    return Event(fault=fault, scope=Scope(scope), target=rest, **times)


class Look:
    """Asks checks of one world by their ids."""

    def __init__(self, watchlist: Watchlist, world: World) -> None:
        self.world = world
        self.checks = {check.id: check for check in watchlist.checks()}
        self.prober = SimProber(world, None)  # type: ignore[arg-type]

    def __call__(self, check: str, moment: Micros = NOON + 10 * MINUTE) -> Observation:
        return self.prober.answer(self.checks[check], moment)[0]

    def took(self, check: str, moment: Micros = NOON + 10 * MINUTE) -> float:
        return self.prober.answer(self.checks[check], moment)[1]

    def many(self, check: str, count: int = 200) -> list[Observation]:
        """Runs a second apart, from ten minutes after noon."""
        return [self(check, NOON + 10 * MINUTE + n * SECOND) for n in range(count)]


Looks = Callable[..., Look]
