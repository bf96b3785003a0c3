"""``watchdesk why``: a verdict with the observations and the rule behind it."""

from __future__ import annotations

import argparse
import time

from monitor.commands.common import BANNER, Refused, moment


def add(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("subject", help="a host, check or network (its id), or vantage:local")
    parser.add_argument("--at", metavar="TIME", help="as of a moment, e.g. 2014-12-22T16:20")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print why something has its state."""
    from monitor.cache.reader import Reader
    from monitor.records import CollectorRow
    from monitor.report.why import UnknownSubject, as_json, as_text, why

    at = moment(options.at) if options.at else None
    reader = Reader(options.cache)
    try:
        collector = reader.row("collector")
        drill = collector.drill if isinstance(collector, CollectorRow) else ""
        found = why(reader, options.subject, at)
        found.drill = drill
    except UnknownSubject as error:
        raise Refused(str(error)) from error
    finally:
        reader.close()
    if options.json:
        print(as_json(found))
    else:
        if drill:
            print(f"{BANNER} ({drill})")
        print(as_text(found, time.time_ns() // 1000))
    return 0
