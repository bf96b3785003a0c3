"""Single values of a watchlist: durations, names, addresses, prefixes, zones.

Each function takes what TOML gave, and returns what the model keeps or raises
:class:`~monitor.watchlist.errors.Wrong` with what would be allowed.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import ipaddress
import math
import re
import warnings
import zoneinfo
from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from monitor.records import clean_text
from monitor.watchlist.errors import Wrong

MAX_NAME: Final = 120
MAX_TEXT: Final = 1_000
MAX_URL: Final = 2_000
MAX_ASN: Final = 4_294_967_294  # RFC 7300: the last one is reserved

_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|m|h|d)")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
# RFC 952 and 1123, with the underscore that names in real zones carry.
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_DNS_LABEL: Final = re.compile(r"[a-z0-9_*/-]{1,63}")
_RDTYPES: Final = frozenset(
    "A AAAA CAA CDNSKEY CDS CERT CNAME CSYNC DNAME DNSKEY DS HINFO HTTPS LOC"  # noqa: SIM905 - 34 quoted words say no more
    " MX NAPTR NS"
    " NSEC NSEC3 NSEC3PARAM OPENPGPKEY PTR RP RRSIG SOA SPF SRV SSHFP SVCB TLSA TXT URI"
    " ZONEMD".split()
)
_RCODES: Final = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_STATUS: Final = re.compile(r"[1-5](?:\d\d|xx)")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")  # RFC 9110 section 5.6.2
_SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_TEXT: Final = "text without control, escape or invisible characters"


def meant(word: str, known: Iterable[str]) -> str:
    """``did you mean "x"?`` when something known is close to ``word``, else nothing."""
    near = difflib.get_close_matches(word[:MAX_NAME].casefold(), list(known), n=1, cutoff=0.6)
    return f'did you mean "{clean_text(near[0])}"?' if near else ""


def text(value: object, limit: int = MAX_NAME) -> str:
    """One line of text that :func:`~monitor.records.clean_text` has nothing to say about."""
    if not isinstance(value, str):
        raise Wrong("text in quotes")
    line = " ".join(value.replace("\r\n", "\n").split("\n")).strip()
    if len(line) > limit:
        raise Wrong(f"text of at most {limit} characters")
    if clean_text(line, limit) != line:
        raise Wrong(_TEXT)
    return line


def label(value: object) -> str:
    """A name or a source: text that is there."""
    found = text(value)
    if not found:
        raise Wrong("text that is not empty")
    return found


def note(value: object) -> str:
    """A longer text for people; its line breaks become spaces."""
    return text(value, MAX_TEXT)


def link(value: object) -> str:
    """An http or https URL for people, as it was written."""
    url(value)
    return text(value, MAX_URL)


def identifier(value: object) -> str:
    """An id: it is a key in the cache and a word on the command line."""
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    raise Wrong("a-z, 0-9, '.', '_' and '-', starting with a letter or digit, at most 64")


def whole(value: object, low: int, high: int) -> int:
    """A whole number in a range, both ends included."""
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    raise Wrong(f"a whole number from {low} to {high}")


def rate(value: object) -> float:
    """Packets a second."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0.1 <= value <= 100:
        return float(value)
    raise Wrong("packets a second from 0.1 to 100")


def truth(value: object) -> bool:
    """A TOML boolean."""
    if isinstance(value, bool):
        return value
    raise Wrong("true or false")


def one_of(value: object, known: Iterable[str]) -> str:
    """One of the known words."""
    words = sorted(known)
    if isinstance(value, str):
        if value in words:
            return value
        raise Wrong(", ".join(words), meant(value, words))
    raise Wrong(", ".join(words))


def seconds(value: object, low: float, high: float) -> float:
    """A duration in seconds: ``"60s"``, ``"5m"``, ``"500ms"``, ``"1h"``, or a number."""
    allowed = f'{duration_text(low)} to {duration_text(high)}, as "60s", "5m", "500ms" or "1h"'
    found = math.nan
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match:
            found = float(match[1]) * _UNITS[match[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        # Compared before it is converted: float() of a huge int overflows.
        found = float(value) if low <= value <= high else math.nan
    if low <= found <= high:
        return found
    raise Wrong(allowed)


def duration_text(value: float) -> str:
    """Seconds in the unit that keeps them short."""
    for unit in ("d", "h", "m", "s"):
        if value >= _UNITS[unit] and value % _UNITS[unit] == 0:
            return f"{value / _UNITS[unit]:g}{unit}"
    return f"{value * 1000:g}ms" if value < 1 else f"{value:g}s"


def days(value: object) -> int:
    """Days: a whole number, or ``"14d"``."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}d", value):
        value = int(value[:-1])
    try:
        return whole(value, 0, 366)
    except Wrong:
        raise Wrong('days from 0 to 366, as 14 or "14d"') from None


# --- names and addresses -----------------------------------------------------------------


def ascii_name(value: str) -> str:
    """The A-label form of a host name in any script, lower case, without the last dot.

    IDNA 2008 with the mapping of UTS 46.
    """
    name = value.removesuffix(".")
    if len(name) > 253:
        raise Wrong("a host name of at most 253 characters (RFC 1035)")
    if not name.isascii():
        import idna  # noqa: PLC0415 - its tables are large and few watchlists need them

        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except UnicodeError as error:
            raise Wrong(f"a host name of IDNA 2008 ({clean_text(error, MAX_NAME)})") from None
    name = name.lower()
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise Wrong("a host name: labels of a-z, 0-9 and '-', 1 to 63 long (RFC 1123)")
    return name


def unicode_name(name: str) -> str:
    """A host name as people of its script read it; unchanged where that is not possible."""
    if "xn--" not in name:
        return name
    import idna  # noqa: PLC0415 - its tables are large and few watchlists need them

    try:
        readable = idna.decode(name)
    except UnicodeError:
        return name
    return readable if clean_text(readable) == readable else name


def address(value: object) -> str:
    """What to probe: an IP address in its usual form, or a host name in its ASCII form."""
    either = "an IP address or a host name"
    if not isinstance(value, str):
        raise Wrong(f"{either}, in quotes")
    if clean_text(value, MAX_URL) != value or value != value.strip() or not value:
        raise Wrong(f"{either}; no spaces, control or invisible characters")
    if "://" in value or "/" in value:
        raise Wrong(either, "a URL belongs into a check of kind http")
    try:
        found = ipaddress.ip_address(value)
    except ValueError as error:
        last = value.removesuffix(".").rpartition(".")[2]
        if ":" in value or last.isdecimal():
            why = clean_text(str(error), MAX_NAME)
            raise Wrong(either, f"it is no IP address: {why}") from None
        return ascii_name(value)
    if found.is_unspecified or found.is_multicast or str(found) == "255.255.255.255":
        raise Wrong("the address of one host")
    return str(found)


def family_of(host: str) -> str:
    """``ipv4`` or ``ipv6`` for an address, empty for a name."""
    try:
        return f"ipv{ipaddress.ip_address(host).version}"
    except ValueError:
        return ""


def prefix(value: object) -> str:
    """A network in its canonical form; host bits must be zero."""
    if not isinstance(value, str):
        raise Wrong('a network as "192.0.2.0/24", in quotes')
    if "/" not in value:
        raise Wrong('a network with its length, as "192.0.2.0/24"')
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        pass
    try:
        right = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise Wrong('a network as "192.0.2.0/24" or "2001:db8::/48"') from None
    raise Wrong("a network whose host bits are zero", f'did you mean "{right}"?')


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def timezone(value: object) -> str:
    """A zone of the IANA time zone database, as this machine has it."""
    wanted = 'a time zone as "Asia/Pyongyang"'
    if not isinstance(value, str):
        raise Wrong(wanted)
    if value == "UTC":
        return value
    try:
        zoneinfo.ZoneInfo(value)
    except (LookupError, ValueError, OSError):
        zones = _zones()
        if not zones:
            raise Wrong(wanted, "this machine has no time zone database (tzdata)") from None
        lower = {zone.casefold(): zone for zone in zones}
        near = difflib.get_close_matches(value[:MAX_NAME].casefold(), lower, n=1)
        raise Wrong(wanted, f'did you mean "{lower[near[0]]}"?' if near else "") from None
    return value


def country(value: object) -> str:
    """A country by its two letters (ISO 3166-1)."""
    if isinstance(value, str) and _COUNTRY.fullmatch(value):
        return value
    raise Wrong('a country by its two capital letters (ISO 3166-1), as "JP"')


def date(value: object) -> str:
    """A TOML date, as ISO text."""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    raise Wrong("a date without quotes, as 2014-12-24")


# --- of checks -----------------------------------------------------------------------------


def query(value: object) -> tuple[str, str]:
    """Name (absolute, ASCII) and record type of a DNS question: ``"kp. SOA"``."""
    allowed = 'a name and a record type, as "kp. SOA" or ". NS"'
    parts = value.split() if isinstance(value, str) else []
    if len(parts) != 2:
        raise Wrong(allowed)
    name, rdtype = parts[0], parts[1].upper()
    if rdtype not in _RDTYPES and not re.fullmatch(r"TYPE\d{1,5}", rdtype):
        raise Wrong(allowed, meant(rdtype.casefold(), map(str.casefold, _RDTYPES)).upper())
    if name == ".":
        return name, rdtype
    if not name.isascii():
        name = ascii_name(name)
    name = name.lower().removesuffix(".")
    if len(name) > 253 or not all(_DNS_LABEL.fullmatch(label) for label in name.split(".")):
        raise Wrong(allowed, "the name is no domain name")
    return f"{name}.", rdtype


def rcode(value: object) -> str:
    """A DNS response code by its name (RFC 1035, section 4.1.1)."""
    return one_of(value.upper() if isinstance(value, str) else value, _RCODES)


def status(value: object) -> str:
    """An HTTP status code or class: ``200`` or ``"2xx"``."""
    word = str(value) if isinstance(value, str) or type(value) is int else ""
    if _STATUS.fullmatch(word):
        return word
    raise Wrong('a status code or class, as 200 or "2xx"')


def regex(value: object) -> str:
    """A regular expression that compiles."""
    pattern = text(value, MAX_TEXT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        why = clean_text(error, MAX_NAME)
        raise Wrong(f"a regular expression of Python's re ({why})") from None
    return pattern


def url(value: object) -> str:
    """An http or https URL in ASCII, without credentials and fragment."""
    allowed = 'a URL as "http://example.org/"'
    whole_url = text(value, MAX_URL)
    try:
        parts = urlsplit(whole_url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise Wrong(allowed) from None
    if parts.scheme not in ("http", "https") or not host or " " in whole_url:
        raise Wrong(allowed)
    if parts.username is not None or parts.password is not None:
        wanted = f"{allowed}, without a user name or password: a watchlist keeps no secrets"
        raise Wrong(wanted, found="a URL with credentials")
    return _rebuilt(parts, address(host), port)


def _rebuilt(parts: SplitResult, host: str, port: int | None) -> str:
    safe = "/%:@!$&'()*+,;=~-._?"
    netloc = f"[{host}]" if family_of(host) == "ipv6" else host
    if port is not None:
        netloc += f":{whole(port, 1, 65_535)}"
    path, ask = quote(parts.path or "/", safe=safe), quote(parts.query, safe=safe)
    return urlunsplit((parts.scheme, netloc, path, ask, ""))


def header(name: str, value: object) -> tuple[str, str]:
    """A request header (RFC 9110, section 5); such as carry secrets are refused."""
    if not _TOKEN.fullmatch(name):
        raise Wrong("a header name of RFC 9110")
    if name.lower() in _SECRET_HEADERS:
        wanted = "headers without secrets: what a watchlist holds is shown and copied"
        raise Wrong(wanted, found="a secret")
    content = text(value, MAX_TEXT)
    if not content.isascii():
        raise Wrong("a header value in ASCII")
    return name, content


def json_pair(path: str, value: object) -> tuple[str, str]:
    """A JSON path and its value as JSON writes it, but for the quotes of a string."""
    match value:
        case bool():
            return text(path), "true" if value else "false"
        case int() | float() if abs(value) < 1e30:
            return text(path), str(value)
        case _:
            return text(path), text(value, MAX_TEXT)
