"""``watchdesk serve``: the desk in a browser."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
import secrets
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from monitor.commands.common import Refused
from monitor.commands.desk import only_read

PORT: Final = 8470
VARIABLE: Final = "WATCHDESK_TOKEN"
_LEAST: Final = 16


def add(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"default: {PORT}; 0: any free one"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDR",
        help="listen there (default: this machine alone); others need a token of yours",
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"the token stands there (or in ${VARIABLE}); without it one is made up",
    )
    parser.add_argument("--read-only", action="store_true", help="desks that only read")


def run(options: argparse.Namespace) -> int:
    """Serve until ctrl+c or SIGTERM."""
    token = _token(options)
    try:
        from monitor.tui.web.server import DeskServer
    except ImportError as error:
        raise Refused(
            "the desk in a browser needs an extra that is not installed:"
            " pip install 'watchdesk[web]'"
        ) from error
    made = "" if token else secrets.token_urlsafe(24)
    server = DeskServer(shlex.join(_desk(options)), token or made)
    host = options.host
    shown = f"[{host}]" if ":" in host else host
    # A token of one's own is known, and need not stand in a log.
    ask = made or "<the token>"

    def ready(port: int) -> None:
        said = f"watchdesk: the desk is at http://{shown}:{port}/?token={ask}; ctrl+c ends it"
        print(said, file=sys.stderr, flush=True)
        if not _is_local(host):
            print(
                "watchdesk: HTTP is not encrypted; put TLS or an SSH tunnel in front of it",
                file=sys.stderr,
                flush=True,
            )

    leave = _collecting(options)
    try:
        asyncio.run(server.run(host, options.port, ready))
    except OSError as error:
        why = error.strerror or str(error)
        raise Refused(
            f"cannot listen on {shown}:{options.port} ({why}); choose another --port or --host"
        ) from error
    finally:
        leave()
    return 0


def _token(options: argparse.Namespace) -> str:
    """The token given, or '' where one may be made up.  Raises Refused."""
    token = os.environ.pop(VARIABLE, "")
    if options.token_file is not None:
        try:
            token = options.token_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise Refused(
                f"the token in {options.token_file} cannot be read ({why})"
            ) from error
    if not token and not _is_local(options.host):
        raise Refused(
            f"--host {options.host} lets others in: give a token of at least {_LEAST}"
            f" characters in --token-file or ${VARIABLE}"
        )
    if (token or options.token_file is not None) and (
        len(token) < _LEAST or not token.isascii() or not token.isprintable()
    ):
        raise Refused(f"a token has at least {_LEAST} characters, of ASCII, and no spaces")
    return token


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _desk(options: argparse.Namespace) -> list[str]:
    """The command of one desk."""
    command = [sys.executable, "-m", "monitor", "--cache", str(options.cache)]
    if options.watchlist is not None:
        command += ["--watchlist", options.watchlist]
    if options.read_only or only_read(options.cache):
        command.append("--read-only")
    return command


def _collecting(options: argparse.Namespace) -> Callable[[], None]:
    """A collector for as long as is served: a desk that is closed must not end it."""
    from monitor.collect import launch

    if options.read_only or only_read(options.cache):
        return lambda: None
    try:
        launch.ensure_collector(options.cache, options.watchlist)
    except launch.NotStarted as error:
        raise Refused(str(error)) from error
    presence = launch.Presence(options.cache)

    def leave() -> None:
        row = launch.collector_row(options.cache)
        presence.leave(stop_collector=row is not None and row.by_desk)

    return leave
