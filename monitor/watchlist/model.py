"""The watchlist as the rest of the program sees it: resolved, validated, immutable.

The TOML a person writes is read by :mod:`monitor.watchlist.loader`; here every default is
filled in, every duration is seconds, every check has its id.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

import msgspec

from monitor.records import Claim, Kind, Phase, State

Prefix = ipaddress.IPv4Network | ipaddress.IPv6Network


class IcmpParams(msgspec.Struct, frozen=True):
    """An echo burst of ``count`` packets, ``spacing_s`` apart, ``size`` payload bytes."""

    count: int = 5
    spacing_s: float = 0.2
    size: int = 56


class TcpParams(msgspec.Struct, frozen=True):
    """A connect to ``port``; with ``tls`` a handshake for ``server_name`` as well."""

    port: int
    tls: bool = False
    server_name: str = ""
    verify: bool = True
    expiry_warn_days: int = 14


class DnsParams(msgspec.Struct, frozen=True):
    """A question.  Without ``resolver`` the host itself is asked as an authority (RD=0,
    AA expected); with ``recursive`` it is asked as a resolver.

    ``rcode`` is expected; ``answers``, when given, must all be among the answers;
    ``min_serial`` is the lowest SOA serial that counts as fresh (RFC 1982 order).
    """

    name: str
    rdtype: str
    recursive: bool = False
    port: int = 53
    rcode: str = "NOERROR"
    answers: tuple[str, ...] = ()
    min_serial: int | None = None
    authoritative: bool | None = None


class HttpParams(msgspec.Struct, frozen=True):
    """One GET or HEAD.  ``status`` lists accepted codes or classes (``200``, ``2xx``).

    ``body`` must occur, ``regex`` must match, ``json`` is a list of ``path == value`` pairs
    (dotted path), each checked within the first MiB.
    """

    url: str
    method: str = "GET"
    status: tuple[str, ...] = ("2xx", "3xx")
    body: str = ""
    regex: str = ""
    json: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    follow: int = 0
    verify: bool = True
    expiry_warn_days: int = 14


class TraceParams(msgspec.Struct, frozen=True):
    """A trace.  ``method`` is ``auto``, ``icmp``, ``udp`` or ``tcp`` (to ``port``)."""

    method: str = "auto"
    port: int = 443
    max_ttl: int = 30


Params = IcmpParams | TcpParams | DnsParams | HttpParams | TraceParams


class Check(msgspec.Struct, frozen=True):
    """One probe kind on one host.

    ``address`` is what to probe: an IP address, or a name resolved at each run in
    ``family`` (``ipv4`` or ``ipv6``).  ``id`` is ``host/label``.
    """

    id: str
    host: str
    kind: Kind
    address: str
    params: Params
    label: str = ""
    family: str = "ipv4"
    interval_s: float = 60.0
    timeout_s: float = 5.0


class Host(msgspec.Struct, frozen=True):
    """A named thing with checks, or a control when ``role`` is ``control``.

    ``affiliation`` is whose voice it is (a network id, or empty).  ``side`` of a control is
    ``far`` or ``near``; a near control stands behind the upstream of ``near`` (network
    ids).  ``historic`` hosts are shown but never judged.  ``asn`` is the origin AS stated
    for a control, used to count how independent the controls are.
    """

    id: str
    name: str
    address: str
    role: str = "host"
    side: str = ""
    near: tuple[str, ...] = ()
    affiliation: str = ""
    asn: int | None = None
    parents: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    historic: bool = False
    note: str = ""
    checks: tuple[Check, ...] = ()


class Network(msgspec.Struct, frozen=True):
    """The subject of a situation.  ``country`` (ISO 3166-1) is whose network it is, if it is a
    country's: a witness is asked about it.
    """

    id: str
    name: str
    prefixes: tuple[str, ...] = ()
    origin_asns: tuple[int, ...] = ()
    upstream_asns: tuple[int, ...] = ()
    timezone: str = "UTC"
    note: str = ""
    country: str = ""

    def holds(self, address: str) -> bool:
        """Whether ``address`` (text) lies in one of the prefixes; False for a name."""
        return _holds(self.prefixes, address)


@lru_cache(maxsize=65_536)
def _holds(prefixes: tuple[str, ...], address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(prefix) for prefix in prefixes)


class Budget(msgspec.Struct, frozen=True):
    """How hard we may look: over all, and at one /24 (or /48)."""

    in_flight: int = 128
    prefix_in_flight: int = 2
    prefix_rate: float = 1.0


class Feeds(msgspec.Struct, frozen=True):
    """Which feeds and witnesses may be asked.  Without ``ris`` no routes are asked for.

    ``url`` is the RIS Live stream; with ``ripestat`` its gaps are filled with snapshots
    from the RIPEstat at ``ripestat_url``.  With ``origins`` Team Cymru is asked, over DNS,
    who announces the addresses that are seen; with ``names`` reverse DNS is asked what
    they are called.  With ``ioda`` the IODA at ``ioda_url`` is asked, as an independent
    witness, what it sees of the origin ASNs and countries of the networks.
    """

    ris: bool = False
    url: str = "https://ris-live.ripe.net/v1/stream/"
    ripestat: bool = True
    ripestat_url: str = "https://stat.ripe.net/"
    origins: bool = False
    names: bool = False
    ioda: bool = False
    ioda_url: str = "https://api.ioda.inetintel.cc.gatech.edu/v2/"


class Keep(msgspec.Struct, frozen=True):
    """For how long the cache keeps each tier, in seconds; events are kept for ever."""

    raw_s: float = 7 * 86_400.0
    fives_s: float = 90 * 86_400.0
    hours_s: float = 730 * 86_400.0


class Target(msgspec.Struct, frozen=True):
    """Somebody to be told, through Apprise.  Its URL holds secrets: it stands in the
    environment variable ``env`` or in the first line of ``file``, and nowhere else.
    """

    id: str
    env: str = ""
    file: str = ""


class Quiet(msgspec.Struct, frozen=True):
    """Hours in which nobody is told: minutes since midnight in ``timezone``; they may run
    over midnight.
    """

    begin_min: int
    end_min: int
    timezone: str = "UTC"


# Who needs no target: the bell and the notices of the desk's own terminal.
LOCAL_TARGETS: Final = ("bell", "desktop")
# What a rule may want to be told of routes: confirmed states, and what is odd about them.
ROUTE_WORDS: Final = (
    *("withdrawn", "partial", "unstable"),
    *("origin", "more-specific", "disagrees"),
)


class Alert(msgspec.Struct, frozen=True):
    """A rule: of what to tell, when, how often, and whom.

    Told of are hosts in ``states``, networks in ``phases``, routes that are as in ``routes``
    (ROUTE_WORDS), our ``own`` vantage at fault and ``feeds`` that fail: each only when it is
    hard, and has lasted ``after_s``.  ``hosts``, ``networks`` and ``affiliations`` are
    patterns; all that are given must fit, and controls need one of ``hosts``.  What begins
    within ``together_s`` and has one cause is one message.  ``reminder_s`` 0: none.
    """

    id: str
    states: tuple[State, ...] = ()
    phases: tuple[Phase, ...] = ()
    routes: tuple[str, ...] = ()
    own: bool = False
    feeds: bool = False
    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    affiliations: tuple[str, ...] = ()
    after_s: float = 0.0
    together_s: float = 30.0
    reminder_s: float = 0.0
    recovery: bool = True
    quiet: Quiet | None = None
    to: tuple[str, ...] = ()


class Watchlist(msgspec.Struct, frozen=True):
    """One file: what a desk watches.  ``hash`` is the SHA-256 of its bytes."""

    name: str
    networks: tuple[Network, ...] = ()
    hosts: tuple[Host, ...] = ()
    budget: Budget = Budget()
    feeds: Feeds = Feeds()
    keep: Keep = Keep()
    targets: tuple[Target, ...] = ()
    alerts: tuple[Alert, ...] = ()
    timezone: str = ""
    path: str = ""
    hash: str = ""

    def checks(self) -> tuple[Check, ...]:
        """Every check of every host and control, in file order; historic hosts have none."""
        return tuple(check for host in self.hosts if not host.historic for check in host.checks)

    def controls(self, side: str = "") -> tuple[Host, ...]:
        """The controls, or those of one side."""
        return tuple(
            host for host in self.hosts if host.role == "control" and side in ("", host.side)
        )


MIN_INTERVAL_S: Final = 1.0
MAX_INTERVAL_S: Final = 86_400.0
