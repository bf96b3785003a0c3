"""The whole screen about the way to one host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import structs
from rich.cells import cell_len

from monitor.records import (
    REASONS,
    Event,
    Hop,
    HopWindow,
    HostRow,
    Micros,
    NetworkRow,
    Observation,
    PathHop,
    PathRow,
    RouteRow,
    TraceFacts,
)
from monitor.tui.board import Board
from monitor.tui.history import History
from monitor.tui.lines import (
    EventTarget,
    Line,
    ObservationTarget,
    Span,
    field,
    heading,
    line,
)
from monitor.tui.pages.hops import (
    LOST,
    Way,
    hop_lines,
    is_upstream,
    refuses,
    sparks,
    with_figures,
)
from monitor.tui.pages.path import holds
from monitor.tui.pages.pathdiff import diff_lines, differs, flow
from monitor.tui.pages.routechart import route_chart
from monitor.tui.pages.routes import route_line
from monitor.tui.story import PathStory, window_of
from monitor.tui.text import Look, clock, duration, fit, milliseconds, percent, stamp

_CHANGES = 100


class PathView(msgspec.Struct, frozen=True):
    """What is drawn: ``path`` and ``route`` as known at the trace shown, ``routes`` of the
    network at the moment shown, the host's own first; ``tall`` lines a bar of the chart.
    """

    host: HostRow
    story: PathStory
    path: PathRow | None
    route: RouteRow | None
    routes: Sequence[RouteRow]
    network: NetworkRow | None
    history: History | None = None
    tall: int = 1
    pinned: bool = False


def path_page(view: PathView, board: Board, look: Look) -> list[Line]:
    """The trace shown, where it breaks, what differs from usual, and the routes."""
    run = view.story.shown
    if run is None or not isinstance(run.facts, TraceFacts):
        return [*_none(view, board), *_routes(view, look, 0)]
    facts = with_figures(run.facts, view.story.runs)
    facts = structs.replace(facts, hops=tuple(_known(hop, view) for hop in facts.hops))
    # Ages are those at the time of the trace: nothing of today stands beside it.
    then = structs.replace(look, now=run.at) if view.pinned else look
    way = Way(run, facts, view.story.runs, view.network, view.path)
    names = _names((*facts.hops, *_remembered(view)))
    lines = [*_which(view, run, look), _target(view, run, facts, look)]
    lines += [Line(), heading(" Hops", _basis(view, run.facts)), *hop_lines(way, then)]
    lines += [Line(), *_as_path(facts, view.network, look)]
    if view.route is not None:
        lines += route_line(view.route, then)
    lines += _differences(view, facts, names, look)
    lines += _routes(view, look, run.at if view.pinned else 0)
    return lines + _changes(view.story.changes, look)


def _none(view: PathView, board: Board) -> list[Line]:
    """Why there is no trace to show."""
    if not view.host.trace:
        return [line((" no trace check on this host", "dim"))]
    check = board.checks.get(view.host.trace)
    last = check.last if check else None
    if last is None:
        return [line((" the trace check has not run yet", "dim"))]
    said = REASONS[last.reason].text or str(last.outcome)
    return [line((" no trace is stored: ", "dim"), (f"{said} at {clock(last.at)}", "text"))]


def _which(view: PathView, run: Observation, look: Look) -> list[Line]:
    """Which of the stored traces is shown."""
    story = view.story
    count = f"{story.place + 1} of {len(story.times)}"
    target = ObservationTarget(run)
    ago = f"{duration(look.now - run.at)} ago"
    if view.pinned:
        text = f" TRACE OF {stamp(run.at)}  {count}, {ago}; = the newest "
        return [line((fit(text, min(look.width, cell_len(text))), "banner"), target=target)]
    spans: list[Span] = [(f" newest trace {stamp(run.at)}", "strong"), (f"  {ago}", "dim")]
    spans.append((f"  {count} stored", "dim"))
    return [Line(tuple(spans), "trace", target)]


def _target(view: PathView, run: Observation, facts: TraceFacts, look: Look) -> Line:
    """Loss and times are judged at the target itself."""
    marks = look.marks
    up = f" {marks.up} reached " if facts.reached else f" {marks.down} not reached "
    known = facts.target or _window(view.story.runs)
    spans: list[Span] = [(up, "up" if facts.reached else "down")]
    if run.address != view.host.name:
        spans.append((f" {run.address}", "strong"))
    if known is not None and known.sent:
        said = f"  {percent(known.loss)} of {known.sent} lost"
        if known.received:
            said += f", {milliseconds(known.last_ms)} last, {milliseconds(known.mean_ms)} avg"
        spans.append((said, "text"))
    how = f"  {facts.method.upper()}" + (f", flow {facts.flow}" if facts.flow else "")
    spans.append((how, "dim"))
    used = sum(cell_len(text) for text, _ in spans)
    if look.width - used >= 16:
        room = min(30, look.width - used - 2)
        runs = reversed(view.story.runs[:room])
        times = [LOST if seen.rtt_ms is None else seen.rtt_ms for seen in runs]
        spans += [("  ", "text"), *sparks(times, room, marks)]
    return Line(tuple(spans), "target", ObservationTarget(run))


def _window(runs: Sequence[Observation]) -> HopWindow | None:
    """What the target answered in these runs; None where nobody looked."""
    times = [seen.rtt_ms for seen in runs if seen.rtt_ms is not None]
    sent = len(runs)
    if not times:
        return HopWindow(sent=sent)
    return window_of("", sent, len(times), times)


def _basis(view: PathView, facts: TraceFacts) -> str:
    window = max((hop.window.sent for hop in facts.hops if hop.window), default=0)
    if window:
        return f"figures of the last {window} rounds; ms; enter: hosts behind"
    return f"figures of {len(view.story.runs)} stored traces; ms; enter: hosts behind"


def _known(hop: Hop, view: PathView) -> Hop:
    """A hop with the AS that is known of it otherwise: of its prefix, of the path."""
    if hop.asn is not None or not hop.address:
        return hop
    if view.network is not None and view.network.origin_asns and holds(view.network, hop):
        return structs.replace(hop, asn=view.network.origin_asns[0])
    for other in _remembered(view):
        if other.asn is not None and hop.address in other.addresses:
            return structs.replace(hop, asn=other.asn, as_name=other.as_name)
    return hop


def _remembered(view: PathView) -> tuple[PathHop, ...]:
    path = view.path
    return () if path is None else (*path.usual, *path.current, *path.before)


def _names(hops: Iterable[Hop | PathHop]) -> dict[int, str]:
    return {hop.asn: hop.as_name for hop in hops if hop.asn is not None and hop.as_name}


def _as_path(facts: TraceFacts, network: NetworkRow | None, look: Look) -> list[Line]:
    """The ASes of the way, each once in a row; the upstream and the border in words."""
    marks = look.marks
    pieces: list[Span] = []
    last: int | None = None
    inside = False
    for hop in facts.hops:
        if hop.asn is None or hop.asn == last:
            continue
        last = hop.asn
        name = f"AS{hop.asn} {hop.as_name}".rstrip()
        style = "text"
        if is_upstream(network, hop.asn):
            name, style = f"{name} (upstream)", "strong"
        if network is not None and not inside and hop.asn in network.origin_asns:
            inside = True
            pieces.append((f"| border of {network.name} |", "accent"))
        elif pieces:
            name = f"{marks.arrow} {name}"
        pieces.append((name, style))
    if not pieces:
        return [field("AS path", ("no AS is known of these hops", "dim"))]
    if not facts.reached:
        pieces.append((f"{marks.thick * 2} {marks.down} break", "break"))
    return flow("AS path", pieces, look.width)


def _differences(
    view: PathView, facts: TraceFacts, names: Mapping[int, str], look: Look
) -> list[Line]:
    """Against the usual path and against the trace before; the last change of the usual."""
    now = _as_hops(facts.hops, facts)
    path = view.path
    usual = path.usual if path is not None else ()
    titles = (" Against the usual path", "usual path", "this one")
    lines = diff_lines(titles, usual, now, names, look)
    before = view.story.before
    if before is not None and isinstance(before.facts, TraceFacts):
        old = _as_hops((_known(hop, view) for hop in before.facts.hops), before.facts)
        titles = (f" Against the trace before, {stamp(before.at)}", "trace before", "this one")
        lines += diff_lines(titles, old, now, names, look)
    if path is not None and path.changed_at and differs(path.before, usual):
        when = f" The usual path changed {stamp(path.changed_at)}: before, and since"
        lines += diff_lines((when, "path before", "since"), path.before, usual, names, look)
    return lines


def _as_hops(hops: Iterable[Hop], facts: TraceFacts) -> tuple[PathHop, ...]:
    """As paths are remembered: a router that refuses once more is no further hop, and
    neither is the silence behind a break.
    """
    found: list[PathHop] = []
    last = ""
    for hop in hops:
        if hop.address and hop.address == last and refuses(hop):
            continue
        last = hop.address
        arms = tuple(dict.fromkeys((hop.address, *hop.others))) if hop.address else ()
        found.append(PathHop(hop.ttl, arms, hop.asn, hop.as_name))
    while found and not facts.reached and not found[-1].addresses:
        found.pop()
    return tuple(found)


def _routes(view: PathView, look: Look, shown: Micros) -> list[Line]:
    if view.network is None or not view.network.prefixes:
        return []
    lines = route_chart(view.routes, view.history, look, tall=view.tall, shown=shown)
    if lines or view.routes:
        return lines
    said = "feed absent: nobody is asked how the prefixes are seen"
    return [Line(), heading(" Routes over time"), line((f" {said}", "unknown"))]


def _changes(changes: Sequence[Event], look: Look) -> list[Line]:
    """Path changes, newest first; enter opens one with the traces that showed it."""
    if not changes:
        return []
    lines = [Line(), heading(" Path changes", f"{len(changes)}, kept for ever; newest first")]
    for event in changes[:_CHANGES]:
        text = fit(event.text, max(20, look.width - 23), look.marks.more).rstrip()
        spans = ((f" {stamp(event.at)}", "dim"), (f" {text}", "text"))
        lines.append(Line(spans, f"event:{event.id}", EventTarget(event)))
    if len(changes) > _CHANGES:
        lines.append(line((f" and {len(changes) - _CHANGES} before", "dim")))
    return lines
