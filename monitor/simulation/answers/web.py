"""Simulated HTTP requests."""

from __future__ import annotations

from monitor.records import HttpFacts, Outcome, Phases, Reason, TlsFacts
from monitor.simulation.answers.look import Answer, Look
from monitor.simulation.answers.stream import (
    REFUSALS,
    Connected,
    certificate,
    connect,
    exchange_s,
)
from monitor.watchlist.model import HttpParams

_SERVER_S = 0.015
_COMPLETE = (Reason.NONE, Reason.HTTP_STATUS)


def http(look: Look, params: HttpParams) -> Answer:
    made = connect(look, HttpFacts(url=params.url))
    if isinstance(made, tuple):
        return made
    request = _Request(look, params, made)
    reason = request.end()
    outcome = Outcome.OK if reason is Reason.NONE else Outcome.FAIL
    return look.ended(
        outcome,
        reason,
        request.took,
        rtt_ms=made.rtt_ms,
        sent=made.syns,
        received=1,
        facts=request.facts(reason),
    )


class _Request:
    """A request on a connection, phase after phase until one of them ends it."""

    def __init__(self, look: Look, params: HttpParams, made: Connected) -> None:
        self.look = look
        self.params = params
        self.left = max(0.0, look.check.timeout_s - look.resolve_s)
        self.phases = {"connect": made.at_s}
        self.took = made.at_s
        self.tls: TlsFacts | None = None
        self.status: int | None = None

    def end(self) -> Reason:
        """Go on until something is wrong, or nothing is."""
        look, params = self.look, self.params
        if params.url.startswith("https:"):
            if self._late("tls", exchange_s(look)):
                return Reason.TLS_TIMEOUT
            self.tls = certificate(look, look.check.address)
            if params.verify and self.tls.problem is not Reason.NONE:
                return self.tls.problem
        if look.way.refuse in REFUSALS:
            return REFUSALS[look.way.refuse]
        if self._late("first_byte", exchange_s(look) + _SERVER_S):
            return Reason.HTTP_HEADERS_TIMEOUT
        self.status = _status(look.way.status, params)
        if self._late("", exchange_s(look) * 0.2):
            return Reason.HTTP_BODY_TIMEOUT
        return Reason.NONE if _accepts(params, self.status) else Reason.HTTP_STATUS

    def _late(self, phase: str, spent: float) -> bool:
        """Spend time in ``phase``; True when that is more than there is."""
        self.took += spent
        if self.took > self.left:
            self.took = self.left
            return True
        if phase:
            self.phases[phase] = spent
        return False

    def facts(self, reason: Reason) -> HttpFacts:
        done = reason in _COMPLETE
        said = self.status is not None
        look = self.look
        return HttpFacts(
            url=self.params.url,
            status=self.status,
            version="HTTP/1.1" if said else "",
            phases=Phases(
                dns=round(look.resolve_s * 1000, 3) if look.way.named else None,
                total=round((self.took + look.resolve_s) * 1000, 3),
                **{name: round(spent * 1000, 3) for name, spent in self.phases.items()},
            ),
            size=(9_000 if self.status == 200 else 300) if done else 0,
            server="simulated" if said else "",
            content_type="text/html" if said else "",
            tls=self.tls,
        )


def _accepts(params: HttpParams, status: int) -> bool:
    text = str(status)
    return text in params.status or f"{text[0]}xx" in params.status


def _status(status: int, params: HttpParams) -> int:
    """A healthy site gives what its check accepts, be that 401."""
    if status != 200 or _accepts(params, status) or not params.status:
        return status
    return int(params.status[0].replace("xx", "00"))
