"""The hosts panel's order: grouped, sorted, filtered.  No Textual in here."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import msgspec

from monitor.records import HostRow, State
from monitor.tui.board import Board
from monitor.tui.text import STATE_ORDER

GROUPS: Final = ("network", "hosting", "role", "none")
SORTS: Final = ("state", "name", "rtt", "loss", "since")
# RTT and loss move with every round: a table sorted by them is put in order this often
# and not at every change, so that it can be read.
VOLATILE_S: Final = 10.0


class Section(msgspec.Struct, frozen=True):
    """Head of a group: ``up`` of ``total`` hosts are up; ``judged`` is False for historic."""

    title: str
    key: str
    up: int
    total: int
    folded: bool
    judged: bool = True
    worst: State = State.UP


# One line of the panel: a section's head, or a host by its id.
Item = Section | str


class HostView:
    """Which hosts stand on which line."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.group = GROUPS[0]
        self.sort = SORTS[0]
        self.reverse = False
        self.filter = ""
        self.folded: set[str] = set()
        self.items: list[Item] = []
        self._order = -1
        self._sorted_at = 0.0

    def look_at(self, board: Board) -> None:
        """Show another board: that of another time."""
        if board is not self._board:
            self._board, self._order = board, -1
            self._sorted_at = -VOLATILE_S

    @property
    def shown(self) -> int:
        return sum(isinstance(item, str) for item in self.items)

    def refresh(self, monotonic: float) -> bool:
        """Bring the order up to date where that is due; True when lines moved."""
        moved = self._order != self._board.order
        if self.sort in ("rtt", "loss"):
            moved = moved or self._board.revision != self._order
            moved = moved and monotonic - self._sorted_at >= VOLATILE_S
        return self.rebuild(monotonic) if moved else False

    def rebuild(self, monotonic: float = 0.0) -> bool:
        """Group, sort and filter anew; True when lines moved."""
        self._order, self._sorted_at = self._board.order, monotonic
        old, self.items = self.items, self._items()
        return old != self.items

    def _items(self) -> list[Item]:
        wanted = self.filter.casefold().split()
        sections: dict[tuple[int, str, str], list[HostRow]] = defaultdict(list)
        for row in self._board.hosts.values():
            if not wanted or self._matches(row, wanted):
                sections[self._section(row)].append(row)
        items: list[Item] = []
        for rank, key, title in sorted(sections):
            rows = sections[rank, key, title]
            rows.sort(key=self._sort_key, reverse=self.reverse)
            folded = key in self.folded
            if title:
                items.append(_section(title, key, rows, folded=folded))
            if not folded:
                items.extend(row.id for row in rows)
        return items

    def _matches(self, row: HostRow, wanted: list[str]) -> bool:
        found = row.hosting
        where = (
            f"{found.address} AS{found.asn} {found.as_name} {found.country}" if found else ""
        )
        text = f"{row.name} {row.id} {row.address} {row.state} {row.affiliation} {where}"
        text = text.casefold()
        return all(word in text for word in wanted)

    def _section(self, row: HostRow) -> tuple[int, str, str]:
        """Rank, key and title of the group a host stands in."""
        if row.historic and self.group != "none":
            return 9, "historic", "historic, not judged"
        match self.group:
            case "network":
                return self._network_section(row)
            case "hosting":
                found = row.hosting
                if found is None:
                    return 8, "hosting:", "hosting not measured"
                name = found.as_name or "name unknown"
                title = f"AS{found.asn} {name}" if found.asn else "no origin AS"
                return 0, f"hosting:{found.asn}", f"{title}  {found.country}".rstrip()
            case "role":
                if row.role == "control":
                    return 1, f"role:{row.side}", f"{row.side or 'other'} controls"
                return 0, "role:host", "hosts"
            case _:
                return 0, "", ""

    def _network_section(self, row: HostRow) -> tuple[int, str, str]:
        if row.role == "control":
            rank = 3 if row.side == "near" else 4
            return rank, f"controls:{row.side}", f"{row.side or 'other'} controls"
        network = self._board.network_of(row)
        if network is None:
            return 2, "network:", "of no network"
        if row.hosting is not None and row.hosting.inside:
            return 0, f"inside:{network.id}", f"{network.name}, inside"
        if row.hosting is None:
            return 1, f"unmeasured:{network.id}", f"{network.name}, hosting not measured"
        return 1, f"outside:{network.id}", f"{network.name}, hosted elsewhere"

    def _sort_key(self, row: HostRow) -> tuple[float, str, str]:
        name = row.name.casefold()
        match self.sort:
            case "name":
                return 0, name, row.id
            case "rtt":
                return (-row.rtt_ms if row.rtt_ms is not None else 1), name, row.id
            case "loss":
                return (-row.loss if row.loss is not None else 1), name, row.id
            case "since":
                return -row.since, name, row.id
            case _:
                return STATE_ORDER[row.state], name, row.id


def _section(title: str, key: str, rows: list[HostRow], *, folded: bool) -> Section:
    judged = [row for row in rows if not row.historic]
    worst = min((row.state for row in judged), key=STATE_ORDER.__getitem__, default=State.UP)
    up = sum(row.state in (State.UP, State.DEGRADED) for row in judged)
    return Section(title, key, up, len(rows), folded, judged=bool(judged), worst=worst)
