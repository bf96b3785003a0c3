"""``watchdesk handover``: the shift report."""

from __future__ import annotations

import argparse

from monitor.commands.common import BANNER, moment


def add(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--since",
        metavar="TIME",
        help="from when (default: when you last left the desk, else 8 hours before)",
    )
    parser.add_argument("--at", metavar="TIME", help="up to a moment (default: as it stands)")
    parser.add_argument("--as", dest="who", default="", metavar="NAME", help="who hands over")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print the report."""
    from monitor.cache.reader import Reader
    from monitor.cache.says import os_user
    from monitor.records import clean_text
    from monitor.report.handover import as_json, handover
    from monitor.report.handover_text import as_text

    since = moment(options.since) if options.since else None
    at = moment(options.at) if options.at else None
    who = clean_text(options.who.strip()) or os_user()
    reader = Reader(options.cache)
    try:
        found = handover(reader, who, since, at)
    finally:
        reader.close()
    if options.json:
        print(as_json(found))
        return 0
    if found.drill:
        print(f"{BANNER} ({found.drill})")
    print(as_text(found))
    return 0
