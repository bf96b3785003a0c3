"""What can go wrong in the simulated world: typed faults, each with its targets."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from monitor.records import Micros


class Fault(StrEnum):
    """Kinds of faults.

    ``withdraw``: the origin withdraws its prefixes.  ``cut``: a link, an AS or a host goes
    dead; where another upstream is left, traffic moves over after :data:`FAILOVER_S`.
    ``flap``: cut (or withdrawn) in the first part of every period.  ``overload``: loss and
    delay that grow.
    """

    WITHDRAW = "withdraw"
    CUT = "cut"
    LOSS = "loss"
    FLAP = "flap"
    OVERLOAD = "overload"
    DNS_DEAD = "dns-dead"
    SERVER_5XX = "server-5xx"
    CERTIFICATE = "certificate"
    HOSTING_MOVE = "hosting-move"
    OWN_LINK_DOWN = "own-link-down"
    RESOLVER_DOWN = "resolver-down"
    SUSPEND = "suspend"
    CLOCK_STEP = "clock-step"
    UPSTREAM_CHANGE = "upstream-change"
    REFUSE = "refuse"


class Scope(StrEnum):
    """What a target may be: ``network:ID``, ``prefix:CIDR``, ``host:ID``, ``as:ASN``,
    ``edge:ASN-ASN`` (a link between two ASes), or ``own`` (this machine and its link).
    """

    NETWORK = "network"
    PREFIX = "prefix"
    HOST = "host"
    AS = "as"
    EDGE = "edge"
    OWN = "own"


# How long a lost edge swallows traffic before another upstream carries it: BGP's failure
# detection and path exploration (Labovitz 2000: tens of seconds for a fail-over).
FAILOVER_S: Final = 30.0


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One fault from ``at`` up to, not including, ``until`` (Micros), on ``target``.

    ``silent``: nobody says unreachable; else the last router does as soon as no route is
    left.  ``routes``: whether a cut takes the routes along.  ``first`` to ``last`` is a ramp of
    loss (fractions); ``latency_ms`` what an overload adds at its end, ``grow_s`` how long it
    grows (0: to its end).  ``period_s``, ``duty`` (part of it that is down) and ``jitter``
    (part of it by which each start is moved) shape a flap.  ``how`` refines dns-dead,
    refuse, flap, certificate, own-link-down and resolver-down.  ``upstreams`` are ASNs in
    order of preference.  ``asn``, ``country`` and ``address`` say where a host moves.
    ``seconds`` is the length of a suspend or the size of a clock step.
    """

    at: Micros
    until: Micros
    fault: Fault
    scope: Scope
    target: str = ""
    source: str = ""
    note: str = ""
    silent: bool = False
    routes: bool = True
    first: float = 0.0
    last: float = 0.0
    latency_ms: float = 0.0
    grow_s: float = 0.0
    period_s: float = 600.0
    duty: float = 0.5
    jitter: float = 0.0
    how: str = ""
    status: int = 503
    upstreams: tuple[int, ...] = ()
    asn: int = 0
    country: str = ""
    address: str = ""
    seconds: float = 0.0


PATHWAYS: Final = frozenset((Scope.NETWORK, Scope.PREFIX, Scope.HOST, Scope.AS, Scope.EDGE))
_ROUTED: Final = frozenset((Scope.NETWORK, Scope.PREFIX))
_HOST: Final = frozenset((Scope.HOST,))
_OWN: Final = frozenset((Scope.OWN,))

SCOPES: Final[dict[Fault, frozenset[Scope]]] = {
    Fault.WITHDRAW: _ROUTED,
    Fault.CUT: PATHWAYS,
    Fault.LOSS: PATHWAYS | _OWN,
    Fault.FLAP: PATHWAYS,
    Fault.OVERLOAD: PATHWAYS | _OWN,
    Fault.DNS_DEAD: _HOST,
    Fault.SERVER_5XX: _HOST,
    Fault.CERTIFICATE: _HOST,
    Fault.HOSTING_MOVE: _HOST,
    Fault.OWN_LINK_DOWN: _OWN,
    Fault.RESOLVER_DOWN: _OWN,
    Fault.SUSPEND: _OWN,
    Fault.CLOCK_STEP: _OWN,
    Fault.UPSTREAM_CHANGE: _ROUTED,
    Fault.REFUSE: _HOST,
}

# The ways each fault can show, the usual one first.
WAYS: Final[dict[Fault, tuple[str, ...]]] = {
    Fault.FLAP: ("cut", "withdraw"),
    Fault.DNS_DEAD: ("timeout", "servfail", "refused", "lame"),
    Fault.CERTIFICATE: (
        "expired",
        "not-yet-valid",
        "wrong-name",
        "self-signed",
        "untrusted",
    ),
    Fault.OWN_LINK_DOWN: ("no-route", "silent"),
    Fault.RESOLVER_DOWN: ("timeout", "failed"),
    Fault.REFUSE: ("refused", "reset", "closed"),
}
