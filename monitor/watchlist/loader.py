"""Reads a watchlist, and says everything that is wrong with one at once.

    [defaults]  interval timeout          [budget]  in_flight prefix_in_flight prefix_rate
    [feeds]     ris url ripestat ripestat_url origins names ioda ioda_url
    [keep]      raw five_minutes hourly
    [[target]] and [[alert]]: see :mod:`monitor.watchlist.alerts`
    [[network]] id name prefixes origin_asns upstream_asns timezone note country
    [[host]]    id name address affiliation parents historic note claims checks
    [[control]] id name address side near asn parents note checks
    name, timezone                        of the whole watchlist

Durations are ``"60s"``, ``"5m"``, ``"500ms"``, ``"1h"`` or numbers of seconds.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tomllib
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from monitor.records import Claim, clean_text
from monitor.watchlist import values
from monitor.watchlist.alerts import read_alerts, read_targets
from monitor.watchlist.checks import Timing, interval, read_checks, timeout
from monitor.watchlist.errors import Problem, WatchlistError, Wrong, shown
from monitor.watchlist.keep import read_keep
from monitor.watchlist.model import Budget, Feeds, Host, Network, Watchlist
from monitor.watchlist.reader import Sink, Table

MAX_BYTES: Final = 1024 * 1024
MAX_HOSTS: Final = 20_000
MAX_NETWORKS: Final = 256
_MAX_CLAIMS: Final = 64
# What tells about ourselves is asked every 10 s unless it says otherwise (rule "vantage
# first"): own trouble must be known before the first host is judged.
_FAR: Final = Timing(interval_s=10.0, timeout_s=5.0)
# tomllib takes time with the square of the parts of a dotted key.
_LONG_KEY: Final = re.compile(
    r"""(?<![\w-])(?:(?:"[^"\n]*+"|'[^'\n]*+'|[\w-]++)[ \t]*+\.[ \t]*+){256}"""
)
_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")


def load(path: Path) -> Watchlist:
    """The watchlist in a file of at most 1 MiB.

    Raises WatchlistError, whatever the file is.
    """
    watchlist = parse(_read(path), str(path))
    return msgspec.structs.replace(watchlist, path=clean_text(str(path), 4_096))


def parse(data: bytes, source: str) -> Watchlist:
    """The watchlist in ``data``; ``source`` names it in messages.

    Raises WatchlistError with every problem, in the order of the file.
    """
    sink = Sink(source)
    document = _decoded(data, source)
    top = Table(sink, (), _toml(document, source))
    _refuse_too_much(top)
    sink.finish(document)
    found = _Reader(sink, top).watchlist(Path(source).stem)
    sink.finish(document)
    return msgspec.structs.replace(found, hash=hashlib.sha256(data).hexdigest())


# --- bytes to TOML -------------------------------------------------------------------------


def refusal(
    file: str, found: str, allowed: str, line: int = 0, column: int = 0
) -> WatchlistError:
    """An error about a file as a whole."""
    problem = Problem(
        file=clean_text(file), path="", found=found, allowed=allowed, line=line, column=column
    )
    return WatchlistError((problem,))


def _read(path: Path) -> bytes:
    wanted = "a file that can be read"
    try:
        # Not blocking: a pipe without a writer would hold us up for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise refusal(str(path), "no such file", wanted) from None
    except (OSError, ValueError) as error:
        why = clean_text(getattr(error, "strerror", None) or error)
        raise refusal(str(path), f"it cannot be opened ({why})", wanted) from None
    try:
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode):
            raise refusal(str(path), "a directory", "a file")
        if not stat.S_ISREG(found.st_mode):
            raise refusal(str(path), "a device or pipe", "a regular file")
        if found.st_size > MAX_BYTES:
            raise refusal(str(path), f"{found.st_size} bytes", f"at most {MAX_BYTES}")
        return _content(handle)
    except OSError as error:
        why = clean_text(error.strerror)
        raise refusal(str(path), f"it cannot be read ({why})", wanted) from None
    finally:
        os.close(handle)


def _content(handle: int) -> bytes:
    """One byte more than is allowed, so that a file that grew meanwhile is found out."""
    parts: list[bytes] = []
    left = MAX_BYTES + 1
    while left > 0 and (part := os.read(handle, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _decoded(data: bytes, source: str) -> str:
    if len(data) > MAX_BYTES:
        raise refusal(source, f"more than {MAX_BYTES} bytes", f"at most {MAX_BYTES}")
    if data.startswith(_BOMS):
        raise refusal(source, "UTF-16 (byte order mark)", "text saved as UTF-8")
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        # The error counts behind a byte order mark that was taken off.
        offset = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        found = f"byte 0x{data[offset]:02x} at offset {offset}, which is not UTF-8"
        raise refusal(source, found, "text saved as UTF-8", line) from None


def _toml(document: str, source: str) -> dict[str, Any]:
    if _LONG_KEY.search(document):
        raise refusal(source, "a key of more than 256 parts", "a few parts")
    try:
        return tomllib.loads(document)
    except RecursionError:
        raise refusal(source, "arrays or tables too deep", "a few levels") from None
    except ValueError as error:
        text = str(error)
        place = re.search(r" ?\(at line (\d+), column (\d+)\)$", text)
        line, column = (int(place[1]), int(place[2])) if place else (0, 0)
        if text.endswith("(at end of document)"):
            line = document.rstrip("\n").count("\n") + 1
        why = clean_text(text[: place.start()] if place else text)
        raise refusal(source, f"no TOML ({why})", "TOML 1.0", line, column) from None


def _refuse_too_much(top: Table) -> None:
    """Counts first: a hundred thousand messages help nobody."""
    hosts = 0
    for key in ("host", "control"):
        found = top.raw(key)
        hosts += len(found) if isinstance(found, list) else 0
    if hosts > MAX_HOSTS:
        top.wrong("host", f"{hosts} hosts and controls", f"at most {MAX_HOSTS}")


# --- TOML to the model -----------------------------------------------------------------------


class _Reader:
    """Reads one document.  Ids are collected first, so that each may name a later one."""

    def __init__(self, sink: Sink, top: Table) -> None:
        self._sink = sink
        self._top = top
        self._networks = _ids(top.raw("network"))
        self._hosts = _ids(top.raw("host")) | _ids(top.raw("control"))
        self._timing = Timing()

    def watchlist(self, stem: str) -> Watchlist:
        top = self._top
        name = top.read("name", values.label, clean_text(stem))
        timezone = top.read("timezone", values.timezone, "")
        self._timing = self._defaults()
        budget = self._budget()
        feeds = self._feeds()
        keep = read_keep(top)
        networks = self._read_networks()
        hosts = self._read_hosts()
        targets = read_targets(top)
        alerts = read_alerts(top, self._networks, hosts, timezone)
        top.finish()
        if not top.raw("host") and not top.raw("control"):
            found = "no hosts" if len(top) else "an empty watchlist"
            top.wrong(None, found, "at least one [[host]] or [[control]]")
        return Watchlist(
            name=name,
            networks=networks,
            hosts=hosts,
            budget=budget,
            feeds=feeds,
            keep=keep,
            targets=targets,
            alerts=alerts,
            timezone=timezone,
        )

    def _defaults(self) -> Timing:
        table = self._top.table("defaults")
        plain = Timing()
        every = table.read("interval", interval, plain.interval_s)
        deadline = table.read("timeout", timeout, min(plain.timeout_s, every / 2))
        table.finish()
        if deadline >= every:
            found = f"timeout {values.duration_text(deadline)}"
            table.wrong(
                "timeout", found, f"less than the interval of {values.duration_text(every)}"
            )
        return Timing(interval_s=every, timeout_s=deadline)

    def _budget(self) -> Budget:
        table = self._top.table("budget")
        plain = Budget()
        in_flight = table.read(
            "in_flight", partial(values.whole, low=1, high=1_000), plain.in_flight
        )
        prefix_in_flight = table.read(
            "prefix_in_flight", partial(values.whole, low=1, high=16), plain.prefix_in_flight
        )
        prefix_rate = table.read("prefix_rate", values.rate, plain.prefix_rate)
        table.finish()
        return Budget(
            in_flight=in_flight, prefix_in_flight=prefix_in_flight, prefix_rate=prefix_rate
        )

    def _feeds(self) -> Feeds:
        table = self._top.table("feeds")
        plain = Feeds()
        feeds = Feeds(
            ris=table.read("ris", values.truth, plain.ris),
            url=table.read("url", values.url, plain.url),
            ripestat=table.read("ripestat", values.truth, plain.ripestat),
            ripestat_url=table.read("ripestat_url", values.url, plain.ripestat_url),
            origins=table.read("origins", values.truth, plain.origins),
            names=table.read("names", values.truth, plain.names),
            ioda=table.read("ioda", values.truth, plain.ioda),
            ioda_url=table.read("ioda_url", values.url, plain.ioda_url),
        )
        table.finish()
        return feeds

    def _read_networks(self) -> tuple[Network, ...]:
        seen: set[str] = set()
        return tuple(
            self._read_network(table, seen)
            for table in self._top.tables("network", MAX_NETWORKS)
        )

    def _read_network(self, table: Table, seen: set[str]) -> Network:
        network_id = _read_id(table, seen)
        asn = partial(values.whole, low=1, high=values.MAX_ASN)
        network = Network(
            id=network_id,
            name=table.read("name", values.label, network_id),
            prefixes=table.each("prefixes", values.prefix),
            origin_asns=table.each("origin_asns", asn),
            upstream_asns=table.each("upstream_asns", asn),
            timezone=table.read("timezone", values.timezone, "UTC"),
            country=table.read("country", values.country, ""),
            note=table.read("note", values.note, ""),
        )
        if not table.raw("prefixes") and not table.raw("origin_asns"):
            table.wrong(
                None,
                "no prefixes and no origin_asns",
                "one of them: what is inside is measured",
            )
        table.finish()
        return network

    def _read_hosts(self) -> tuple[Host, ...]:
        seen: set[str] = set()
        hosts = [self._read_host(table, seen) for table in self._top.tables("host", MAX_HOSTS)]
        hosts += [
            self._read_control(table, seen) for table in self._top.tables("control", MAX_HOSTS)
        ]
        self._refuse_loops(hosts)
        return tuple(hosts)

    def _read_host(self, table: Table, seen: set[str]) -> Host:
        host_id, address, name = self._read_name(table, seen)
        host = Host(
            id=host_id,
            name=name,
            address=address,
            affiliation=table.read("affiliation", self._known(self._networks), ""),
            parents=table.each("parents", self._known(self._hosts)),
            claims=_claims(table),
            historic=table.read("historic", values.truth, False),
            note=table.read("note", values.note, ""),
            checks=read_checks(table, host_id, address, self._timing),
        )
        if not host.historic:
            _need_checks(table)
        table.finish()
        return host

    def _read_control(self, table: Table, seen: set[str]) -> Host:
        host_id, address, name = self._read_name(table, seen)
        sides = ("far", "near")
        side = table.need("side", lambda value: values.one_of(value, sides), "", '"far"')
        near = table.each("near", self._known(self._networks))
        if side == "near" and not table.raw("near"):
            table.wrong("near", "a near control", 'near = ["the id of a network"]')
        if side == "far" and near:
            table.wrong("near", "a far control", 'no near, or side = "near"')
        timing = self._timing
        if side == "far":
            timing = Timing(
                interval_s=min(_FAR.interval_s, timing.interval_s),
                timeout_s=min(_FAR.timeout_s, timing.timeout_s),
            )
        asn = partial(values.whole, low=1, high=values.MAX_ASN)
        control = Host(
            id=host_id,
            name=name,
            address=address,
            role="control",
            side=side,
            near=near,
            asn=table.read("asn", asn, None),
            parents=table.each("parents", self._known(self._hosts)),
            note=table.read("note", values.note, ""),
            checks=read_checks(table, host_id, address, timing),
        )
        _need_checks(table)
        table.finish()
        return control

    def _read_name(self, table: Table, seen: set[str]) -> tuple[str, str, str]:
        host_id = _read_id(table, seen)
        address = table.need("address", values.address, "", '"192.0.2.1"')
        fallback = host_id if values.family_of(address) else values.unicode_name(address)
        return host_id, address, table.read("name", values.label, fallback or host_id)

    def _known(self, ids: Collection[str]) -> Callable[[object], str]:
        def parse(value: object) -> str:
            if isinstance(value, str) and value in ids:
                return value
            hint = self._sink.meant(value, ids)
            raise Wrong("an id of this watchlist", hint)

        return parse

    def _refuse_loops(self, hosts: list[Host]) -> None:
        """A host that is its own parent, over however many others, would never be judged."""
        parents = {host.id: host.parents for host in hosts}
        # A host all of whose parents are settled is settled: what remains is on a loop or
        # behind one.
        children: dict[str, list[str]] = {}
        waiting = {host: len(above) for host, above in parents.items()}
        for host, above in parents.items():
            for parent in above:
                children.setdefault(parent, []).append(host)
        settled = [host for host, count in waiting.items() if count == 0]
        while settled:
            for child in children.get(settled.pop(), ()):
                waiting[child] -= 1
                if waiting[child] == 0:
                    settled.append(child)
        left = {host for host, count in waiting.items() if count > 0}
        if left:
            self._report_loops(left)

    def _report_loops(self, left: set[str]) -> None:
        for key in ("host", "control"):
            for table in self._top.tables(key, MAX_HOSTS):
                found = table.raw("id")
                if found in left:
                    table.subject = str(found)
                    table.wrong(
                        "parents", "parents that lead into a loop", "parents without one"
                    )


def _read_id(table: Table, seen: set[str]) -> str:
    found = table.need("id", values.identifier, "", '"ns1-kptc"')
    table.subject = found
    if found and found in seen:
        table.wrong("id", f"a second {shown(found)}", "each id once")
    seen.add(found)
    return found


def _need_checks(table: Table) -> None:
    if not table.raw("checks"):
        table.wrong(None, "no checks", 'at least one, as checks = [{ kind = "icmp" }]')


def _claims(host: Table) -> tuple[Claim, ...]:
    claims = []
    for table in host.tables("claims", _MAX_CLAIMS):
        claim = Claim(
            source=table.need("source", values.label, "", '"who said it"'),
            date=table.need("date", values.date, "", "2014-12-24"),
            hosted_in=table.read("hosted_in", values.country, ""),
            text=table.read("text", values.note, ""),
            link=table.read("link", values.link, ""),
        )
        if not table.raw("hosted_in") and not table.raw("text"):
            table.wrong(None, "a claim that says nothing", "hosted_in, text or both")
        table.finish()
        claims.append(claim)
    return tuple(claims)


def _ids(tables: object) -> frozenset[str]:
    rows = tables if isinstance(tables, list) else []
    ids = (row.get("id") for row in rows if isinstance(row, dict))
    return frozenset(found for found in ids if isinstance(found, str))
