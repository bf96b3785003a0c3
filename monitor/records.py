"""What was seen and said: the vocabulary every room of the house shares.

Times are ``Micros``: whole microseconds of UTC since 1970-01-01.  Durations that people
read (round-trip times, phases) are milliseconds as floats; intervals are seconds.
Every text that came from outside passes through :func:`clean_text` before it enters a
record, so nothing after this module has to distrust one.
"""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from typing import Any, Final

import msgspec

Micros = int
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_MAX_TEXT: Final = 256
_MAX_COMBINING: Final = 4


class State(StrEnum):
    """State of a check or a host (DESIGN, vocabulary)."""

    UP = "UP"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"
    UNREACHABLE = "UNREACHABLE"
    UNKNOWN = "UNKNOWN"


class Phase(StrEnum):
    """Phase of a network."""

    STABLE = "STABLE"
    UNSTABLE = "UNSTABLE"
    PARTIAL = "PARTIAL"
    LOST = "LOST"
    RESTORED = "RESTORED"
    UNKNOWN = "UNKNOWN"


class Vantage(StrEnum):
    """Health of the place we look from."""

    HEALTHY = "HEALTHY"
    FAULT = "FAULT"
    RECHECK = "RECHECK"
    UNKNOWN = "UNKNOWN"


class FeedState(StrEnum):
    """What may be said from a routing feed: no data, error and zero are three things.

    ``ABSENT``: nothing was asked, or nothing has come yet.  ``ERROR``: it was asked and
    failed, and there is no data.  ``STALE``: there is data, but it no longer follows the
    world.  ``LIVE``: what it says holds now; zero routes means zero routes.
    """

    ABSENT = "absent"
    ERROR = "error"
    STALE = "stale"
    LIVE = "live"


class FeedReason(StrEnum):
    """Why a feed is not live.  Decisions are taken on these, never on free text."""

    NONE = "none"
    DISABLED = "disabled"
    CONNECTING = "connecting"
    UNSEEDED = "unseeded"
    NAME = "name"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    SILENT = "silent"
    DELAYED = "delayed"
    CLOSED = "closed"
    TRUNCATED = "truncated"
    RATE_LIMITED = "rate-limited"
    HTTP_STATUS = "http-status"
    PROTOCOL = "protocol"
    NOT_JSON = "not-json"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    FEED_ERROR = "feed-error"
    NO_CONTROL = "no-control"
    NO_DATA = "no-data"
    CRASHED = "crashed"


FEED_REASONS: Final[dict[FeedReason, str]] = {
    FeedReason.NONE: "",
    FeedReason.DISABLED: "not asked for by the watchlist",
    FeedReason.CONNECTING: "not connected yet",
    FeedReason.UNSEEDED: "no snapshot yet",
    FeedReason.NAME: "its name cannot be resolved",
    FeedReason.REFUSED: "connection refused",
    FeedReason.UNREACHABLE: "cannot be reached",
    FeedReason.TLS: "TLS failed",
    FeedReason.TIMEOUT: "no answer in time",
    FeedReason.SILENT: "silent: even its canary says nothing",
    FeedReason.DELAYED: "late: its newest data is minutes old",
    FeedReason.CLOSED: "closed by the other side",
    FeedReason.TRUNCATED: "cut off in the middle",
    FeedReason.RATE_LIMITED: "asked too often (429)",
    FeedReason.HTTP_STATUS: "unexpected HTTP status",
    FeedReason.PROTOCOL: "not valid HTTP",
    FeedReason.NOT_JSON: "not JSON",
    FeedReason.MALFORMED: "not the documented format",
    FeedReason.TOO_LARGE: "more than we take",
    FeedReason.FEED_ERROR: "the feed reports an error",
    FeedReason.NO_CONTROL: "no data for a control prefix either: outside its horizon",
    FeedReason.NO_DATA: "it answers, and has no data of this",
    FeedReason.CRASHED: "the reader itself failed",
}


class Routed(StrEnum):
    """How far the routes of a prefix are seen (DESIGN 4.6)."""

    VISIBLE = "visible"
    PARTIAL = "partial"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


class PathState(StrEnum):
    """What the way to a host amounts to."""

    UNKNOWN = "unknown"
    WHOLE = "whole"
    BROKEN = "broken"
    LOOP = "loop"


class AlarmKind(StrEnum):
    """What is odd about who announces."""

    ORIGIN = "origin"
    MORE_SPECIFIC = "more-specific"


class Disagreement(StrEnum):
    """Routes and probes say different things; shown beside each other, never merged."""

    NONE = ""
    DEAD = "announced but dead"
    ALIVE = "withdrawn but alive"


class Outcome(StrEnum):
    """What one check run amounted to.

    ``ERROR`` means that we could not look (our own machine, permission, resolver): it says
    nothing about the host.  ``SKIPPED`` means that the run was shed to protect the others.
    """

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"
    SKIPPED = "skipped"


class Kind(StrEnum):
    """Probe kinds."""

    ICMP = "icmp"
    TCP = "tcp"
    DNS = "dns"
    HTTP = "http"
    TRACE = "trace"


class Layer(StrEnum):
    """Which part of the way a reason speaks about."""

    NONE = "none"
    OWN = "own"
    NAME = "name"
    PATH = "path"
    HOST = "host"
    PORT = "port"
    TLS = "tls"
    DNS = "dns"
    HTTP = "http"


class Reason(StrEnum):
    """Why a check run ended as it did.  Decisions are taken on these, never on free text."""

    NONE = "none"
    # we could not look
    NOT_PERMITTED = "not-permitted"
    NO_ROUTE = "no-route"
    NO_FAMILY = "no-family"
    LOCAL_LIMIT = "local-limit"
    SHED = "shed"
    VOIDED = "voided"
    PROBE_CRASHED = "probe-crashed"
    RESOLVER_TIMEOUT = "resolver-timeout"
    RESOLVER_FAILED = "resolver-failed"
    # the name
    NAME_NOT_FOUND = "name-not-found"
    NAME_NO_ADDRESS = "name-no-address"
    # silence and refusals on the way or at the host
    TIMEOUT = "timeout"
    LOSS = "loss"
    NET_UNREACHABLE = "net-unreachable"
    HOST_UNREACHABLE = "host-unreachable"
    PROHIBITED = "prohibited"
    TTL_EXPIRED = "ttl-expired"
    PATH_BREAK = "path-break"
    PATH_LOOP = "path-loop"
    PORT_UNREACHABLE = "port-unreachable"
    REFUSED = "refused"
    RESET = "reset"
    CLOSED = "closed"
    # TLS
    TLS_TIMEOUT = "tls-timeout"
    TLS_HANDSHAKE = "tls-handshake"
    CERT_EXPIRED = "cert-expired"
    CERT_NOT_YET_VALID = "cert-not-yet-valid"
    CERT_WRONG_NAME = "cert-wrong-name"
    CERT_SELF_SIGNED = "cert-self-signed"
    CERT_UNTRUSTED = "cert-untrusted"
    CERT_INVALID = "cert-invalid"
    CERT_EXPIRES_SOON = "cert-expires-soon"
    # DNS
    DNS_SERVFAIL = "dns-servfail"
    DNS_REFUSED = "dns-refused"
    DNS_NXDOMAIN = "dns-nxdomain"
    DNS_NODATA = "dns-nodata"
    DNS_LAME = "dns-lame"
    DNS_ERROR = "dns-error"
    DNS_MALFORMED = "dns-malformed"
    DNS_UNEXPECTED = "dns-unexpected"
    # HTTP
    HTTP_HEADERS_TIMEOUT = "http-headers-timeout"
    HTTP_BODY_TIMEOUT = "http-body-timeout"
    HTTP_STATUS = "http-status"
    HTTP_CONTENT = "http-content"
    HTTP_PROTOCOL = "http-protocol"
    HTTP_TOO_LARGE = "http-too-large"
    HTTP_REDIRECTS = "http-redirects"


class ReasonFacts(msgspec.Struct, frozen=True, gc=False):
    """What a reason speaks about, and how it is said to people."""

    layer: Layer
    text: str


REASONS: Final[dict[Reason, ReasonFacts]] = {
    Reason.NONE: ReasonFacts(Layer.NONE, ""),
    Reason.NOT_PERMITTED: ReasonFacts(Layer.OWN, "not permitted here"),
    Reason.NO_ROUTE: ReasonFacts(Layer.OWN, "no route from here"),
    Reason.NO_FAMILY: ReasonFacts(Layer.OWN, "no such IP version here"),
    Reason.LOCAL_LIMIT: ReasonFacts(Layer.OWN, "a limit of this machine"),
    Reason.SHED: ReasonFacts(Layer.OWN, "skipped: too much in flight"),
    Reason.VOIDED: ReasonFacts(Layer.OWN, "voided: clock jump or suspend"),
    Reason.PROBE_CRASHED: ReasonFacts(Layer.OWN, "the probe itself failed"),
    Reason.RESOLVER_TIMEOUT: ReasonFacts(Layer.OWN, "our resolver does not answer"),
    Reason.RESOLVER_FAILED: ReasonFacts(Layer.OWN, "our resolver failed"),
    Reason.NAME_NOT_FOUND: ReasonFacts(Layer.NAME, "no such name"),
    Reason.NAME_NO_ADDRESS: ReasonFacts(Layer.NAME, "name has no address"),
    Reason.TIMEOUT: ReasonFacts(Layer.PATH, "no answer"),
    Reason.LOSS: ReasonFacts(Layer.PATH, "packet loss"),
    Reason.NET_UNREACHABLE: ReasonFacts(Layer.PATH, "network unreachable"),
    Reason.HOST_UNREACHABLE: ReasonFacts(Layer.HOST, "host unreachable"),
    Reason.PROHIBITED: ReasonFacts(Layer.PATH, "prohibited by a filter"),
    Reason.TTL_EXPIRED: ReasonFacts(Layer.PATH, "TTL expired on the way"),
    Reason.PATH_BREAK: ReasonFacts(Layer.PATH, "path ends before the host"),
    Reason.PATH_LOOP: ReasonFacts(Layer.PATH, "path loops"),
    Reason.PORT_UNREACHABLE: ReasonFacts(Layer.PORT, "port unreachable"),
    Reason.REFUSED: ReasonFacts(Layer.PORT, "connection refused"),
    Reason.RESET: ReasonFacts(Layer.PORT, "connection reset"),
    Reason.CLOSED: ReasonFacts(Layer.PORT, "closed without an answer"),
    Reason.TLS_TIMEOUT: ReasonFacts(Layer.TLS, "TLS handshake timed out"),
    Reason.TLS_HANDSHAKE: ReasonFacts(Layer.TLS, "TLS handshake failed"),
    Reason.CERT_EXPIRED: ReasonFacts(Layer.TLS, "certificate expired"),
    Reason.CERT_NOT_YET_VALID: ReasonFacts(Layer.TLS, "certificate not yet valid"),
    Reason.CERT_WRONG_NAME: ReasonFacts(Layer.TLS, "certificate for another name"),
    Reason.CERT_SELF_SIGNED: ReasonFacts(Layer.TLS, "self-signed certificate"),
    Reason.CERT_UNTRUSTED: ReasonFacts(Layer.TLS, "certificate of unknown issuer"),
    Reason.CERT_INVALID: ReasonFacts(Layer.TLS, "certificate not valid"),
    Reason.CERT_EXPIRES_SOON: ReasonFacts(Layer.TLS, "certificate expires soon"),
    Reason.DNS_SERVFAIL: ReasonFacts(Layer.DNS, "SERVFAIL"),
    Reason.DNS_REFUSED: ReasonFacts(Layer.DNS, "REFUSED"),
    Reason.DNS_NXDOMAIN: ReasonFacts(Layer.DNS, "NXDOMAIN"),
    Reason.DNS_NODATA: ReasonFacts(Layer.DNS, "no such record"),
    Reason.DNS_LAME: ReasonFacts(Layer.DNS, "lame: not authoritative"),
    Reason.DNS_ERROR: ReasonFacts(Layer.DNS, "DNS error code"),
    Reason.DNS_MALFORMED: ReasonFacts(Layer.DNS, "malformed DNS answer"),
    Reason.DNS_UNEXPECTED: ReasonFacts(Layer.DNS, "not the expected answer"),
    Reason.HTTP_HEADERS_TIMEOUT: ReasonFacts(Layer.HTTP, "no HTTP headers in time"),
    Reason.HTTP_BODY_TIMEOUT: ReasonFacts(Layer.HTTP, "HTTP body not in time"),
    Reason.HTTP_STATUS: ReasonFacts(Layer.HTTP, "unexpected HTTP status"),
    Reason.HTTP_CONTENT: ReasonFacts(Layer.HTTP, "not the expected content"),
    Reason.HTTP_PROTOCOL: ReasonFacts(Layer.HTTP, "not valid HTTP"),
    Reason.HTTP_TOO_LARGE: ReasonFacts(Layer.HTTP, "larger than allowed"),
    Reason.HTTP_REDIRECTS: ReasonFacts(Layer.HTTP, "too many redirects"),
}


# --- details of an observation -------------------------------------------------------


class IcmpFacts(msgspec.Struct, frozen=True, omit_defaults=True, tag="icmp"):
    """One echo burst.  ``rtts_ms[i]`` is None where echo ``i`` was not answered."""

    rtts_ms: tuple[float | None, ...]
    duplicates: int = 0
    reply_ttl: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    socket: str = "ping"


class TlsFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the server presented, read even when verification failed.

    ``not_before`` and ``not_after`` are Micros; ``problem`` is Reason.NONE when the chain
    verified; ``fingerprint`` is the SHA-256 of the leaf in hex.
    """

    version: str = ""
    cipher: str = ""
    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    not_before: Micros = 0
    not_after: Micros = 0
    fingerprint: str = ""
    chain_length: int = 0
    problem: Reason = Reason.NONE
    problem_text: str = ""


class TcpFacts(msgspec.Struct, frozen=True, omit_defaults=True, tag="tcp"):
    """One connect.  ``kernel_rtt_ms`` is TCP_INFO's, where the kernel gives it."""

    port: int
    connect_ms: float | None = None
    kernel_rtt_ms: float | None = None
    tls_ms: float | None = None
    tls: TlsFacts | None = None


class DnsFacts(msgspec.Struct, frozen=True, omit_defaults=True, tag="dns"):
    """One question to one server; ``answers`` are sorted presentation texts."""

    server: str
    query: str
    transport: str = "udp"
    rcode: str = ""
    flags: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    serial: int | None = None
    nsid: str = ""
    ede: str = ""
    size: int = 0
    lost: int = 0


class Phases(msgspec.Struct, frozen=True, omit_defaults=True):
    """Milliseconds spent in each phase of a request; None where it was not reached."""

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    total: float | None = None


class HttpFacts(msgspec.Struct, frozen=True, omit_defaults=True, tag="http"):
    """One request and its answer."""

    url: str
    status: int | None = None
    version: str = ""
    phases: Phases = Phases()
    size: int = 0
    redirects: tuple[str, ...] = ()
    server: str = ""
    content_type: str = ""
    title: str = ""
    expected: str = ""
    tls: TlsFacts | None = None


class HopWindow(msgspec.Struct, frozen=True, array_like=True):
    """What one TTL answered over the last rounds; times are milliseconds.

    ``address`` answered last, ``last_ms`` is its time; the others are of all answers:
    ``stdev_ms`` the sample deviation, ``jitter_ms`` the mean difference between one answer
    and the next.  ``arms`` counts answers by address where there are several (ECMP).  A
    packet still on its way is neither sent nor lost.
    """

    address: str = ""
    sent: int = 0
    received: int = 0
    last_ms: float = 0.0
    best_ms: float = 0.0
    worst_ms: float = 0.0
    mean_ms: float = 0.0
    stdev_ms: float = 0.0
    jitter_ms: float = 0.0
    arms: tuple[tuple[str, int], ...] = ()

    @property
    def loss(self) -> float | None:
        """The fraction lost; None when nothing was sent."""
        return (self.sent - self.received) / self.sent if self.sent else None


class Hop(msgspec.Struct, frozen=True, omit_defaults=True):
    """One TTL of a path; ``address`` is empty where nobody answered.

    ``others`` are further addresses seen at this TTL (ECMP); ``labels`` MPLS labels.
    ``sent`` and ``received`` are of this run; with ``sent`` 0 the hop was not asked now, to
    spare it, and the rest is what this flow saw there last.  ``window`` is what it answered
    over the last rounds; ``limited`` says that its loss does not go on behind it: it
    likely limits how often it answers, and loses nothing.  ``name`` is what the address is
    called by reverse DNS, which nobody has confirmed.
    """

    ttl: int
    address: str = ""
    rtt_ms: float | None = None
    sent: int = 1
    received: int = 0
    icmp_type: int | None = None
    icmp_code: int | None = None
    reply_ttl: int | None = None
    labels: tuple[int, ...] = ()
    others: tuple[str, ...] = ()
    name: str = ""
    asn: int | None = None
    as_name: str = ""
    country: str = ""
    window: HopWindow | None = None
    limited: bool = False


class TraceFacts(msgspec.Struct, frozen=True, omit_defaults=True, tag="trace"):
    """One trace towards an address, by ``method`` icmp, udp or tcp.

    ``flow`` is what keeps its packets on one path: the echo identifier or source port (0:
    not known).  ``target`` is what the address itself answered over the last rounds, which
    is where loss is judged; it stays when the path breaks.
    """

    method: str
    reached: bool
    hops: tuple[Hop, ...] = ()
    rounds: int = 1
    flow: int = 0
    target: HopWindow | None = None


Facts = IcmpFacts | TcpFacts | DnsFacts | HttpFacts | TraceFacts


class Observation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one check run.

    ``check`` is the check's id (``host/kind``), ``at`` its start, ``took_ms`` how long it
    ran, ``sent`` and ``received`` count packets or attempts, ``said_by`` is the address of
    the router that refused, ``note`` is for people only.  ``stalled`` marks a sample taken
    while our own event loop stood still.
    """

    check: str
    at: Micros
    outcome: Outcome
    reason: Reason = Reason.NONE
    rtt_ms: float | None = None
    sent: int = 1
    received: int = 0
    took_ms: float = 0.0
    address: str = ""
    said_by: str = ""
    stalled: bool = False
    note: str = ""
    vantage: str = "local"
    facts: Facts | None = None


# --- events ---------------------------------------------------------------------------


class EventKind(StrEnum):
    """Kinds of lines in the event log."""

    TRANSITION = "transition"
    FLAPPING = "flapping"
    VANTAGE = "vantage"
    PATH = "path"
    ROUTE = "route"
    HOSTING = "hosting"
    GAP = "gap"
    COLLECTOR = "collector"
    WATCHLIST = "watchlist"
    HEALTH = "health"
    NOTE = "note"
    ACK = "ack"
    ALERT = "alert"


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the event log.

    ``subject`` is ``host:ID``, ``check:ID``, ``network:ID``, ``vantage:NAME``,
    ``feed:NAME`` or ``collector``.  ``old`` and ``new`` are states, phases or vantage
    healths.  A soft transition has ``hard`` False.  ``evidence`` holds the observations
    that caused it, so that it outlives the raw data; ``rule`` names the rule that fired.
    ``since`` and ``until`` bound a gap.  A ``quiet`` event is true but no news by itself:
    a soft step, a first look, a check whose host says it better.  ``id`` is given by the
    cache.
    """

    at: Micros
    kind: EventKind
    subject: str
    text: str
    old: str = ""
    new: str = ""
    hard: bool = True
    reason: Reason = Reason.NONE
    rule: str = ""
    since: Micros = 0
    until: Micros = 0
    evidence: tuple[Observation, ...] = ()
    quiet: bool = False
    id: int = 0


# --- current rows: what the board shows --------------------------------------------------


class Claim(msgspec.Struct, frozen=True, omit_defaults=True):
    """What somebody said about a host, with source and ISO date; never merged with facts."""

    source: str
    date: str
    hosted_in: str = ""
    text: str = ""
    link: str = ""


class Hosting(msgspec.Struct, frozen=True, omit_defaults=True):
    """Measured hosting of an address.  ``country`` is the registry's, not a geolocation.

    ``was_asn`` is the origin AS of the address before, until that of this one is known;
    ``name`` what the address is called by reverse DNS, which nobody has confirmed.
    """

    address: str
    prefix: str = ""
    asn: int | None = None
    as_name: str = ""
    country: str = ""
    inside: bool = False
    how: str = ""
    at: Micros = 0
    was_asn: int | None = None
    name: str = ""


class Memory(msgspec.Struct, omit_defaults=True):
    """What the judge must remember of a check between two observations.

    ``fails`` and ``goods`` count trusted results in a row; ``bad_rounds`` holds the last
    three rounds as bits (1 = degraded); ``ring`` the flap ring as bits, newest lowest, and
    ``rounds`` how many it has seen; ``hard_times`` the recent hard changes; ``hours`` up to
    24 hourly RTT medians, ``hour`` the running hour and ``samples`` its newest RTTs;
    ``before`` and ``before_since`` the state before it became UNKNOWN; ``reached`` whether
    the last trusted run had any answer from the host, be it a refusal, and ``reached_at``
    when one last had; ``recent`` the failing observations that would be the evidence of a
    transition; ``refused_at`` when a router on the way last said that it cannot be reached.
    """

    fails: int = 0
    goods: int = 0
    bad_rounds: int = 0
    first_fail: Micros = 0
    good_at: Micros = 0
    ring: int = 0
    rounds: int = 0
    last_seen: State | None = None
    hard_times: list[Micros] = []
    hours: list[float] = []
    hour: int = 0
    samples: list[float] = []
    before: State | None = None
    before_since: Micros = 0
    flap_from: State | None = None
    flap_since: Micros = 0
    reached: bool | None = None
    reached_at: Micros = 0
    recent: list[Observation] = []
    refused_at: Micros = 0


class CheckRow(msgspec.Struct, omit_defaults=True):
    """Current row of a check.  ``beats`` holds one byte a run, newest last (see BEATS)."""

    id: str
    host: str
    kind: Kind
    label: str = ""
    interval_s: float = 60.0
    state: State = State.UNKNOWN
    soft: State | None = None
    since: Micros = 0
    attempt: int = 0
    stale: bool = False
    flapping: bool = False
    last: Observation | None = None
    beats: bytes = b""
    memory: Memory | None = None


class HostRow(msgspec.Struct, omit_defaults=True):
    """Current row of a host: everything one line of the hosts panel needs.

    ``role`` is ``host`` or ``control``; ``side`` is ``far`` or ``near`` for a control.
    ``state`` is the hard state; ``soft`` the state on probation, or None.  ``loss`` is the
    fraction lost in the last round of its main check.  ``before`` is the state it had when
    it became UNKNOWN.  ``removed`` marks one that left the watchlist.
    """

    id: str
    name: str
    role: str = "host"
    side: str = ""
    address: str = ""
    affiliation: str = ""
    network: str = ""
    historic: bool = False
    claims: tuple[Claim, ...] = ()
    hosting: Hosting | None = None
    state: State = State.UNKNOWN
    soft: State | None = None
    since: Micros = 0
    reason: Reason = Reason.NONE
    why: str = ""
    rtt_ms: float | None = None
    loss: float | None = None
    last_at: Micros = 0
    stale: bool = False
    flapping: bool = False
    beats: bytes = b""
    checks: tuple[str, ...] = ()
    trace: str = ""
    before: State | None = None
    before_since: Micros = 0
    removed: bool = False


class NetMemory(msgspec.Struct, omit_defaults=True):
    """What the judge must remember of a network between two rounds.

    ``usual`` are the hosts inside that answer when all is well, with the time each was last
    heard then; ``reached`` whether each was reached when its state last changed and
    ``changes`` when that changed; ``dips`` when the network fell under 80 %; ``bad`` and
    ``good`` count rounds in a row, ``lossy`` and ``calm`` those with and without loss at most
    of them; ``bad_since`` and ``low_since`` when the share of answering
    hosts fell under 80 % and under 5 %; ``well_since`` when it last rose to 80 %; ``before``
    the phase before an own fault; ``edges`` by upstream AS the share of peers (0 to 1) that
    usually enters there, brought up to date at ``edges_at``.
    """

    usual: dict[str, Micros] = {}
    reached: dict[str, bool] = {}
    changes: list[tuple[Micros, str]] = []
    dips: list[Micros] = []
    bad: int = 0
    good: int = 0
    partial: int = 0
    lossy: int = 0
    calm: int = 0
    bad_since: Micros = 0
    low_since: Micros = 0
    well_since: Micros = 0
    lost_once: bool = False
    before: Phase | None = None
    before_since: Micros = 0
    history: list[tuple[Micros, Phase]] = []
    began: Micros = 0
    loss_at: Micros = 0
    silent_at: Micros = 0
    moves: int = 0
    edges: dict[int, float] = {}
    edges_at: Micros = 0


class UpstreamShare(msgspec.Struct, frozen=True, array_like=True):
    """How many ``of`` the peers see a network behind one upstream AS: now, and usually.

    Means over its prefixes, rounded.
    """

    peers: int
    usual: int
    of: int


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A possible cause beside the evidence: ranked, never decided (DESIGN 4.8).

    ``consistent`` and ``inconsistent`` are what was observed and bears on it, ``missing``
    what would bear on it and could not be looked at, ``neutral`` what fits every
    explanation alike.  ``rank`` counts from 1; equal evidence has the same rank.
    """

    id: str
    title: str
    consistent: tuple[str, ...] = ()
    inconsistent: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    neutral: tuple[str, ...] = ()
    rank: int = 0


class NetworkRow(msgspec.Struct, omit_defaults=True):
    """Current row of a network: one line of the situation strip.

    ``inside_*`` count the hosts measured as hosted inside: ``up`` ones gave any answer, be
    it a refusal or an error; ``known`` ones have fresh, trusted data; ``usual`` is how many
    answer when all is well.  ``outside_*`` count the affiliation's hosts hosted elsewhere,
    which never move the phase.  ``dns_*`` count name servers inside that were asked.
    ``routes_visible`` of ``routes_total`` prefixes of which the feeds tell are visible;
    ``routes_state`` says whether that holds now, and ``routes_reason`` why not (ABSENT:
    nothing was asked, and nothing may be said).  ``upstreams`` is by AS.
    ``explanations`` are in order of rank; ``fate`` names what the failing hosts share.
    """

    id: str
    name: str
    timezone: str = "UTC"
    prefixes: tuple[str, ...] = ()
    origin_asns: tuple[int, ...] = ()
    upstream_asns: tuple[int, ...] = ()
    phase: Phase = Phase.UNKNOWN
    since: Micros = 0
    inside_up: int = 0
    inside_known: int = 0
    inside_total: int = 0
    usual: int = 0
    outside_up: int = 0
    outside_total: int = 0
    dns_up: int = 0
    dns_total: int = 0
    why: str = ""
    memory: NetMemory | None = None
    removed: bool = False
    explanations: tuple[Explanation, ...] = ()
    fate: str = ""
    routes_visible: int = 0
    routes_total: int = 0
    routes_state: FeedState = FeedState.ABSENT
    routes_reason: FeedReason = FeedReason.NONE
    upstreams: dict[int, UpstreamShare] = {}


class OwnRole(StrEnum):
    """What a control of our own side is to us."""

    GATEWAY = "gateway"
    RESOLVER = "resolver"


class OwnControl(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something between us and everybody else: the gateway, a resolver.

    ``answers`` is None while that is not known, or would prove nothing: ``ever`` says whether
    it has answered at all.  ``reason`` is why it does not.
    """

    role: OwnRole
    address: str
    answers: bool | None = None
    reason: Reason = Reason.NONE
    ever: bool = False


class VantageRow(msgspec.Struct, omit_defaults=True):
    """Current row of a vantage: may what is seen from here be trusted?

    The counts are of far controls alone; ``own`` is what tells our own link, gateway and
    resolver apart.  ``nameless`` is since when no resolver of ours answers, 0 while one does.
    """

    id: str
    health: Vantage = Vantage.UNKNOWN
    since: Micros = 0
    answering: int = 0
    known: int = 0
    total: int = 0
    asns: int = 0
    why: str = ""
    own: tuple[OwnControl, ...] = ()
    nameless: Micros = 0


class CollectorRow(msgspec.Struct, omit_defaults=True):
    """Current row of the collector: its own health, recorded like any other fact.

    ``lag_*`` are milliseconds of event-loop lag over the last minute.  ``timezone`` is the
    desk's own (empty: the machine's); ``by_desk`` that a desk started it; ``drill`` is the
    name of the drill this is, ``speed`` simulated seconds in a real one, ``ends`` the
    drill's end.  ``problem`` is one
    sentence about what is wrong with the collector itself or its watchlist, or empty.
    """

    pid: int = 0
    started: Micros = 0
    beat: Micros = 0
    stopped: Micros = 0
    version: str = ""
    watchlist: str = ""
    watchlist_path: str = ""
    watchlist_hash: str = ""
    timezone: str = ""
    problem: str = ""
    checks: int = 0
    in_flight: int = 0
    done: int = 0
    missed: int = 0
    skipped: int = 0
    dropped: int = 0
    lag_p50_ms: float = 0.0
    lag_p99_ms: float = 0.0
    clock: str = "real"
    by_desk: bool = False
    drill: str = ""
    speed: float = 1.0
    paused: bool = False
    ends: Micros = 0


class RulesRow(msgspec.Struct, omit_defaults=True):
    """What the rules of judgement mean, so that a reader can say why without judging.

    ``sentences`` by the name of the rule an event carries; ``nexts`` what would change a
    state, by ``host``, ``check``, ``network`` or ``vantage`` and the state: ``host:DOWN``;
    ``base_rates`` what is known of how often which cause was found, bearing on none.
    """

    sentences: dict[str, str] = {}
    nexts: dict[str, str] = {}
    base_rates: str = ""


class RouteSight(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a routing feed holds of one watched prefix, before anybody judges it.

    ``seen`` of ``peers`` connected baseline peers hold the route.  ``origins`` counts peers
    by origin AS (each member of an AS_SET counts), ``upstreams`` by the AS left of the
    origin, prepends collapsed.  ``at`` is the newest data about the prefix.
    """

    prefix: str
    network: str
    seen: int = 0
    peers: int = 0
    origins: dict[int, int] = {}
    upstreams: dict[int, int] = {}
    at: Micros = 0


class RouteAlarm(msgspec.Struct, frozen=True, omit_defaults=True):
    """An unexpected origin of ``watched``, or a ``prefix`` more specific than it.

    ``asn`` is the odd origin (0: none is readable), ``peers`` how many peers hold it, and
    ``examples`` are paths as text, peer first.
    """

    kind: AlarmKind
    watched: str
    prefix: str
    asn: int = 0
    peers: int = 0
    at: Micros = 0
    examples: tuple[str, ...] = ()


class FeedRow(msgspec.Struct, omit_defaults=True):
    """Current row of a feed.  ``at`` is when it last said anything fresh, ``since`` when
    ``state`` began; the rest counts since the start.  ``late`` data was too old to use.
    """

    name: str
    state: FeedState = FeedState.ABSENT
    reason: FeedReason = FeedReason.NONE
    since: Micros = 0
    at: Micros = 0
    why: str = ""
    messages: int = 0
    malformed: int = 0
    late: int = 0
    connects: int = 0


class RouteTable(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything the feeds hold at one moment: the input of the judge of routes."""

    at: Micros
    state: FeedState = FeedState.ABSENT
    reason: FeedReason = FeedReason.NONE
    sights: tuple[RouteSight, ...] = ()
    alarms: tuple[RouteAlarm, ...] = ()
    feeds: tuple[FeedRow, ...] = ()


class AlarmMemory(msgspec.Struct, omit_defaults=True):
    """An alarm between two steps: since when, at most how many peers, whether it was
    confirmed, and since when it is gone (0: it is not).
    """

    since: Micros
    peers: int = 0
    hard: bool = False
    gone: Micros = 0


class RouteMemory(msgspec.Struct, omit_defaults=True):
    """What the judge must remember of a prefix between two steps.

    ``crossings`` are the times within the span of the rule at which it became visible or
    ceased to be; ``level`` is the last level measured; ``before`` and ``before_since`` the
    state before it became UNKNOWN; ``calm`` the state before it became unstable; ``odd`` the
    disagreement on probation and ``odd_since`` its start; ``alarms`` by ``kind prefix asn``.
    """

    crossings: list[Micros] = []
    level: Routed = Routed.UNKNOWN
    before: Routed | None = None
    before_since: Micros = 0
    calm: Routed | None = None
    odd: Disagreement = Disagreement.NONE
    odd_since: Micros = 0
    alarms: dict[str, AlarmMemory] = {}


class RouteRow(msgspec.Struct, omit_defaults=True):
    """Current row of a watched prefix: a :class:`RouteSight` and what it amounts to.

    ``state`` is confirmed, ``soft`` provisional since ``soft_since`` or None.  ``reached``
    of ``known`` hosts inside answer probes; ``disagreement`` is named once it has lasted.
    ``feed`` says whether the counts hold now.
    """

    prefix: str
    network: str
    state: Routed = Routed.UNKNOWN
    soft: Routed | None = None
    since: Micros = 0
    soft_since: Micros = 0
    unstable: bool = False
    seen: int = 0
    peers: int = 0
    origins: dict[int, int] = {}
    upstreams: dict[int, int] = {}
    at: Micros = 0
    feed: FeedState = FeedState.ABSENT
    reached: int = 0
    known: int = 0
    disagreement: Disagreement = Disagreement.NONE
    alarms: tuple[RouteAlarm, ...] = ()
    why: str = ""
    memory: RouteMemory | None = None
    removed: bool = False


class PathHop(msgspec.Struct, frozen=True, omit_defaults=True):
    """One TTL of a path as it is remembered.

    ``addresses`` answer there, the newest first; several are arms that balance load; none
    means that the hop is silent while later ones answer.  ``limited`` as in :class:`Hop`.
    """

    ttl: int
    addresses: tuple[str, ...] = ()
    asn: int | None = None
    as_name: str = ""
    limited: bool = False


class PathMemory(msgspec.Struct, omit_defaults=True):
    """What the judge must remember of a path between two rounds.

    ``tried`` is a path seen instead of the usual one, by TTL, ``tried_times`` how often in a
    row and ``tried_first`` where that began.  ``end`` is how the last rounds ended when that
    is not what the row says, likewise.  ``strays`` are the times at which an address showed
    and the usual one came back, by ``ttl address``; ``steady`` counts rounds in a row in
    which no other arm showed.  ``flow`` is the flow of the usual path; ``loud`` whether the
    break was news.
    """

    tried: tuple[str, ...] = ()
    tried_times: int = 0
    tried_first: Observation | None = None
    end: str = ""
    end_times: int = 0
    end_first: Observation | None = None
    end_far: Observation | None = None
    strays: dict[str, list[Micros]] = {}
    steady: int = 0
    flow: int = 0
    loud: bool = False


class PathRow(msgspec.Struct, omit_defaults=True):
    """Current row of a path: what a trace check has seen of the way to its host.

    ``usual`` is the whole path as it usually is, ``before`` the one before it changed at
    ``changed_at``; ``current`` is what answers now.  When ``state`` is BROKEN or LOOP, the
    break lies behind ``last_address`` at ``last_ttl`` and before ``next_address``, the first
    hop that usually answers beyond (the target itself at the latest), since ``since``.
    ``reason`` and ``said_by`` tell a refusal from silence; ``loop`` are a loop's addresses;
    ``why`` is the break in a sentence.
    ``rounds`` counts the rounds since the path is known.
    """

    check: str
    host: str
    state: PathState = PathState.UNKNOWN
    since: Micros = 0
    method: str = ""
    address: str = ""
    usual: tuple[PathHop, ...] = ()
    before: tuple[PathHop, ...] = ()
    current: tuple[PathHop, ...] = ()
    changed_at: Micros = 0
    rounds: int = 0
    last_ttl: int = 0
    last_address: str = ""
    last_asn: int | None = None
    next_address: str = ""
    next_asn: int | None = None
    reason: Reason = Reason.NONE
    said_by: str = ""
    loop: tuple[str, ...] = ()
    why: str = ""
    at: Micros = 0
    memory: PathMemory | None = None
    removed: bool = False


class WitnessSign(msgspec.Struct, frozen=True, omit_defaults=True):
    """One series of an independent witness.

    ``source`` is its name there, ``subject`` what it is of (``AS131279``, ``KP``).
    ``value`` is the newest that is settled, ``at`` the end of the bin it counts; ``usual``
    the median of the day before.  None is no data, which is not zero.
    """

    source: str
    subject: str
    state: FeedState = FeedState.ABSENT
    reason: FeedReason = FeedReason.NONE
    value: float | None = None
    usual: float | None = None
    at: Micros = 0


class WitnessRow(msgspec.Struct, omit_defaults=True):
    """What an independent witness says of a network: shown beside what is judged here, and
    part of no judgement.

    ``state`` is the best of its signs', ``since`` when it began; ``at`` when the witness was
    last asked.  ``removed`` marks one that is not asked any more.
    """

    network: str
    state: FeedState = FeedState.ABSENT
    reason: FeedReason = FeedReason.NONE
    since: Micros = 0
    at: Micros = 0
    signs: tuple[WitnessSign, ...] = ()
    removed: bool = False


class OriginsRow(msgspec.Struct, omit_defaults=True):
    """What origin look-ups have found, so that a restart asks nobody again.

    ``kept`` is a :class:`monitor.routing.cymru.Kept` as MessagePack.
    """

    kept: bytes = b""
    at: Micros = 0


class NamesRow(msgspec.Struct, omit_defaults=True):
    """What reverse DNS has said, so that a restart asks nobody again.

    ``kept`` are pairs of an address and its :class:`monitor.routing.reverse.Name`, as
    MessagePack.
    """

    kept: bytes = b""
    at: Micros = 0


class Ring(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something the people at an open desk are to be told of at once: by its ``bell``, by a
    ``desktop`` notice, or both.
    """

    id: str
    at: Micros
    text: str
    bell: bool = False
    desktop: bool = False


class AlertsRow(msgspec.Struct, omit_defaults=True):
    """What is told to whom, as far as it has come.

    ``troubles`` count what has been told of and is not over.  ``waiting`` messages are not
    delivered yet, the oldest written at ``oldest`` (0: none waits); ``delivered``, ``given_up``
    (not accepted for a day) and ``dropped`` (too many waited) count since the cache began.
    ``problem`` is one sentence about what hinders delivery, or empty.  ``kept`` is a
    :class:`monitor.collect.alerts.Kept` as MessagePack: no URL of a target is in it.
    """

    troubles: int = 0
    waiting: int = 0
    oldest: Micros = 0
    delivered: int = 0
    given_up: int = 0
    dropped: int = 0
    problem: str = ""
    rings: tuple[Ring, ...] = ()
    kept: bytes = b""
    at: Micros = 0


Row = (
    CheckRow
    | HostRow
    | NetworkRow
    | VantageRow
    | CollectorRow
    | RulesRow
    | RouteRow
    | FeedRow
    | PathRow
    | WitnessRow
    | OriginsRow
    | NamesRow
    | AlertsRow
)

# One byte a run in ``beats``: the letter of the state, lower case while soft.
BEATS: Final[dict[State, str]] = {
    State.UP: "U",
    State.DEGRADED: "D",
    State.DOWN: "X",
    State.UNREACHABLE: "R",
    State.UNKNOWN: "?",
}
BEATS_KEPT: Final = 60


# Rows of which there is one.
_ALONE: Final[dict[type[Row], str]] = {
    CollectorRow: "collector",
    RulesRow: "rules",
    OriginsRow: "origins",
    NamesRow: "names",
    AlertsRow: "alerts",
}


def subject_of(row: Row) -> str:
    """The subject under which a current row is kept, e.g. ``host:ns1-kptc``."""
    match row:
        case CheckRow():
            return f"check:{row.id}"
        case HostRow():
            return f"host:{row.id}"
        case NetworkRow():
            return f"network:{row.id}"
        case VantageRow():
            return f"vantage:{row.id}"
        case RouteRow():
            return f"route:{row.prefix}"
        case FeedRow():
            return f"feed:{row.name}"
        case PathRow():
            return f"path:{row.check}"
        case WitnessRow():
            return f"witness:{row.network}"
        case _:
            return _ALONE[type(row)]


class Verdict(msgspec.Struct):
    """What an assessment step changed: events in order, and the rows to keep.

    ``look`` names hosts that should be looked at soon, because the picture is changing.
    """

    events: list[Event] = []
    rows: dict[str, Row] = {}
    look: list[str] = []

    def add(self, row: Row) -> None:
        """Keep ``row`` as the newest of its subject."""
        self.rows[subject_of(row)] = row


# --- text from outside ---------------------------------------------------------------------


def clean_text(value: object, limit: int = _MAX_TEXT) -> str:
    """Make text from outside harmless: one line, printable, bounded in length.

    Control characters, escape sequences, bidi overrides and zero-width characters become
    ``·``; runs of combining marks are cut at four; what is longer than ``limit`` ends in
    ``…``.  Bytes are read as UTF-8 with replacement.  See Unicode TR36 (security) and
    TR9 (bidi).
    """
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    out: list[str] = []
    combining = 0
    for char in text:
        if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
            combining += 1
            if combining > _MAX_COMBINING or not out:
                continue
            out.append(char)
            continue
        combining = 0
        out.append(char if char.isprintable() else "·")
    return "".join(out)


_ENCODER = msgspec.msgpack.Encoder()
_ROW_TYPES: Final[dict[str, type[Any]]] = {
    "check": CheckRow,
    "host": HostRow,
    "network": NetworkRow,
    "vantage": VantageRow,
    "collector": CollectorRow,
    "route": RouteRow,
    "feed": FeedRow,
    "rules": RulesRow,
    "path": PathRow,
    "origins": OriginsRow,
    "names": NamesRow,
    "witness": WitnessRow,
    "alerts": AlertsRow,
}
_ROW_DECODERS: Final = {
    name: msgspec.msgpack.Decoder(kind) for name, kind in _ROW_TYPES.items()
}


def encode(record: msgspec.Struct) -> bytes:
    """MessagePack of a record, as the cache keeps it."""
    return _ENCODER.encode(record)


def decode_row(subject: str, blob: bytes) -> Row:
    """The current row kept under ``subject``.

    Raises msgspec.DecodeError (ValidationError) when the blob is not such a row.
    """
    row: Row = _ROW_DECODERS[subject.partition(":")[0]].decode(blob)
    return row
