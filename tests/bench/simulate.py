"""What a simulated week costs: ``python -m tests.bench.simulate [--hosts N] [--minutes M]``.

Hosts with one check every 60 s and six controls every 10 s, through schedule, budget, judge,
sink and a cache file; prints simulated seconds and observations a CPU second, and what a week
of it would take.  ``--profile`` says where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from pathlib import Path

from monitor.cache.writer import Writer
from monitor.collect.collector import Tempo
from monitor.collect.replay import FastCollector
from monitor.records import MINUTE, SECOND, Kind
from monitor.simulation.events import Event, Fault, Scope
from monitor.simulation.world import world_for
from monitor.watchlist.model import (
    Budget,
    Check,
    DnsParams,
    Host,
    HttpParams,
    IcmpParams,
    Network,
    Watchlist,
)

START = 1_419_264_000_000_000
WEEK_S = 7 * 86_400
KINDS = (
    (Kind.ICMP, IcmpParams(count=1)),
    (Kind.DNS, DnsParams(".", "NS", recursive=True)),
    (Kind.HTTP, HttpParams("http://192.0.2.1/")),
)


def watchlist(hosts: int) -> Watchlist:
    """``hosts`` in ten networks, a /24 for every 50."""
    nets = tuple(
        Network(f"net{n}", f"Net {n}", (f"10.{n + 1}.0.0/16",), (64496 + n,), (64510, 64511))
        for n in range(10)
    )
    found = []
    for n in range(hosts):
        name, net = f"h{n}", n % 10
        address = f"10.{net + 1}.{n // 500}.{n // 10 % 50 + 1}"
        kind, params = KINDS[n % len(KINDS)]
        check = Check(f"{name}/{kind}", name, kind, address, params, str(kind))
        found.append(Host(name, name, address, affiliation=f"net{net}", checks=(check,)))
    for n in range(6):
        name, address = f"far{n}", f"203.0.{n}.1"
        params = IcmpParams(count=1)
        check = Check(f"{name}/icmp", name, Kind.ICMP, address, params, interval_s=10.0)
        found.append(
            Host(
                name,
                name,
                address,
                role="control",
                side="far",
                asn=64530 + n,
                checks=(check,),
            )
        )
    return Watchlist("bench", nets, tuple(found), Budget(prefix_rate=10.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    lasts = options.minutes * MINUTE
    watched = watchlist(options.hosts)
    fall = Event(
        at=START + lasts // 3,
        until=START + lasts // 2,
        fault=Fault.WITHDRAW,
        scope=Scope.NETWORK,
        target="net3",
    )
    world = world_for(watched, 7, (fall,))
    with tempfile.TemporaryDirectory() as folder:
        writer = Writer(Path(folder) / "cache.db")
        fast = FastCollector(watched, world, writer, {}, START, tempo=Tempo().at(600.0))
        profile = cProfile.Profile()
        began = time.process_time()
        if options.profile:
            profile.runcall(fast.play, START + lasts)
        else:
            fast.play(START + lasts)
        fast.end()
        spent = time.process_time() - began
        writer.close()
        size = (Path(folder) / "cache.db").stat().st_size
    done = fast.looks
    rate = lasts / SECOND / spent
    print(f"{options.hosts} hosts, {options.minutes} simulated minutes, {done} observations")
    print(f"{spent:.1f} s CPU: {rate:.0f} simulated s a CPU second")
    print(f"{spent / done * 1e6:.0f} us and {size / done:.0f} bytes an observation")
    print(f"a week: {WEEK_S / rate / 60:.1f} min of one core")
    if options.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
