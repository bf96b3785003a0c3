"""``watchdesk metrics``: the cache as Prometheus metrics over HTTP."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from typing import Final

from monitor.commands.common import Refused

DEFAULT: Final = "127.0.0.1:9819"


def add(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--listen",
        default=DEFAULT,
        metavar="ADDR:PORT",
        help=f"where to be scraped, at /metrics (default: {DEFAULT}; port 0: any free one)",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until ctrl+c or SIGTERM; it reads the cache, and needs no collector of its own."""
    host, port = address(options.listen)
    try:
        import prometheus_client as prometheus
    except ImportError as error:
        raise Refused(
            "metrics need an extra that is not installed: pip install 'watchdesk[metrics]'"
        ) from error
    from monitor.report.metrics import BoardMetrics

    registry = prometheus.CollectorRegistry()
    registry.register(BoardMetrics(options.cache, lambda: time.time_ns() // 1000))
    try:
        server, thread = prometheus.start_http_server(port, host, registry)
    except OSError as error:
        raise Refused(
            f"cannot listen on {options.listen} ({error.strerror}); choose another --listen"
        ) from error
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    shown = f"[{host}]" if ":" in host else host
    where = f"http://{shown}:{server.server_port}/metrics"
    print(f"watchdesk: metrics of {options.cache} at {where}", file=sys.stderr, flush=True)
    over.wait()
    server.shutdown()
    thread.join()
    server.server_close()
    return 0


def address(text: str) -> tuple[str, int]:
    """Host and port of ``127.0.0.1:9819``, ``[::1]:9819`` or ``:9819``.

    Raises Refused.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise Refused(f"{text!r} is no place to listen; write it like {DEFAULT}")
    return host, int(port)
