"""The page of one observation: every raw fact, and the record itself."""

from __future__ import annotations

import msgspec

from monitor.records import (
    REASONS,
    DnsFacts,
    HttpFacts,
    IcmpFacts,
    Micros,
    Observation,
    Phases,
    Reason,
    TcpFacts,
    TlsFacts,
    TraceFacts,
)
from monitor.tui.board import Board
from monitor.tui.lines import Line, field, heading, line, wrap
from monitor.tui.pages.event import outcome_style
from monitor.tui.pages.path import trace_lines
from monitor.tui.text import Look, Marks, duration, fit, milliseconds, right, stamp


def observation_page(run: Observation, board: Board, look: Look) -> list[Line]:
    width, marks, now = look.width, look.marks, look.now
    said = REASONS[run.reason]
    head = f" {run.outcome}" + (f": {said.text}" if said.text else "")
    lines = [line((head, outcome_style(run)), (f"  {run.check}", "strong")), Line()]
    lines.append(field("started", (stamp(run.at), "text"), _ago(run.at, now)))
    lines.append(field("took", (f"{run.took_ms:.1f} ms", "text")))
    if run.reason != Reason.NONE:
        lines.append(
            field("reason", (f"{run.reason}", "text"), (f"  layer {said.layer}", "dim"))
        )
    lines.append(field("rtt", (milliseconds(run.rtt_ms, marks.none), "text")))
    lines.append(field("answered", (f"{run.received} of {run.sent}", "text")))
    for label, value in (("asked", run.address), ("said by", run.said_by), ("note", run.note)):
        if value:
            lines.append(field(label, (value, "text")))
    lines.append(field("vantage", (run.vantage, "text")))
    if run.stalled:
        lines.append(field("caution", ("taken while our own loop stood still", "degraded")))
    lines += _facts(run, board, look)
    lines += [Line(), heading(" Record", "as it is kept, in JSON")]
    text = msgspec.json.format(msgspec.json.encode(run), indent=2).decode()
    for row in text.splitlines():
        indent = len(row) - len(row.lstrip())
        pieces = wrap(row.lstrip(), max(20, width - indent - 2))
        lines += [line((" " * (indent + 1) + piece, "dim")) for piece in pieces]
    return lines


def _ago(at: Micros, now: Micros) -> tuple[str, str]:
    return (f"  {duration(now - at)} ago", "dim")


def _facts(run: Observation, board: Board, look: Look) -> list[Line]:
    width, marks = look.width, look.marks
    match run.facts:
        case IcmpFacts() as facts:
            return _icmp(facts, marks)
        case TcpFacts() as facts:
            lines = [Line(), heading(" TCP", f"port {facts.port}")]
            phases = (("connect", facts.connect_ms), ("kernel rtt", facts.kernel_rtt_ms))
            lines += _bars([*phases, ("tls", facts.tls_ms)], width, marks)
            return lines + _tls(facts.tls, run.at)
        case DnsFacts() as facts:
            return _dns(facts, width, marks)
        case HttpFacts() as facts:
            return _http(facts, run, width, marks)
        case TraceFacts() as facts:
            host = board.hosts.get(run.check.partition("/")[0])
            network = board.network_of(host) if host else None
            note = f"{facts.method}, {facts.rounds} rounds"
            hops = trace_lines(run, facts, network, look)
            return [Line(), heading(" Hops", note), *hops]
        case None:
            return []


def _icmp(facts: IcmpFacts, marks: Marks) -> list[Line]:
    rtts = ", ".join(milliseconds(rtt, "no answer") for rtt in facts.rtts_ms)
    lines = [Line(), heading(" ICMP"), field("echoes", (rtts or marks.none, "text"))]
    if facts.duplicates:
        lines.append(field("duplicates", (str(facts.duplicates), "text")))
    if facts.reply_ttl is not None:
        lines.append(field("reply TTL", (str(facts.reply_ttl), "text")))
    if facts.icmp_type is not None:
        lines.append(field("error", (f"type {facts.icmp_type} code {facts.icmp_code}", "text")))
    lines.append(field("socket", (facts.socket, "dim")))
    return lines


def _dns(facts: DnsFacts, width: int, marks: Marks) -> list[Line]:
    lines = [Line(), heading(" DNS", f"{facts.query} at {facts.server}, {facts.transport}")]
    lines.append(field("code", (facts.rcode or marks.none, "text")))
    lines.append(field("flags", (" ".join(facts.flags) or marks.none, "text")))
    answers = [row for text in facts.answers for row in wrap(text, max(20, width - 16))]
    for at, answer in enumerate(answers):
        lines.append(field("" if at else "answers", (answer, "text")))
    if not facts.answers:
        lines.append(field("answers", ("none", "dim")))
    if facts.serial is not None:
        lines.append(field("serial", (str(facts.serial), "text")))
    for label, value in (("NSID", facts.nsid), ("extended", facts.ede)):
        if value:
            lines.append(field(label, (value, "text")))
    lines.append(field("size", (f"{facts.size} bytes, {facts.lost} tries lost", "dim")))
    return lines


def _http(facts: HttpFacts, run: Observation, width: int, marks: Marks) -> list[Line]:
    status = str(facts.status) if facts.status is not None else "no status"
    lines = [Line(), heading(" HTTP", facts.url)]
    lines.append(field("status", (f"{status} {facts.version}".rstrip(), "text")))
    lines += _bars(_phases(facts.phases), width, marks)
    texts = (
        ("title", facts.title),
        ("server", facts.server),
        ("type", facts.content_type),
        ("expected", facts.expected),
    )
    for label, value in texts:
        if value:
            lines.append(field(label, (value, "text")))
    for at, target in enumerate(facts.redirects):
        lines.append(field("redirects" if at == 0 else "", (target, "text")))
    lines.append(field("size", (f"{facts.size} bytes", "dim")))
    return lines + _tls(facts.tls, run.at)


def _phases(phases: Phases) -> list[tuple[str, float | None]]:
    names = (("name", phases.dns), ("connect", phases.connect), ("tls", phases.tls))
    return [*names, ("first byte", phases.first_byte), ("total", phases.total)]


def _bars(phases: list[tuple[str, float | None]], width: int, marks: Marks) -> list[Line]:
    """Each phase with a bar in proportion to the longest; what was not reached says so."""
    longest = max((took for _, took in phases if took is not None), default=0.0)
    room = min(40, max(8, width - 28))
    lines = []
    for label, took in phases:
        if took is None:
            lines.append(field(label, (right("not reached", 11), "dim")))
            continue
        size = max(1, round(took / longest * room)) if longest > 0 else 1
        lines.append(
            field(
                label,
                (right(milliseconds(took), 11), "text"),
                (f"  {marks.bar * size}", "accent"),
            )
        )
    return lines


def _tls(facts: TlsFacts | None, at: Micros) -> list[Line]:
    """The certificate as the server presented it, verified or not."""
    if facts is None:
        return []
    lines = [Line(), heading(" Certificate", f"{facts.version} {facts.cipher}".strip())]
    if facts.problem != Reason.NONE:
        text = REASONS[facts.problem].text
        lines.append(field("problem", (f"{text}  {facts.problem_text}".rstrip(), "down")))
    for label, value in (("subject", facts.subject), ("issuer", facts.issuer)):
        if value:
            lines.append(field(label, (value, "text")))
    if facts.names:
        lines.append(field("names", (", ".join(facts.names), "text")))
    if facts.not_after:
        left = facts.not_after - at
        when = f"{duration(left)} left" if left > 0 else f"{duration(-left)} over"
        span = f"{fit(stamp(facts.not_before), 20)} to {stamp(facts.not_after)}"
        lines.append(field("valid", (span, "text"), (f"  {when} at that time", "dim")))
    if facts.fingerprint:
        lines.append(field("SHA-256", (facts.fingerprint, "dim")))
    return lines
