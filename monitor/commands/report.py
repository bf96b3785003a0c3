"""``watchdesk report``, ``bundle`` and ``verify``: what leaves the desk, and is it whole."""

from __future__ import annotations

import argparse
import hashlib
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.commands.common import Refused, moment

if TYPE_CHECKING:
    from monitor.report.situation import Situation

_ALTERED: Final = 1
_MAX_WATCHLIST: Final = 1 << 20


def add_report(parser: argparse.ArgumentParser) -> None:
    """The options of ``report``."""
    _add_span(parser)
    parser.add_argument(
        "--format", choices=("md", "html", "json"), default="md", help="default: md"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: stdout")


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """The options of ``bundle``."""
    _add_span(parser)
    parser.add_argument("--output", type=Path, metavar="FILE.zip", required=True)


def add_verify(parser: argparse.ArgumentParser) -> None:
    """The options of ``verify``."""
    parser.add_argument("file", type=Path, help="a bundle, or a state cache")


def _add_span(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", help="a network of the watchlist (its id)")
    parser.add_argument(
        "--from", dest="since", metavar="TIME", help="default: 24 hours before the end"
    )
    parser.add_argument(
        "--to", dest="until", metavar="TIME", help="as known then (default: the newest)"
    )


def _gather(options: argparse.Namespace) -> Situation:
    from monitor.report.situation_facts import NothingKnown, gather
    from monitor.report.why import UnknownSubject

    since = moment(options.since) if options.since else None
    until = moment(options.until) if options.until else None
    try:
        return gather(options.cache, options.network, since, until)
    except (UnknownSubject, NothingKnown) as error:
        raise Refused(str(error)) from error


def run_report(options: argparse.Namespace) -> int:
    """Write the situation report of a network."""
    from monitor.report.situation_forms import render

    text = render(_gather(options), options.format)
    if options.output is None:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return 0
    try:
        options.output.write_bytes(text.encode())
    except OSError as error:
        raise Refused(f"{options.output} cannot be written ({error.strerror})") from error
    print(f"wrote {options.output}")
    return 0


def run_bundle(options: argparse.Namespace) -> int:
    """Write the evidence bundle of a network."""
    from monitor.report.bundle import BundleError, write_bundle

    found = _gather(options)
    try:
        digest = write_bundle(options.cache, found, options.output, _watchlist(options, found))
    except BundleError as error:
        raise Refused(str(error)) from error
    print(f"wrote {options.output}; its manifest is {digest}")
    print("keep that number elsewhere: who alters all of a bundle cannot keep it the same")
    return 0


def _watchlist(options: argparse.Namespace, found: Situation) -> bytes | None:
    """The watchlist that the collector used, None when it is no longer as it was then."""
    from monitor.cache.reader import Reader
    from monitor.records import CollectorRow
    from monitor.watchlist.bundled import bundled, bundled_names

    with closing(Reader(options.cache)) as reader:
        row = reader.row("collector")
    kept: list[bytes] = []
    if isinstance(row, CollectorRow) and row.watchlist_path:
        with suppress(OSError), Path(row.watchlist_path).open("rb") as file:
            kept.append(file.read(_MAX_WATCHLIST))
    kept += [bundled(name) for name in bundled_names()]
    wanted = found.versions.watchlist_hash
    return next((raw for raw in kept if hashlib.sha256(raw).hexdigest() == wanted), None)


def run_verify(options: argparse.Namespace) -> int:
    """Say whether a bundle or a cache is whole; the first thing that is not, otherwise."""
    from monitor.report.verify import Altered, verify

    try:
        for line in verify(options.file):
            print(line)
    except Altered as error:
        print(f"watchdesk: {error}", file=sys.stderr)
        return _ALTERED
    return 0
