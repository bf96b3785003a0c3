"""What people type into the forms of the desk, turned into entries.  No Textual in here.

Every function raises ValueError with one sentence for the person who typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import tzinfo
from typing import Final

import msgspec

from monitor.entries import (
    LIKELIHOODS,
    WEEKDAYS,
    Ack,
    Body,
    End,
    Inference,
    Likelihood,
    Maintenance,
    Note,
    Statement,
    Weekly,
)
from monitor.records import DAY, HOUR, MINUTE, Explanation, Micros
from monitor.tui.text import stamp
from monitor.tui.then import parse_moment

Zones = Mapping[str, tzinfo | None]
Values = Mapping[str, str]
Choices = tuple[tuple[str, str], ...]
_SPAN: Final = re.compile(
    r"(?:(\d{1,4})\s*d)?\s*(?:(\d{1,4})\s*h)?\s*(?:(\d{1,5})\s*m(?:in)?)?"
)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_FAR: Final = 2**53
END: Final = "end"
OTHER: Final = ""
LIKELIHOOD_CHOICES: Final[Choices] = tuple(
    (word.value, f"{word} / {facts.other}, {facts.low}-{facts.high} %")
    for word, facts in LIKELIHOODS.items()
)


class Field(msgspec.Struct, frozen=True):
    """A line of a form; with ``choices`` (value, what is shown) one of these."""

    name: str
    label: str
    hint: str = ""
    value: str = ""
    choices: Choices = ()


def span_of(text: str) -> Micros:
    """``90m``, ``8h``, ``1d 6h``."""
    found = _SPAN.fullmatch(text.strip().casefold())
    if found is None or not any(found.groups()):
        raise ValueError(f"{text.strip()!r} is no span of time; write it like 90m, 8h or 2d")
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return days * DAY + hours * HOUR + minutes * MINUTE


def ahead_of(text: str, now: Micros, zones: Zones) -> Micros:
    """A moment to come: a span from now, or a time or date; a time alone is the next such."""
    try:
        return now + span_of(text)
    except ValueError:
        found = parse_moment(text, now, _FAR, zones)
    if found <= now:
        found = parse_moment(text, now + DAY, _FAR, zones)
    if found <= now:
        raise ValueError(f"{text.strip()!r} is over already")
    return found


def ack_fields(state: str, *, held: bool) -> tuple[Field, ...]:
    until = (
        ("change", "until it changes"),
        ("sticky", "sticky: until it recovers"),
        *([(END, "take the acknowledgement back")] if held else []),
    )
    return (
        Field("until", f"{state} is known", choices=until),
        Field("expires", "at most", "8h, or 18:00; empty: no expiry"),
        Field("text", "comment", "what is known of it, who is on it"),
    )


def ack_of(values: Values, state: str, now: Micros, zones: Zones) -> Body:
    if values["until"] == END:
        return End(values["text"])
    expires = ahead_of(values["expires"], now, zones) if values["expires"].strip() else 0
    return Ack(state, values["until"] == "sticky", expires, values["text"])


def note_fields(before: Note | None = None) -> tuple[Field, ...]:
    return (Field("text", "note", "one line", before.text if before else ""),)


def note_of(values: Values) -> Note:
    return Note(values["text"])


def maintenance_fields(zone: str, *, held: bool) -> tuple[Field, ...]:
    when = (
        ("once", "once"),
        ("weekly", "every week"),
        *([(END, "end the maintenance that is set")] if held else []),
    )
    return (
        Field("when", "when", choices=when),
        Field("since", "from", "now, 22:00 or 2014-12-23 02:00; every week: 22:00", "now"),
        Field("span", "for", "90m, 8h, 2d", "1h"),
        Field("days", "on", "every week only: Mon Wed, or daily", "daily"),
        Field("zone", "wall clock of", "every week only", zone or "UTC"),
        Field("text", "what for", "who announced it, where"),
    )


def maintenance_of(values: Values, now: Micros, zones: Zones) -> Body:
    if values["when"] == END:
        return End(values["text"])
    span = span_of(values["span"])
    begins = values["since"].strip()
    if values["when"] == "once":
        since = now if begins in ("", "now") else _begin(begins, now, zones)
        return Maintenance(since, since + span, text=values["text"])
    found = _CLOCK.fullmatch(begins)
    if found is None:
        raise ValueError(f"every week it begins at a time like 22:00, not at {begins!r}")
    start = int(found.group(1)) * 60 + int(found.group(2))
    weekly = Weekly(_days(values["days"]), start, span // MINUTE, values["zone"].strip())
    return Maintenance(now, weekly=weekly, text=values["text"])


def _begin(text: str, now: Micros, zones: Zones) -> Micros:
    """A time alone is the next such; a date may lie in the past: work that has begun."""
    if _DAY.match(text):
        return parse_moment(text, now, _FAR, zones)
    return ahead_of(text, now, zones)


def _days(text: str) -> tuple[int, ...]:
    words = text.replace(",", " ").casefold().split()
    if words in (["daily"], ["every", "day"]):
        return tuple(range(7))
    known = {name.casefold(): at for at, name in enumerate(WEEKDAYS)}
    days = {known.get(word[:3], -1) for word in words}
    if not days or -1 in days:
        raise ValueError(f"{text.strip()!r} names no weekdays; write Mon Wed, or daily")
    return tuple(sorted(days))


def claim_fields(before: Statement | None = None) -> tuple[Field, ...]:
    said = "" if before is None or not before.said else stamp(before.said)
    if before is not None and before.day:
        said = said[:10]
    return (
        Field("source", "who says it", "a person, a ministry, an operator",
              before.source if before else ""),
        Field("where", "where", "paper, agency, feed", before.where if before else ""),
        Field("said", "when", "2014-12-22 or 2014-12-22 18:30; empty: not known", said),
        Field("link", "link", "where to read it", before.link if before else ""),
        Field("text", "what is said", "in their words", before.text if before else ""),
    )  # fmt: skip


def claim_of(values: Values, now: Micros, zones: Zones) -> Statement:
    written = values["said"].strip()
    said = parse_moment(written, now, now, zones) if written else 0
    if said > now:
        raise ValueError("what will be said later cannot be claimed yet")
    day = bool(_DAY.fullmatch(written))
    return Statement(
        values["source"], values["text"], values["where"], said, day, values["link"]
    )


def inference_fields(
    who: str, explanations: tuple[Explanation, ...], before: Inference | None = None
) -> tuple[Field, ...]:
    what = (*((each.id, each.title) for each in explanations), (OTHER, "something else"))
    chosen = before.explanation if before else what[0][0]
    word = before.likelihood if before else Likelihood.ROUGHLY_EVEN
    return (
        Field("explanation", "what", choices=what, value=chosen),
        Field("text", "in words", "needed for something else", before.text if before else ""),
        Field("likelihood", "how likely", choices=LIKELIHOOD_CHOICES, value=word),
        Field("reasons", "because", "what it rests on", before.reasons if before else ""),
        Field("analyst", "analyst", "who concludes it", before.analyst if before else who),
    )


def inference_of(values: Values) -> Inference:
    return Inference(
        values["analyst"],
        Likelihood(values["likelihood"]),
        values["reasons"],
        values["explanation"],
        values["text"],
    )
