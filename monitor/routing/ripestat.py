"""RIPEstat's looking glass: what every RIS peer holds of a prefix now.

https://stat.ripe.net/docs/data-api/api-endpoints/looking-glass.  Outside its data horizon
RIPEstat answers "ok" with nothing in it, as it does for a prefix that nobody announces.  So
a control prefix that is always announced is asked at the same time: when that is empty
too, the answer is "no data" and never "no routes".
"""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from monitor.clock import Clock
from monitor.records import SECOND, FeedReason, Micros, clean_text
from monitor.routing.messages import MAX_ASN, Path, canonical_address, canonical_prefix
from monitor.routing.web import FeedFailure, failure_of, fetch, open_client

if TYPE_CHECKING:
    import httpx

URL: Final = "https://stat.ripe.net/"
# Of the RIPE NCC itself; announced as long as there is anything to measure with.
CONTROLS: Final = ("193.0.0.0/21", "2001:67c:2e8::/48")
MAX_BYTES: Final = 8 << 20
CONCURRENT: Final = 8
DEADLINE_S: Final = 30.0
_MAX_PATH_TEXT: Final = 16_384
_PART: Final = re.compile(r"\{([^{}]*)\}|(\S+)")


class Holding(msgspec.Struct, frozen=True, gc=False):
    """What one peer holds: ``path`` as of ``at``."""

    peer: str
    path: Path
    at: Micros
    host: str = ""


class Snapshot(msgspec.Struct, frozen=True):
    """Who holds ``prefix`` at ``at``; ``skipped`` entries could not be read."""

    prefix: str
    at: Micros
    holdings: tuple[Holding, ...] = ()
    skipped: int = 0


class Views(msgspec.Struct, frozen=True):
    """Snapshots that a non-empty control stands behind, and the prefixes without one."""

    snapshots: tuple[Snapshot, ...] = ()
    controls: tuple[Snapshot, ...] = ()
    failed: dict[str, FeedReason] = {}
    retry_after_s: float = 0.0


class _Peer(msgspec.Struct):
    as_path: str = ""
    prefix: str = ""
    peer: str = ""
    latest_time: str = ""


class _Collector(msgspec.Struct):
    rrc: str = ""
    peers: list[_Peer] = []


class _Data(msgspec.Struct):
    rrcs: list[_Collector] | None = None
    latest_time: str = ""
    query_time: str = ""


class _Answer(msgspec.Struct):
    status: str = ""
    status_code: int = 0
    data_call_name: str = ""
    time: str = ""
    messages: list[list[str]] = []
    data: msgspec.Raw = msgspec.Raw(b"null")


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_DATA: Final = msgspec.json.Decoder(_Data)


def parse_looking_glass(data: bytes, prefix: str) -> Snapshot:
    """The answer for canonical ``prefix``; raises FeedFailure, and nothing else."""
    try:
        answer = _ANSWER.decode(data)
        if answer.status != "ok" or answer.data_call_name not in ("", "looking-glass"):
            said = "; ".join(line[-1] for line in answer.messages[:3] if line)
            raise FeedFailure(FeedReason.FEED_ERROR, clean_text(said or answer.status, 120))
        found = _DATA.decode(answer.data)
    except msgspec.ValidationError:
        raise FeedFailure(FeedReason.MALFORMED) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FeedFailure(FeedReason.NOT_JSON) from None
    at = read_time(found.latest_time) or read_time(found.query_time) or read_time(answer.time)
    if found.rrcs is None or not at:
        raise FeedFailure(FeedReason.MALFORMED)
    holdings: dict[str, Holding] = {}
    skipped = 0
    for collector in found.rrcs:
        for peer in collector.peers:
            holding = _holding(peer, collector.rrc, prefix, at)
            if holding is None:
                skipped += 1
            else:
                holdings[holding.peer] = holding
    return Snapshot(prefix, at, tuple(holdings.values()), skipped)


def read_time(text: str) -> Micros:
    """Micros of an ISO time, which RIPEstat means as UTC; 0 for anything else."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return 0
    if found.tzinfo is None:
        found = found.replace(tzinfo=dt.UTC)
    try:
        return max(0, int(found.timestamp() * SECOND))
    except (OverflowError, ValueError):
        return 0


def read_path(text: str) -> Path | None:
    """``3356 1299 {64500,64501}`` as a path; None when it is none."""
    if len(text) > _MAX_PATH_TEXT:
        return None
    out: list[int | tuple[int, ...]] = []
    for match in _PART.finditer(text):
        members, single = match.groups()
        words = [single] if members is None else re.split(r"[\s,]+", members.strip())
        if not all(word.isascii() and word.isdigit() and len(word) <= 10 for word in words):
            return None
        asns = tuple(map(int, words))
        if max(asns) > MAX_ASN:
            return None
        out.append(asns[0] if members is None else asns)
    return tuple(out) or None


def _holding(peer: _Peer, rrc: str, prefix: str, at: Micros) -> Holding | None:
    try:
        if canonical_prefix(peer.prefix) != prefix:
            return None
        address = canonical_address(peer.peer)
    except ValueError:
        return None
    path = read_path(peer.as_path)
    if path is None:
        return None
    host = clean_text(rrc.lower(), 16)
    return Holding(address, path, read_time(peer.latest_time) or at, host)


class RipeStat:
    """Asks for snapshots: at most eight at a time, each within 30 s and 8 MiB."""

    def __init__(
        self,
        clock: Clock,
        sourceapp: str,
        url: str = URL,
        controls: Sequence[str] = CONTROLS,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._clock = clock
        self._sourceapp = sourceapp
        self._url = url.rstrip("/")
        self._deadline_s = deadline_s
        self.controls = tuple(controls)
        self._gate = asyncio.Semaphore(CONCURRENT)
        self._opening = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None

    async def views(self, prefixes: Sequence[str]) -> Views:
        """Snapshots of canonical ``prefixes``, each with its family's control asked at the
        same time.  A family whose control is empty or fails has no snapshots.
        """
        families = {_version(prefix) for prefix in prefixes}
        controls = [prefix for prefix in self.controls if _version(prefix) in families]
        asked = [*controls, *(prefix for prefix in prefixes if prefix not in controls)]
        found = await asyncio.gather(*(self._ask(prefix) for prefix in asked))
        by_prefix = dict(zip(asked, found, strict=True))
        lost: dict[int, FeedReason] = dict.fromkeys(families, FeedReason.NO_CONTROL)
        for prefix in controls:
            answer = by_prefix[prefix]
            if isinstance(answer, FeedFailure):
                lost[_version(prefix)] = answer.reason
            elif answer.holdings:
                lost.pop(_version(prefix), None)
        failed: dict[str, FeedReason] = {}
        good: dict[str, Snapshot] = {}
        for prefix in asked:
            answer = by_prefix[prefix]
            if isinstance(answer, FeedFailure):
                failed[prefix] = answer.reason
            elif _version(prefix) in lost:
                failed[prefix] = lost[_version(prefix)]
            else:
                good[prefix] = answer
        waits = [each.retry_after_s for each in found if isinstance(each, FeedFailure)]
        return Views(
            snapshots=tuple(good[prefix] for prefix in prefixes if prefix in good),
            controls=tuple(good[prefix] for prefix in controls if prefix in good),
            failed=failed,
            retry_after_s=max(waits, default=0.0),
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def _ask(self, prefix: str) -> Snapshot | FeedFailure:
        try:
            async with self._gate, asyncio.timeout(self._deadline_s):
                return parse_looking_glass(await self._fetch(prefix), prefix)
        except Exception as error:  # noqa: BLE001 - every failure has its reason
            return failure_of(error)

    async def _fetch(self, prefix: str) -> bytes:
        async with self._opening:
            if self._client is None:
                self._client = await open_client(self._deadline_s)
            client = self._client
        params = {"resource": prefix, "sourceapp": self._sourceapp}
        url = f"{self._url}/data/looking-glass/data.json"
        return await fetch(client, url, params, self._clock.wall(), MAX_BYTES)


def _version(prefix: str) -> int:
    return ipaddress.ip_network(prefix).version
