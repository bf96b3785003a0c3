"""Every fault of the lab with what a collector is to say of it, and what it must not."""

from collections.abc import Callable
from dataclasses import dataclass, field

from monitor.records import EventKind

from .plan import FAR

INSIDE = ("ns1", "www", "h82", "h83", "h84", "far")
OUTSIDE = ("outside", "ns2")
# Those in 198.18.176.0/24.
WEB = ("www", "h82", "h83", "h84")
PREFIX = "198.18.176.0/24"
_BAD = ("DOWN", "UNREACHABLE")
# Three attempts at an interval of 10 s each, and the rounds of a network, with room.
SOON_S, LATER_S = 90.0, 150.0
# LOST and PARTIAL take five minutes.
LOST_S = 420.0


@dataclass
class Expected:
    """Something the desk is to show within ``within_s``; ``said`` is how it said so."""

    what: str
    met: Callable
    within_s: float = SOON_S
    said: Callable = lambda _: ""


@dataclass
class Fault:
    """``orders`` to the lab; ``never`` gives a complaint for what must not have been said."""

    name: str
    title: str
    orders: list[tuple[str, ...]]
    expects: list[Expected]
    never: dict[str, Callable] = field(default_factory=dict)
    afterwards: list[Expected] = field(default_factory=list)
    back_s: float = 180.0


def _are(names, *words):
    return lambda desk: all(desk.states().get(name) in words for name in names)


def hosts(names, *words, within_s=SOON_S):
    what = f"{', '.join(names) if len(names) < 4 else len(names)} {' or '.join(words)}"
    return Expected(
        what,
        _are(names, *words),
        within_s,
        lambda desk: _why(desk, names[0]),
    )


def _why(desk, name):
    row = desk.rows[f"host:{name}"]
    return f"{name}: {row.state}, {row.why}" if row.why else f"{name}: {row.state}"


def phase(*words, within_s=SOON_S):
    return Expected(
        f"phase {' or '.join(words)}",
        lambda desk: desk.phase() in words,
        within_s,
        lambda desk: f"{desk.phase()}: {desk.network().why}",
    )


def vantage(word, within_s=SOON_S):
    return Expected(
        f"own vantage {word}",
        lambda desk: desk.vantage() == word,
        within_s,
        lambda desk: desk.rows["vantage:local"].why,
    )


def fate(*names, within_s=LATER_S):
    return Expected(
        f"shared fate names {' or '.join(names)}",
        lambda desk: any(name in desk.network().fate for name in names),
        within_s,
        lambda desk: desk.network().fate,
    )


def best(*causes, within_s=LATER_S):
    def first(desk):
        return {each.id for each in desk.network().explanations if each.rank == 1}

    return Expected(
        f"among the best explanations: {', '.join(causes)}",
        lambda desk: set(causes) <= first(desk),
        within_s,
        lambda desk: ", ".join(sorted(first(desk))),
    )


def event(kind, what, fits, within_s=SOON_S, *, soft=False):
    def found(desk):
        told = desk.fresh if soft else desk.told()
        return next((each for each in told if each.kind is kind and fits(each)), None)

    return Expected(
        what,
        lambda desk: found(desk) is not None,
        within_s,
        lambda desk: found(desk).text if found(desk) else "",
    )


def routes(visible, within_s=SOON_S):
    return Expected(
        f"routes {visible} of 4",
        lambda desk: desk.network().routes_visible == visible,
        within_s,
        lambda desk: f"{desk.network().routes_visible} of {desk.network().routes_total}",
    )


def nothing_for(seconds):
    """Keep looking until so long after the fault."""
    until = []

    def waited(desk):
        if not until:
            until.append(desk.clock() + seconds)
        return desk.clock() >= until[0]

    return Expected(f"watched {seconds:g} s longer", waited, 10 * LOST_S)


def no_host_called_down(desk):
    return ", ".join(sorted(desk.condemned()))


def only(*names):
    """Nobody but ``names`` may have been called DOWN or UNREACHABLE."""
    return lambda desk: ", ".join(sorted(desk.condemned() - set(names)))


def phase_never(*words):
    def complaint(desk):
        said = desk.told(EventKind.TRANSITION, "network:")
        return ", ".join(each.new for each in said if each.new in words)

    return complaint


def flapping(desk):
    """A host that stays out of reach does not come and go."""
    return ", ".join(each.subject for each in desk.told(EventKind.FLAPPING, "host:"))


def why_of_vantage(words, within_s=SOON_S):
    return Expected(
        f'own vantage says "{words}"',
        lambda desk: words in desk.rows["vantage:local"].why,
        within_s,
        lambda desk: desk.rows["vantage:local"].why,
    )


def own_fault_said(desk):
    return "; ".join(each.text for each in desk.told(EventKind.VANTAGE) if each.new == "FAULT")


def _withdrawn(each):
    return "withdrawn" in each.new


def _breaks(each):
    return "break" in each.text or "ends" in each.text


_STEADY = {"nobody was called flapping": flapping}
_OURS = {"our own vantage was never at fault": own_fault_said}
_WELL = {"the network stayed STABLE": phase_never("UNSTABLE", "PARTIAL", "LOST", "UNKNOWN")}
_NOBODY = {"no host was called DOWN or UNREACHABLE": no_host_called_down}

_ALL = (
    Fault(
        "withdraw",
        f"withdrawal of {PREFIX}",
        [("withdraw", PREFIX)],
        [
            event(EventKind.ROUTE, "the log tells of the withdrawal", _withdrawn, soft=True),
            routes(3),
            hosts(WEB, *_BAD),
            hosts(WEB, "UNREACHABLE"),
            phase("UNSTABLE", "PARTIAL"),
            fate(PREFIX),
            phase("PARTIAL", within_s=LOST_S),
        ],
        {"only hosts of the prefix were called out": only(*WEB), **_STEADY, **_OURS},
        [phase("RESTORED", within_s=180.0)],
    ),
    Fault(
        "one-upstream",
        "cut of the upstream that carries, another stands by",
        [("cut", "t1-bdr")],
        [
            event(EventKind.PATH, "the log tells of the changed path", lambda _: True),
            nothing_for(30),
        ],
        {**_NOBODY, **_WELL, **_OURS},
    ),
    Fault(
        "both-upstreams",
        "cut of both upstreams",
        [("cut", "t1-bdr"), ("cut", "t2-bdr")],
        [
            phase("UNSTABLE", "PARTIAL", "LOST"),
            hosts(INSIDE, *_BAD),
            hosts(INSIDE, "UNREACHABLE"),
            hosts(OUTSIDE, "UP"),
            fate("AS4837→AS131279"),
            phase("LOST", within_s=LOST_S),
        ],
        {"only hosts inside were called out": only(*INSIDE), **_STEADY, **_OURS},
        [phase("RESTORED", within_s=180.0)],
    ),
    Fault(
        "loss",
        "40 % loss on the line towards the network",
        [("loss", "t1-bdr", "40", "ab")],
        [
            hosts(INSIDE, "DEGRADED", within_s=240.0),
            phase("UNSTABLE", within_s=LATER_S),
            hosts(OUTSIDE, "UP"),
        ],
        {**_NOBODY, "the network was not called lost": phase_never("PARTIAL", "LOST"), **_OURS},
        back_s=240.0,
    ),
    Fault(
        "blackhole",
        f"blackhole for {FAR} at the border",
        [("blackhole", FAR, "bdr")],
        [
            hosts(("far",), *_BAD),
            event(EventKind.PATH, "the log tells where the path breaks", _breaks),
            nothing_for(60),
        ],
        {"only that host was called out": only("far"), **_WELL, **_OURS},
    ),
    Fault(
        "name-servers",
        "both name servers of the zone dead",
        [("dns", "stop", "both")],
        [
            hosts(("ns1", "ns2"), "DEGRADED"),
            best("dns"),
            nothing_for(60),
        ],
        {**_NOBODY, **_WELL, **_OURS},
    ),
    Fault(
        "resolver",
        "our resolver dead",
        [("dns", "stop", "resolver")],
        [
            why_of_vantage("no name can be looked up"),
            hosts(("www",), "UNKNOWN", within_s=LATER_S),
            hosts(("h82", "ns1", "far"), "UP"),
            nothing_for(30),
        ],
        {**_NOBODY, **_WELL, **_OURS},
        [
            event(
                EventKind.HEALTH,
                "names can be looked up again",
                lambda each: each.rule == "own-resolver",
            )
        ],
    ),
    Fault(
        "own-link",
        "our own link cut",
        [("cut", "desk-isp")],
        [
            vantage("FAULT", within_s=60.0),
            why_of_vantage("on our own link"),
            hosts((*INSIDE, *OUTSIDE), "UNKNOWN"),
            phase("UNKNOWN"),
            nothing_for(60),
        ],
        {
            **_NOBODY,
            "the network was not called out": phase_never("UNSTABLE", "PARTIAL", "LOST"),
        },
        [
            event(EventKind.GAP, "the span is a gap", lambda _: True, within_s=120.0),
            vantage("HEALTHY", within_s=240.0),
            phase("STABLE", within_s=240.0),
        ],
        back_s=240.0,
    ),
    Fault(
        "provider",
        "our provider cut off from everybody, our own link well",
        [("cut", "isp-t1"), ("cut", "isp-t2")],
        [
            vantage("FAULT", within_s=60.0),
            why_of_vantage("beyond our gateway"),
            hosts((*INSIDE, *OUTSIDE), "UNKNOWN"),
            phase("UNKNOWN"),
        ],
        {
            **_NOBODY,
            "the network was not called out": phase_never("UNSTABLE", "PARTIAL", "LOST"),
        },
        [vantage("HEALTHY", within_s=240.0), phase("STABLE", within_s=240.0)],
        back_s=240.0,
    ),
    Fault(
        "move",
        "www moves to the hoster outside",
        [("move", "www", "out")],
        [
            event(
                EventKind.HOSTING,
                "the log tells of the move",
                lambda each: each.new == "198.51.100.80",
            ),
            hosts(("www",), "UP", "DEGRADED"),
            Expected(
                "www is counted outside",
                lambda desk: (
                    desk.rows["host:www"].network == ""
                    and desk.network().inside_total == len(INSIDE) - 1
                ),
            ),
            nothing_for(30),
        ],
        {**_NOBODY, **_WELL, **_OURS},
    ),
    Fault(
        "web-503",
        "the web servers answer 503",
        [("web", "503")],
        [
            hosts(("www", "h84"), "DEGRADED"),
            hosts(("h82", "far", "ns1"), "UP"),
            nothing_for(60),
        ],
        {**_NOBODY, **_WELL, **_OURS},
    ),
)
FAULTS = {fault.name: fault for fault in _ALL}
