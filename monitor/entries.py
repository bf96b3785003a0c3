"""What people say at the desk: the records of the ledger.

Nothing that is said is ever edited: an entry may amend or end an earlier one that it
*refers* to, and both stay.  Times are ``Micros``.  What was observed stands in events, what
somebody else said in a :class:`Statement`, what one of us concludes in an
:class:`Inference`: three kinds that are never mixed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from monitor.records import DAY, MINUTE, SECOND, Micros, clean_text

MAX_SAID: Final = 2_000
LONGEST_WINDOW: Final = 7 * DAY
# Ends of a one-off maintenance and of an acknowledgement lie at most this far ahead.
FARTHEST: Final = 3_660 * DAY
# In the year 9987: what a calendar can still add to.
LATEST: Final = 253_000_000_000 * SECOND
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class EntryKind(StrEnum):
    """Kinds of entries, as people read them."""

    NOTE = "note"
    ACK = "ack"
    MAINTENANCE = "maintenance"
    CLAIM = "claim"
    INFERENCE = "inference"
    SEEN = "seen"
    END = "end"


class Likelihood(StrEnum):
    """Words of estimative probability of ICD 203 (2 January 2015), D.6.e(2)(a).

    Chosen by a person from this list, never by the program, and never in one sentence with
    a level of confidence.
    """

    ALMOST_NO_CHANCE = "almost no chance"
    VERY_UNLIKELY = "very unlikely"
    UNLIKELY = "unlikely"
    ROUGHLY_EVEN = "roughly even chance"
    LIKELY = "likely"
    VERY_LIKELY = "very likely"
    ALMOST_CERTAIN = "almost certain"


class LikelihoodFacts(msgspec.Struct, frozen=True, gc=False):
    """The range of a word in percent, and the other word that ICD 203 has for it."""

    low: int
    high: int
    other: str


LIKELIHOODS: Final[dict[Likelihood, LikelihoodFacts]] = {
    Likelihood.ALMOST_NO_CHANCE: LikelihoodFacts(1, 5, "remote"),
    Likelihood.VERY_UNLIKELY: LikelihoodFacts(5, 20, "highly improbable"),
    Likelihood.UNLIKELY: LikelihoodFacts(20, 45, "improbable"),
    Likelihood.ROUGHLY_EVEN: LikelihoodFacts(45, 55, "roughly even odds"),
    Likelihood.LIKELY: LikelihoodFacts(55, 80, "probable"),
    Likelihood.VERY_LIKELY: LikelihoodFacts(80, 95, "highly probable"),
    Likelihood.ALMOST_CERTAIN: LikelihoodFacts(95, 99, "nearly certain"),
}


class Note(msgspec.Struct, frozen=True, omit_defaults=True, tag="note"):
    """A remark on anything."""

    text: str

    def __post_init__(self) -> None:
        _needs(self.text, "a note needs words")


class Ack(msgspec.Struct, frozen=True, omit_defaults=True, tag="ack"):
    """Somebody knows of ``state``, which is the state, phase or health then shown.

    A ``sticky`` one holds until recovery, another until the subject changes; either no
    longer than until ``expires`` (0: no expiry).
    """

    state: str
    sticky: bool = False
    expires: Micros = 0
    text: str = ""

    def __post_init__(self) -> None:
        _in_calendar(self.expires)


class Weekly(msgspec.Struct, frozen=True):
    """On ``days`` (0 is Monday) from ``start`` minutes after midnight on the wall clock of
    ``timezone``, for ``minutes`` that pass.

    A wall time that a change of the clock leaves out begins as much later as was left out;
    one that comes twice is its first (PEP 495, fold 0).
    """

    days: tuple[int, ...]
    start: int
    minutes: int
    timezone: str

    def __post_init__(self) -> None:
        if not self.days or not set(self.days) <= set(range(7)):
            raise ValueError("a weekly maintenance needs weekdays")
        if not 0 <= self.start < DAY // MINUTE:
            raise ValueError("a weekly maintenance begins between 00:00 and 23:59")
        if not 0 < self.minutes <= LONGEST_WINDOW // MINUTE:
            raise ValueError("a weekly maintenance lasts from a minute to seven days")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"there is no timezone {self.timezone!r}") from error


class Maintenance(msgspec.Struct, frozen=True, omit_defaults=True, tag="maintenance"):
    """Work on the subject is announced: from ``since`` to ``until``, or ``weekly`` within
    these (``until`` 0: until it is ended).
    """

    since: Micros
    until: Micros = 0
    weekly: Weekly | None = None
    text: str = ""

    def __post_init__(self) -> None:
        _in_calendar(self.since, self.until)
        if self.weekly is None and not self.since < self.until <= self.since + FARTHEST:
            raise ValueError("a maintenance must end after it begins, and within ten years")
        if self.until and self.until <= self.since:
            raise ValueError("a maintenance must end after it begins")


class Statement(msgspec.Struct, frozen=True, omit_defaults=True, tag="claim"):
    """What somebody said: ``source`` is who, ``where`` the place it was published, ``said``
    when (0: not known; ``day`` that only the day, in UTC, is known), ``link`` where to read it.
    """

    source: str
    text: str
    where: str = ""
    said: Micros = 0
    day: bool = False
    link: str = ""

    def __post_init__(self) -> None:
        _in_calendar(self.said)
        _needs(self.source, "a claim needs its source: who said it")
        _needs(self.text, "a claim needs what was said")


class Inference(msgspec.Struct, frozen=True, omit_defaults=True, tag="inference"):
    """What ``analyst`` concludes, with ``likelihood`` and reasons.

    ``explanation`` is the id of one of the explanations of the network (''; none of them,
    and ``text`` says what).
    """

    analyst: str
    likelihood: Likelihood
    reasons: str
    explanation: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        _needs(self.analyst, "an inference needs its analyst")
        _needs(self.reasons, "an inference needs its reasons")
        _needs(self.explanation or self.text, "an inference needs what is inferred")


class Seen(msgspec.Struct, frozen=True, omit_defaults=True, tag="seen"):
    """Up to where somebody has seen the events: the id of the newest."""

    newest: int


class End(msgspec.Struct, frozen=True, omit_defaults=True, tag="end"):
    """The entry that this one refers to holds no longer: an acknowledgement is taken back, a
    maintenance is over early, a claim, an inference or a note is withdrawn.
    """

    text: str = ""


Body = Note | Ack | Maintenance | Statement | Inference | Seen | End
KIND_OF: Final[dict[type[Any], EntryKind]] = {
    Note: EntryKind.NOTE,
    Ack: EntryKind.ACK,
    Maintenance: EntryKind.MAINTENANCE,
    Statement: EntryKind.CLAIM,
    Inference: EntryKind.INFERENCE,
    Seen: EntryKind.SEEN,
    End: EntryKind.END,
}


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the ledger; ``id`` is given by the cache, and tells the order.

    ``subject`` is ``host:ID``, ``check:ID``, ``network:ID``, ``vantage:NAME`` or ``desk``;
    ``event`` is the id of the event it is about (0: none), ``refers`` the id of the earlier
    entry that it amends or ends (0: none).
    """

    id: int
    at: Micros
    who: str
    subject: str
    body: Body
    event: int = 0
    refers: int = 0

    @property
    def kind(self) -> EntryKind:
        return KIND_OF[type(self.body)]


B = TypeVar("B", bound=msgspec.Struct)


def cleaned(body: B) -> B:
    """A body with every text made harmless; raises ValueError when one is too long."""
    changes: dict[str, str] = {}
    for field in body.__struct_fields__:
        value = getattr(body, field)
        if type(value) is str:
            if len(value) > MAX_SAID:
                raise ValueError(f"that is longer than {MAX_SAID} characters")
            changes[field] = clean_text(value.strip(), MAX_SAID)
    return msgspec.structs.replace(body, **changes)


def _in_calendar(*times: Micros) -> None:
    if not all(0 <= at <= LATEST for at in times):
        raise ValueError("a time must lie between the years 1970 and 9987")


def _needs(text: str, otherwise: str) -> None:
    if not text.strip():
        raise ValueError(otherwise)


_DECODER: Final = msgspec.msgpack.Decoder(Body)


def decode_body(blob: bytes) -> Body:
    """The body of an entry; raises msgspec.DecodeError when the blob is none."""
    body: Body = _DECODER.decode(blob)
    return body
