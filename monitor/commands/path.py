"""``watchdesk path``: walk one path for some rounds and say where it breaks."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Final

from monitor.commands.common import Refused, config_dir

if TYPE_CHECKING:
    from monitor.report.path import PathReport

_ROUNDS: Final = 10
_MOST: Final = 3600
_FILE_WIDTH: Final = 200


def add(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("host", help="a host of the watchlist (its id), or an IP address")
    parser.add_argument(
        "--rounds",
        type=int,
        default=_ROUNDS,
        metavar="N",
        help=f"rounds, one a second (default: {_ROUNDS})",
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print JSON")
    shape.add_argument("--csv", action="store_true", help="print one line of CSV a hop")


def run(options: argparse.Namespace) -> int:
    """Walk the path and print the report; the exit code says how it ended."""
    from monitor.report import path

    if not 1 <= options.rounds <= _MOST:
        raise Refused(f"--rounds must lie between 1 and {_MOST}")
    report = _walk(options)
    if options.json:
        print(path.as_json(report))
    elif options.csv:
        print(path.as_csv(report))
    else:
        from rich.console import Console

        # Into a file or a pipe nothing is cut off to the width of a terminal nobody has.
        width = None if sys.stdout.isatty() else _FILE_WIDTH
        path.print_report(report, Console(highlight=False, width=width))
    return path.exit_code(report)


def _walk(options: argparse.Namespace) -> PathReport:
    from monitor.cli import Progress
    from monitor.clock import RealClock
    from monitor.collect.hosting import OriginKeeper
    from monitor.collect.names import NameKeeper
    from monitor.collect.service import names_for, origins_for
    from monitor.collect.walk import path_of, walk
    from monitor.probes.base import RealProber
    from monitor.watchlist.bundled import resolve

    watchlist = resolve(options.watchlist, config_dir()).load()
    check = path_of(watchlist, options.host)
    if check is None:
        raise Refused(
            f"{options.host!r} is no host of {watchlist.name} and no IP address;"
            " name another watchlist with --watchlist"
        )
    shown = Progress(sys.stderr)

    async def go() -> PathReport:
        clock = RealClock()
        prober = RealProber(clock)
        origins = OriginKeeper(lambda found: origins_for(found, clock), clock, lambda _: None)
        names = NameKeeper(lambda found: names_for(found, clock), clock, lambda _: None)
        try:
            await origins.follow(watchlist)
            await names.follow(watchlist)
            return await walk(
                check,
                watchlist,
                prober,
                clock,
                rounds=options.rounds,
                progress=shown.step,
                names=(origins, names),
            )
        finally:
            await origins.close()
            await names.close()
            await prober.close()

    try:
        return asyncio.run(go())
    finally:
        shown.clear()
