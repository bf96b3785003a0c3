"""The own-vantage guard: may what is seen from here be trusted? (DESIGN 4.1)

Far controls tell about ourselves.  When too few of them answer in two rounds, what we see
says nothing about anybody else: observations made then are kept and shown but count for
nothing, and no failure may become hard.  The gateway and the resolvers of this machine tell
where a fault of ours lies.
"""

from __future__ import annotations

import msgspec

from monitor.assess.check import ended, lossy
from monitor.assess.own import NO_SIGN, OwnControls, nameless_text
from monitor.assess.rules import Rules
from monitor.records import (
    SECOND,
    Event,
    EventKind,
    Micros,
    Observation,
    Outcome,
    Vantage,
    VantageRow,
)
from monitor.watchlist.model import Host


class _Control(msgspec.Struct):
    asn: int | None
    fresh_for: dict[str, Micros]
    heard: dict[str, tuple[Micros, bool]] = {}
    good_at: Micros = 0


class Guard:
    """Follows the far controls and holds the vantage's row; implements ``check.Gate``."""

    def __init__(self, vantage: str, controls: tuple[Host, ...], rules: Rules) -> None:
        self._rules = rules
        self._own = OwnControls(rules)
        self.row = VantageRow(id=vantage, total=len(controls))
        self._controls: dict[str, _Control] = {}
        self._by_check: dict[str, _Control] = {}
        for host in controls:
            control = _Control(
                asn=host.asn,
                fresh_for={
                    check.id: int(
                        check.interval_s * rules.stale_intervals * SECOND
                        + check.timeout_s * SECOND
                    )
                    for check in host.checks
                },
            )
            self._controls[host.id] = control
            for check in host.checks:
                self._by_check[check.id] = control
        self._low = 0
        self._high = 0
        self._well_at: Micros = 0
        self._recheck_from: Micros = 0
        self._fault_from: Micros = 0
        self._describe()

    def restore(self, row: VantageRow) -> None:
        """Go on from the row of an earlier run; a fault goes on until controls answer."""
        self.row.health, self.row.since = row.health, row.since
        self.row.nameless = row.nameless
        self._own.restore(row.own)
        if row.health is Vantage.FAULT:
            self._fault_from = row.since
        elif row.health is Vantage.RECHECK:
            self._recheck_from = row.since
        else:
            self.row.health = Vantage.UNKNOWN
        self._describe()

    def adopt(self, other: Guard) -> None:
        """Go on from a guard over other controls: what was heard of the same ones stays."""
        for name, control in self._controls.items():
            before = other._controls.get(name)
            if before is not None:
                control.good_at = before.good_at
                control.heard = {
                    check: heard
                    for check, heard in before.heard.items()
                    if check in control.fresh_for
                }
        self.row.health, self.row.since = other.row.health, other.row.since
        self.row.own, self.row.nameless = other.row.own, other.row.nameless
        self._own.adopt(other._own)
        self._low, self._high, self._well_at = other._low, other._high, other._well_at
        self._fault_from, self._recheck_from = other._fault_from, other._recheck_from
        if not self._controls:
            self.row.health = Vantage.UNKNOWN
        self._describe()

    def hear(self, observation: Observation) -> None:
        """Take note of an observation if it is a far control's, or one of our own side."""
        if self._own.hear(observation):
            return
        control = self._by_check.get(observation.check)
        if control is None or observation.reason in NO_SIGN:
            return
        # A control that loses packets is no proof that our own line is well.
        answered = observation.outcome in (Outcome.OK, Outcome.WARN)
        good = answered and not lossy(observation, self._rules)
        at = ended(observation)
        control.heard[observation.check] = (at, good)
        if good:
            control.good_at = max(control.good_at, at)

    # --- the gate -----------------------------------------------------------------

    def trusts(self, observation: Observation) -> bool:
        """No observation made while the own vantage is at fault counts."""
        del observation
        return self.row.health is not Vantage.FAULT

    def may_condemn(self, first_fail: Micros) -> bool:
        """A failure may become hard when enough controls answered after it began."""
        if not self._controls:
            return True
        if self.row.health is not Vantage.HEALTHY:
            return False
        proven = sum(control.good_at >= first_fail for control in self._controls.values())
        return proven > 0 and proven >= self._rules.vantage_share * self.row.known

    # --- rounds -----------------------------------------------------------------------

    def round(self, now: Micros) -> list[Event]:
        """Judge one round of 10 s; returns the events, the row is brought up to date."""
        row = self.row
        row.own = self._own.rows(now)
        if not self._controls:
            return []
        answering = known = 0
        asns = set()
        for control in self._controls.values():
            fresh = [
                good
                for check, (at, good) in control.heard.items()
                if now - at <= control.fresh_for[check]
            ]
            known += bool(fresh)
            if any(fresh):
                answering += 1
                asns.add(control.asn)
        row.answering, row.known, row.asns = answering, known, len(asns)
        share = self._rules.vantage_share
        if row.health in (Vantage.FAULT, Vantage.RECHECK):
            share = self._rules.vantage_back_share
        well = known > 0 and answering >= share * known
        events = self._judge(now, known, well) + self._names(now)
        self._describe()
        return events

    def _names(self, now: Micros) -> list[Event]:
        """Tell that names cannot be looked up while our line is well, and when they can."""
        row = self.row
        if row.nameless:
            if not self._own.names_answer():
                return []
            since, row.nameless = row.nameless, 0
            text = "names can be looked up again"
        else:
            since = self._own.nameless_since()
            if not since or not self.may_condemn(since):
                return []
            row.nameless, text = since, nameless_text(row.own)
        return [
            Event(
                at=now,
                kind=EventKind.HEALTH,
                subject=f"vantage:{row.id}",
                text=text,
                rule="own-resolver",
                since=since,
            )
        ]

    def _judge(self, now: Micros, known: int, well: bool) -> list[Event]:
        row, rules = self.row, self._rules
        if known == 0:
            self._low = 0
            if row.health is Vantage.HEALTHY:
                text = "no control is being heard"
                return [self._turn(now, Vantage.UNKNOWN, now, text, quiet=True)]
            return []
        if well:
            self._low = 0
            self._high += 1
            self._well_at = now
            return self._recover(now)
        self._high = 0
        self._low += 1
        if self._low >= rules.vantage_rounds and row.health is not Vantage.FAULT:
            since = self._well_at or now
            self._fault_from = since
            text = self._with_own(f"{self._counted()}: nothing seen from here counts")
            return [self._turn(now, Vantage.FAULT, since, text)]
        return []

    def _recover(self, now: Micros) -> list[Event]:
        row, rules = self.row, self._rules
        if row.health is Vantage.UNKNOWN:
            return [self._turn(now, Vantage.HEALTHY, now, "far controls answer", quiet=True)]
        if row.health is Vantage.FAULT:
            if self._high < rules.vantage_back_rounds:
                return []
            self._recheck_from = now
            gap = Event(
                at=now,
                kind=EventKind.GAP,
                subject=f"vantage:{row.id}",
                text="own vantage fault: nothing is known of anybody for this span",
                rule="vantage",
                since=self._fault_from,
                until=now,
            )
            seconds = rules.recheck // SECOND
            text = f"{self._counted()} again; looking everywhere anew for {seconds} s"
            return [gap, self._turn(now, Vantage.RECHECK, now, text)]
        if row.health is Vantage.RECHECK and now - self._recheck_from >= rules.recheck:
            return [self._turn(now, Vantage.HEALTHY, now, "verdicts count again", quiet=True)]
        return []

    def _turn(
        self, now: Micros, health: Vantage, since: Micros, text: str, *, quiet: bool = False
    ) -> Event:
        row = self.row
        event = Event(
            at=now,
            kind=EventKind.VANTAGE,
            subject=f"vantage:{row.id}",
            text=text,
            old=row.health,
            new=health,
            rule="vantage",
            since=since,
            quiet=quiet,
        )
        row.health, row.since = health, since
        return event

    def _describe(self) -> None:
        row, rules = self.row, self._rules
        if not self._controls:
            row.why = (
                "no far controls in the watchlist: an own fault cannot be told from theirs"
            )
        elif row.health is Vantage.FAULT:
            row.why = self._with_own(f"only {self._counted()}")
        elif row.known == 0:
            row.why = "no far control has been heard yet"
        elif row.total < rules.vantage_min_controls or row.asns < rules.vantage_min_asns:
            row.why = f"{self._counted()}, but they are few: an own fault may be missed"
        else:
            row.why = f"{self._counted()}, in {row.asns} networks"
        if row.nameless and row.health is not Vantage.FAULT:
            row.why = f"{nameless_text(row.own)}; {row.why}"

    def _with_own(self, text: str) -> str:
        """What the far controls tell, and where our own side says that the fault lies."""
        told = self._own.tells(self._well_at)
        return f"{text}; {told}" if told else text

    def _counted(self) -> str:
        return f"{self.row.answering} of {self.row.known} far controls answer"
