"""What a rule has to say of a row: is it in trouble, is it well, or may nothing be said?

Pure.  Decisions are taken on typed states alone, and the words are made of names of the
watchlist, reasons and numbers: nothing that came from outside gets into a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from monitor.records import (
    FEED_REASONS,
    REASONS,
    Disagreement,
    FeedRow,
    FeedState,
    HostRow,
    Micros,
    NetworkRow,
    Phase,
    Routed,
    RouteRow,
    Row,
    State,
    Vantage,
    VantageRow,
)
from monitor.watchlist.model import Alert

OWN: Final = "own"
_RANKS: Final[Mapping[str, int]] = {
    State.DEGRADED: 1,
    State.DOWN: 2,
    State.UNREACHABLE: 2,
    Phase.UNSTABLE: 1,
    Phase.PARTIAL: 2,
    Phase.LOST: 3,
    Routed.PARTIAL: 1,
    Routed.WITHDRAWN: 2,
}
_FAILS: Final = frozenset({FeedState.ERROR, FeedState.STALE})


class Now(Enum):
    """What is the case.  ``HOLD``: nothing may be said, and what was said before stands;
    ``GONE``: it is watched no longer.
    """

    TROUBLE = 1
    WELL = 2
    HOLD = 3
    GONE = 4


class Sight(msgspec.Struct, frozen=True):
    """One thing that a rule looks at, as a row shows it.

    ``key`` tells it from the others of its rule, ``subject`` is the row's.  ``word`` is its
    state and ``rank`` how bad that is; ``since`` when it began; ``cause`` what it has in
    common with others that are told of together.
    """

    key: str
    subject: str
    name: str
    now: Now
    word: str
    since: Micros = 0
    why: str = ""
    cause: str = ""

    @property
    def rank(self) -> int:
        return _RANKS.get(self.word, 1)


def sights(rule: Alert, row: Row) -> Iterable[Sight]:
    """What ``rule`` looks at in ``row``; nothing where it does not concern it."""
    match row:
        case HostRow() if rule.states and _host_fits(rule, row):
            yield _of_host(rule, row)
        case NetworkRow() if rule.phases and _network_fits(rule, row.id):
            yield _of_network(rule, row)
        case RouteRow() if rule.routes and _network_fits(rule, row.network):
            yield from _of_route(rule, row)
        case VantageRow() if rule.own:
            yield _of_vantage(row)
        case FeedRow() if rule.feeds:
            yield _of_feed(row)
        case _:
            return


def _fits(word: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(word, pattern) for pattern in patterns)


def _host_fits(rule: Alert, row: HostRow) -> bool:
    if row.historic or (row.role == "control" and not rule.hosts):
        return False
    home = row.network or row.affiliation
    return (
        _fits(row.id, rule.hosts)
        and _fits(home, rule.networks)
        and _fits(row.affiliation, rule.affiliations)
    )


def _network_fits(rule: Alert, network: str) -> bool:
    return _fits(network, rule.networks)


def _of_host(rule: Alert, row: HostRow) -> Sight:
    now = Now.TROUBLE if row.state in rule.states else Now.WELL
    # While it flaps its turns are no news, and UNKNOWN is neither well nor ill.
    if row.state is State.UNKNOWN or row.flapping:
        now = Now.HOLD
    cause = row.network
    if not cause and row.hosting is not None and row.hosting.asn:
        cause = f"AS{row.hosting.asn}"
    return Sight(
        key=f"host:{row.id}",
        subject=f"host:{row.id}",
        name=row.name,
        now=Now.GONE if row.removed else now,
        word=row.state,
        since=row.since,
        why=REASONS[row.reason].text,
        cause=cause,
    )


def _of_network(rule: Alert, row: NetworkRow) -> Sight:
    now = Now.TROUBLE if row.phase in rule.phases else Now.WELL
    if row.phase is Phase.UNKNOWN:
        now = Now.HOLD
    why = f"{row.inside_up} of {row.inside_total} inside answer"
    if row.routes_state is FeedState.LIVE and row.routes_total:
        why += f", routes {row.routes_visible} of {row.routes_total}"
    return Sight(
        key=f"network:{row.id}",
        subject=f"network:{row.id}",
        name=row.name,
        now=Now.GONE if row.removed else now,
        word=row.phase,
        since=row.since,
        why=why,
        cause=row.id,
    )


def _of_route(rule: Alert, row: RouteRow) -> Iterable[Sight]:
    """One sight a thing that can be wrong with a prefix, each with its own end."""
    known = row.feed is FeedState.LIVE and row.state is not Routed.UNKNOWN
    peers = f"{row.seen} of {row.peers} peers hold it"

    def sight(
        key: str, word: str, why: str, *, bad: bool, name: str = "", since: Micros = 0
    ) -> Sight:
        now = Now.TROUBLE if bad else Now.WELL
        if not known:
            now = Now.HOLD
        return Sight(
            key=f"{route_key(row)}{key} {name}".rstrip(),
            subject=f"network:{row.network}",
            name=name or row.prefix,
            now=Now.GONE if row.removed else now,
            word=word,
            since=since or row.since,
            why=why,
            cause=row.network,
        )

    if {Routed.WITHDRAWN, Routed.PARTIAL} & set(rule.routes):
        yield sight("state", row.state, peers, bad=row.state in rule.routes)
    if "unstable" in rule.routes:
        yield sight("unstable", "unstable", peers, bad=row.unstable)
    if "disagrees" in rule.routes:
        odd = row.disagreement is not Disagreement.NONE
        why = f"{row.disagreement or 'agree'}: {row.reached} of {row.known} hosts answer"
        yield sight("disagrees", "disagrees", why, bad=odd)
    if row.memory is not None:
        for key, alarm in row.memory.alarms.items():
            kind, prefix, asn = key.split(" ")
            if kind in rule.routes:
                who = f"{prefix} by AS{asn}"
                why = f"at most {alarm.peers} peers hold it"
                yield sight(kind, kind, why, bad=alarm.hard, name=who, since=alarm.since)


def route_key(row: RouteRow) -> str:
    """What the keys of everything about a prefix begin with; an alarm that has ended has no
    sight any more.
    """
    return f"route:{row.prefix} "


def _of_vantage(row: VantageRow) -> Sight:
    now = Now.HOLD
    if row.health is Vantage.FAULT:
        now = Now.TROUBLE
    elif row.health in (Vantage.RECHECK, Vantage.HEALTHY):
        # Our line is back when everything is looked at anew, if not yet to be trusted.
        now = Now.WELL
    return Sight(
        key=f"vantage:{row.id}",
        subject=f"vantage:{row.id}",
        name="own vantage",
        now=now,
        word="well" if now is Now.WELL else row.health,
        since=row.since,
        why=f"{row.answering} of {row.known} far controls answer",
        cause=OWN,
    )


def _of_feed(row: FeedRow) -> Sight:
    now = Now.TROUBLE if row.state in _FAILS else Now.WELL
    if row.state is FeedState.ABSENT:
        now = Now.GONE
    return Sight(
        key=f"feed:{row.name}",
        subject=f"feed:{row.name}",
        name=f"feed {row.name}",
        now=now,
        word=row.state,
        since=row.since,
        why=FEED_REASONS[row.reason],
        cause="feeds",
    )
