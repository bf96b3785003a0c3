"""The way into a network before, during and after, by hop and by AS."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.records import EventKind, Micros, PathHop, PathRow, PathState
from monitor.report.situation import Hop, PathPicture, Way
from monitor.report.situation_scene import Scene

_BROKEN = frozenset({PathState.BROKEN, PathState.LOOP})


def path_picture(scene: Scene, worst: Micros | None) -> PathPicture | None:
    """The path that broke most often towards a host inside; None where none is traced.

    ``worst`` is a moment in the middle of the trouble, None where there was none.
    """
    inside = [row for row in scene.paths if scene.inside(scene.hosts[row.host])]
    if not inside:
        return None
    breaks = {row.check: 0 for row in inside}
    by_host = {f"host:{row.host}": row.check for row in inside}
    for event in scene.events:
        if event.kind is EventKind.PATH and event.hard and event.new in _BROKEN:
            check = by_host.get(event.subject)
            if check is not None:
                breaks[check] += 1
    chosen = max(inside, key=lambda row: (breaks[row.check], bool(row.usual), row.check))
    ways = [_way("usual", scene.since, _then(scene, chosen, scene.since) or chosen, usual=True)]
    if worst is not None and worst < scene.until:
        then = _then(scene, chosen, worst)
        ways += [_way("during", worst, then)] if then is not None else []
    ways.append(_way("at the end", scene.until, chosen))
    host = scene.hosts[chosen.host]
    count = breaks[chosen.check]
    return PathPicture(chosen.check, chosen.host, host.name, count, tuple(ways))


def _then(scene: Scene, row: PathRow, at: Micros) -> PathRow | None:
    found = scene.reader.row_at(f"path:{row.check}", at)
    return found if isinstance(found, PathRow) and (found.usual or found.current) else None


def _way(title: str, at: Micros, row: PathRow, *, usual: bool = False) -> Way:
    hops = row.usual if usual and row.usual else row.current
    return Way(
        title=title,
        at=at,
        state="" if usual else row.state,
        hops=tuple(map(_hop, hops)),
        asns=tuple(_in_order(hops)),
        why="" if usual or row.state not in _BROKEN else row.why,
    )


def _hop(hop: PathHop) -> Hop:
    return Hop(hop.ttl, hop.addresses, hop.asn, hop.as_name)


def _in_order(hops: Iterable[PathHop]) -> Iterable[int]:
    last = None
    for hop in hops:
        if hop.asn is not None and hop.asn != last:
            last = hop.asn
            yield hop.asn
