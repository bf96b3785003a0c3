"""What a watchlist amounts to: how much it watches, and how hard it looks.

The estimate counts packets that leave for a prefix, as if all answered.  It is made for
the budget of a /24 (or /48), so it is meant to be rather too high than too low.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable
from typing import Final

from monitor.watchlist.model import (
    Check,
    DnsParams,
    Host,
    HttpParams,
    IcmpParams,
    Network,
    TcpParams,
    Watchlist,
)

# SYN, the last ACK of the handshake, FIN.
_TCP_PACKETS: Final = 3
# ClientHello, the client's Finished and one acknowledgement of the certificates (RFC 8446).
_TLS_PACKETS: Final = 3
# The request and four acknowledgements of a small page.
_HTTP_PACKETS: Final = 5
# Rule "vantage first": fewer cannot tell our own trouble from that of others.
MIN_FAR: Final = 4
MIN_FAR_ASNS: Final = 3


def packets(check: Check) -> int:
    """Packets one run of ``check`` sends."""
    match check.params:
        case IcmpParams(count=count):
            return count
        case DnsParams():
            return 1
        case TcpParams(tls=tls):
            return _TCP_PACKETS + (_TLS_PACKETS if tls else 0)
        case HttpParams(url=url, follow=follow):
            one = _TCP_PACKETS + _HTTP_PACKETS
            one += _TLS_PACKETS if url.startswith("https:") else 0
            return one * (1 + follow)
        case params:
            return params.max_ttl


def packets_per_minute(checks: Iterable[Check]) -> float:
    """Packets that ``checks`` send in a minute."""
    return sum(packets(check) * 60.0 / check.interval_s for check in checks)


def prefix_of(address: str) -> str:
    """The /24 or /48 whose budget ``address`` counts for; empty for a name."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    length = 24 if found.version == 4 else 48
    return str(ipaddress.ip_network((found.packed, length), strict=False))


def by_prefix(watchlist: Watchlist) -> dict[str, float]:
    """Packets a minute to each /24 or /48; under ``""`` those to names."""
    found: dict[str, list[Check]] = {}
    for check in watchlist.checks():
        found.setdefault(prefix_of(check.address), []).append(check)
    return {prefix: packets_per_minute(checks) for prefix, checks in found.items()}


def warnings(watchlist: Watchlist) -> tuple[str, ...]:
    """What is allowed but unwise, a sentence each."""
    found = []
    allowed = watchlist.budget.prefix_rate * 60.0
    for prefix, rate in sorted(by_prefix(watchlist).items()):
        if prefix and rate > allowed:
            found.append(
                f"{rate:.0f} packets a minute to {prefix}, whose budget is {allowed:.0f}:"
                " checks will be late or skipped; choose longer intervals"
            )
    far = watchlist.controls("far")
    asns = {host.asn for host in far if host.asn is not None}
    if len(far) < MIN_FAR or len(asns) < MIN_FAR_ASNS:
        found.append(
            f"{len(far)} far controls with {len(asns)} stated AS: at least {MIN_FAR} in"
            f" {MIN_FAR_ASNS} AS are needed to tell our own trouble from theirs"
        )
    told = {target for alert in watchlist.alerts for target in alert.to}
    found += [
        f"target {target.id} is told nothing: no [[alert]] names it in to"
        for target in watchlist.targets
        if target.id not in told
    ]
    return tuple(found)


def summary(watchlist: Watchlist) -> str:
    """Counts, packets a minute and warnings, for a person who has just edited the file."""
    hosts = [host for host in watchlist.hosts if host.role == "host"]
    historic = sum(host.historic for host in hosts)
    far, near = watchlist.controls("far"), watchlist.controls("near")
    lines = [
        f"watchlist {watchlist.name}",
        f"networks  {len(watchlist.networks)}",
        *(f"  {_network(network, hosts)}" for network in watchlist.networks),
        f"hosts     {len(hosts)}" + (f", {historic} of them historic" if historic else ""),
        f"controls  {len(far) + len(near)}: {len(far)} far, {len(near)} near",
        f"checks    {len(watchlist.checks())}{_kinds(watchlist)}",
        *_traffic(watchlist),
        *_feeds(watchlist),
        *_alerts(watchlist),
        *(f"warning: {text}" for text in warnings(watchlist)),
    ]
    return "\n".join(lines)


def _feeds(watchlist: Watchlist) -> list[str]:
    lines = []
    if watchlist.feeds.ris:
        names = "RIS Live, RIPEstat" if watchlist.feeds.ripestat else "RIS Live"
        count = sum(len(network.prefixes) for network in watchlist.networks)
        lines.append(f"feeds     {names}: asked for {count} prefixes")
    if watchlist.feeds.origins:
        lines.append("origins   Team Cymru: asked who announces each address that is seen")
    if watchlist.feeds.names:
        lines.append("names     reverse DNS: asked what each address that is seen is called")
    if watchlist.feeds.ioda:
        count = sum(
            len(network.origin_asns) + bool(network.country) for network in watchlist.networks
        )
        lines.append(f"witness   IODA: asked about {count} countries and AS")
    return lines


def _alerts(watchlist: Watchlist) -> list[str]:
    if not watchlist.alerts:
        return []
    told = Counter(target for alert in watchlist.alerts for target in alert.to)
    to = ", ".join(f"{target} by {count}" for target, count in sorted(told.items()))
    return [f"alerts    {len(watchlist.alerts)} rules: {to}"]


def _network(network: Network, hosts: list[Host]) -> str:
    own = sum(host.affiliation == network.id for host in hosts)
    origins = " ".join(f"AS{asn}" for asn in network.origin_asns) or "no AS"
    return (
        f"{network.id}: {len(network.prefixes)} prefixes, {origins}, {network.timezone},"
        f" {own} hosts affiliated"
    )


def _kinds(watchlist: Watchlist) -> str:
    counts = Counter(check.kind.value for check in watchlist.checks())
    return (
        f": {', '.join(f'{n} {kind}' for kind, n in sorted(counts.items()))}" if counts else ""
    )


def _traffic(watchlist: Watchlist) -> list[str]:
    rates = by_prefix(watchlist)
    names = rates.pop("", 0.0)
    lines = [f"packets   {sum(rates.values()) + names:.0f} a minute in total"]
    lines += [
        f"  {prefix}: {rate:.1f} a minute"
        for prefix, rate in sorted(rates.items(), key=lambda item: (-item[1], item[0]))[:10]
    ]
    if len(rates) > 10:
        lines.append(f"  … and {len(rates) - 10} more prefixes with less")
    if names:
        lines.append(
            f"  names, whose addresses are looked up at each run: {names:.1f} a minute"
        )
    return lines
