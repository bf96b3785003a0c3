"""The watchlists that come with the program, and which one a word or path means."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec

from monitor.records import clean_text
from monitor.watchlist.errors import Problem, WatchlistError
from monitor.watchlist.loader import load, parse
from monitor.watchlist.model import Watchlist
from monitor.watchlist.values import meant

DEFAULT: Final = "north-korea"
USER_FILE: Final = "watchlist.toml"


class Source(msgspec.Struct, frozen=True):
    """Where a watchlist comes from: a file when ``path`` is given, else a bundled one."""

    name: str
    path: str = ""

    def load(self) -> Watchlist:
        """Read it now.  Raises WatchlistError, and nothing else."""
        word = self.name
        if not self.path and word in bundled_names():
            return parse(bundled(word), f"{word}.toml")
        bare = word == self.path and "." not in word and not os.path.lexists(word)
        if bare or not self.path:
            raise _unknown(word)
        return load(Path(self.path))


def _unknown(word: str) -> WatchlistError:
    names = bundled_names()
    problem = Problem(
        file=clean_text(word),
        path="",
        found="no such file",
        allowed=f"a file, or one of the bundled watchlists: {', '.join(names)}",
        hint=meant(word, names),
    )
    return WatchlistError((problem,))


def bundled_names() -> tuple[str, ...]:
    """Names of the bundled watchlists, sorted."""
    found = (item.name for item in resources.files(__name__).iterdir())
    return tuple(sorted(name[:-5] for name in found if name.endswith(".toml")))


def bundled(name: str) -> bytes:
    """The TOML of a bundled watchlist.  Raises KeyError for a name that is none."""
    if name not in bundled_names():
        raise KeyError(name)
    return resources.files(__name__).joinpath(f"{name}.toml").read_bytes()


def resolve(name_or_path: str | None, config_dir: Path) -> Source:
    """What a person means: a bundled name, a path, or without either their own file.

    Without a word it is ``watchlist.toml`` in ``config_dir`` where that exists, else the
    bundled north-korea.  Whether a file can be read is found out by :meth:`Source.load`.
    """
    if name_or_path is None:
        own = config_dir / USER_FILE
        return Source(USER_FILE, str(own)) if _may_exist(own) else Source(DEFAULT)
    if name_or_path in bundled_names():
        return Source(name_or_path)
    return Source(name_or_path, name_or_path or ".")


def _may_exist(path: Path) -> bool:
    """False only where it is certain: nobody's own list is passed over for want of rights."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
