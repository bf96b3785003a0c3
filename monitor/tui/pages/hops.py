"""The hops of one trace as a table, as wide as there is room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec import structs
from rich.cells import cell_len

from monitor.records import (
    Hop,
    HopWindow,
    NetworkRow,
    Observation,
    PathRow,
    PathState,
    Reason,
    TraceFacts,
)
from monitor.tui.lines import HopTarget, Line, Span, line, wrap
from monitor.tui.pages.path import (
    after_break,
    break_lines,
    holds,
    last_answer,
    loop_line,
    rule,
)
from monitor.tui.pages.plot import joined
from monitor.tui.story import figures, hop_at
from monitor.tui.text import Look, Marks, clock, duration, fit, percent, right

_PLACE: Final = 6  # TTL and mark
_LOSS: Final = 7
_COUNTRY: Final = 4
_REPLY: Final = 5
_HEADS: Final = ("last", "avg", "best", "wrst", "dev", "jit")
# Said in a column of its own from so many cells on, else below the hop.
_REMARKS: Final = 24
# A loss that is one, and as many packets as make a hop behind it a witness.
_LIMITED: Final = 0.1
_ENOUGH: Final = 10
# Destination unreachable, by which a router refuses: RFC 792, RFC 4443.
_UNREACHABLE: Final = {False: 3, True: 1}
# The target of a UDP trace answers so, and is reached by it.
_PORT: Final = {False: 3, True: 4}


class Shape(NamedTuple):
    """Widths of the columns; 0 where one is left out."""

    address: int
    whose: int
    name: int
    number: int
    reply: int
    spark: int
    remarks: int


def shape_of(width: int, hops: Sequence[Hop]) -> Shape:
    """What fits beside TTL, mark, country, loss and times."""
    longest = max((cell_len(hop.address) for hop in hops), default=9)
    address = max(9, min(longest, 15 if width < 100 else 39))
    number = 5 if width < 96 else 6 if width < 150 else 7
    room = width - _PLACE - address - 1 - _COUNTRY - _LOSS - len(_HEADS) * number
    room, whose = room - 10, 10
    reply = _REPLY if room >= 12 else 0
    room -= reply
    more = min(18, room)
    room, whose = room - max(0, more), whose + max(0, more)
    named = max((cell_len(hop.name) for hop in hops), default=0)
    name = min(34, named + 2, room) if named and room >= 16 else 0
    room -= name
    spark = min(24, room - 2) if room >= 12 else 0
    room -= spark + 2 if spark else 0
    remarks = room - 2 if room - 2 >= _REMARKS else 0
    return Shape(address, whose, name, number, reply, spark, remarks)


class Way(NamedTuple):
    """A trace with all that is drawn beside it: ``runs`` newest first, itself the first."""

    run: Observation
    facts: TraceFacts
    runs: Sequence[Observation]
    network: NetworkRow | None
    path: PathRow | None


def with_figures(facts: TraceFacts, runs: Sequence[Observation]) -> TraceFacts:
    """Hops that bring no figures of their rounds get those of the stored traces, and are
    limited where a hop behind them clearly loses less.
    """
    if any(hop.window is not None for hop in facts.hops):
        return facts
    hops: list[Hop] = []
    least = 1.0
    for hop in reversed(facts.hops):
        known = figures(runs, hop.ttl, hop.address) if hop.address else None
        loss = known.loss if known is not None else None
        limited = loss is not None and loss >= _LIMITED and 3 * least <= loss
        if loss is not None and known is not None and known.sent >= _ENOUGH:
            least = min(least, loss)
        hops.append(structs.replace(hop, window=known, limited=hop.limited or limited))
    return structs.replace(facts, hops=tuple(reversed(hops)))


def hop_lines(way: Way, look: Look) -> list[Line]:
    """The table, with a line where the network begins and one where the path ends."""
    facts, network = way.facts, way.network
    if not facts.hops:
        return [line((" no hop on the way answered", "dim"))]
    shape = shape_of(look.width, facts.hops)
    lines = [_head(shape)]
    ends = last_answer(facts)
    inside = upstream = False
    silent = 0
    for place, hop in enumerate(facts.hops):
        if place > ends and not facts.reached:
            silent += 1
            continue
        if network is not None and not inside and holds(network, hop):
            inside = True
            lines.append(
                rule(f"border of {network.name}", look.width, look.marks.rule, "accent")
            )
        first = not upstream and is_upstream(network, hop.asn)
        upstream = upstream or first
        lines += _hop(hop, way, shape, look, ["upstream"] if first else [])
    if not facts.reached:
        lines += _end(way, facts.hops[ends] if ends >= 0 else None, silent, look)
    return lines


def is_upstream(network: NetworkRow | None, asn: int | None) -> bool:
    return network is not None and asn in network.upstream_asns


def _end(way: Way, last: Hop | None, silent: int, look: Look) -> list[Line]:
    """Where the path ends, since when, and what was said there."""
    known = way.path
    down = known is not None and known.state in (PathState.BROKEN, PathState.LOOP)
    if way.run.reason is Reason.PATH_LOOP:
        return [loop_line(way.facts, look)]
    when = ""
    if known is not None and down and known.since:
        when = f" since {clock(known.since)}, {duration(look.now - known.since)}"
    lines = break_lines(last, when, silent, look)
    lines += after_break(way.run, way.network, look.marks)
    if known is not None and down and known.why:
        lines += [line((f"    {text}", "text")) for text in wrap(known.why, look.width - 6)]
    return lines


def _head(shape: Shape) -> Line:
    text = f"  # {fit('', 2)}{fit('address', shape.address)} {fit('AS', shape.whose)}"
    text += fit("", _COUNTRY)
    text += right("loss", _LOSS) + "".join(right(head, shape.number) for head in _HEADS)
    text += right("rttl", shape.reply) if shape.reply else ""
    text += f"  {fit('RTT', shape.spark)}" if shape.spark else ""
    text += f"  {fit('name', shape.name - 2)}" if shape.name else ""
    return line((text, "dim"))


def _hop(hop: Hop, way: Way, shape: Shape, look: Look, said: list[str]) -> list[Line]:
    """One hop: its line, and what there is to say of it where that has no column."""
    marks = look.marks
    known = hop.window
    target = HopTarget(way.run.check, way.run.at, hop)
    key = f"hop:{hop.ttl}"
    said = said + remarks(hop, named=not shape.name)
    whose = f"AS{hop.asn} {hop.as_name}".rstrip() if hop.asn else ""
    mark, style = _mark(hop, known, marks)
    strong = "strong" if is_upstream(way.network, hop.asn) else "text"
    spans: list[Span] = [
        (f"{hop.ttl:>3} ", "dim"),
        (f"{mark} ", style),
        (fit(hop.address or "no answer", shape.address, marks.more) + " ", "text"),
        (fit(whose, shape.whose, marks.more) + " ", strong),
        (fit(hop.country, _COUNTRY - 1), "dim"),
        *_figures(hop, known, shape, marks),
    ]
    if shape.spark:
        spans += [("  ", "text"), *spark(way.runs, hop, shape.spark, marks)]
    if shape.name:
        spans.append((f"  {fit(hop.name, shape.name - 2, marks.more)}", "text"))
    text = "; ".join(said)
    if shape.remarks:
        spans.append((f"  {fit(text, shape.remarks, marks.more)}", "dim"))
        return [Line(tuple(spans), key, target)]
    more = wrap(text, look.width - 7) if text else []
    return [
        Line(tuple(spans), key, target),
        *(line((f"      {row}", "dim"), key=f"{key}:more", target=target) for row in more),
    ]


def _mark(hop: Hop, known: HopWindow | None, marks: Marks) -> Span:
    if not hop.address:
        return marks.unknown, "unknown"
    if refuses(hop):
        return marks.down, "down"
    if hop.limited or known is None or not known.loss:
        return marks.up, "up"
    return marks.degraded, "degraded"


def _figures(hop: Hop, known: HopWindow | None, shape: Shape, marks: Marks) -> list[Span]:
    """Loss, times in ms, and the TTL the answer came with."""
    loss = known.loss if known is not None else None
    # A router that limits its answers loses none of the packets that pass it.
    lost = "limits" if hop.limited else percent(loss, marks.none)
    spans: list[Span] = [
        (right(lost, _LOSS), "degraded" if loss and not hop.limited else "dim")
    ]
    times: list[float | None] = [None] * len(_HEADS)
    if known is not None and known.received:
        last = hop.rtt_ms if hop.rtt_ms is not None else known.last_ms
        times = [last, known.mean_ms, known.best_ms, known.worst_ms, known.stdev_ms]
        times.append(known.jitter_ms)
    elif hop.rtt_ms is not None:
        times[0] = hop.rtt_ms
    texts = [right(_ms(time, marks), shape.number) for time in times]
    spans += [(texts[0], "text"), ("".join(texts[1:]), "dim")]
    if shape.reply:
        reply = marks.none if hop.reply_ttl is None else str(hop.reply_ttl)
        spans.append((right(reply, shape.reply), "dim"))
    return spans


def _ms(value: float | None, marks: Marks) -> str:
    """At most four cells: ``0.41``, ``38.2``, ``1203``."""
    if value is None:
        return marks.none
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{min(value, 9999):.{digits}f}"


def refuses(hop: Hop) -> bool:
    """Whether a hop answers that it has no way on."""
    six = ":" in hop.address
    return hop.icmp_type == _UNREACHABLE[six] and hop.icmp_code != _PORT[six]


def remarks(hop: Hop, *, named: bool = True) -> list[str]:
    """What figures do not tell of a hop."""
    if not hop.address:
        return ["silent, hops behind it answer: filtered"]
    said = [hop.name] if named and hop.name else []
    if hop.limited:
        said.append("likely rate-limited: its loss does not go on behind it")
    arms = hop.window.arms if hop.window is not None else ()
    total = sum(count for _, count in arms) or 1
    said += [
        f"also {address} {percent(count / total)}"
        for address, count in arms
        if address != hop.address
    ]
    told = {address for address, _ in arms}
    said += [f"also {address}" for address in hop.others if address not in told]
    if hop.labels:
        said.append("MPLS " + " ".join(map(str, hop.labels)))
    if refuses(hop):
        said.append(f"refuses: ICMP type {hop.icmp_type} code {hop.icmp_code}")
    if not hop.sent:
        said.append("not asked this time, to spare it")
    return said


def spark(runs: Sequence[Observation], hop: Hop, width: int, marks: Marks) -> list[Span]:
    """The RTT of a hop run by run, newest last; a run it did not answer is a mark."""
    found = [hop_at(run, hop.ttl) for run in runs[:width]]
    return sparks([_sample(hop, other) for other in reversed(found)], width, marks)


LOST: Final = -1.0


def _sample(hop: Hop, other: Hop | None) -> float | None:
    """A time in ms; LOST for silence, None where another router stood there."""
    if not hop.address or other is None or other.address not in ("", hop.address):
        return None
    return other.rtt_ms if other.address and other.rtt_ms is not None else LOST


def sparks(times: Sequence[float | None], width: int, marks: Marks) -> list[Span]:
    """Times as bars of one line between the least and the most, padded at the left."""
    real = [time for time in times if time is not None and time != LOST]
    low, high = min(real, default=0.0), max(real, default=0.0)
    # Noise of a few percent is no mountain range.
    scale = max(high - low, 0.1 * high) or 1.0
    steps = len(marks.levels)
    signs: list[Span] = [(" " * (width - len(times)), "text")]
    for time in times:
        if time is None:
            signs.append((" ", "text"))
        elif time == LOST:
            signs.append((marks.down, "down"))
        else:
            level = min(steps - 1, int((time - low) / scale * (steps - 1) + 0.5))
            signs.append((marks.levels[level], "accent"))
    return joined(signs)
