"""Simulated connections and TLS handshakes."""

from __future__ import annotations

import functools
from typing import Any, Final

from monitor.records import DAY, Outcome, Reason, TcpFacts, TlsFacts
from monitor.simulation.answers.look import Answer, Look
from monitor.simulation.draw import key_of
from monitor.watchlist.model import TcpParams

# Linux sends a SYN again after 1, 3 and 7 s (tcp(7), RFC 6298).
_SYN_AT_S: Final = (0.0, 1.0, 3.0, 7.0, 15.0)
_RTO_S: Final = 0.2
_CERTIFICATES: Final[dict[str, Reason]] = {
    "expired": Reason.CERT_EXPIRED,
    "not-yet-valid": Reason.CERT_NOT_YET_VALID,
    "wrong-name": Reason.CERT_WRONG_NAME,
    "self-signed": Reason.CERT_SELF_SIGNED,
    "untrusted": Reason.CERT_UNTRUSTED,
}
REFUSALS: Final[dict[str, Reason]] = {
    "refused": Reason.REFUSED,
    "reset": Reason.RESET,
    "closed": Reason.CLOSED,
}


class Connected:
    """A connection: when it stood, its round trip, and how many SYNs it took."""

    __slots__ = ("at_s", "rtt_ms", "syns")

    def __init__(self, at_s: float, rtt_s: float, syns: int) -> None:
        self.at_s = at_s
        self.rtt_ms = round(rtt_s * 1000, 3)
        self.syns = syns


def connect(look: Look, facts: Any) -> Connected | Answer:
    if not look.way.whole:
        return look.gone(look.broken_s(), facts=facts)
    left = look.check.timeout_s - look.resolve_s
    for syns, sent in enumerate(_SYN_AT_S, 1):
        lost, trip = look.trip()
        if sent + trip > left:
            break
        if not lost:
            if look.way.refuse == "refused":
                return look.ended(Outcome.FAIL, Reason.REFUSED, sent + trip, facts=facts)
            return Connected(sent + trip, trip, syns)
    return look.ended(Outcome.FAIL, Reason.TIMEOUT, max(0.0, left), facts=facts)


def exchange_s(look: Look) -> float:
    """One round trip on a connection, with what TCP sends again (RFC 6298 back-off)."""
    waited, again = 0.0, _RTO_S
    lost, trip = look.trip()
    while lost and waited < look.check.timeout_s:
        waited += again
        again *= 2
        lost, trip = look.trip()
    return waited + trip


def certificate(look: Look, name: str) -> TlsFacts:
    """What the server presents on the day of the run."""
    return _presented(look.way.certificate, name, look.at // DAY)


@functools.lru_cache(maxsize=4096)
def _presented(how: str, name: str, day: int) -> TlsFacts:
    problem = _CERTIFICATES.get(how, Reason.NONE)
    issued, ends = day // 90 * 90 - 30, day // 90 * 90 + 150
    if problem is Reason.CERT_EXPIRED:
        issued, ends = day - 90, day - 1
    elif problem is Reason.CERT_NOT_YET_VALID:
        issued, ends = day + 2, day + 92
    subject = "wrong.example" if problem is Reason.CERT_WRONG_NAME else name
    own = problem is Reason.CERT_SELF_SIGNED
    return TlsFacts(
        version="TLSv1.3",
        cipher="TLS_AES_256_GCM_SHA384",
        subject=subject,
        issuer=subject if own else "Simulated CA",
        names=(subject,),
        not_before=issued * DAY,
        not_after=ends * DAY,
        fingerprint=f"{key_of('leaf', subject, issued):016x}" * 4,
        chain_length=1 if own else 2,
        problem=problem,
    )


def tcp(look: Look, params: TcpParams) -> Answer:
    made = connect(look, TcpFacts(port=params.port))
    if isinstance(made, tuple):
        return made
    timeout = look.check.timeout_s - look.resolve_s
    took, tls, tls_ms = made.at_s, None, None
    outcome, reason = Outcome.OK, Reason.NONE
    if params.tls:
        spent = exchange_s(look)
        took += spent
        broken = REFUSALS.get(look.way.refuse)
        if took > timeout:
            outcome, reason, took = Outcome.FAIL, Reason.TLS_TIMEOUT, max(0.0, timeout)
        elif broken is not None:
            outcome, reason = Outcome.FAIL, broken
        else:
            tls, tls_ms = (
                certificate(look, params.server_name or look.check.address),
                spent * 1e3,
            )
            if params.verify and tls.problem is not Reason.NONE:
                outcome, reason = Outcome.FAIL, tls.problem
    facts = TcpFacts(
        port=params.port,
        connect_ms=round(made.at_s * 1000, 3),
        kernel_rtt_ms=made.rtt_ms,
        tls_ms=None if tls_ms is None else round(tls_ms, 3),
        tls=tls,
    )
    return look.ended(
        outcome, reason, took, rtt_ms=made.rtt_ms, sent=made.syns, received=1, facts=facts
    )
