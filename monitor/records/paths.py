"""Current rows of paths."""

from __future__ import annotations

import msgspec

from monitor.records.observed import Observation
from monitor.records.states import PathState, Reason
from monitor.records.times import Micros


class PathHop(msgspec.Struct, frozen=True, omit_defaults=True):
    """One TTL of a path as it is remembered.

    ``addresses`` answer there, the newest first; several are arms that balance load; none
    means that the hop is silent while later ones answer.  ``limited`` as in :class:`Hop`.
    """

    ttl: int
    addresses: tuple[str, ...] = ()
    asn: int | None = None
    as_name: str = ""
    limited: bool = False


class PathMemory(msgspec.Struct, omit_defaults=True):
    """What the judge must remember of a path between two rounds.

    ``tried`` is a path seen instead of the usual one, by TTL, ``tried_times`` how often in a
    row and ``tried_first`` where that began.  ``end`` is how the last rounds ended when that
    is not what the row says, likewise.  ``strays`` are the times at which an address showed
    and the usual one came back, by ``ttl address``; ``steady`` counts rounds in a row in
    which no other arm showed.  ``flow`` is the flow of the usual path; ``loud`` whether the
    break was news.
    """

    tried: tuple[str, ...] = ()
    tried_times: int = 0
    tried_first: Observation | None = None
    end: str = ""
    end_times: int = 0
    end_first: Observation | None = None
    end_far: Observation | None = None
    strays: dict[str, list[Micros]] = {}
    steady: int = 0
    flow: int = 0
    loud: bool = False


class PathRow(msgspec.Struct, omit_defaults=True):
    """Current row of a path: what a trace check has seen of the way to its host.

    ``usual`` is the whole path as it usually is, ``before`` the one before it changed at
    ``changed_at``; ``current`` is what answers now.  When ``state`` is BROKEN or LOOP, the
    break lies behind ``last_address`` at ``last_ttl`` and before ``next_address``, the first
    hop that usually answers beyond (the target itself at the latest), since ``since``.
    ``reason`` and ``said_by`` tell a refusal from silence; ``loop`` are a loop's addresses;
    ``why`` is the break in a sentence.
    ``rounds`` counts the rounds since the path is known.
    """

    check: str
    host: str
    state: PathState = PathState.UNKNOWN
    since: Micros = 0
    method: str = ""
    address: str = ""
    usual: tuple[PathHop, ...] = ()
    before: tuple[PathHop, ...] = ()
    current: tuple[PathHop, ...] = ()
    changed_at: Micros = 0
    rounds: int = 0
    last_ttl: int = 0
    last_address: str = ""
    last_asn: int | None = None
    next_address: str = ""
    next_asn: int | None = None
    reason: Reason = Reason.NONE
    said_by: str = ""
    loop: tuple[str, ...] = ()
    why: str = ""
    at: Micros = 0
    memory: PathMemory | None = None
    removed: bool = False
