"""What every screen of the desk shares: strip on top, keys below, the same keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.screen import Screen

from monitor.records import HOUR, CheckRow, HostRow, Micros, Observation, TraceFacts
from monitor.tui import keymap
from monitor.tui.driver import in_browser
from monitor.tui.lines import (
    CheckTarget,
    EventTarget,
    ExplanationsTarget,
    HostTarget,
    ObservationTarget,
    PathTarget,
    Target,
    WhyTarget,
)
from monitor.tui.screens.export import ExportScreen
from monitor.tui.screens.saying import Saying
from monitor.tui.travel import Move
from monitor.tui.widgets.keybar import KeyBar
from monitor.tui.widgets.linelist import LineList
from monitor.tui.widgets.strip import SituationStrip

if TYPE_CHECKING:
    from monitor.tui.app import Desk


class DeskScreen(Saying, Screen[None], inherit_bindings=False):
    """Subclasses compose their panels and refresh them."""

    BINDINGS = [*keymap.EVERYWHERE, *keymap.DESK, *keymap.TIME, *keymap.DRILL]  # noqa: RUF012 - Textual's own annotation
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual's own annotation

    DEFAULT_CSS = """
    DeskScreen { layout: vertical; background: $background; }
    """

    def __init__(self) -> None:
        super().__init__()
        # Time and data go on while a screen is still being put together.
        self._ready = False

    @property
    def desk(self) -> Desk:
        return cast("Desk", self.app)

    def compose(self) -> ComposeResult:
        yield SituationStrip()
        yield from self.panels()
        yield KeyBar()

    def panels(self) -> ComposeResult:
        raise NotImplementedError

    def refresh_rows(self) -> None:
        """Take in what changed on the board, and what time it is."""
        self.query_one(SituationStrip).refresh_rows()
        self.query_one(KeyBar).refresh_text()

    def subject(self) -> tuple[str, str]:
        """What "probe now" asks for, as the cache and as people call it; empty: nothing."""
        return "", ""

    def update(self) -> None:
        """Refresh, if everything of this screen stands."""
        if self._ready and self.is_attached:
            self.refresh_rows()

    def on_mount(self) -> None:
        self._ready = True
        self.update()

    def on_screen_resume(self) -> None:
        self.update()

    def on_line_list_open(self, message: LineList.Open) -> None:
        message.stop()
        self.desk.open_target(message.target)

    def action_next_panel(self) -> None:
        self.focus_next()

    def action_previous_panel(self) -> None:
        self.focus_previous()

    def action_back(self) -> None:
        self.desk.pop_screen()

    def about(self) -> str:
        """What "why" asks about: a subject of the cache; empty: nothing."""
        return self.subject()[0]

    def action_why(self) -> None:
        subject = self.about()
        if subject:
            self.desk.open_target(WhyTarget(subject))
        else:
            self.desk.say("put the cursor on a network, a host, a check or an event first")

    def action_explain(self) -> None:
        network = self.desk.board.network_behind(self.about())
        if network is not None:
            self.desk.open_target(ExplanationsTarget(network.id))
        else:
            self.desk.say("no network is watched behind this")

    def _pointed(self) -> Target | None:
        """What the line under the cursor stands for."""
        return self.focused.target if isinstance(self.focused, LineList) else None

    def host_here(self) -> HostRow | None:
        """The host under the cursor, else the one this screen is about."""
        kind, _, name = (_about(self._pointed()) or self.about()).partition(":")
        if kind not in ("host", "check"):
            return None
        return self.desk.board.hosts.get(name.partition("/")[0])

    def action_path(self) -> None:
        """The way to the host, or to the neighbour that is traced for it."""
        host = self.host_here()
        if host is None:
            self.desk.say("put the cursor on a host first")
            return
        traced = self.desk.board.traced(host)
        if not traced.trace:
            self.desk.say(f"nobody traces the way to {host.name}: it has no trace check")
            return
        if traced is not host:
            self.desk.say(f"{host.name} is not traced; this is the path to {traced.name}")
        at = _traced_at(self._pointed(), traced.trace)
        self.desk.open_target(PathTarget(traced.id, at=at))

    async def action_probe(self) -> None:
        subject, name = self.subject()
        await self.desk.probe(subject, name)

    def action_drill(self, verb: str) -> None:
        self.desk.drill(verb)

    def action_step(self, events: int) -> None:
        self.desk.travel.go(Move("event", events))

    def action_hour(self, hours: int) -> None:
        self.desk.travel.go(Move("by", hours * HOUR))

    def action_moment(self) -> None:
        self.desk.ask_moment()

    def action_now(self) -> None:
        self.desk.travel.leave()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's signature
        if action == "now":
            return self.desk.away
        return action != "drill" or self.desk.steer is not None

    def action_export(self) -> None:
        """Choose what to write into a file."""
        if in_browser():
            self.desk.say("a desk in a browser writes no files: run 'watchdesk report' there")
            return
        self.desk.push_screen(ExportScreen(self.desk.board.network_behind(self.about())))

    def action_theme(self) -> None:
        self.desk.next_theme()

    def action_command_palette(self) -> None:
        self.desk.action_command_palette()

    def action_help(self) -> None:
        self.desk.show_help()

    async def action_quit(self) -> None:
        await self.desk.action_quit()


def _about(target: Target | None) -> str:
    """The subject of the cache behind a line; '' where there is none."""
    match target:
        case HostTarget(id) | PathTarget(id):
            return f"host:{id}"
        case CheckTarget(id):
            return f"check:{id}"
        case ObservationTarget(observation):
            return f"check:{observation.check}"
        case EventTarget(event):
            return event.subject
        case WhyTarget(subject):
            return subject
        case _:
            return ""


def _traced_at(target: Target | None, check: str) -> Micros:
    """When the trace behind a line was begun, or the last that an event rests on; else 0."""
    seen: tuple[Observation, ...]
    match target:
        case ObservationTarget(observation):
            seen = (observation,)
        case EventTarget(event):
            seen = event.evidence
        case _:
            return 0
    times = [one.at for one in seen if one.check == check and isinstance(one.facts, TraceFacts)]
    return max(times, default=0)


def subject_of(row: HostRow | CheckRow | None) -> tuple[str, str]:
    """A row as a request names it."""
    match row:
        case HostRow():
            return f"host:{row.id}", row.name
        case CheckRow():
            return f"check:{row.id}", row.id
        case None:
            return "", ""
