"""Hypothesis strategies for every record: ``from tests.strategies import observations``."""

from __future__ import annotations

from hypothesis import strategies as st

from monitor.records import (
    AlarmKind,
    AlarmMemory,
    AlertsRow,
    CheckRow,
    Claim,
    CollectorRow,
    Disagreement,
    DnsFacts,
    Event,
    EventKind,
    Explanation,
    Facts,
    FeedReason,
    FeedRow,
    FeedState,
    Hop,
    Hosting,
    HostRow,
    HttpFacts,
    IcmpFacts,
    Kind,
    Memory,
    NamesRow,
    NetworkRow,
    Observation,
    OriginsRow,
    Outcome,
    PathHop,
    PathMemory,
    PathRow,
    PathState,
    Phase,
    Phases,
    Reason,
    Ring,
    RouteAlarm,
    Routed,
    RouteMemory,
    RouteRow,
    Row,
    RulesRow,
    State,
    TcpFacts,
    TlsFacts,
    TraceFacts,
    Vantage,
    VantageRow,
    WitnessRow,
    WitnessSign,
    clean_text,
)

micros = st.integers(0, 4_102_444_800_000_000)  # to the year 2100
counts = st.integers(0, 2**31)
millis = st.floats(0.0, 1e6, allow_nan=False)
maybe_millis = st.none() | millis
# What has gone through clean_text: printable, in any script, and no half surrogate pairs.
texts = st.text(max_size=40).map(clean_text)
asns = st.integers(0, 2**32 - 1)
addresses = st.ip_addresses().map(str)
maybe_address = st.just("") | addresses
reasons = st.sampled_from(Reason)
states = st.sampled_from(State)
maybe_state = st.none() | states
host_ids = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)
check_ids = st.builds("{}/{}".format, host_ids, st.sampled_from(Kind))
beats = st.text("UDXR?udxr", max_size=60).map(str.encode)


def tuples(of: st.SearchStrategy, size: int = 4) -> st.SearchStrategy:
    return st.lists(of, max_size=size).map(tuple)


tls_facts = st.builds(
    TlsFacts,
    version=texts,
    cipher=texts,
    subject=texts,
    issuer=texts,
    names=tuples(texts),
    not_before=micros,
    not_after=micros,
    fingerprint=texts,
    chain_length=counts,
    problem=reasons,
    problem_text=texts,
)
hops = st.builds(
    Hop,
    ttl=st.integers(1, 64),
    address=maybe_address,
    rtt_ms=maybe_millis,
    sent=counts,
    received=counts,
    icmp_type=st.none() | st.integers(0, 255),
    reply_ttl=st.none() | st.integers(0, 255),
    labels=tuples(counts),
    others=tuples(addresses),
    name=texts,
    asn=st.none() | asns,
    as_name=texts,
    country=texts,
)
trace_facts = st.builds(
    TraceFacts,
    method=st.sampled_from(["icmp", "udp", "tcp"]),
    reached=st.booleans(),
    hops=tuples(hops, 8),
    rounds=counts,
)
facts: st.SearchStrategy[Facts] = st.one_of(
    st.builds(
        IcmpFacts,
        rtts_ms=tuples(maybe_millis, 8),
        duplicates=counts,
        reply_ttl=st.none() | st.integers(0, 255),
        icmp_type=st.none() | st.integers(0, 255),
        socket=texts,
    ),
    st.builds(
        TcpFacts,
        port=st.integers(0, 65535),
        connect_ms=maybe_millis,
        kernel_rtt_ms=maybe_millis,
        tls_ms=maybe_millis,
        tls=st.none() | tls_facts,
    ),
    st.builds(
        DnsFacts,
        server=texts,
        query=texts,
        transport=texts,
        rcode=texts,
        flags=tuples(texts),
        answers=tuples(texts),
        serial=st.none() | asns,
        nsid=texts,
        ede=texts,
        size=counts,
        lost=counts,
    ),
    st.builds(
        HttpFacts,
        url=texts,
        status=st.none() | st.integers(100, 599),
        phases=st.builds(
            Phases,
            dns=maybe_millis,
            connect=maybe_millis,
            tls=maybe_millis,
            first_byte=maybe_millis,
            total=maybe_millis,
        ),
        size=counts,
        redirects=tuples(texts),
        server=texts,
        title=texts,
        expected=texts,
        tls=st.none() | tls_facts,
    ),
    trace_facts,
)
observations: st.SearchStrategy[Observation] = st.builds(
    Observation,
    check=check_ids,
    at=micros,
    outcome=st.sampled_from(Outcome),
    reason=reasons,
    rtt_ms=maybe_millis,
    sent=counts,
    received=counts,
    took_ms=millis,
    address=maybe_address,
    said_by=maybe_address,
    stalled=st.booleans(),
    note=texts,
    vantage=st.just("local") | host_ids,
    facts=st.none() | facts,
)
events: st.SearchStrategy[Event] = st.builds(
    Event,
    at=micros,
    kind=st.sampled_from(EventKind),
    subject=host_ids.map("host:{}".format),
    text=texts,
    old=texts,
    new=texts,
    hard=st.booleans(),
    reason=reasons,
    rule=texts,
    since=micros,
    until=micros,
    evidence=tuples(observations, 2),
    quiet=st.booleans(),
)
memories = st.builds(
    Memory,
    fails=counts,
    goods=counts,
    ring=st.integers(0, 2**20 - 1),
    hard_times=st.lists(micros, max_size=5),
    hours=st.lists(millis, max_size=5),
    samples=st.lists(millis, max_size=5),
    before=maybe_state,
    recent=st.lists(observations, max_size=2),
)
check_rows = st.builds(
    CheckRow,
    id=check_ids,
    host=host_ids,
    kind=st.sampled_from(Kind),
    label=texts,
    interval_s=st.floats(1.0, 86_400.0),
    state=states,
    soft=maybe_state,
    since=micros,
    attempt=counts,
    stale=st.booleans(),
    flapping=st.booleans(),
    last=st.none() | observations,
    beats=beats,
    memory=st.none() | memories,
)
claims = st.builds(Claim, source=texts, date=texts, hosted_in=texts, text=texts, link=texts)
hostings = st.builds(
    Hosting,
    address=addresses,
    prefix=texts,
    asn=st.none() | asns,
    as_name=texts,
    country=texts,
    inside=st.booleans(),
    how=texts,
    at=micros,
    was_asn=st.none() | asns,
    name=texts,
)
host_rows = st.builds(
    HostRow,
    id=host_ids,
    name=texts,
    role=st.sampled_from(["host", "control"]),
    side=st.sampled_from(["", "far", "near"]),
    address=texts,
    affiliation=texts,
    network=texts,
    historic=st.booleans(),
    claims=tuples(claims, 2),
    hosting=st.none() | hostings,
    state=states,
    soft=maybe_state,
    since=micros,
    reason=reasons,
    why=texts,
    rtt_ms=maybe_millis,
    loss=st.none() | st.floats(0.0, 1.0),
    last_at=micros,
    beats=beats,
    checks=tuples(check_ids),
    removed=st.booleans(),
)
explanations = st.builds(
    Explanation,
    id=texts,
    title=texts,
    consistent=tuples(texts),
    inconsistent=tuples(texts),
    missing=tuples(texts),
    neutral=tuples(texts),
    rank=counts,
)
network_rows = st.builds(
    NetworkRow,
    id=host_ids,
    name=texts,
    prefixes=tuples(texts),
    origin_asns=tuples(asns),
    upstream_asns=tuples(asns),
    phase=st.sampled_from(Phase),
    since=micros,
    inside_up=counts,
    why=texts,
    explanations=tuples(explanations, 2),
    fate=texts,
)
vantage_rows = st.builds(
    VantageRow, id=host_ids, health=st.sampled_from(Vantage), since=micros, why=texts
)
collector_rows = st.builds(
    CollectorRow,
    pid=counts,
    started=micros,
    beat=micros,
    problem=texts,
    lag_p50_ms=millis,
    clock=st.sampled_from(["real", "simulated"]),
)
rules_rows = st.builds(
    RulesRow,
    sentences=st.dictionaries(texts, texts, max_size=4),
    nexts=st.dictionaries(texts, texts, max_size=4),
    base_rates=texts,
)
prefixes = st.builds("{}/{}".format, st.ip_addresses(v=4), st.integers(0, 32))
by_asn = st.dictionaries(asns, counts, max_size=4)
routed = st.sampled_from(Routed)
route_alarms = st.builds(
    RouteAlarm,
    kind=st.sampled_from(AlarmKind),
    watched=prefixes,
    prefix=prefixes,
    asn=asns,
    peers=counts,
    at=micros,
    examples=tuples(texts),
)
route_memories = st.builds(
    RouteMemory,
    crossings=st.lists(micros, max_size=4),
    level=routed,
    before=st.none() | routed,
    before_since=micros,
    calm=st.none() | routed,
    odd=st.sampled_from(Disagreement),
    odd_since=micros,
    alarms=st.dictionaries(
        texts, st.builds(AlarmMemory, since=micros, peers=counts, gone=micros), max_size=3
    ),
)
route_rows = st.builds(
    RouteRow,
    prefix=prefixes,
    network=host_ids,
    state=routed,
    soft=st.none() | routed,
    since=micros,
    soft_since=micros,
    unstable=st.booleans(),
    seen=counts,
    peers=counts,
    origins=by_asn,
    upstreams=by_asn,
    at=micros,
    feed=st.sampled_from(FeedState),
    reached=counts,
    known=counts,
    disagreement=st.sampled_from(Disagreement),
    alarms=tuples(route_alarms, 2),
    why=texts,
    memory=st.none() | route_memories,
    removed=st.booleans(),
)
feed_rows = st.builds(
    FeedRow,
    name=host_ids,
    state=st.sampled_from(FeedState),
    reason=st.sampled_from(FeedReason),
    since=micros,
    at=micros,
    why=texts,
    messages=counts,
    malformed=counts,
    late=counts,
    connects=counts,
)
path_hops = st.builds(
    PathHop,
    ttl=st.integers(1, 64),
    addresses=tuples(addresses),
    asn=st.none() | asns,
    as_name=texts,
    limited=st.booleans(),
)
bare_observations = st.builds(
    Observation, check=check_ids, at=micros, outcome=st.sampled_from(Outcome)
)
path_memories = st.builds(
    PathMemory,
    tried=tuples(maybe_address),
    tried_times=counts,
    tried_first=st.none() | bare_observations,
    end=texts,
    end_times=counts,
    end_first=st.none() | bare_observations,
    end_far=st.none() | bare_observations,
    strays=st.dictionaries(texts, st.lists(micros, max_size=2), max_size=3),
    steady=counts,
    flow=counts,
    loud=st.booleans(),
)
path_rows = st.builds(
    PathRow,
    check=check_ids,
    host=host_ids,
    state=st.sampled_from(PathState),
    since=micros,
    method=st.sampled_from(["", "icmp", "udp", "tcp"]),
    address=maybe_address,
    usual=tuples(path_hops),
    before=tuples(path_hops),
    current=tuples(path_hops),
    changed_at=micros,
    rounds=counts,
    last_ttl=st.integers(0, 64),
    last_address=maybe_address,
    last_asn=st.none() | asns,
    next_address=maybe_address,
    next_asn=st.none() | asns,
    reason=reasons,
    said_by=maybe_address,
    loop=tuples(addresses),
    why=texts,
    at=micros,
    memory=st.none() | path_memories,
    removed=st.booleans(),
)
witness_rows = st.builds(
    WitnessRow,
    network=host_ids,
    state=st.sampled_from(FeedState),
    reason=st.sampled_from(FeedReason),
    since=micros,
    at=micros,
    signs=tuples(
        st.builds(
            WitnessSign,
            source=texts,
            subject=texts,
            state=st.sampled_from(FeedState),
            reason=st.sampled_from(FeedReason),
            value=maybe_millis,
            usual=maybe_millis,
            at=micros,
        )
    ),
    removed=st.booleans(),
)
origins_rows = st.builds(OriginsRow, kept=st.binary(max_size=40), at=micros)
alerts_rows = st.builds(
    AlertsRow,
    troubles=counts,
    waiting=counts,
    oldest=micros,
    problem=st.text(max_size=20).map(clean_text),
    rings=st.lists(
        st.builds(Ring, id=st.text(max_size=9), at=micros, text=st.text(max_size=9)), max_size=2
    ).map(tuple),
    kept=st.binary(max_size=40),
    at=micros,
)
names_rows = st.builds(NamesRow, kept=st.binary(max_size=40), at=micros)
rows_by_kind: dict[type[Row], st.SearchStrategy[Row]] = {
    CheckRow: check_rows,
    HostRow: host_rows,
    NetworkRow: network_rows,
    VantageRow: vantage_rows,
    CollectorRow: collector_rows,
    RulesRow: rules_rows,
    RouteRow: route_rows,
    FeedRow: feed_rows,
    PathRow: path_rows,
    WitnessRow: witness_rows,
    OriginsRow: origins_rows,
    NamesRow: names_rows,
    AlertsRow: alerts_rows,
}
rows: st.SearchStrategy[Row] = st.one_of(*rows_by_kind.values())
