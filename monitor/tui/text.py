"""Words, numbers, times and marks as the desk writes them.  No Textual in here."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from rich.cells import cell_len, set_cell_size

from monitor.records import DAY, HOUR, MINUTE, SECOND, HostRow, Micros, Phase, State

NONE: Final = "—"


class Marks(msgspec.Struct, frozen=True):
    """Every sign the desk draws; one set for Unicode terminals, one for plain ASCII."""

    up: str = "✔"
    degraded: str = "▲"
    down: str = "✖"
    unreachable: str = "⊘"
    unknown: str = "?"
    cursor: str = "▸"
    unread: str = "•"
    event: str = "◆"
    arrow: str = "→"
    rule: str = "─"
    thick: str = "━"
    bar: str = "█"
    none: str = NONE
    dot: str = "·"
    descending: str = "▾"
    ascending: str = "▴"
    folded: str = "▸"
    open: str = "▾"
    more: str = "…"
    levels: str = "▁▂▃▄▅▆▇█"
    beats: str = "▁▂▃▃▅✖▅⊘·"
    claimed: str = "“"
    inferred: str = "∴"
    noted: str = "✎"
    acked: str = "⚑"
    upkeep: str = "⚒"
    ascii: bool = False


UNICODE: Final = Marks()


class Look(msgspec.Struct, frozen=True):
    """What a page is made for: cells a line may take, the signs, and the time it is."""

    width: int
    marks: Marks
    now: Micros


ASCII: Final = Marks(
    up="+",
    degraded="^",
    down="x",
    unreachable="/",
    cursor=">",
    unread="*",
    event="#",
    arrow=">",
    rule="-",
    thick="=",
    bar="#",
    none="-",
    dot="-",
    descending="v",
    ascending="^",
    folded="+",
    open="-",
    more="~",
    levels="_.,-=+*#",
    beats="..==xx//?",
    claimed='"',
    inferred=":",
    noted="n",
    acked="!",
    upkeep="m",
    ascii=True,
)
# Which letter of HostRow.beats is drawn with which sign of Marks.beats.
BEAT_LETTERS: Final = b"UuDdxXrR?"
BEAT_STYLES: Final = dict(
    zip(
        BEAT_LETTERS,
        (*("up",) * 2, *("degraded",) * 3, "down", *("unreachable",) * 2, "unknown"),
        strict=True,
    )
)

STATE_ORDER: Final[dict[State, int]] = {
    State.DOWN: 0,
    State.UNREACHABLE: 1,
    State.DEGRADED: 2,
    State.UNKNOWN: 3,
    State.UP: 4,
}
_PHASE_STATE: Final[dict[str, State]] = {
    Phase.STABLE: State.UP,
    Phase.RESTORED: State.UP,
    Phase.UNSTABLE: State.DEGRADED,
    Phase.PARTIAL: State.DEGRADED,
    Phase.LOST: State.DOWN,
    "HEALTHY": State.UP,
    "RECHECK": State.DEGRADED,
    "FAULT": State.DOWN,
    # routes and feeds
    "visible": State.UP,
    "partial": State.DEGRADED,
    "withdrawn": State.DOWN,
    "unstable": State.DEGRADED,
    "live": State.UP,
    "stale": State.DEGRADED,
    "error": State.DEGRADED,
}


def state_of(word: str) -> State:
    """The state whose mark and colour a word (state, phase or vantage health) takes."""
    if word in State.__members__:
        return State(word)
    return _PHASE_STATE.get(word, State.UNKNOWN)


def mark_of(word: str, marks: Marks) -> str:
    return str(getattr(marks, state_of(word).lower()))


@lru_cache(maxsize=4096)
def fit(text: str, width: int, more: str = "…") -> str:
    """``text`` in exactly ``width`` terminal cells, cut with ``more`` or padded right."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(set_cell_size(text, max(0, width - cell_len(more))) + more, width)


def right(text: str, width: int) -> str:
    """``text`` right-aligned in ``width`` cells; never cut, because numbers must not be."""
    return " " * max(0, width - cell_len(text)) + text


def duration(span: Micros) -> str:
    """Two units at most: ``42s``, ``6m40s``, ``3h05m``, ``9d``."""
    span = max(0, span)
    if span < MINUTE:
        return f"{span // SECOND}s"
    if span < HOUR:
        return f"{span // MINUTE}m{span % MINUTE // SECOND:02d}s"
    if span < DAY:
        return f"{span // HOUR}h{span % HOUR // MINUTE:02d}m"
    return f"{span // DAY}d"


def short_duration(span: Micros) -> str:
    """One unit: ``42s``, ``6m``, ``3h``, ``9d``."""
    span = max(0, span)
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if span >= unit:
            return f"{span // unit}{name}"
    return f"{span // SECOND}s"


def moment(at: Micros) -> datetime:
    """UTC time of ``at``, held within what a calendar can say."""
    return datetime.fromtimestamp(min(max(at, 0), 253_402_300_799 * SECOND) / SECOND, tz=UTC)


def clock(at: Micros) -> str:
    return f"{moment(at):%H:%M:%SZ}"


def day(at: Micros) -> str:
    return f"{moment(at):%Y-%m-%d}"


def stamp(at: Micros) -> str:
    return f"{moment(at):%Y-%m-%d %H:%M:%SZ}"


def since(at: Micros, now: Micros) -> str:
    """The time alone today, with its day otherwise; a dash where it is not known."""
    if at <= 0:
        return NONE
    return clock(at) if day(at) == day(now) else f"{moment(at):%m-%d %H:%MZ}"


def zone_clock(zone: str, now: Micros) -> str:
    """``Pyongyang 01:21 +1d``: a zone's wall clock, with the days it is ahead or behind."""
    try:
        info = ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        return ""
    utc = moment(now)
    there = utc.astimezone(info)
    ahead = (there.date() - utc.date()).days
    name = zone.rpartition("/")[2].replace("_", " ")
    return f"{name} {there:%H:%M}" + (f" {ahead:+d}d" if ahead else "")


def milliseconds(value: float | None, none: str = NONE) -> str:
    """Three digits that matter: ``0.4 ms``, ``43 ms``, ``1.20 s``."""
    if value is None:
        return none
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def percent(fraction: float | None, none: str = NONE) -> str:
    return none if fraction is None else f"{round(fraction * 100)}%"


def hosting_of(row: HostRow, marks: Marks, voice: str = "") -> str:
    """``KP→CN AS4837``: whose voice it is, where it is measured to stand, in which AS.

    ``voice`` is a shorter word for whose, where one is known.
    """
    whose, found = voice or row.affiliation, row.hosting
    if len(whose) > 3:
        whose = _initials(whose)
    if found is None:
        return whose or marks.none
    where = found.country
    place = whose if where in ("", whose) or found.inside else f"{whose}{marks.arrow}{where}"
    if not whose:
        place = where
    return f"{place} AS{found.asn}".strip() if found.asn else place or marks.none


@lru_cache(maxsize=256)
def _initials(name: str) -> str:
    """A network id in two or three letters: ``north-korea`` is ``NK``."""
    parts = [part for part in name.replace("_", "-").split("-") if part]
    return (
        "".join(part[0] for part in parts[:3]).upper() if len(parts) > 1 else name[:2].upper()
    )
