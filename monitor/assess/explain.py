"""Possible causes beside the evidence: ranked by fewest inconsistencies, never decided.

Analysis of Competing Hypotheses (Heuer, Psychology of Intelligence Analysis, chapter 8):
every explanation is held against every sign; one is set back by what speaks against it and
not put forward by what fits it, and evidence that fits them all tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from monitor.assess.picture import Picture
from monitor.assess.signs import ALL, SIGNS, Cause, Sign
from monitor.records import Explanation

UNDETERMINED: Final = "undetermined"

# InetIntel/internet_outages: what investigators wrote as the cause, where they wrote any.
BASE_RATES: Final = (
    "Of 707 investigated outages with a cause filled in, 463 stayed unknown; 166 were "
    "ordered by a government or for exams, 40 were cable cuts, 15 power, 1 a DDoS "
    "(InetIntel/internet_outages). This says how often, not which: it counts for none."
)

# A new explanation is one entry here, and its signs in signs.py.
TITLES: Final[dict[Cause, str]] = {
    Cause.DELIBERATE: "deliberate withdrawal or shutdown",
    Cause.LINK: "loss of link, power or router",
    Cause.OVERLOAD: "overload or DDoS",
    Cause.POWER: "failing power or equipment",
    Cause.CABLE: "cable cut",
    Cause.UPSTREAM: "upstream cut-off or its link",
    Cause.FILTERING: "filtering or internal fault with routes announced",
    Cause.DNS: "DNS fault or targeted attack on DNS",
    Cause.SERVER: "server fault",
    Cause.MOVE: "hosting move",
    Cause.ELSEWHERE: "hosting fault elsewhere",
    Cause.OUTLETS: "attack on all outlets",
    Cause.MIDDLEBOX: "middlebox or filtering on the way",
    Cause.OWN: "our own line",
}


def is_diagnostic(sign: Sign) -> bool:
    """Whether a sign tells explanations apart: what fits every one of them does not."""
    return sign.consistent != ALL


def explain(picture: Picture, signs: Iterable[Sign] = SIGNS) -> list[Explanation]:
    """Every explanation with its evidence, best first; none while nothing calls for one.

    Ranked by fewest inconsistent signs, then most consistent diagnostic ones; what is
    equal in both shares its rank and stands in the order of Cause.
    """
    found = [(sign, sign.test(picture)) for sign in signs]
    if not any(seen and sign.consistent for sign, seen in found):
        return []
    matrix = [_column(cause, found) for cause in Cause]
    matrix.sort(key=_weight)
    ranked: list[Explanation] = []
    for place, column in enumerate(matrix, 1):
        same = bool(ranked) and _weight(ranked[-1]) == _weight(column)
        rank = ranked[-1].rank if same else place
        ranked.append(msgspec.structs.replace(column, rank=rank))
    return ranked


def _weight(column: Explanation) -> tuple[int, int]:
    return len(column.inconsistent), -len(column.consistent)


def _column(cause: Cause, found: list[tuple[Sign, bool | None]]) -> Explanation:
    seen = [sign for sign, is_so in found if is_so]
    told = [sign for sign in seen if is_diagnostic(sign)]
    unseen = [sign for sign, is_so in found if is_so is None and is_diagnostic(sign)]
    return Explanation(
        id=cause,
        title=TITLES[cause],
        consistent=_texts(sign for sign in told if cause in sign.consistent),
        inconsistent=_texts(sign for sign in told if cause in sign.weakens),
        missing=_texts(sign for sign in unseen if cause in sign.consistent | sign.weakens),
        neutral=_texts(sign for sign in seen if not is_diagnostic(sign)),
    )


def _texts(signs: Iterable[Sign]) -> tuple[str, ...]:
    return tuple(sign.text for sign in signs)
