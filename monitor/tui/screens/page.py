"""Every drill-down screen: one page of lines about one thing."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs
from textual.app import ComposeResult
from textual.worker import Worker

from monitor.cache.history import ended
from monitor.cache.schema import CacheError
from monitor.entries import Entry
from monitor.records import Event, Micros, Observation, Row
from monitor.report.why import UnknownSubject, Why
from monitor.tui import keymap
from monitor.tui.history import SPANS, Asked, History, due, heard_until, main_check
from monitor.tui.lines import (
    CheckTarget,
    EntryTarget,
    EventTarget,
    ExplanationsTarget,
    HostTarget,
    Line,
    NetworkTarget,
    ObservationTarget,
    Target,
    TimelineTarget,
    WhyTarget,
    line,
)
from monitor.tui.pages.check import check_page
from monitor.tui.pages.event import event_page
from monitor.tui.pages.host import host_page
from monitor.tui.pages.ledger import entry_page
from monitor.tui.pages.network import network_page
from monitor.tui.pages.observation import observation_page
from monitor.tui.pages.plot import buckets_of
from monitor.tui.pages.routechart import PREFIXES, chart_room
from monitor.tui.pages.routes import routes_of
from monitor.tui.pages.timeline import timeline_page
from monitor.tui.pages.why import explanations_page, why_page
from monitor.tui.screens.base import DeskScreen, subject_of
from monitor.tui.text import Look
from monitor.tui.then import Then
from monitor.tui.widgets.linelist import PageList

EVENTS = 200
LOGGED = 500
OBSERVATIONS = 300


class PageScreen(DeskScreen):
    """Draws from the board at once; what only the cache holds follows a moment later."""

    DEFAULT_CSS = """
    PageScreen #page { height: 1fr; }
    """
    BINDINGS = [*keymap.HISTORY]  # noqa: RUF012 - Textual's own annotation

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target
        self._events: Sequence[Event] = ()
        self._runs: Sequence[Observation] = ()
        self._history: History | None = None
        self._loaded: Row | None = None
        self._then: Then | None = None
        self._why: Why | None = None
        self._asking: Asked | None = None
        self._loading: Worker[None] | None = None
        self._problem = ""
        self._placed = False

    def panels(self) -> ComposeResult:
        yield PageList(id="page")

    def on_mount(self) -> None:
        self.query_one("#page", PageList).focus()

    def on_resize(self) -> None:
        self.update()

    def refresh_rows(self) -> None:
        super().refresh_rows()
        if self._then is not self.desk.then:
            # Nothing of one moment may stand beside another.
            self._then = self.desk.then
            self._forget()
        row, asked = self._row(), self._asked()
        fresh = row is not None and row is not self._loaded
        if fresh or (asked is not None and due(asked, self._asking)):
            self._loaded, self._asking = row, asked
            self._reload()
        self._show()

    def _reload(self) -> None:
        self._loading = self.run_worker(self._load, exclusive=True)

    def _forget(self) -> None:
        if self._loading is not None:
            self._loading.cancel()
        self._events, self._runs, self._history = (), (), None
        self._loaded = self._why = self._asking = None
        self._problem = ""
        self.query_one("#page", PageList).keep_place()

    def _asked(self) -> Asked | None:
        """The history this page draws, as of now or of the moment shown."""
        desk = self.desk
        page = self.query_one("#page", PageList)
        if page.size.height == 0:
            return None
        size = buckets_of(page.line_width, desk.marks)
        asked = Asked(desk.span, desk.now(), size, past=desk.away)
        match self.target:
            case HostTarget(id) if id in desk.board.hosts:
                check = main_check(desk.board.hosts[id], desk.board)
                return structs.replace(asked, check=check) if check else None
            case CheckTarget(id) if id in desk.board.checks:
                return structs.replace(asked, check=id)
            case NetworkTarget(id) if id in desk.board.networks:
                routes = routes_of(desk.board.networks[id], desk.board)
                return structs.replace(
                    asked,
                    network=id,
                    size=chart_room(page.line_width),
                    prefixes=tuple(row.prefix for row in routes[:PREFIXES]),
                    heard=self._heard(),
                )
            case _:
                return None

    def _heard(self) -> Micros:
        """Up to when what was said last may stand; 0 while the collector is at work."""
        desk = self.desk
        at_work = not desk.away and not desk.collector_dead()
        return 0 if at_work else heard_until(desk.board.collector)

    def action_zoom(self, step: int) -> None:
        self.desk.span = (self.desk.span + step) % len(SPANS)
        self.update()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "zoom":
            return isinstance(self.target, HostTarget | CheckTarget | NetworkTarget)
        return super().check_action(action, parameters)

    def subject(self) -> tuple[str, str]:
        board = self.desk.board
        match self.target:
            case HostTarget(id):
                return subject_of(board.hosts.get(id))
            case CheckTarget(id):
                return subject_of(board.checks.get(id))
            case ObservationTarget(observation):
                return subject_of(board.checks.get(observation.check))
            case _:
                return "", ""

    def about(self) -> str:
        match self.target:
            case NetworkTarget(id) | ExplanationsTarget(id) | TimelineTarget(id):
                return f"network:{id}"
            case EntryTarget():
                entry = self.entry_here()
                return entry.subject if entry is not None else ""
            case EventTarget(event):
                return event.subject
            case WhyTarget(subject):
                return subject
            case _:
                return super().about()

    def event_here(self) -> int:
        entry = self.entry_here()
        if isinstance(self.target, EventTarget):
            return self.target.event.id
        return entry.event if entry is not None else 0

    def entry_here(self) -> Entry | None:
        if not isinstance(self.target, EntryTarget):
            return None
        found = self.desk.board.book.of(self.target.id)
        return found.latest if found is not None else None

    def action_why(self) -> None:
        if not isinstance(self.target, WhyTarget):
            super().action_why()

    def action_explain(self) -> None:
        if not isinstance(self.target, ExplanationsTarget):
            super().action_explain()

    def _row(self) -> Row | None:
        """The current row this page is about; None for what never changes."""
        board = self.desk.board
        match self.target:
            case HostTarget(id):
                return board.hosts.get(id)
            case CheckTarget(id):
                return board.checks.get(id)
            case NetworkTarget(id) | ExplanationsTarget(id) | TimelineTarget(id):
                return board.networks.get(id)
            case WhyTarget(subject):
                return board.row(subject)
            case _:
                return None

    async def _load(self) -> None:
        source, asked = self.desk.source, self._asking
        try:
            await self._fetch(self._then.at if self._then is not None else None)
            drawn = self._history.asked if self._history is not None else None
            if asked is not None and due(asked, drawn):
                self._history = await source.history(asked)
            self._problem = ""
        except (CacheError, UnknownSubject) as error:
            self._problem = str(error)
        if self.is_attached:
            self._show()

    async def _fetch(self, at: Micros | None) -> None:
        """Read what only the cache holds, as of ``at`` or of now; raises CacheError."""
        source = self.desk.source
        match self.target:
            case HostTarget(id):
                self._events = await source.events(f"host:{id}", EVENTS, at)
            case NetworkTarget(id):
                self._events = await source.events(f"network:{id}", EVENTS, at)
            case TimelineTarget():
                self._events = await source.log(LOGGED, at)
            case CheckTarget(id):
                self._runs = await source.observations(id, OBSERVATIONS, at)
            case WhyTarget(subject):
                self._why = await source.why(subject, at)

    def _show(self) -> None:
        page = self.query_one("#page", PageList)
        lines = self._lines(page.line_width)
        if self._problem:
            lines.insert(0, line((f" {self._problem}", "warn")))
        page.show(lines, *self._titles())
        if not self._placed and page.size.height > 0:
            first = self._begin_at(lines)
            if first is not None:
                self._placed = True
                page.move_to(first)

    def _begin_at(self, lines: Sequence[Line]) -> int | None:
        """The cursor starts on the first thing that can be opened."""
        return next((at for at, made in enumerate(lines) if made.target), None)

    def _lines(self, width: int) -> list[Line]:
        desk = self.desk
        board, look = desk.board, Look(width, desk.marks, desk.now())
        if aside := self._aside(look):
            return aside
        match self.target:
            case HostTarget(id) if id in board.hosts:
                return host_page(board.hosts[id], board, self._events, look, self._history)
            case NetworkTarget(id) if id in board.networks:
                return network_page(
                    board.networks[id], board, self._events, look, self._history
                )
            case CheckTarget(id) if id in board.checks:
                return check_page(board.checks[id], self._runs, self._history, look)
            case EventTarget(event):
                return event_page(event, board, look)
            case ObservationTarget(observation):
                return observation_page(observation, board, look)
            case WhyTarget(subject) if board.row(subject) is not None or not desk.away:
                return why_page(self._why, look)
            case ExplanationsTarget(id) if id in board.networks:
                return explanations_page(board.networks[id], board, look)
            case _ if desk.away:
                return [line((" nothing was known of this then", "dim"))]
            case _:
                return [line((" this has left the watchlist", "dim"))]

    def _aside(self, look: Look) -> list[Line]:
        """What is still to come, and the pages of the ledger; none for the other pages."""
        if self._to_come():
            return [line((" this had not happened yet", "dim"))]
        board = self.desk.board
        match self.target:
            case TimelineTarget(id) if id in board.networks:
                return timeline_page(board.networks[id], board, self._events, look)
            case EntryTarget(id) if (said := board.book.of(id)) is not None:
                return entry_page(said, board, look)
            case _:
                return []

    def _to_come(self) -> bool:
        """Whether this page tells of something later than the moment shown."""
        then = self.desk.then
        match self.target:
            case EventTarget(event):
                return then is not None and event.at > then.at
            case ObservationTarget(observation):
                return then is not None and ended(observation) > then.at
            case _:
                return False

    def _titles(self) -> tuple[str, str]:
        board = self.desk.board
        match self.target:
            case HostTarget(id):
                return f"Host {board.name_of(f'host:{id}')}", id
            case NetworkTarget(id):
                return f"Network {board.name_of(f'network:{id}')}", id
            case CheckTarget(id):
                return f"Check {id}", ""
            case EventTarget(event):
                return f"Event {event.id}", "" if self._to_come() else str(event.kind)
            case ObservationTarget(observation):
                return f"Observation of {observation.check}", observation.vantage
            case WhyTarget(subject):
                return f"Why {board.name_of(subject)}", subject
            case TimelineTarget(id):
                return f"Timeline, {board.name_of(f'network:{id}')}", "oldest last"
            case EntryTarget(id):
                return f"Entry {id}", "written for ever"
            case ExplanationsTarget(id):
                return f"Explanations, {board.name_of(f'network:{id}')}", "none is decided"
            case _:
                return "", ""
