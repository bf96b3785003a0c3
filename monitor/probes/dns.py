"""Does a name server answer, and what: one question to the host of the check.

Asked as an authority (RD=0, AA expected) unless the check says that it is a resolver.
``rtt_ms`` ends at the kernel's receive stamp; ``sent`` and ``lost`` count datagrams.
"""

from __future__ import annotations

import dns.exception

from monitor.clock import Clock
from monitor.probes.asker import Answer, Asker, AskFailure
from monitor.probes.dnswire import Parsed, Parser, canonical, is_fresh, query
from monitor.probes.failures import Failure, outcome_of
from monitor.probes.resolve import Resolver
from monitor.probes.run import Run
from monitor.records import DnsFacts, Observation, Outcome, Reason, clean_text
from monitor.watchlist.model import Check, DnsParams

_RCODES = {
    "SERVFAIL": Reason.DNS_SERVFAIL,
    "REFUSED": Reason.DNS_REFUSED,
    "NXDOMAIN": Reason.DNS_NXDOMAIN,
    "NOERROR": Reason.DNS_UNEXPECTED,
}


class DnsProbe:
    """Probes of kind ``dns``."""

    def __init__(self, clock: Clock, resolver: Resolver) -> None:
        self._clock = clock
        self._resolver = resolver
        self._asker = Asker(clock)
        self._parser = Parser()

    async def probe(self, check: Check) -> Observation:
        assert isinstance(check.params, DnsParams)
        params = check.params
        run = Run(self._clock, check)
        text = clean_text(f"{params.name} {params.rdtype}")
        try:
            await run.resolve(self._resolver)
            asked = query(params.name, params.rdtype, recursive=params.recursive)
            left_s = max(0.001, run.left_s())
            answer = await self._asker.ask(run.address, params.port, asked, left_s)
        except AskFailure as failure:
            lost = (
                failure.sent if failure.reason is Reason.TIMEOUT else max(0, failure.sent - 1)
            )
            facts = DnsFacts(server=run.address, query=text, lost=max(0, lost))
            silent = failure.reason is Reason.TIMEOUT
            said = run.late(failure) if silent else failure
            return run.failed(said, sent=max(1, failure.sent), facts=facts)
        except Failure as failure:
            return run.failed(failure, facts=DnsFacts(server=run.address, query=text))
        except dns.exception.DNSException as error:
            # No packet was sent: the watchlist asks for what cannot be asked.
            return run.failed(Failure(Reason.PROBE_CRASHED, f"not a question: {error}"))
        try:
            parsed = await self._parser.parse(answer.data, asked)
        except Failure as failure:
            facts = DnsFacts(
                server=run.address,
                query=text,
                transport=answer.transport,
                size=len(answer.data),
                lost=answer.sent - 1,
            )
            return run.failed(
                failure, rtt_ms=answer.rtt_ms, sent=answer.sent, received=1, facts=facts
            )
        reason, note = _judge(parsed, params)
        return run.ended(
            outcome_of(reason) if reason is not Reason.NONE else Outcome.OK,
            reason,
            rtt_ms=answer.rtt_ms,
            sent=answer.sent,
            received=1,
            note=note,
            facts=_facts(run.address, text, answer, parsed),
        )

    async def close(self) -> None:
        await self._asker.close()


def _facts(server: str, text: str, answer: Answer, parsed: Parsed) -> DnsFacts:
    return DnsFacts(
        server=server,
        query=text,
        transport=answer.transport,
        rcode=parsed.rcode,
        flags=parsed.flags,
        answers=parsed.answers,
        serial=parsed.serial,
        nsid=parsed.nsid,
        ede=parsed.ede,
        size=len(answer.data),
        lost=answer.sent - 1,
    )


def _judge(parsed: Parsed, params: DnsParams) -> tuple[Reason, str]:
    """Whether the answer is the expected one; the reason when it is not, and a note."""
    if parsed.rcode != params.rcode:
        return _RCODES.get(parsed.rcode, Reason.DNS_ERROR), parsed.rcode
    authority = not params.recursive if params.authoritative is None else params.authoritative
    if authority and "AA" not in parsed.flags and parsed.rcode in ("NOERROR", "NXDOMAIN"):
        return Reason.DNS_LAME, ""
    if parsed.rcode == "NOERROR" and not parsed.found:
        return Reason.DNS_NODATA, ""
    have = {text.casefold() for text in parsed.answers}
    for wanted in params.answers:
        if canonical(params.rdtype, wanted).casefold() not in have:
            return Reason.DNS_UNEXPECTED, clean_text(f"missing {wanted}")
    if params.min_serial is not None and (
        parsed.serial is None or not is_fresh(parsed.serial, params.min_serial)
    ):
        return Reason.DNS_UNEXPECTED, f"serial {parsed.serial} below {params.min_serial}"
    return Reason.NONE, ""
