"""The rules' decisions: from rows, as they are judged, to what is to be told when.

Pure: time comes from outside, and the same rows and steps in the same order tell the same.
What has one rule and one cause is one incident; it is told once when it begins, again when
it grows or becomes worse, now and then as a reminder, and once when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from monitor.collect.troubles import OWN, Now, Sight, route_key, sights
from monitor.records import (
    SECOND,
    HostRow,
    Micros,
    RouteRow,
    Row,
    Vantage,
    VantageRow,
    subject_of,
)
from monitor.watchlist.model import Alert, Quiet, Watchlist

# When some of many are well again, the others are given this long to be told of with them.
TOGETHER_OVER: Final = 300 * SECOND

# Whether a person knows of a subject, or announced it or its network: it is not told then.
Hushed = Callable[[str, str], bool]


class Trouble(msgspec.Struct, omit_defaults=True):
    """One thing that is wrong.  ``since`` is when it began, ``turned`` when its present
    ``word`` did; ``told`` is the worst rank that was told of, 0 for none, and ``worst`` its
    word.  ``held``: nothing may be said of it now.  ``ended`` and ``left``: when it was well
    again, and as what.
    """

    key: str
    subject: str
    name: str
    word: str
    rank: int
    since: Micros
    turned: Micros
    why: str = ""
    cause: str = ""
    told: int = 0
    worst: str = ""
    held: bool = False
    ended: Micros = 0
    left: str = ""


class Incident(msgspec.Struct, omit_defaults=True):
    """What one rule tells of one cause.  ``due`` is when something new of it is to be told,
    ``over`` when the first of those told of ended, ``told_at`` when it was last told.
    """

    id: str
    rule: str
    cause: str
    troubles: dict[str, Trouble] = {}
    due: Micros = 0
    over: Micros = 0
    told_at: Micros = 0
    told: int = 0

    @property
    def open(self) -> list[Trouble]:
        """What was told of and is not over, oldest first."""
        return [each for each in self.troubles.values() if each.told and not each.ended]

    @property
    def ended(self) -> list[Trouble]:
        """What was told of and is over."""
        return [each for each in self.troubles.values() if each.told and each.ended]


class Said(StrEnum):
    """Why something is told."""

    BEGUN = "begun"
    MORE = "more"
    REMINDER = "reminder"
    OVER = "over"


class Telling(msgspec.Struct, frozen=True):
    """Something to be told now: a copy of the incident as it was then."""

    rule: Alert
    said: Said
    incident: Incident
    at: Micros

    @property
    def id(self) -> str:
        return f"{self.incident.id}.{self.incident.told}"


class Decided(msgspec.Struct, omit_defaults=True):
    """What the decisions rest on, for the next run.  ``waiting`` is by rule and key."""

    waiting: dict[str, dict[str, Trouble]] = {}
    incidents: list[Incident] = []
    number: int = 0


class Alerts:
    """Follows rows by the rules of a watchlist; ``changed`` says that ``decided`` did."""

    def __init__(self, watchlist: Watchlist, decided: Decided, hushed: Hushed) -> None:
        self.decided = decided
        self.changed = False
        self._hushed = hushed
        self._trusted = False
        self._seen: dict[str, tuple[object, ...]] = {}
        self.follow(watchlist)

    def follow(self, watchlist: Watchlist) -> None:
        """Go on with other rules; what those tell of that are gone is forgotten."""
        self.rules = {rule.id: rule for rule in watchlist.alerts}
        self._seen.clear()
        kept = self.decided
        self.changed |= any(each.rule not in self.rules for each in kept.incidents)
        kept.incidents = [each for each in kept.incidents if each.rule in self.rules]
        kept.waiting = {name: kept.waiting.get(name, {}) for name in self.rules}

    @property
    def busy(self) -> bool:
        """Whether anything may have to be told."""
        return bool(self.decided.incidents or any(self.decided.waiting.values()))

    @property
    def trusted(self) -> bool:
        """Whether what is seen from here may be told (DESIGN 4.1)."""
        return self._trusted

    # --- what is the case --------------------------------------------------------------------

    def hear(self, rows: Iterable[Row], now: Micros) -> None:
        """Take in rows as they are judged."""
        for row in rows:
            if isinstance(row, VantageRow):
                self._trusted = row.health is Vantage.HEALTHY or row.total == 0
            if self.rules and self._is_new(row):
                for rule in self.rules.values():
                    self._look(rule, row, now)

    def _is_new(self, row: Row) -> bool:
        """A host's row comes with every look at it; few of them say anything new."""
        if not isinstance(row, HostRow):
            return True
        face = (row.state, row.since, row.flapping, row.removed, row.network, row.affiliation)
        subject = subject_of(row)
        if self._seen.get(subject) == face:
            return False
        self._seen[subject] = face
        return True

    def _look(self, rule: Alert, row: Row, now: Micros) -> None:
        met = set()
        for sight in sights(rule, row):
            met.add(sight.key)
            self._take(rule, sight, now)
        if isinstance(row, RouteRow):
            start = route_key(row)
            for key, (trouble, incident) in self._known(rule).items():
                if key.startswith(start) and key not in met:
                    self._over(rule, trouble, incident, now, "gone")
        elif not met:
            # It may have been the rule's until now: a host that moved to another network.
            left, where = self._find(rule, subject_of(row))
            if left is not None:
                self._drop(rule, left, where)

    def _known(self, rule: Alert) -> dict[str, tuple[Trouble, Incident | None]]:
        found: dict[str, tuple[Trouble, Incident | None]] = {
            key: (each, None) for key, each in self.decided.waiting[rule.id].items()
        }
        for incident in self.decided.incidents:
            if incident.rule == rule.id:
                found |= {key: (each, incident) for key, each in incident.troubles.items()}
        return found

    def _find(self, rule: Alert, key: str) -> tuple[Trouble | None, Incident | None]:
        waiting = self.decided.waiting[rule.id].get(key)
        if waiting is not None:
            return waiting, None
        for incident in self.decided.incidents:
            if incident.rule == rule.id and key in incident.troubles:
                return incident.troubles[key], incident
        return None, None

    def _take(self, rule: Alert, sight: Sight, now: Micros) -> None:
        trouble, incident = self._find(rule, sight.key)
        if trouble is None:
            if sight.now is Now.TROUBLE:
                self._begin(rule, sight, now)
            return
        before = msgspec.structs.replace(trouble)
        match sight.now:
            case Now.HOLD:
                trouble.held = True
            case Now.TROUBLE:
                self._go_on(rule, trouble, incident, sight, now)
            case Now.WELL:
                # What a network is now may have begun before what it was: it was both.
                at = sight.since if sight.since > trouble.turned else now
                self._over(rule, trouble, incident, at, sight.word)
            case Now.GONE:
                self._drop(rule, trouble, incident)
        self.changed |= before != trouble

    def _begin(self, rule: Alert, sight: Sight, now: Micros) -> None:
        self.changed = True
        self.decided.waiting[rule.id][sight.key] = Trouble(
            key=sight.key,
            subject=sight.subject,
            name=sight.name,
            word=sight.word,
            rank=sight.rank,
            since=sight.since or now,
            turned=sight.since or now,
            why=sight.why,
            cause=sight.cause,
        )

    def _go_on(
        self,
        rule: Alert,
        trouble: Trouble,
        incident: Incident | None,
        sight: Sight,
        now: Micros,
    ) -> None:
        """It is still so, or so again before its end was told, or worse."""
        trouble.held = False
        trouble.ended, trouble.left = 0, ""
        trouble.word, trouble.rank, trouble.why = sight.word, sight.rank, sight.why
        trouble.turned = sight.since or trouble.turned
        if incident is None:
            return
        if not incident.ended:
            incident.over = 0
        if trouble.told and trouble.rank > trouble.told:
            incident.due = incident.due or now + _micros(rule.together_s)

    def _over(
        self,
        rule: Alert,
        trouble: Trouble,
        incident: Incident | None,
        at: Micros,
        word: str,
    ) -> None:
        if trouble.ended:
            return
        if incident is None or not trouble.told:
            self._drop(rule, trouble, incident)
            return
        self.changed, trouble.held = True, False
        trouble.ended, trouble.left = at, word
        incident.over = incident.over or trouble.ended

    def _drop(self, rule: Alert, trouble: Trouble, incident: Incident | None) -> None:
        self.changed = True
        if incident is None:
            self.decided.waiting[rule.id].pop(trouble.key, None)
            return
        incident.troubles.pop(trouble.key, None)
        if not incident.troubles:
            self.decided.incidents.remove(incident)

    # --- what is to be told ------------------------------------------------------------------

    def step(self, now: Micros) -> list[Telling]:
        """What is to be told at ``now``; each is given once."""
        if not self.busy:
            return []
        tellings: list[Telling] = []
        for rule in self.rules.values():
            if in_quiet(rule.quiet, now):
                continue
            self._ripen(rule, now)
            for incident in [each for each in self.decided.incidents if each.rule == rule.id]:
                if self._may_tell(incident.cause):
                    tellings += self._tell(rule, incident, now)
        self.changed |= bool(tellings)
        return tellings

    def _may_tell(self, cause: str) -> bool:
        """Our own fault is told though, and because, nothing else may be."""
        return self._trusted or cause == OWN

    def _ripen(self, rule: Alert, now: Micros) -> None:
        """What has lasted long enough joins the incident of its cause."""
        waiting = self.decided.waiting[rule.id]
        after = _micros(rule.after_s)
        for key, trouble in list(waiting.items()):
            if trouble.held or trouble.since + after > now or self._is_hushed(trouble):
                continue
            if not self._may_tell(trouble.cause):
                continue
            self.changed = True
            del waiting[key]
            incident = self._incident(rule, trouble.cause, now)
            incident.troubles[key] = trouble
            incident.due = incident.due or now + _micros(rule.together_s)

    def _is_hushed(self, trouble: Trouble) -> bool:
        return self._hushed(trouble.subject, trouble.cause)

    def _incident(self, rule: Alert, cause: str, now: Micros) -> Incident:
        for incident in self.decided.incidents:
            if incident.rule == rule.id and incident.cause == cause:
                return incident
        self.decided.number += 1
        day = datetime.fromtimestamp(now / SECOND, UTC)
        name = f"{rule.id}-{day:%Y%m%d}-{self.decided.number}"
        incident = Incident(name, rule.id, cause)
        self.decided.incidents.append(incident)
        return incident

    def _tell(self, rule: Alert, incident: Incident, now: Micros) -> Iterable[Telling]:
        if incident.due and incident.due <= now:
            fresh = [
                each
                for each in incident.troubles.values()
                if each.rank > each.told and not (each.ended or each.held)
            ]
            fresh = [each for each in fresh if not self._is_hushed(each)]
            if fresh:
                said = Said.MORE if incident.told else Said.BEGUN
                for each in fresh:
                    each.told, each.worst = each.rank, each.word
                incident.due = 0
                yield self._telling(rule, said, incident, now)
        ended, still = incident.ended, incident.open
        if ended and (not still or now - incident.over >= TOGETHER_OVER):
            if rule.recovery:
                yield self._telling(rule, Said.OVER, incident, now)
            for each in ended:
                self._drop(rule, each, incident)
            incident.over = 0
            self.changed = True
        elif rule.reminder_s and now - incident.told_at >= _micros(rule.reminder_s):
            awake = [e for e in still if not (e.held or self._is_hushed(e))]
            if awake:
                yield self._telling(rule, Said.REMINDER, incident, now)

    def _telling(self, rule: Alert, said: Said, incident: Incident, now: Micros) -> Telling:
        incident.told += 1
        incident.told_at = now
        return Telling(rule, said, _copy(incident), now)


def _copy(incident: Incident) -> Incident:
    troubles = {
        key: msgspec.structs.replace(each)
        for key, each in incident.troubles.items()
        if each.told
    }
    return msgspec.structs.replace(incident, troubles=troubles)


def _micros(seconds: float) -> Micros:
    return round(seconds * SECOND)


def in_quiet(quiet: Quiet | None, now: Micros) -> bool:
    """Whether ``now`` lies in quiet hours, by the clock on the wall of their zone."""
    if quiet is None:
        return False
    there = datetime.fromtimestamp(now / SECOND, ZoneInfo(quiet.timezone))
    minute = there.hour * 60 + there.minute
    if quiet.begin_min < quiet.end_min:
        return quiet.begin_min <= minute < quiet.end_min
    return minute >= quiet.begin_min or minute < quiet.end_min
