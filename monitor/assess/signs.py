"""Signs: what was observed of a network, and which explanations it fits or weakens.

A sign is a small pure question to a :class:`Picture`.  ``TABLE`` holds the published
readings of outages row by row (Dyn Research, Arbor Networks and Renesys on AS131279, 2013
to 2017); ``BEYOND`` what follows from the meaning of the explanations alone.  No sign
decides anything.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from monitor.assess.picture import Picture
from monitor.assess.rules import RULES
from monitor.records import MINUTE, Phase, Reason, Vantage

# A flicker leaves an hour of UNSTABLE behind it (rules: flicker_quiet), so that only more
# than that counts as "hours"; under a quarter of an hour nothing had flickered.
FLAPPED_MIN: Final = 120.0
CALM_MIN: Final = 15.0
# Prefixes that go within this long go together.
TOGETHER: Final = MINUTE
# Peers that still hold a route (DESIGN 4.6): over half visible, under a tenth withdrawn.
VISIBLE: Final = 0.5
WITHDRAWN: Final = 0.1
# Starts at :00 or :30 to the nearest ten minutes: a third of the clock.
HALF_HOUR: Final = 30 * MINUTE
NEAR_HALF_HOUR: Final = 5 * MINUTE
# A kind of failure is the picture's when at least half of the failing hosts show it.
TYPICAL: Final = 0.5


class Cause(StrEnum):
    """Ids of the explanations, in the fixed order that breaks ties."""

    DELIBERATE = "deliberate"
    LINK = "link"
    OVERLOAD = "overload"
    POWER = "power"
    CABLE = "cable"
    UPSTREAM = "upstream"
    FILTERING = "filtering"
    DNS = "dns"
    SERVER = "server"
    MOVE = "hosting-move"
    ELSEWHERE = "hosting-elsewhere"
    OUTLETS = "all-outlets"
    MIDDLEBOX = "middlebox"
    OWN = "own-line"


Test = Callable[[Picture], bool | None]


class Sign(msgspec.Struct, frozen=True):
    """``test`` answers None where the data are missing: that evidence is missing then."""

    id: str
    text: str
    test: Test
    consistent: frozenset[Cause] = frozenset()
    weakens: frozenset[Cause] = frozenset()


# --- tests --------------------------------------------------------------------------------


def _share(picture: Picture) -> float | None:
    if picture.inside_known == 0:
        return None
    return picture.inside_reached / picture.inside_known


def inside_lost(picture: Picture) -> bool | None:
    share = _share(picture)
    return None if share is None else share < RULES.lost_share


def inside_well(picture: Picture) -> bool | None:
    share = _share(picture)
    return None if share is None else share >= RULES.well_share


def _both(first: bool | None, second: bool | None) -> bool | None:
    """Both hold; one that does not settles it, even where the other is not known."""
    if first is False or second is False:
        return False
    return None if first is None or second is None else True


def loss_alone(picture: Picture) -> bool | None:
    """Packets are lost, but hosts answer."""
    return _both(picture.loss_at > 0, inside_well(picture))


def _flapped(picture: Picture) -> bool | None:
    minutes = picture.unstable_min
    return None if minutes is None else minutes >= FLAPPED_MIN


def _calm(picture: Picture) -> bool | None:
    minutes = picture.unstable_min
    return None if minutes is None else minutes < CALM_MIN


def all_withdrawn(picture: Picture) -> bool | None:
    """Every prefix is held by under a tenth of the peers: stale routes linger."""
    if not picture.routes or not any(route.peers for route in picture.routes.values()):
        return None
    return all(route.share < WITHDRAWN for route in picture.routes.values())


def _withdrawn_together(picture: Picture) -> bool | None:
    gone = all_withdrawn(picture)
    if not gone:
        return gone
    times = [route.withdrawn_at for route in (picture.routes or {}).values()]
    return min(times) > 0 and max(times) - min(times) <= TOGETHER


def sudden_withdrawal(picture: Picture) -> bool | None:
    return _both(_withdrawn_together(picture), _calm(picture))


def flapping_then_loss(picture: Picture) -> bool | None:
    fell = True if picture.phase is Phase.LOST else inside_lost(picture)
    return _both(fell, _flapped(picture))


def slow_death(picture: Picture) -> bool | None:
    """Loss, then silent hosts, then withdrawn routes, each a round or more apart."""
    apart = RULES.network_round
    if not 0 < picture.loss_at <= picture.silent_at - apart:
        return False
    if picture.routes is None:
        return None
    return picture.silent_at + apart <= picture.withdrawn_at


def announced_but_dead(picture: Picture) -> bool | None:
    routes = picture.routes
    if routes is not None and not any(route.peers for route in routes.values()):
        routes = None
    seen = None if not routes else all(route.share > VISIBLE for route in routes.values())
    return _both(inside_lost(picture), seen)


def _edges(picture: Picture) -> tuple[int, int] | None:
    """How many edges that usually carry are lost, and how many carry; None: not known."""
    if picture.upstreams is None:
        return None
    usual = [edge for edge in picture.upstreams.values() if edge.usual >= WITHDRAWN]
    lost = sum(edge.share < WITHDRAWN for edge in usual)
    return lost, len(usual) - lost


def one_upstream_lost(picture: Picture) -> bool | None:
    edges = _edges(picture)
    return None if edges is None else edges[0] > 0 and edges[1] > 0


def all_upstreams_lost(picture: Picture) -> bool | None:
    """Two or more upstreams lost; with a single one there is nothing to tell apart."""
    edges = _edges(picture)
    return None if edges is None else edges[0] >= 2 and edges[1] == 0


def only_dns_fails(picture: Picture) -> bool | None:
    silent = None if picture.dns.total == 0 else picture.dns.up == 0
    return _both(inside_well(picture), silent)


def _typical(picture: Picture, *reasons: Reason) -> bool:
    failing = sum(picture.reasons.values())
    found = sum(picture.reasons.get(reason, 0) for reason in reasons)
    return found > 0 and found >= TYPICAL * failing


def tampered(picture: Picture) -> bool | None:
    return _typical(
        picture,
        Reason.RESET,
        Reason.CERT_WRONG_NAME,
        Reason.CERT_SELF_SIGNED,
        Reason.CERT_UNTRUSTED,
    )


def server_errors(picture: Picture) -> bool | None:
    return _typical(picture, Reason.HTTP_STATUS)


def moved(picture: Picture) -> bool | None:
    return picture.moves > 0


def own_fault(picture: Picture) -> bool | None:
    if picture.vantage is Vantage.UNKNOWN:
        return None
    return picture.vantage is not Vantage.HEALTHY


def _outside_well(picture: Picture) -> bool | None:
    outside = picture.outside
    return None if outside.total == 0 else outside.up >= RULES.well_share * outside.total


def outside_up_inside_down(picture: Picture) -> bool | None:
    return _both(inside_lost(picture), _outside_well(picture))


def outside_down_inside_up(picture: Picture) -> bool | None:
    outside = picture.outside
    down = None if outside.total == 0 else outside.up < outside.total
    return _both(inside_well(picture), down)


def all_down(picture: Picture) -> bool | None:
    outside = picture.outside
    down = None if outside.total == 0 else outside.up == 0
    return _both(inside_lost(picture), down)


def near_silent(picture: Picture) -> bool | None:
    near = [count for count in picture.near.values() if count.total]
    silent = any(count.up == 0 for count in near) if near else None
    return _both(inside_lost(picture), silent)


def on_the_half_hour(picture: Picture) -> bool | None:
    if not picture.began:
        return False
    off = (picture.began + NEAR_HALF_HOUR) % HALF_HOUR
    return off < 2 * NEAR_HALF_HOUR


def controls_answer(picture: Picture) -> bool | None:
    return None if picture.vantage is Vantage.UNKNOWN else picture.vantage is Vantage.HEALTHY


def nothing_moved(picture: Picture) -> bool | None:
    return picture.moves == 0


def in_trouble(picture: Picture) -> bool | None:
    return picture.phase in (Phase.UNSTABLE, Phase.PARTIAL, Phase.LOST)


# --- the readings -------------------------------------------------------------------------

_C = Cause
ALL: Final = frozenset(Cause)
# What the readings call by one name.
_ROUTING_WITHDRAWAL: Final = frozenset({_C.DELIBERATE, _C.LINK})
_LINK_LOSS: Final = frozenset({_C.LINK, _C.CABLE, _C.UPSTREAM})
_NETWORK_LOSS: Final = _LINK_LOSS | {_C.DELIBERATE}
_AT_THE_ORIGIN: Final = frozenset({_C.DELIBERATE, _C.LINK, _C.POWER})
_LINE_GONE: Final = _NETWORK_LOSS | {_C.OVERLOAD, _C.POWER}
_COUNTRY: Final = _LINE_GONE | {_C.FILTERING}


def _sign(
    name: str, text: str, test: Test, consistent: set[Cause] | frozenset[Cause], *weakens: Cause
) -> Sign:
    return Sign(name, text, test, frozenset(consistent), frozenset(weakens))


TABLE: Final = (
    _sign(
        "sudden-withdrawal",
        "all prefixes withdrawn at once, with no instability before",
        sudden_withdrawal,
        {_C.DELIBERATE, _C.LINK},
        _C.OVERLOAD,
    ),
    _sign(
        "flapping-then-loss",
        "hours of instability, then loss",
        flapping_then_loss,
        {_C.OVERLOAD, _C.POWER},
        _C.CABLE,
        _C.UPSTREAM,
    ),
    _sign(
        "slow-death",
        "packet loss first, then silent hosts, then withdrawn routes",
        slow_death,
        {_C.OVERLOAD},
        # A sudden loss of power; failing power, which comes and goes, is not weakened.
        _C.LINK,
    ),
    _sign(
        "announced-dead",
        "routes announced, but nothing inside answers",
        announced_but_dead,
        {_C.OVERLOAD, _C.FILTERING},
        *_ROUTING_WITHDRAWAL,
    ),
    _sign(
        "one-upstream-lost",
        "one upstream lost, another still carries",
        one_upstream_lost,
        {_C.UPSTREAM, _C.CABLE},
        *_AT_THE_ORIGIN,
    ),
    _sign(
        "all-upstreams-lost",
        "all upstreams lost together",
        all_upstreams_lost,
        _AT_THE_ORIGIN,
        _C.UPSTREAM,
    ),
    _sign(
        "only-dns",
        "no name server inside answers, addresses do",
        only_dns_fails,
        {_C.DNS},
        *_LINK_LOSS,
    ),
    _sign(
        "tampered",
        "connections reset or a wrong certificate at most failing hosts",
        tampered,
        {_C.MIDDLEBOX, _C.FILTERING},
        *_LINK_LOSS,
    ),
    _sign(
        "server-errors",
        "servers answer with an HTTP error at most failing hosts",
        server_errors,
        {_C.SERVER},
        *_NETWORK_LOSS,
    ),
    _sign("moved", "a host changed its address or network", moved, {_C.MOVE}, *_COUNTRY),
    _sign("own-fault", "our own vantage is at fault", own_fault, {_C.OWN}, *_COUNTRY),
    _sign(
        "outside-up-inside-down",
        "hosts outside answer, hosts inside do not",
        outside_up_inside_down,
        _COUNTRY,
        _C.OUTLETS,
    ),
    _sign(
        "outside-down-inside-up",
        "a host outside does not answer, hosts inside do",
        outside_down_inside_up,
        {_C.ELSEWHERE},
        *_COUNTRY,
    ),
)

BEYOND: Final = (
    _sign("trouble", "the network is not as usual", in_trouble, ALL),
    _sign(
        "inside-silent",
        "no address inside answers at all",
        inside_lost,
        _COUNTRY | {_C.OUTLETS},
        _C.DNS,
        _C.SERVER,
        _C.ELSEWHERE,
    ),
    _sign(
        "all-withdrawn",
        "all prefixes are withdrawn",
        all_withdrawn,
        _LINE_GONE,
        _C.FILTERING,
        _C.MIDDLEBOX,
        _C.DNS,
        _C.SERVER,
    ),
    # What was switched off or cut does not answer at times.
    _sign(
        "loss-alone",
        "packets are lost at most hosts inside, which answer all the same",
        loss_alone,
        {_C.OVERLOAD, _C.LINK, _C.UPSTREAM},
        _C.DELIBERATE,
        _C.CABLE,
        _C.DNS,
        _C.SERVER,
    ),
    _sign(
        "all-down",
        "neither hosts inside nor hosts outside answer",
        all_down,
        {_C.OUTLETS},
    ),
    _sign(
        "near-silent",
        "hosts behind the same upstream are silent as well",
        near_silent,
        {_C.UPSTREAM, _C.CABLE},
        *_AT_THE_ORIGIN,
    ),
    # 91 % of the outages ordered or for exams, 18 % of cable cuts, 33 % by chance
    # (InetIntel/internet_outages).
    _sign("half-hour", "began about a full or half hour", on_the_half_hour, {_C.DELIBERATE}),
    _sign("controls-answer", "our far controls answer", controls_answer, set(), _C.OWN),
    _sign("nothing-moved", "no host changed its address", nothing_moved, set(), _C.MOVE),
)

SIGNS: Final = TABLE + BEYOND
