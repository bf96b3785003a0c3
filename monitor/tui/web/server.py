"""Serves the desk to browsers: a process of its own for each, behind a token.

textual-serve does the work; what is added is who may come in.  Its page loads a font from
elsewhere, so the page is ours, and a content security policy keeps the browser from asking
anybody but this server.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import aiohttp_jinja2
from aiohttp import web
from textual_serve.server import Server

# Each is a process, with some ten megabytes of its own.
MOST_DESKS: Final = 8
LEAVE_S: Final = 2.0
_FONT: Final = 16
_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; font-src 'self'; connect-src 'self' {socket};"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_REFUSED: Final = (
    "refused: open the address with its token, as 'watchdesk serve' was given it\n"
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class DeskServer(Server):
    """``command`` is run by a shell for each desk; ``token`` opens the door."""

    def __init__(self, command: str, token: str) -> None:
        super().__init__(
            command, title="watchdesk", templates_path=Path(__file__).parent.absolute()
        )
        self._token = token
        # What a browser keeps is good for this run alone.
        self._ticket = secrets.token_urlsafe(32)
        self._desks = 0

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: the command does."""

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Nothing is served without the token, and nothing to another site's page."""
        cookie = f"watchdesk-{request.url.port}"
        given = request.query.get("token", "")
        if request.path == "/" and _same(given, self._token):
            # The token leaves the address bar, and with it the browser's history.
            inside = web.Response(status=303, headers={"Location": "/"})
            inside.set_cookie(cookie, self._ticket, httponly=True, samesite="Strict")
            return inside
        ours = _same(request.cookies.get(cookie, ""), self._ticket)
        origin = request.headers.get("Origin")
        # Cookies know no ports: a page of another local server would send ours along.
        if not ours or origin not in (None, f"{request.scheme}://{request.host}"):
            return web.Response(status=403, text=_REFUSED)
        try:
            answer = await handler(request)
        except web.HTTPException as error:
            error.headers["Cache-Control"] = "no-store"
            raise
        if not answer.prepared:
            socket = _socket(request)
            answer.headers["Content-Security-Policy"] = _POLICY.format(socket=socket)
            answer.headers["Referrer-Policy"] = "no-referrer"
            answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    @aiohttp_jinja2.template("app_index.html")
    async def handle_index(self, request: web.Request) -> dict[str, Any]:
        """The page, with addresses as this browser sees us."""
        return {
            "font_size": _FONT,
            "app_websocket_url": f"{_socket(request)}/ws",
            "config": {"static": {"url": "/static/"}},
            "application": {"name": self.title},
        }

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One desk, for as long as the browser is there."""
        if self._desks >= MOST_DESKS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_DESKS} desks are open already\n")
        self._desks += 1
        try:
            return await super().handle_websocket(request)
        finally:
            self._desks -= 1

    async def run(self, host: str, port: int, ready: Callable[[int], None]) -> None:
        """Serve until SIGINT or SIGTERM; ``ready`` is told the port.  Raises OSError."""
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, over.set)
        runner = web.AppRunner(
            await self._make_app(), access_log=None, shutdown_timeout=LEAVE_S
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            ready(runner.addresses[0][1])
            await over.wait()
        finally:
            await runner.cleanup()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _socket(request: web.Request) -> str:
    scheme = "wss" if request.scheme == "https" else "ws"
    return f"{scheme}://{request.host}"
