"""What stands between us and everybody else: the gateway and the resolvers of this machine.

They are asked every round beside the far controls and never counted with them: they tell
our own link from our gateway and our resolvers when something is wrong with us.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

import msgspec

from monitor.assess.check import ended
from monitor.assess.rules import Rules
from monitor.records import (
    REASONS,
    Layer,
    Micros,
    Observation,
    Outcome,
    OwnControl,
    OwnRole,
    Reason,
)

# No id of a watchlist begins so.
OWN_HOST: Final = "@own"
OWN_CHECKS: Final[dict[str, OwnRole]] = {
    f"{OWN_HOST}/gateway-ipv4": OwnRole.GATEWAY,
    f"{OWN_HOST}/gateway-ipv6": OwnRole.GATEWAY,
    f"{OWN_HOST}/resolver-1": OwnRole.RESOLVER,
    f"{OWN_HOST}/resolver-2": OwnRole.RESOLVER,
}
# Errors that are no sign of a broken line: this machine cannot ask in that way at all.
NO_SIGN: Final = frozenset(
    {
        Reason.NOT_PERMITTED,
        Reason.NO_FAMILY,
        Reason.LOCAL_LIMIT,
        Reason.SHED,
        Reason.VOIDED,
        Reason.PROBE_CRASHED,
    }
)
# One look that fails is no fault of a resolver yet.
_FAILS: Final = 2


class _Heard(msgspec.Struct):
    """The newest of one control: when it was asked, and since when it has failed."""

    control: OwnControl
    at: Micros
    fails: int = 0
    first_fail: Micros = 0


class OwnControls:
    """Follows them; which there are is what was observed."""

    def __init__(self, rules: Rules) -> None:
        self._fresh_for = int(rules.round * (rules.stale_intervals + 1))
        self._heard: dict[str, _Heard] = {}
        self._answered: set[str] = set()

    def restore(self, known: Iterable[OwnControl]) -> None:
        """Go on from an earlier run: who has ever answered."""
        self._answered |= {each.address for each in known if each.ever}

    def adopt(self, other: OwnControls) -> None:
        """Go on from another watchlist's: ours are the same."""
        self._heard, self._answered = other._heard, other._answered

    def hear(self, seen: Observation) -> bool:
        """Take note of an observation if it is one of ours; whether it is."""
        role = OWN_CHECKS.get(seen.check)
        if role is None:
            return False
        if seen.reason in NO_SIGN:
            return True
        before = self._heard.get(seen.check)
        answers: bool | None = _answers(role, seen)
        if answers:
            self._answered.add(seen.address)
        ever = seen.address in self._answered
        if answers is False and seen.reason is Reason.TIMEOUT and not ever:
            # Many a gateway answers no ping: only one that did can fall silent.
            answers = None if role is OwnRole.GATEWAY else False
        reason = Reason.NONE if answers else seen.reason
        heard = _Heard(OwnControl(role, seen.address, answers, reason, ever), ended(seen))
        if answers is False:
            goes_on = before is not None and before.control.address == seen.address
            heard.fails = 1 + (before.fails if before is not None and goes_on else 0)
            first = before.first_fail if before is not None and heard.fails > 1 else 0
            heard.first_fail = first or seen.at
        self._heard[seen.check] = heard
        return True

    def rows(self, now: Micros) -> tuple[OwnControl, ...]:
        """Each of them, in a fixed order; of those not asked lately nothing is known."""
        found = []
        for check in OWN_CHECKS:
            heard = self._heard.get(check)
            if heard is None:
                continue
            fresh = now - heard.at <= self._fresh_for
            if not fresh:
                heard.fails = heard.first_fail = 0
            unknown = msgspec.structs.replace(heard.control, answers=None, reason=Reason.NONE)
            found.append(heard.control if fresh else unknown)
        return tuple(found)

    def nameless_since(self) -> Micros:
        """Since when no resolver answers, each at least twice; 0 while one may."""
        servers = [
            heard
            for check, heard in self._heard.items()
            if OWN_CHECKS[check] is OwnRole.RESOLVER
        ]
        if not servers or any(heard.fails < _FAILS for heard in servers):
            return 0
        return max(heard.first_fail for heard in servers)

    def names_answer(self) -> bool:
        """Whether some resolver answers."""
        return any(
            heard.control.answers
            for check, heard in self._heard.items()
            if OWN_CHECKS[check] is OwnRole.RESOLVER
        )

    def tells(self, since: Micros) -> str:
        """What they tell of a fault that began at ``since``, in a clause; '' for nothing."""
        heard = [self._heard[check] for check in OWN_CHECKS if check in self._heard]
        fresh = [each.control for each in heard if each.at > since]
        gateways = [each for each in fresh if each.role is OwnRole.GATEWAY]
        for each in gateways:
            if each.answers:
                return f"beyond our gateway {each.address}, which answers"
        for each in gateways:
            if each.answers is False:
                why = REASONS[each.reason].text
                return f"on our own link: gateway {each.address} does not answer ({why})"
        for each in fresh:
            if each.answers and not _is_here(each.address):
                return f"not on our own link: resolver {each.address} answers"
        return ""


def nameless_text(own: Iterable[OwnControl]) -> str:
    """That no name can be looked up, and by whom not."""
    servers = ", ".join(each.address for each in own if each.role is OwnRole.RESOLVER)
    return f"no name can be looked up: our resolver does not answer ({servers})"


def _answers(role: OwnRole, seen: Observation) -> bool:
    if seen.outcome in (Outcome.OK, Outcome.WARN):
        return True
    # A resolver that refuses this question is there; one that fails at it finds nothing.
    refuses = REASONS[seen.reason].layer is Layer.DNS and seen.reason is not Reason.DNS_SERVFAIL
    return role is OwnRole.RESOLVER and refuses


def _is_here(address: str) -> bool:
    """Whether an address is this machine's own, which tells nothing of its link."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
