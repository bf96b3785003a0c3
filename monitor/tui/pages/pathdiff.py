"""Two paths side by side: what differs, hop by hop and AS by AS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from rich.cells import cell_len

from monitor.records import PathHop
from monitor.tui.lines import Line, Span, heading, line
from monitor.tui.pages.plot import joined
from monitor.tui.text import Look, fit

_SHOWN: Final = 12
# One address in both tells more than any number of silent hops, and at one TTL more still.
_SAME, _SILENT, _PLACE = 64, 2, 1


class Pair(NamedTuple):
    """A hop of the one path and its like in the other; None where it has none."""

    old: PathHop | None
    new: PathHop | None


def pairs(old: Sequence[PathHop], new: Sequence[PathHop]) -> list[Pair]:
    """Two paths aligned so that as many hops as can be stand beside their like.

    A silent hop may be any other; two different addresses never stand beside each other.
    """
    rows, columns = len(old), len(new)
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            alike = _alike(old[i], new[j])
            kept = alike + best[i + 1][j + 1] if alike else 0
            best[i][j] = max(kept, best[i + 1][j], best[i][j + 1])
    found: list[Pair] = []
    i = j = 0
    while i < rows and j < columns:
        alike = _alike(old[i], new[j])
        if alike and best[i][j] == alike + best[i + 1][j + 1]:
            found.append(Pair(old[i], new[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            found.append(Pair(old[i], None))
            i += 1
        else:
            found.append(Pair(None, new[j]))
            j += 1
    found += [Pair(hop, None) for hop in old[i:]]
    return found + [Pair(None, hop) for hop in new[j:]]


def _alike(old: PathHop, new: PathHop) -> int:
    """How much speaks for two hops being one; 0 where nothing may."""
    place = _PLACE if old.ttl == new.ttl else 0
    if not old.addresses or not new.addresses:
        return _SILENT + place
    return _SAME + place if set(old.addresses) & set(new.addresses) else 0


def as_path(hops: Sequence[PathHop]) -> tuple[int, ...]:
    """The ASes of a path in order, each once in a row; hops of no known AS are passed over."""
    found: list[int] = []
    for hop in hops:
        if hop.asn is not None and found[-1:] != [hop.asn]:
            found.append(hop.asn)
    return tuple(found)


def diff_lines(
    titles: tuple[str, str, str],
    old: Sequence[PathHop],
    new: Sequence[PathHop],
    names: Mapping[int, str],
    look: Look,
) -> list[Line]:
    """``titles`` are the heading and what the two paths are called; ``names`` of ASes."""
    title, whose, here = titles
    if not old:
        return [Line(), heading(title), line((f" no {whose} is known", "dim"))]
    found = pairs(old, new)
    odd = [pair for pair in found if _sign(pair)[0] != "="]
    same = sum(
        _sign(pair)[0] == "=" and bool(pair.new and pair.new.addresses) for pair in found
    )
    note = f"{same} hops the same" if same != 1 else "one hop the same"
    signs = Counter(_sign(pair)[0] for pair in odd)
    for sign, text in (
        ("-", f"only the {whose}"),
        ("+", f"only {here}"),
        ("?", "silent in one"),
    ):
        note += f", {signs[sign]} {sign} {text}" if signs[sign] else ""
    lines = [Line(), heading(title, note), *_by_as(old, new, names, look)]
    lines += [_pair_line(pair, names, look) for pair in odd[:_SHOWN]]
    if len(odd) > _SHOWN:
        lines.append(line((f"      and {len(odd) - _SHOWN} more hops", "dim")))
    return lines


def differs(old: Sequence[PathHop], new: Sequence[PathHop]) -> bool:
    """Whether another way is taken; silence contradicts nothing."""
    signs = {_sign(pair)[0] for pair in pairs(old, new)}
    return bool(signs & {"-", "+"}) or as_path(old) != as_path(new)


def _by_as(
    old: Sequence[PathHop], new: Sequence[PathHop], names: Mapping[int, str], look: Look
) -> list[Line]:
    before, after = as_path(old), as_path(new)
    if not before and not after:
        return [line((" by AS  ", "dim"), ("no AS is known of these hops", "dim"))]
    pieces: list[Span] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for verb, i, i_end, j, j_end in matcher.get_opcodes():
        if verb == "equal":
            pieces += [(f"AS{asn}", "text") for asn in before[i:i_end]]
        else:
            pieces += [(f"-AS{asn}", "down") for asn in before[i:i_end]]
            pieces += [(f"+AS{asn}", "up") for asn in after[j:j_end]]
    if before == after:
        pieces.append(("the same", "dim"))
    elif odd := [asn for asn in (*before, *after) if (asn in before) != (asn in after)]:
        told = [f"AS{asn} is {names[asn]}" for asn in dict.fromkeys(odd) if names.get(asn)]
        pieces += [(text, "dim") for text in told]
    return flow("by AS", pieces, look.width, gap="  ")


def flow(label: str, pieces: Sequence[Span], width: int, gap: str = " ") -> list[Line]:
    """A field whose pieces take as many lines as they need, none of them parted."""
    rows: list[list[Span]] = [[]]
    indent = len(label) + 3
    used = indent
    for text, style in pieces:
        if used + cell_len(text) > width and rows[-1]:
            rows.append([])
            used = indent
        rows[-1] += [(text, style), (gap, "text")]
        used += cell_len(text) + len(gap)
    return [
        line((f" {label}  " if at == 0 else " " * indent, "dim"), *joined(row))
        for at, row in enumerate(rows)
    ]


def _sign(pair: Pair) -> tuple[str, str]:
    """The sign of a pair and its style; ``=`` where nothing differs."""
    old, new = pair
    there, here = bool(old and old.addresses), bool(new and new.addresses)
    if old is None:
        return ("+", "up") if here else ("=", "dim")
    if new is None:
        return ("-", "down") if there else ("=", "dim")
    return ("=", "dim") if there == here else ("?", "unknown")


def _pair_line(pair: Pair, names: Mapping[int, str], look: Look) -> Line:
    sign, style = _sign(pair)
    hop = pair.new if pair.new and pair.new.addresses else pair.old
    assert hop is not None
    whose = ""
    if hop.asn is not None:
        whose = f"AS{hop.asn} {hop.as_name or names.get(hop.asn, '')}".rstrip()
    note = ""
    if sign == "?":
        note = "silent now" if hop is pair.old else "answers now"
    text = " ".join(hop.addresses[:3])
    room = max(12, look.width - 34)
    return line(
        (f"  {hop.ttl:>3} ", "dim"),
        (f"{sign} ", style),
        (fit(text, max(15, min(39, look.width // 3)), look.marks.more) + " ", "text"),
        (f"{note}  " if note else "", style),
        (fit(whose, min(cell_len(whose), room), look.marks.more), "dim"),
    )
