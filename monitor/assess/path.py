"""The judge of a path: what is usual, what changed, and where it breaks.

Pure: traces go in, the row is brought up to date and events come out.  Nothing is said of
what only one round shows: a change, a break and its end are told when two rounds agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from monitor.assess.pathhops import (
    agree,
    beyond,
    came_to,
    hop_at,
    loop_of,
    merged,
    with_arm,
)
from monitor.assess.pathwords import as_path, break_text, difference, odd_at, span
from monitor.records import (
    MINUTE,
    Event,
    EventKind,
    Hop,
    Micros,
    Observation,
    Outcome,
    PathHop,
    PathMemory,
    PathRow,
    PathState,
    Reason,
    TraceFacts,
)
from monitor.watchlist.model import Network

AGREE: Final = 2
# A break that seems to move: silence may be a router that limits itself, so it takes more.
_MOVED: Final = 3
# An address that came and went twice within this span is an arm of a balanced load, not a
# change; an arm that was not seen for so many rounds is forgotten.
_ARM: Final = 2
_ARM_SPAN: Final = 30 * MINUTE
_ARM_FADES: Final = 100
_STRAYS: Final = 64
_REACHED: Final = "reached"


class PathJudge:
    """Judges the path of one check.  All it remembers is in ``row``.

    ``row`` is that of an earlier run, if there was one; ``networks`` tell the AS of hops in
    their prefixes where a trace does not.
    """

    def __init__(
        self, check: str, row: PathRow | None = None, networks: Sequence[Network] = ()
    ) -> None:
        self.row = row or PathRow(check, check.partition("/")[0])
        self.row.removed = False
        self._networks = networks
        self._memory = self.row.memory = self.row.memory or PathMemory()

    def observe(
        self, seen: Observation, may_condemn: Callable[[Micros], bool] = lambda _: True
    ) -> list[Event]:
        """Judge one run; runs that say nothing of the path change nothing.

        ``may_condemn`` says whether a break that began then may be told of now: not while
        it might be our own line that broke.
        """
        facts, row = seen.facts, self.row
        if not isinstance(facts, TraceFacts) or seen.outcome in _SAYS_NOTHING:
            return []
        if row.address not in ("", seen.address):
            # The host has moved: another address has another path.
            row = self.row = PathRow(row.check, row.host, memory=PathMemory())
            assert row.memory is not None
            self._memory = row.memory
        row.address, row.method, row.at = seen.address, facts.method, seen.at
        row.rounds += 1
        row.current = tuple(self._remembered(hop) for hop in facts.hops)
        if facts.reached:
            return [*self._mended(seen), *self._compared(seen, facts)]
        ending = self._ending(seen, facts)
        return [] if ending is None else self._broken(seen, ending, may_condemn)

    # --- the way there -------------------------------------------------------------------

    def _compared(self, seen: Observation, facts: TraceFacts) -> list[Event]:
        """A path that reached the target, against the usual one."""
        row, memory = self.row, self._memory
        odd = odd_at(row.usual, row.current) if row.usual else None
        if odd is None or (odd and self._another_flow(facts)):
            self._adopt(facts)
            return []
        if not odd:
            self._agreed()
            self._merge()
            return []
        now = tuple(hop.addresses[0] if hop.addresses else "" for hop in row.current)
        if memory.tried_times and agree(memory.tried, now):
            memory.tried = tuple(a or b for a, b in zip(memory.tried, now, strict=True))
            memory.tried_times += 1
        else:
            self._agreed()
            memory.tried, memory.tried_times, memory.tried_first = now, 1, seen
        if memory.tried_times < AGREE:
            return []
        first = memory.tried_first or seen
        self._count_strays(seen.at)
        if len(row.usual) == len(row.current) and all(
            len(memory.strays.get(key, ())) >= _ARM for key in odd
        ):
            # Come and gone before: the arms of one balanced path.
            self._merge()
            self._forget_tried()
            return []
        return [self._change(first, seen, facts)]

    def _another_flow(self, facts: TraceFacts) -> bool:
        known = self._memory.flow
        return bool(known and facts.flow and known != facts.flow)

    def _adopt(self, facts: TraceFacts) -> None:
        """Take what is seen for the usual path, without a word."""
        self.row.usual = self.row.current
        self._memory.flow = facts.flow
        self._forget_tried()

    def _change(self, first: Observation, seen: Observation, facts: TraceFacts) -> Event:
        row = self.row
        row.before, row.changed_at = row.usual, first.at
        self._adopt(facts)
        old, new = as_path(row.before), as_path(row.usual)
        return self._event(
            seen,
            f"path changed: {difference(row.before, row.usual)}",
            rule="path-change",
            since=first.at,
            first=first,
            quiet=bool(old) and old == new,
        )

    def _agreed(self) -> None:
        """The usual path again: what was on probation was a stray."""
        if self._memory.tried_times:
            for ttl, address in self._count_strays(self.row.at):
                self.row.usual = with_arm(self.row.usual, ttl, address)
            self._forget_tried()

    def _count_strays(self, now: Micros) -> list[tuple[int, str]]:
        """Note what is on probation; the addresses that have come and gone often enough."""
        strays, often = self._memory.strays, []
        for ttl, address in enumerate(self._memory.tried, 1):
            usual = hop_at(self.row.usual, ttl)
            if not address or usual is None or address in usual.addresses:
                continue
            times = strays.pop(f"{ttl} {address}", [])
            times = [at for at in times if now - at < _ARM_SPAN]
            strays[f"{ttl} {address}"] = times = [*times[1 - _ARM :], now]
            if len(times) >= _ARM:
                often.append((ttl, address))
        while len(strays) > _STRAYS:
            del strays[next(iter(strays))]
        return often

    def _merge(self) -> None:
        """Add to the usual path what a round saw of it; forget arms long not seen."""
        row, memory = self.row, self._memory
        other = any(
            new.addresses and new.addresses != old.addresses[:1]
            for old, new in zip(row.usual, row.current, strict=True)
        )
        memory.steady = 0 if other else memory.steady + 1
        row.usual = merged(row.usual, row.current)
        if memory.steady == _ARM_FADES:
            row.usual = tuple(
                msgspec.structs.replace(hop, addresses=hop.addresses[:1]) for hop in row.usual
            )

    def _forget_tried(self) -> None:
        memory = self._memory
        memory.tried, memory.tried_times, memory.tried_first = (), 0, None

    # --- the break -----------------------------------------------------------------------

    def _ending(self, seen: Observation, facts: TraceFacts) -> _Ending | None:
        """Where a path that did not reach the target ends; None where that is not known."""
        hops = [self._remembered(hop) for hop in facts.hops]
        if seen.reason is Reason.PATH_LOOP:
            loop = loop_of(facts.hops)
            first = next((hop for hop in hops if hop.addresses[:1] == loop[:1]), None)
            return _Ending(PathState.LOOP, first, loop) if loop else None
        if seen.reason is Reason.TIMEOUT:
            return None
        last = next((hop for hop in reversed(hops) if hop.addresses), None)
        behind = hop_at(facts.hops, last.ttl + 1 if last else 1)
        if seen.reason is Reason.PATH_BREAK and behind is not None and not behind.sent:
            return None
        return _Ending(PathState.BROKEN, last)

    def _broken(
        self, seen: Observation, ending: _Ending, may_condemn: Callable[[Micros], bool]
    ) -> list[Event]:
        row, memory = self.row, self._memory
        self._agreed()
        address = ending.last.addresses[0] if ending.last else ""
        mute = row.said_by == row.last_address and self._mute(seen, ending, row.said_by)
        here = row.last_address == address or mute
        if row.state is ending.state and here:
            self._forget_end()
            if seen.said_by:
                # A router that refuses may say so only sometimes: once said, it stays said.
                row.reason, row.said_by = seen.reason, seen.said_by
            return []
        moved = row.state in _DOWN
        key = f"{ending.state} {address}" if moved else str(ending.state)
        far = memory.end_far
        if moved and far is not None and self._mute(seen, ending, far.said_by):
            key = memory.end
        self._again(key, seen)
        if memory.end_times < (_MOVED if moved else AGREE):
            return []
        first, told = memory.end_first or seen, memory.end_far or seen
        if not may_condemn(first.at):
            return []
        self._forget_end()
        return [self._break(first, told, seen)]

    def _mute(self, seen: Observation, ending: _Ending, refuser: str) -> bool:
        """Whether all that is missing is that ``refuser`` says once more that it refuses.

        Linux says "unreachable" six times and then once a second, whoever asks.
        """
        if not refuser or seen.said_by:
            return False
        after = beyond(self.row.usual, ending.last)
        return after is not None and refuser in after.addresses

    def _again(self, key: str, seen: Observation) -> None:
        """One more round that ended like ``key``; the one that came farthest speaks."""
        memory = self._memory
        if memory.end == key:
            memory.end_times += 1
        else:
            memory.end, memory.end_times, memory.end_first, memory.end_far = key, 1, seen, None
        far = memory.end_far
        if far is None or came_to(seen) >= came_to(far):
            memory.end_far = seen

    def _forget_end(self) -> None:
        memory = self._memory
        memory.end, memory.end_times = "", 0
        memory.end_first = memory.end_far = None

    def _break(self, first: Observation, told: Observation, seen: Observation) -> Event:
        """``told`` says where, ``first`` since when."""
        row, memory = self.row, self._memory
        facts = told.facts
        assert isinstance(facts, TraceFacts)
        known, moved = row.state is not PathState.UNKNOWN, row.state in _DOWN
        before = row.last_asn
        ending = self._ending(told, facts)
        assert ending is not None
        row.state, row.loop = ending.state, ending.loop
        row.since = row.since if moved else first.at
        row.reason, row.said_by = told.reason, told.said_by
        last = ending.last
        row.last_ttl = last.ttl if last else 0
        row.last_address = last.addresses[0] if last else ""
        row.last_asn = last.asn if last else None
        after = beyond(row.usual, last)
        row.next_address = after.addresses[0] if after else row.address
        row.next_asn = (after.asn if after else None) or self._asn(row.next_address)
        at_host = row.state is PathState.BROKEN and row.next_address == row.address
        crosses = None not in (row.last_asn, row.next_asn) and row.last_asn != row.next_asn
        quiet = not known or (at_host and not crosses) or (moved and row.last_asn == before)
        memory.loud = memory.loud or not quiet if moved else not quiet
        rule = "path-loop" if row.loop else "path-end" if at_host else "path-break"
        row.why = break_text(row)
        return self._event(
            seen,
            f"the break moved: {row.why}" if moved else row.why,
            rule=rule,
            since=row.since,
            first=first,
            quiet=quiet,
        )

    def _mended(self, seen: Observation) -> list[Event]:
        row, memory = self.row, self._memory
        if row.state not in _DOWN:
            self._forget_end()
            if row.state is PathState.UNKNOWN:
                row.state, row.since = PathState.WHOLE, seen.at
            return []
        self._again(_REACHED, seen)
        if memory.end_times < AGREE:
            return []
        first = memory.end_first or seen
        gone = span(first.at - row.since)
        where = f"it had ended behind {row.last_address}"
        if not row.last_address:
            where = "nothing on it had answered"
        old = row.state
        row.state, row.since = PathState.WHOLE, first.at
        row.last_ttl, row.last_address, row.last_asn = 0, "", None
        row.next_address, row.next_asn, row.loop = "", None, ()
        row.reason, row.said_by, row.why = Reason.NONE, "", ""
        self._forget_end()
        quiet, memory.loud = not memory.loud, False
        text = f"path whole again after {gone}; {where}"
        return [
            self._event(
                seen, text, rule="path-whole", since=first.at, first=first, quiet=quiet, old=old
            )
        ]

    # --- words and small change ----------------------------------------------------------

    def _event(
        self,
        seen: Observation,
        text: str,
        *,
        rule: str,
        since: Micros,
        first: Observation,
        quiet: bool,
        old: str = "",
    ) -> Event:
        return Event(
            at=seen.at + int(seen.took_ms * 1000),
            kind=EventKind.PATH,
            subject=f"host:{self.row.host}",
            text=text,
            old=old,
            new=self.row.state,
            reason=self.row.reason,
            rule=rule,
            since=since,
            evidence=(seen,) if first is seen else (first, seen),
            quiet=quiet,
        )

    def _remembered(self, hop: Hop) -> PathHop:
        addresses = tuple(dict.fromkeys((hop.address, *hop.others))) if hop.address else ()
        asn, name = hop.asn, hop.as_name
        if asn is None and addresses:
            asn = self._asn(hop.address)
        return PathHop(hop.ttl, addresses, asn, name, hop.limited)

    def _asn(self, address: str) -> int | None:
        for network in self._networks:
            if network.origin_asns and network.holds(address):
                return network.origin_asns[0]
        return None


class _Ending(NamedTuple):
    """How a path ends short of the target: the last hop that answers, or a loop."""

    state: PathState
    last: PathHop | None
    loop: tuple[str, ...] = ()


_SAYS_NOTHING: Final = frozenset({Outcome.ERROR, Outcome.SKIPPED})
_DOWN: Final = frozenset({PathState.BROKEN, PathState.LOOP})


def is_down(row: PathRow) -> bool:
    return row.state in _DOWN
