"""The whole screen about the way to a host, and the one about a hop of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitor.records import Hop, HostRow, Micros, PathRow, RouteRow, Row
from monitor.tui import keymap
from monitor.tui.history import Asked
from monitor.tui.lines import HopTarget, Line, PathTarget, line
from monitor.tui.pages.behind import addresses_of, behind_page
from monitor.tui.pages.pathview import PathView, path_page
from monitor.tui.pages.routechart import PREFIXES, chart_room
from monitor.tui.pages.routes import route_of, routes_of
from monitor.tui.screens.base import subject_of
from monitor.tui.screens.page import PageScreen
from monitor.tui.story import PathAsked, PathStory
from monitor.tui.text import Look, clock
from monitor.tui.widgets.linelist import PageList

# A bar of the chart grows by a line for so many lines of screen.
_TALL_EVERY = 28


class PathScreen(PageScreen):
    """Follows the newest trace, until a stored one is asked for."""

    BINDINGS = [*keymap.TRACES]  # noqa: RUF012 - Textual's own annotation

    def __init__(self, target: PathTarget) -> None:
        super().__init__(target)
        self._host = target.host
        self._start = target.line
        self._story: PathStory | None = None
        # The start of the stored trace that is shown; 0 follows the newest.
        self._pin: Micros = target.at

    @property
    def host(self) -> HostRow | None:
        return self.desk.board.hosts.get(self._host)

    # --- which trace -----------------------------------------------------------------------

    def action_trace(self, step: int) -> None:
        """To an earlier or later stored trace; beyond the last one lies the newest."""
        story = self._story
        if story is None or not story.times:
            self.desk.say("no trace of this host is stored")
            return
        times = story.times
        now = times.index(self._pin) if self._pin in times else story.place
        place = now + step
        if place < 0:
            self.desk.say(f"this is the first stored trace: 1 of {len(times)}")
        elif place >= len(times) or (place == len(times) - 1 and step > 0):
            self._follow(0)
            if place >= len(times):
                self.desk.say("this is the newest trace")
        else:
            self._follow(times[place])

    def _follow(self, pin: Micros) -> None:
        if pin != self._pin:
            self._pin = pin
            self._reload()
            self.refresh_bindings()

    def action_now(self) -> None:
        if self._pin:
            self._follow(0)
        else:
            super().action_now()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "now" and self._pin:
            return True
        if action in ("zoom", "path"):
            return action == "zoom"
        return super().check_action(action, parameters)

    # --- what the page screen asks -----------------------------------------------------------

    def _forget(self) -> None:
        super()._forget()
        self._story = None
        then = self.desk.then
        if then is not None and self._pin > then.at:
            self._pin = 0

    def _row(self) -> Row | None:
        host = self.host
        return self.desk.board.checks.get(host.trace) if host is not None else None

    def subject(self) -> tuple[str, str]:
        return subject_of(self.host)

    def _asked(self) -> Asked | None:
        desk, host = self.desk, self.host
        page = self.query_one("#page", PageList)
        if host is None or page.size.height == 0:
            return None
        prefixes = tuple(row.prefix for row in self._routes(host)[:PREFIXES])
        if not prefixes:
            return None
        size = chart_room(page.line_width)
        past, heard = desk.away, self._heard()
        return Asked(desk.span, desk.now(), size, past=past, prefixes=prefixes, heard=heard)

    def _routes(self, host: HostRow) -> list[RouteRow]:
        """The routes of the host's network, its own prefix first."""
        board = self.desk.board
        network = board.network_of(host)
        if network is None:
            return []
        own = route_of(host, board)
        return sorted(routes_of(network, board), key=lambda row: row is not own)

    async def _fetch(self, at: Micros | None) -> None:
        host = self.host
        if host is None or not host.trace:
            return
        own = route_of(host, self.desk.board)
        until = self.desk.live_now() if at is None else at
        prefix = own.prefix if own is not None else ""
        asked = PathAsked(host.trace, host.id, until, self._pin, prefix)
        self._story = await self.desk.source.path(asked)

    def _lines(self, width: int) -> list[Line]:
        desk, host, story = self.desk, self.host, self._story
        if host is None:
            gone = (
                "nothing was known of this then" if desk.away else "this has left the watchlist"
            )
            return [line((f" {gone}", "dim"))]
        board = desk.board
        if story is None:
            return [line((" the stored traces are being read", "dim"))]
        pinned = bool(story.asked.pin)
        view = PathView(
            host,
            story,
            story.path if pinned else board.paths.get(host.trace),
            story.route if pinned else route_of(host, board),
            self._routes(host),
            board.network_of(host),
            self._history,
            max(1, self.query_one("#page", PageList).size.height // _TALL_EVERY),
            pinned,
        )
        return path_page(view, board, Look(width, desk.marks, desk.now()))

    def _titles(self) -> tuple[str, str]:
        name = self.desk.board.name_of(f"host:{self._host}")
        story = self._story
        shown = story.shown if story is not None else None
        said = f"trace of {clock(shown.at)}" if shown is not None else ""
        return f"Path {self.desk.marks.arrow} {name}", said

    def _begin_at(self, lines: Sequence[Line]) -> int | None:
        keys = [made.key for made in lines]
        if self._start and self._start in keys:
            return keys.index(self._start)
        return next((at for at, key in enumerate(keys) if key.startswith("hop:")), None)


class HopScreen(PageScreen):
    """A hop, its AS, and the hosts behind them."""

    def __init__(self, target: HopTarget) -> None:
        super().__init__(target)
        self._hop: Hop = target.hop
        self._at = target.at
        self._check = target.check
        self._behind: Mapping[str, Sequence[str]] | None = None

    def _forget(self) -> None:
        super()._forget()
        self._behind = None

    def _row(self) -> Row | None:
        """The path that was traced last: with it, who is behind the hop may change."""
        paths: list[PathRow] = list(self.desk.board.paths.values())
        return max(paths, key=lambda path: (path.at, path.check), default=None)

    def subject(self) -> tuple[str, str]:
        return subject_of(self.desk.board.hosts.get(self._check.partition("/")[0]))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return False if action == "zoom" else super().check_action(action, parameters)

    def _asked(self) -> Asked | None:
        return None

    async def _fetch(self, at: Micros | None) -> None:
        addresses = addresses_of(self._hop, self.desk.board)
        self._behind = await self.desk.source.behind(addresses, at)

    def _lines(self, width: int) -> list[Line]:
        desk = self.desk
        if desk.then is not None and self._at > desk.then.at:
            return [line((" this had not happened yet", "dim"))]
        look = Look(width, desk.marks, desk.now())
        return behind_page(self._hop, self._at, desk.board, self._behind, look)

    def _titles(self) -> tuple[str, str]:
        hop = self._hop
        whose = f"AS{hop.asn} {hop.as_name}".rstrip() if hop.asn is not None else "Hop"
        return f"{whose}, hop {hop.ttl}", hop.address
