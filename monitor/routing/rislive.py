"""RIS Live: BGP updates of the watched prefixes as they happen, over HTTP streams.

A session is three streams that live and die together: the updates, the states of the
peers, and a canary, the KEEPALIVEs of one collector.  Updates may rightly be silent for
days, so only the canary tells whether silence means "no change" or "feed dead".
Nothing is queued: the sink is called as lines come, and a reader that is too slow is
told so by TCP and closed by the service.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from monitor.clock import Clock
from monitor.records import MINUTE, FeedReason, Micros
from monitor.routing.messages import (
    Malformed,
    MessageKind,
    Notice,
    NoticeKind,
    RouteMessage,
    parse_line,
)
from monitor.routing.web import FeedFailure, Lines, failure_of, open_client, refuse_status

if TYPE_CHECKING:
    import httpx

URL: Final = "https://ris-live.ripe.net/v1/stream/"
MAX_LINE: Final = 1 << 20
MAX_AGE: Final = 3 * MINUTE
# Large collectors, whose peers' KEEPALIVEs come several a second, by the two names in use.
# A canary that stays silent is followed by the next: a collector may be away for days.
CANARY_HOSTS: Final = ("rrc00", "rrc00.ripe.net", "rrc01", "rrc01.ripe.net")
_MAX_BACK_OFF_S: Final = 60.0
_HEADERS_S: Final = 30.0
# A session that lived this long was no failed attempt.
_LASTING_S: Final = 60.0
_MAX_BAD_IN_A_ROW: Final = 20
_LINES_A_TURN: Final = 100

Sink = Callable[[RouteMessage], None]


class Stage(StrEnum):
    """Where the reader stands."""

    CONNECTING = "connecting"
    LIVE = "live"
    SILENT = "silent"
    ERROR = "error"


class Counts(msgspec.Struct):
    """Since the start.  ``late`` and ``early`` messages were not passed on: their time is
    more than three minutes from ours.
    """

    connects: int = 0
    messages: int = 0
    malformed: int = 0
    late: int = 0
    early: int = 0


class Status(msgspec.Struct, frozen=True):
    """``stage`` since ``since``; ``reason`` and ``note`` say why it is not LIVE."""

    stage: Stage
    since: Micros
    reason: FeedReason = FeedReason.NONE
    note: str = ""


def subscribed(prefixes: Sequence[str]) -> list[str]:
    """The fewest prefixes that cover ``prefixes`` and nothing else."""
    networks = [ipaddress.ip_network(prefix) for prefix in prefixes]
    v4 = [each for each in networks if isinstance(each, ipaddress.IPv4Network)]
    v6 = [each for each in networks if isinstance(each, ipaddress.IPv6Network)]
    covering = (ipaddress.collapse_addresses(v4), ipaddress.collapse_addresses(v6))
    return [str(each) for family in covering for each in family]


def back_off_s(attempt: int) -> float:
    """Seconds before ``attempt`` (1 is the first): 0, 1, 4, 9 ... 60."""
    return min(_MAX_BACK_OFF_S, float(attempt - 1) ** 2)


class RisLive:
    """Reads the feed for ever.  ``session`` numbers the connections: what was learnt in an
    earlier one has a hole behind it.  ``changed`` is set with every new status.
    """

    def __init__(
        self,
        clock: Clock,
        client_id: str,
        prefixes: Sequence[str],
        url: str = URL,
        *,
        canary_s: float = 60.0,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """``canary_s`` is how long the canary may be silent; ``draw`` gives jitter, 0 to 1."""
        self._clock = clock
        self._client_id = client_id
        self._url = url
        self._canary_s = canary_s
        self._canary = 0
        self._draw = draw
        self._updates = {
            "type": MessageKind.UPDATE,
            "prefix": subscribed(prefixes),
            "moreSpecific": True,
            "lessSpecific": False,
        }
        self.counts = Counts()
        self.session = 0
        self.heard_at: Micros = 0
        self.changed = asyncio.Event()
        self.status = Status(Stage.CONNECTING, clock.wall())

    async def run(self, sink: Sink) -> None:
        """Connect, read, and connect again, until cancelled; fresh messages go to ``sink``."""
        client = await open_client()
        try:
            attempt = 1
            while True:
                started = self._clock.monotonic()
                failure = await self._session(client, sink)
                if self._clock.monotonic() - started > _LASTING_S:
                    attempt = 1
                attempt += 1
                stage = Stage.ERROR
                if failure.reason in (FeedReason.SILENT, FeedReason.DELAYED):
                    stage = Stage.SILENT
                    self._canary = (self._canary + 1) % len(CANARY_HOSTS)
                self._turn(stage, failure.reason, failure.note)
                wait = max(back_off_s(attempt), failure.retry_after_s)
                await self._clock.sleep(wait + self._draw())
        finally:
            await client.aclose()

    def fail(self, failure: FeedFailure) -> None:
        """Say that nobody reads any more."""
        self._turn(Stage.ERROR, failure.reason, failure.note)

    def _turn(self, stage: Stage, reason: FeedReason, note: str = "") -> None:
        old = self.status
        since = old.since if old.stage is stage else self._clock.wall()
        self.status = Status(stage, since, reason, note)
        self.changed.set()

    async def _session(self, client: httpx.AsyncClient, sink: Sink) -> FeedFailure:
        """One session; what ended it.  Its three streams end together."""
        self.session += 1
        if self.status.reason is FeedReason.NONE:
            self._turn(Stage.CONNECTING, FeedReason.CONNECTING)
        canary = {"type": MessageKind.KEEPALIVE, "host": CANARY_HOSTS[self._canary]}
        peers = {"type": MessageKind.PEER_STATE}
        try:
            async with asyncio.TaskGroup() as group:
                watch = _Canary(self._clock, self._canary_s)
                group.create_task(watch.watch())
                group.create_task(self._stream(client, self._updates, self._passing(sink)))
                group.create_task(self._stream(client, peers, self._passing(sink)))
                group.create_task(self._stream(client, canary, self._singing(watch)))
        except ExceptionGroup as errors:
            return _first(errors)
        return FeedFailure(FeedReason.CLOSED)

    def _passing(self, sink: Sink) -> Sink:
        def take(message: RouteMessage) -> None:
            if self._is_fresh(message):
                self.counts.messages += 1
                self.heard_at = self._clock.wall()
                sink(message)

        return take

    def _singing(self, canary: _Canary) -> Sink:
        def take(message: RouteMessage) -> None:
            if self._is_fresh(message):
                self.heard_at = self._clock.wall()
                canary.hear()
                if self.status.stage is not Stage.LIVE:
                    self.counts.connects += 1
                    self._turn(Stage.LIVE, FeedReason.NONE)
            else:
                canary.late = True

        return take

    def _is_fresh(self, message: RouteMessage) -> bool:
        age = self._clock.wall() - message.at
        self.counts.late += age > MAX_AGE
        self.counts.early += age < -MAX_AGE
        return -MAX_AGE <= age <= MAX_AGE

    async def _stream(
        self, client: httpx.AsyncClient, asked: dict[str, Any], take: Sink
    ) -> None:
        """Read one stream until it fails; always raises."""
        asked = {**asked, "socketOptions": {"includeRaw": False}}
        request = client.build_request(
            "GET",
            self._url,
            params={"format": "json", "client": self._client_id},
            headers={"X-RIS-Subscribe": msgspec.json.encode(asked).decode()},
        )
        async with asyncio.timeout(_HEADERS_S):
            response = await client.send(request, stream=True)
        try:
            refuse_status(response, self._clock.wall())
            lines = Lines(MAX_LINE)
            bad = 0
            async for chunk in response.aiter_raw():
                for turn, line in enumerate(lines.feed(chunk)):
                    bad = self._line(line, take, bad)
                    if turn % _LINES_A_TURN == _LINES_A_TURN - 1:
                        await asyncio.sleep(0)
            reason = FeedReason.TRUNCATED if lines.unfinished else FeedReason.CLOSED
            raise FeedFailure(reason)
        finally:
            await response.aclose()

    def _line(self, line: bytes, take: Sink, bad: int) -> int:
        """Take one line; how many in a row could not be understood."""
        found = parse_line(line)
        match found:
            case RouteMessage():
                take(found)
            case Notice(kind=NoticeKind.ERROR):
                raise FeedFailure(FeedReason.FEED_ERROR, found.text)
            case Malformed():
                self.counts.malformed += 1
                if line.lstrip().startswith(b"<"):
                    raise FeedFailure(FeedReason.NOT_JSON)
                if bad + 1 >= _MAX_BAD_IN_A_ROW:
                    raise FeedFailure(FeedReason.MALFORMED, found.flaw)
                return bad + 1
            case None:
                return bad
        return 0


class _Canary:
    """Ends a session in which nothing fresh is heard for ``limit_s``."""

    def __init__(self, clock: Clock, limit_s: float) -> None:
        self._clock = clock
        self._limit_s = limit_s
        self._heard = clock.monotonic()
        self.late = False

    def hear(self) -> None:
        self._heard = self._clock.monotonic()
        self.late = False

    async def watch(self) -> None:
        while (left := self._heard + self._limit_s - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)
        raise FeedFailure(FeedReason.DELAYED if self.late else FeedReason.SILENT)


def _first(errors: ExceptionGroup[Exception]) -> FeedFailure:
    """The failure that counts: the others were only dragged along."""
    found = [failure_of(error) for error in errors.exceptions]
    asked_to_wait = max(failure.retry_after_s for failure in found)
    first = found[0]
    return FeedFailure(first.reason, first.note, asked_to_wait)
