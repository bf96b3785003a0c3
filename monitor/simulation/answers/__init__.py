"""What a check would see: the world's state turned into observations.

One file a kind, with the outcomes, reasons and facts of the real probes.  Each gives the
observation and how many seconds it took.
"""

from __future__ import annotations

from monitor.records import Micros, Outcome, Reason
from monitor.simulation.answers.dns import dns
from monitor.simulation.answers.echo import icmp
from monitor.simulation.answers.look import Answer, Look
from monitor.simulation.answers.stream import tcp
from monitor.simulation.answers.trace import trace
from monitor.simulation.answers.web import http
from monitor.simulation.draw import unit
from monitor.simulation.way import Way
from monitor.watchlist.model import (
    Check,
    DnsParams,
    HttpParams,
    IcmpParams,
    TcpParams,
)

__all__ = ["Answer", "answer"]


def answer(check: Check, key: int, way: Way, at: Micros) -> Answer:
    """What ``check`` sees of ``way`` at ``at``; ``key`` is its stream of draws."""
    look = Look(check, key, way, at)
    early = _resolve(look)
    if early is not None:
        return early
    if way.own == "no-route":
        return look.ended(Outcome.ERROR, Reason.NO_ROUTE, 0.0, sent=0)
    params = check.params
    match params:
        case IcmpParams():
            found = icmp(look, params)
        case TcpParams():
            found = tcp(look, params)
        case DnsParams():
            found = dns(look, params)
        case HttpParams():
            found = http(look, params)
        case _:
            found = trace(look, params)
    return found


def _resolve(look: Look) -> Answer | None:
    """Find the address; an answer only when there is none."""
    way, check = look.way, look.check
    if not way.named:
        look.address = check.address
        return None
    if way.resolver:
        slow = way.resolver == "timeout"
        reason = Reason.RESOLVER_TIMEOUT if slow else Reason.RESOLVER_FAILED
        return look.ended(Outcome.ERROR, reason, check.timeout_s if slow else 0.05, sent=0)
    look.count += 1
    look.resolve_s = 0.001 + 0.02 * unit(look.key, look.count)
    look.address = way.site.v6 if check.family == "ipv6" else way.site.v4
    if not look.address:
        return look.ended(Outcome.FAIL, Reason.NAME_NO_ADDRESS, 0.0, sent=0)
    return None
