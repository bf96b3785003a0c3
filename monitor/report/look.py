"""What ``watchdesk check`` prints: a table for people, JSON for programs, an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.records import (
    CheckRow,
    HostRow,
    NetworkRow,
    Observation,
    State,
    TraceFacts,
    Vantage,
    VantageRow,
)

# As monitoring plugins do (Monitoring Plugins Development Guidelines, "Plugin Return Codes").
EXIT_OK: Final = 0
EXIT_WARNING: Final = 1
EXIT_CRITICAL: Final = 2
EXIT_UNKNOWN: Final = 3

SCHEMA: Final = 1
_STYLE: Final = {
    State.UP: "green",
    State.DEGRADED: "yellow",
    State.DOWN: "bold red",
    State.UNREACHABLE: "magenta",
    State.UNKNOWN: "dim",
}


class LookReport(msgspec.Struct):
    """One look at a watchlist, rows in file order."""

    watchlist: str
    vantage: VantageRow
    networks: Sequence[NetworkRow]
    hosts: Sequence[HostRow]
    checks: Sequence[CheckRow]


def exit_code(report: LookReport) -> int:
    """0 all UP, 1 some DEGRADED, 2 some DOWN or UNREACHABLE, 3 nothing can be said.

    Controls tell about ourselves and never raise an alarm by themselves.
    """
    states = {host.state for host in report.hosts if host.role == "host" and not host.historic}
    if report.vantage.health is Vantage.FAULT:
        return EXIT_UNKNOWN
    if states & {State.DOWN, State.UNREACHABLE}:
        return EXIT_CRITICAL
    if State.DEGRADED in states:
        return EXIT_WARNING
    if State.UNKNOWN in states or (not states and report.vantage.known == 0):
        return EXIT_UNKNOWN
    return EXIT_OK


def as_json(report: LookReport) -> str:
    """The whole look with the raw facts of every check, one JSON object, ``schema`` 1."""
    last = {row.id: row.last for row in report.checks}
    hosts = []
    for host in report.hosts:
        row: dict[str, Any] = {
            "id": host.id,
            "name": host.name,
            "role": host.role,
            "address": host.address,
            "affiliation": host.affiliation,
            "network": host.network,
            "historic": host.historic,
            "state": host.state,
            "why": host.why,
            "rtt_ms": host.rtt_ms,
            "loss": host.loss,
            "checks": [_raw(check, last.get(check)) for check in host.checks],
        }
        hosts.append(row)
    found = {
        "schema": SCHEMA,
        "watchlist": report.watchlist,
        "vantage": _whole(report.vantage),
        "networks": [_whole(network, leave=("memory",)) for network in report.networks],
        "hosts": hosts,
        "exit": exit_code(report),
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()


def _whole(row: msgspec.Struct, leave: tuple[str, ...] = ()) -> dict[str, Any]:
    """Every field of a row, those with their default too: programs rely on them."""
    return {
        name: msgspec.to_builtins(getattr(row, name))
        for name in row.__struct_fields__
        if name not in leave
    }


def _raw(check: str, seen: Observation | None) -> dict[str, Any]:
    if seen is None:
        return {"check": check, "outcome": "not run"}
    raw: dict[str, Any] = msgspec.to_builtins(seen)
    raw.setdefault("reason", seen.reason)
    return raw


def print_table(report: LookReport, console: Console) -> None:
    """One line a host, then the vantage and each network in a sentence."""
    table = Table(box=None, pad_edge=False)
    for heading in ("state", "host", "address", "rtt", "loss", "path", "why"):
        right = heading in ("rtt", "loss")
        table.add_column(
            heading, justify="right" if right else "left", no_wrap=heading != "why"
        )
    last = {row.id: row.last for row in report.checks}
    for host in report.hosts:
        if host.historic:
            continue
        rtt = "" if host.rtt_ms is None else f"{host.rtt_ms:.1f} ms"
        loss = "" if host.loss is None else f"{host.loss:.0%}"
        table.add_row(
            Text(host.state, style=_STYLE[host.state]),
            Text(host.id),
            Text(host.address),
            Text(rtt),
            Text(loss),
            Text(_path(last.get(host.trace))),
            Text(host.why),
        )
    console.print(table)
    console.print(Text(vantage_line(report.vantage)))
    for network in report.networks:
        console.print(Text(network_line(network)))


def _path(seen: Observation | None) -> str:
    if seen is None or not isinstance(seen.facts, TraceFacts):
        return ""
    answering = [hop for hop in seen.facts.hops if hop.address]
    if seen.facts.reached:
        return f"{len(seen.facts.hops)} hops"
    return f"ends at {answering[-1].address}" if answering else "no hop answers"


def vantage_line(row: VantageRow) -> str:
    """One sentence on whether what was seen from here can be trusted."""
    if row.health is Vantage.FAULT:
        return f"own vantage FAULT: {row.why}; nothing can be said of the hosts from here"
    return f"own vantage: {row.why}"


def network_line(row: NetworkRow) -> str:
    """One sentence on a network: counts, never a bare percentage."""
    if row.inside_total == 0:
        return f"{row.name}: no host inside is watched"
    line = f"{row.name}: {row.inside_up} of {row.inside_total} inside answer"
    unknown = row.inside_total - row.inside_known
    if unknown:
        line += f", {unknown} unknown"
    if row.outside_total:
        line += f"; hosted outside {row.outside_up} of {row.outside_total}"
    return line
