"""From a name to the address to probe, by the system's own resolvers.

``/etc/hosts`` first, then the servers of ``/etc/resolv.conf``, both read again when they
change.  Search domains are not applied: a watchlist names hosts in full.  getaddrinfo()
is not used, as it can neither be ended in time nor say why it failed.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from monitor.clock import Clock
from monitor.records import Outcome, Reason

if TYPE_CHECKING:
    from monitor.probes.asker import Asker

MIN_TTL_S: Final = 5.0
MAX_TTL_S: Final = 300.0
_KEPT: Final = 4096
_FLIGHTS: Final = 256
_FLIGHT_S: Final = 5.0
_SERVERS: Final = 3  # MAXNS of resolv.conf(5)
_ROUNDS: Final = 2
_FILE_BYTES: Final = 1 << 20

# (address, reason, note, how long it may be kept)
_Found = tuple[str, Reason, str, float]


class Resolved(msgspec.Struct, frozen=True, gc=False):
    """What a look-up gave: an ``address``, or a ``reason`` why there is none.

    ``took_ms`` is how long the caller waited; ``note`` is for people only.
    """

    address: str
    took_ms: float = 0.0
    reason: Reason = Reason.NONE
    note: str = ""

    @property
    def outcome(self) -> Outcome:
        """What the look-up says of the host: a failing resolver says nothing of it."""
        if self.address:
            return Outcome.OK
        if self.reason in (Reason.NAME_NOT_FOUND, Reason.NAME_NO_ADDRESS):
            return Outcome.FAIL
        return Outcome.ERROR


@lru_cache(4096)
def _literal(name: str) -> Resolved | None:
    """A name that is an address: asked for anew by every round of every check."""
    try:
        return Resolved(str(ipaddress.ip_address(name)))
    except ValueError:
        return None


class Resolver:
    """Resolves names for every probe of one event loop.

    Of several addresses the lowest is taken, so that a host does not seem to move at each
    look-up.  ``resolv_conf``, ``hosts`` and ``port`` are for tests.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        resolv_conf: Path = Path("/etc/resolv.conf"),
        hosts: Path = Path("/etc/hosts"),
        port: int = 53,
    ) -> None:
        self._clock = clock
        self._port = port
        self._resolv_conf = _Watched(resolv_conf)
        self._hosts = _Watched(hosts)
        self._servers: tuple[str, ...] = ()
        self._names: dict[tuple[str, str], str] = {}
        self._first = 0
        self._kept: dict[tuple[str, str], tuple[float, _Found]] = {}
        self._flights: dict[tuple[str, str], asyncio.Task[_Found]] = {}
        self._asker: Asker | None = None

    async def address(self, name: str, family: str, deadline_s: float) -> Resolved:
        """An address of ``name`` in ``family`` (``ipv4`` or ``ipv6``), within the deadline.

        A literal address is returned as it is.  Those who ask for the same name at the
        same time share one look-up.
        """
        literal = _literal(name)
        if literal is not None:
            return literal
        started = self._clock.monotonic()
        key = (name.rstrip(".").casefold(), family)
        address, reason, note, _ = self._at_hand(key, started) or await self._shared(
            key, deadline_s
        )
        took_ms = (self._clock.monotonic() - started) * 1000
        return Resolved(address, took_ms, reason, note)

    def _at_hand(self, key: tuple[str, str], now: float) -> _Found | None:
        if self._hosts.changed():
            self._names = dict(_read_hosts(self._hosts.text()))
        if key in self._names:
            return (self._names[key], Reason.NONE, "", 0.0)
        until, found = self._kept.get(key, (0.0, None))
        return found if now < until else None

    async def _shared(self, key: tuple[str, str], deadline_s: float) -> _Found:
        flight = self._flights.get(key)
        if flight is None:
            if len(self._flights) >= _FLIGHTS:
                return ("", Reason.LOCAL_LIMIT, "too many look-ups at once", 0.0)
            flight = asyncio.get_running_loop().create_task(self._look_up(key))
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        # Who leaves early leaves the others their look-up.
        done, _ = await asyncio.wait([flight], timeout=deadline_s)
        if not done:
            return ("", Reason.RESOLVER_TIMEOUT, "", 0.0)
        if flight.cancelled():
            return ("", Reason.RESOLVER_FAILED, "closed", 0.0)
        return flight.result()

    async def _look_up(self, key: tuple[str, str]) -> _Found:
        if self._asker is None:
            # The first import takes 50 ms, which no running probe should feel.
            await asyncio.to_thread(__import__, "monitor.probes.lookup")
        from monitor.probes import lookup  # noqa: PLC0415 - who has only literals needs none
        from monitor.probes.asker import Asker  # noqa: PLC0415 - likewise

        if self._resolv_conf.changed():
            self._servers = tuple(read_servers(self._resolv_conf.text()))[:_SERVERS]
            self._first = 0
        if self._asker is None:
            self._asker = Asker(self._clock)
        servers = self._servers[self._first :] + self._servers[: self._first]
        if not servers:
            return ("", Reason.RESOLVER_FAILED, "no resolver configured", 0.0)
        found, by = await lookup.first_answer(
            self._asker, servers * _ROUNDS, self._port, key, _FLIGHT_S
        )
        if by >= 0:
            # A dead first resolver must not cost every later look-up its timeout.
            self._first = (self._first + by) % len(self._servers)
        self._keep(key, found)
        return found

    def _keep(self, key: tuple[str, str], found: _Found) -> None:
        if found[1] in (Reason.RESOLVER_FAILED, Reason.RESOLVER_TIMEOUT):
            return
        if len(self._kept) >= _KEPT:
            del self._kept[next(iter(self._kept))]
        kept_s = min(MAX_TTL_S, max(MIN_TTL_S, found[3]))
        self._kept.pop(key, None)
        self._kept[key] = (self._clock.monotonic() + kept_s, found)

    async def close(self) -> None:
        """Close sockets and end every task it owns."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        if self._asker is not None:
            await self._asker.close()


class _Watched:
    """A small file that may change under us."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None

    def changed(self) -> bool:
        """Whether it differs from when this was last asked; True at first."""
        try:
            found = self._path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        except OSError:
            stamp = (0, 0, 0)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        return True

    def text(self) -> str:
        """What it holds, at most 1 MiB; empty when it cannot be read."""
        try:
            with self._path.open("rb") as file:
                return file.read(_FILE_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""


def _read_hosts(text: str) -> Iterator[tuple[tuple[str, str], str]]:
    """hosts(5), the last line first, so that in a dict the first one counts."""
    for line in reversed(text.splitlines()):
        fields = line.partition("#")[0].split()
        try:
            found = ipaddress.ip_address(fields[0])
        except (IndexError, ValueError):
            continue
        for name in fields[1:]:
            yield (name.rstrip(".").casefold(), f"ipv{found.version}"), str(found)


def read_servers(text: str) -> Iterator[str]:
    """The ``nameserver`` lines of resolv.conf(5)."""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 2 or fields[0] != "nameserver":
            continue
        try:
            yield str(ipaddress.ip_address(fields[1]))
        except ValueError:
            continue
