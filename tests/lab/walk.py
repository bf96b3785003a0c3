"""Walk paths in rounds from where this process stands, as nobody where that is possible.

    python -m tests.lab.walk '{"addresses": ["198.18.179.80"], "rounds": 40, "every": 1.0}'

Prints a JSON list of observations in the order they came.  With ``apart`` every path has a
prober of its own, so that nobody knows whom the others ask; with ``together`` all begin at
once.  ``params`` and ``timeout_s`` are the check's.
"""

import asyncio
import encodings.idna  # noqa: F401 - afterwards we may no longer read our own library
import json
import sys

import msgspec

from monitor.clock import RealClock
from monitor.probes.trace import TraceProbe
from monitor.records import Kind
from monitor.watchlist.model import Check, TraceParams

from .look import become_nobody


async def walk(
    addresses, rounds, every, *, apart=False, together=False, timeout_s=5.0, params=None
):
    clock = RealClock()
    shared = TraceProbe(clock)
    probers = [TraceProbe(clock) if apart else shared for _ in addresses]
    seen = []

    async def one(place, address):
        check = Check(
            f"h{place}/trace",
            f"h{place}",
            Kind.TRACE,
            address,
            TraceParams(**(params or {})),
            interval_s=every,
            timeout_s=timeout_s,
        )
        due = clock.monotonic() + (0.0 if together else every * place / len(addresses))
        for _ in range(rounds):
            await clock.sleep(due - clock.monotonic())
            seen.append(await probers[place].probe(check))
            due = max(due + every, clock.monotonic())

    await asyncio.gather(*(one(*each) for each in enumerate(addresses)))
    for prober in {id(each): each for each in probers}.values():
        await prober.close()
    return seen


def main():
    become_nobody()
    print(msgspec.json.encode(asyncio.run(walk(**json.loads(sys.argv[1])))).decode())


if __name__ == "__main__":
    main()
