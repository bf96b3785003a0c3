"""DNS questions and answers on the wire: templates, matching, and a parse only when needed.

The message is built once a question; an answer is told apart by its bytes without id and
TTLs, so that an unchanged one is never parsed twice (0.05 ms against 0.4 ms).
RFC 1035 (messages), RFC 6891 (EDNS), RFC 5001 (NSID), RFC 8914 (extended errors).
"""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import msgspec

from monitor.probes.failures import Failure
from monitor.records import Reason, clean_text

T = TypeVar("T")

# Large enough for nearly everything, small enough never to be fragmented (flag day 2020).
UDP_PAYLOAD: Final = 1232
MAX_MESSAGE: Final = 16_384
_HEADER: Final = 12
_MAX_RECORDS: Final = 512
_RECORDS_AT_ONCE: Final = 32
_MAX_ANSWERS: Final = 32
_OPT: Final = 41
_QUESTIONLESS: Final = frozenset({1, 2, 4, 5})  # FORMERR, SERVFAIL, NOTIMP, REFUSED
_PARSED_KEPT: Final = 1024


class Query(msgspec.Struct, frozen=True, gc=False):
    """A question: ``tail`` is the message behind its id, ``question`` its question section
    in lower case, as an answer must repeat it.
    """

    name: str
    rdtype: str
    tail: bytes
    question: bytes

    @property
    def text(self) -> str:
        return f"{self.name} {self.rdtype}"


@functools.lru_cache(maxsize=4096)
def query(name: str, rdtype: str, *, recursive: bool) -> Query:
    """The question for ``name``; raises dns.exception.DNSException when it is none."""
    message = dns.message.make_query(
        dns.name.from_text(name),
        rdtype,
        use_edns=0,
        payload=UDP_PAYLOAD,
        options=[dns.edns.GenericOption(dns.edns.OptionType.NSID, b"")],
    )
    if not recursive:
        message.flags &= ~dns.flags.RD
    wire = message.to_wire()
    length = len(message.question[0].name.to_wire() or b"") + 4
    return Query(name, rdtype, wire[2:], wire[_HEADER : _HEADER + length].lower())


def belongs(data: bytes, asked: Query) -> bool:
    """Whether ``data`` answers ``asked``; the id is the caller's business.

    A server that could not read the question may leave it out (RFC 1035 section 4.1.1).
    """
    if len(data) < _HEADER or not data[2] & 0x80:
        return False
    if data[4:6] == b"\0\0":
        return data[3] & 0x0F in _QUESTIONLESS
    end = _HEADER + len(asked.question)
    return data[4:6] == b"\0\x01" and data[_HEADER:end].lower() == asked.question


def is_truncated(data: bytes) -> bool:
    """Whether the TC flag asks for another try over TCP."""
    return bool(data[2] & 0x02)


class Parsed(msgspec.Struct, frozen=True):
    """What an answer says; ``found`` whether it holds a record of the type asked for."""

    rcode: str
    flags: tuple[str, ...]
    answers: tuple[str, ...]
    found: bool
    serial: int | None = None
    nsid: str = ""
    ede: str = ""


class Parser:
    """Parses answers, remembering the last 1,024 different ones."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, bytes], Parsed] = OrderedDict()

    async def parse(self, data: bytes, asked: Query) -> Parsed:
        """Read an answer that ``belongs``.  Raises Failure (DNS_MALFORMED)."""
        try:
            key = (asked.text, _without_ttls(data))
        except IndexError:
            raise Failure(Reason.DNS_MALFORMED, "cut short") from None
        found = self._known.get(key)
        if found is None:
            found = await apart_if_long(_parse, data, asked)
            if len(self._known) >= _PARSED_KEPT:
                self._known.popitem(last=False)
            self._known[key] = found
        else:
            self._known.move_to_end(key)
        return found


def _without_ttls(data: bytes) -> bytes:
    """The message with id and TTLs zeroed; raises IndexError when it is cut short."""
    out = bytearray(data)
    out[0:2] = b"\0\0"
    at = _HEADER
    for _ in range(data[4] << 8 | data[5]):
        at = _behind_name(data, at) + 4
    for _ in range(_records(data)):
        at = _behind_name(data, at)
        if data[at] << 8 | data[at + 1] != _OPT:
            out[at + 4 : at + 8] = b"\0\0\0\0"
        at += 10 + (data[at + 8] << 8 | data[at + 9])
    if at > len(data):
        raise IndexError(at)
    return bytes(out)


def _records(data: bytes) -> int:
    """How many records the header promises; raises Failure when that cannot be meant."""
    records = sum(data[i] << 8 | data[i + 1] for i in (6, 8, 10))
    if records > _MAX_RECORDS:
        raise Failure(Reason.DNS_MALFORMED, f"{records} records")
    return records


async def apart_if_long(read: Callable[[bytes, Query], T], data: bytes, asked: Query) -> T:
    """``read(data, asked)``, in a thread when it may take long.

    Names built of pointers can make 8 kB take a quarter of a second.  Raises Failure.
    """
    if _records(data) <= _RECORDS_AT_ONCE:
        return read(data, asked)
    return await asyncio.to_thread(read, data, asked)


def _behind_name(data: bytes, at: int) -> int:
    while True:
        length = data[at]
        if length == 0:
            return at + 1
        if length >= 0xC0:
            return at + 2
        at += length + 1


def _parse(data: bytes, asked: Query) -> Parsed:
    try:
        return _read(dns.message.from_wire(data, raise_on_truncation=False), asked)
    except Exception as error:  # hostile bytes: whatever the parser trips over is their fault
        raise Failure(Reason.DNS_MALFORMED, type(error).__name__) from error


def _read(message: dns.message.Message, asked: Query) -> Parsed:
    wanted = dns.rdatatype.from_text(asked.rdtype)
    answers: list[str] = []
    found = False
    serial: int | None = None
    for records in (*message.answer, *message.authority):
        if records.rdtype == dns.rdatatype.SOA and len(records) and serial is None:
            serial = records[0].serial
    for records in message.answer:
        found = found or wanted in (records.rdtype, dns.rdatatype.ANY)
        prefix = "" if records.rdtype == wanted else f"{dns.rdatatype.to_text(records.rdtype)} "
        answers.extend(prefix + record.to_text() for record in records)
    nsid = ede = ""
    for option in message.options:
        if isinstance(option, dns.edns.NSIDOption):
            nsid = clean_text(option.nsid)
        elif isinstance(option, dns.edns.EDEOption):
            ede = clean_text(f"{int(option.code)} {option.text or ''}".strip())
    return Parsed(
        rcode=dns.rcode.to_text(message.rcode()),
        flags=tuple(dns.flags.to_text(message.flags).split()),
        answers=tuple(clean_text(text) for text in sorted(answers)[:_MAX_ANSWERS]),
        found=found,
        serial=serial,
        nsid=nsid,
        ede=ede,
    )


@functools.lru_cache(maxsize=4096)
def canonical(rdtype: str, text: str) -> str:
    """An expected answer as answers are written, so that both compare as texts."""
    try:
        record = dns.rdata.from_text(dns.rdataclass.IN, rdtype, text)
    except dns.exception.DNSException:
        return text
    return clean_text(record.to_text())


def is_fresh(serial: int, least: int) -> bool:
    """Whether ``serial`` is not before ``least`` in the order of RFC 1982."""
    return (serial - least) % 2**32 < 2**31
