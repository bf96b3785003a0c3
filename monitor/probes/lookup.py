"""One look-up of a name at the system's resolvers, in order, until one answers."""

from __future__ import annotations

from typing import Final

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from monitor.probes.asker import Asker
from monitor.probes.dnswire import Query, apart_if_long, query
from monitor.probes.failures import Failure
from monitor.records import Reason, clean_text

Found = tuple[str, Reason, str, float]

_NEGATIVE_TTL_S: Final = 60.0


async def first_answer(
    asker: Asker, servers: tuple[str, ...], port: int, key: tuple[str, str], total_s: float
) -> tuple[Found, int]:
    """Ask ``servers`` in turn for ``key`` (name, family), each for its share of ``total_s``.

    Returns what was found (address, reason, note, seconds it may be kept) and the index of
    the server that knew, or -1.  A failing server hands over to the next.
    """
    name, family = key
    try:
        asked = query(name, "A" if family == "ipv4" else "AAAA", recursive=True)
    except (dns.exception.DNSException, UnicodeError) as error:
        note = clean_text(f"not a name: {type(error).__name__}")
        return ("", Reason.NAME_NOT_FOUND, note, _NEGATIVE_TTL_S), -1
    answered = False
    note = ""
    for index, server in enumerate(servers):
        try:
            answer = await asker.ask(server, port, asked, total_s / len(servers))
            found = await apart_if_long(_read, answer.data, asked)
        except Failure as failure:
            note = note or f"{server}: {failure.reason} {failure.note}".strip()
            answered = answered or failure.reason is not Reason.TIMEOUT
            continue
        if found[1] is not Reason.RESOLVER_FAILED:
            return found, index
        answered = True
        note = f"{server}: {found[2]}"
    reason = Reason.RESOLVER_FAILED if answered else Reason.RESOLVER_TIMEOUT
    return ("", reason, note, 0.0), -1


def _read(data: bytes, asked: Query) -> Found:
    """The lowest address in an answer, through its CNAMEs."""
    try:
        message = dns.message.from_wire(data)
        assert isinstance(message, dns.message.QueryMessage)
        rcode = message.rcode()
        if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return ("", Reason.RESOLVER_FAILED, dns.rcode.to_text(rcode), 0.0)
        chain = message.resolve_chaining()
    except Exception as error:  # noqa: BLE001 - hostile bytes: any trip is the answer's fault
        return ("", Reason.RESOLVER_FAILED, f"malformed answer: {type(error).__name__}", 0.0)
    if rcode == dns.rcode.NXDOMAIN:
        return ("", Reason.NAME_NOT_FOUND, asked.name, _negative(chain.minimum_ttl))
    if not chain.answer:
        return ("", Reason.NAME_NO_ADDRESS, asked.text, _negative(chain.minimum_ttl))
    # As texts of one version: any fixed order will do.
    return (min(record.address for record in chain.answer), Reason.NONE, "", chain.minimum_ttl)


def _negative(ttl: float) -> float:
    """How long a name may stay unknown: people who mend it wait for us."""
    return min(ttl, _NEGATIVE_TTL_S)
