"""Probes of the simulated internet, behind the protocol of the real ones."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.probes.base import VANTAGE
from monitor.records import SECOND, Micros, Observation, Outcome, Reason
from monitor.simulation.answers import Answer, answer
from monitor.simulation.draw import key_of
from monitor.simulation.events import Event, Fault
from monitor.simulation.loop import SimClock
from monitor.simulation.world import World
from monitor.watchlist.model import Check


class SimProber:
    """A :class:`monitor.probes.base.Prober` that looks at a simulated world.

    What a check sees depends on the world's seed, the check and the moment alone.
    """

    def __init__(self, world: World, clock: SimClock) -> None:
        self._world = world
        self._clock = clock
        self._keys: dict[str, int] = {}

    def answer(self, check: Check, at: int) -> Answer:
        """What ``check`` sees at the world's time ``at``, and how many seconds it takes.

        Raises KeyError for a check of a host that the world does not have.
        """
        key = self._keys.get(check.id)
        if key is None:
            key = self._keys[check.id] = key_of(self._world.seed, "check", check.id)
        return answer(check, key, self._world.way(check.host, check.address, at), at)

    def look(self, check: Check) -> Answer:
        """What ``check`` sees now, dated by our own clock, and how many seconds it takes."""
        started = self._clock.wall()
        try:
            seen, took = self.answer(check, self._clock.true())
        except KeyError:
            unknown = Observation(
                check=check.id,
                at=started,
                outcome=Outcome.ERROR,
                reason=Reason.PROBE_CRASHED,
                sent=0,
                vantage=VANTAGE,
                note="not a part of the simulated world",
            )
            return unknown, 0.0
        return _stamped(seen, started), took

    async def probe(self, check: Check) -> Observation:
        """Look once, taking as much simulated time as the real probe would."""
        seen, took = self.look(check)
        await self._clock.sleep(took)
        return seen

    async def close(self) -> None:
        """Nothing is held."""


def _stamped(seen: Observation, started: int) -> Observation:
    """``seen`` as our own clock dates it, which may be wrong."""
    if seen.at == started:
        return seen
    fields = {name: getattr(seen, name) for name in seen.__struct_fields__}
    return Observation(**fields | {"at": started})


async def keep_time(events: Iterable[Event], clock: SimClock, until: Micros = 0) -> None:
    """Suspend and step ``clock`` as ``events`` say (see World.clock_events).

    Ends after the last of them, at the world's time ``until`` if that is later.
    """
    for event in events:
        await clock.sleep((event.at - clock.true()) / SECOND)
        if event.fault is Fault.SUSPEND:
            clock.suspend(event.seconds)
        else:
            clock.step(event.seconds)
    await clock.sleep((until - clock.true()) / SECOND)
