"""What ``watchdesk path`` prints: a path hop by hop, and where it breaks."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.records import (
    REASONS,
    SECOND,
    Hop,
    HopWindow,
    Micros,
    Observation,
    Outcome,
    PathHop,
    PathRow,
    PathState,
    TraceFacts,
)
from monitor.report.look import EXIT_CRITICAL, EXIT_OK, EXIT_UNKNOWN, EXIT_WARNING

SCHEMA: Final = 1
_LOSSY: Final = 0.2
_FIGURES: Final = ("loss", "sent", "last", "avg", "best", "worst", "stdev")
_CSV: Final = (
    *(
        "ttl",
        "address",
        "name",
        "asn",
        "as_name",
        "sent",
        "received",
        "loss",
        "last_ms",
        "avg_ms",
    ),
    *("best_ms", "worst_ms", "stdev_ms", "jitter_ms", "limited", "reply_ttl", "icmp_type"),
    *("icmp_code", "labels", "others"),
)


class PathReport(msgspec.Struct):
    """One path walked for ``rounds`` rounds from ``begun`` on: the last round, which carries
    the figures of all, and what they amount to.
    """

    host: str
    begun: Micros
    rounds: int
    last: Observation
    path: PathRow


def exit_code(report: PathReport) -> int:
    """0 reached, 1 reached with loss of a fifth or more, 2 not reached, 3 could not look."""
    facts = report.last.facts
    if not isinstance(facts, TraceFacts) or report.last.outcome is Outcome.ERROR:
        return EXIT_UNKNOWN
    if not facts.reached:
        return EXIT_CRITICAL
    loss = facts.target.loss if facts.target else None
    return EXIT_WARNING if loss is not None and loss >= _LOSSY else EXIT_OK


def as_json(report: PathReport) -> str:
    """The last round with the figures of all, and the path as judged; ``schema`` 1."""
    path = msgspec.structs.replace(report.path, memory=None)
    facts = report.last.facts
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "host": report.host,
        "begun": report.begun,
        "rounds": report.rounds,
        "reached": isinstance(facts, TraceFacts) and facts.reached,
        "sentence": sentence(report),
        "hops": [_named(row) for row in _rows(report)],
        "path": path,
        "last": report.last,
        "exit": exit_code(report),
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()


def as_csv(report: PathReport) -> str:
    """One line a hop under a heading; empty where nothing is known."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _CSV, lineterminator="\n")
    writer.writeheader()
    for row in _rows(report):
        named = _named(row)
        lists = {name: " ".join(map(str, named[name])) for name in ("labels", "others")}
        writer.writerow({**named, **lists})
    return out.getvalue().rstrip("\n")


def print_report(report: PathReport, console: Console) -> None:
    """A table as ``mtr --report`` has it, then the break in a sentence."""
    last = report.last
    facts = last.facts
    if isinstance(facts, TraceFacts):
        head = f"{report.host} {last.address} by {facts.method}, "
        head += f"{report.rounds} {'round' if report.rounds == 1 else 'rounds'}"
        console.print(Text(f"{head} from {_utc(report.begun)}"))
        table = Table(box=None, pad_edge=False)
        called = any(hop.name for hop in facts.hops)
        for heading in ("hop", "address", *(("name",) if called else ()), "AS", *_FIGURES, ""):
            right = heading in ("hop", *_FIGURES)
            table.add_column(
                heading, justify="right" if right else "left", no_wrap=bool(heading)
            )
        for hop, known, window in _rows(report):
            hop_cell, address, name, *rest = _cells(hop, known, window)
            names = (name,) if called else ()
            table.add_row(*map(Text, (hop_cell, address, *names, *rest)))
        console.print(table)
    console.print(Text(sentence(report)), soft_wrap=True)


def sentence(report: PathReport) -> str:
    """What the rounds amount to: reached, where the path breaks, or why nobody looked."""
    last, path = report.last, report.path
    facts = last.facts
    if not isinstance(facts, TraceFacts):
        text = f"no path: {REASONS[last.reason].text or last.outcome}"
        return f"{text}: {last.note}" if last.note else text
    if facts.reached:
        return _reached(facts)
    text = path.why if path.state in (PathState.BROKEN, PathState.LOOP) else ""
    if text:
        text += f", since {_utc(path.since)}"
    text = text or last.note or REASONS[last.reason].text
    target = facts.target
    if target is not None:
        text += f"; {target.sent - target.received} of {target.sent} to the host lost"
    return text


def _reached(facts: TraceFacts) -> str:
    text = f"reached in {len(facts.hops)} hops"
    target = facts.target
    if target is not None:
        text += f", {target.sent - target.received} of {target.sent} lost"
    limited = sum(hop.limited for hop in facts.hops)
    if limited:
        who = "one hop" if limited == 1 else f"{limited} hops"
        text += f"; {who} likely only limited in how often it answers"
    return text


def _utc(at: Micros) -> str:
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%d %H:%M:%S}Z"


Line = tuple[Hop, PathHop | None, HopWindow | None]


def _rows(report: PathReport) -> list[Line]:
    """The hops of the last round with what is known of them."""
    facts = report.last.facts
    if not isinstance(facts, TraceFacts):
        return []
    known = {hop.ttl: hop for hop in report.path.current}
    return [(hop, known.get(hop.ttl), hop.window) for hop in facts.hops]


def _address(hop: Hop, window: HopWindow | None) -> str:
    return hop.address or (window.address if window else "")


def _named(row: Line) -> dict[str, Any]:
    hop, known, window = row
    figures = window or HopWindow(sent=hop.sent)
    answered = figures.received > 0
    return {
        "ttl": hop.ttl,
        "address": _address(hop, window),
        "name": hop.name,
        "asn": known.asn if known else hop.asn,
        "as_name": known.as_name if known else hop.as_name,
        "sent": figures.sent,
        "received": figures.received,
        "loss": figures.loss,
        "last_ms": figures.last_ms if answered else None,
        "avg_ms": figures.mean_ms if answered else None,
        "best_ms": figures.best_ms if answered else None,
        "worst_ms": figures.worst_ms if answered else None,
        "stdev_ms": figures.stdev_ms if answered else None,
        "jitter_ms": figures.jitter_ms if answered else None,
        "limited": hop.limited,
        "reply_ttl": hop.reply_ttl,
        "icmp_type": hop.icmp_type,
        "icmp_code": hop.icmp_code,
        "labels": hop.labels,
        "others": tuple(arm for arm, _ in figures.arms if arm != _address(hop, window)),
    }


def _cells(hop: Hop, known: PathHop | None, window: HopWindow | None) -> list[str]:
    """The cells of a line; times in ms, loss in percent."""
    asn, name = (known.asn, known.as_name) if known else (hop.asn, hop.as_name)
    whose = f"AS{asn} {name}".rstrip() if asn else name
    figures = window or HopWindow(sent=hop.sent)
    loss = "" if figures.loss is None else f"{figures.loss * 100:.1f} %"
    address = _address(hop, window) or "no answer"
    cells = [str(hop.ttl), address, hop.name, whose, loss, str(figures.sent)]
    if figures.received:
        times = (
            *(figures.last_ms, figures.mean_ms, figures.best_ms, figures.worst_ms),
            figures.stdev_ms,
        )
        cells += [f"{time:.1f}" if time >= 10 else f"{time:.2f}" for time in times]
    else:
        cells += [""] * 5
    return [*cells, _remarks(hop, window)]


def _remarks(hop: Hop, window: HopWindow | None) -> str:
    said = ["likely rate-limited"] if hop.limited else []
    if hop.labels:
        said.append("MPLS " + " ".join(map(str, hop.labels)))
    if window is not None and window.arms:
        said += [f"also {arm}" for arm, _ in window.arms if arm != _address(hop, window)]
    return "; ".join(said)
