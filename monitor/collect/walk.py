"""Walk one path in rounds and have it judged, as the collector would."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from monitor.assess.path import PathJudge
from monitor.clock import Clock
from monitor.probes.base import Prober
from monitor.records import Kind, Observation, Outcome
from monitor.report.path import PathReport
from monitor.watchlist.model import Check, Host, TraceParams, Watchlist

EVERY_S: Final = 1.0
# As fast as rounds may follow each other, a silent path may still take its time.
_TIMEOUT_S: Final = 5.0
# How long the last names may keep a finished report waiting.
_NAMES_S: Final = 5.0


class Names(Protocol):
    """What both the keeper of origins and the one of names do."""

    def name_hops(self, seen: Observation) -> Observation: ...

    async def settle(self, seconds: float) -> None: ...


def path_of(watchlist: Watchlist, name: str) -> Check | None:
    """The trace check towards a host of the watchlist, or a plain address; None for neither."""
    host = next((each for each in watchlist.hosts if each.id == name), None)
    if host is not None:
        return _of_host(host)
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None
    return _check(name, name, "ipv6" if ":" in name else "ipv4", TraceParams())


def _of_host(host: Host) -> Check:
    for check in host.checks:
        if isinstance(check.params, TraceParams):
            return _check(host.id, check.address, check.family, check.params)
    family = next((check.family for check in host.checks), "ipv4")
    return _check(host.id, host.address, family, TraceParams())


def _check(host: str, address: str, family: str, params: TraceParams) -> Check:
    return Check(
        f"{host}/trace",
        host,
        Kind.TRACE,
        address,
        params,
        label="trace",
        family=family,
        interval_s=EVERY_S,
        timeout_s=_TIMEOUT_S,
    )


async def walk(
    check: Check,
    watchlist: Watchlist,
    prober: Prober,
    clock: Clock,
    *,
    rounds: int,
    progress: Callable[[int, int, str], None],
    names: Sequence[Names] = (),
) -> PathReport:
    """``rounds`` rounds, one a second; ends early when our own machine cannot look.

    ``names`` look up whose hops they are while it walks, and a moment longer.
    """
    due = clock.monotonic()
    seen: list[Observation] = []
    while len(seen) < rounds:
        await clock.sleep(due - clock.monotonic())
        last = await prober.probe(check)
        seen.append(_named(last, names))
        progress(len(seen), rounds, check.host)
        if last.outcome is Outcome.ERROR:
            break
        due = max(due + EVERY_S, clock.monotonic())
    for each in names:
        await each.settle(_NAMES_S)
    judge = PathJudge(check.id, networks=watchlist.networks)
    for found in seen:
        judge.observe(_named(found, names))
    last = _named(seen[-1], names)
    return PathReport(check.host, seen[0].at, len(seen), last, judge.row)


def _named(seen: Observation, names: Sequence[Names]) -> Observation:
    for each in names:
        seen = each.name_hops(seen)
    return seen
