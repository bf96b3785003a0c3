"""``watchdesk notify``: what waits to be told, and a test of whom it would reach."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING

from monitor.commands.common import BANNER, Refused, config_dir

if TYPE_CHECKING:
    from monitor.collect.outbox import Delivery
    from monitor.watchlist.model import Target

_EVERYBODY = ""


def add(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--test",
        nargs="?",
        const=_EVERYBODY,
        metavar="NAME",
        help="send a test to the target of this name, without one to every target",
    )
    parser.add_argument("--json", action="store_true", help="print JSON (without --test)")


def run(options: argparse.Namespace) -> int:
    """Say what waits, or send a test: 0 when everything is or was delivered, else 1."""
    if options.test is None:
        return _say(options)
    return _test(options)


def _say(options: argparse.Namespace) -> int:
    from monitor.cache.reader import Reader
    from monitor.collect.telling import restored
    from monitor.records import AlertsRow, CollectorRow

    reader = Reader(options.cache)
    try:
        row, collector = reader.row("alerts"), reader.row("collector")
    finally:
        reader.close()
    row = row if isinstance(row, AlertsRow) else AlertsRow()
    drill = collector.drill if isinstance(collector, CollectorRow) else ""
    kept = restored(row)
    counts = {
        "troubles": row.troubles,
        "waiting": row.waiting,
        "delivered": row.delivered,
        "given_up": row.given_up,
        "dropped": row.dropped,
    }
    if options.json:
        waiting = [
            {"id": each.id, "target": each.target, "title": each.title, "tries": each.tries}
            for each in kept.posted.messages
        ]
        print(json.dumps({"drill": drill, **counts, "problem": row.problem, "outbox": waiting}))
        return int(row.waiting > 0)
    if drill:
        print(f"{BANNER} ({drill})")
    print(
        f"{row.troubles} troubles told of; {row.delivered} messages delivered,"
        f" {row.waiting} waiting, {row.given_up} given up, {row.dropped} dropped"
    )
    for each in kept.posted.messages:
        print(f"  waits for {each.target}, {each.tries} tries: {each.title}")
    if row.problem:
        print(row.problem)
    return int(row.waiting > 0)


def _test(options: argparse.Namespace) -> int:
    from monitor.collect.outbox import DELIVERIES, GOOD
    from monitor.watchlist.bundled import resolve
    from monitor.watchlist.model import LOCAL_TARGETS

    watchlist = resolve(options.watchlist, config_dir()).load()
    wanted = [each for each in watchlist.targets if options.test in (_EVERYBODY, each.id)]
    local = [each for each in LOCAL_TARGETS if options.test in (_EVERYBODY, each)]
    if not wanted and (options.test or not watchlist.targets) and not (options.test and local):
        known = ", ".join(each.id for each in watchlist.targets) or "none"
        what = f"target {options.test!r}" if options.test else "target"
        raise Refused(
            f"{watchlist.name} has no {what} (it has: {known}); add a [[target]] to the"
            " watchlist, or name another one with --watchlist"
        )
    for name in local:
        _ring(name)
    failed = False
    for target, delivery, seconds in asyncio.run(_send(wanted)):
        failed |= delivery not in GOOD
        print(f"{target.id}: {DELIVERIES[delivery]} ({seconds:.1f} s)")
    return int(failed)


async def _send(targets: list[Target]) -> list[tuple[Target, Delivery, float]]:
    from monitor.collect.sender import AppriseSender

    sender = AppriseSender()

    async def one(target: Target) -> tuple[Target, Delivery, float]:
        began = time.monotonic()
        text = "This is a test of watchdesk: nothing has happened."
        said = await sender.send(target, "watchdesk: a test", text, bad=False)
        return target, said, time.monotonic() - began

    return list(await asyncio.gather(*map(one, targets)))


def _ring(name: str) -> None:
    import os

    from monitor.tui.ringing import BELL, notice

    if not sys.stdout.isatty():
        print(f"{name}: this is no terminal; an open desk rings its own")
        return
    text = "a test: nothing has happened"
    sys.stdout.write(BELL if name == "bell" else notice(text, os.environ))
    print(f"{name}: rung on this terminal")
