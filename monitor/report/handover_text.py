"""The shift report as people read it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from monitor.entries import EntryKind
from monitor.report.handover import Change, Handover, HostChanges, Spoken, Trouble
from monitor.report.said import WORDS, stamp


def as_text(found: Handover) -> str:
    """The report as people read it; times are UTC."""
    until = stamp(found.until)
    lines = [f"Handover of {found.watchlist}, {stamp(found.since)} to {until}, by {found.who}"]
    lines += _section("Open", _open_lines(found.troubles))
    lines += _section("Changes", [_change_line(one) for one in found.changes])
    lines += _section("Hosts that changed", _host_lines(found.hosts))
    lines += _section("Acknowledged", [_spoken_line(one) for one in found.acks])
    lines += _section("Running out", [_spoken_line(one) for one in found.running_out])
    lines += _section("Maintenance", [_spoken_line(one) for one in found.maintenance])
    for kind, title in (
        (EntryKind.CLAIM, "Claimed by others (observed by nobody here)"),
        (EntryKind.INFERENCE, "Inferred by analysts"),
        (EntryKind.NOTE, "Notes"),
    ):
        of_kind = [one for one in found.said if one.kind == WORDS[kind]]
        lines += _section(title, [_spoken_line(one) for one in of_kind])
    gaps = [f"{stamp(one.since)} to {stamp(one.until)}: {one.why}" for one in found.gaps]
    lines += _section("Gaps: nothing is known of these", gaps)
    lines += _section("Our own side", found.own)
    lines += _section("To watch", found.next)
    return "\n".join(lines)


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {text}" for text in lines or ["none"])]


def _open_lines(troubles: Sequence[Trouble]) -> list[str]:
    """Networks one by one; hosts of one state that fell together in one line."""
    lines: list[str] = []
    alike: dict[tuple[str, str, str], list[Trouble]] = defaultdict(list)
    for one in troubles:
        mark = f", acked by {one.acked}" if one.acked else ""
        mark += ", under maintenance" if one.maintenance else ""
        if one.subject.startswith("network:"):
            why = f": {one.why}" if one.why else ""
            lines.append(f"{one.state:<11} {one.name} since {stamp(one.since)}{mark}{why}")
        else:
            alike[(one.state, stamp(one.since)[:16], mark)].append(one)
    for (state, since, mark), hosts in alike.items():
        names = ", ".join(one.name for one in hosts)
        lines.append(f"{state:<11} {names} since {since}Z{mark}")
    return lines


def _change_line(one: Change) -> str:
    turn = f"{one.old} -> {one.new}: " if one.old and one.new else ""
    return f"{stamp(one.at)} {one.name}: {turn}{one.text}"


def _host_lines(hosts: Sequence[HostChanges]) -> list[str]:
    return [
        f"{one.name}: {one.count} change{'s' if one.count > 1 else ''}, now {one.now} since"
        f" {stamp(one.since)}{', flapping' if one.flapping else ''}"
        for one in hosts
    ]


def _spoken_line(one: Spoken) -> str:
    over = " (withdrawn)" if one.withdrawn else ""
    return f"{stamp(one.at)} {one.about}: {one.text} [{one.who}]{over}"
