"""What is wrong with a watchlist, said so that a person can put it right."""

from __future__ import annotations

from typing import Final

import msgspec

from monitor.records import clean_text

_SHOWN: Final = 50
_MAX_FOUND: Final = 80
_MAX_BITS: Final = 128


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong in a watchlist; every text in it is already harmless.

    ``path`` is the key path (``host[3].checks[0].interval``), ``subject`` the id of the
    table it is in, ``line`` and ``column`` count from 1 and are 0 where unknown.
    """

    file: str
    path: str
    found: str
    allowed: str
    subject: str = ""
    hint: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        where = self.file
        if self.line:
            where += f":{self.line}"
        if self.column:
            where += f":{self.column}"
        parts = [where]
        if self.path:
            parts.append(f'{self.path} (id "{self.subject}")' if self.subject else self.path)
        text = f"{': '.join(parts)}: found {self.found}; allowed: {self.allowed}"
        return f"{text}; {self.hint}" if self.hint else text


class WatchlistError(Exception):
    """A watchlist that cannot be used, with every problem found in it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            lines.append(f"… and {len(self.problems) - _SHOWN} more")
        return "\n".join(lines)


class Wrong(ValueError):  # noqa: N818 - a verdict on one value, caught where it is read
    """One value is not allowed: ``allowed`` says what is, ``hint`` what was perhaps meant.

    ``found`` stands for the value in messages where the value itself must not.
    """

    def __init__(self, allowed: str, hint: str = "", found: str = "") -> None:
        super().__init__(allowed)
        self.allowed = allowed
        self.hint = hint
        self.found = found


def shown(value: object) -> str:
    """A value out of a file as a message shows it: short, harmless, strings in quotes."""
    match value:
        case str():
            return f'"{clean_text(value, _MAX_FOUND)}"'
        case dict():
            return "a table"
        case list():
            return f"an array of {len(value)}"
        # More than 4300 digits cannot be converted to text, and hexadecimal reads such.
        case int() if value.bit_length() > _MAX_BITS:
            return "a huge number"
        case _:
            # As TOML writes it: true, not True.
            return clean_text(str(value).lower(), _MAX_FOUND)
