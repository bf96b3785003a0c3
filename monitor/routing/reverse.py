"""What addresses are called by reverse DNS (RFC 1035 section 3.5, RFC 2317, RFC 3596).

A PTR record is what whoever holds the address block says of itself.  The name is not asked
for in return, so it proves nothing; it tells people whose router they look at.  The last
servers asked are those of the block's owner, which may stand in a watched network: answers
are kept for as long as they say, and failures long enough to be no burden there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from monitor.clock import Clock
from monitor.records import DAY, HOUR, MINUTE, SECOND, Micros, clean_text
from monitor.routing.asking import Asker, NoAnswer, askable
from monitor.routing.origin import Lookup

if TYPE_CHECKING:
    import dns.message

TIMEOUT_S: Final = 5.0
QUERIES_A_SECOND: Final = 5.0
MAX_NAME: Final = 253  # RFC 1035 section 2.3.4, as text without the last dot
_NOBODY: Final = {"", "@", "."}  # the root, however it is written
# How long answers are kept at least and at most, whatever their TTL.
_NAMED: Final = (HOUR, DAY)
_NAMELESS: Final = (15 * MINUTE, 3 * HOUR)  # RFC 2308 section 5 bounds it like this
_KEEP: Final[dict[Lookup, Micros]] = {
    Lookup.PRIVATE: DAY,
    Lookup.BAD_ADDRESS: DAY,
    Lookup.BUSY: MINUTE,
}
_FAILED: Final = 15 * MINUTE


class Name(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one address: ``name`` holds from ``at`` until ``until``; empty where there is none."""

    lookup: Lookup
    at: Micros
    until: Micros
    name: str = ""


class Reverse:
    """Asks for PTR records, at most ``rate`` a second."""

    def __init__(
        self,
        clock: Clock,
        servers: Sequence[str] | None = None,
        *,
        port: int = 53,
        timeout_s: float = TIMEOUT_S,
        rate: float = QUERIES_A_SECOND,
    ) -> None:
        """``servers`` are resolver addresses (None: those of /etc/resolv.conf)."""
        self._clock = clock
        self._asker = Asker(clock, servers, port=port, timeout_s=timeout_s, rate=rate)

    async def name(self, address: str) -> Name:
        """What ``address`` is called; never raises but for cancellation."""
        try:
            asked = askable(address)
            answer = await self._asker.ask(f"{asked.reverse_pointer}.", "PTR")
            return parse_name(answer, self._clock.wall())
        except NoAnswer as none:
            now = self._clock.wall()
            return Name(none.lookup, now, now + _KEEP.get(none.lookup, _FAILED))


def parse_name(answer: dns.message.Message, at: Micros) -> Name:
    """The name in an answer, CNAMEs followed; of several the first in alphabetical order,
    as servers hand them out in turns.  Raises NoAnswer where the answer is none.
    """
    import dns.exception  # noqa: PLC0415 - loaded by whoever has an answer
    import dns.message  # noqa: PLC0415
    import dns.rdatatype  # noqa: PLC0415

    if not isinstance(answer, dns.message.QueryMessage):
        raise NoAnswer(Lookup.MALFORMED)
    try:
        found = answer.resolve_chaining()
    except dns.exception.DNSException:
        raise NoAnswer(Lookup.MALFORMED) from None
    names: list[str] = []
    if found.answer is not None and found.answer.rdtype == dns.rdatatype.PTR:
        texts = {record.target.to_text(omit_final_dot=True) for record in found.answer}
        names = sorted(clean_text(text, MAX_NAME) for text in texts - _NOBODY)
    least, most = _NAMED if names else _NAMELESS
    until = at + min(max(found.minimum_ttl * SECOND, least), most)
    if not names:
        return Name(Lookup.NO_NAME, at, until)
    return Name(Lookup.KNOWN, at, until, names[0])
