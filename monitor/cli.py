"""The command line: parses, wires, starts; no logic."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from monitor import __version__
from monitor.commands import (
    desk,
    drill,
    events,
    handover,
    memory,
    metrics,
    notify,
    path,
    report,
    serve,
    why,
)
from monitor.commands.common import EXIT_USAGE, Refused, config_dir, default_cache

if TYPE_CHECKING:
    from monitor.watchlist.bundled import Source
    from monitor.watchlist.model import Watchlist


def parser() -> argparse.ArgumentParser:
    """Every command and option."""
    top = argparse.ArgumentParser(
        prog="watchdesk",
        description="A terminal situation monitor. Without a command it opens the desk.",
    )
    top.add_argument("--version", action="version", version=f"watchdesk {__version__}")
    _shared(top)
    desk.add(top)
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    add = commands.add_parser
    check = add("check", help="look at everything once and print what was found")
    _shared(check)
    check.add_argument("--json", action="store_true", help="print JSON with every raw fact")
    collect = add("collect", help="run the collector without a desk (for a service)")
    _shared(collect)
    collect.add_argument("--stop", action="store_true", help="stop the running collector")
    collect.add_argument("--by-desk", action="store_true", help=argparse.SUPPRESS)
    drill.add(add("drill", help="rehearse a past outage on a simulated internet"))
    _reports(add)
    held = add("cache", help="say what the cache keeps, since when, and how large it becomes")
    _shared(held)
    memory.add_cache(held)
    export = add("export", help="write the cache to stdout, one JSON record a line")
    _shared(export)
    memory.add_export(export)
    taken = add("import", help="make a new cache (--cache) of an export")
    _shared(taken)
    memory.add_import(taken)
    told = add("events", help="print the event log, line by line, and go on with --follow")
    _shared(told)
    events.add(told)
    notified = add(
        "notify", help="say what waits to be told to people, or --test whom it reaches"
    )
    _shared(notified)
    notify.add(notified)
    scraped = add("metrics", help="serve the cache as Prometheus metrics")
    _shared(scraped)
    metrics.add(scraped)
    served = add("serve", help="serve the desk to a browser")
    _shared(served)
    serve.add(served)
    validate = add("validate", help="check a watchlist file and sum it up")
    validate.add_argument("file", help="a watchlist file, or the name of a bundled one")
    init = add("init", help="write a commented watchlist to start from")
    init.add_argument("file", nargs="?", type=Path, help="where (default: the user's own)")
    init.add_argument("--force", action="store_true", help="replace a file that is there")
    doctor = add("doctor", help="say what this machine permits, with the remedy for each lack")
    _shared(doctor)
    return top


def _reports(add: Callable[..., argparse.ArgumentParser]) -> None:
    """What is read out of the cache and told."""
    walked = add("path", help="walk the path to a host or an address, hop by hop")
    _shared(walked)
    path.add(walked)
    behind = add("why", help="say what a state rests on: rule, evidence, explanations")
    _shared(behind)
    why.add(behind)
    handed = add("handover", help="write the shift report: what is open, changed and was said")
    _shared(handed)
    handover.add(handed)
    situation = add("report", help="write the situation report of a network")
    _shared(situation)
    report.add_report(situation)
    bundled = add("bundle", help="write report, observations and events into one archive")
    _shared(bundled)
    report.add_bundle(bundled)
    report.add_verify(add("verify", help="say whether a bundle or a cache is as written"))


def _shared(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-w",
        "--watchlist",
        default=argparse.SUPPRESS,
        metavar="FILE|NAME",
        help="a watchlist file or a bundled name (default: your own, else north-korea)",
    )
    command.add_argument(
        "--cache",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="the state cache (default: the platform's state folder)",
    )


def _open(name: str | None) -> tuple[Watchlist, Source]:
    from monitor.watchlist.bundled import resolve

    source = resolve(name, config_dir())
    return source.load(), source


def _check(options: argparse.Namespace) -> int:
    from monitor.clock import RealClock
    from monitor.collect.once import look_once
    from monitor.collect.own import OwnPlaces
    from monitor.probes.base import RealProber
    from monitor.report import look

    watchlist, _ = _open(options.watchlist)
    shown = Progress(sys.stderr)
    own = OwnPlaces().checks()

    async def run() -> look.LookReport:
        clock = RealClock()
        prober = RealProber(clock)
        try:
            return await look_once(watchlist, prober, clock, shown.step, own)
        finally:
            await prober.close()

    found = asyncio.run(run())
    shown.clear()
    if options.json:
        print(look.as_json(found))
    else:
        from rich.console import Console

        look.print_table(found, Console(highlight=False))
    return look.exit_code(found)


class Progress:
    """One line on a terminal's stderr that says how far a long look has come."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = stream.isatty()

    def step(self, done: int, total: int, name: str) -> None:
        if self._shown:
            self._stream.write(f"\r\x1b[K{done} of {total}  {name}")
            self._stream.flush()

    def clear(self) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")


def _collect(options: argparse.Namespace) -> int:
    from monitor.collect import service

    if options.stop:
        try:
            pid = service.stop(options.cache)
        except TimeoutError as error:
            raise Refused(f"the collector (process {error}) does not stop; kill it") from error
        print(f"stopped the collector (process {pid})" if pid else "no collector was running")
        return 0
    watchlist, source = _open(options.watchlist)
    from monitor.watchlist.follow import Follower

    def said(text: str) -> None:
        print(f"watchdesk: {text}", file=sys.stderr, flush=True)

    if not options.by_desk:
        said(f"collecting {watchlist.name} into {options.cache}; stop with ctrl+c")
    try:
        service.serve(
            watchlist,
            Follower(source, watchlist.hash),
            options.cache,
            by_desk=options.by_desk,
            said=said,
        )
    except service.AlreadyCollecting as error:
        raise Refused(
            f"process {error.pid} already collects into {options.cache};"
            " use its data with 'watchdesk', or stop it with 'watchdesk collect --stop'"
        ) from error
    return 0


def _validate(options: argparse.Namespace) -> int:
    from monitor.watchlist.describe import summary

    watchlist, _ = _open(options.file)
    print(summary(watchlist))
    return 0


def _init(options: argparse.Namespace) -> int:
    from monitor.watchlist.template import init

    path = options.file or config_dir() / "watchlist.toml"
    init(path, force=options.force)
    print(f"wrote {path}; edit it, then run 'watchdesk validate {path}'")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from monitor import doctor

    findings = asyncio.run(doctor.examine(options.cache, config_dir()))
    print("\n".join(doctor.lines(findings)))
    return doctor.exit_code(findings)


_COMMANDS = {
    "desk": desk.run,
    "check": _check,
    "collect": _collect,
    "drill": drill.run,
    "path": path.run,
    "why": why.run,
    "handover": handover.run,
    "report": report.run_report,
    "bundle": report.run_bundle,
    "verify": report.run_verify,
    "cache": memory.run_cache,
    "export": memory.run_export,
    "import": memory.run_import,
    "events": events.run,
    "notify": notify.run,
    "metrics": metrics.run,
    "serve": serve.run,
    "validate": _validate,
    "init": _init,
    "doctor": _doctor,
}


def main() -> int:
    """Entry point: every expected failure is one sentence on stderr and an exit code."""
    options = parser().parse_args()
    options.watchlist = getattr(options, "watchlist", None)
    options.cache_given = getattr(options, "cache", None) is not None
    options.cache = getattr(options, "cache", None) or default_cache()
    from monitor.cache.schema import CacheError
    from monitor.watchlist.errors import WatchlistError

    try:
        return _COMMANDS[options.command or "desk"](options)
    except (WatchlistError, CacheError, Refused) as error:
        print(f"watchdesk: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return EXIT_USAGE
