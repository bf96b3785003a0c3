"""The picture: what is known of one network at one moment, as plain data for the signs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from monitor.assess.rules import RULES
from monitor.records import DAY, MINUTE, Micros, Phase, Reason, Vantage


class PrefixRoute(msgspec.Struct, frozen=True):
    """A prefix as ``seen`` by that many of ``peers``; ``withdrawn_at`` 0 while visible."""

    seen: int
    peers: int
    withdrawn_at: Micros = 0

    @property
    def share(self) -> float:
        return self.seen / self.peers if self.peers else 0.0


class Edge(msgspec.Struct, frozen=True):
    """Share (0 to 1) of the baseline peers whose path enters by an upstream: now, usually."""

    share: float
    usual: float


class Count(msgspec.Struct, frozen=True):
    up: int
    total: int


class Picture(msgspec.Struct):
    """What is known of one network at the moment ``at``.

    ``inside_reached`` of ``inside_known`` counts, as its phase does, the hosts inside that
    usually answer and of which something is known; ``outside`` and ``dns`` count as in
    NetworkRow; ``reasons`` the hosts inside that fail now, by reason.  ``loss_at``,
    ``silent_at`` and ``withdrawn_at`` say when packet loss, the first silent host and the
    first withdrawn route began, and ``began`` when the network fell; 0 where nothing of the
    kind did, and again after it has settled.  ``routes`` by prefix and ``upstreams`` by ASN
    are None where no routing data are at hand; ``near`` counts near controls by their
    group.  ``moves`` counts hosting moves since ``began``; ``unstable_min`` is what
    :func:`unstable_minutes` says of the time before ``began``.
    """

    at: Micros
    phase: Phase = Phase.UNKNOWN
    inside_reached: int = 0
    inside_known: int = 0
    outside: Count = Count(0, 0)
    dns: Count = Count(0, 0)
    reasons: dict[Reason, int] = {}
    began: Micros = 0
    loss_at: Micros = 0
    silent_at: Micros = 0
    withdrawn_at: Micros = 0
    routes: dict[str, PrefixRoute] | None = None
    upstreams: dict[int, Edge] | None = None
    near: dict[str, Count] = {}
    vantage: Vantage = Vantage.UNKNOWN
    moves: int = 0
    unstable_min: float | None = None


def unstable_minutes(history: Sequence[tuple[Micros, Phase]], until: Micros) -> float | None:
    """Minutes a network was UNSTABLE in the 24 h before ``until``.

    ``history`` holds its phases with the time each began, oldest first.  None when the
    phase was known for less than half of that time.
    """
    start = until - DAY
    known = unstable = 0
    for (since, phase), (end, _) in pairwise([*history, (until, Phase.UNKNOWN)]):
        spent = max(0, min(end, until) - max(since, start))
        known += spent * (phase is not Phase.UNKNOWN)
        unstable += spent * (phase is Phase.UNSTABLE)
    if known < RULES.known_share * DAY:
        return None
    return unstable / MINUTE
