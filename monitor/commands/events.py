"""``watchdesk events``: the event log, line by line, and on as it goes."""

from __future__ import annotations

import argparse
import select
import sys
import time
from collections.abc import Callable
from typing import Final

from monitor.commands.common import BANNER, Refused, moment

_LOOK_S: Final = 0.25
# A cache that cannot be read for a moment is looked at again; one that is gone is not.
_PATIENCE_S: Final = 10.0


def add(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--follow", action="store_true", help="go on until ctrl+c")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--since", metavar="TIME", help="from then on (without: the newest 20)")
    parser.add_argument(
        "--subject", metavar="S", help="of this alone, e.g. host:ns1-kptc, network:north-korea"
    )
    parser.add_argument(
        "--all", action="store_true", help="also soft steps and what is no news by itself"
    )


def run(options: argparse.Namespace) -> int:
    """Print events; with ``--follow`` until ctrl+c or until nobody reads any more."""
    from monitor.report.eventlog import EventLog, as_json, as_text

    since = moment(options.since) if options.since else None
    subject = options.subject
    if subject is not None and ":" not in subject and subject != "collector":
        raise Refused(
            f"{subject!r} is no subject: say what it is, as host:{subject},"
            f" network:{subject} or check:{subject}"
        )
    log = EventLog(options.cache, since=since, subject=subject, soft=options.all)
    try:
        if log.drill and not options.json:
            print(f"{BANNER} ({log.drill})", flush=True)

        def show() -> None:
            for page in log.pages():
                for event in page:
                    print(as_json(event, log.drill) if options.json else as_text(event))
            sys.stdout.flush()

        show()
        if options.follow:
            _follow(show)
    except KeyboardInterrupt:
        # The way to end it, when it has no end of its own.
        return 0 if options.follow else 130
    finally:
        log.close()
    return 0


def _follow(show: Callable[[], None]) -> None:
    from monitor.cache.schema import CacheError

    failing: float | None = None
    while _somebody_reads():
        time.sleep(_LOOK_S)
        try:
            show()
            failing = None
        except CacheError:
            failing = failing or time.monotonic()
            if time.monotonic() - failing > _PATIENCE_S:
                raise
    raise BrokenPipeError


def _somebody_reads() -> bool:
    """Whether the other end of a pipe is there: without an event nothing would tell."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not any(seen & (select.POLLERR | select.POLLNVAL) for _, seen in poll.poll(0))
