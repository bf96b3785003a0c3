"""Look at everything once, within the same budgets, and judge what was seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from monitor.assess.assessor import Assessor
from monitor.assess.check import ended
from monitor.assess.own import OWN_CHECKS
from monitor.assess.rules import RULES
from monitor.clock import Clock
from monitor.collect.budget import PrefixBudget, area_of, cost_of
from monitor.collect.own import asks_own
from monitor.probes.base import Prober
from monitor.records import (
    CheckRow,
    HostRow,
    NetworkRow,
    Observation,
    Row,
)
from monitor.report.look import LookReport
from monitor.watchlist.model import Check, Watchlist

# One look has no second attempt: what it sees is what it says.
_RULES: Final = msgspec.structs.replace(RULES, attempts=1, vantage_rounds=1)
Progress = Callable[[int, int, str], None]


async def look_once(
    watchlist: Watchlist,
    prober: Prober,
    clock: Clock,
    progress: Progress,
    own: Sequence[Check] = (),
) -> LookReport:
    """Run every check once; ``progress(done, total, check)`` after each.

    Far controls, and the checks of our ``own`` side, are judged first, so that hosts are
    UNKNOWN, not DOWN, when our own line is at fault.
    """
    everything = (*watchlist.checks(), *(own if asks_own(watchlist) else ()))
    seen: list[Observation] = []
    budget = PrefixBudget(watchlist.budget)
    room = asyncio.Semaphore(watchlist.budget.in_flight)

    async def run(check: Check) -> None:
        area = area_of(check.address)
        while (wait := budget.admit(area, cost_of(check), clock.monotonic())) > 0:
            await clock.sleep(wait)
        try:
            async with room:
                seen.append(await prober.probe(check))
        finally:
            budget.release(area)
        progress(len(seen), len(everything), check.id)

    started = clock.wall()
    async with asyncio.TaskGroup() as group:
        for check in everything:
            group.create_task(run(check), name=check.id)
    return _judge(watchlist, started, seen)


def _judge(watchlist: Watchlist, started: int, seen: list[Observation]) -> LookReport:
    assessor = Assessor(watchlist, started, rules=_RULES)
    ours = {check.id for host in watchlist.controls("far") for check in host.checks}
    ours |= OWN_CHECKS.keys()
    # All of one look counts as one moment: its end.
    end = max((ended(each) for each in seen), default=started)
    stamped = [msgspec.structs.replace(each, at=end, took_ms=0.0) for each in seen]
    for each in stamped:
        if each.check in ours:
            assessor.observe(each)
    assessor.tick(end + _RULES.round)
    for each in stamped:
        if each.check not in ours:
            assessor.observe(msgspec.structs.replace(each, at=end))
    assessor.judge_networks()
    rows: dict[str, Row] = assessor.take().rows
    back = {each.check: each for each in seen}
    checks = [row for row in rows.values() if isinstance(row, CheckRow)]
    for row in checks:
        row.last = back.get(row.id)
    return LookReport(
        watchlist=watchlist.name,
        vantage=assessor.vantage,
        networks=[row for row in rows.values() if isinstance(row, NetworkRow)],
        hosts=[row for row in rows.values() if isinstance(row, HostRow)],
        checks=checks,
    )
