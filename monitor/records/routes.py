"""Current rows of routes, feeds and witnesses."""

from __future__ import annotations

import msgspec

from monitor.records.states import AlarmKind, Disagreement, FeedReason, FeedState, Routed
from monitor.records.times import Micros


class RouteSight(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a routing feed holds of one watched prefix, before anybody judges it.

    ``seen`` of ``peers`` connected baseline peers hold the route.  ``origins`` counts peers
    by origin AS (each member of an AS_SET counts), ``upstreams`` by the AS left of the
    origin, prepends collapsed.  ``at`` is the newest data about the prefix.
    """

    prefix: str
    network: str
    seen: int = 0
    peers: int = 0
    origins: dict[int, int] = {}
    upstreams: dict[int, int] = {}
    at: Micros = 0


class RouteAlarm(msgspec.Struct, frozen=True, omit_defaults=True):
    """An unexpected origin of ``watched``, or a ``prefix`` more specific than it.

    ``asn`` is the odd origin (0: none is readable), ``peers`` how many peers hold it, and
    ``examples`` are paths as text, peer first.
    """

    kind: AlarmKind
    watched: str
    prefix: str
    asn: int = 0
    peers: int = 0
    at: Micros = 0
    examples: tuple[str, ...] = ()


class FeedRow(msgspec.Struct, omit_defaults=True):
    """Current row of a feed.  ``at`` is when it last said anything fresh, ``since`` when
    ``state`` began; the rest counts since the start.  ``late`` data was too old to use.
    """

    name: str
    state: FeedState = FeedState.ABSENT
    reason: FeedReason = FeedReason.NONE
    since: Micros = 0
    at: Micros = 0
    why: str = ""
    messages: int = 0
    malformed: int = 0
    late: int = 0
    connects: int = 0


class RouteTable(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything the feeds hold at one moment: the input of the judge of routes."""

    at: Micros
    state: FeedState = FeedState.ABSENT
    reason: FeedReason = FeedReason.NONE
    sights: tuple[RouteSight, ...] = ()
    alarms: tuple[RouteAlarm, ...] = ()
    feeds: tuple[FeedRow, ...] = ()


class AlarmMemory(msgspec.Struct, omit_defaults=True):
    """An alarm between two steps: since when, at most how many peers, whether it was
    confirmed, and since when it is gone (0: it is not).
    """

    since: Micros
    peers: int = 0
    hard: bool = False
    gone: Micros = 0


class RouteMemory(msgspec.Struct, omit_defaults=True):
    """What the judge must remember of a prefix between two steps.

    ``crossings`` are the times within the span of the rule at which it became visible or
    ceased to be; ``level`` is the last level measured; ``before`` and ``before_since`` the
    state before it became UNKNOWN; ``calm`` the state before it became unstable; ``odd`` the
    disagreement on probation and ``odd_since`` its start; ``alarms`` by ``kind prefix asn``.
    """

    crossings: list[Micros] = []
    level: Routed = Routed.UNKNOWN
    before: Routed | None = None
    before_since: Micros = 0
    calm: Routed | None = None
    odd: Disagreement = Disagreement.NONE
    odd_since: Micros = 0
    alarms: dict[str, AlarmMemory] = {}


class RouteRow(msgspec.Struct, omit_defaults=True):
    """Current row of a watched prefix: a :class:`RouteSight` and what it amounts to.

    ``state`` is confirmed, ``soft`` provisional since ``soft_since`` or None.  ``reached``
    of ``known`` hosts inside answer probes; ``disagreement`` is named once it has lasted.
    ``feed`` says whether the counts hold now.
    """

    prefix: str
    network: str
    state: Routed = Routed.UNKNOWN
    soft: Routed | None = None
    since: Micros = 0
    soft_since: Micros = 0
    unstable: bool = False
    seen: int = 0
    peers: int = 0
    origins: dict[int, int] = {}
    upstreams: dict[int, int] = {}
    at: Micros = 0
    feed: FeedState = FeedState.ABSENT
    reached: int = 0
    known: int = 0
    disagreement: Disagreement = Disagreement.NONE
    alarms: tuple[RouteAlarm, ...] = ()
    why: str = ""
    memory: RouteMemory | None = None
    removed: bool = False


class WitnessSign(msgspec.Struct, frozen=True, omit_defaults=True):
    """One series of an independent witness.

    ``source`` is its name there, ``subject`` what it is of (``AS131279``, ``KP``).
    ``value`` is the newest that is settled, ``at`` the end of the bin it counts; ``usual``
    the median of the day before.  None is no data, which is not zero.
    """

    source: str
    subject: str
    state: FeedState = FeedState.ABSENT
    reason: FeedReason = FeedReason.NONE
    value: float | None = None
    usual: float | None = None
    at: Micros = 0


class WitnessRow(msgspec.Struct, omit_defaults=True):
    """What an independent witness says of a network: shown beside what is judged here, and
    part of no judgement.

    ``state`` is the best of its signs', ``since`` when it began; ``at`` when the witness was
    last asked.  ``removed`` marks one that is not asked any more.
    """

    network: str
    state: FeedState = FeedState.ABSENT
    reason: FeedReason = FeedReason.NONE
    since: Micros = 0
    at: Micros = 0
    signs: tuple[WitnessSign, ...] = ()
    removed: bool = False
