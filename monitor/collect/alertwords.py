"""What is told, in words: a title of one line, and a body that says it all again.

Each message stands for itself: one that comes late, or instead of others that never came,
says since when, and how long it lasted.  Pure.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from monitor.collect.alerts import Incident, Said, Telling, Trouble
from monitor.records import DAY, HOUR, MINUTE, SECOND, Micros, clean_text

_LISTED: Final = 20
_TITLE: Final = 200
_MARKS: Final = {Said.OVER: "✔"}


def span_text(span: Micros) -> str:
    """``45 s``, ``6 min 40 s``, ``9 h 31 min``, ``2 d 3 h``."""
    units = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))
    for (size, word), (below, small) in pairwise(units):
        if span >= size:
            rest = span % size // below
            return f"{span // size} {word}" + (f" {rest} {small}" if rest else "")
    return f"{max(0, span) // SECOND} s"


def _clock(at: Micros) -> str:
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%d %H:%M:%S}Z"


def title(telling: Telling) -> str:
    """One line: what, and since when or how long."""
    incident, said = telling.incident, telling.said
    if said is Said.OVER:
        text = _over(incident)
    else:
        open_ = incident.open
        first = min(each.since for each in open_)
        text = _what(open_)
        if said is Said.REMINDER:
            text = f"still {text}, for {span_text(telling.at - first)}"
        else:
            text += f" since {_clock(min(each.turned for each in open_))}"
    return clean_text(f"{_MARKS.get(said, '✖')} {text}", _TITLE)


def _what(troubles: list[Trouble]) -> str:
    """``North Korea LOST``, or ``North Korea LOST; 14 hosts DOWN``: the worst first."""
    worst = max(troubles, key=lambda each: (each.rank, -each.since))
    alone = [each for each in troubles if each.key == worst.key]
    if len(troubles) == 1 or not worst.key.startswith("host:"):
        rest = len(troubles) - len(alone)
        return f"{worst.name} {_word(worst)}" + (f" and {rest} more" if rest else "")
    words = sorted({_word(each) for each in troubles})
    return f"{len(troubles)} hosts {' or '.join(words)}: {_names(troubles)}"


def _word(trouble: Trouble) -> str:
    """What it is; of what is over, the worst that it was told to be."""
    return trouble.worst if trouble.ended else trouble.word


def _names(troubles: list[Trouble]) -> str:
    names = ", ".join(each.name for each in troubles[:3])
    return names + (f" and {len(troubles) - 3} more" if len(troubles) > 3 else "")


def _over(incident: Incident) -> str:
    ended, still = incident.ended, incident.open
    first = min(each.since for each in ended)
    last = max(each.ended for each in ended)
    text = f"over: {_what(ended)}, lasted {span_text(last - first)}"
    if still:
        text += f"; {len(still)} of {len(ended) + len(still)} still"
    return text


def body(telling: Telling, drill: str = "") -> str:
    """Every trouble on a line of its own, and whose message this is."""
    incident = telling.incident
    lines = [f"DRILL, SYNTHETIC DATA ({drill})"] if drill else []
    troubles = [*incident.open, *incident.ended]
    lines += [_line(each, telling.at) for each in troubles[:_LISTED]]
    if len(troubles) > _LISTED:
        lines.append(f"… and {len(troubles) - _LISTED} more")
    lines.append(f"written {_clock(telling.at)} by rule {telling.rule.id}, id {telling.id}")
    return "\n".join(lines)


def _line(trouble: Trouble, now: Micros) -> str:
    since = f"since {_clock(trouble.since)}"
    if trouble.ended:
        lasted = span_text(trouble.ended - trouble.since)
        text = f"✔ {trouble.name}: was {_word(trouble)} {since}, until {_clock(trouble.ended)}"
        text += f" ({lasted}); now {trouble.left}"
    else:
        text = f"✖ {trouble.word} {trouble.name} {since} ({span_text(now - trouble.since)})"
        if trouble.turned != trouble.since:
            text += f", {trouble.word} since {_clock(trouble.turned)}"
        text += f": {trouble.why}" if trouble.why else ""
    return clean_text(text, _TITLE)


def marked(text: str, drill: str) -> str:
    """A title, with what is made up named so before anything else."""
    return f"SYNTHETIC, drill {drill}: {text}" if drill else text
