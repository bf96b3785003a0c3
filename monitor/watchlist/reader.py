"""Typed access to one decoded TOML document that goes on after an error.

Decoders stop at the first thing wrong; a person wants to hear all of it at once.  Every
:class:`Table` knows where it stands, notes each problem in the one :class:`Sink` of the
document, and hands back a default so that reading continues.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from monitor.records import clean_text
from monitor.watchlist.errors import Problem, WatchlistError, Wrong, shown
from monitor.watchlist.positions import Path, Positions
from monitor.watchlist.values import meant

T = TypeVar("T")
D = TypeVar("D")

_BARE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Closeness of words costs time in proportion to all known ids: a broken file of 20,000
# hosts must not take minutes to refuse.
_MAX_HINTS: Final = 20


def path_text(path: Path) -> str:
    """``host[3].checks[0].interval``; keys with odd characters stand in quotes."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            key = part if _BARE.fullmatch(part) else f'"{clean_text(part, 64)}"'
            out += f".{key}" if out else key
    return out


class Sink:
    """Collects the problems of one document."""

    def __init__(self, file: str) -> None:
        self.file = clean_text(file)
        self._hints_left = _MAX_HINTS
        self._found: list[tuple[Path, Problem]] = []

    def add(
        self, path: Path, found: str, allowed: str, *, subject: str = "", hint: str = ""
    ) -> None:
        """Note one problem.  ``found`` must have gone through :func:`shown`."""
        problem = Problem(
            file=self.file,
            path=path_text(path),
            found=found,
            allowed=allowed,
            subject=clean_text(subject, 64),
            hint=hint,
        )
        self._found.append((path, problem))

    def meant(self, word: object, known: Iterable[str]) -> str:
        """A hint for an unknown word, as long as this document has not had too many."""
        if not isinstance(word, str) or self._hints_left <= 0:
            return ""
        self._hints_left -= 1
        return meant(word, known)

    def finish(self, document: str) -> None:
        """Raise :class:`WatchlistError` with all problems, in the order of the file."""
        if not self._found:
            return
        positions = Positions(document)
        self._found.sort(key=lambda item: positions.offset(item[0]))
        raise WatchlistError(
            tuple(_placed(problem, positions.line(path)) for path, problem in self._found)
        )


def _placed(problem: Problem, line: int) -> Problem:
    return Problem(
        file=problem.file,
        path=problem.path,
        found=problem.found,
        allowed=problem.allowed,
        subject=problem.subject,
        hint=problem.hint,
        line=line,
    )


class Table:
    """One TOML table.  Each key is read once; :meth:`finish` reports those never read."""

    def __init__(self, sink: Sink, path: Path, data: dict[str, Any], subject: str = "") -> None:
        self.sink = sink
        self.path = path
        self.subject = subject
        self._data = data
        self._read: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def raw(self, key: str) -> object:
        """What TOML gave for ``key``, for those that may take two shapes; None if absent."""
        return self._data.get(key)

    def forgive(self) -> None:
        """Count every key as read."""
        self._read.update(self._data)

    def wrong(self, key: str | int | None, found: str, allowed: str, hint: str = "") -> None:
        """Note a problem at ``key`` of this table, or with the table itself."""
        path = self.path if key is None else (*self.path, key)
        self.sink.add(path, found, allowed, subject=self.subject, hint=hint)

    def read(self, key: str, parse: Callable[[Any], T], default: D) -> T | D:
        """The parsed value of ``key``; ``default`` where it is absent or wrong."""
        self._read.add(key)
        if key not in self._data:
            return default
        return self._parsed((*self.path, key), self._data[key], parse, default)

    def need(self, key: str, parse: Callable[[Any], T], default: D, allowed: str) -> T | D:
        """As :meth:`read`, of a key that must be there."""
        if key not in self._data:
            self._read.add(key)
            self.wrong(None, f"no {key}", f"{key} = {allowed}")
            return default
        return self.read(key, parse, default)

    def each(self, key: str, parse: Callable[[Any], T], limit: int = 1_000) -> tuple[T, ...]:
        """The parsed values of an array, without those that are wrong; none may repeat."""
        found: dict[T, None] = {}
        for index, value in enumerate(self._array(key, limit)):
            path = (*self.path, key, index)
            parsed = self._parsed(path, value, parse, None)
            if parsed is None:
                continue
            if parsed in found:
                self.sink.add(path, shown(value), "each one once", subject=self.subject)
            else:
                found[parsed] = None
        return tuple(found)

    def tables(self, key: str, limit: int) -> Iterator[Table]:
        """The tables of an array of tables."""
        for index, value in enumerate(self._array(key, limit)):
            path = (*self.path, key, index)
            if isinstance(value, dict):
                yield Table(self.sink, path, value, self.subject)
            else:
                self.sink.add(path, shown(value), "a table", subject=self.subject)

    def table(self, key: str) -> Table:
        """The table under ``key``; an empty one where it is absent or wrong."""
        self._read.add(key)
        value = self._data.get(key, {})
        if not isinstance(value, dict):
            self.wrong(key, shown(value), "a table")
            value = {}
        return Table(self.sink, (*self.path, key), value, self.subject)

    def finish(self) -> None:
        """Report every key that nobody read."""
        for key in self._data:
            if key not in self._read:
                known = sorted(self._read)
                found = f"unknown key {shown(key)}"
                self.wrong(key, found, ", ".join(known), self.sink.meant(key, known))

    def _array(self, key: str, limit: int) -> list[Any]:
        self._read.add(key)
        value = self._data.get(key, [])
        if isinstance(value, list) and len(value) <= limit:
            return value
        self.wrong(key, shown(value), f"an array of at most {limit}")
        return []

    def _parsed(
        self, path: Path, value: object, parse: Callable[[Any], T], default: D
    ) -> T | D:
        try:
            return parse(value)
        except Wrong as error:
            found = error.found or shown(value)
            self.sink.add(path, found, error.allowed, subject=self.subject, hint=error.hint)
            return default
