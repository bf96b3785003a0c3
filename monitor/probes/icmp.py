"""ICMP echo bursts over one shared socket per family.

The RTT is the kernel's receive stamp minus the time of the send, so it stays right while
the event loop is busy.  An answer must carry the random token of its request and come from
the address asked; a router's refusal must quote a request that is on its way.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import time
from collections import deque
from typing import Final

import msgspec

from monitor.clock import Clock
from monitor.probes.base import VANTAGE
from monitor.probes.echo import (
    WARM_UP_S,
    EchoSocket,
    LocalFailureError,
    Message,
    Target,
    own_address,
    target_of,
)
from monitor.probes.icmp_codes import reason_of
from monitor.probes.resolve import Resolved, Resolver
from monitor.probes.wire import rtt_ms
from monitor.records import IcmpFacts, Observation, Outcome, Reason, clean_text
from monitor.watchlist.model import Check, IcmpParams

_TOKEN_BYTES: Final = 8
_OUTSTANDING: Final = 32_768
# A dead last link is answered after 3.1 s (ARP gives up): until then the number of a lost
# request is not given to another.
_LINGER_S: Final = 4.0


class Echo:
    """One request of a burst."""

    __slots__ = ("burst", "rtt", "sent_mono", "sent_wall", "settled", "token")

    def __init__(self, burst: Burst, token: bytes) -> None:
        self.burst = burst
        self.token = token
        self.sent_wall = time.time_ns()
        self.sent_mono = time.monotonic_ns()
        self.rtt: float | None = None
        self.settled = False


class Burst:
    """Requests to one target, and what came back; ``done`` is set when all are settled."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        self.target = target
        self.timeout_ms = timeout_s * 1000
        self.echoes: list[Echo] = []
        self.complete = False
        self.duplicates = 0
        self.reply_ttl: int | None = None
        self.refusal: Message | None = None
        self.failure: LocalFailureError | None = None
        self.socket = "ping"
        self.done = asyncio.Event()

    def take(self, echo: Echo, message: Message) -> None:
        """Count one message about one of the requests."""
        elapsed = time.monotonic_ns() - echo.sent_mono
        rtt = rtt_ms(message.stamp_ns, echo.sent_wall, elapsed)
        if rtt > self.timeout_ms:
            return
        if message.error:
            self.refusal = message
        elif echo.rtt is not None:
            self.duplicates += 1
        else:
            echo.rtt = rtt
            self.reply_ttl = message.ttl
        echo.settled = True
        self.settle()

    def settle(self) -> None:
        """Wake the waiter once every request was sent and settled."""
        if self.complete and all(echo.settled for echo in self.echoes):
            self.done.set()


class EchoEngine:
    """The shared socket of one family: matches answers to requests."""

    def __init__(self, family: int, clock: Clock) -> None:
        self._family = family
        self._clock = clock
        self._opening = asyncio.Lock()
        self._socket: EchoSocket | None = None
        self._seq = int.from_bytes(os.urandom(2), "big")
        self._flying: dict[int, Echo] = {}
        self._lost: deque[tuple[float, int]] = deque()

    async def burst(self, target: Target, plan: IcmpParams, timeout_s: float) -> Burst:
        """Send ``plan.count`` echoes and wait for them, ``timeout_s`` after the last.

        Raises LocalFailureError when no socket may be had.
        """
        link = await self._ready()
        burst = Burst(target, timeout_s)
        burst.socket = link.kind
        taken: list[int] = []
        begun = self._clock.monotonic()
        try:
            for index in range(plan.count):
                await self._clock.sleep(
                    begun + index * plan.spacing_s - self._clock.monotonic()
                )
                self._send(link, burst, plan.size, taken)
            burst.complete = True
            burst.settle()
            if burst.echoes:
                await self._wait(burst, timeout_s)
        finally:
            self._forget(taken)
        return burst

    async def _wait(self, burst: Burst, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await burst.done.wait()
        except TimeoutError:
            # What came in time may still lie unread when our own loop was held up.
            if self._socket is not None:
                self._socket.drain()

    async def _ready(self) -> EchoSocket:
        async with self._opening:
            if self._socket is None:
                self._socket = EchoSocket(self._family, self._heard)
                await self._clock.sleep(WARM_UP_S)
            return self._socket

    def _send(self, link: EchoSocket, burst: Burst, size: int, taken: list[int]) -> None:
        token = os.urandom(_TOKEN_BYTES)
        try:
            seq = self._next_seq()
            echo = self._flying[seq] = Echo(burst, token)
            try:
                link.send(burst.target, seq, token.ljust(size, b"\xa5"))
            except LocalFailureError:
                del self._flying[seq]
                raise
        except LocalFailureError as failure:
            burst.failure = failure
            return
        taken.append(seq)
        burst.echoes.append(echo)

    def _next_seq(self) -> int:
        now = self._clock.monotonic()
        while self._lost and self._lost[0][0] <= now:
            self._flying.pop(self._lost.popleft()[1], None)
        if len(self._flying) >= _OUTSTANDING:
            raise LocalFailureError(Reason.LOCAL_LIMIT, "too many echoes on their way")
        while True:
            self._seq = (self._seq + 1) & 0xFFFF
            if self._seq not in self._flying:
                return self._seq

    def _forget(self, taken: list[int]) -> None:
        """Give answered numbers back at once, the others when nothing can answer them."""
        until = self._clock.monotonic() + _LINGER_S
        for seq in taken:
            echo = self._flying.get(seq)
            if echo is None:
                continue
            if echo.settled:
                del self._flying[seq]
            else:
                self._lost.append((until, seq))

    def _heard(self, message: Message) -> None:
        echo = self._flying.get(message.seq)
        if echo is None or message.destination != echo.burst.target.text:
            return
        quoted = message.body[:_TOKEN_BYTES]
        if message.error:
            # A router may quote less, or fill up with zeros (RFC 4884 section 5).
            if not echo.token.startswith(quoted.rstrip(b"\0")):
                return
        elif quoted != echo.token:
            return
        echo.burst.take(echo, message)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class IcmpProbe:
    """Echo bursts.  A prober of :mod:`monitor.probes.base`."""

    def __init__(self, clock: Clock, resolver: Resolver | None = None) -> None:
        self._clock = clock
        self._resolver = Resolver(clock) if resolver is None else resolver
        self._engines = {
            4: EchoEngine(socket.AF_INET, clock),
            6: EchoEngine(socket.AF_INET6, clock),
        }

    async def probe(self, check: Check) -> Observation:
        """One burst; ends at the latest ``timeout_s`` after its last send."""
        assert isinstance(check.params, IcmpParams)
        started, begun = self._clock.wall(), self._clock.monotonic()
        found = await self._resolver.address(check.address, check.family, check.timeout_s)
        if not found.address:
            seen = unresolved(check, found)
        else:
            try:
                target = target_of(found.address)
                engine = self._engines[target.version]
                seen = _judge(check, await engine.burst(target, check.params, check.timeout_s))
            except LocalFailureError as failure:
                seen = could_not(check, found.address, failure)
        took = (self._clock.monotonic() - begun) * 1000
        return msgspec.structs.replace(seen, at=started, took_ms=round(took, 3))

    async def close(self) -> None:
        for engine in self._engines.values():
            engine.close()


def unresolved(check: Check, found: Resolved) -> Observation:
    """The observation of a check whose name gave no address; its start is left open."""
    return Observation(
        check=check.id,
        at=0,
        outcome=found.outcome,
        reason=found.reason,
        sent=0,
        vantage=VANTAGE,
        note=clean_text(found.note),
    )


def could_not(check: Check, address: str, failure: LocalFailureError) -> Observation:
    """The observation of a check our own machine could not run; its start is left open."""
    return Observation(
        check=check.id,
        at=0,
        outcome=Outcome.ERROR,
        reason=failure.reason,
        sent=0,
        address=address,
        vantage=VANTAGE,
        note=clean_text(failure.note),
    )


def _judge(check: Check, burst: Burst) -> Observation:
    """What a burst amounts to.  A packet that could not be sent is not a lost one."""
    sent = len(burst.echoes)
    if not sent and burst.failure is not None:
        return could_not(check, burst.target.text, burst.failure)
    rtts = tuple(None if echo.rtt is None else round(echo.rtt, 3) for echo in burst.echoes)
    answered = [rtt for rtt in rtts if rtt is not None]
    outcome, reason, said_by, note = Outcome.OK, Reason.NONE, "", ""
    if len(answered) < sent:
        outcome, reason = Outcome.WARN, Reason.LOSS
        if burst.refusal is not None:
            said_by, note = burst.refusal.source, _note(burst)
    if not answered:
        outcome, reason = Outcome.FAIL, _refused(burst)
    refusal = burst.refusal if said_by else None
    return Observation(
        check=check.id,
        at=0,
        outcome=outcome,
        reason=reason,
        rtt_ms=round(statistics.median(answered), 3) if answered else None,
        sent=sent,
        received=len(answered),
        address=burst.target.text,
        said_by=said_by,
        vantage=VANTAGE,
        note=clean_text(note),
        facts=IcmpFacts(
            rtts_ms=rtts,
            duplicates=burst.duplicates,
            reply_ttl=burst.reply_ttl,
            icmp_type=refusal.icmp_type if refusal else None,
            icmp_code=refusal.icmp_code if refusal else None,
            socket=burst.socket,
        ),
    )


def _refused(burst: Burst) -> Reason:
    """The refusal somebody sent, or silence."""
    said = burst.refusal
    if said is None:
        return Reason.TIMEOUT
    reason = reason_of(burst.target.version, said.icmp_type, said.icmp_code)
    return Reason.TIMEOUT if reason is Reason.NONE else reason


def _note(burst: Burst) -> str:
    """One sentence where the refusal is our own machine's: the next hop is silent."""
    said = burst.refusal
    try:
        own = own_address(burst.target)
    except OSError:
        return ""
    if said is None or said.source != own:
        return ""
    return "said by this machine: the next hop does not answer"
