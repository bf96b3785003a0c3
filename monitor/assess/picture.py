"""The picture: what is known of one network at one moment, as plain data for the signs."""

from __future__ import annotations

import msgspec

from monitor.records import Micros, Phase, Reason, Vantage


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

    ``history`` holds its phases oldest first; ``inside_*``, ``outside`` and ``dns`` count
    as in NetworkRow; ``reasons`` the hosts inside that fail now, by reason.  ``loss_at``,
    ``silent_at``, ``dns_fail_at`` and ``withdrawn_at`` say when packet loss, the first
    silent host, the first failing name server and the first withdrawn route began, and
    ``began`` when the network fell; 0 where nothing of the kind did, and again after it
    has settled.  ``routes`` by prefix and ``upstreams`` by ASN are None where no routing
    data are at hand; ``near`` counts near controls by their group.  ``moves`` counts
    hosting moves since ``began``; ``unstable_min`` the minutes UNSTABLE in the 24 h before
    ``began``, None where those were not watched.
    """

    at: Micros
    phase: Phase = Phase.UNKNOWN
    history: tuple[tuple[Micros, Phase], ...] = ()
    inside_reached: int = 0
    inside_known: int = 0
    inside_total: int = 0
    outside: Count = Count(0, 0)
    dns: Count = Count(0, 0)
    reasons: dict[Reason, int] = {}
    began: Micros = 0
    loss_at: Micros = 0
    silent_at: Micros = 0
    dns_fail_at: Micros = 0
    withdrawn_at: Micros = 0
    routes: dict[str, PrefixRoute] | None = None
    upstreams: dict[int, Edge] | None = None
    near: dict[str, Count] = {}
    vantage: Vantage = Vantage.UNKNOWN
    moves: int = 0
    unstable_min: float | None = None
