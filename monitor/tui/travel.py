"""Going through time: which moment the desk shows, and how it gets there."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from textual.worker import Worker

from monitor.cache.schema import CacheError
from monitor.records import Micros
from monitor.tui.then import Then, parse_moment, zones_of

if TYPE_CHECKING:
    from monitor.tui.app import Desk

# A key held down; what it asks beyond this is dropped.
MOVES_MOST: Final = 32


class Move(msgspec.Struct, frozen=True):
    """One step: to the next event (``value`` -1 or 1), by a span, or to a moment."""

    kind: Literal["event", "by", "to"]
    value: int


class Travel:
    """``then`` is the moment shown, None for now.

    Moves queue up and are made in order; only where they end is the board read, in the
    cache's own thread.
    """

    def __init__(self, desk: Desk, at: Micros | None) -> None:
        self.then = None if at is None else Then(at)
        self._desk = desk
        self._moves: deque[Move] = deque()
        self._goal: Micros | None = None
        self._worker: Worker[None] | None = None

    def go(self, move: Move) -> None:
        if len(self._moves) >= MOVES_MOST:
            return
        self._moves.append(move)
        if self._worker is None or self._worker.is_finished:
            self._worker = self._desk.run_worker(self._run, name="travel", group="travel")

    def go_to(self, text: str) -> str:
        """Go to a moment as people write it; a sentence where that is none, else ''."""
        desk = self._desk
        try:
            at = parse_moment(text, desk.now(), desk.live_now(), zones_of(desk.live))
        except ValueError as error:
            return str(error)
        self.go(Move("to", at))
        return ""

    def leave(self) -> None:
        """Back to now, at once."""
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
        self._end()

    def _end(self) -> None:
        self._moves.clear()
        self._goal = None
        if self.then is not None:
            self.then = None
            self._desk.show_board(self._desk.live)

    async def _run(self) -> None:
        """Make the moves there are; a cache that cannot be read leaves us where we are."""
        try:
            while self._moves:
                await self._make(self._moves.popleft())
        except CacheError as error:
            self._moves.clear()
            self._goal = None
            self._desk.say(f"that moment cannot be shown: {error}")

    async def _make(self, move: Move) -> None:
        desk = self._desk
        goal = await self._aim(move)
        if goal is None:
            return
        if goal >= desk.live_now():
            desk.say(
                "this is now" if move.kind != "to" else "that is still to come: this is now"
            )
            self._end()
            return
        self._goal = goal
        if self._moves:
            return
        then = await desk.source.then(goal)
        if not self._moves:
            self._goal = None
            self.then = then
            desk.show_board(then.board())

    async def _aim(self, move: Move) -> Micros | None:
        """The moment a move ends at; None where there is none to go to."""
        desk = self._desk
        base = desk.now() if self._goal is None else self._goal
        match move.kind:
            case "to":
                return move.value
            case "by":
                return max(0, base + move.value)
            case "event":
                later = move.value > 0
                found = await desk.source.news(base, later=later)
                if found is None and later:
                    return desk.live_now()
                if found is None:
                    desk.say("no earlier event is in the cache")
                return found
