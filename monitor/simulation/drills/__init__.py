"""The drills that come with the program.

Each replays a sourced timeline in the simulated internet.  Their routes and paths are
made up: no recording of the real network is in them, and every screen and export of a drill
says so.
"""

from __future__ import annotations

from importlib import resources

import msgspec

from monitor.simulation.script import Script, Truth, parse
from monitor.simulation.world import World
from monitor.watchlist.bundled import bundled
from monitor.watchlist.loader import parse as parse_watchlist
from monitor.watchlist.model import Watchlist


class Drill(msgspec.Struct, frozen=True):
    """A script, the watchlist to watch it with, and, apart from both, the truth."""

    script: Script
    watchlist: Watchlist
    truth: Truth

    def world(self) -> World:
        """The world of this drill; it knows nothing of the truth."""
        return self.script.world(self.watchlist)


def drill_names() -> tuple[str, ...]:
    """Names of the drills, sorted."""
    found = (item.name for item in resources.files(__name__).iterdir())
    return tuple(sorted(name[:-5] for name in found if name.endswith(".toml")))


def drill_titles() -> dict[str, str]:
    """One line a drill, by name."""
    return {name: load_drill(name).script.title for name in drill_names()}


def load_drill(name: str) -> Drill:
    """A drill by its name.  Raises KeyError for a name that is none."""
    if name not in drill_names():
        raise KeyError(name)
    data = resources.files(__name__).joinpath(f"{name}.toml").read_bytes()
    script, truth = parse(data, f"{name}.toml")
    word = script.watchlist
    return Drill(script, script.applied(parse_watchlist(bundled(word), f"{word}.toml")), truth)
