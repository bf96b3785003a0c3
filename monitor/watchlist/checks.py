"""The checks of a host: what each kind may be told, and how its keys become parameters.

A kind is one reader in ``_READERS``; it reads its own keys and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from monitor.records import Kind
from monitor.watchlist import values
from monitor.watchlist.errors import Wrong, shown
from monitor.watchlist.model import (
    MAX_INTERVAL_S,
    MIN_INTERVAL_S,
    Check,
    DnsParams,
    HttpParams,
    IcmpParams,
    Params,
    TcpParams,
    TraceParams,
)
from monitor.watchlist.reader import Table

MAX_CHECKS: Final = 64
MIN_TIMEOUT_S: Final = 0.01
_MAX_HEADERS: Final = 32
_MAX_EXPECTED: Final = 64
_MAX_REDIRECTS: Final = 10
_MAX_JSON_DEPTH: Final = 16

_port = partial(values.whole, low=1, high=65_535)
interval = partial(values.seconds, low=MIN_INTERVAL_S, high=MAX_INTERVAL_S)
timeout = partial(values.seconds, low=MIN_TIMEOUT_S, high=MAX_INTERVAL_S)


class Timing(msgspec.Struct, frozen=True):
    """Interval and timeout in seconds where a check does not name its own."""

    interval_s: float = 60.0
    timeout_s: float = 5.0


def read_checks(host: Table, host_id: str, address: str, timing: Timing) -> tuple[Check, ...]:
    """Every valid check of one host; what is wrong with the others is noted."""
    checks: list[Check] = []
    labels: set[str] = set()
    for table in host.tables("checks", MAX_CHECKS):
        for check in _read_check(table, host_id, address, timing):
            if check.label in labels:
                hint = 'give one of them another label, as label = "' + check.label + '-2"'
                table.wrong(None, f"a second {shown(check.label)}", "one check a label", hint)
                continue
            labels.add(check.label)
            checks.append(check)
        table.finish()
    return tuple(checks)


def _read_check(table: Table, host_id: str, address: str, timing: Timing) -> list[Check]:
    kinds = [kind.value for kind in Kind]
    word = table.need("kind", lambda value: values.one_of(value, kinds), None, '"icmp"')
    every = table.read("interval", interval, timing.interval_s)
    deadline = table.read("timeout", timeout, min(timing.timeout_s, every / 2))
    label = table.read("label", values.identifier, word or "")
    families = _families(table, address)
    if deadline >= every:
        found = f"timeout {values.duration_text(deadline)}"
        table.wrong(
            "timeout", found, f"less than the interval of {values.duration_text(every)}"
        )
    if word is None:
        # Which keys are known depends on the kind: none of the others can be judged.
        table.forgive()
        return []
    kind = Kind(word)
    params = _READERS[kind](table, address, deadline)
    if params is None:
        return []
    made = []
    for family in families:
        own = f"{label}6" if len(families) > 1 and family == "ipv6" else label
        made.append(
            Check(
                id=f"{host_id}/{own}",
                host=host_id,
                kind=kind,
                address=address,
                params=params,
                label=own,
                family=family,
                interval_s=every,
                timeout_s=deadline,
            )
        )
    return made


def _families(table: Table, address: str) -> tuple[str, ...]:
    fixed = values.family_of(address)
    word = table.read(
        "family", lambda value: values.one_of(value, ("ipv4", "ipv6", "both")), fixed or "ipv4"
    )
    if fixed and word != fixed:
        table.wrong("family", shown(word), f"{fixed}, as the address says; or leave it out")
        return (fixed,)
    return ("ipv4", "ipv6") if word == "both" else (word,)


# --- one reader a kind ---------------------------------------------------------------------


def _icmp(table: Table, _address: str, deadline: float) -> Params:
    plain = IcmpParams()
    count = table.read("count", partial(values.whole, low=1, high=20), plain.count)
    fitting = deadline / count / 2
    spacing = table.read(
        "spacing", partial(values.seconds, low=0.01, high=10.0), min(plain.spacing_s, fitting)
    )
    # 1472 bytes and the two headers are the 1500 of an Ethernet frame.
    size = table.read("size", partial(values.whole, low=0, high=1_472), plain.size)
    if (count - 1) * spacing >= deadline:
        found = f"{count} packets {values.duration_text(spacing)} apart"
        allowed = f"a burst that ends before the timeout of {values.duration_text(deadline)}"
        table.wrong("spacing" if "spacing" in table else "count", found, allowed)
    return IcmpParams(count=count, spacing_s=spacing, size=size)


def _tcp(table: Table, address: str, _deadline: float) -> Params | None:
    port = table.need("port", _port, None, "443")
    tls = table.read("tls", values.truth, False)
    for key in ("server_name", "verify", "expiry_warn"):
        if key in table and not tls:
            table.wrong(key, f"{key} without tls", "only together with tls = true")
    own_name = "" if values.family_of(address) else address
    server_name = table.read("server_name", _server_name, own_name if tls else "")
    verify, expiry_warn = _certificate(table)
    if port is None:
        return None
    return TcpParams(
        port=port,
        tls=tls,
        server_name=server_name,
        verify=verify,
        expiry_warn_days=expiry_warn,
    )


def _certificate(table: Table) -> tuple[bool, int]:
    verify = table.read("verify", values.truth, True)
    return verify, table.read("expiry_warn", values.days, HttpParams("").expiry_warn_days)


def _server_name(value: object) -> str:
    name = values.address(value)
    if values.family_of(name):
        raise Wrong("a host name: TLS names no addresses (RFC 6066, section 3)")
    return name


def _dns(table: Table, _address: str, _deadline: float) -> Params | None:
    question = table.need("query", values.query, None, '"kp. SOA"')
    recursive = table.read("recursive", values.truth, False)
    port = table.read("port", _port, 53)
    expect = table.table("expect")
    rcode = expect.read("rcode", values.rcode, "NOERROR")
    answers = expect.each("answers", values.text, _MAX_EXPECTED)
    serial = expect.read("min_serial", partial(values.whole, low=0, high=2**32 - 1), None)
    authoritative = expect.read("authoritative", values.truth, None)
    expect.finish()
    if question is None:
        return None
    if serial is not None and question[1] != "SOA":
        expect.wrong("min_serial", f"a query for {question[1]}", "a query for SOA")
    return DnsParams(
        name=question[0],
        rdtype=question[1],
        recursive=recursive,
        port=port,
        rcode=rcode,
        answers=answers,
        min_serial=serial,
        authoritative=authoritative,
    )


def _http(table: Table, _address: str, _deadline: float) -> Params | None:
    plain = HttpParams("")
    url = table.need("url", values.url, None, '"http://example.org/"')
    method = table.read("method", lambda value: values.one_of(value, ("GET", "HEAD")), "GET")
    expect = table.table("expect")
    status = _statuses(expect)
    body = expect.read("body", lambda value: values.text(value, values.MAX_TEXT), "")
    regex = expect.read("regex", values.regex, "")
    json = _json(expect)
    expect.finish()
    if method == "HEAD" and (body or regex or json):
        found = "body, regex or json with method HEAD"
        table.wrong("expect", found, "what an answer without a body can meet")
    headers = _headers(table)
    follow = table.read("follow", partial(values.whole, low=0, high=_MAX_REDIRECTS), 0)
    verify, expiry_warn = _certificate(table)
    if url is None:
        return None
    return HttpParams(
        url=url,
        method=method,
        status=status or plain.status,
        body=body,
        regex=regex,
        json=json,
        headers=headers,
        follow=follow,
        verify=verify,
        expiry_warn_days=expiry_warn,
    )


def _statuses(expect: Table) -> tuple[str, ...]:
    """``status = 200``, ``"2xx"``, or an array of them."""
    if isinstance(expect.raw("status"), list):
        return expect.each("status", values.status, _MAX_EXPECTED)
    one = expect.read("status", values.status, "")
    return (one,) if one else ()


def _headers(table: Table) -> tuple[tuple[str, str], ...]:
    headers = table.table("headers")
    if len(headers) > _MAX_HEADERS:
        table.wrong("headers", f"{len(headers)} headers", f"at most {_MAX_HEADERS}")
        return ()
    found = [headers.read(key, partial(values.header, key), None) for key in headers]
    return tuple(header for header in found if header is not None)


def _json(expect: Table) -> tuple[tuple[str, str], ...]:
    """Path and value pairs: ``json = { "data.status" = "ok" }``, quoted or not."""
    found: list[tuple[str, str]] = []
    waiting = [(expect.table("json"), "", 1)]
    while waiting:
        table, before, depth = waiting.pop()
        for key in table:
            name = f"{before}{key}"
            if isinstance(table.raw(key), dict) and depth < _MAX_JSON_DEPTH:
                waiting.append((table.table(key), f"{name}.", depth + 1))
                continue
            pair = table.read(key, partial(values.json_pair, name), None)
            if pair is not None:
                found.append(pair)
    if len(found) > _MAX_EXPECTED:
        expect.wrong("json", f"{len(found)} pairs", f"at most {_MAX_EXPECTED}")
    return tuple(found)


def _trace(table: Table, _address: str, _deadline: float) -> Params:
    plain = TraceParams()
    methods = ("auto", "icmp", "udp", "tcp")
    return TraceParams(
        method=table.read("method", lambda value: values.one_of(value, methods), plain.method),
        port=table.read("port", _port, plain.port),
        max_ttl=table.read("max_ttl", partial(values.whole, low=1, high=64), plain.max_ttl),
    )


_READERS: Final[dict[Kind, Callable[[Table, str, float], Params | None]]] = {
    Kind.ICMP: _icmp,
    Kind.TCP: _tcp,
    Kind.DNS: _dns,
    Kind.HTTP: _http,
    Kind.TRACE: _trace,
}
