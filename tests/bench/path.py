"""What a path costs: ``tests/lab/lab wrap --no-ris python tests/bench/path.py [rounds]``.

Runs at the desk of a lab of its own, as root because mtr wants it for short intervals.
Prints rounds a second and CPU for rounds over one path as fast as they go, beside mtr and
fping (which asks only the target) in the same run, and the CPU of many paths at one round a
second, ours in one process and mtr in one a path.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from monitor.clock import RealClock
from monitor.probes.trace import TraceProbe
from monitor.records import Kind, Outcome
from monitor.watchlist.model import Check, TraceParams
from tests.lab.plan import FAR

SPACING_S = 0.01
PATHS, SECONDS = 20, 15
WEB = [f"198.18.176.{last}" for last in range(82, 82 + PATHS)]


def check(place: int, address: str) -> Check:
    return Check(
        f"h{place}/trace", f"h{place}", Kind.TRACE, address, TraceParams(), interval_s=1.0
    )


def cpu_s(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


async def as_fast_as_it_goes(rounds: int) -> int:
    """Packets sent."""
    prober, sent = TraceProbe(RealClock()), 0
    for _ in range(rounds):
        seen = await prober.probe(check(0, FAR))
        assert seen.outcome is Outcome.OK, seen
        sent += sum(hop.sent for hop in seen.facts.hops)  # type: ignore[union-attr]
    await prober.close()
    return sent


async def many_paths() -> tuple[int, int]:
    """Packets sent, and answers missing."""
    clock = RealClock()
    prober, sent, missing = TraceProbe(clock), 0, 0

    async def one(place: int, address: str) -> None:
        nonlocal sent, missing
        due = clock.monotonic() + place / PATHS
        for number in range(SECONDS):
            await clock.sleep(due + number - clock.monotonic())
            seen = await prober.probe(check(place, address))
            sent += sum(hop.sent for hop in seen.facts.hops)  # type: ignore[union-attr]
            missing += sum(
                hop.sent - hop.received
                for hop in seen.facts.hops  # type: ignore[union-attr]
            )

    await asyncio.gather(*(one(*each) for each in enumerate(WEB)))
    await prober.close()
    return sent, missing


def measured(who: int, work: Callable[[], int]) -> tuple[float, float, int]:
    """Seconds, CPU seconds, and what ``work`` returned."""
    begun, before = time.monotonic(), cpu_s(who)
    found = work()
    return time.monotonic() - begun, cpu_s(who) - before, found


def show(name: str, rounds: int, seconds: float, cpu: float, packets: int) -> None:
    print(
        f"{name:12}{rounds / seconds:10.0f}{cpu / rounds * 1e6:16.0f}"
        f"{packets:10}{cpu / packets * 1e6:16.0f}"
    )


def rival(*command: str) -> Callable[[], int]:
    def work() -> int:
        subprocess.run(command, check=True, capture_output=True)
        return 0

    return work


def one_path(rounds: int) -> None:
    print(f"{'one path':12}{'rounds/s':>10}{'CPU µs a round':>16}", end="")
    print(f"{'packets':>10}{'CPU µs a packet':>16}")
    asyncio.run(as_fast_as_it_goes(20))
    taken, cpu, packets = measured(
        resource.RUSAGE_SELF, lambda: asyncio.run(as_fast_as_it_goes(rounds))
    )
    show("watchdesk", rounds, taken, cpu, packets)
    if shutil.which("mtr"):
        some = rounds // 4
        command = ("mtr", "-n", "-r", "-c", str(some), "-i", str(SPACING_S), "-G", "1", FAR)
        taken, cpu, _ = measured(resource.RUSAGE_CHILDREN, rival(*command))
        show("mtr", some, taken - 1, cpu, some * 4)
    if shutil.which("fping"):
        command = ("fping", "-q", "-c", str(rounds), "-p", "1", "-i", "1", FAR)
        taken, cpu, _ = measured(resource.RUSAGE_CHILDREN, rival(*command))
        show("fping", rounds, taken, cpu, rounds)


def together() -> None:
    found: list[tuple[int, int]] = []

    def ours() -> int:
        found.append(asyncio.run(many_paths()))
        return 0

    taken, cpu, _ = measured(resource.RUSAGE_SELF, ours)
    sent, missing = found[0]
    print(f"\n{PATHS} paths, one round a second, {SECONDS} s")
    print(
        f"watchdesk   {cpu / taken * 100:5.1f} % of a core in 1 process,"
        f" {sent} packets, {missing} unanswered"
    )
    if shutil.which("mtr") is None:
        return
    begun, before = time.monotonic(), cpu_s(resource.RUSAGE_CHILDREN)
    running = [
        subprocess.Popen(
            ["mtr", "-n", "-r", "-c", str(SECONDS), "-i", "1", "-G", "1", address],
            stdout=subprocess.DEVNULL,
        )
        for address in WEB
    ]
    for process in running:
        process.wait()
    taken, cpu = time.monotonic() - begun, cpu_s(resource.RUSAGE_CHILDREN) - before
    print(
        f"mtr         {cpu / taken * 100:5.1f} % of a core in {2 * PATHS} processes,"
        f" about {PATHS * SECONDS * 4} packets"
    )


def main() -> None:
    one_path(int(sys.argv[1]) if sys.argv[1:] else 2000)
    together()


if __name__ == "__main__":
    main()
