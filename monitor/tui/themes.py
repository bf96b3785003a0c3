"""Themes: one TOML file each, named by its file; shipped ones and the user's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec
from textual.color import Color, ColorParseError
from textual.theme import Theme

from monitor.tui.style import VARIABLES

DEFAULT: Final = "night"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_MAX_BYTES: Final = 64 * 1024
_HERE: Final = Path(__file__).resolve().parent


class ThemeError(Exception):
    """A theme file that cannot be used; the text is one sentence for people."""


class ThemeFile(msgspec.Struct, forbid_unknown_fields=True):
    """What a theme file may say.  Every value of both tables is a colour.

    ``base`` are Textual's own colours, ``desk`` those of monitor.tui.style.VARIABLES;
    what is left out takes its fallback.
    """

    base: dict[str, str]
    desk: dict[str, str] = {}
    dark: bool = True


_BASE: Final = (
    "primary",
    "secondary",
    "warning",
    "error",
    "success",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
    "boost",
)


def folders(config_dir: Path) -> list[Path]:
    """Where themes are looked for: the shipped ones (in a wheel beside this package, in a
    checkout at its root), then the user's, which win.
    """
    shipped = _HERE.parent / "themes"
    if not shipped.is_dir():
        shipped = _HERE.parent.parent / "themes"
    return [shipped, config_dir / "themes"]


def load_all(config_dir: Path) -> tuple[dict[str, Theme], list[str]]:
    """Every usable theme by name, and one sentence for each file that is not."""
    themes: dict[str, Theme] = {}
    problems: list[str] = []
    for folder in folders(config_dir):
        for path in _files(folder):
            try:
                themes[path.stem] = load(path)
            except ThemeError as error:
                problems.append(str(error))
    return themes, problems


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.toml"))
    except OSError:
        return []


def load(path: Path) -> Theme:
    """The theme of one file; raises ThemeError."""
    name = path.stem
    if not _NAME.fullmatch(name):
        raise ThemeError(f"theme {path.name}: a name is small letters, digits, - and _")
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ThemeError(f"theme {name}: cannot be read ({error.strerror})") from error
    if len(raw) > _MAX_BYTES:
        raise ThemeError(f"theme {name}: the file is too large")
    try:
        found = msgspec.toml.decode(raw, type=ThemeFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ThemeError(f"theme {name}: {error}") from error
    return _build(name, found)


def _build(name: str, found: ThemeFile) -> Theme:
    for table, known in (("base", set(_BASE)), ("desk", set(VARIABLES))):
        for key, value in getattr(found, table).items():
            if key not in known:
                raise ThemeError(f"theme {name}: {table}.{key} is not known")
            _check(f"theme {name}: {table}.{key}", value)
    base = found.base
    if "primary" not in base:
        raise ThemeError(f"theme {name}: base.primary is missing")
    theme = Theme(
        name=name,
        dark=found.dark,
        variables={**VARIABLES, **found.desk},
        **base,  # type: ignore[arg-type]
    )
    try:
        theme.to_color_system().generate()
    except Exception as error:
        # Textual states no error type here, and an unusable theme must never stop the desk.
        raise ThemeError(f"theme {name}: its colours do not go together ({error})") from error
    return theme


def _check(where: str, value: str) -> None:
    try:
        Color.parse(value)
    except ColorParseError as error:
        raise ThemeError(f"{where}: {value!r} is not a colour") from error
