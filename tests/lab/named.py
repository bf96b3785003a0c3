"""What breaks on the line, and by which rows, events and words a desk is to name it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from monitor.records import FeedState, PathState, Reason, Vantage

from .plan import AS, FAR, PREFIXES, ROUTERS

ISP, T1, BORDER_T1 = "203.0.113.1", "198.19.16.1", "198.19.17.1"
T2, BORDER_T2 = "198.19.32.1", "198.19.33.1"
USUAL = (ISP, T1, BORDER_T1, FAR)
CHECK = "far/trace"
PREFIX = "198.18.179.0/24"
OTHER, HALF = "198.18.178.0/24", "198.18.177.0/25"
_PATH_RULES = ("path-break", "path-end", "path-loop", "path-change")


def row(desk):
    """The path to the far host as the cache has it."""
    return desk.rows.get(f"path:{CHECK}")


def told(desk, rule, *words):
    """The event of ``rule`` since the mark whose text has all ``words``."""
    ours = ("host:far", "network:bdr")
    found = (each for each in desk.fresh if each.rule == rule and each.subject in ours)
    return next((each for each in found if all(word in each.text for word in words)), None)


def _addresses(hops):
    return tuple(hop.addresses[0] if hop.addresses else "" for hop in hops)


def well(desk):
    """Our own line is trusted, the usual path is whole, every prefix is visible."""
    path, vantage = row(desk), desk.rows.get("vantage:local")
    if path is None or vantage is None or vantage.health is not Vantage.HEALTHY:
        return False
    routes = [desk.rows.get(f"route:{prefix}") for prefix in PREFIXES["bdr"]]
    seen = all(each and each.feed is FeedState.LIVE and each.seen == 3 for each in routes)
    usual = _addresses(path.usual) == USUAL == _addresses(path.current)
    return seen and usual and path.state is PathState.WHOLE


def seed(lab):
    """The feed tells changes only: let every router tell it once what it holds."""
    for router in ROUTERS:
        lab("birdc", router, "reload out ris")


def _ends(last, next_, reason, said_by="", *, state=PathState.BROKEN):
    """Whether the row of the path names these as the last that answers and the next."""

    def met(desk):
        found = row(desk)
        ends = (found.state, found.last_address, found.reason, found.said_by)
        return ends == (state, last, reason, said_by) and found.next_address == next_

    return met


def _edge(last, next_):
    return f"path breaks behind AS{last[0]} ({last[1]}), before AS{next_[0]} ({next_[1]})"


def _steady(rounds):
    """Whether so many rounds since the fault found the path whole, and told of nothing."""

    def met(desk):
        runs = desk.observations(CHECK, since=desk.broke_at)
        return len(runs) >= rounds and row(desk).state is PathState.WHOLE

    return met


@dataclass
class Case:
    """``orders`` break the line; ``rows`` are to hold, one event of each of ``events`` (a
    rule and words of its text) is to be in the log, ``screen`` is to be on the desk, and no
    event by one of the rules ``never``.
    """

    name: str
    orders: tuple[tuple[str, ...], ...]
    rows: dict[str, Callable] = field(default_factory=dict)
    events: tuple[tuple[str, ...], ...] = ()
    screen: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


CASES = (
    Case(
        "hop that never answers",
        (("filter", "t1"),),
        {
            "whole": _steady(6),
            "blank": lambda desk: row(desk).current[1].addresses == (),
        },
        (),
        ("  2 no answer", "reached"),
        (*_PATH_RULES, "route-provisional"),
    ),
    Case(
        "hop that limits its answers",
        (("limit", "t1", "12"),),
        {"whole": _steady(12), "limits": lambda desk: row(desk).current[1].limited},
        (),
        ("limits", "reached"),
        (*_PATH_RULES, "route-provisional"),
    ),
    Case(
        "withdrawal",
        (("withdraw", PREFIX),),
        {"says who": _ends(ISP, T1, Reason.NET_UNREACHABLE, ISP)},
        (
            ("route-provisional", "1 of 4 prefixes withdrawn: 0 of 4 peers", PREFIX),
            ("path-break", _edge((AS["isp"], ISP), (AS["t1"], T1)), "network unreachable"),
        ),
        (f"break: nothing beyond {ISP}", "1 of 4 prefixes withdrawn"),
        ("path-loop", "path-change", "path-end"),
    ),
    Case(
        "cut upstream, nobody told",
        (("drop", "t1", "ip", "daddr", FAR), ("drop", "t2", "ip", "daddr", FAR)),
        {"says where": _ends(T1, BORDER_T1, Reason.PATH_BREAK)},
        (("path-break", _edge((AS["t1"], T1), (AS["t1"], BORDER_T1))),),
        (f"break: nothing beyond {T1}",),
        ("path-loop", "path-change", "path-end", "route-provisional"),
    ),
    Case(
        "both lines to the border cut",
        (("cut", "t1-bdr"), ("cut", "t2-bdr")),
        {"says who": _ends(ISP, T1, Reason.NET_UNREACHABLE, ISP)},
        (
            ("route-provisional", "4 of 4 prefixes", "1 of 4 peers"),
            ("path-break", _edge((AS["isp"], ISP), (AS["t1"], T1))),
        ),
        (f"break: nothing beyond {ISP}", "4 of 4 prefixes"),
        # Between the two cuts the path does go another way.
        ("path-loop", "path-end"),
    ),
    Case(
        "blackhole at the border",
        (("blackhole", FAR),),
        {"says where": _ends(T1, BORDER_T1, Reason.PATH_BREAK)},
        (("path-break", _edge((AS["t1"], T1), (AS["t1"], BORDER_T1))),),
        (f"break: nothing beyond {T1}",),
        ("path-loop", "path-change", "path-end", "route-provisional"),
    ),
    Case(
        "refusal at the border",
        (("blackhole", FAR, "bdr", "prohibit"),),
        {"says who": _ends(BORDER_T1, FAR, Reason.PROHIBITED, BORDER_T1)},
        (("path-end", BORDER_T1, "prohibited"),),
        (f"break: nothing beyond {BORDER_T1}", "prohibited"),
        ("path-loop", "path-change", "path-break", "route-provisional"),
    ),
    Case(
        "fail-over to the other upstream",
        (("cut", "isp-t1"),),
        {
            "the usual path is the new one": lambda desk: (
                _addresses(row(desk).usual) == (ISP, T2, BORDER_T2, FAR)
            )
        },
        (
            (
                "path-change",
                f"AS{AS['isp']} {AS['t1']} {AS['bdr']} → AS{AS['isp']} {AS['t2']} {AS['bdr']}",
                f"hop 2: {T1} → {T2}",
            ),
        ),
        (f"  2 {T2}", "path changed"),
        ("path-loop", "path-end"),
    ),
    Case(
        "hijack, the same prefix",
        (("hijack", OTHER),),
        {"alarm on the row": lambda desk: desk.rows[f"route:{OTHER}"].alarms},
        (("route-origin", f"{OTHER} originated by AS{AS['out']}, expected AS{AS['bdr']}"),),
        (f"{OTHER} originated by AS{AS['out']}",),
        _PATH_RULES,
    ),
    Case(
        "hijack, a more specific one",
        (("hijack", HALF),),
        {"alarm on the row": lambda desk: desk.rows["route:198.18.177.0/24"].alarms},
        (("route-more-specific", HALF, "more specific", f"announced by AS{AS['out']}"),),
        (f"announced by AS{AS['out']}",),
        _PATH_RULES,
    ),
    Case(
        "loop between two routers",
        (("loop", FAR),),
        {"state": lambda desk: row(desk).state is PathState.LOOP},
        (("path-loop", "path loops between", T1, "198.19.16.0"),),
        ("path loops between", "loop: "),
        ("path-break", "path-change", "path-end", "route-provisional"),
    ),
)


def play(lab, desk, case, patience_s=40.0):
    """Break, wait until all is named, heal, wait until all is well; what is missing."""
    lines = []
    desk.mark()
    desk.broke_at = desk.now()
    for order in case.orders:
        lab("fault", *order)
    wanted = {
        **case.rows,
        **{f"{rule}: {' … '.join(words)}": _event(rule, words) for rule, *words in case.events},
        **{f"screen: {words}": _screen(words) for words in case.screen},
    }
    met = {}

    def all_met():
        for what, holds in wanted.items():
            if what not in met and holds(desk):
                met[what] = desk.now()
        return len(met) == len(wanted)

    desk.until(all_met, patience_s)
    for what in wanted:
        at = met.get(what)
        when = "     -" if at is None else f"{(at - desk.broke_at) / 1e6:5.1f}s"
        lines.append((at is not None, when, what))
    for rule in case.never:
        wrong = told(desk, rule)
        if wrong is not None:
            lines.append((False, "     -", f"never {rule}: {wrong.text}"))
    if len(met) < len(wanted):
        said = [row(desk).why, *(event.text for event in desk.fresh if event.rule)]
        lines += [(False, "  said", each) for each in said[-12:]]
    desk.mark()
    begun = desk.now()
    lab("heal")
    back = desk.until(lambda: well(desk), patience_s)
    lines.append((back, f"{(desk.now() - begun) / 1e6:5.1f}s", "healed: all is well again"))
    return lines


def _event(rule, words):
    return lambda desk: told(desk, rule, *words)


def _screen(words):
    return lambda desk: desk.shows(words)
