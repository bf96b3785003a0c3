"""What the shots of one trace amount to: hops, and how the path ended.  Pure."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping
from typing import Final

import msgspec

from monitor.probes.flows import Answer, Shot
from monitor.records import Hop, Outcome, Reason, clean_text

# A path is taken to have ended after this many silent TTLs in a row.
SILENT_RUN: Final = 5
NOTHING_KNOWN: Final[Mapping[int, Answer]] = {}


def passes(answer: Answer) -> bool:
    """Whether a router on the way spoke, from where it stands."""
    return not answer.final and answer.refused is Reason.NONE


class Ending(msgspec.Struct, frozen=True):
    """How a path ended.  ``said_by`` is the router that refused; ``note`` is for people."""

    outcome: Outcome
    reason: Reason = Reason.NONE
    said_by: str = ""
    note: str = ""


class Trail:
    """The shots of one trace, by TTL."""

    def __init__(self) -> None:
        self._shots: dict[int, list[Shot]] = {}
        self._by_method: dict[str, list[Shot]] = {}

    def add(self, shot: Shot, method: str) -> None:
        self._shots.setdefault(shot.ttl, []).append(shot)
        self._by_method.setdefault(method, []).append(shot)

    def answers(self, ttl: int) -> list[Answer]:
        return [shot.answer for shot in self._shots.get(ttl, ()) if shot.answer is not None]

    def tries(self, ttl: int) -> int:
        return len(self._shots.get(ttl, ()))

    @property
    def sent(self) -> int:
        return sum(len(shots) for shots in self._shots.values())

    @property
    def received(self) -> int:
        return sum(len(self.answers(ttl)) for ttl in self._shots)

    @property
    def rounds(self) -> int:
        """The most packets one TTL was sent."""
        return max((len(shots) for shots in self._shots.values()), default=0)

    @property
    def last(self) -> int:
        """The farthest TTL that was answered, 0 if none was."""
        return max((ttl for ttl in self._shots if self.answers(ttl)), default=0)

    @property
    def asked(self) -> int:
        """The farthest TTL that was asked."""
        return max(self._shots, default=0)

    @property
    def reached(self) -> int | None:
        """The TTL at which the target itself answered."""
        nearest: int | None = None
        for ttl, shots in self._shots.items():
            if nearest is None or ttl < nearest:
                for shot in shots:
                    if shot.answer is not None and shot.answer.final:
                        nearest = ttl
        return nearest

    @property
    def refused(self) -> int | None:
        """The TTL at which a router said that it goes no further."""
        nearest: int | None = None
        for ttl, shots in self._shots.items():
            if nearest is None or ttl < nearest:
                for shot in shots:
                    if shot.answer is not None and shot.answer.refused is not Reason.NONE:
                        nearest = ttl
        return nearest

    @property
    def barred(self) -> Reason:
        """Why the path ends at a router that refuses; NONE where none does."""
        refused = self.refused
        if self.reached is not None or refused is None:
            return Reason.NONE
        return self.refusal(refused).refused

    def refusal(self, ttl: int) -> Answer:
        """The first refusal among what ``ttl`` was answered."""
        return next(each for each in self.answers(ttl) if each.refused is not Reason.NONE)

    @property
    def end(self) -> int | None:
        """The TTL at which there is nothing more to ask."""
        reached = self.reached
        return self.refused if reached is None else reached

    @property
    def slowest_ms(self) -> float | None:
        """The longest RTT seen."""
        seen = [answer.rtt_ms for ttl in self._shots for answer in self.answers(ttl)]
        return max(seen, default=None)

    def silent(self, limit: int) -> list[int]:
        """The TTLs up to ``limit`` that were asked and did not answer."""
        return [ttl for ttl in sorted(self._shots) if ttl <= limit and not self.answers(ttl)]

    def loop(self) -> tuple[str, ...]:
        """The addresses of a loop: one that comes again after another one, or after silence.

        Two answers in a row are one router that forwards a packet it should drop, not a
        loop; an address is counted as coming again after silence from the third time on.
        """
        if self.reached is not None:
            return ()
        seen = [
            (ttl, self.answers(ttl)[0].source)
            for ttl in sorted(self._shots)
            if self.answers(ttl)
        ]
        for index, (_, address) in enumerate(seen):
            later = [at for at in range(index + 1, len(seen)) if seen[at][1] == address]
            if not later:
                continue
            between = [other for _, other in seen[index : later[-1]]]
            if any(other != address for other in between):
                return tuple(dict.fromkeys(between))
            ttls = [seen[index][0], *(seen[at][0] for at in later)]
            if sum(b - a > 1 for a, b in itertools.pairwise(ttls)) >= 2:
                return (address,)
        return ()

    def shots(self, method: str) -> list[Shot]:
        return self._by_method.get(method, [])

    def credit(self, ttl: int) -> None:
        """Count what ended the path beyond ``ttl`` there: the rest was only silence."""
        for beyond in [each for each in self._shots if each > ttl]:
            for shot in self._shots.pop(beyond):
                if shot.answer is not None and not passes(shot.answer):
                    shot.ttl = ttl
                    self._shots.setdefault(ttl, []).append(shot)

    def method(self) -> str:
        """The first method, and any other that learnt something, joined by ``+``."""
        first, *others = self._by_method
        told = [m for m in others if any(shot.answer for shot in self._by_method[m])]
        return "+".join([first, *told])

    def hops(self, known: Mapping[int, Answer] = NOTHING_KNOWN) -> tuple[Hop, ...]:
        """One hop a TTL up to the end; of a silent tail only the first.

        ``known`` is what a TTL answered last: where the path has an end, hops that were not
        asked are taken to be there still.
        """
        end = self.end
        until = end if end is not None else min(self.last + 1, self.asked)
        believed = NOTHING_KNOWN if end is None else known
        return tuple(self._hop(ttl, believed.get(ttl)) for ttl in range(1, until + 1))

    def _hop(self, ttl: int, known: Answer | None) -> Hop:
        answers = self.answers(ttl)
        if not answers and known is not None and not self.tries(ttl):
            return Hop(
                ttl,
                address=known.source,
                rtt_ms=round(known.rtt_ms, 3),
                sent=0,
                icmp_type=known.icmp_type,
                icmp_code=known.icmp_code,
                reply_ttl=known.reply_ttl,
                labels=known.labels,
            )
        if not answers:
            return Hop(ttl, sent=self.tries(ttl))
        best = next((answer for answer in answers if answer.final), answers[0])
        same = [answer.rtt_ms for answer in answers if answer.source == best.source]
        others = dict.fromkeys(answer.source for answer in answers)
        others.pop(best.source)
        return Hop(
            ttl,
            address=best.source,
            rtt_ms=round(statistics.median(same), 3),
            sent=self.tries(ttl),
            received=len(answers),
            icmp_type=best.icmp_type,
            icmp_code=best.icmp_code,
            reply_ttl=best.reply_ttl,
            labels=best.labels,
            others=tuple(others),
        )

    def ending(self, *, in_time: bool) -> Ending:
        """How the path ended; ``in_time`` is False when the trace had to be cut short."""
        if self.reached is not None:
            return Ending(Outcome.OK)
        if self.refused is not None:
            said = self.refusal(self.refused)
            return Ending(Outcome.FAIL, said.refused, said.source)
        loop = self.loop()
        if loop:
            note = "loop between " + " and ".join(loop[:4])
            return Ending(Outcome.FAIL, Reason.PATH_LOOP, note=clean_text(note))
        if not self.last:
            return Ending(Outcome.FAIL, Reason.PATH_BREAK, note="no hop answers")
        where = f"last answer {self.answers(self.last)[0].source} at hop {self.last}"
        if not in_time and self.asked - self.last < SILENT_RUN:
            return Ending(
                Outcome.FAIL, Reason.TIMEOUT, note=clean_text(f"{where}; time ran out")
            )
        return Ending(
            Outcome.FAIL, Reason.PATH_BREAK, note=clean_text(f"{where}; nothing beyond")
        )
