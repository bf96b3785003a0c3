"""How hard we may look: packets per second and probes in flight at one /24 (or /48).

The whole country of the founding case had 1,024 addresses; nobody is to feel that we look
(DESIGN section 5).  Loopback is ourselves and has no budget.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

import msgspec

from monitor.records import Kind
from monitor.watchlist.model import Budget, Check, IcmpParams

# Of a trace only the last packets reach the watched prefix.
_TRACE_COST: Final = 2
_IDLE_S: Final = 600.0


@lru_cache(maxsize=65_536)
def area_of(address: str) -> str:
    """The /24 or /48 of an address; an unresolved name itself; empty for loopback."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address.lower()
    if found.is_loopback:
        return ""
    bits = 24 if found.version == 4 else 48
    return str(ipaddress.ip_network((found, bits), strict=False))


def cost_of(check: Check) -> int:
    """Packets that one run sends at the watched prefix."""
    if isinstance(check.params, IcmpParams):
        return check.params.count
    return _TRACE_COST if check.kind is Kind.TRACE else 1


class _Area(msgspec.Struct, gc=False):
    free_at: float = 0.0
    in_flight: int = 0


class PrefixBudget:
    """Admits probes, or says how long to wait."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._areas: dict[str, _Area] = {}

    def admit(self, area: str, cost: int, now: float) -> float:
        """0.0 when the probe may start now (and is counted), else seconds to wait."""
        if not area:
            return 0.0
        held = self._areas.get(area)
        if held is None:
            held = self._areas[area] = _Area()
        if held.in_flight >= self._budget.prefix_in_flight:
            return max(0.2, held.free_at - now)
        if held.free_at > now:
            return held.free_at - now
        held.in_flight += 1
        held.free_at = max(now, held.free_at) + cost / self._budget.prefix_rate
        return 0.0

    def release(self, area: str) -> None:
        """A probe that was admitted has ended."""
        held = self._areas.get(area)
        if held is not None:
            held.in_flight -= 1

    def forget_idle(self, now: float) -> None:
        """Drop areas not used for a while, so that the table never grows for ever."""
        self._areas = {
            area: held
            for area, held in self._areas.items()
            if held.in_flight or now - held.free_at < _IDLE_S
        }
