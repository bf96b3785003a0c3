"""Whom is told what: the rules' decisions, the outbox and the way out, beside the collector.

What is decided and what waits is kept in the cache, in one transaction with the events that
led to it; so is what was delivered with the line that says so.  A kill in between can send
one message a second time, under the same id, and loses none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from monitor.clock import Clock
from monitor.collect.alerts import Alerts, Decided, Said, Telling
from monitor.collect.alertwords import body, marked, title
from monitor.collect.hush import Hush
from monitor.collect.outbox import DELIVERIES, GOOD, Delivery, Message, Outbox, Posted
from monitor.collect.sender import Sender
from monitor.records import AlertsRow, Event, EventKind, Ring, Row, Verdict
from monitor.watchlist.model import LOCAL_TARGETS, Watchlist

# How long an orderly end waits for what is on its way.
LEAVE_S: Final = 2.0
RINGS_KEPT: Final = 8


# Builds who tells people; is given where to put what is to be remembered.
TellerOf = Callable[[Callable[[Verdict], None]], "Teller"]


class Kept(msgspec.Struct, omit_defaults=True):
    """What outlives a run."""

    decided: Decided = msgspec.field(default_factory=Decided)
    posted: Posted = msgspec.field(default_factory=Posted)


_KEPT: Final = msgspec.msgpack.Decoder(Kept)


class Teller:
    """Hears what is judged, decides, keeps, and sends; owns the tasks that send."""

    def __init__(
        self,
        watchlist: Watchlist,
        clock: Clock,
        put: Callable[[Verdict], None],
        rows: Mapping[str, Row],
        sender: Sender,
        *,
        hush: Hush | None = None,
        drill: str = "",
        rings: bool = True,
    ) -> None:
        """``put`` takes what is to be remembered, ``rows`` are those of an earlier run;
        ``hush`` knows what is acknowledged; ``drill`` marks every message as synthetic;
        without ``rings`` no desk is rung.
        """
        old = rows.get("alerts")
        self._row = old if isinstance(old, AlertsRow) else AlertsRow()
        self._kept = restored(self._row)
        self._clock = clock
        self._put = put
        self._sender = sender
        self._drill = drill
        self._rings = rings
        self._alerts = Alerts(watchlist, self._kept.decided, self._hushed)
        self._hush = hush
        self._outbox = Outbox(self._kept.posted)
        self._targets = {target.id: target for target in watchlist.targets}
        self._sending: dict[asyncio.Task[None], Message] = {}

    @property
    def problem(self) -> str:
        """What hinders delivery, in a sentence, or ''."""
        return self._row.problem

    def follow(self, watchlist: Watchlist) -> None:
        """Go on with the rules and targets of another watchlist."""
        self._alerts.follow(watchlist)
        self._targets = {target.id: target for target in watchlist.targets}

    def hear(self, verdict: Verdict) -> None:
        """Take in what was judged, before it is written."""
        self._alerts.hear(verdict.rows.values(), self._clock.wall())

    def _hushed(self, subject: str, cause: str) -> bool:
        return self._hush is not None and self._hush.hushes(subject, cause)

    async def step(self) -> None:
        """Decide what is to be told now, and send what is due."""
        if self._hush is not None and self._alerts.busy:
            await self._hush.refresh(self._clock.wall())
        now = self._clock.wall()
        for telling in self._alerts.step(now):
            self._write(telling)
        if self._alerts.trusted:
            for message in self._outbox.due(now):
                task = asyncio.create_task(self._send(message), name=f"tell {message.target}")
                self._sending[task] = message
                task.add_done_callback(self._sending.pop)
        if self._alerts.changed:
            self._keep()

    def unwritten(self) -> list[Message]:
        """Messages that a commit which begins now will hold: see :meth:`written`."""
        return self._outbox.unwritten

    def written(self, messages: list[Message]) -> None:
        """That commit has ended well."""
        self._outbox.written(messages)

    async def close(self) -> None:
        """Give what is on its way a moment; what is not delivered then waits in the cache."""
        if self._hush is not None:
            self._hush.close()
        going = dict(self._sending)
        if not going:
            return
        _, late = await asyncio.wait(going, timeout=LEAVE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    # --- writing -----------------------------------------------------------------------------

    def _write(self, telling: Telling) -> None:
        text = marked(title(telling), self._drill)
        events = [self._event(f"alert {telling.rule.id}: {text}", telling.said)]
        for target in telling.rule.to:
            if target in LOCAL_TARGETS:
                continue
            message = Message(
                id=telling.id,
                incident=telling.incident.id,
                target=target,
                title=text,
                body=body(telling, self._drill),
                at=telling.at,
                bad=telling.said is not Said.OVER,
            )
            dropped = self._outbox.add(message)
            if dropped is not None:
                lost = f"not told to {dropped.target}, too much waits: {dropped.title}"
                events.append(self._event(lost, "dropped", loud=True))
        bell, desktop = ("bell" in telling.rule.to, "desktop" in telling.rule.to)
        if self._rings and (bell or desktop):
            ring = Ring(telling.id, telling.at, text, bell, desktop)
            self._row.rings = (*self._row.rings, ring)[-RINGS_KEPT:]
        self._keep(events)

    def _event(self, text: str, new: str, *, loud: bool = False) -> Event:
        return Event(
            at=self._clock.wall(),
            kind=EventKind.HEALTH if loud else EventKind.ALERT,
            subject="collector",
            text=text,
            new=new,
            quiet=not loud,
        )

    def _keep(self, events: list[Event] | None = None) -> None:
        """Put what is known now, and what happened, into one commit."""
        self._alerts.changed = False
        row, posted = self._row, self._kept.posted
        row.at = self._clock.wall()
        row.troubles = sum(len(each.open) for each in self._kept.decided.incidents)
        row.waiting = len(posted.messages)
        row.oldest = min((each.at for each in posted.messages), default=0)
        row.delivered, row.given_up = posted.delivered, posted.given_up
        row.dropped = posted.dropped
        row.problem = self._outbox.problem()
        row.kept = msgspec.msgpack.encode(self._kept)
        self._put(Verdict(events=events or [], rows={"alerts": row}))

    # --- sending -----------------------------------------------------------------------------

    async def _send(self, message: Message) -> None:
        target = self._targets.get(message.target)
        try:
            delivery = Delivery.NO_TARGET
            if target is not None:
                delivery = await self._sender.send(
                    target, message.title, message.body, bad=message.bad
                )
        except BaseException:
            self._outbox.interrupted(message)
            raise
        self._ended(message, delivery)

    def _ended(self, message: Message, delivery: Delivery) -> None:
        first = message.last is None
        given_up = self._outbox.ended(message, delivery, self._clock.wall())
        who, why = message.target, DELIVERIES[delivery]
        if delivery in GOOD:
            event = self._event(f"told {who}: {message.title} ({why})", delivery)
        elif given_up:
            event = self._event(
                f"given up after {message.tries} tries, {who} was not told: {message.title}"
                f" ({why})",
                delivery,
                loud=True,
            )
        else:
            text = f"{who} could not be told, it is tried again for a day: {why}"
            event = self._event(text, delivery, loud=first)
        self._keep([event])


def restored(row: AlertsRow) -> Kept:
    """What a row keeps; nothing where it cannot be read."""
    try:
        return _KEPT.decode(row.kept) if row.kept else Kept()
    except msgspec.DecodeError:
        return Kept()
