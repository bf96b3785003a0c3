"""``watchdesk drill``: rehearse a past outage on a simulated internet."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from monitor.commands.common import BANNER, WHO, Refused, config_dir, moment, state_dir
from monitor.records import clean_text

DEFAULT: Final = "dprk-2014"
DEFAULT_SPEED: Final = 600.0


def add(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("name", nargs="?", default=DEFAULT, help=f"which (default: {DEFAULT})")
    parser.add_argument("--list", action="store_true", help="list the drills")
    parser.add_argument(
        "--speed",
        type=float,
        default=DEFAULT_SPEED,
        metavar="N",
        help=f"simulated seconds in a second (default: {DEFAULT_SPEED:.0f})",
    )
    parser.add_argument(
        "--from", dest="begin", metavar="TIME", help="begin there, e.g. 2014-12-22T16:00"
    )
    parser.add_argument("--theme", metavar="NAME", help="theme to start with")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII only")
    parser.add_argument(
        "--notify",
        metavar="FILE|NAME",
        help="send the alerts of this watchlist for real, marked SYNTHETIC (without: none is)",
    )
    parser.add_argument("--as", dest="who", default="", metavar="NAME", help=WHO)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Open the desk on a drill, and debrief afterwards."""
    from monitor.simulation.drills import drill_titles
    from monitor.watchlist.bundled import resolve

    titles = drill_titles()
    if options.list:
        width = max(map(len, titles))
        for name, title in titles.items():
            print(f"{name:{width}}  {title}")
        return 0
    if options.name not in titles:
        known = ", ".join(titles)
        raise Refused(f"there is no drill {options.name!r}; there are {known}")
    begin = moment(options.begin) if options.begin else 0
    notify = None if options.notify is None else resolve(options.notify, config_dir()).load()
    if options.serve is not None:
        from monitor.collect import drill

        drill.serve(
            options.name, options.serve, speed=options.speed, begin=begin, notify=notify
        )
        return 0
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("a drill needs a terminal; 'watchdesk drill --list' lists the drills")
    return _play(options)


def _play(options: argparse.Namespace) -> int:
    from monitor.collect import drill, launch
    from monitor.tui.app import run_desk

    cache = state_dir() / f"drill-{options.name}.db"
    arguments = ["drill", options.name, "--serve", str(cache), "--speed", str(options.speed)]
    if options.begin:
        arguments += ["--from", options.begin]
    if options.notify is not None:
        arguments += ["--notify", options.notify]
    try:
        process = launch.start_drill(cache, arguments)
    except launch.NotStarted as error:
        raise Refused(str(error)) from error

    def steer(verb: str, *values: float) -> None:
        line = json.dumps([verb, *values]) + "\n"
        process.say(line.encode())

    try:
        code = run_desk(
            cache,
            config_dir=config_dir(),
            theme=options.theme,
            ascii_only=options.ascii,
            banner=BANNER,
            quit_says="the drill ends with the desk, and its debriefing is printed",
            steer=steer,
            who=clean_text(options.who.strip()),
        )
    finally:
        process.end()
    print("\n".join(drill.debriefing(options.name, cache)))
    return code
