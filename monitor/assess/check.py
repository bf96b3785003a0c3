"""The judge of one check: soft and hard states, DEGRADED, flapping, staleness.

Pure: a row and an observation go in, the row is brought up to date and events come out.
Time is what the observations say.
"""

from __future__ import annotations

from statistics import median
from typing import NamedTuple, Protocol

from monitor.assess import flap
from monitor.assess.rules import Rules
from monitor.records import (
    BEATS,
    BEATS_KEPT,
    HOUR,
    REASONS,
    CheckRow,
    Event,
    EventKind,
    Kind,
    Memory,
    Micros,
    Observation,
    Outcome,
    Reason,
    State,
)

_BAD = frozenset({State.DOWN, State.UNREACHABLE})
_SAYS_NOTHING = frozenset({Outcome.ERROR, Outcome.SKIPPED})


class Gate(Protocol):
    """What the own vantage allows."""

    def trusts(self, observation: Observation) -> bool:
        """Whether an observation may count at all."""
        ...

    def may_condemn(self, first_fail: Micros) -> bool:
        """Whether a failure that began then may become hard now."""
        ...


class Reading(NamedTuple):
    """What a host makes of one observation before its check is judged.

    ``on_the_way``: a failure is one of the way, before the host's network; ``reached``:
    something came back from the host's address (None: not known).
    """

    on_the_way: bool
    reached: bool | None


def ended(observation: Observation) -> Micros:
    """When a check run was over."""
    return observation.at + int(observation.took_ms * 1000)


def judge(
    row: CheckRow, observation: Observation, reading: Reading, gate: Gate, rules: Rules
) -> list[Event]:
    """Bring ``row`` up to date with one observation.

    Returns the check's events in order (all quiet: the host says them better).
    """
    memory = row.memory
    if memory is None:
        memory = row.memory = Memory()
    row.last = observation
    if observation.outcome in _SAYS_NOTHING or not gate.trusts(observation):
        _beat(row, State.UNKNOWN)
        return []
    memory.good_at = ended(observation)
    row.stale = False
    memory.reached = reading.reached
    if reading.reached:
        memory.reached_at = memory.good_at
    seen = _seen(memory, observation, reading, rules)
    memory.ring = flap.push(memory.ring, memory.last_seen not in (None, seen), rules.flap_slots)
    step = _Step(row, memory, observation, seen, rules)
    events = step.failed(gate) if seen in _BAD else step.answered()
    memory.last_seen = seen
    _beat(row, seen)
    if memory.ring or row.flapping or memory.hard_times:
        events += _flapping(row, memory, rules, memory.good_at)
    return events


def _seen(memory: Memory, observation: Observation, reading: Reading, rules: Rules) -> State:
    """What this observation alone says."""
    if observation.outcome is Outcome.FAIL:
        memory.bad_rounds = memory.bad_rounds << 1 & 0b111
        at = ended(observation)
        if reading.on_the_way:
            memory.refused_at = at
            return State.UNREACHABLE
        # Routers limit how often they refuse: silence between two refusals is theirs.
        silent = observation.reason is Reason.TIMEOUT and not reading.reached
        if silent and at - memory.refused_at <= rules.refusal_holds:
            return State.UNREACHABLE
        return State.DOWN
    memory.refused_at = 0
    bad = _degraded(memory, observation, rules)
    memory.bad_rounds = (memory.bad_rounds << 1 | bad) & 0b111
    if observation.rtt_ms is not None:
        _learn(memory, observation.at, observation.rtt_ms)
    return State.DEGRADED if memory.bad_rounds.bit_count() >= 2 else State.UP


def _degraded(memory: Memory, observation: Observation, rules: Rules) -> bool:
    if observation.outcome is Outcome.WARN and observation.reason is not Reason.LOSS:
        return True
    if observation.sent > observation.received > 0 and lossy(observation, rules):
        return True
    usual = usual_rtt(memory, rules)
    rtt = observation.rtt_ms
    if usual is None or rtt is None:
        return False
    return rtt >= usual * rules.slow_factor and rtt - usual >= rules.slow_floor_ms


def lossy(observation: Observation, rules: Rules) -> bool:
    """Whether a look lost a share of its packets that counts."""
    lost = observation.sent - observation.received
    return observation.sent > 0 and lost >= rules.loss * observation.sent


def usual_rtt(memory: Memory, rules: Rules) -> float | None:
    """Median of the hourly medians of the last day in ms; None while too little is known."""
    if len(memory.hours) < rules.slow_min_hours:
        return None
    return median(memory.hours)


def _learn(memory: Memory, at: Micros, rtt_ms: float) -> None:
    hour = at // HOUR
    if hour != memory.hour:
        if memory.samples:
            memory.hours.append(median(memory.samples))
            del memory.hours[:-24]
            memory.samples.clear()
        memory.hour = hour
    memory.samples.append(rtt_ms)
    del memory.samples[:-15]


class _Step:
    """One trusted observation on its way through the state machine."""

    __slots__ = ("memory", "observation", "row", "rules", "seen")

    def __init__(
        self, row: CheckRow, memory: Memory, observation: Observation, seen: State, rules: Rules
    ) -> None:
        self.row = row
        self.memory = memory
        self.observation = observation
        self.seen = seen
        self.rules = rules

    def failed(self, gate: Gate) -> list[Event]:
        row, memory, seen = self.row, self.memory, self.seen
        memory.goods = 0
        memory.fails += 1
        if memory.fails == 1:
            memory.first_fail = self.observation.at
            memory.recent.clear()
        if len(memory.recent) < self.rules.evidence_kept:
            memory.recent.append(self.observation)
        row.attempt = min(memory.fails, self.rules.attempts)
        if row.state in _BAD:
            row.soft = None
            # DOWN and UNREACHABLE say where it breaks; the newer word stands once repeated.
            if seen is row.state or memory.last_seen is not seen:
                return []
            return [self.turn("where", row.since)]
        news = row.soft not in _BAD
        row.soft = seen
        if memory.fails >= self.rules.attempts and gate.may_condemn(memory.first_fail):
            if memory.before is seen:
                return [self.turn("as-before", memory.before_since)]
            return [self.turn("hard", memory.first_fail)]
        return [self.soft()] if news else []

    def answered(self) -> list[Event]:
        row, memory, seen = self.row, self.memory, self.seen
        memory.goods += 1
        memory.fails = 0
        row.attempt = 0
        at = self.observation.at
        if row.state is seen:
            row.soft = None
            return []
        if row.state is State.UNKNOWN:
            if memory.before is seen:
                return [self.turn("as-before", memory.before_since)]
            return [self.turn("first-look" if memory.before is None else "hard", at)]
        if memory.goods >= self.rules.goods_to_recover or row.state is State.UP:
            # Going DEGRADED needs no attempts: two of three rounds were its confirmation.
            return [self.turn("hard", at)]
        row.soft = seen
        return []

    def turn(self, rule: str, since: Micros) -> Event:
        """A hard change, with its evidence."""
        row, memory = self.row, self.memory
        old = row.state
        row.state, row.soft, row.since = self.seen, None, since
        memory.before = None
        if rule == "hard":
            memory.hard_times.append(memory.good_at)
        evidence = (*memory.recent,) if self.seen in _BAD else (self.observation,)
        return self._event(old, rule, since=since, evidence=evidence)

    def soft(self) -> Event:
        return self._event(self.row.state, "soft", evidence=(self.observation,))

    def _event(
        self, old: State, rule: str, *, evidence: tuple[Observation, ...], since: Micros = 0
    ) -> Event:
        return Event(
            at=self.memory.good_at,
            kind=EventKind.TRANSITION,
            subject=f"check:{self.row.id}",
            text=said(self.observation),
            old=old,
            new=self.seen,
            hard=rule != "soft",
            reason=self.observation.reason,
            rule=rule,
            since=since,
            evidence=evidence,
            quiet=True,
        )


def _flapping(row: CheckRow, memory: Memory, rules: Rules, now: Micros) -> list[Event]:
    memory.hard_times = flap.recent_changes(memory.hard_times, now, rules)
    flaps = flap.is_flapping(row.flapping, memory.ring, memory.hard_times, rules)
    if flaps == row.flapping:
        return []
    row.flapping = flaps
    percent = flap.ring_percent(memory.ring, rules.flap_slots)
    if flaps:
        memory.flap_from, memory.flap_since = row.state, now
        changes = f"{len(memory.hard_times)} hard changes in 6 h"
        text = f"flapping: {percent:.0f} % of recent results changed, {changes}"
    else:
        was = memory.flap_from or State.UNKNOWN
        text = f"steady again: {was} before the flapping, {row.state} now"
    return [
        Event(
            at=now,
            kind=EventKind.FLAPPING,
            subject=f"check:{row.id}",
            text=text,
            old="" if flaps else "flapping",
            new="flapping" if flaps else row.state,
            rule="flap",
            since=memory.flap_since,
            quiet=True,
        )
    ]


def forget(row: CheckRow, now: Micros, rule: str, why: str) -> Event | None:
    """Make a check UNKNOWN: its data are stale or must not be trusted.

    The state before is remembered, so that finding it again is not news.  Soft counters are
    reset.  Returns the (quiet) event, or None when it was UNKNOWN already.
    """
    memory = row.memory
    if memory is None:
        memory = row.memory = Memory()
    memory.fails = memory.goods = memory.bad_rounds = 0
    memory.reached = None
    memory.recent.clear()
    row.soft, row.attempt = None, 0
    if row.state is State.UNKNOWN:
        return None
    memory.before, memory.before_since = row.state, row.since
    old, row.state, row.since = row.state, State.UNKNOWN, now
    return Event(
        at=now,
        kind=EventKind.TRANSITION,
        subject=f"check:{row.id}",
        text=why,
        old=old,
        new=State.UNKNOWN,
        rule=rule,
        since=now,
        evidence=() if row.last is None else (row.last,),
        quiet=True,
    )


def said(observation: Observation) -> str:
    """One short clause for people about what an observation found."""
    if observation.outcome is Outcome.OK and observation.reason is Reason.NONE:
        rtt = "" if observation.rtt_ms is None else f" in {observation.rtt_ms:.1f} ms"
        return f"answers{rtt}"
    text = REASONS[observation.reason].text
    if observation.said_by:
        text += f", said by {observation.said_by}"
    if 0 < observation.received < observation.sent:
        text += f", {observation.received} of {observation.sent} answered"
    return text


def _beat(row: CheckRow, seen: State) -> None:
    letter = BEATS[seen]
    if row.soft is not None:
        letter = letter.lower()
    row.beats = (row.beats + letter.encode())[-BEATS_KEPT:]


def is_heavy(kind: Kind) -> bool:
    """Whether a check of this kind backs off while its host is long down."""
    return kind in (Kind.HTTP, Kind.TRACE)
