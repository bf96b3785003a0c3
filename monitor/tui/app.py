"""The desk itself: reads the cache, keeps the board, shows the screens."""

from __future__ import annotations

import asyncio
import locale
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.css.query import NoMatches
from textual.screen import Screen

from monitor.cache.schema import CacheError
from monitor.records import Micros
from monitor.tui import settings, themes
from monitor.tui.board import Board
from monitor.tui.commands import DeskCommands
from monitor.tui.drill import DrillClock
from monitor.tui.driver import backed_up, in_browser
from monitor.tui.history import DEFAULT_SPAN
from monitor.tui.lines import Target
from monitor.tui.ringing import Ringing
from monitor.tui.screens.base import DeskScreen
from monitor.tui.screens.board import BoardScreen
from monitor.tui.screens.help import HelpScreen
from monitor.tui.screens.moment import MomentScreen
from monitor.tui.screens.opening import screen_for
from monitor.tui.shift import Shift
from monitor.tui.source import Source
from monitor.tui.style import VARIABLES, Palette
from monitor.tui.tending import Tend, Tending
from monitor.tui.text import ASCII, UNICODE, Marks
from monitor.tui.then import Then, silent_then
from monitor.tui.travel import Move, Travel
from monitor.tui.widgets.keybar import KeyBar

Steer = Callable[..., None]

CALM_S: Final = 0.2
BUSY_S: Final = 0.1
KEYS_LAST_S: Final = 1.0
SPEED_STEP: Final = 2.0
NOTICE_S: Final = 6.0
NOTICES_KEPT: Final = 50
# Deeper than any way down; beyond it the oldest page gives way.
STACK_MOST: Final = 12
# Times move on the screen even when nothing happens.
CLOCK_S: Final = 1.0


def wall() -> Micros:
    return time.time_ns() // 1000


class Desk(App[None], inherit_bindings=False):
    """Draws what the cache says; never probes and never judges."""

    TITLE = "watchdesk"
    BINDINGS = [  # noqa: RUF012 - Textual's own annotation
        Binding("ctrl+q", "quit", "quit", show=False, priority=True, system=True),
        Binding("ctrl+c", "hint", "how to quit", show=False, system=True),
    ]
    COMMANDS = {DeskCommands}  # noqa: RUF012 - Textual's own annotation
    CSS = """
    .-ascii LineList { border: ascii $desk-border; scrollbar-size: 0 0; }
    .-ascii LineList:focus { border: ascii $desk-focus; }
    .-ascii SituationStrip, .-ascii SituationStrip:focus { border: none; }
    """

    def __init__(
        self,
        cache: Path,
        *,
        config_dir: Path,
        theme: str | None = None,
        ascii_only: bool = False,
        banner: str = "",
        now: Callable[[], Micros] | None = None,
        quit_says: str = "",
        steer: Steer | None = None,
        at: Micros | None = None,
        read_only: bool = False,
        tend: Tend | None = None,
        who: str = "",
    ) -> None:
        super().__init__()
        # What is shown: the live board, or that of another moment.
        self.live = self.board = Board()
        self.travel = Travel(self, at)
        if self.travel.then is not None:
            self.board = self.travel.then.board()
        self.span = DEFAULT_SPAN
        self.shift = Shift(self)
        refuses = "this desk only reads" if read_only else ""
        self.source = Source(cache, who=who, refuses=refuses)
        self.config_dir = config_dir
        self.banner = banner
        self.tending = Tending(self, tend)
        self.ringing = Ringing(self)
        self.steer = steer
        self._now = now or wall
        self._drill = DrillClock()
        self.quit_says = quit_says or "the collector is another process"
        self.marks: Marks = ASCII if ascii_only or not _unicode() else UNICODE
        self.notice = ""
        self.notices: list[str] = []
        self.keys: dict[str, str] = {}
        self.theme_names: list[str] = []
        self._key_at = 0.0
        self._painted_at = 0.0
        self._pending = True
        # The same changes must never be taken in twice.
        self._polling = asyncio.Lock()
        self._load_settings(theme)

    @property
    def then(self) -> Then | None:
        """The moment shown; None when it is now."""
        return self.travel.then

    @property
    def away(self) -> bool:
        """Whether another moment than now is shown."""
        return self.then is not None

    def now(self) -> Micros:
        """What time it is on this desk: the moment shown, else in a drill the drill's."""
        return self.live_now() if self.then is None else self.then.at

    def live_now(self) -> Micros:
        if self._drill.hear(self.live.collector):
            return self._drill.now()
        return self._now()

    def collector_dead(self) -> bool:
        """Whether nothing has been heard of the collector for too long."""
        if self.then is not None:
            return not self.then.blind and silent_then(self.board, self.then.at)
        if self._drill.hear(self.live.collector):
            return self._drill.silent
        return self.live.collector_dead(self._now())

    def show_board(self, board: Board) -> None:
        """Put the board of another moment, or the live one, on the screen."""
        self.board = board
        self.paint()
        self.screen.refresh_bindings()

    # --- settings ----------------------------------------------------------------------

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLES

    def _load_settings(self, wanted: str | None) -> None:
        found, problems = themes.load_all(self.config_dir)
        for theme in found.values():
            self.register_theme(theme)
        self.theme_names = sorted(found, key=lambda name: (name != themes.DEFAULT, name))
        state, problem = settings.recall(self.config_dir)
        self.keys, fault = settings.user_keys(self.config_dir)
        problems += [text for text in (problem, fault) if text]
        for name in (wanted, state.theme):
            if name and name not in found:
                problems.append(f"there is no theme called {name!r}")
        choices = (wanted, state.theme, themes.DEFAULT, *self.theme_names)
        chosen = next((name for name in choices if name in found), None)
        if chosen is not None:
            self.theme = chosen
        self.palette = self._make_palette()
        self.notices = problems

    def _make_palette(self) -> Palette:
        return Palette(self.get_css_variables(), colourless=self.no_color)

    def watch_theme(self) -> None:
        self.palette = self._make_palette()

    def use_theme(self, name: str) -> None:
        """Change colours now, and remember the choice."""
        self.theme = name
        problem = settings.remember(self.config_dir, settings.Remembered(theme=name))
        self.say(problem or f"theme: {name}")

    def next_theme(self) -> None:
        if self.theme_names:
            at = self.theme_names.index(self.theme) if self.theme in self.theme_names else -1
            self.use_theme(self.theme_names[(at + 1) % len(self.theme_names)])

    # --- starting and leaving -----------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        return BoardScreen()

    def on_mount(self) -> None:
        self.set_class(self.marks.ascii, "-ascii")
        if self.keys:
            self.set_keymap(self.keys)
        if self.notices:
            more = f" (and {len(self.notices) - 1} more, see help)" if self.notices[1:] else ""
            self._show_notice(self.notices[0] + more)
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._leave, number)
        self.run_worker(self._feed(), name="feed", group="feed")
        self.tending.begin()
        if self.then is not None:
            self.travel.go(Move("to", self.then.at))

    def _leave(self, number: int) -> None:
        self.exit(return_code=128 + number)

    def on_unmount(self) -> None:
        self.source.close()

    async def action_quit(self) -> None:
        await self.shift.leave()
        self.exit()

    def action_hint(self) -> None:
        self.say(f"q leaves the desk; {self.quit_says}")

    # --- the feed -------------------------------------------------------------------------

    async def _feed(self) -> None:
        """Read and paint for as long as the desk lives; the app cancels it."""
        while True:
            await self.poll()
            busy = time.monotonic() - self._key_at < KEYS_LAST_S
            await asyncio.sleep(BUSY_S if busy else CALM_S)

    async def poll(self) -> None:
        """Take in what is new, and paint unless the terminal does not keep up."""
        async with self._polling:
            changed, problem = await self._take()
            changed |= await self.shift.read()
        self.ringing.hear(self.live)
        if problem != self.live.problem:
            self.live.problem = problem
            changed = True
        self._pending |= changed
        clock = time.monotonic()
        due = self._pending or clock - self._painted_at >= CLOCK_S
        if due and not backed_up(self):
            self._pending, self._painted_at = False, clock
            self.paint()

    async def _take(self) -> tuple[bool, str]:
        """Whether anything changed, and what is wrong with the cache."""
        try:
            return self.live.apply(await self.source.changes(self.live.cursor)), ""
        except CacheError as error:
            return False, str(error)

    def paint(self) -> None:
        """Refresh the topmost screen of ours; a palette above it does not stop time."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, DeskScreen):
                # One that is just being taken down has lost its panels already.
                with suppress(NoMatches):
                    screen.update()
                return

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            self._key_at = time.monotonic()
        await super().on_event(event)

    # --- what people ask for ----------------------------------------------------------------

    def open_target(self, target: Target) -> None:
        """Go down to a page."""
        if len(self.screen_stack) < STACK_MOST:
            self.push_screen(screen_for(target))
        else:
            self.say("this deep is deep enough: esc goes back")

    def go_to(self, host: str) -> None:
        """Back to the board, with the cursor on a host."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        screen = self.screen
        assert isinstance(screen, BoardScreen)
        screen.go_to(host)

    def show_help(self) -> None:
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    async def probe(self, subject: str, name: str) -> None:
        """Ask the collector to look now."""
        if not subject:
            self.say("put the cursor on a host first")
            return
        if self.away:
            self.say("the past cannot be probed: = goes back to now")
            return
        try:
            await self.source.request(self.now(), "probe", subject)
        except CacheError as error:
            self.say(f"not asked: {error}")
        else:
            waits = ", which is not running" if self.collector_dead() else ""
            self.say(f"asked the collector{waits}: probe {name} now")

    def drill(self, verb: str) -> None:
        """Steer the drill: pause, faster, slower, jump."""
        row = self.live.collector
        if self.steer is None or row is None:
            return
        match verb:
            case "faster":
                self.steer("speed", row.speed * SPEED_STEP)
            case "slower":
                self.steer("speed", max(1.0, row.speed / SPEED_STEP))
            case _:
                self.steer(verb)
        if verb == "jump":
            self.say("on to the next event of the drill, as fast as this machine can")

    def ask_moment(self) -> None:
        """Prompt for a moment to go to."""
        self.push_screen(MomentScreen(self.travel.go_to))

    def say(self, text: str) -> None:
        """A word for the person at the desk: in the last line for a while, kept in help."""
        self.notices = [*self.notices, text][-NOTICES_KEPT:]
        self._show_notice(text)

    def _show_notice(self, text: str) -> None:
        self.notice = text
        self.set_timer(NOTICE_S, lambda: self._drop_notice(text))
        self._refresh_keys()

    def _drop_notice(self, text: str) -> None:
        if self.notice == text:
            self.notice = ""
            self._refresh_keys()

    def _refresh_keys(self) -> None:
        if self.screen_stack:
            for bar in self.screen.query(KeyBar):
                bar.refresh_text()

    def get_system_commands(self, screen: Screen[None]) -> Iterable[SystemCommand]:  # noqa: ARG002 - ours are in DeskCommands
        return ()


def _unicode() -> bool:
    """Whether the terminal takes more than ASCII, as far as the locale tells."""
    return "utf" in locale.getpreferredencoding(do_setlocale=False).lower()


def run_desk(
    cache: Path,
    *,
    config_dir: Path,
    theme: str | None = None,
    ascii_only: bool = False,
    banner: str = "",
    now: Callable[[], Micros] | None = None,
    quit_says: str = "",
    steer: Steer | None = None,
    at: Micros | None = None,
    read_only: bool = False,
    tend: Tend | None = None,
    who: str = "",
) -> int:
    """Run the desk until it is left; returns a process exit code.

    ``banner`` stands on every screen in reverse video; ``now`` is the desk's idea of time;
    ``quit_says`` tells in help what becomes of the collector; ``steer(verb, *values)`` takes
    ``pause``, ``speed`` (simulated seconds in a second) and ``jump`` to a drill; with ``at``
    the desk opens as of that moment, and needs no collector.  A ``read_only`` desk asks
    nothing of anybody.  ``tend`` is called every second, in a thread, and looks after the
    collector; ``who`` is at the desk ('': the machine's user).  0 after ``q``, 2 without a
    terminal, 128 plus the signal's number after SIGHUP or SIGTERM.
    """
    if not (in_browser() or (sys.stdin.isatty() and sys.stdout.isatty())):
        sys.stderr.write("watchdesk: the desk needs a terminal on its input and output\n")
        return 2
    desk = Desk(
        cache,
        config_dir=config_dir,
        theme=theme,
        ascii_only=ascii_only,
        banner=banner,
        now=now,
        quit_says=quit_says,
        steer=steer,
        at=at,
        read_only=read_only,
        tend=tend,
        who=who,
    )
    desk.run()
    return desk.return_code or 0
