"""What a person says through any screen: the forms behind the keys, and who may say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from monitor.cache.schema import CacheError
from monitor.entries import Body, End, Entry, Inference, Note, Statement
from monitor.records import CheckRow, HostRow, NetworkRow, VantageRow
from monitor.report.said import WORDS
from monitor.tui import forms
from monitor.tui.lines import TimelineTarget
from monitor.tui.screens.form import FormScreen
from monitor.tui.then import zones_of

if TYPE_CHECKING:
    from monitor.tui.app import Desk
    from monitor.tui.screens.base import DeskScreen

Make = Callable[[forms.Values], Body]


class Saying:
    """Actions of every screen of the desk.

    Whatever is said is about what ``about`` names; on the page of an entry it amends that.
    """

    @property
    def _desk(self) -> Desk:
        return cast("Desk", cast("DeskScreen", self).app)

    def event_here(self) -> int:
        """The id of the event that is spoken of; 0: none."""
        return 0

    def entry_here(self) -> Entry | None:
        """The entry this screen is about, as it was last amended."""
        return None

    def _subject(self) -> str:
        return cast("DeskScreen", self).about() or "desk"

    def _barred(self) -> bool:
        """Whether nothing can be said here, and why not."""
        desk = self._desk
        if desk.away:
            desk.say("what is past cannot be written into: = goes back to now")
        elif desk.source.refuses:
            desk.say(f"not written: {desk.source.refuses}")
        return desk.away or bool(desk.source.refuses)

    def _ask(
        self, verb: str, subject: str, fields: tuple[forms.Field, ...], make: Make
    ) -> None:
        """Open a form; what it makes refers to the entry of this page, or to ``held``."""
        entry = self.entry_here()
        refers = entry.id if entry is not None else 0
        self._open(
            f"{verb}: {self._desk.board.name_of(subject)}", subject, fields, make, refers
        )

    def _open(
        self,
        title: str,
        subject: str,
        fields: tuple[forms.Field, ...],
        make: Make,
        refers: int,
    ) -> None:
        desk, event = self._desk, self.event_here()

        async def accept(values: dict[str, str]) -> str:
            try:
                body = make(values)
                entry = await desk.source.say(
                    desk.shift.time(), subject, body, event=event, refers=refers
                )
            except (ValueError, CacheError) as error:
                return str(error)
            desk.say(f"{WORDS[entry.kind]} as {entry.who}: {desk.board.name_of(subject)}")
            return ""

        desk.push_screen(FormScreen(f"{title}, as {desk.source.who}", fields, accept))

    def _kind_here(self, kind: type[Body]) -> bool:
        """Whether an entry of this kind may be amended or made here; says why not."""
        entry = self.entry_here()
        if entry is None or isinstance(entry.body, kind):
            return True
        self._desk.say(f"this is a {entry.kind}: only such a one amends it; X ends it")
        return False

    def action_ack(self) -> None:
        if self._barred():
            return
        desk, subject = self._desk, self._subject()
        state = self._state(subject)
        held = desk.board.book.acks.get(subject)
        if not state:
            desk.say("put the cursor on a host, a check or a network first")
            return
        if state in ("UP", "STABLE", "HEALTHY") and held is None:
            desk.say(f"{desk.board.name_of(subject)} is {state}: nothing to acknowledge")
            return
        zones = zones_of(desk.live)

        def make(values: forms.Values) -> Body:
            return forms.ack_of(values, state, desk.shift.time(), zones)

        fields = forms.ack_fields(state, held=held is not None)
        name = desk.board.name_of(subject)
        self._open(f"acknowledge: {name}", subject, fields, make, held.id if held else 0)

    def _state(self, subject: str) -> str:
        match self._desk.board.row(subject):
            case HostRow() | CheckRow() as row:
                return str(row.state)
            case NetworkRow() as row:
                return str(row.phase)
            case VantageRow() as row:
                return str(row.health)
            case _:
                return ""

    def action_note(self) -> None:
        if self._barred() or not self._kind_here(Note):
            return
        entry = self.entry_here()
        before = entry.body if entry is not None and isinstance(entry.body, Note) else None
        self._ask("note", self._subject(), forms.note_fields(before), forms.note_of)

    def action_maintenance(self) -> None:
        if self._barred():
            return
        desk, subject = self._desk, self._subject()
        if self._desk.board.row(subject) is None:
            desk.say("put the cursor on a host, a check or a network first")
            return
        planned = desk.board.book.planned
        held = next((one.entry for one in planned if one.entry.subject == subject), None)
        network = desk.board.network_behind(subject)
        fields = forms.maintenance_fields(
            network.timezone if network else "UTC", held=held is not None
        )
        zones = zones_of(desk.live)

        def make(values: forms.Values) -> Body:
            return forms.maintenance_of(values, desk.shift.time(), zones)

        name = desk.board.name_of(subject)
        self._open(f"maintenance: {name}", subject, fields, make, held.id if held else 0)

    def action_claim(self) -> None:
        if self._barred() or not self._kind_here(Statement):
            return
        desk, entry = self._desk, self.entry_here()
        before = entry.body if entry and isinstance(entry.body, Statement) else None
        zones = zones_of(desk.live)
        self._ask(
            "what somebody said of",
            self._subject(),
            forms.claim_fields(before),
            lambda values: forms.claim_of(values, desk.shift.time(), zones),
        )

    def action_infer(self) -> None:
        if self._barred() or not self._kind_here(Inference):
            return
        desk, subject, entry = self._desk, self._subject(), self.entry_here()
        before = entry.body if entry and isinstance(entry.body, Inference) else None
        network = desk.board.network_behind(subject)
        known = network.explanations if network is not None else ()
        fields = forms.inference_fields(desk.source.who, known, before)
        self._ask("what you conclude of", subject, fields, forms.inference_of)

    def action_withdraw(self) -> None:
        entry = self.entry_here()
        if entry is None:
            self._desk.say("open what was said first: enter on its line, then X")
            return
        if self._barred():
            return
        fields = (forms.Field("text", "why", "optional: what became of it"),)
        self._ask("end", entry.subject, fields, lambda values: End(values["text"]))

    def action_timeline(self) -> None:
        network = self._desk.board.network_behind(self._subject())
        if network is None:
            self._desk.say("no network is watched behind this")
        else:
            self._desk.open_target(TimelineTarget(network.id))

    async def action_seen(self) -> None:
        """All that stands here has been seen: remember it, for this person."""
        if not self._barred():
            self._desk.live.mark_all_seen()
            problem = await self._desk.shift.mark()
            self._desk.say(problem or f"seen, as {self._desk.source.who}")
