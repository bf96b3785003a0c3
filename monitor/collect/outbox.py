"""Messages on their way: what waits, what is tried again when, and what is given up.

Pure.  A newer message about an incident takes the place of an older one that was not
delivered: whoever could not be reached for hours is told once how it stands, not of every
hour.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from monitor.records import DAY, MINUTE, SECOND, Micros

# How many may wait: beyond it the oldest is dropped, and counted.
MOST: Final = 500
# After the first, second... failure.
RETRY: Final = tuple(
    round(seconds * SECOND) for seconds in (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0)
)
GIVE_UP: Final = DAY
# A cache that cannot be written must not keep anybody from being told.
UNWRITTEN: Final = MINUTE


class Delivery(StrEnum):
    """How an attempt to deliver ended."""

    SENT = "sent"
    REHEARSED = "rehearsed"
    NO_TARGET = "no-target"
    NO_URL = "no-url"
    BAD_URL = "bad-url"
    NO_APPRISE = "no-apprise"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    CRASHED = "crashed"


DELIVERIES: Final[dict[Delivery, str]] = {
    Delivery.SENT: "delivered",
    Delivery.REHEARSED: "not sent: this is a drill",
    Delivery.NO_TARGET: "the watchlist has no such target any more",
    Delivery.NO_URL: "its environment variable is not set, or its file cannot be read",
    Delivery.BAD_URL: "its URL is none that Apprise knows",
    Delivery.NO_APPRISE: "Apprise is not installed: pip install 'watchdesk[notify]'",
    Delivery.REFUSED: "not accepted, or nobody answers there",
    Delivery.TIMEOUT: "not accepted in time",
    Delivery.CRASHED: "the attempt itself failed",
}
GOOD: Final = frozenset({Delivery.SENT, Delivery.REHEARSED})


class Message(msgspec.Struct, omit_defaults=True):
    """One message to one target, of ``bad`` news or of good.  ``tries`` failed, the first of
    them at ``tried``; the next is not before ``due``.
    """

    id: str
    incident: str
    target: str
    title: str
    body: str
    at: Micros
    bad: bool = True
    tries: int = 0
    tried: Micros = 0
    due: Micros = 0
    last: Delivery | None = None


class Posted(msgspec.Struct, omit_defaults=True):
    """The outbox as it is kept."""

    messages: list[Message] = []
    delivered: int = 0
    given_up: int = 0
    dropped: int = 0


class Outbox:
    """At most one message to a target is on its way at a time, the oldest first."""

    def __init__(self, posted: Posted) -> None:
        self.posted = posted
        self._going: dict[str, Message] = {}
        # Not yet in the cache: a kill would forget that they were sent, and send them again.
        self._fresh: list[Message] = []

    def add(self, message: Message) -> Message | None:
        """Take a message; returns one that was dropped for it, if any."""
        waiting = self.posted.messages
        for old in list(waiting):
            same = (old.incident, old.target) == (message.incident, message.target)
            if same and self._going.get(old.target) is not old:
                message.tries, message.due, message.last = old.tries, old.due, old.last
                self._remove(old)
        waiting.append(message)
        self._fresh.append(message)
        if len(waiting) <= MOST:
            return None
        oldest = next(each for each in waiting if self._going.get(each.target) is not each)
        self._remove(oldest)
        self.posted.dropped += 1
        return oldest

    @property
    def unwritten(self) -> list[Message]:
        """Messages that are not in the cache yet."""
        return list(self._fresh)

    def written(self, messages: list[Message]) -> None:
        """These are in the cache now, and may be sent."""
        known = {id(each) for each in messages}
        self._fresh = [each for each in self._fresh if id(each) not in known]

    def due(self, now: Micros) -> list[Message]:
        """What may be sent now, at most one a target; each must be ended by :meth:`ended`."""
        fresh = {id(each) for each in self._fresh}
        found: dict[str, Message] = {}
        for message in self.posted.messages:
            ready = message.due <= now and (
                id(message) not in fresh or now - message.at >= UNWRITTEN
            )
            if ready and message.target not in self._going:
                found.setdefault(message.target, message)
        self._going |= found
        return list(found.values())

    def ended(self, message: Message, delivery: Delivery, now: Micros) -> bool:
        """How an attempt ended; returns whether the message was given up for good."""
        self._going.pop(message.target, None)
        if delivery in GOOD:
            self.posted.delivered += delivery is Delivery.SENT
            self._remove(message)
            return False
        message.tries += 1
        message.tried = message.tried or now
        message.last = delivery
        message.due = now + RETRY[min(message.tries, len(RETRY)) - 1]
        if now - message.tried < GIVE_UP and delivery is not Delivery.NO_TARGET:
            return False
        self.posted.given_up += 1
        self._remove(message)
        return True

    def interrupted(self, message: Message) -> None:
        """An attempt was broken off: nobody knows whether it arrived."""
        self._going.pop(message.target, None)

    def _remove(self, message: Message) -> None:
        for held in (self.posted.messages, self._fresh):
            for index, each in enumerate(held):
                if each is message:
                    del held[index]
                    break

    def problem(self) -> str:
        """What hinders the message that has waited longest after a failure, or ''."""
        for message in self.posted.messages:
            if message.last is not None:
                count = sum(each.target == message.target for each in self.posted.messages)
                return f"{count} messages wait for {message.target}: {DELIVERIES[message.last]}"
        return ""
