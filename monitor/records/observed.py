"""What a check run found: the observation and its facts by kind."""

from __future__ import annotations

import msgspec

from monitor.records.states import Outcome, Reason
from monitor.records.times import Micros


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
