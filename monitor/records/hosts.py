"""Current rows of checks and hosts."""

from __future__ import annotations

import msgspec

from monitor.records.observed import Observation
from monitor.records.states import Kind, Reason, State
from monitor.records.times import Micros


class Claim(msgspec.Struct, frozen=True, omit_defaults=True):
    """What somebody said about a host, with source and ISO date; never merged with facts."""

    source: str
    date: str
    hosted_in: str = ""
    text: str = ""
    link: str = ""


class Hosting(msgspec.Struct, frozen=True, omit_defaults=True):
    """Measured hosting of an address.  ``country`` is the registry's, not a geolocation.

    ``was_asn`` is the origin AS of the address before, until that of this one is known;
    ``name`` what the address is called by reverse DNS, which nobody has confirmed.
    """

    address: str
    prefix: str = ""
    asn: int | None = None
    as_name: str = ""
    country: str = ""
    inside: bool = False
    how: str = ""
    at: Micros = 0
    was_asn: int | None = None
    name: str = ""


class Memory(msgspec.Struct, omit_defaults=True):
    """What the judge must remember of a check between two observations.

    ``fails`` and ``goods`` count trusted results in a row; ``bad_rounds`` holds the last
    three rounds as bits (1 = degraded); ``ring`` the flap ring as bits, newest lowest, and
    ``rounds`` how many it has seen; ``hard_times`` the recent hard changes; ``hours`` up to
    24 hourly RTT medians, ``hour`` the running hour and ``samples`` its newest RTTs;
    ``before`` and ``before_since`` the state before it became UNKNOWN; ``reached`` whether
    the last trusted run had any answer from the host, be it a refusal, and ``reached_at``
    when one last had; ``recent`` the failing observations that would be the evidence of a
    transition; ``refused_at`` when a router on the way last said that it cannot be reached.
    """

    fails: int = 0
    goods: int = 0
    bad_rounds: int = 0
    first_fail: Micros = 0
    good_at: Micros = 0
    ring: int = 0
    rounds: int = 0
    last_seen: State | None = None
    hard_times: list[Micros] = []
    hours: list[float] = []
    hour: int = 0
    samples: list[float] = []
    before: State | None = None
    before_since: Micros = 0
    flap_from: State | None = None
    flap_since: Micros = 0
    reached: bool | None = None
    reached_at: Micros = 0
    recent: list[Observation] = []
    refused_at: Micros = 0


class CheckRow(msgspec.Struct, omit_defaults=True):
    """Current row of a check.  ``beats`` holds one byte a run, newest last (see BEATS)."""

    id: str
    host: str
    kind: Kind
    label: str = ""
    interval_s: float = 60.0
    state: State = State.UNKNOWN
    soft: State | None = None
    since: Micros = 0
    attempt: int = 0
    stale: bool = False
    flapping: bool = False
    last: Observation | None = None
    beats: bytes = b""
    memory: Memory | None = None


class HostRow(msgspec.Struct, omit_defaults=True):
    """Current row of a host: everything one line of the hosts panel needs.

    ``role`` is ``host`` or ``control``; ``side`` is ``far`` or ``near`` for a control.
    ``state`` is the hard state; ``soft`` the state on probation, or None.  ``loss`` is the
    fraction lost in the last round of its main check.  ``before`` is the state it had when
    it became UNKNOWN.  ``removed`` marks one that left the watchlist.
    """

    id: str
    name: str
    role: str = "host"
    side: str = ""
    address: str = ""
    affiliation: str = ""
    network: str = ""
    historic: bool = False
    claims: tuple[Claim, ...] = ()
    hosting: Hosting | None = None
    state: State = State.UNKNOWN
    soft: State | None = None
    since: Micros = 0
    reason: Reason = Reason.NONE
    why: str = ""
    rtt_ms: float | None = None
    loss: float | None = None
    last_at: Micros = 0
    stale: bool = False
    flapping: bool = False
    beats: bytes = b""
    checks: tuple[str, ...] = ()
    trace: str = ""
    before: State | None = None
    before_since: Micros = 0
    removed: bool = False
