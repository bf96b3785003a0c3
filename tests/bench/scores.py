"""What one judge did in a simulated week, beside what was true.  See judgement.py."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from monitor.records import MINUTE, SECOND, Micros, Phase
from tests.bench.rivals import Said
from tests.bench.weeks import INSIDE, Span, Truth

SLACK = 20 * SECOND
AFTER_OWN = 2 * MINUTE
TROUBLE = frozenset({Phase.UNSTABLE, Phase.PARTIAL, Phase.LOST})


class Score(msgspec.Struct):
    """What one judge did, summed over weeks; times are Micros, ``delays`` seconds."""

    delays: list[float] = []
    missed: int = 0
    false_calls: int = 0
    false_words: int = 0
    mass: int = 0
    agreed: int = 0
    agreed_trouble: int = 0

    def add(self, other: Score) -> None:
        self.delays += other.delays
        for name in (
            "missed",
            "false_calls",
            "false_words",
            "mass",
            "agreed",
            "agreed_trouble",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def within(spans: Sequence[Span], at: Micros, slack: Micros = 0) -> bool:
    return any(span.since <= at < span.until + slack for span in spans)


def false_calls(said: Said, truth: Truth) -> list[tuple[Micros, str]]:
    return [
        (at, host)
        for at, host, down in said.calls
        if down and not within(truth.down[host], at, SLACK)
    ]


def words_of(said: Said) -> list[Micros]:
    """When the network was said to be in trouble, each word once."""
    return [at for at, phase in said.phases if phase in TROUBLE]


def _half_down(said: Said) -> list[Micros]:
    """When half of the hosts inside were down, each time once."""
    down: set[str] = set()
    found: list[Micros] = []
    was = False
    for at, host, bad in said.calls:
        if host in INSIDE:
            (down.add if bad else down.discard)(host)
        now = 2 * len(down) >= len(INSIDE)
        if now and not was:
            found.append(at)
        was = now
    return found


def _detect(score: Score, words: Sequence[Micros], truth: Truth) -> None:
    for outage, began in truth.outages:
        first = min((at for at in words if began <= at < outage.until), default=None)
        if first is None:
            score.missed += 1
        else:
            score.delays.append(max(0, first - outage.since) / SECOND)


def phases_of(said: Said) -> tuple[list[Micros], list[Phase]]:
    times = [at for at, _ in said.phases]
    return times, [Phase.UNKNOWN, *(phase for _, phase in said.phases)]


def _agree(score: Score, said: Said, truth: Truth) -> None:
    times, phases = phases_of(said)
    own = [edge for span in truth.own for edge in (span.since, span.until + AFTER_OWN)]
    for span, phase in truth.phases:
        cuts = sorted(
            {
                span.since,
                span.until,
                *(t for t in (*times, *own) if span.since < t < span.until),
            }
        )
        for since, until in pairwise(cuts):
            says = phases[bisect_right(times, since)]
            unknown = says is Phase.UNKNOWN and within(truth.own, since, AFTER_OWN)
            if says is phase or unknown:
                score.agreed += until - since
                if phase is not Phase.STABLE:
                    score.agreed_trouble += until - since


def false_words(words: Sequence[Micros], truth: Truth) -> list[Micros]:
    stable = [span for span, phase in truth.phases if phase is Phase.STABLE]
    return [at for at in words if within(stable, at - SLACK) and within(stable, at)]


def score_of(said: Said, truth: Truth, *, by_hosts: bool) -> Score:
    score = Score()
    words = words_of(said)
    _detect(score, _half_down(said) if by_hosts else words, truth)
    calls = false_calls(said, truth)
    score.false_calls = len(calls)
    false = false_words(words, truth)
    score.false_words = len(false)
    for span in truth.own:
        here = Span(span.since, span.until + AFTER_OWN)
        hosts = {host for at, host in calls if within([here], at)}
        score.mass += len(hosts) >= 3 or any(within([here], at) for at in false)
    _agree(score, said, truth)
    return score
