"""The timeline of a report: what happened to the network, and what people said, in order.

What happened to the network itself has a line each; what happened to its hosts and paths
between two of these is summed up in one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from monitor.cache.ledger import Said
from monitor.entries import EntryKind, Inference, Seen, Statement
from monitor.records import Event, EventKind, Micros, PathState
from monitor.report import said as words
from monitor.report.situation import Line, Source, Voice
from monitor.report.situation_scene import Scene

_OURS: Final = frozenset(
    {EventKind.VANTAGE, EventKind.GAP, EventKind.COLLECTOR, EventKind.WATCHLIST}
)
_OF_HOSTS: Final = frozenset({EventKind.TRANSITION, EventKind.FLAPPING})
_SOURCES: Final = {
    EntryKind.CLAIM: Source.CLAIMED,
    EntryKind.INFERENCE: Source.INFERRED,
}
_NAMED: Final = 3


def timeline(scene: Scene, ledger: Sequence[Voice]) -> tuple[Line, ...]:
    """Every line of the span, oldest first; what was said stands where it was said."""
    lines = list(_observed(scene))
    for voice in ledger:
        if scene.since <= voice.at < scene.until:
            text = f"{voice.text} (recorded by {voice.who})"
            lines.append(
                Line(voice.at, voice.at, voice.source, voice.kind, text, entry=voice.id)
            )
    return tuple(sorted(lines, key=lambda line: line.at))


def _observed(scene: Scene) -> Iterator[Line]:
    waiting: list[Event] = []
    for event in scene.events:
        if not event.hard or (event.quiet and event.subject != scene.subject):
            continue
        if _is_chief(scene, event):
            yield from _summed(scene, waiting)
            waiting = []
            yield _line(event)
        elif scene.host_of(event.subject) is not None:
            waiting.append(event)
    yield from _summed(scene, waiting)


def _is_chief(scene: Scene, event: Event) -> bool:
    return (
        event.subject == scene.subject
        or event.kind in _OURS
        or (event.kind is EventKind.HOSTING and scene.host_of(event.subject) is not None)
    )


def _line(event: Event) -> Line:
    turn = f"{event.old} → {event.new}: " if event.old and event.new else ""
    text = f"{turn}{event.text}"
    if event.kind is EventKind.GAP:
        text = f"nothing is known until {words.stamp(event.until)}: {event.text}"
    elif event.since and event.since < event.at and turn:
        text += f" (first signs {_clock(event.since)})"
    at = event.since if event.kind is EventKind.GAP else event.at
    return Line(
        at, at, Source.OBSERVED, event.kind, text, True, count=1, first=event.id, last=event.id
    )


def _clock(at: Micros) -> str:
    return words.stamp(at)[11:]


def _summed(scene: Scene, events: Sequence[Event]) -> Iterator[Line]:
    """One line for the hosts inside, one for those outside, one for the paths."""
    inside: list[Event] = []
    outside: list[Event] = []
    paths: list[Event] = []
    for event in events:
        host = scene.host_of(event.subject)
        if event.kind is EventKind.PATH:
            paths.append(event)
        elif event.kind in _OF_HOSTS and host is not None and event.subject[0] == "h":
            (inside if scene.inside(host) else outside).append(event)
    for group, where in ((inside, "inside"), (outside, "outside")):
        if group:
            yield _together(group, "hosts", _hosts_text(scene, group, where))
    if paths:
        yield _together(paths, "path", _paths_text(scene, paths))


def _together(group: Sequence[Event], what: str, text: str) -> Line:
    first, last = group[0], group[-1]
    return Line(
        first.at,
        last.at,
        Source.OBSERVED,
        what,
        text,
        count=len(group),
        first=first.id,
        last=last.id,
    )


def _hosts_text(scene: Scene, group: Sequence[Event], where: str) -> str:
    """``41 changes of state at 18 hosts inside; at the end 15 UNREACHABLE, 3 UP``."""
    last: dict[str, str] = {}
    changes = flaps = steady = 0
    for event in group:
        if event.kind is EventKind.TRANSITION:
            changes += 1
            last[event.subject] = event.new
        elif event.new == "flapping":
            flaps += 1
        else:
            steady += 1
    clauses: list[str] = []
    if changes:
        hosts = f"{len(last)} host{'s' if len(last) > 1 else ''} {where}"
        if len(last) <= _NAMED:
            hosts = f"{_names(scene, last)} ({where})"
        times = f"{changes} changes of state" if changes > 1 else "one change of state"
        clauses = [f"{times} at {hosts}", f"at the end {_tally(last.values())}"]
    clauses += [f"{flaps} began to come and go"] if flaps else []
    clauses += [f"{steady} ceased to come and go"] if steady else []
    if not changes:
        clauses[0] = f"of the hosts {where} {clauses[0]}"
    return "; ".join(clauses)


def _tally(states: Iterable[str]) -> str:
    counted: dict[str, int] = {}
    for state in states:
        counted[state] = counted.get(state, 0) + 1
    return ", ".join(
        f"{count} {state}"
        for state, count in sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    )


def _names(scene: Scene, subjects: Iterable[str]) -> str:
    found = (scene.host_of(subject) for subject in subjects)
    return ", ".join(dict.fromkeys(host.name for host in found if host is not None))


def _paths_text(scene: Scene, group: Sequence[Event]) -> str:
    broke = sum(event.new in (PathState.BROKEN, PathState.LOOP) for event in group)
    whole = sum(event.new == PathState.WHOLE for event in group)
    named = _names(scene, (event.subject for event in group))
    if len(group) == 1:
        return f"to {named}: {group[0].text}"
    clauses = [f"broke {_times(broke)}"] if broke else []
    clauses += [f"whole again {_times(whole)}"] if whole else []
    other = len(group) - broke - whole
    clauses += [f"changed {_times(other)}"] if other else []
    return f"to {named}: {', '.join(clauses)}; the last: {group[-1].text}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def voices(said: Iterable[Said], titles: Mapping[str, str]) -> tuple[Voice, ...]:
    """Entries in words, oldest first, each as its newest version has it."""
    return tuple(_voice(one, titles) for one in said if not isinstance(one.latest.body, Seen))


def _voice(one: Said, titles: Mapping[str, str]) -> Voice:
    latest = one.latest
    ended = ""
    if one.ended is not None:
        why = words.sentence(one.ended.body)
        ended = f"{why} ({one.ended.who}, {words.stamp(one.ended.at)})"
    return Voice(
        one.first.id,
        one.first.at,
        _SOURCES.get(latest.kind, Source.SAID),
        latest.kind,
        latest.who,
        latest.subject,
        words.sentence(latest.body, titles),
        len(one.versions),
        ended,
        latest.event,
    )


def standing(said: Iterable[Said]) -> list[Said]:
    """Claims and inferences that were not withdrawn."""
    return [
        one
        for one in said
        if one.ended is None and isinstance(one.latest.body, Statement | Inference)
    ]
