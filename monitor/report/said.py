"""Entries of the ledger in words: the same on the desk, in the handover and in reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

from monitor.cache.ledger import fold
from monitor.cache.reader import Reader
from monitor.entries import (
    LATEST,
    LIKELIHOODS,
    WEEKDAYS,
    Ack,
    Body,
    End,
    EntryKind,
    Inference,
    Maintenance,
    Note,
    Statement,
    Weekly,
)
from monitor.records import MINUTE, SECOND, Micros, NetworkRow

# What a line of a timeline says of where it comes from.
WORDS: Final[dict[EntryKind, str]] = {
    EntryKind.NOTE: "noted",
    EntryKind.ACK: "acked",
    EntryKind.MAINTENANCE: "maintenance",
    EntryKind.CLAIM: "claimed",
    EntryKind.INFERENCE: "inferred",
    EntryKind.SEEN: "seen",
    EntryKind.END: "ended",
}
OBSERVED: Final = "observed"


def sentence(body: Body, titles: Mapping[str, str] | None = None) -> str:
    """What an entry says, in one sentence; ``titles`` are those of explanations, by id."""
    match body:
        case Note(text):
            return text
        case Ack():
            return _ack(body)
        case Maintenance():
            return _maintenance(body)
        case Statement():
            return _statement(body)
        case Inference():
            return _inference(body, titles or {})
        case End(text):
            return text or "holds no longer"
        case _:
            return f"has seen the events up to {body.newest}"


def recorded(reader: Reader, row: NetworkRow, at: Micros | None) -> list[str]:
    """Claims and inferences of a network that stand, each with its kind; raises CacheError."""
    entries = reader.entries(until=at)
    book = fold(entries, (), max((one.at for one in entries), default=0))
    titles = {each.id: each.title for each in row.explanations}
    latest = [one.latest for one in book.causes((f"network:{row.id}",))]
    return [f"{WORDS[one.kind]}: {sentence(one.body, titles)}" for one in latest]


def _ack(body: Ack) -> str:
    until = "until it recovers" if body.sticky else "until it changes"
    expires = f", at most until {stamp(body.expires)}" if body.expires else ""
    said = f": {body.text}" if body.text else ""
    return f"{body.state} is known, {until}{expires}{said}"


def _maintenance(body: Maintenance) -> str:
    said = f": {body.text}" if body.text else ""
    if body.weekly is None:
        return f"{stamp(body.since)} to {stamp(body.until)}{said}"
    ends = f", until {stamp(body.until)}" if body.until else ""
    return f"{weekly_said(body.weekly)}{ends}{said}"


def weekly_said(weekly: Weekly) -> str:
    """``Mon Wed 22:00 Asia/Pyongyang for 2h00m``."""
    days = "daily" if len(weekly.days) == 7 else " ".join(WEEKDAYS[day] for day in weekly.days)
    begins = f"{weekly.start // 60:02d}:{weekly.start % 60:02d}"
    hours, minutes = divmod(weekly.minutes, 60)
    length = f"{hours}h{minutes:02d}m" if hours else f"{minutes}m"
    return f"{days} {begins} {weekly.timezone} for {length}"


def _statement(body: Statement) -> str:
    """Who said it comes first: a claim is never told as a fact."""
    when = said_when(body)
    source = ", ".join(part for part in (body.where, when) if part)
    link = f" <{body.link}>" if body.link else ""
    return (
        f"{body.source} ({source}): {body.text}{link}"
        if source
        else (f"{body.source}: {body.text}{link}")
    )


def said_when(body: Statement) -> str:
    """When a claim was made, as far as that is known."""
    if not body.said:
        return ""
    return stamp(body.said)[:10] if body.day else stamp(body.said)


def _inference(body: Inference, titles: Mapping[str, str]) -> str:
    facts = LIKELIHOODS[body.likelihood]
    what = titles.get(body.explanation, body.explanation)
    what = "; ".join(part for part in (what, body.text) if part)
    return (
        f"{body.analyst}: {body.likelihood} ({facts.low}-{facts.high} %): {what};"
        f" because {body.reasons}"
    )


def stamp(at: Micros) -> str:
    """``2014-12-22 16:15Z``, with seconds where there are any."""
    found = dt.datetime.fromtimestamp(min(max(at, 0), LATEST) // SECOND, tz=dt.UTC)
    return f"{found:%Y-%m-%d %H:%M}Z" if at % MINUTE < SECOND else f"{found:%Y-%m-%d %H:%M:%S}Z"
