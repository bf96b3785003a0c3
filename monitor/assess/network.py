"""The phase of a network: what its hosts inside mean together (DESIGN 4.5).

Only hosts measured as hosted inside are counted.  A host that gives any answer, be it a
refusal or an HTTP 500, has a line: sites and line are told apart here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from monitor.assess.loss import Burst, LossMeter
from monitor.assess.rules import Rules
from monitor.records import (
    SECOND,
    Event,
    EventKind,
    FeedState,
    Micros,
    NetMemory,
    NetworkRow,
    Observation,
    Phase,
)

_AFTER_LOSS = frozenset({Phase.LOST, Phase.PARTIAL})
_QUIET = frozenset({"first-look", "as-before", "usual", "vantage"})


class Tally(msgspec.Struct):
    """One round of a network.

    ``reached`` by host id (None: not known), when each was ``last`` reached, how many are
    ``lossy``, the name servers inside that answered of those asked, whether the routes are
    ``withdrawn``, the newest ``bursts`` of those that answer, and the evidence for a change.
    """

    reached: Mapping[str, bool | None]
    last: Mapping[str, Micros]
    dns_up: int = 0
    dns_total: int = 0
    evidence: tuple[Observation, ...] = ()
    withdrawn: bool = False
    bursts: Mapping[str, Burst] = {}
    ours: Mapping[str, Burst] = {}


def fell_at(silent: Sequence[Micros], total: int, rules: Rules) -> Micros:
    """When so many of ``total`` hosts had gone silent that too few were left; 0 for never.

    ``silent`` are the times at which the silent ones went.
    """
    for count, at in enumerate(sorted(silent), 1):
        if total - count < rules.well_share * total:
            return at
    return 0


class NetworkJudge:
    """Moves one network's row from round to round."""

    def __init__(self, row: NetworkRow, rules: Rules) -> None:
        self.row = row
        self._rules = rules
        if row.memory is None:
            row.memory = NetMemory()
        self._memory: NetMemory = row.memory
        self._loss = LossMeter(rules)
        self.doubt: Micros = 0
        self._up_before: int | None = None
        self._asked: Micros = 0
        self._moves = False
        self._doubts_now = False

    def changed(self, now: Micros, host: str, reached: bool | None) -> None:
        """A host inside changed its hard state; only a line that came or went counts."""
        memory = self._memory
        if reached is None or memory.reached.get(host) is reached:
            return
        if host in memory.reached:
            memory.changes.append((now, host))
            del memory.changes[:-256]
        memory.reached[host] = reached

    def suspend(self, now: Micros, why: str) -> list[Event]:
        """Our own fault: nothing is known of the network now.  The event, if that is new."""
        memory, row = self._memory, self.row
        self.doubt = 0
        self._loss.clear()
        memory.bad = memory.good = memory.lossy = memory.partial = 0
        memory.bad_since = memory.low_since = memory.well_since = 0
        row.why = why
        if row.phase is Phase.UNKNOWN:
            return []
        memory.before, memory.before_since = row.phase, row.since
        old, row.phase, row.since = row.phase, Phase.UNKNOWN, now
        return [self._event(now, old, "vantage", why, ())]

    def round(
        self, now: Micros, tally: Tally, *, may_condemn: bool, between: bool = False
    ) -> list[Event]:
        """Judge one round; returns the events, the row is brought up to date.

        ``between`` two rounds nothing is counted: only a fall that has lasted is told.
        """
        row, memory, rules = self.row, self._memory, self._rules
        known = [host for host, reached in tally.reached.items() if reached is not None]
        up = [host for host in known if tally.reached[host]]
        row.inside_total, row.inside_known, row.inside_up = (
            len(tally.reached),
            len(known),
            len(up),
        )
        row.dns_up, row.dns_total = tally.dns_up, tally.dns_total
        memory.changes = [
            each for each in memory.changes if now - each[0] <= rules.flicker_span
        ]
        memory.dips = [at for at in memory.dips if now - at <= rules.flicker_span]
        self._watch(now, len(up))
        if not known or len(known) < rules.known_share * len(tally.reached):
            row.why = f"only {len(known)} of {len(tally.reached)} inside are known"
            return []
        usual = [host for host in known if host in memory.usual] or known
        share = sum(bool(tally.reached[host]) for host in usual) / len(usual)
        row.usual = len(usual)
        began = self._doubt(now, share, len(known) - len(up))
        if not between:
            self._count(now, share, tally, may_condemn=may_condemn)
        if began and may_condemn and now - began >= rules.doubt:
            memory.good = 0
            memory.bad_since = memory.bad_since or began
            self._bad(now, rules.bad_rounds)
        elif between:
            return []
        phase, rule, since = self._next(now, share)
        self._learn(now, up, share)
        row.why = self._words(share)
        if phase is row.phase:
            return []
        return [self._turn(now, phase, rule, since, tally)]

    # --- inside ---------------------------------------------------------------------------

    def _count(self, now: Micros, share: float, tally: Tally, *, may_condemn: bool) -> None:
        memory, rules = self._memory, self._rules
        loses = self._loss.loses(now, tally.bursts, tally.ours, memory.lossy)
        memory.lossy = memory.lossy + 1 if loses else 0
        memory.calm = 0 if loses else memory.calm + 1
        partial = rules.lost_share <= share < rules.well_share
        memory.partial = memory.partial + 1 if partial else 0
        if share >= rules.well_share:
            memory.good += 1
            memory.bad = 0
            memory.bad_since = memory.low_since = 0
            memory.well_since = memory.well_since or now
            return
        memory.well_since = 0
        if share >= rules.lost_share:
            memory.low_since = 0
        if not may_condemn:
            return
        memory.good = 0
        self._bad(now, memory.bad + 1)
        memory.bad_since = memory.bad_since or now
        if share < rules.lost_share and not memory.low_since:
            memory.low_since = self._quiet_since(tally) or now
        if tally.withdrawn or (tally.dns_total and not tally.dns_up):
            # Two families of observation in one round weigh as much as two rounds.
            self._bad(now, rules.bad_rounds)

    def _bad(self, now: Micros, rounds: int) -> None:
        """Raise the count of bad rounds; the one that makes it a fall is a dip."""
        memory, enough = self._memory, self._rules.bad_rounds
        if memory.bad < enough <= rounds:
            memory.dips.append(now)
        memory.bad = max(memory.bad, rounds)

    def _doubt(self, now: Micros, share: float, silent: int) -> Micros:
        """Since when a network that was well has not been; 0 while there is no doubt.

        One silent host is no matter of the network's, however small that is: its own
        attempts decide.
        """
        well = self.row.phase in (Phase.STABLE, Phase.RESTORED)
        before = self.doubt
        doubts = well and share < self._rules.well_share and silent >= self._rules.flicker_hosts
        self.doubt = (before or now) if doubts else 0
        self._doubts_now = self.doubt > before
        return self.doubt

    def _watch(self, now: Micros, up: int) -> None:
        """Note whether several went silent or came back: then the others are asked at once.

        Those looked at seldom would else be taken for what they were until their turn comes.
        """
        before, self._up_before = self._up_before, up
        moved = before is not None and abs(before - up) >= self._rules.flicker_hosts
        self._moves = moved and up > 0 and now - self._asked >= self._rules.lossy_ask
        if self._moves:
            self._asked = now

    def _quiet_since(self, tally: Tally) -> Micros:
        """When the last of the hosts that are silent now was heard."""
        heard = [at for host, at in tally.last.items() if tally.reached[host] is False and at]
        return max(heard, default=0)

    @property
    def turning(self) -> bool:
        """Whether the picture has just begun to change, for the worse or the better."""
        memory = self._memory
        if self.row.phase is Phase.LOST:
            return memory.partial == 1
        return (
            self._doubts_now
            or 1 in (memory.bad, memory.lossy)
            or self._loss.doubts
            or self._moves
            or (self.row.phase is Phase.PARTIAL and memory.good == 1)
        )

    def _next(self, now: Micros, share: float) -> tuple[Phase, str, Micros]:
        """The phase after this round, the rule that says so, and since when."""
        row, memory, rules = self.row, self._memory, self._rules
        phase = row.phase
        if phase is Phase.UNKNOWN:
            return self._first(now, share)
        if memory.low_since and now - memory.low_since >= rules.lost_for:
            return Phase.LOST, "lost", memory.low_since
        if memory.bad >= rules.bad_rounds:
            if phase is Phase.LOST:
                if memory.low_since:
                    return phase, "", row.since
                if memory.partial >= rules.good_rounds:
                    return Phase.PARTIAL, "partial", now
                return phase, "", row.since
            # A network that comes and goes is unstable, however few answer in between.
            lasting = self._partly_lost() and not self._flickers(now)
            if phase is not Phase.PARTIAL and lasting:
                return Phase.PARTIAL, "partial", memory.bad_since
            if phase in (Phase.UNSTABLE, Phase.PARTIAL):
                return phase, "", row.since
            fallen = Phase.PARTIAL if phase is Phase.RESTORED else Phase.UNSTABLE
            return fallen, "share", memory.bad_since
        if share < rules.well_share:
            return phase, "", row.since
        return self._well(now, phase)

    def _well(self, now: Micros, phase: Phase) -> tuple[Phase, str, Micros]:
        """At least 80 % of what is usual answers."""
        match phase:
            case Phase.LOST | Phase.PARTIAL:
                found = self._back(now)
            case Phase.RESTORED:
                found = self._settling(now)
            case Phase.STABLE:
                found = self._fraying(now)
            case _:
                found = self._calming(now)
        return found or (phase, "", self.row.since)

    def _back(self, now: Micros) -> tuple[Phase, str, Micros] | None:
        """After a loss: a return within a flicker is no recovery."""
        memory = self._memory
        long = now - self.row.since >= self._rules.settle
        if self.row.phase is Phase.PARTIAL and not memory.lost_once and long:
            return Phase.STABLE, "usual", now
        if memory.good < self._rules.good_rounds:
            return None
        if self._was_one_loss(now):
            memory.changes, memory.dips = [], []
        if self._flickers(now):
            return Phase.UNSTABLE, "flicker", self._restless_since()
        return Phase.RESTORED, "restored", memory.well_since

    def _was_one_loss(self, now: Micros) -> bool:
        """Out of a loss that lasted longer than any calm: what shook it before is over."""
        row, rules = self.row, self._rules
        if row.phase is not Phase.LOST or now - row.since < rules.flicker_quiet:
            return False
        losses = [at for at, phase in self._memory.history if phase is Phase.LOST]
        return len([at for at in losses if now - at <= rules.flicker_span]) <= 1

    def _settling(self, now: Micros) -> tuple[Phase, str, Micros] | None:
        memory = self._memory
        if self._flickers(now):
            return Phase.UNSTABLE, "flicker", self._restless_since()
        if not memory.well_since or now - memory.well_since < self._rules.restored_for:
            return None
        memory.lost_once = False
        return Phase.STABLE, "settled", now

    def _fraying(self, now: Micros) -> tuple[Phase, str, Micros] | None:
        if self._flickers(now):
            return Phase.UNSTABLE, "flicker", self._restless_since()
        if self._memory.lossy >= self._rules.bad_rounds:
            return Phase.UNSTABLE, "loss", now - self._rules.network_round
        return None

    def _calming(self, now: Micros) -> tuple[Phase, str, Micros] | None:
        memory = self._memory
        enough = self._rules.good_rounds
        if min(memory.good, memory.calm) < enough or self._flickers(now):
            return None
        return Phase.STABLE, "clear", now

    def _first(self, now: Micros, share: float) -> tuple[Phase, str, Micros]:
        """Out of UNKNOWN: as before an own fault if it still fits, else a first look."""
        row, memory, rules = self.row, self._memory, self._rules
        before = memory.before
        well = share >= rules.well_share
        if before in (Phase.STABLE, Phase.RESTORED, Phase.UNSTABLE) and well:
            return before, "as-before", memory.before_since
        if before is Phase.LOST and share < rules.lost_share:
            return before, "as-before", memory.before_since
        if before is Phase.PARTIAL and not well and share >= rules.lost_share:
            return before, "as-before", memory.before_since
        if well and before in _AFTER_LOSS:
            return Phase.RESTORED, "restored", memory.well_since
        if well:
            return Phase.STABLE, "first-look", now
        if memory.bad < rules.bad_rounds:
            return row.phase, "", row.since
        if before is not None:
            return self._still_fallen(before)
        if share >= rules.lost_share:
            return Phase.PARTIAL, "first-look", now
        if memory.low_since and now - memory.low_since >= rules.lost_for:
            return Phase.LOST, "lost", memory.low_since
        return row.phase, "", row.since

    def _still_fallen(self, before: Phase) -> tuple[Phase, str, Micros]:
        memory = self._memory
        fallen = Phase.PARTIAL if memory.lost_once else Phase.UNSTABLE
        if fallen is before:
            return before, "as-before", memory.before_since
        return fallen, "share", memory.bad_since

    def _partly_lost(self) -> bool:
        """Between 5 % and 80 % have answered for as long as a loss takes to be one."""
        rules = self._rules
        return self._memory.partial * rules.network_round >= rules.lost_for

    def _flickers(self, now: Micros) -> bool:
        """Several hosts come and go, or most go together again and again (DESIGN 4.3)."""
        memory, rules = self._memory, self._rules
        last = max([at for at, _ in memory.changes[-1:]] + memory.dips[-1:], default=0)
        if now - last >= rules.flicker_quiet:
            return False
        if len(memory.dips) >= rules.flicker_dips:
            return True
        counts = Counter(host for _, host in memory.changes)
        restless = sum(count >= rules.flicker_host_changes for count in counts.values())
        total = self.row.inside_total
        return restless >= min(
            total, max(rules.flicker_hosts, rules.flicker_host_share * total)
        )

    def _restless_since(self) -> Micros:
        memory = self._memory
        return min([at for at, _ in memory.changes[:1]] + memory.dips[:1])

    def _learn(self, now: Micros, up: list[str], share: float) -> None:
        """What answers while all is well is what is usual; a day's silence ends that."""
        row, memory, rules = self.row, self._memory, self._rules
        well = row.phase is Phase.STABLE and share >= rules.well_share
        settled = well or (
            row.phase is Phase.PARTIAL
            and not memory.lost_once
            and now - row.since >= rules.settle
            and not memory.changes
        )
        if not settled:
            return
        for host in up:
            memory.usual[host] = now
        memory.usual = {
            host: at for host, at in memory.usual.items() if now - at < rules.settle
        }

    def _turn(self, now: Micros, phase: Phase, rule: str, since: Micros, tally: Tally) -> Event:
        row, memory = self.row, self._memory
        old, row.phase, row.since = row.phase, phase, since or now
        if phase is Phase.LOST:
            memory.lost_once = True
        memory.before = None
        return self._event(now, old, rule, self._words(None), tally.evidence)

    def _event(
        self, now: Micros, old: Phase, rule: str, text: str, evidence: tuple[Observation, ...]
    ) -> Event:
        return Event(
            at=now,
            kind=EventKind.TRANSITION,
            subject=f"network:{self.row.id}",
            text=text,
            old=old,
            new=self.row.phase,
            rule=rule,
            since=self.row.since,
            evidence=evidence,
            quiet=rule in _QUIET,
        )

    def _words(self, share: float | None) -> str:
        row, memory, rules = self.row, self._memory, self._rules
        text = f"{row.inside_up} of {row.inside_total} inside answer"
        if row.usual < row.inside_total:
            text += f" ({row.usual} usually do)"
        if row.dns_total:
            text += f", name servers {row.dns_up} of {row.dns_total}"
        if row.routes_total and row.routes_state is FeedState.LIVE:
            text += f", routes {row.routes_visible} of {row.routes_total}"
        if row.phase is Phase.UNSTABLE and memory.changes:
            text += f"; {len(memory.changes)} hosts came or went in 6 h"
        if memory.lossy:
            text += "; loss at most of them"
        if share is not None and memory.low_since and row.phase is not Phase.LOST:
            due = datetime.fromtimestamp((memory.low_since + rules.lost_for) / SECOND, UTC)
            text += f"; LOST at {due:%H:%M:%S}Z if it lasts"
        return text
