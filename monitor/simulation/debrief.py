"""After a drill: what the desk said, beside what the script's author knows.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from monitor.records import MINUTE, SECOND, Event, EventKind, Micros, Phase, State
from monitor.simulation.script import Truth, TruthChange

# What the rules themselves take to say a phase (DESIGN 4.3, 4.5), and what looking takes: two
# rounds.  So long after a change the desk owes nobody an answer.
_CONFIRMED: Final = {
    Phase.LOST: 5 * MINUTE,
    Phase.PARTIAL: 5 * MINUTE,
    Phase.RESTORED: 90 * SECOND,
    Phase.UNSTABLE: 60 * SECOND,
    Phase.STABLE: 90 * SECOND,
}
_CALM_AFTER_FLAPPING: Final = 60 * MINUTE
# Three good rounds (DESIGN 4.5), into whatever phase a network returns.
_BACK: Final = 90 * SECOND
_LOOKING: Final = MINUTE
# Own faults are judged after the fact: what is said in the minute after them is theirs too.
_AFTER_OWN: Final = MINUTE
# Controls must answer again for three rounds of 10 s, then everything is looked at for 60 s.
_ANEW: Final = 100 * SECOND
_ALARMS: Final = frozenset((State.DOWN.value, State.UNREACHABLE.value))


class Review(msgspec.Struct, frozen=True):
    """One change of the truth, and when the desk said it.

    ``said_at`` is None when it was not said before the next change; ``delay_s`` is 0 when
    the desk was saying it already.  ``in_time``: within ``owed_s``, what the rule takes to
    confirm it and looking takes.  ``between`` are the phases it said before, in order.
    """

    change: TruthChange
    said_at: Micros | None
    delay_s: float | None
    between: tuple[str, ...]
    owed_s: float = 0.0

    @property
    def in_time(self) -> bool:
        return self.delay_s is not None and self.delay_s <= self.owed_s


class Debrief(msgspec.Struct, frozen=True):
    """The whole drill.  ``agreement`` is the part of the time, by network, in which the desk
    said what was true, leaving out what the rules take to confirm each change; during a
    fault of our own, and until everything has been looked at anew, UNKNOWN is right as well;
    ``false_alarms`` are hosts called down during faults of our own.
    """

    script: str
    reviews: tuple[Review, ...]
    agreement: dict[str, float]
    false_alarms: tuple[Event, ...]


def debrief(events: Sequence[Event], truth: Truth) -> Debrief:
    """Compare ``events`` of the cache, in order of time, with the truth of the script."""
    networks = dict.fromkeys(change.network for change in truth.changes)
    reviews: list[Review] = []
    agreement: dict[str, float] = {}
    for network in networks:
        said = _said(events, network)
        changes = [change for change in truth.changes if change.network == network]
        ends = [change.at for change in changes[1:]] + [truth.end]
        owed = [_owed(*pair) for pair in zip([None, *changes], changes, strict=False)]
        spans = list(zip(changes, ends, owed, strict=True))
        reviews += [_review(change, end, said, wait) for change, end, wait in spans]
        own = truth.own_faults
        agreed = sum(_agreed(change, end, said, wait, own) for change, end, wait in spans)
        counts = sum(max(0, end - change.at - wait) for change, end, wait in spans)
        agreement[network] = agreed / counts if counts else 1.0
    alarms = tuple(event for event in events if _is_false_alarm(event, truth))
    reviews.sort(key=lambda review: review.change.at)
    return Debrief(truth.script, tuple(reviews), agreement, alarms)


def _said(events: Sequence[Event], network: str) -> list[tuple[Micros, str]]:
    """The phases the desk said, with their times."""
    subject = f"network:{network}"
    return [
        (event.at, event.new)
        for event in events
        if event.kind is EventKind.TRANSITION and event.subject == subject and event.hard
    ]


def _phase_at(said: list[tuple[Micros, str]], at: Micros) -> str:
    phase = Phase.UNKNOWN.value
    for when, new in said:
        if when > at:
            break
        phase = new
    return phase


def _owed(before: TruthChange | None, change: TruthChange) -> Micros:
    """How long the desk may take to say a change."""
    if before is not None and (before.phase, change.phase) == (Phase.UNSTABLE, Phase.STABLE):
        # The hour of calm begins when the last host is confirmed to be back.
        return _CALM_AFTER_FLAPPING + _BACK + _LOOKING
    if before is not None and before.phase is Phase.LOST:
        return _BACK + _LOOKING
    creeping = max(0, change.plain - change.at)
    return creeping + _CONFIRMED.get(change.phase, 0) + _LOOKING


def _review(
    change: TruthChange, end: Micros, said: list[tuple[Micros, str]], owed: Micros
) -> Review:
    wait = owed / SECOND
    if _phase_at(said, change.at) == change.phase.value:
        return Review(change, change.at, 0.0, (), wait)
    between: list[str] = []
    for when, new in said:
        if not change.at < when < end:
            continue
        if new == change.phase.value:
            late = (when - change.at) / SECOND
            return Review(change, when, late, tuple(between), wait)
        between.append(new)
    return Review(change, None, None, tuple(between), wait)


def _agreed(
    change: TruthChange,
    end: Micros,
    said: list[tuple[Micros, str]],
    owed: Micros,
    own: Sequence[tuple[Micros, Micros]],
) -> int:
    """Microseconds up to ``end`` in which the desk, when it had to, said what was right."""
    total = 0
    since = min(end, change.at + owed)
    phase = _phase_at(said, since)
    for when, new in [(w, n) for w, n in said if since < w < end] + [(end, "")]:
        if phase == change.phase.value:
            total += when - since
        elif phase == Phase.UNKNOWN.value:
            total += sum(
                max(0, min(when, until + _ANEW) - max(since, begin)) for begin, until in own
            )
        since, phase = when, new
    return total


def _is_false_alarm(event: Event, truth: Truth) -> bool:
    return (
        event.kind is EventKind.TRANSITION
        and event.hard
        and event.subject.startswith("host:")
        and event.new in _ALARMS
        and any(since <= event.at < until + _AFTER_OWN for since, until in truth.own_faults)
    )


def render(found: Debrief) -> list[str]:
    """Plain lines for people."""
    lines = [f"Debriefing of the drill {found.script} (simulated, times in UTC)", ""]
    for review in found.reviews:
        change = review.change
        lines.append(
            f"{_time(change.at)}  {change.network}: {change.phase.value}"
            f" (cause in the script: {change.at_fault})"
            + (f", plain from {_time(change.plain)[11:]}" if change.plain else "")
        )
        if review.said_at is None or review.delay_s is None:
            word = "never said before the next change"
        elif review.delay_s == 0:
            word = "the desk was saying so already"
        else:
            word = f"said {_time(review.said_at)}, {_span(review.delay_s)} later"
            word += ", in time" if review.in_time else f"; owed in {_span(review.owed_s)}"
        if review.between:
            word += "; before that " + ", ".join(review.between)
        lines.append(f"    {word}")
    lines.append("")
    lines += [
        f"{network}: the desk agreed with the script {part:.1%} of the time,"
        " what the rules take to confirm left out"
        for network, part in found.agreement.items()
    ]
    count = len(found.false_alarms)
    lines.append(f"Hosts called down during faults of our own: {count}")
    lines += [
        f"    {_time(event.at)}  {event.subject.partition(':')[2]}: {event.new}"
        for event in found.false_alarms
    ]
    return lines


def _time(at: Micros) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
