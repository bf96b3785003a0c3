"""Who judges better: 300 simulated weeks, judged by us and by models of other programs.

    python -m tests.bench.judgement [--seeds 2000:2304] [--jobs 2] [--days 7] [--fast] [--kinds]

Everybody hears the very same observations: those of our own schedule with our own retries.
Rules were tuned on seeds below 1000, and the rule of loss after a look at 1000 to 1303; those
from 2000 on were never looked at.  Incidents a week are as many whatever its ``--days``, so
shorter ones are denser and their rates by month higher, for everybody.  Outages that begin
while our own line is down count like any other.  What is measured, by judge:

detect   seconds from the moment at which fewer than half of the hosts inside can be reached
         (for at least 5 min) to the first word about it: a network that is UNSTABLE, PARTIAL
         or LOST.  For the host rules: half of the hosts inside called down.  A word since
         the beginning of the same trouble (creeping loss) counts as 0.
missed   outages without any such word while they lasted.
false    hosts called down while they are not, each call once, by host and 30 days.  Host
         calls up to 20 s after an outage are its own: the look began within it.
net      false words about the network while the truth is STABLE, by network and 30 days.
mass     faults of our own line that made 3 hosts, or the network, be called down, of all.
phase    share of the time in which the phase said was the true one; UNKNOWN is right during
         a fault of our own.  trouble: the same over the time in which the truth is not STABLE.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import math
import multiprocessing
import sys
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from monitor.assess.assessor import Assessor
from monitor.assess.check import ended
from monitor.assess.host import BAD
from monitor.assess.pace import retry_after
from monitor.assess.rules import RULES
from monitor.collect.schedule import Schedule
from monitor.records import (
    DAY,
    MINUTE,
    SECOND,
    Event,
    EventKind,
    Micros,
    Observation,
    Phase,
    State,
    Vantage,
    Verdict,
)
from monitor.simulation.answers import Answer
from monitor.simulation.prober import SimProber
from monitor.simulation.way import Way
from monitor.simulation.world import World
from monitor.watchlist.model import Check
from tests.bench import rivals, weeks
from tests.bench.rivals import Said
from tests.bench.scores import (
    AFTER_OWN,
    Score,
    false_calls,
    false_words,
    phases_of,
    score_of,
    within,
    words_of,
)
from tests.bench.weeks import INSIDE, OUTSIDE, PREFIXES, Truth

_BAD = frozenset(state.value for state in BAD)


class Us(Said):
    """What our own events say."""

    name = "watchdesk"

    def hear(self, event: Event) -> None:
        if event.kind is not EventKind.TRANSITION:
            return
        subject, _, name = event.subject.partition(":")
        if subject == "network":
            self.phases.append((event.at, Phase(event.new)))
        elif event.new == State.UNKNOWN or not event.hard or event.rule == "as-before":
            return
        elif subject == "host":
            self.calls.append((event.at, name, event.new in _BAD))


class Quick:
    """The simulated prober; over a way on which nothing is wrong it skips the dice.

    What such a way loses by chance (0.04 % of the echoes) never fails a look.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._prober = SimProber(world, None)  # type: ignore[arg-type]
        self._usual: dict[tuple[str, int], tuple[Way, Answer]] = {}

    def answer(self, check: Check, at: Micros) -> Answer:
        way = self._world.way(check.host, check.address, at)
        wrong = way.own or way.resolver or way.dns or way.refuse or way.status >= 400
        if wrong or way.ramps or not way.whole:
            return self._prober.answer(check, at)
        key = (check.id, id(way))
        found = self._usual.get(key)
        if found is None:
            found = self._usual[key] = (way, self._prober.answer(check, at))
        seen, took = found[1]
        return (
            Observation(
                check.id,
                at,
                seen.outcome,
                seen.reason,
                seen.rtt_ms,
                seen.sent,
                seen.received,
                seen.took_ms,
                seen.address,
            ),
            took,
        )


class Runner:
    """The real schedule and judge over a simulated week, without asyncio and cache.

    As ``monitor.collect.replay`` without its packet budget (a /24 is looked at by four hosts
    at 180 s here, far below it), sink and health row, which cost more than the judging.
    """

    def __init__(self, week: weeks.Week) -> None:
        self.watchlist = weeks.watchlist()
        self.start, self.end = week.script.start, week.script.end
        self._prober = Quick(week.script.world(self.watchlist))
        self._schedule = Schedule(self.watchlist.checks(), 0.0)
        self._judge = Assessor(self.watchlist, self.start)
        self._now = self.start
        self.us = Us()

    def run(self) -> Iterator[tuple[Micros, Observation]]:
        """Every observation of the week when it ended, after we have judged it."""
        flying: list[tuple[float, int, Observation]] = []
        schedule, judge = self._schedule, self._judge
        number = 0
        grid = 0.0
        last = (self.end - self.start) / SECOND
        while True:
            due = schedule.next_due()
            ends = flying[0][0] if flying else math.inf
            now = min(math.inf if due is None else due, ends, grid)
            if now > last:
                return
            self._now = self.start + round(now * SECOND)
            if grid <= now:
                judge.tick(self._now)
                self._follow_up(judge.take(), now)
                grid += RULES.round / SECOND
            elif ends <= now:
                seen = heapq.heappop(flying)[2]
                judge.observe(seen)
                self._follow_up(judge.take(), now)
                row = judge.row_of(seen.check)
                assert row is not None
                retry = retry_after(row, ended(seen), sentinel=False)
                schedule.done(seen.check, now, retry)
                yield self._now, seen
            else:
                check = schedule.pop_due(now)
                assert check is not None
                seen, took = self._prober.answer(check, self._now)
                number += 1
                heapq.heappush(flying, (now + took, number, seen))

    def _follow_up(self, verdict: Verdict, now: float) -> None:
        if verdict.look:
            self._schedule.bring_forward(now, RULES.retry_s, frozenset(verdict.look))
        for event in verdict.events:
            if event.kind is EventKind.VANTAGE and event.new == Vantage.RECHECK:
                self._schedule.bring_forward(now, RULES.recheck / SECOND / 2)
            self.us.hear(event)


class Result(msgspec.Struct):
    """One week's scores, and what they are shares of."""

    seed: int
    kind: str
    scores: dict[str, Score]
    outages: int = 0
    own: int = 0
    time: int = 0
    trouble: int = 0
    seen: int = 0
    notes: list[str] = []


# --- one week ---------------------------------------------------------------------------------


def judge_week(seed: int, days: float, *, notes: bool = False) -> Result:
    week = weeks.make(seed, days)
    runner = Runner(week)
    watched = runner.watchlist
    truth = weeks.truth_of(week, watched)
    checks: dict[str, list[str]] = {}
    for check in watched.checks():
        if check.host in (*INSIDE, *OUTSIDE):
            checks.setdefault(check.host, []).append(check.id)
    world = week.script.world(watched)
    homes = {host: world.hosting(host, week.script.start).prefix for host in INSIDE}
    blocks = {prefix: [host for host in INSIDE if homes[host] == prefix] for prefix in PREFIXES}
    others = rivals.everybody(checks, INSIDE, blocks)
    seen = 0
    for at, observation in runner.run():
        seen += 1
        if observation.check.partition("/")[0] in checks:
            for rival in others:
                rival.observe(at, observation)
    us = runner.us
    hosts_only = Said()
    hosts_only.calls, hosts_only.phases = us.calls, us.phases
    scores = {us.name: score_of(us, truth, by_hosts=False)}
    scores["  its hosts alone"] = score_of(hosts_only, truth, by_hosts=True)
    for rival in others:
        by_hosts = isinstance(rival, rivals.HostRule)
        scores[rival.name] = score_of(rival.said, truth, by_hosts=by_hosts)
    result = Result(seed, week.kind, scores, outages=len(truth.outages), own=len(truth.own))
    result.time = week.script.end - week.script.start
    result.trouble = sum(
        s.until - s.since for s, phase in truth.phases if phase is not Phase.STABLE
    )
    result.seen = seen
    if notes:
        result.notes = list(_notes(us, truth))
    return result


def _notes(us: Us, truth: Truth) -> Iterator[str]:
    """Where we were wrong, for a person to follow up."""
    for at, host in false_calls(us, truth):
        yield f"false call {_hours(at)} {host}"
    for at in false_words(words_of(us), truth):
        yield f"false word {_hours(at)} {dict(us.phases)[at]}"
    times, phases = phases_of(us)
    for span, phase in truth.phases:
        cuts = [span.since, *(t for t in times if span.since < t < span.until), span.until]
        for since, until in pairwise(cuts):
            says = phases[bisect_right(times, since)]
            own = says is Phase.UNKNOWN and within(truth.own, since, AFTER_OWN)
            if says is not phase and not own and until - since > 2 * MINUTE:
                yield (
                    f"{_hours(since)} for {(until - since) / MINUTE:.1f} min:"
                    f" said {says}, true {phase}"
                )
    for outage, _ in truth.outages:
        yield f"outage {_hours(outage.since)} to {_hours(outage.until)}"
    for span in truth.own:
        yield f"own fault {_hours(span.since)} to {_hours(span.until)}"


def _hours(at: Micros) -> str:
    return f"{(at - weeks.START) / (60 * MINUTE):.3f}h"


# --- all of them ------------------------------------------------------------------------------


def _work(job: tuple[int, float, bool]) -> Result:
    gc.set_threshold(50_000)
    seed, days, notes = job
    return judge_week(seed, days, notes=notes)


def _quantile(values: Sequence[float], part: float) -> float:
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(part * len(ordered)) - 1)]


def table(results: Sequence[Result]) -> list[str]:
    """The scores of all judges, one line each."""
    outages = sum(r.outages for r in results)
    own = sum(r.own for r in results)
    span = sum(r.time for r in results)
    trouble = sum(r.trouble for r in results)
    months = span / (30 * DAY)
    host_months = months * len((*INSIDE, *OUTSIDE))
    seen = sum(r.seen for r in results)
    lines = [
        (
            f"{len(results)} weeks, {seen:,} observations, {outages} outages of the network,"
            f" {own} faults of our own, {host_months:.0f} host-months"
        ),
        (
            f"{'':18}{'detect s':>17}{'missed':>8}{'false /':>10}{'net /':>9}{'mass':>12}"
            f"{'phase':>9}{'in':>10}"
        ),
        (
            f"{'':18}{'p50':>9}{'p95':>8}{'':8}{'host-mo':>10}{'net-mo':>9}{'alarms':>12}"
            f"{'right':>9}{'trouble':>10}"
        ),
    ]
    for name in results[0].scores:
        total = Score()
        for result in results:
            total.add(result.scores[name])
        calls = "" if name == rivals.Ioda.name else f"{total.false_calls / host_months:.3f}"
        lines.append(
            f"{name:18}{_quantile(total.delays, 0.5):9.0f}{_quantile(total.delays, 0.95):8.0f}"
            f"{total.missed:8}{calls:>10}{total.false_words / months:9.2f}"
            f"{f'{total.mass} of {own}':>12}{total.agreed / span:9.2%}"
            f"{total.agreed_trouble / trouble if trouble else math.nan:10.1%}"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="2000:2304", help="FIRST:END, the end not included")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--days", type=float, default=7.0, help="length of a week")
    parser.add_argument("--fast", action="store_true", help="every kind twice, of 3 days")
    parser.add_argument("--kinds", action="store_true", help="a table for each kind as well")
    parser.add_argument("--notes", action="store_true", help="say where we were wrong")
    parser.add_argument("--only", default="", help="kinds to run, with commas")
    args = parser.parse_args()
    first, _, end = args.seeds.partition(":")
    seeds = list(range(int(first), int(end or int(first) + 1)))
    days = args.days
    if args.fast:
        seeds, days = seeds[: 2 * len(weeks.KINDS)], 3.0
    if args.only:
        kinds = list(weeks.KINDS)
        wanted = [kinds.index(kind) for kind in args.only.split(",")]
        seeds = [seed for seed in seeds if seed % len(kinds) in wanted]
    jobs = [(seed, days, args.notes) for seed in seeds]
    results: list[Result] = []
    began = time.monotonic()
    with multiprocessing.Pool(args.jobs) as pool:
        for result in pool.imap_unordered(_work, jobs):
            results.append(result)
            took = time.monotonic() - began
            sys.stderr.write(f"\r{len(results)} of {len(jobs)} weeks, {took:.0f} s ")
            sys.stderr.flush()
    sys.stderr.write("\n")
    results.sort(key=lambda result: result.seed)
    for result in results:
        for note in result.notes:
            print(f"{result.seed} {result.kind}: {note}")
    if args.kinds:
        for kind in dict.fromkeys(r.kind for r in results):
            print(f"\n{kind}: ", end="")
            print("\n".join(table([r for r in results if r.kind == kind])))
    print()
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
