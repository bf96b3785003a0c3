"""IODA's signals: what an independent observer sees of a country or an AS.

https://api.ioda.inetintel.cc.gatech.edu/v2/, ``signals/raw``.  Three sources of its own: routes
(``bgp``, /24 blocks that half of its peers see), active probing (``ping-slash24``, /24 blocks
that answer) and a telescope (``merit-nt``, addresses heard in unused space).  They are counts:
its own alerts need twenty blocks at least, and a small country never has any.

The newest bins are still being filled: a low count there is no outage, and neither is a bin
without a value.  Only bins that are settled are used.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from monitor.clock import Clock
from monitor.records import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    FeedReason,
    FeedState,
    Micros,
    WitnessRow,
    WitnessSign,
    clean_text,
)
from monitor.routing.web import FeedFailure, failure_of, fetch, open_client
from monitor.watchlist.model import Feeds, Network

if TYPE_CHECKING:
    import httpx

SOURCES: Final = ("bgp", "ping-slash24", "merit-nt")
MAX_BYTES: Final = 1 << 20
DEADLINE_S: Final = 30.0
# Two rounds of its active probing, which is the slowest to come in.
SETTLES: Final = 20 * MINUTE
LATE: Final = 2 * HOUR
LOOK_BACK: Final = DAY
MAX_SUBJECTS: Final = 32
_EVERY_S: Final = 600.0
_ASKED_A_DAY: Final = 1_000
_RETRY_S: Final = (60.0, 300.0, 900.0)
_MAX_VALUES: Final = 4_096
_MAX_STEP_S: Final = 86_400
# Where one request meets these, so will all of its round.
_HOPELESS: Final = frozenset(
    {
        *(FeedReason.RATE_LIMITED, FeedReason.NAME, FeedReason.REFUSED),
        *(FeedReason.UNREACHABLE, FeedReason.TLS),
    }
)
_BEST: Final = (FeedState.LIVE, FeedState.STALE, FeedState.ERROR, FeedState.ABSENT)


class Subject(msgspec.Struct, frozen=True):
    """Whom to ask about: a ``country`` or an ``asn``, and its code there."""

    kind: str
    code: str

    @property
    def name(self) -> str:
        """For people: ``KP`` or ``AS131279``."""
        return f"AS{self.code}" if self.kind == "asn" else self.code


class _Series(msgspec.Struct, rename={"begin": "from", "code": "entityCode"}):
    datasource: str = ""
    code: str | int = ""
    begin: int = 0
    step: int = 0
    values: list[float | None] | None = None


class _Answer(msgspec.Struct):
    error: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_SETS: Final = msgspec.json.Decoder(list[list[_Series]] | None)
_FLAT: Final = msgspec.json.Decoder(list[_Series])


def subjects(network: Network) -> tuple[Subject, ...]:
    """Its country, if it is a country's, and its origin ASNs."""
    country = (Subject("country", network.country),) if network.country else ()
    return (*country, *(Subject("asn", str(asn)) for asn in network.origin_asns))


def parse_signal(data: bytes, subject: Subject, source: str, now: Micros) -> WitnessSign:
    """The answer about ``subject``; raises FeedFailure, and nothing else."""
    try:
        answer = _ANSWER.decode(data)
        if answer.error:
            raise FeedFailure(FeedReason.FEED_ERROR, clean_text(answer.error, 120))
        series = _find(_series(answer.data), subject, source)
    except msgspec.ValidationError:
        raise FeedFailure(FeedReason.MALFORMED) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FeedFailure(FeedReason.NOT_JSON) from None
    if series is None or series.values is None:
        return WitnessSign(source, subject.name, reason=FeedReason.NO_DATA)
    if (
        not 0 < series.step <= _MAX_STEP_S
        or not 0 <= series.begin <= now // SECOND + _MAX_STEP_S
    ):
        raise FeedFailure(FeedReason.MALFORMED)
    if len(series.values) > _MAX_VALUES:
        raise FeedFailure(FeedReason.TOO_LARGE)
    return _read(series, subject, source, now)


def _series(data: msgspec.Raw) -> list[_Series]:
    """Series come in one list for each entity; older answers have the inner one alone."""
    try:
        return [series for found in _SETS.decode(data) or () for series in found]
    except msgspec.ValidationError:
        return _FLAT.decode(data)


def _find(found: Iterable[_Series], subject: Subject, source: str) -> _Series | None:
    for series in found:
        code = str(series.code).upper().removeprefix("AS")
        if series.datasource == source and code == subject.code.upper().removeprefix("AS"):
            return series
    return None


def _read(series: _Series, subject: Subject, source: str, now: Micros) -> WitnessSign:
    values = series.values or []
    if any(value is not None and value < 0 for value in values):
        raise FeedFailure(FeedReason.MALFORMED)
    newest = max((n for n, value in enumerate(values) if value is not None), default=-1)
    settled = [
        (ends, value)
        for n, value in enumerate(values)
        # What comes last may still be filled, however late the whole series is.
        if value is not None
        and n < newest
        and (ends := (series.begin + (n + 1) * series.step) * SECOND) <= now - SETTLES
    ]
    if not settled:
        return WitnessSign(source, subject.name, reason=FeedReason.NO_DATA)
    at, value = settled[-1]
    day = [value for ends, value in settled[:-1] if ends > at - LOOK_BACK]
    late = now - at > LATE
    return WitnessSign(
        source,
        subject.name,
        FeedState.STALE if late else FeedState.LIVE,
        FeedReason.DELAYED if late else FeedReason.NONE,
        value=value,
        usual=statistics.median(day) if day else None,
        at=at,
    )


class Ioda:
    """Asks about every network in turn, one request at a time; owned as one task."""

    def __init__(
        self,
        networks: Sequence[Network],
        feeds: Feeds,
        clock: Clock,
        *,
        deadline_s: float = DEADLINE_S,
        retry_s: Sequence[float] = _RETRY_S,
    ) -> None:
        """``retry_s`` are the waits after failed rounds, the last for ever."""
        self._clock = clock
        self._url = feeds.ioda_url.rstrip("/")
        self._deadline_s = deadline_s
        self._retry_s = tuple(retry_s)
        self._asked: dict[str, tuple[Subject, ...]] = {}
        left = MAX_SUBJECTS
        for network in networks:
            found = subjects(network)[:left]
            left -= len(found)
            if found:
                self._asked[network.id] = found
        count = len(SOURCES) * sum(map(len, self._asked.values()))
        self.every_s = max(_EVERY_S, 86_400.0 * count / _ASKED_A_DAY)

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks there is anything to ask about."""
        return tuple(self._asked)

    async def run(
        self,
        said: Callable[[WitnessRow], None],
        before: Mapping[str, tuple[WitnessSign, ...]],
    ) -> None:
        """Ask until cancelled; ``said`` is given each network's row after each round, and
        ``before`` is what an earlier run knew.
        """
        if not self._asked:
            return
        client = await open_client(self._deadline_s)
        tries = 0
        known = dict(before)
        try:
            while True:
                failed: list[FeedFailure] = []
                for network, asked in self._asked.items():
                    known[network] = await self._ask_all(
                        client, asked, known.get(network, ()), failed
                    )
                    said(row_of(network, known[network], self._clock.wall()))
                tries = tries + 1 if failed else 0
                await self._clock.sleep(self._wait(tries, failed))
        finally:
            await client.aclose()

    def _wait(self, tries: int, failed: Sequence[FeedFailure]) -> float:
        if not tries:
            return self.every_s
        asked = max(each.retry_after_s for each in failed)
        if tries >= len(self._retry_s):
            asked = max(asked, self.every_s)
        return max(self._retry_s[min(tries, len(self._retry_s)) - 1], asked)

    async def _ask_all(
        self,
        client: httpx.AsyncClient,
        asked: Sequence[Subject],
        before: Sequence[WitnessSign],
        failed: list[FeedFailure],
    ) -> tuple[WitnessSign, ...]:
        old = {(sign.source, sign.subject): sign for sign in before}
        signs = []
        for subject in asked:
            for source in SOURCES:
                hopeless = next((each for each in failed if each.reason in _HOPELESS), None)
                found = hopeless or await self._ask(client, subject, source)
                if isinstance(found, FeedFailure):
                    if found is not hopeless:
                        failed.append(found)
                    known = old.get((source, subject.name))
                    found = failed_sign(
                        known or WitnessSign(source, subject.name), found.reason
                    )
                signs.append(found)
        return tuple(signs)

    async def _ask(
        self, client: httpx.AsyncClient, subject: Subject, source: str
    ) -> WitnessSign | FeedFailure:
        now = self._clock.wall()
        until = now // SECOND
        params = {
            "from": str(until - (LOOK_BACK + LATE) // SECOND),
            "until": str(until),
            "datasource": source,
        }
        url = f"{self._url}/signals/raw/{subject.kind}/{subject.code}"
        try:
            async with asyncio.timeout(self._deadline_s):
                data = await fetch(client, url, params, now, MAX_BYTES)
            return parse_signal(data, subject, source, now)
        except Exception as error:  # noqa: BLE001 - every failure has its reason
            return failure_of(error)


def failed_sign(known: WitnessSign, reason: FeedReason) -> WitnessSign:
    """What a failure leaves of what was known: old data is stale, and none is an error."""
    state = FeedState.ERROR if known.value is None else FeedState.STALE
    return msgspec.structs.replace(known, state=state, reason=reason)


def row_of(network: str, signs: tuple[WitnessSign, ...], at: Micros) -> WitnessRow:
    """The row of a network; its ``since`` is for its keeper to say."""
    state = min((sign.state for sign in signs), key=_BEST.index, default=FeedState.ABSENT)
    reason = next((sign.reason for sign in signs if sign.state is state), FeedReason.NONE)
    return WitnessRow(network, state, reason, at, at, signs)
