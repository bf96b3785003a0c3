"""What each kind of check sees of each fault: the outcomes and reasons of the real probes."""

from __future__ import annotations

import msgspec
import pytest

from monitor.records import (
    REASONS,
    DnsFacts,
    HttpFacts,
    IcmpFacts,
    Layer,
    Outcome,
    Reason,
    TcpFacts,
    TraceFacts,
)
from monitor.simulation.events import Event, Fault
from tests.simulation.samples import NOON, Looks, event

NETWORK = "network:north"
OK, WARN, FAIL, ERROR = Outcome.OK, Outcome.WARN, Outcome.FAIL, Outcome.ERROR

withdrawn = event(Fault.WITHDRAW, NETWORK)
silent = event(Fault.WITHDRAW, NETWORK, silent=True)
host_cut = event(Fault.CUT, "host:ns")
down = event(Fault.OWN_LINK_DOWN, how="no-route")
mute = event(Fault.OWN_LINK_DOWN, how="silent")
resolver = event(Fault.RESOLVER_DOWN)

TABLE: list[tuple[Event, str, Outcome, Reason]] = [
    (withdrawn, "ns/icmp", FAIL, Reason.NET_UNREACHABLE),
    (withdrawn, "ns/dns", FAIL, Reason.NET_UNREACHABLE),
    (withdrawn, "ns/tcp", FAIL, Reason.NET_UNREACHABLE),
    (withdrawn, "ns/trace", FAIL, Reason.NET_UNREACHABLE),
    (withdrawn, "site/http", FAIL, Reason.NET_UNREACHABLE),
    (withdrawn, "paper/http", OK, Reason.NONE),
    (silent, "ns/icmp", FAIL, Reason.TIMEOUT),
    (silent, "ns/dns", FAIL, Reason.TIMEOUT),
    (silent, "ns/tcp", FAIL, Reason.TIMEOUT),
    (silent, "ns/trace", FAIL, Reason.PATH_BREAK),
    (silent, "site/http", FAIL, Reason.TIMEOUT),
    (host_cut, "ns/icmp", FAIL, Reason.TIMEOUT),
    (host_cut, "ns/trace", FAIL, Reason.PATH_BREAK),
    (down, "ns/icmp", ERROR, Reason.NO_ROUTE),
    (down, "ns/trace", ERROR, Reason.NO_ROUTE),
    (down, "gateway/icmp", ERROR, Reason.NO_ROUTE),
    (down, "site/http", ERROR, Reason.RESOLVER_FAILED),
    (mute, "ns/icmp", FAIL, Reason.TIMEOUT),
    (mute, "far/dns", FAIL, Reason.TIMEOUT),
    (mute, "gateway/icmp", OK, Reason.NONE),
    (mute, "paper/http", ERROR, Reason.RESOLVER_TIMEOUT),
    (resolver, "paper/http", ERROR, Reason.RESOLVER_TIMEOUT),
    (event(Fault.RESOLVER_DOWN, how="failed"), "site/icmp", ERROR, Reason.RESOLVER_FAILED),
    (resolver, "ns/icmp", OK, Reason.NONE),
    (resolver, "far/dns", OK, Reason.NONE),
    (event(Fault.DNS_DEAD, "host:ns"), "ns/dns", FAIL, Reason.TIMEOUT),
    (event(Fault.DNS_DEAD, "host:ns"), "ns/icmp", OK, Reason.NONE),
    (event(Fault.DNS_DEAD, "host:ns", how="servfail"), "ns/dns", FAIL, Reason.DNS_SERVFAIL),
    (event(Fault.DNS_DEAD, "host:ns", how="refused"), "ns/dns", FAIL, Reason.DNS_REFUSED),
    (event(Fault.DNS_DEAD, "host:ns", how="lame"), "ns/dns", FAIL, Reason.DNS_LAME),
    (event(Fault.DNS_DEAD, "host:far", how="servfail"), "far/dns", FAIL, Reason.DNS_SERVFAIL),
    (event(Fault.SERVER_5XX, "host:site"), "site/http", FAIL, Reason.HTTP_STATUS),
    (event(Fault.SERVER_5XX, "host:site"), "site/icmp", OK, Reason.NONE),
    (event(Fault.CERTIFICATE, "host:site"), "site/http", FAIL, Reason.CERT_EXPIRED),
    (event(Fault.CERTIFICATE, "host:paper"), "paper/tls", FAIL, Reason.CERT_EXPIRED),
    (event(Fault.CERTIFICATE, "host:paper"), "paper/http", OK, Reason.NONE),
    (event(Fault.REFUSE, "host:ns"), "ns/tcp", FAIL, Reason.REFUSED),
    (event(Fault.REFUSE, "host:ns"), "ns/dns", FAIL, Reason.PORT_UNREACHABLE),
    (event(Fault.REFUSE, "host:ns"), "ns/trace", OK, Reason.NONE),
    (event(Fault.REFUSE, "host:paper", how="reset"), "paper/http", FAIL, Reason.RESET),
    (event(Fault.REFUSE, "host:paper", how="closed"), "paper/tls", FAIL, Reason.CLOSED),
    (event(Fault.CUT, "as:4837"), "near/icmp", FAIL, Reason.TIMEOUT),
    (event(Fault.UPSTREAM_CHANGE, NETWORK, upstreams=(20485,)), "ns/trace", OK, Reason.NONE),
    (event(Fault.SUSPEND, seconds=60.0), "ns/icmp", OK, Reason.NONE),
    (event(Fault.CLOCK_STEP, seconds=60.0), "ns/icmp", OK, Reason.NONE),
    (event(Fault.LOSS, NETWORK, first=1.0, last=1.0), "ns/icmp", FAIL, Reason.TIMEOUT),
    (event(Fault.LOSS, NETWORK, first=1.0, last=1.0), "ns/dns", FAIL, Reason.TIMEOUT),
    (event(Fault.LOSS, NETWORK, first=1.0, last=1.0), "ns/tcp", FAIL, Reason.TIMEOUT),
    (event(Fault.LOSS, NETWORK, first=1.0, last=1.0), "ns/trace", FAIL, Reason.PATH_BREAK),
    (event(Fault.FLAP, NETWORK, period_s=3600.0), "ns/icmp", FAIL, Reason.NET_UNREACHABLE),
    (event(Fault.HOSTING_MOVE, "host:site", asn=4134), "site/http", OK, Reason.NONE),
]


@pytest.mark.parametrize(
    ("fault", "check", "outcome", "reason"),
    TABLE,
    ids=lambda value: value.fault.value if isinstance(value, Event) else str(value),
)
def test_what_a_fault_looks_like(
    look: Looks, fault: Event, check: str, outcome: Outcome, reason: Reason
) -> None:
    seen = look(fault)(check)
    assert (seen.outcome, seen.reason) == (outcome, reason)
    assert (seen.outcome is ERROR) == (REASONS[seen.reason].layer is Layer.OWN)
    assert seen.vantage == "local"


def test_when_all_is_well_every_kind_answers_in_full(look: Looks) -> None:
    asked = look()
    icmp, dns, tcp = asked("ns/icmp"), asked("ns/dns"), asked("ns/tcp")
    assert isinstance(icmp.facts, IcmpFacts)
    assert (icmp.sent, icmp.received, len(icmp.facts.rtts_ms)) == (5, 5, 5)
    assert icmp.rtt_ms == sorted(icmp.facts.rtts_ms)[2]
    assert isinstance(dns.facts, DnsFacts)
    assert (dns.facts.rcode, "AA" in dns.facts.flags) == ("NOERROR", True)
    assert dns.facts.serial is not None
    assert isinstance(tcp.facts, TcpFacts)
    assert tcp.facts.kernel_rtt_ms == tcp.rtt_ms
    http = asked("site/http")
    assert isinstance(http.facts, HttpFacts)
    assert http.facts.status == 200
    assert http.facts.tls is not None
    assert http.facts.tls.problem is Reason.NONE
    phases = http.facts.phases
    parts = (phases.dns, phases.connect, phases.tls, phases.first_byte)
    assert None not in parts
    assert phases.total == pytest.approx(http.took_ms)
    assert phases.total >= sum(part for part in parts if part)


def test_a_trace_names_the_hops_and_the_break(look: Looks) -> None:
    asked = look(withdrawn)
    good, broken = asked("ns/trace", NOON - 1), asked("ns/trace")
    assert isinstance(good.facts, TraceFacts)
    assert isinstance(broken.facts, TraceFacts)
    assert good.facts.reached
    named = [hop.as_name for hop in good.facts.hops if hop.address]
    assert named[-1] == "Star Joint Venture"
    assert "China Unicom" in named
    assert good.facts.hops[-1].address == "175.45.176.15"
    assert [hop.ttl for hop in good.facts.hops] == list(range(1, len(good.facts.hops) + 1))
    assert not broken.facts.reached
    last = broken.facts.hops[-1]
    assert (last.asn, last.icmp_type, last.icmp_code) == (4837, 3, 0)
    assert broken.said_by == last.address


def test_a_silent_path_ends_in_one_silent_hop(look: Looks) -> None:
    seen = look(silent)("ns/trace")
    assert isinstance(seen.facts, TraceFacts)
    assert [bool(hop.address) for hop in seen.facts.hops][-2:] == [True, False]
    assert seen.facts.hops[-2].asn == 4837
    assert "nothing beyond" in seen.note


def test_hops_that_limit_icmp_hide_now_and_then_and_the_target_does_not(look: Looks) -> None:
    asked = [look(seed=seed) for seed in range(12)]
    traces = [
        one(f"{host}/trace", NOON + n)
        for one in asked
        for host in ("ns", "near", "paper")
        for n in range(20)
    ]
    hidden = [hop for seen in traces for hop in seen.facts.hops[:-1] if not hop.address]
    assert hidden
    assert all(seen.facts.reached for seen in traces if seen.outcome is OK)
    assert sum(seen.outcome is OK for seen in traces) >= len(traces) - 2


def test_parallel_paths_are_seen_but_one_flow_keeps_to_one(look: Looks) -> None:
    asked = look()
    for check in ("ns/trace", "paper/trace", "near/trace"):
        paths = {
            tuple(hop.address for hop in asked(check, NOON + n).facts.hops if hop.address)
            for n in range(40)
        }
        hops: dict[int, set[str]] = {}
        for n in range(40):
            for hop in asked(check, NOON + n).facts.hops:
                if hop.address:
                    hops.setdefault(hop.ttl, set()).add(hop.address)
        assert paths
        assert all(len(found) == 1 for found in hops.values())


def test_loss_shows_in_its_share(look: Looks) -> None:
    asked = look(event(Fault.LOSS, NETWORK, first=0.3, last=0.3))
    bursts = asked.many("ns/icmp")
    share = sum(seen.received for seen in bursts) / sum(seen.sent for seen in bursts)
    assert share == pytest.approx(0.7, abs=0.05)
    assert {seen.outcome for seen in bursts} <= {OK, WARN, FAIL}
    assert all(
        (seen.outcome is WARN) == (0 < seen.received < seen.sent)
        and (seen.reason is Reason.LOSS) == (seen.outcome is WARN)
        for seen in bursts
    )
    slow = [seen for seen in asked.many("ns/tcp") if seen.outcome is OK and seen.sent > 1]
    assert slow
    assert all(seen.facts.connect_ms >= 1000 for seen in slow)
    assert any(seen.facts.lost for seen in asked.many("ns/dns"))


def test_an_overload_slows_before_it_silences(look: Looks) -> None:
    asked = look(event(Fault.OVERLOAD, NETWORK, last=0.9, latency_ms=3000.0))
    early = asked("ns/icmp", NOON + 1)
    late = [asked("ns/icmp", NOON + 3_500_000_000 + n) for n in range(50)]
    assert early.rtt_ms is not None
    assert early.rtt_ms < 120
    assert sum(seen.outcome is not OK for seen in late) >= 45
    assert all(seen.rtt_ms is None or seen.rtt_ms > 2500 for seen in late)


def test_no_run_takes_longer_than_it_may(look: Looks) -> None:
    for fault, check, _, _ in TABLE:
        asked = look(fault)
        burst = 0.8 if check.endswith("icmp") else 0.0
        assert 0.0 <= asked.took(check) <= asked.checks[check].timeout_s + burst + 1e-9
        assert asked(check).took_ms == pytest.approx(asked.took(check) * 1000, abs=0.001)


def test_an_unverified_certificate_is_noted_but_no_failure(look: Looks) -> None:
    asked = look(event(Fault.CERTIFICATE, "host:site", how="self-signed"))
    check = asked.checks["site/http"]
    lax = msgspec.structs.replace(
        check, params=msgspec.structs.replace(check.params, verify=False)
    )
    asked.checks["site/http"] = lax
    seen = asked("site/http")
    assert seen.outcome is OK
    assert seen.facts.tls.problem is Reason.CERT_SELF_SIGNED
    assert seen.facts.tls.subject == seen.facts.tls.issuer
