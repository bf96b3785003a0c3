"""Where each key of a TOML document stands, which tomllib does not say.

The text has been accepted by tomllib before, so this reads only as much of the grammar
(TOML 1.0) as is needed to know where keys and values begin and end.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from bisect import bisect_right
from typing import Final

Path = tuple[str | int, ...]

_SKIP: Final = re.compile(r"(?:[ \t\r\n,]+|#[^\n]*)*")
_KEY: Final = re.compile(
    r"""[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([A-Za-z0-9_-]+))[ \t]*(\.?)"""
)
_SCALAR: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|[^,\]}#\n]+",
    re.DOTALL,
)


class _Locator:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}

    def document(self) -> None:
        base: Path = ()
        while self.skip() < len(self.text):
            start = self.at
            if self.text.startswith("[", start):
                many = self.text.startswith("[[", start)
                self.at += 2 if many else 1
                base = self.header(self.key(), many=many)
                self.at = self.text.index("]", self.at) + (2 if many else 1)
                self.found.setdefault(base, start)
            else:
                self.pair(base)

    def skip(self) -> int:
        match = _SKIP.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        return self.at

    def key(self) -> tuple[str, ...]:
        parts: list[str] = []
        more = "."
        while more:
            match = _KEY.match(self.text, self.at)
            if match is None:
                raise ValueError("not a key")
            basic, literal, bare, more = match.groups()
            if basic is not None:
                bare = tomllib.loads(f'k = "{basic}"')["k"]
            parts.append(literal if literal is not None else bare)
            self.at = match.end()
        return tuple(parts)

    def header(self, key: tuple[str, ...], *, many: bool) -> Path:
        """The path a table header names: its parents stand for their newest element."""
        path: Path = ()
        for part in key[:-1]:
            path = (*path, part)
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
        path = (*path, key[-1])
        if many:
            self.counts[path] = self.counts.get(path, 0) + 1
            path = (*path, self.counts[path] - 1)
        return path

    def pair(self, base: Path) -> None:
        start = self.at
        path = (*base, *self.key())
        self.found.setdefault(path, start)
        self.at = self.text.index("=", self.at) + 1
        while self.text[self.at] in " \t":
            self.at += 1
        self.value(path)

    def value(self, path: Path) -> None:
        opening = self.text[self.at]
        if opening == "[":
            self.at += 1
            count = 0
            while self.text[self.skip()] != "]":
                item = (*path, count)
                self.found.setdefault(item, self.at)
                self.value(item)
                count += 1
            self.at += 1
        elif opening == "{":
            self.at += 1
            while self.text[self.skip()] != "}":
                self.pair(path)
            self.at += 1
        else:
            match = _SCALAR.match(self.text, self.at)
            if match is None:
                raise ValueError("not a value")
            self.at = match.end()


class Positions:
    """Line and column of every key path of one document."""

    def __init__(self, text: str) -> None:
        locator = _Locator(text)
        # What was located up to an error still helps; a message without a line does no harm.
        with contextlib.suppress(ValueError, IndexError, RecursionError):
            locator.document()
        self._found = locator.found
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def line(self, path: Path) -> int:
        """The line of ``path``, or of the nearest table around it; 0 where unknown."""
        while path:
            if path in self._found:
                return bisect_right(self._starts, self._found[path])
            path = path[:-1]
        return 0

    def offset(self, path: Path) -> int:
        """Characters before ``path`` (or what is around it), for sorting."""
        while path:
            if path in self._found:
                return self._found[path]
            path = path[:-1]
        return 0
