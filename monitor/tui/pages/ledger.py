"""What people have said, as lines: on the pages of what it is about, and in full."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.cache.ledger import Said
from monitor.entries import Ack, EntryKind, Inference, Statement
from monitor.records import MINUTE, HostRow, NetworkRow
from monitor.report.said import WORDS, sentence
from monitor.tui.board import Board
from monitor.tui.lines import EntryTarget, Line, NetworkTarget, field, heading, line, wrap
from monitor.tui.text import Look, Marks, duration, fit, since, stamp

# Acknowledgements that run out are told of this long before.
RUNS_OUT = 30 * MINUTE
_SHOWN = 40


def mark_for(kind: EntryKind, marks: Marks) -> str:
    """The sign of a kind: what is claimed never looks like what is inferred or observed."""
    match kind:
        case EntryKind.CLAIM:
            return marks.claimed
        case EntryKind.INFERENCE:
            return marks.inferred
        case EntryKind.ACK:
            return marks.acked
        case EntryKind.MAINTENANCE:
            return marks.upkeep
        case _:
            return marks.noted


def titles_of(board: Board) -> dict[str, str]:
    """Titles of the explanations, by id."""
    return {each.id: each.title for row in board.networks.values() for each in row.explanations}


def said_line(said: Said, board: Board, look: Look, *, timed: str = "") -> Line:
    """``12-22 16:20Z “ claimed  ...`` in one line; enter shows all of it."""
    entry = said.latest
    when = timed or since(entry.at, look.now)
    over = said.ended is not None
    amended = f", amended {len(said.versions) - 1} times" if said.versions[1:] else ""
    end = " (withdrawn)" if over else ""
    head = f"{when} {mark_for(entry.kind, look.marks)} {WORDS[entry.kind]:<12} "
    who = f"  {entry.who}{amended}{end}"
    room = max(20, look.width - len(head) - len(who) - 1)
    text = sentence(entry.body, titles_of(board))
    style = "dim" if over else "text"
    return Line(
        (
            (f" {head}", "dim" if over else "accent"),
            (fit(text, room, look.marks.more), style),
            (who, "dim"),
        ),
        f"entry:{said.first.id}",
        EntryTarget(said.first.id),
    )


def said_lines(board: Board, subjects: Sequence[str], look: Look, event: int = 0) -> list[Line]:
    """What was said of a subject or an event; nothing where nothing was."""
    found = board.book.about(subjects, event)
    if not found:
        return []
    shown = found[-_SHOWN:][::-1]
    note = f"{len(found)}, newest first" if found[1:] else ""
    return [
        Line(),
        heading(" Said at the desk", note),
        *(said_line(one, board, look) for one in shown),
    ]


def cause_lines(
    board: Board, subjects: Sequence[str], look: Look, event: int = 0
) -> list[Line]:
    """The cause: undetermined, unless a claim or an inference of somebody stands."""
    found = board.book.causes(subjects, event)
    if not found:
        return [line((" cause: ", "label"), ("undetermined", "strong"))]
    lines = [line((" cause: ", "label"), ("not observed; what people say of it:", "strong"))]
    for one in found[::-1]:
        kind = one.latest.kind
        text = f"{WORDS[kind]}: {sentence(one.latest.body, titles_of(board))}"
        rows = wrap(text, max(20, look.width - 8))
        mark = mark_for(kind, look.marks)
        target = EntryTarget(one.first.id)
        key = f"cause:{one.first.id}"
        lines.append(Line(((f"   {mark} {rows[0]}", "text"),), key, target))
        lines += [line((f"     {more}", "text")) for more in rows[1:]]
    return lines


def entry_page(said: Said, board: Board, look: Look) -> list[Line]:
    """Everything of an entry, with what amended and ended it."""
    latest = said.latest
    lines = [
        line(
            (f" {mark_for(latest.kind, look.marks)} {WORDS[latest.kind]}", "accent"),
            (f"  {board.name_of(latest.subject)}", "strong"),
        )
    ]
    if isinstance(latest.body, Statement | Inference):
        other = "an analyst" if isinstance(latest.body, Inference) else "somebody"
        lines.append(line((f"   said by {other}; observed by nobody here", "dim")))
    for number, entry in enumerate(said.versions):
        title = " amended" if number else " written"
        lines += [Line(), heading(f"{title} {stamp(entry.at)}", f"by {entry.who}")]
        rows = wrap(sentence(entry.body, titles_of(board)), max(20, look.width - 4))
        lines += [line((f"   {row}", "text")) for row in rows]
    if said.ended is not None:
        text = sentence(said.ended.body)
        lines += [Line(), heading(f" ended {stamp(said.ended.at)}", f"by {said.ended.who}")]
        lines += [line((f"   {row}", "text")) for row in wrap(text, max(20, look.width - 4))]
    lines += [Line(), field("about", (latest.subject, "text"))]
    if latest.event:
        lines.append(field("event", (str(latest.event), "text")))
    keys = {EntryKind.NOTE: "n", EntryKind.CLAIM: "c", EntryKind.INFERENCE: "i"}
    amend = f"{keys[latest.kind]} amends it, " if latest.kind in keys else ""
    lines.append(line((f" {amend}X ends it; what stands here is never changed", "dim")))
    return lines


def said_mark(row: HostRow, board: Board, marks: Marks) -> str:
    """The sign before a host's name: under maintenance, else acknowledged."""
    subject = f"host:{row.id}"
    if board.maintained(subject):
        return f"{marks.upkeep} "
    return f"{marks.acked} " if board.acked(subject) else ""


def said_reason(row: HostRow, board: Board) -> str:
    """The same in words, where there is room for a reason."""
    subject = f"host:{row.id}"
    held = board.maintained(subject)
    if held is not None:
        return _upkeep(held.now.until if held.now else 0)
    entry = board.acked(subject)
    if entry is None or not isinstance(entry.body, Ack):
        return ""
    return f"acked by {entry.who}; {entry.body.text}".rstrip("; ")


def _upkeep(until: int) -> str:
    return f"maintenance until {stamp(until)[5:16]}Z" if until else "maintenance"


def said_parts(row: NetworkRow, board: Board, marks: Marks) -> tuple[str, str]:
    """The same on a network's line of the strip: the sign, and the words for it."""
    subject = f"network:{row.id}"
    held, entry = board.maintained(subject), board.acked(subject)
    if held is not None:
        return marks.upkeep, "maintenance"
    return (marks.acked, f"acked {entry.who}") if entry is not None else ("", "")


def shift_lines(board: Board, width: int, marks: Marks, now: int) -> list[Line]:
    """Acknowledgements that run out soon."""
    lines: list[Line] = []
    for entry in board.book.running_out(now + RUNS_OUT):
        assert isinstance(entry.body, Ack)
        left = duration(entry.body.expires - now)
        text = f"{marks.acked} {board.name_of(entry.subject)}: acknowledged by {entry.who}"
        said = f" {text}, runs out in {left} "
        kind, _, name = entry.subject.partition(":")
        target = NetworkTarget(name) if kind == "network" else None
        shown = fit(said, min(width, len(said)))
        lines.append(Line(((shown, "accent"),), f"ack:{entry.id}", target))
    return lines
