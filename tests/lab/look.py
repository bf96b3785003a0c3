"""Probe from where this process stands, as nobody where that is possible.

    python -m tests.lab.look '[{"kind": "trace", "address": "198.18.179.80"}]'

Prints a JSON list of observations.  A look may have ``params``, ``timeout_s`` and
``as_root``; the first one's ``as_root`` counts for all.
"""

import asyncio
import encodings.idna  # noqa: F401 - afterwards we may no longer read our own library
import json
import os
import sys

import msgspec

from monitor.clock import RealClock
from monitor.probes.icmp import IcmpProbe
from monitor.probes.trace import TraceProbe
from monitor.records import Kind
from monitor.watchlist.model import Check, IcmpParams, TraceParams

_NOBODY = 65534
_PROBES = {"icmp": (IcmpProbe, IcmpParams), "trace": (TraceProbe, TraceParams)}


def become_nobody():
    """Give up every privilege; a user namespace with one user keeps its root."""
    try:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    except OSError:
        return


async def look(looks):
    clock = RealClock()
    probers = {kind: made(clock) for kind, (made, _) in _PROBES.items()}
    seen = []
    for each in looks:
        kind, address = each["kind"], each["address"]
        params = _PROBES[kind][1](**each.get("params", {}))
        timeout_s = each.get("timeout_s", 5.0)
        check = Check(f"h/{kind}", "h", Kind(kind), address, params, timeout_s=timeout_s)
        seen.append(await probers[kind].probe(check))
    for prober in probers.values():
        await prober.close()
    return seen


def main():
    looks = json.loads(sys.argv[1])
    if not looks[0].get("as_root"):
        become_nobody()
    print(msgspec.json.encode(asyncio.run(look(looks))).decode())


if __name__ == "__main__":
    main()
