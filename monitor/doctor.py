"""What this machine permits, each lack with its exact remedy."""

from __future__ import annotations

import ctypes
import locale
import os
import shutil
import sys
from pathlib import Path
from typing import Final

import msgspec

from monitor.cache.lock import CollectorLock
from monitor.cache.reader import Reader
from monitor.cache.schema import CacheError, CacheMissing
from monitor.clock import RealClock
from monitor.probes.permit import Permission, permissions
from monitor.probes.resolve import Resolver
from monitor.records import Reason
from monitor.watchlist.bundled import resolve
from monitor.watchlist.errors import WatchlistError

_RESOLVER_S: Final = 3.0
_KNOWN_NAME: Final = "a.root-servers.net"
_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised
_MARKS: Final = {"ok": "ok  ", "lack": "LACK", "note": "note"}


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: ``grade`` ok, note or lack; a lack has a remedy."""

    what: str
    grade: str
    found: str
    remedy: str = ""


async def examine(cache: Path, config: Path) -> list[Finding]:
    """Look at everything; asks the system's resolver one question, sends nothing else."""
    return [
        *(_permission(each) for each in permissions()),
        await _resolver(),
        _clock(),
        _terminal(),
        _watchlist(config),
        _cache(cache),
    ]


def exit_code(findings: list[Finding]) -> int:
    """0 when nothing lacks, else 1."""
    return int(any(finding.grade == "lack" for finding in findings))


def lines(findings: list[Finding]) -> list[str]:
    """For people: a line each, the remedy indented below it."""
    out = []
    for finding in findings:
        out.append(f"{_MARKS[finding.grade]}  {finding.what}: {finding.found}")
        if finding.remedy:
            out.append(f"        → {finding.remedy}")
    return out


def _permission(found: Permission) -> Finding:
    grade = "ok" if found.ok else "note" if found.spare else "lack"
    return Finding(found.what, grade, found.how, "" if found.ok else found.remedy)


async def _resolver() -> Finding:
    resolver = Resolver(RealClock())
    try:
        found = await resolver.address(_KNOWN_NAME, "ipv4", _RESOLVER_S)
    finally:
        await resolver.close()
    if found.reason is Reason.NONE:
        return Finding("resolver", "ok", f"answers in {found.took_ms:.0f} ms")
    return Finding(
        "resolver",
        "lack",
        f"{_KNOWN_NAME} does not resolve ({found.note or found.reason})",
        "put a name server that answers into /etc/resolv.conf (addresses need none)",
    )


def _clock() -> Finding:
    state = _clock_state()
    if state is None:
        return Finding("clock", "note", "this system does not say whether it is synchronised")
    if state == _TIME_ERROR:
        return Finding(
            "clock",
            "note",
            "not synchronised: times in the log may be wrong",
            "run a time service, for example: systemctl enable --now systemd-timesyncd",
        )
    return Finding("clock", "ok", "synchronised")


def _clock_state() -> int | None:
    """What adjtimex(2) returns, asked without changing anything; None where there is none."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return None
    # struct timex is 208 bytes on 64-bit Linux; modes = 0 only reads.
    state = int(adjtimex(ctypes.create_string_buffer(512)))
    return None if state < 0 else state


def _terminal() -> Finding:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Finding("terminal", "note", "none here: the desk needs one, 'check' does not")
    width, height = shutil.get_terminal_size()
    coding = locale.getpreferredencoding(do_setlocale=False)
    size = f"{width}x{height}, {coding}, TERM={os.environ.get('TERM', '')}"
    if width < 80 or height < 24:
        return Finding("terminal", "lack", size, "make the window at least 80x24")
    if coding.upper().replace("-", "") != "UTF8":
        remedy = "set a UTF-8 locale (LANG=C.UTF-8), or the desk draws in ASCII"
        return Finding("terminal", "note", size, remedy)
    return Finding("terminal", "ok", size)


def _watchlist(config: Path) -> Finding:
    try:
        watchlist = resolve(None, config).load()
    except WatchlistError as error:
        first = str(error).splitlines()[0]
        return Finding("watchlist", "lack", first, "run 'watchdesk validate' and correct it")
    where = watchlist.path or "bundled"
    return Finding(
        "watchlist", "ok", f"{watchlist.name} ({where}), {len(watchlist.hosts)} hosts"
    )


def _cache(cache: Path) -> Finding:
    try:
        holder = CollectorLock.holder(cache)
        reader = Reader(cache)
        try:
            size = reader.size()
        finally:
            reader.close()
    except CacheMissing:
        return Finding("cache", "ok", f"{cache} is not there yet; the first start makes it")
    except CacheError as error:
        return Finding("cache", "lack", str(error), "give another file with --cache")
    running = f"collector is process {holder.pid}" if holder else "no collector runs"
    return Finding("cache", "ok", f"{cache}, {size / 1e6:.1f} MB, {running}")
