"""``watchdesk``: the desk, on a collector of its own, a running one, or a cache only read."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.commands.common import WHO, Refused, config_dir, moment
from monitor.records import clean_text

if TYPE_CHECKING:
    from monitor.records import CollectorRow
    from monitor.watchlist.model import Watchlist

VIEWER: Final = "READ ONLY viewer"
_VIEWER_SAYS: Final = "this desk only reads, and starts no collector"


def add(parser: argparse.ArgumentParser) -> None:
    """The options of the desk."""
    parser.add_argument("--theme", metavar="NAME", help="theme to start with")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII only")
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="open as of a moment, e.g. 2014-12-22T16:20; reads only, starts no collector",
    )
    parser.add_argument(
        "--read-only",
        action="store_true",
        help="only read, e.g. a copied cache; also where the cache may not be written",
    )
    parser.add_argument("--as", dest="who", default="", metavar="NAME", help=WHO)


def run(options: argparse.Namespace) -> int:
    """Open the desk and leave no collector behind that nobody wants."""
    from monitor.collect import keeper, launch
    from monitor.tui.app import run_desk
    from monitor.tui.driver import in_browser

    if not (in_browser() or (sys.stdin.isatty() and sys.stdout.isatty())):
        raise Refused(
            "the desk needs a terminal; use 'watchdesk check' for one look"
            " or 'watchdesk collect' to keep collecting"
        )
    cache: Path = options.cache
    wanted = _wanted(options.watchlist)
    if options.at or options.read_only or only_read(cache):
        return _view(options, wanted)
    try:
        launch.ensure_collector(cache, options.watchlist)
    except launch.NotStarted as error:
        raise Refused(str(error)) from error
    _same_watchlist(wanted, launch.collector_row(cache), "the running collector")
    presence = launch.Presence(cache)
    care = keeper.Keeper(cache, options.watchlist)
    code = run_desk(
        cache,
        config_dir=config_dir(),
        theme=options.theme,
        ascii_only=options.ascii,
        tend=care.step,
        who=clean_text(options.who.strip()),
    )
    # Only an orderly end says that nobody wants the data any more.
    row = launch.collector_row(cache) if code == 0 else None
    if code == 0:
        care.leave()
    presence.leave(stop_collector=row is not None and row.by_desk)
    return code


def only_read(cache: Path) -> bool:
    """Whether a cache is there that no collector may be started for.

    One that this user, its folder, its medium or its missing write bit protects, and one of
    a drill.
    """
    from monitor.collect.launch import collector_row

    if not os.path.exists(cache):  # noqa: PTH110 - Path.exists raises where a folder is closed
        return False
    if not (os.access(cache, os.W_OK) and os.access(cache.parent, os.W_OK)):
        return True
    if not cache.stat().st_mode & 0o222:
        return True
    row = collector_row(cache)
    return row is not None and bool(row.drill)


def _view(options: argparse.Namespace, wanted: Watchlist | None) -> int:
    """The desk on a cache as it lies there: nobody has to be collecting into it."""
    from monitor.cache.reader import Reader
    from monitor.collect.keeper import watch
    from monitor.collect.launch import collector_row
    from monitor.tui.app import run_desk

    at = moment(options.at) if options.at else None
    # A cache that cannot be read is one sentence here, before the screen is taken.
    Reader(options.cache).close()
    _same_watchlist(wanted, collector_row(options.cache), "the collector of this cache")
    return run_desk(
        options.cache,
        config_dir=config_dir(),
        theme=options.theme,
        ascii_only=options.ascii,
        banner=VIEWER,
        quit_says=_VIEWER_SAYS,
        at=at,
        read_only=True,
        tend=watch(options.cache),
    )


def _wanted(name: str | None) -> Watchlist | None:
    """The watchlist asked for, if any; raises WatchlistError before anything is started."""
    from monitor.watchlist.bundled import resolve

    return None if name is None else resolve(name, config_dir()).load()


def _same_watchlist(wanted: Watchlist | None, found: CollectorRow | None, whose: str) -> None:
    """Refuse to pass off what another watchlist found as that of the one asked for."""
    if wanted is not None and found is not None and wanted.name != found.watchlist:
        raise Refused(
            f"{whose} watches {found.watchlist}, not {wanted.name}; name another cache with"
            " --cache, or stop the collector with 'watchdesk collect --stop' and start again"
        )
