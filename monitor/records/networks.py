"""Current rows of networks, with the explanations, and of the vantage."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from monitor.records.states import FeedReason, FeedState, Phase, Reason, Vantage
from monitor.records.times import Micros


class NetMemory(msgspec.Struct, omit_defaults=True):
    """What the judge must remember of a network between two rounds.

    ``usual`` are the hosts inside that answer when all is well, with the time each was last
    heard then; ``reached`` whether each was reached when its state last changed and
    ``changes`` when that changed; ``dips`` when the network fell under 80 %; ``bad`` and
    ``good`` count rounds in a row, ``lossy`` and ``calm`` those with and without loss at most
    of them; ``bad_since`` and ``low_since`` when the share of answering
    hosts fell under 80 % and under 5 %; ``well_since`` when it last rose to 80 %; ``before``
    the phase before an own fault; ``edges`` by upstream AS the share of peers (0 to 1) that
    usually enters there, brought up to date at ``edges_at``.
    """

    usual: dict[str, Micros] = {}
    reached: dict[str, bool] = {}
    changes: list[tuple[Micros, str]] = []
    dips: list[Micros] = []
    bad: int = 0
    good: int = 0
    partial: int = 0
    lossy: int = 0
    calm: int = 0
    bad_since: Micros = 0
    low_since: Micros = 0
    well_since: Micros = 0
    lost_once: bool = False
    before: Phase | None = None
    before_since: Micros = 0
    history: list[tuple[Micros, Phase]] = []
    began: Micros = 0
    loss_at: Micros = 0
    silent_at: Micros = 0
    moves: int = 0
    edges: dict[int, float] = {}
    edges_at: Micros = 0


class UpstreamShare(msgspec.Struct, frozen=True, array_like=True):
    """How many ``of`` the peers see a network behind one upstream AS: now, and usually.

    Means over its prefixes, rounded.
    """

    peers: int
    usual: int
    of: int


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A possible cause beside the evidence: ranked, never decided (DESIGN 4.8).

    ``consistent`` and ``inconsistent`` are what was observed and bears on it, ``missing``
    what would bear on it and could not be looked at, ``neutral`` what fits every
    explanation alike.  ``rank`` counts from 1; equal evidence has the same rank.
    """

    id: str
    title: str
    consistent: tuple[str, ...] = ()
    inconsistent: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    neutral: tuple[str, ...] = ()
    rank: int = 0


class NetworkRow(msgspec.Struct, omit_defaults=True):
    """Current row of a network: one line of the situation strip.

    ``inside_*`` count the hosts measured as hosted inside: ``up`` ones gave any answer, be
    it a refusal or an error; ``known`` ones have fresh, trusted data; ``usual`` is how many
    answer when all is well.  ``outside_*`` count the affiliation's hosts hosted elsewhere,
    which never move the phase.  ``dns_*`` count name servers inside that were asked.
    ``routes_visible`` of ``routes_total`` prefixes of which the feeds tell are visible;
    ``routes_state`` says whether that holds now, and ``routes_reason`` why not (ABSENT:
    nothing was asked, and nothing may be said).  ``upstreams`` is by AS.
    ``explanations`` are in order of rank; ``fate`` names what the failing hosts share.
    """

    id: str
    name: str
    timezone: str = "UTC"
    prefixes: tuple[str, ...] = ()
    origin_asns: tuple[int, ...] = ()
    upstream_asns: tuple[int, ...] = ()
    phase: Phase = Phase.UNKNOWN
    since: Micros = 0
    inside_up: int = 0
    inside_known: int = 0
    inside_total: int = 0
    usual: int = 0
    outside_up: int = 0
    outside_total: int = 0
    dns_up: int = 0
    dns_total: int = 0
    why: str = ""
    memory: NetMemory | None = None
    removed: bool = False
    explanations: tuple[Explanation, ...] = ()
    fate: str = ""
    routes_visible: int = 0
    routes_total: int = 0
    routes_state: FeedState = FeedState.ABSENT
    routes_reason: FeedReason = FeedReason.NONE
    upstreams: dict[int, UpstreamShare] = {}


class OwnRole(StrEnum):
    """What a control of our own side is to us."""

    GATEWAY = "gateway"
    RESOLVER = "resolver"


class OwnControl(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something between us and everybody else: the gateway, a resolver.

    ``answers`` is None while that is not known, or would prove nothing: ``ever`` says whether
    it has answered at all.  ``reason`` is why it does not.
    """

    role: OwnRole
    address: str
    answers: bool | None = None
    reason: Reason = Reason.NONE
    ever: bool = False


class VantageRow(msgspec.Struct, omit_defaults=True):
    """Current row of a vantage: may what is seen from here be trusted?

    The counts are of far controls alone; ``own`` is what tells our own link, gateway and
    resolver apart.  ``nameless`` is since when no resolver of ours answers, 0 while one does.
    """

    id: str
    health: Vantage = Vantage.UNKNOWN
    since: Micros = 0
    answering: int = 0
    known: int = 0
    total: int = 0
    asns: int = 0
    why: str = ""
    own: tuple[OwnControl, ...] = ()
    nameless: Micros = 0
