"""Small faithful models of how other programs decide, fed with our own observations.

They hear what our schedule saw, its 15 s retries and its looks brought forward included,
which is at least as often as they would have looked themselves.  Every one of them takes
an error of its own machine (no route, resolver) for a failure of the target, as the
programs do: ping and curl exit non-zero, a socket raises.

Where a rule judges checks, a host is called down when all of its checks are, which is how
we count too.  Where it has no network level, one is derived with DESIGN 4.5's cuts from the
hosts it calls down: under 5 % up LOST, under 80 % PARTIAL, 80 % within half an hour of a LOST
RESTORED, 20 % of the hosts flapping UNSTABLE (for those that know flapping).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

from monitor.assess.host import was_reached
from monitor.records import DAY, MINUTE, Micros, Observation, Outcome, Phase

LOST_SHARE: Final = 0.05
WELL_SHARE: Final = 0.80
RESTORED_FOR: Final = 30 * MINUTE


def answered(seen: Observation) -> bool:
    """Good for any of the host rules: the check exited with OK or WARNING."""
    return seen.outcome in (Outcome.OK, Outcome.WARN)


class Said:
    """What one judge said: ``calls`` (time, host, down) and ``phases`` (time, phase)."""

    def __init__(self) -> None:
        self.calls: list[tuple[Micros, str, bool]] = []
        self.phases: list[tuple[Micros, Phase]] = []
        self._lost_until: Micros = 0

    def word(self, at: Micros, down: float, restless: float = 0.0) -> None:
        """The derived network level, from the shares that are down and that flap."""
        up = 1.0 - down
        last = self.phases[-1][1] if self.phases else None
        if up < LOST_SHARE:
            phase = Phase.LOST
            self._lost_until = at + RESTORED_FOR
        elif up < WELL_SHARE:
            phase = Phase.PARTIAL
        elif restless >= 1.0 - WELL_SHARE:
            phase = Phase.UNSTABLE
        elif last in (Phase.LOST, Phase.RESTORED, Phase.PARTIAL) and at < self._lost_until:
            phase = Phase.RESTORED
        else:
            phase = Phase.STABLE
        if phase is Phase.RESTORED and last is not Phase.RESTORED:
            self._lost_until = at + RESTORED_FOR
        if phase is not last:
            self.phases.append((at, phase))


class Monitor:
    """The state of one check under a host rule."""

    __slots__ = ("down", "fails", "flapping", "goods", "ring", "state")

    def __init__(self) -> None:
        self.down = False
        self.flapping = False
        self.fails = 0
        self.goods = 0
        self.ring: deque[bool] = deque(maxlen=20)
        self.state = True


class HostRule:
    """A rule that judges each check by itself."""

    name = ""

    def __init__(self, checks: Mapping[str, Sequence[str]], inside: Sequence[str]) -> None:
        """``checks`` by host."""
        self.said = Said()
        self._monitors = {check: Monitor() for ids in checks.values() for check in ids}
        self._of_host = {host: [self._monitors[i] for i in ids] for host, ids in checks.items()}
        self._host_of = {check: host for host, ids in checks.items() for check in ids}
        self._inside = tuple(inside)
        self._down: dict[str, bool] = dict.fromkeys(checks, False)
        self._word_at: Micros = 0

    def observe(self, at: Micros, seen: Observation) -> None:
        """Judge one observation that ended ``at``."""
        monitor = self._monitors[seen.check]
        before = (monitor.down, monitor.flapping)
        self.judge(monitor, good=answered(seen))
        if before != (monitor.down, monitor.flapping):
            host = self._host_of[seen.check]
            all_of_it = self._of_host[host]
            down = all(each.down for each in all_of_it)
            if down != self._down[host]:
                self._down[host] = down
                if not (down and any(each.flapping for each in all_of_it)):
                    self.said.calls.append((at, host, down))
            self._speak(at)
        elif at - self._word_at >= MINUTE:
            self._speak(at)

    def judge(self, monitor: Monitor, *, good: bool) -> None:
        raise NotImplementedError

    def _speak(self, at: Micros) -> None:
        self._word_at = at
        total = len(self._inside)
        down = sum(self._down[host] for host in self._inside) / total
        restless = sum(
            any(each.flapping for each in self._of_host[host]) for host in self._inside
        )
        self.said.word(at, down, restless / total)


class UptimeKuma(HostRule):
    """Retries, then DOWN; one success is UP (server/model/monitor.js, ``maxretries``).

    A failed beat is PENDING while ``retries < maxretries``, else DOWN.  One retry here, the
    smallest number that has any.  No vantage guard, no flap detection, no groups by default.
    """

    name = "Uptime Kuma"
    retries = 1

    def judge(self, monitor: Monitor, *, good: bool) -> None:
        monitor.fails = 0 if good else monitor.fails + 1
        monitor.down = monitor.fails > self.retries


class Gatus(HostRule):
    """failure-threshold 3, success-threshold 2, the documented defaults of an alert.

    Triggered when ``NumberOfFailuresInARow >= failure-threshold``, resolved when
    ``NumberOfSuccessesInARow >= success-threshold`` (watchdog/alerting.go).
    """

    name = "Gatus"
    failures = 3
    successes = 2

    def judge(self, monitor: Monitor, *, good: bool) -> None:
        monitor.goods = monitor.goods + 1 if good else 0
        monitor.fails = 0 if good else monitor.fails + 1
        if monitor.fails >= self.failures:
            monitor.down = True
        elif monitor.goods >= self.successes:
            monitor.down = False


class Nagios(HostRule):
    """Soft and hard states, max_check_attempts 3; flap detection over 21 states, 20 / 30.

    percent = sum over the 20 transitions i (0 oldest) of changed_i * (0.75 + i * 0.5 / 19),
    in per cent of 20 (base/flapping.c; the curve runs from 0.75 to 1.25).  Flapping begins at
    ``high`` and ends at ``low``; while it lasts no problem is notified, which spares false
    calls here as well.  A hard state recovers with the first OK.
    """

    name = "Nagios"
    attempts = 3
    high = 30.0
    low = 20.0

    def judge(self, monitor: Monitor, *, good: bool) -> None:
        monitor.fails = 0 if good else monitor.fails + 1
        if good:
            monitor.down = False
        elif monitor.fails >= self.attempts:
            monitor.down = True
        monitor.ring.append(good != monitor.state)
        monitor.state = good
        if True not in monitor.ring and not monitor.flapping:
            return
        percent = self.percent(monitor.ring)
        if percent >= self.high:
            monitor.flapping = True
        elif percent <= self.low:
            monitor.flapping = False

    @staticmethod
    def percent(ring: Sequence[bool]) -> float:
        """Weighted share of changes in per cent; ``ring`` oldest first, at most 20."""
        lacking = 20 - len(ring)
        curved = sum(
            0.75 + (lacking + place) * 0.5 / 19 for place, changed in enumerate(ring) if changed
        )
        return 100.0 * curved / 20


class Icinga2(Nagios):
    """max_check_attempts 3; a ring of 20 slots weighted 0.80 + 0.02 i, start 30, stop 25.

    lib/icinga/checkable-flapping.cpp: flapping begins above the high threshold and ends
    below the low one; notifications are suppressed in between.
    """

    name = "Icinga 2"
    low = 25.0

    @staticmethod
    def percent(ring: Sequence[bool]) -> float:
        """Weighted share of changes in per cent; ``ring`` oldest first, at most 20."""
        lacking = 20 - len(ring)
        weights = (0.80 + 0.02 * (lacking + i) for i, changed in enumerate(ring) if changed)
        return 100.0 * sum(weights) / 20


class Block:
    """Belief about one /24 and its availability as learned."""

    __slots__ = ("availability", "belief", "down")

    def __init__(self) -> None:
        self.belief = 0.99
        self.availability = 0.95
        self.down = False


class Trinocular:
    """Bayesian belief for each /24 (Quan, Heidemann, Pradkin 2013).

    B' = P(o|up) B / (P(o|up) B + P(o|down) (1 - B)), with P(answer|up) = A, the block's
    learned availability, and P(answer|down) = 0.01; B is kept in 0.01-0.99; up above 0.9, down
    below 0.1, in between the block keeps its state.  A is a slow mean (1 % a look), learned
    while the block is up, kept in 0.10-0.98.  Its adaptive rounds of 11 minutes are replaced
    by the looks that everybody gets.  The unit it calls down is a block: each call counts
    once for each of the block's hosts.  Network level: share of blocks down.
    """

    name = "Trinocular"

    def __init__(self, blocks: Mapping[str, Sequence[str]]) -> None:
        """``blocks``: hosts by /24."""
        self.said = Said()
        self._hosts = blocks
        self.blocks = {name: Block() for name in blocks}
        self._block_of = {host: name for name, hosts in blocks.items() for host in hosts}
        self._word_at: Micros = 0

    def observe(self, at: Micros, seen: Observation) -> None:
        name = self._block_of.get(seen.check.partition("/")[0])
        if name is None or (not seen.address and seen.outcome is Outcome.ERROR):
            return  # a name without an address is nothing to ping
        block = self.blocks[name]
        before = block.down
        believe(block, answers=was_reached(seen) is True)
        if before != block.down:
            self.said.calls += [(at, host, block.down) for host in self._hosts[name]]
        if before != block.down or at - self._word_at >= MINUTE:
            self._word_at = at
            down = sum(each.down for each in self.blocks.values()) / len(self.blocks)
            self.said.word(at, down)


def believe(block: Block, *, answers: bool) -> None:
    """One probe's worth of belief (see :class:`Trinocular`)."""
    up = block.availability if answers else 1.0 - block.availability
    down = 0.01 if answers else 0.99
    belief = up * block.belief / (up * block.belief + down * (1.0 - block.belief))
    block.belief = min(0.99, max(0.01, belief))
    if block.belief < 0.1:
        block.down = True
    elif block.belief > 0.9:
        block.down = False
    if not block.down:
        learned = block.availability + 0.01 * (answers - block.availability)
        block.availability = min(0.98, max(0.10, learned))


class Ioda:
    """IODA's active-probing alert: current / median of 7 days, warn < 80 %, critical < 50 %.

    Ten-minute bins.  IODA counts /24s and needs a prediction of at least 20, so a network of
    two /24s could never alert at all; counts of hosts that answered in the bin stand in for
    it, without that minimum.  No host level.  A warning reads PARTIAL, a value under 5 % of
    the median LOST.
    """

    name = "IODA"
    bin = 10 * MINUTE
    warn = 0.80

    def __init__(self, inside: Sequence[str]) -> None:
        self.said = Said()
        self._inside = frozenset(inside)
        self._bin: Micros = 0
        self._heard: set[str] = set()
        self._past: deque[int] = deque(maxlen=7 * DAY // self.bin)
        self._usual = 0.0

    def observe(self, at: Micros, seen: Observation) -> None:
        here = at - at % self.bin
        if here != self._bin:
            if self._bin:
                self._close(self._bin + self.bin)
            self._bin = here
        host = seen.check.partition("/")[0]
        if host in self._inside and was_reached(seen) is True:
            self._heard.add(host)

    def _close(self, at: Micros) -> None:
        value = len(self._heard)
        self._heard.clear()
        usual = median(self._past) if self._past else value
        self._past.append(value)
        if usual:
            self.said.word(at, 1.0 - min(1.0, value / usual))


Rival = HostRule | Trinocular | Ioda


def everybody(
    checks: Mapping[str, Sequence[str]],
    inside: Sequence[str],
    blocks: Mapping[str, Sequence[str]],
) -> list[Rival]:
    """One of each, for a watchlist: ``checks`` by host, hosts ``inside``, hosts by /24."""
    rules = [rule(checks, inside) for rule in (UptimeKuma, Gatus, Nagios, Icinga2)]
    return [*rules, Trinocular(blocks), Ioda(inside)]
