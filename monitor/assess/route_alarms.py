"""Who announces what they should not: odd origins and more specific prefixes.

An alarm is told when it is first seen, confirmed after 360 s, and ends when it has been away
as long; one that comes and goes in between is one alarm.
"""

from __future__ import annotations

from typing import Final

from monitor.assess.rules import Rules
from monitor.records import (
    AlarmKind,
    AlarmMemory,
    Event,
    EventKind,
    Micros,
    RouteAlarm,
    RouteMemory,
    RouteRow,
    RouteTable,
)

_KEPT: Final = 64
_SHOWN: Final = 16


def judge_alarms(
    now: Micros,
    row: RouteRow,
    memory: RouteMemory,
    table: RouteTable,
    *,
    expected: tuple[int, ...],
    rules: Rules,
) -> list[Event]:
    """The events of the alarms of one prefix; only for a live ``table``."""
    events: list[Event] = []
    mine = {_key(alarm): alarm for alarm in table.alarms if alarm.watched == row.prefix}
    row.alarms = tuple(mine.values())[:_SHOWN]
    for key, alarm in mine.items():
        known = memory.alarms.get(key)
        if known is None:
            if len(memory.alarms) >= _KEPT:
                continue
            known = memory.alarms[key] = AlarmMemory(since=now, peers=alarm.peers)
            events.append(_event(now, row, alarm, expected, known))
        known.gone = 0
        known.peers = max(known.peers, alarm.peers)
        if not known.hard and now - known.since >= rules.route_confirm:
            known.hard = True
            events.append(_event(now, row, alarm, expected, known))
    for key, known in list(memory.alarms.items()):
        if key in mine:
            continue
        known.gone = known.gone or now
        if now - known.gone >= rules.route_confirm:
            del memory.alarms[key]
            events.append(_ended(now, row, key, known))
    return events


def _key(alarm: RouteAlarm) -> str:
    return f"{alarm.kind} {alarm.prefix} {alarm.asn}"


def _event(
    now: Micros, row: RouteRow, alarm: RouteAlarm, expected: tuple[int, ...], known: AlarmMemory
) -> Event:
    who = f"AS{alarm.asn}" if alarm.asn else "nobody who can be read"
    if alarm.kind is AlarmKind.ORIGIN:
        usual = " ".join(f"AS{asn}" for asn in expected)
        text = f"{alarm.prefix} originated by {who}, expected {usual}"
    else:
        own = alarm.asn in expected
        text = f"{alarm.prefix}, more specific than {alarm.watched}, announced by {who}"
        text += ", its own origin" if own else ""
    text += f": {alarm.peers} of {row.peers} peers"
    if alarm.examples:
        text += f", by {alarm.examples[0]}"
    return Event(
        at=now,
        kind=EventKind.ROUTE,
        subject=f"network:{row.network}",
        text=text + ("; confirmed" if known.hard else "; provisional"),
        new=alarm.kind,
        hard=known.hard,
        rule=f"route-{alarm.kind}",
        since=known.since,
    )


def _ended(now: Micros, row: RouteRow, key: str, known: AlarmMemory) -> Event:
    kind, prefix, asn = key.split(" ")
    return Event(
        at=now,
        kind=EventKind.ROUTE,
        subject=f"network:{row.network}",
        text=f"{prefix} no longer announced by AS{asn}; at most {known.peers} peers saw it",
        old=kind,
        hard=known.hard,
        rule=f"route-{kind}",
        since=known.since,
        until=known.gone,
        quiet=not known.hard,
    )
