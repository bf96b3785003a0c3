"""What lies between the desk and a host during one piece of time."""

from __future__ import annotations

from typing import Final

import msgspec

from monitor.records import Micros
from monitor.simulation.topology import Site, Step

# What any path loses on a good day.
USUAL_LOSS: Final = 0.0004


class Ramp(msgspec.Struct, frozen=True):
    """Loss ``first`` to ``last`` and ``ms`` of delay, growing from ``at`` to ``full``, for
    whatever lies at hop ``hop`` (0-based) or beyond.
    """

    hop: int
    at: Micros
    full: Micros
    first: float
    last: float
    ms: float

    def part(self, at: Micros) -> float:
        """How far it has grown, 0 to 1."""
        if at >= self.full:
            return 1.0
        return max(0.0, (at - self.at) / (self.full - self.at))


class Way(msgspec.Struct, frozen=True):
    """What lies between the desk and a host during one piece of time.

    ``steps`` are the routers, ``reach`` how many of them still answer; ``whole`` whether
    the host is reached; ``said`` whether the last router says that it cannot go on.
    ``own`` and ``resolver`` are the ways our own side is broken, ``refuse``, ``dns`` and
    ``certificate`` the ways the host's services are (see
    :data:`monitor.simulation.events.WAYS`); ``status`` is the HTTP status.
    """

    site: Site
    steps: tuple[Step, ...]
    reach: int
    whole: bool
    said: bool = False
    own: str = ""
    resolver: str = ""
    dns: str = ""
    refuse: str = ""
    certificate: str = ""
    status: int = 200
    rtt_ms: float = 0.0
    loss: float = USUAL_LOSS
    ramps: tuple[Ramp, ...] = ()
    named: bool = False

    def lost(self, at: Micros, hop: int = 1_000) -> float:
        """The fraction of round trips lost up to ``hop``."""
        if not self.ramps:
            return self.loss
        through = 1.0 - self.loss
        for ramp in self.ramps:
            if ramp.hop <= hop:
                through *= 1.0 - (ramp.first + (ramp.last - ramp.first) * ramp.part(at))
        return 1.0 - through

    def delay_ms(self, at: Micros, hop: int = 1_000) -> float:
        """What overload adds up to ``hop``."""
        return sum(r.ms * r.part(at) for r in self.ramps if r.hop <= hop)
