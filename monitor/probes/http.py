"""Does a web server answer, and with what: one HTTP/1.1 request, over TLS when asked.

Built on h11 and a socket of our own, not on httpx's client, because this is the hot path:
measured on loopback with a new connection each, 0.31 ms of CPU a probe (1.26 with TLS)
against 1.26 (2.55) for an httpx transport, which at 10,000 checks saturates a core and
reports failures of its own making.  It also pins the address, tells the phases apart and
keeps the certificate of a handshake that failed.

``rtt_ms`` is the connect's round trip, by the kernel where it gives one (TCP_INFO): the
network's share, without the server's.  ``phases`` are of the last request when redirects
were followed, but for ``total``, which is of all.  One deadline stands over everything.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
from typing import Final
from urllib.parse import urljoin, urlsplit

import h11
import msgspec

from monitor import __version__
from monitor.clock import Clock
from monitor.probes import http_expect, tls
from monitor.probes.failures import Failure
from monitor.probes.http_exchange import Answer, exchange
from monitor.probes.resolve import Resolver
from monitor.probes.run import Run
from monitor.probes.stream import Stream
from monitor.records import HttpFacts, Observation, Outcome, Phases, Reason, clean_text
from monitor.watchlist.model import Check, HttpParams

USER_AGENT: Final = f"watchdesk/{__version__}"
MAX_FOLLOW: Final = 10
_MAX_URL: Final = 2048
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PORTS: Final = {"http": 80, "https": 443}


class Target(msgspec.Struct, frozen=True):
    """A URL taken apart: ``host`` is for SNI and the certificate, ``request`` is ready."""

    url: str
    host: str
    port: int
    secure: bool
    request: h11.Request


class _Attempt:
    """What is known of a run so far; a deadline or a failure leaves it standing."""

    def __init__(self, run: Run, target: Target) -> None:
        self.run = run
        self.target = target
        self.redirects: list[str] = []
        self.dns_ms: float | None = None
        self.title = ""
        self.renew(target)

    def renew(self, target: Target) -> None:
        self.target = target
        self.late = Reason.RESOLVER_TIMEOUT
        self.stream: Stream | None = None
        self.answer = Answer()

    def facts(self, expected: str = "") -> HttpFacts:
        stream, answer = self.stream, self.answer
        return HttpFacts(
            url=clean_text(self.target.url),
            status=answer.status,
            version=answer.version,
            phases=Phases(
                dns=self.dns_ms,
                connect=stream.connect_ms if stream else None,
                tls=stream.tls_ms if stream else None,
                first_byte=answer.first_byte_ms,
                total=self.run.ms(),
            ),
            size=answer.size,
            redirects=tuple(self.redirects),
            server=clean_text(answer.headers.get("server", "")),
            content_type=clean_text(answer.headers.get("content-type", "")),
            title=self.title,
            expected=clean_text(expected),
            tls=stream.tls if stream else None,
        )


class HttpProbe:
    """Probes of kind ``http``."""

    def __init__(self, clock: Clock, resolver: Resolver) -> None:
        self._clock = clock
        self._resolver = resolver

    async def probe(self, check: Check) -> Observation:
        assert isinstance(check.params, HttpParams)
        params = check.params
        run = Run(self._clock, check)
        attempt = _Attempt(run, _target(params.url, params.method, params.headers))
        unmet: http_expect.Unmet | None = None
        try:
            async with asyncio.timeout(check.timeout_s):
                attempt.dns_ms = (await run.resolve(self._resolver)).took_ms
                await self._walk(attempt, params)
                unmet = await self._look(attempt, params)
        except TimeoutError:
            return self._failed(attempt, run.late(Failure(attempt.late)))
        except Failure as failure:
            return self._failed(attempt, failure)
        if unmet is not None:
            outcome, reason, note = Outcome.FAIL, unmet.reason, unmet.expected
        else:
            shown = attempt.stream.tls if attempt.stream else None
            outcome, reason, note = tls.expiry(shown, run.at, params.expiry_warn_days)
        return self._ended(attempt, outcome, reason, note, unmet.expected if unmet else "")

    async def _walk(self, attempt: _Attempt, params: HttpParams) -> None:
        """The request, and those it redirects to.  Raises Failure."""
        first = attempt.target
        follow = min(params.follow, MAX_FOLLOW)
        seen = {first.url}
        while True:
            await self._fetch(attempt, params)
            answer = attempt.answer
            location = answer.headers.get("location", "")
            if not params.follow or answer.status not in _REDIRECTS or not location:
                return
            if len(attempt.redirects) >= follow:
                raise Failure(Reason.HTTP_REDIRECTS, f"more than {follow}")
            target = _next(attempt.target, location, params)
            attempt.redirects.append(clean_text(target.url))
            if target.url in seen:
                raise Failure(Reason.HTTP_REDIRECTS, "in a circle")
            seen.add(target.url)
            await self._go_to(attempt, target, first.host)

    async def _go_to(self, attempt: _Attempt, target: Target, pinned: str) -> None:
        """Find the address of the next hop; the check's own stays while the host does."""
        run = attempt.run
        before = run.address
        attempt.renew(target)
        name = run.check.address if target.host == pinned else target.host
        found = await run.resolve(self._resolver, name)
        attempt.dns_ms = found.took_ms
        if _is_outside(before) and not _is_outside(run.address):
            # Nobody outside may have us call on what stands behind our own door.
            raise Failure(Reason.HTTP_REDIRECTS, f"into a private network: {run.address}")

    async def _fetch(self, attempt: _Attempt, params: HttpParams) -> None:
        target, answer = attempt.target, attempt.answer
        attempt.late = Reason.TIMEOUT
        stream = await Stream.connect(attempt.run.address, target.port, self._clock)
        with stream:
            attempt.stream = stream
            if target.secure:
                attempt.late = Reason.TLS_TIMEOUT
                context = await tls.context(verify=params.verify)
                await stream.secure(context, target.host)
            attempt.late = Reason.HTTP_HEADERS_TIMEOUT
            try:
                await exchange(stream, target.request, answer, self._clock)
            except asyncio.CancelledError:
                if answer.status is not None:
                    attempt.late = Reason.HTTP_BODY_TIMEOUT
                raise

    @staticmethod
    async def _look(attempt: _Attempt, params: HttpParams) -> http_expect.Unmet | None:
        """Read the page: its title, and what of the expectations it does not meet."""
        # Only a pattern takes its time here, and that is not the server's fault.
        attempt.late = Reason.LOCAL_LIMIT
        assert attempt.answer.status is not None
        page = http_expect.Page(attempt.answer)
        attempt.title = http_expect.title_of(page)
        return await http_expect.first_unmet(attempt.answer.status, page, params)

    @staticmethod
    def _ended(
        attempt: _Attempt, outcome: Outcome, reason: Reason, note: str, expected: str = ""
    ) -> Observation:
        assert attempt.stream is not None
        cut = "body longer than 1 MiB" if attempt.answer.cut else ""
        return attempt.run.ended(
            outcome,
            reason,
            rtt_ms=attempt.stream.rtt_ms,
            sent=attempt.stream.syns,
            received=1,
            note=clean_text(note) or cut,
            facts=attempt.facts(expected),
        )

    @staticmethod
    def _failed(attempt: _Attempt, failure: Failure) -> Observation:
        stream = attempt.stream
        if stream is None:
            return attempt.run.failed(failure, facts=attempt.facts())
        return attempt.run.failed(
            failure,
            rtt_ms=stream.rtt_ms,
            sent=stream.syns,
            received=1,
            facts=attempt.facts(),
        )

    async def close(self) -> None:
        """Nothing outlives a probe."""


def _is_outside(address: str) -> bool:
    return ipaddress.ip_address(address).is_global


def _next(now: Target, location: str, params: HttpParams) -> Target:
    """Where a redirect leads.  Raises Failure when that is no place for us."""
    try:
        url = urljoin(now.url, location).partition("#")[0]
        target = _target(url, params.method, ())
        if (target.host, target.port, target.secure) == (now.host, now.port, now.secure):
            # A token in the headers is for the host it was written for, and nobody else.
            target = _target(url, params.method, params.headers)
    except (ValueError, h11.LocalProtocolError) as error:
        raise Failure(Reason.HTTP_REDIRECTS, f"to {location}") from error
    return target


@functools.lru_cache(maxsize=4096)
def _target(url: str, method: str, headers: tuple[tuple[str, str], ...]) -> Target:
    """Take a URL apart; raises ValueError or h11.LocalProtocolError when it is none."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or len(url) > _MAX_URL:
        raise ValueError(url)
    host = parts.hostname
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    port = parts.port or _PORTS[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    if port != _PORTS[parts.scheme]:
        shown += f":{port}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    own = {
        "host": shown,
        "user-agent": USER_AGENT,
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
        "connection": "close",
    }
    own.update((name.lower(), value) for name, value in headers)
    # A password in the URL is none of the record's business.
    url = parts._replace(netloc=shown).geturl()
    request = h11.Request(method=method, target=_quoted(path), headers=list(own.items()))
    return Target(url, host, port, parts.scheme == "https", request)


def _quoted(path: str) -> str:
    """The request target with what is not ASCII percent-encoded (RFC 3986 section 2.1)."""
    return "".join(
        char
        if "!" <= char <= "~"
        else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))
        for char in path
    )
