"""The command palette: everything the keys do, the themes, and every host by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from monitor.tui import keymap
from monitor.tui.screens.base import DeskScreen

if TYPE_CHECKING:
    from monitor.tui.app import Desk

# Enough to choose from; typing on narrows it faster than reading.
HOSTS_SHOWN: Final = 20
_NOT_SAID: Final = ("commands", "next", "previous")


class DeskCommands(Provider):
    """Plain substring search: at 10,000 hosts it takes a millisecond, fuzzy search 200."""

    @property
    def _desk(self) -> Desk:
        return cast("Desk", self.app)

    def _actions(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """Name, what it does, how: what the keys of this screen do, then the themes."""
        screen = self.screen
        if isinstance(screen, DeskScreen):
            wanted = {
                found.binding.id: found.binding for found in screen.active_bindings.values()
            }
            for _, bindings in keymap.SECTIONS[1:]:
                for binding in bindings:
                    if binding.id in wanted and binding.id not in (
                        "commands",
                        "next",
                        "previous",
                    ):
                        run = partial(self.app.run_action, binding.action, screen)
                        key = keymap.key_name(wanted[binding.id].key)
                        yield binding.description, f"key {key}", run
        for name in self._desk.theme_names:
            yield f"theme {name}", "colours", partial(self._desk.use_theme, name)

    async def discover(self) -> Hits:
        for name, said, run in self._actions():
            yield DiscoveryHit(Content(name), run, text=name, help=said)

    async def search(self, query: str) -> Hits:
        wanted = query.casefold().split()
        for name, said, run in self._actions():
            if all(word in name.casefold() for word in wanted):
                yield Hit(1.0, Content(name), run, text=name, help=said)
        shown = 0
        for host in self._desk.board.hosts.values():
            text = f"go to {host.name} {host.id} {host.address}".casefold()
            if all(word in text for word in wanted):
                title = f"go to {host.name}"
                run = partial(self._desk.go_to, host.id)
                yield Hit(0.5, Content(title), run, text=title, help=host.address or None)
                shown += 1
                if shown >= HOSTS_SHOWN:
                    return
