"""The hosts panel: one line a host, in sections."""

from __future__ import annotations

import time
from typing import Final

import msgspec
from rich.cells import cell_len

from monitor.records import REASONS, HostRow
from monitor.tui.lines import HostTarget, Line, Span, line
from monitor.tui.pages.host import beats_spans
from monitor.tui.pages.ledger import said_mark, said_reason
from monitor.tui.text import (
    Marks,
    fit,
    hosting_of,
    mark_of,
    milliseconds,
    percent,
    right,
    short_duration,
    since,
)
from monitor.tui.view import HostView, Section
from monitor.tui.widgets.linelist import LineList

_STATE: Final = 13
_RTT: Final = 7
_LOSS: Final = 4
_SINCE: Final = 4


class Columns(msgspec.Struct, frozen=True):
    """Cells of each column at one width of the panel; 0 where it is left out."""

    name: int
    hosting: int
    address: int
    beats: int
    since: int
    why: int


def columns(width: int, longest: int) -> Columns:
    """What fits: the name, the hosting and the numbers always, then the bar, the reason,
    the address.  ``longest`` is the longest name in cells.
    """
    hosting, gaps = 13, 6
    name, beats = 12, 5
    room = width - _STATE - _RTT - _LOSS - _SINCE - hosting - gaps - name - beats
    if room < 0:
        hosting = max(9, hosting + room)
        room = max(0, width - _STATE - _RTT - _LOSS - _SINCE - hosting - gaps - name - beats)
    name, room = _grow(name, longest, 16, room)
    hosting, room = _grow(hosting, 15, 15, room)
    name, room = _grow(name, longest, 18, room)
    beats, room = _grow(beats, 10, 10, room)
    name, room = _grow(name, longest, 30, room)
    since_width, why, address = _SINCE, 0, 0
    if room >= 8:
        since_width, room = 12, room - 8
    if room >= 22:
        why, room = min(30, room - 1), room - 1 - min(30, room - 1)
    if room >= 17:
        address, room = 15 if room < 40 else 24, room - (16 if room < 40 else 25)
    beats, room = _grow(beats, 60, 40, room)
    return Columns(name, hosting, address, beats, since_width, why + max(0, room) * bool(why))


def _grow(now: int, wanted: int, most: int, room: int) -> tuple[int, int]:
    more = max(0, min(wanted, most) - now)
    more = min(more, max(0, room))
    return now + more, room - more


class HostsPanel(LineList):
    """Hosts in the order of a HostView."""

    marks_always = True

    def __init__(self, view: HostView) -> None:
        super().__init__(id="hosts")
        self.view = view
        self._places: dict[str, int] = {}
        self._longest = 12

    def count(self) -> int:
        return len(self.view.items)

    def line_key(self, index: int) -> str:
        item = self.view.items[index]
        return f"section:{item.key}" if isinstance(item, Section) else item

    def index_of(self, key: str) -> int | None:
        return self._places.get(key)

    def relist(self) -> None:
        items = self.view.items
        self._places = {self.line_key(index): index for index in range(len(items))}
        hosts = self.desk.board.hosts
        names = (hosts[item].name for item in items if isinstance(item, str) and item in hosts)
        self._longest = max((cell_len(name) for name in names), default=12)
        if not self._key and items:
            # The cursor begins on a host, not on a section's head.
            self._key = next((item for item in items if isinstance(item, str)), "")
        super().relist()

    def refresh_rows(self) -> None:
        """Take in what changed on the board."""
        self.view.look_at(self.desk.board)
        if self.view.refresh(time.monotonic()):
            self.relist()
        else:
            self.recheck()

    def reorder(self) -> None:
        """The person at the desk asked for another order: show the cursor's line."""
        self.view.rebuild(time.monotonic())
        self.relist()
        self._reveal()
        self.post_message(self.Moved(self))

    @property
    def host(self) -> HostRow | None:
        """The host under the cursor."""
        if not self.view.items:
            return None
        item = self.view.items[min(self.index, self.count() - 1)]
        return self.desk.board.hosts.get(item) if isinstance(item, str) else None

    def find(self, host: str) -> bool:
        """Put the cursor on a host; False where the filter or a fold hides it."""
        place = self._places.get(host)
        if place is None:
            return False
        self.move_to(place)
        return True

    def visited(self) -> None:
        host = self.host
        if host is not None and host.id in self.desk.board.unread_hosts:
            self.desk.board.unread_hosts.discard(host.id)
            self._redraw(self.index)

    def titles(self) -> tuple[str, str]:
        view, marks = self.view, self.marks
        total = len(self.desk.board.hosts)
        left = f"Hosts {view.shown} of {total}" if view.filter else f"Hosts {total}"
        if view.filter:
            left += f" matching “{view.filter}”" if not marks.ascii else f' "{view.filter}"'
        turn = marks.ascending if view.reverse else marks.descending
        group = f"by {view.group}, " if view.group != "none" else ""
        return left, f"{group}{view.sort} {turn}"

    def column_line(self, width: int) -> Line | None:
        shape = columns(width, self._longest)
        return line((self._heads(shape), "dim"))

    def _heads(self, shape: Columns) -> str:
        parts = [fit("state", _STATE), fit("name", shape.name)]
        if shape.hosting:
            parts.append(fit("hosting", shape.hosting))
        if shape.address:
            parts.append(fit("address", shape.address))
        parts += [right("rtt", _RTT), right("loss", _LOSS), fit("runs", shape.beats)]
        parts.append(right("since" if shape.since > _SINCE else "for", shape.since))
        if shape.why:
            parts.append(fit("reason", shape.why))
        return " ".join(parts)

    def column_clicked(self, x: int) -> None:
        heads = self._heads(columns(self.line_width, self._longest))
        word, at = "", 0
        for name in ("state", "name", "rtt", "loss", "since", "for"):
            place = heads.find(f"{name} ") if name != "for" else heads.find(" for")
            if 0 <= place <= x + 4 and place >= at:
                word, at = name, place
        word = "since" if word == "for" else word
        if word:
            self.view.reverse = word == self.view.sort and not self.view.reverse
            self.view.sort = word
            self.reorder()

    def action_open(self) -> None:
        if self.view.items and isinstance(self.view.items[self.index], Section):
            self._fold(self.view.items[self.index].key)  # type: ignore[union-attr]
            return
        super().action_open()

    def _fold(self, key: str) -> None:
        self.view.folded ^= {key}
        self.reorder()

    def line(self, index: int, width: int) -> Line:
        item = self.view.items[index]
        if isinstance(item, Section):
            return self._section(item, width)
        row = self.desk.board.hosts.get(item)
        return self._host(row, width) if row is not None else Line()

    def _section(self, item: Section, width: int) -> Line:
        marks = self.marks
        fold = marks.folded if item.folded else marks.open
        count = f"{item.up} of {item.total} up" if item.judged else f"{item.total}"
        calm = item.up == item.total or not item.judged
        style = "dim" if calm else item.worst.lower()
        title = fit(item.title, min(cell_len(item.title), max(8, width - 18)), marks.more)
        rule = marks.rule * max(0, width - cell_len(title) - len(count) - 6)
        return line(
            (f"{fold} ", "dim"), (title, "heading"), ("  ", "dim"), (count, style),
            (f"  {rule}", "border"), key=item.key,
        )  # fmt: skip

    def _host(self, row: HostRow, width: int) -> Line:
        marks = self.marks
        shape = columns(width, self._longest)
        calm = "dim" if row.historic or row.stale else "text"
        state = "unknown" if row.historic else row.state.lower()
        word = "HISTORIC" if row.historic else str(row.state)
        name = "strong" if row.state in ("DOWN", "UNREACHABLE") else calm
        called = said_mark(row, self.desk.board, marks) + row.name
        hosting = hosting_of(row, marks, self.desk.board.voice_of(row))
        spans: list[Span] = [
            (fit(f"{mark_of(row.state, marks)} {word}", _STATE), state),
            (f" {fit(called, shape.name, marks.more)}", name),
            (
                f" {fit(hosting, shape.hosting, marks.more)}",
                calm,
            ),
        ]
        if shape.address:
            address = row.hosting.address if row.hosting else row.address
            spans.append((f" {fit(address, shape.address, marks.more)}", "dim"))
        spans.append((f" {right(milliseconds(row.rtt_ms, marks.none), _RTT)}", calm))
        lossy = "text" if not row.loss else "degraded" if row.loss < 1 else "down"
        spans.append((f" {right(percent(row.loss, marks.none), _LOSS)}", lossy))
        spans += [(" ", "text"), *beats_spans(row.beats, shape.beats, marks)]
        now = self.desk.now()
        spans.append((f" {right(_when(row, now, shape.since, marks), shape.since)}", calm))
        if shape.why:
            reason = said_reason(row, self.desk.board) or _reason(row)
            spans.append((f" {fit(reason, shape.why, marks.more)}", "dim"))
        unread = row.id in self.desk.board.unread_hosts
        return Line(tuple(spans), row.id, HostTarget(row.id), unread)


def _when(row: HostRow, now: int, width: int, marks: Marks) -> str:
    if row.since <= 0:
        return marks.none
    return short_duration(now - row.since) if width <= _SINCE else since(row.since, now)


def _reason(row: HostRow) -> str:
    """Why it is so, in words: soft trouble, the judge's sentence, else the reason's."""
    said = row.why or REASONS[row.reason].text
    if row.flapping:
        said = f"flapping; {said}" if said else "flapping"
    if row.soft is not None and row.soft != row.state:
        said = f"{row.soft.lower()}?  {said}".rstrip()
    return f"stale; {said}".rstrip("; ") if row.stale else said
