"""``watchdesk cache``, ``export`` and ``import``: what is remembered, and where it goes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from monitor.commands.common import Refused, moment


def add_cache(parser: argparse.ArgumentParser) -> None:
    """The options of ``cache``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_export(parser: argparse.ArgumentParser) -> None:
    """The options of ``export``."""
    parser.add_argument(
        "--jsonl", action="store_true", required=True, help="one JSON record a line"
    )
    parser.add_argument("--since", metavar="TIME", help="from then on, e.g. 2014-12-22T16:00")
    parser.add_argument("--until", metavar="TIME", help="what was before then")


def add_import(parser: argparse.ArgumentParser) -> None:
    """The options of ``import``."""
    parser.add_argument("file", type=Path, help="an export, as 'watchdesk export' writes it")


def run_cache(options: argparse.Namespace) -> int:
    """Print what the cache keeps, since when, and how large it will become."""
    from monitor.report.cachefacts import as_json, as_text, look

    facts = look(options.cache)
    print(as_json(facts) if options.json else as_text(facts))
    return 0


def run_export(options: argparse.Namespace) -> int:
    """Write the cache to stdout, line by line."""
    from monitor.cache.archive import dump

    since = moment(options.since) if options.since else 0
    until = moment(options.until) if options.until else None
    out = sys.stdout.buffer
    for line in dump(options.cache, since, until):
        out.write(line)
    out.flush()
    return 0


def run_import(options: argparse.Namespace) -> int:
    """Make a new cache of an export."""
    from monitor.cache.archive import load

    if not options.cache_given:
        raise Refused("an import needs a cache of its own: name it with --cache FILE")
    try:
        with options.file.open("rb") as file:
            total = load(_lines(file), options.cache)
    except OSError as error:
        raise Refused(f"{options.file} cannot be read ({error.strerror})") from error
    print(f"{total} records are in {options.cache}; look at them with --cache")
    return 0


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines of bounded length: a file without a newline must not fill the memory."""
    from monitor.cache.archive import MAX_LINE

    while line := file.readline(MAX_LINE + 1):
        yield line
