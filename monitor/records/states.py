"""States, phases and reasons: the words that every verdict is made of."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec


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


# One byte a run in ``beats``: the letter of the state, lower case while soft.
BEATS: Final[dict[State, str]] = {
    State.UP: "U",
    State.DEGRADED: "D",
    State.DOWN: "X",
    State.UNREACHABLE: "R",
    State.UNKNOWN: "?",
}


BEATS_KEPT: Final = 60
