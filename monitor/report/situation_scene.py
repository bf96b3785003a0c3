"""What a report is gathered from: a span of a cache, its board and its events."""

from __future__ import annotations

from functools import cached_property

from monitor.cache.reader import Reader
from monitor.records import (
    CollectorRow,
    Event,
    HostRow,
    Micros,
    NetworkRow,
    PathRow,
    Row,
    clean_text,
)
from monitor.report.why import UnknownSubject

_PAGE = 500


class Scene:
    """One network in a cache from ``since`` to ``until``; rows are those of ``until``.

    Raises UnknownSubject, and CacheError wherever it reads.
    """

    def __init__(self, reader: Reader, network: str, since: Micros, until: Micros) -> None:
        self.reader = reader
        self.since, self.until = since, until
        self.rows: list[Row] = reader.board_at(until)
        named = {row.id: row for row in self.rows if isinstance(row, NetworkRow)}
        if network not in named:
            known = ", ".join(named) or "none"
            raise UnknownSubject(
                f"the cache knows no network {clean_text(network)!r}; it knows {known}"
            )
        self.network = named[network]
        self.hosts = {
            row.id: row
            for row in self.rows
            if isinstance(row, HostRow) and network in (row.network, row.affiliation)
        }
        self.paths = [
            row for row in self.rows if isinstance(row, PathRow) and row.host in self.hosts
        ]
        collector = next((row for row in self.rows if isinstance(row, CollectorRow)), None)
        self.collector = collector or CollectorRow()
        self.events = self._events()

    def _events(self) -> list[Event]:
        """Every event of the span, oldest first."""
        found: list[Event] = []
        before: int | None = None
        while True:
            page = self.reader.events(before=before, limit=_PAGE, until=self.until)
            found += [event for event in page if event.at >= self.since]
            if len(page) < _PAGE or page[-1].at < self.since:
                return found[::-1]
            before = page[-1].id

    @property
    def subject(self) -> str:
        return f"network:{self.network.id}"

    @cached_property
    def checks(self) -> list[str]:
        """Ids of the checks of all hosts, sorted."""
        return sorted({check for row in self.hosts.values() for check in row.checks})

    def host_of(self, subject: str) -> HostRow | None:
        """The host of ours that ``host:ID`` or ``check:ID`` belongs to."""
        kind, _, name = subject.partition(":")
        if kind not in ("host", "check"):
            return None
        return self.hosts.get(name.partition("/")[0])

    def inside(self, host: HostRow) -> bool:
        return host.network == self.network.id
