"""Whether a network loses packets: what chance and our own line do not explain."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import sqrt
from typing import Final, NamedTuple

from monitor.assess.rules import Rules
from monitor.records import CheckRow, Micros, Outcome

_SAYS_NOTHING: Final = frozenset({Outcome.ERROR, Outcome.SKIPPED})


class Burst(NamedTuple):
    """How many of the packets ``sent`` ``at`` a moment were ``lost``."""

    at: Micros
    sent: int
    lost: int


def bursts_of(rows: Iterable[CheckRow]) -> dict[str, Burst]:
    """The packets of the newest look of each check, by its id.

    Echoes and datagrams are counted, and of TCP the SYNs: what was sent again was lost.
    """
    return {
        row.id: Burst(row.last.at, row.last.sent, row.last.sent - row.last.received)
        for row in rows
        if row.last is not None
        and row.last.sent
        and not row.stale
        and row.last.outcome not in _SAYS_NOTHING
    }


def loses_more(
    bursts: Collection[Burst], share: float, ours: Collection[Burst], sigmas: float
) -> bool:
    """Whether these lost ``share`` of their packets and ``sigmas`` deviations more (binomial).

    Negative ``sigmas`` ask whether they did not lose clearly less.  What the far controls
    lose (``ours``) is lost on our own line, before anybody else's: it is expected of these
    too, with the doubt that so small a sample leaves.
    """
    sent, lost = _totals(bursts)
    sent_ours, lost_ours = _totals(ours)
    own = lost_ours / sent_ours if sent_ours else 0.0
    expected = 1.0 - (1.0 - share) * (1.0 - own)
    variance = expected * (1.0 - expected) * sent
    if sent_ours:
        variance += ((1.0 - share) * sent) ** 2 * own * (1.0 - own) / sent_ours
    return lost > 0 and lost >= expected * sent + sigmas * sqrt(variance)


def lossy_part(bursts: Sequence[Burst]) -> list[Burst]:
    """The bursts that measure loss: one wholly lost counts only between two that were not.

    Two in a row, or the newest, may be silence, which is judged by the hosts that answer.
    """
    return [
        burst
        for place, burst in enumerate(bursts)
        if burst.lost < burst.sent
        or (
            0 < place < len(bursts) - 1
            and all(beside.lost < beside.sent for beside in bursts[place - 1 : place + 2 : 2])
        )
    ]


class LossMeter:
    """The bursts of the last minutes of a network's hosts and of the far controls.

    ``doubts``: about as many are lost as make a loss, but too few were sent to tell it from
    chance; everybody should be asked once more.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._theirs: dict[str, list[Burst]] = {}
        self._ours: dict[str, list[Burst]] = {}
        self._asked: Micros = 0
        self.doubts = False

    def clear(self) -> None:
        """What was seen counts no more."""
        self._theirs.clear()
        self._ours.clear()
        self.doubts = False

    def loses(
        self, now: Micros, theirs: Mapping[str, Burst], ours: Mapping[str, Burst], lasting: int
    ) -> bool:
        """Whether they lose, all together, more than chance and our own line do.

        ``theirs`` and ``ours`` are the newest bursts by check.  So many of them must have
        lost something that it is no matter of a few.  What has been losing for ``lasting``
        rounds must lose clearly less before that is over.
        """
        rules = self._rules
        kept = self._keep(now, self._theirs, theirs)
        parts = [lossy_part(bursts) for bursts in kept.values()]
        window = [burst for part in parts for burst in part]
        newest = [burst for burst in theirs.values() if burst.lost < burst.sent]
        own = [
            burst
            for bursts in self._keep(now, self._ours, ours).values()
            if any(each.lost < each.sent for each in bursts)
            for burst in bursts
        ]
        sigmas = rules.lossy_sigmas
        seems = loses_more(window, rules.lossy_clear, own, 0.0)
        self._doubt(now, lasting, seems=seems)
        if lasting >= rules.bad_rounds:
            return loses_more(newest, rules.loss, own, -sigmas) and loses_more(
                window, rules.lossy_clear, own, 0.0
            )
        hit = sum(any(burst.lost for burst in part) for part in parts)
        return hit >= rules.lossy_share * max(1, len(theirs)) and any(
            loses_more(each, rules.loss, own, sigmas) for each in (newest, window)
        )

    def _doubt(self, now: Micros, lasting: int, *, seems: bool) -> None:
        self.doubts = (
            seems
            and lasting < self._rules.bad_rounds
            and now - self._asked >= self._rules.lossy_ask
        )
        if self.doubts:
            self._asked = now

    def _keep(
        self, now: Micros, kept: dict[str, list[Burst]], newest: Mapping[str, Burst]
    ) -> dict[str, list[Burst]]:
        """Bring ``kept`` up to date: what is not too old, and the newest in any case."""
        for gone in kept.keys() - newest.keys():
            del kept[gone]
        for host, burst in newest.items():
            old = [
                each
                for each in kept.get(host, ())
                if each != burst and now - each.at <= self._rules.lossy_window
            ]
            kept[host] = [*old, burst]
        return kept


def _totals(bursts: Collection[Burst]) -> tuple[int, int]:
    return sum(burst.sent for burst in bursts), sum(burst.lost for burst in bursts)
