"""The evidence of a report, section by section: paths, routes, explanations, people, method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor.cache.sights import SightBucket
from monitor.records import HOUR, FeedState
from monitor.report.situation import (
    Hop,
    HostLine,
    Matrix,
    PathPicture,
    RoutePicture,
    Situation,
    Source,
    Voice,
    Way,
)
from monitor.report.situation_blocks import MARKS, Block, Plot, Table, Text
from monitor.report.times import clock, span, stamp

_DASH = "—"


def path_blocks(found: PathPicture | None) -> Iterator[Block]:
    if found is None:
        yield Text("No path to a host inside was traced.")
        return
    yield Text(
        f"Towards {found.name} ({found.check}), which broke {found.breaks} times in this span."
        if found.breaks
        else f"Towards {found.name} ({found.check}); it did not break in this span."
    )
    heads = tuple(f"{way.title}, {clock(way.at)}Z" for way in found.ways)
    ttls = sorted({hop.ttl for way in found.ways for hop in way.hops})
    by_ttl = [{hop.ttl: hop for hop in way.hops} for way in found.ways]
    rows = [(str(ttl), *(_hop(way.get(ttl)) for way in by_ttl)) for ttl in ttls]
    rows.append(("AS", *(_asns(way) for way in found.ways)))
    rows.append(("state", *(way.why or way.state or _DASH for way in found.ways)))
    strong = frozenset({len(rows) - 2, len(rows) - 1})
    yield Table("path", ("hop", *heads), tuple(rows), strong)


def _hop(hop: Hop | None) -> str:
    if hop is None:
        return ""
    if not hop.addresses:
        return "no answer"
    whose = f" AS{hop.asn} {hop.as_name}".rstrip() if hop.asn is not None else ""
    return f"{', '.join(hop.addresses)}{whose}"


def _asns(way: Way) -> str:
    return " → ".join(f"AS{asn}" for asn in way.asns) or _DASH


def routes_blocks(found: Situation) -> Iterator[Block]:
    if not found.routes:
        yield Text("No routing feed was asked: nothing is known of routes.")
    head = ("prefix", "at the beginning", "at the least", "at the end", "state at the end")
    for route in found.routes:
        yield Plot("route", f"Peers that hold {route.prefix}", None, route.prefix)
    if found.routes:
        yield Table("routes", head, tuple(map(_route_row, found.routes)))
    yield Table(
        "witness",
        ("an independent witness; it moves nothing here",),
        tuple((line,) for line in found.witness),
    )


def _route_row(route: RoutePicture) -> tuple[str, ...]:
    live = [one for one in route.buckets if one.feed is FeedState.LIVE and one.peers]
    least = min(live, key=lambda one: one.seen / one.peers, default=None)
    first, last = route.first, route.last
    return (
        route.prefix,
        f"{first.seen} of {first.peers}" if first is not None else "not known",
        _least(least),
        f"{last.seen} of {last.peers}" if last is not None else "not known",
        f"{last.state}, feed {last.feed}" if last is not None else "not known",
    )


def _least(least: SightBucket | None) -> str:
    if least is None:
        return "not known"
    return f"{least.seen} of {least.peers} from {clock(least.since)}Z"


def matrix_blocks(found: Matrix | None) -> Iterator[Block]:
    if found is None:
        yield Text("The network was as usual: nothing had to be explained.")
        return
    yield Text(
        f"As of {stamp(found.at)}. Ranked by fewest inconsistencies, never decided: + fits,"
        " - speaks against it, = fits every explanation alike (tells nothing), ? would bear on"
        " it and could not be looked at, empty: bears not on it."
    )
    head = (
        "rank",
        "explanation",
        *(f"E{n}" for n in range(1, len(found.evidence) + 1)),
        "against",
    )
    rows = tuple(
        (str(row.rank), row.title, *(MARKS[cell] for cell in row.cells), str(row.inconsistent))
        for row in found.rows
    )
    yield Table("matrix", head, rows)
    legend = tuple((f"E{n}", text) for n, text in enumerate(found.evidence, start=1))
    yield Table("evidence", ("", "evidence"), legend)


def hosting_blocks(hosts: Sequence[HostLine]) -> Iterator[Block]:
    if not hosts:
        yield Text("No host of this network is watched.")
        return
    yield Text(
        "Whose voice a site is and where it is hosted are two things. Only hosts measured as"
        " hosted inside count for the network; what was said of a site stands beside it."
    )
    ordered = sorted(
        hosts, key=lambda host: (host.inside is True, host.inside is None, host.name)
    )
    rows = tuple(
        (
            host.name + (" (historic)" if host.historic else ""),
            {True: "inside", False: "elsewhere", None: "not known"}[host.inside],
            _measured(host),
            "; ".join(host.claims) or _DASH,
            f"{host.state} since {clock(host.since)}Z" if host.since else host.state,
        )
        for host in ordered
    )
    yield Table("hosting", ("site", "hosted", "measured", "said of it", "at the end"), rows)


def _measured(host: HostLine) -> str:
    asn = f"AS{host.asn} {host.as_name}".rstrip() if host.asn is not None else ""
    return " ".join(part for part in (host.address, asn, host.country) if part) or _DASH


def ledger_blocks(found: Situation) -> Iterator[Block]:
    yield Text(
        f"Observed: the {sum(line.count for line in found.timeline)} events summed up in the"
        " timeline above. What others said and what an analyst concluded stands apart."
    )
    for source, title, none in (
        (Source.CLAIMED, "claimed (by others, with their source)", "Claimed: nothing."),
        (Source.INFERRED, "inferred (by an analyst; words of ICD 203)", "Inferred: nothing."),
        (Source.SAID, "noted, acknowledged, announced", ""),
    ):
        voices = [voice for voice in found.ledger if voice.source is source]
        if voices:
            head = ("no.", "recorded", "by", "about", title)
            yield Table("ledger", head, tuple(map(_voice_row, voices)))
        elif none:
            yield Text(none)


def _voice_row(voice: Voice) -> tuple[str, ...]:
    text = voice.text
    if voice.versions > 1:
        text += f" [amended {voice.versions - 1} times; this is the newest]"
    if voice.ended:
        text += f" [holds no longer: {voice.ended}]"
    kind = f"{voice.kind}: " if voice.source is Source.SAID else ""
    return (str(voice.id), stamp(voice.at), voice.who, voice.subject, f"{kind}{text}")


def own_blocks(found: Situation) -> Iterator[Block]:
    rows = tuple(
        (
            *(own.id, own.health, f"{own.answering} of {own.known} far controls"),
            *(str(own.asns), str(len(own.faults))),
        )
        for own in found.own
    )
    head = ("vantage", "health at the end", "answering", "ASes", "faults in the span")
    yield Table("own", head, rows)
    if not found.gaps:
        yield Text("There is no gap in this span.")
        return
    gaps = tuple(
        (f"{clock(gap.since)}Z", f"{clock(gap.until)}Z", span(gap.until - gap.since), gap.why)
        for gap in found.gaps
    )
    yield Table("gaps", ("from", "to", "for", "why nothing is known"), gaps)


def method_blocks(found: Situation) -> Iterator[Block]:
    figures = found.figures
    outcomes = ", ".join(f"{count} {name}" for name, count in figures.outcomes.items())
    yield Text(
        f"The report rests on {figures.observations} raw observations ({outcomes or 'none'}) of"
        f" {figures.checks} checks, and on {figures.hard} confirmed of {figures.events} events."
    )
    if figures.raw_since - found.since > HOUR:
        yield Text(f"Raw observations are kept from {stamp(figures.raw_since)} on.")
    rows = tuple(found.rules.items())
    if rows:
        yield Table("rules", ("rule that fired", "what it says"), rows)
    if found.base_rates:
        yield Text(found.base_rates)
    yield Text(
        "The program names no cause and sets no likelihood: claims are quoted with their"
        " source, likelihood words (ICD 203) are an analyst's. A network's phase counts only"
        " hosts measured as hosted inside it. Counts are always n of N."
    )


def versions_blocks(found: Situation) -> Block:
    told = found.versions
    rows = (
        ("report", f"watchdesk {told.watchdesk}, schema {found.schema}"),
        ("collector", f"watchdesk {told.collector}"),
        ("watchlist", f"{told.watchlist}, SHA-256 {told.watchlist_hash}"),
        ("last event", f"no. {told.last_event}, link {told.last_link}"),
    )
    return Table("versions", ("what", "which"), rows)
