"""What a host's checks mean together, and when a failure is one of the way.

A host is DOWN only when every check that can speak says so; when some answer and some do
not it is DEGRADED; a trace tells where the way ends but is no voice of the host unless it
is the only check there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.assess.check import said
from monitor.records import (
    REASONS,
    CheckRow,
    HostRow,
    Kind,
    Layer,
    Micros,
    Observation,
    Outcome,
    Reason,
    State,
    TraceFacts,
)
from monitor.watchlist.model import Host, Network

BAD = frozenset({State.DOWN, State.UNREACHABLE})
_OF_THE_WAY = frozenset({Reason.NET_UNREACHABLE, Reason.TTL_EXPIRED, Reason.PATH_LOOP})
_BY_WHOM = frozenset({Reason.HOST_UNREACHABLE, Reason.PROHIBITED})


def voices(rows: Sequence[CheckRow]) -> list[CheckRow]:
    """The checks that speak for the host: all but traces, or the traces when alone."""
    return [row for row in rows if row.kind is not Kind.TRACE] or list(rows)


def main_check(rows: Sequence[CheckRow]) -> CheckRow | None:
    """The check whose RTT and loss stand for the host: ICMP first, else the first voice."""
    speaking = voices(rows)
    for row in speaking:
        if row.kind is Kind.ICMP:
            return row
    return speaking[0] if speaking else None


def combine(states: Iterable[State]) -> State:
    """The state of a host whose checks have these states (UNKNOWN ones are silent)."""
    known = [state for state in states if state is not State.UNKNOWN]
    if not known:
        return State.UNKNOWN
    bad = [state for state in known if state in BAD]
    if len(bad) == len(known):
        return State.DOWN if State.DOWN in bad else State.UNREACHABLE
    if bad or State.DEGRADED in known:
        return State.DEGRADED
    return State.UP


def breaks_on_the_way(observation: Observation, host: Host, network: Network | None) -> bool:
    """Whether this failure, by itself, says that the way ends before the host's network.

    "No route" and "TTL expired" do.  "Host unreachable" and "prohibited" do when somebody
    outside the host's network said so; within it they are the host's own fault.
    """
    if observation.outcome is not Outcome.FAIL:
        return False
    reason, said_by = observation.reason, observation.said_by
    if reason in _OF_THE_WAY:
        return not (network is not None and said_by and network.holds(said_by))
    if reason in _BY_WHOM and said_by and network is not None:
        return said_by != host.address and not network.holds(said_by)
    return False


# Failures in which the host, or something on its address, did answer: the line is up.
_ANSWERED = frozenset({Layer.TLS, Layer.DNS, Layer.HTTP})
_ANSWERS = frozenset({Reason.REFUSED, Reason.RESET, Reason.CLOSED})


def was_reached(observation: Observation) -> bool | None:
    """Whether anything came back from the host's address; None when that is not known.

    A refused connection, a broken certificate or an HTTP 500 is a fault of a site on a line
    that works.
    """
    if observation.outcome in (Outcome.OK, Outcome.WARN):
        return True
    reason = observation.reason
    layer = REASONS[reason].layer
    if reason in _ANSWERS or layer in _ANSWERED:
        return True
    if reason is Reason.PORT_UNREACHABLE:
        return observation.said_by in ("", observation.address)
    if layer in (Layer.NAME, Layer.OWN) or observation.outcome is not Outcome.FAIL:
        return None
    return False


def reach(rows: Iterable[CheckRow]) -> bool | None:
    """Whether a host is reached by any of its fresh checks; None when none can tell."""
    found: bool | None = None
    for row in rows:
        if row.stale or row.memory is None or row.memory.reached is None:
            continue
        if row.memory.reached:
            return True
        found = False
    return found


def last_reached(rows: Iterable[CheckRow]) -> Micros:
    """When a host was last reached by any of its checks; 0 for never."""
    return max((row.memory.reached_at for row in rows if row.memory is not None), default=0)


def silent_since(rows: Iterable[CheckRow]) -> Micros:
    """When the last of a silent host's checks began to hear nothing; 0 for never."""
    found = [
        max(row.memory.first_fail, row.memory.reached_at)
        for row in rows
        if row.memory is not None and row.memory.reached is False
    ]
    return max(found, default=0)


def last_hop_outside(way: TraceFacts | None, network: Network | None) -> str:
    """The last answering hop of a broken trace when it lies outside ``network``, else ''."""
    if way is None or network is None or way.reached:
        return ""
    answering = [hop.address for hop in way.hops if hop.address]
    if not answering or network.holds(answering[-1]):
        return ""
    return answering[-1]


def refresh(row: HostRow, rows: Sequence[CheckRow]) -> None:
    """Bring the figures of a host's line up to date; its state is not touched."""
    main = main_check(rows)
    if main is None or main.last is None:
        return
    last = main.last
    row.last_at = last.at
    answered = last.outcome in (Outcome.OK, Outcome.WARN)
    row.rtt_ms = last.rtt_ms if answered else None
    row.loss = None if last.sent == 0 else 1.0 - last.received / last.sent
    if last.outcome in (Outcome.ERROR, Outcome.SKIPPED):
        row.loss = None
    speaking = voices(rows)
    row.stale = all(check.stale for check in speaking)
    row.flapping = any(check.flapping for check in speaking)
    row.reason, row.why = worst(speaking)


def worst(rows: Sequence[CheckRow]) -> tuple[Reason, str]:
    """The reason to show for a host, and one clause for each check that does not answer."""
    reason = Reason.NONE
    clauses = []
    for check in rows:
        last = check.last
        if last is None or last.reason is Reason.NONE:
            continue
        if reason is Reason.NONE or REASONS[reason].layer is Layer.OWN:
            reason = last.reason
        clauses.append(f"{check.label or check.kind}: {said(last)}")
    return reason, "; ".join(clauses)


def evidence(rows: Sequence[CheckRow], limit: int) -> tuple[Observation, ...]:
    """The newest observation of each check, failing ones first."""
    last = [row.last for row in rows if row.last is not None]
    last.sort(key=lambda seen: (seen.outcome in (Outcome.OK, Outcome.WARN), seen.at))
    return tuple(last[:limit])
