"""Asks DNS servers: a bounded set of connected UDP sockets, one retry, TCP when truncated.

A connected socket takes datagrams of its server only and hears of a closed port at once.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from collections import OrderedDict
from typing import Final

import msgspec

from monitor.clock import Clock
from monitor.probes import wire
from monitor.probes.dnswire import MAX_MESSAGE, Query, belongs, is_truncated
from monitor.probes.failures import Failure, own_failure, read_words, talk_failure
from monitor.probes.stream import Stream
from monitor.records import Reason

_SOCKETS: Final = 256
_READS: Final = 64


class Answer(msgspec.Struct, frozen=True):
    """An answer; ``sent`` counts the datagrams it took, ``rtt_ms`` is from the one that was
    answered to the kernel's receive stamp.
    """

    data: bytes
    rtt_ms: float
    sent: int = 1
    transport: str = "udp"


class _Waiting:
    """One question under way; it may stand under several ids."""

    __slots__ = ("asked", "future", "sent", "strange")

    def __init__(self, asked: Query, future: asyncio.Future[tuple[bytes, float]]) -> None:
        self.asked = asked
        self.future = future
        self.sent = 0
        self.strange = 0

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class _Door:
    """A connected UDP socket to one server, and who waits at it, by message id."""

    def __init__(self, server: str, port: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._pending: dict[int, tuple[_Waiting, int, int]] = {}
        self._retired = False
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        try:
            self._sock = socket.socket(family, socket.SOCK_DGRAM)
        except OSError as error:
            raise own_failure(error, family) from error
        try:
            self._sock.setblocking(False)
            if wire.SUPPORTED:
                wire.listen_for_errors(self._sock, family)
            self._sock.connect((server, port))
        except OSError as error:
            self._sock.close()
            raise own_failure(error, family) from error
        self._loop.add_reader(self._sock, self._readable)

    def send(self, waiting: _Waiting) -> int:
        """Send the question once more; its new id.  Raises Failure."""
        number = secrets.randbits(16)
        while number in self._pending:
            number = secrets.randbits(16)
        packet = struct.pack("!H", number) + waiting.asked.tail
        try:
            sent_ns, started_ns = time.time_ns(), time.monotonic_ns()
            try:
                self._sock.send(packet)
            except OSError:
                # The error of an earlier datagram; this one was not sent.
                self._hear_words(None)
                self._sock.send(packet)
        except OSError as error:
            raise own_failure(error, self._sock.family) from error
        self._pending[number] = (waiting, sent_ns, started_ns)
        waiting.sent += 1
        return number

    def forget(self, number: int) -> None:
        self._pending.pop(number, None)
        if self._retired and not self._pending:
            self._close()

    def retire(self) -> None:
        """Close as soon as nobody waits here any more."""
        self._retired = True
        if not self._pending:
            self._close()

    def _close(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._sock.close()

    def _readable(self) -> None:
        for turn in range(_READS):
            try:
                data, control, flags, _ = self._sock.recvmsg(
                    wire.RECEIVE_BYTES, wire.ANCILLARY_BYTES
                )
            except BlockingIOError:
                if turn == 0:
                    self._hear_words(None)
                return
            except OSError as error:
                self._hear_words(error)
                return
            self._take(data, control, flags)

    def _take(self, data: bytes, control: list[tuple[int, int, bytes]], flags: int) -> None:
        number = int.from_bytes(data[:2], "big")
        entry = self._pending.get(number)
        if entry is None or not belongs(data, entry[0].asked):
            # A guess, garbage, or too late: what we wait for may still come.
            for waiting, _, _ in self._pending.values():
                waiting.strange += 1
            return
        waiting, sent_ns, started_ns = entry
        if waiting.future.done():
            return
        if flags & socket.MSG_TRUNC:
            waiting.fail(Failure(Reason.DNS_MALFORMED, "larger than we offered to take"))
            return
        elapsed = time.monotonic_ns() - started_ns
        rtt = wire.rtt_ms(wire.read_ancillary(control).stamp_ns, sent_ns, elapsed)
        waiting.future.set_result((data, rtt))

    def _hear_words(self, error: OSError | None) -> None:
        """Give each ICMP error to whose datagram it quotes, or to all when it quotes none."""
        words = read_words(self._sock)
        for word in words:
            failure = Failure(word.reason, said_by=word.said_by)
            if len(word.quoted) >= 2:
                entry = self._pending.get(int.from_bytes(word.quoted[:2], "big"))
                entries = [] if entry is None else [entry]
            else:
                entries = list(self._pending.values())
            for waiting, _, _ in entries:
                waiting.fail(failure)
        if error is not None and not words:
            for waiting, _, _ in list(self._pending.values()):
                waiting.fail(talk_failure(error, self._sock))


class Asker:
    """Asks any number of servers; at most 256 idle sockets are kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._doors: OrderedDict[tuple[str, int], _Door] = OrderedDict()

    async def ask(self, server: str, port: int, asked: Query, timeout_s: float) -> Answer:
        """Ask; once more, from another socket, when half the time has passed in silence.

        Raises Failure; with TIMEOUT its note says when only strange answers came.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        waiting = _Waiting(asked, loop.create_future())
        held: list[tuple[_Door, int]] = []
        again = loop.call_later(timeout_s / 2, self._again, server, port, waiting, held)
        end = loop.call_later(timeout_s, waiting.fail, TimeoutError())
        try:
            self._send(server, port, waiting, held)
            data, rtt = await waiting.future
        except TimeoutError:
            self._retire(server, port)
            strange = f"{waiting.strange} strange datagrams" if waiting.strange else ""
            raise AskFailure(Reason.TIMEOUT, waiting.sent, strange) from None
        except Failure as failure:
            self._retire(server, port)
            raise AskFailure(
                failure.reason, waiting.sent, failure.note, failure.said_by
            ) from failure
        finally:
            again.cancel()
            end.cancel()
            for door, number in held:
                door.forget(number)
        if not is_truncated(data):
            return Answer(data, rtt, waiting.sent)
        return await self._by_tcp(server, port, waiting, deadline - loop.time())

    def _send(
        self, server: str, port: int, waiting: _Waiting, held: list[tuple[_Door, int]]
    ) -> None:
        key = (server, port)
        door = self._doors.get(key)
        if door is None:
            door = _Door(server, port)
            if len(self._doors) >= _SOCKETS:
                self._doors.popitem(last=False)[1].retire()
            self._doors[key] = door
        else:
            self._doors.move_to_end(key)
        held.append((door, door.send(waiting)))

    def _again(
        self, server: str, port: int, waiting: _Waiting, held: list[tuple[_Door, int]]
    ) -> None:
        if waiting.future.done():
            return
        # Our own address or route may have changed under the old socket.
        self._retire(server, port)
        try:
            self._send(server, port, waiting, held)
        except Failure as failure:
            waiting.fail(failure)

    def _retire(self, server: str, port: int) -> None:
        door = self._doors.pop((server, port), None)
        if door is not None:
            door.retire()

    async def _by_tcp(self, server: str, port: int, waiting: _Waiting, left_s: float) -> Answer:
        """The same question over TCP (RFC 7766), within what is left of the deadline."""
        asked, sent = waiting.asked, waiting.sent
        number = struct.pack("!H", secrets.randbits(16))
        message = number + asked.tail
        try:
            async with asyncio.timeout(left_s):
                with await Stream.connect(server, port, self._clock) as stream:
                    started = self._clock.monotonic()
                    data = await _over(stream, message)
                    rtt = (self._clock.monotonic() - started) * 1000
        except TimeoutError:
            raise AskFailure(Reason.TIMEOUT, sent, "over TCP") from None
        except Failure as failure:
            note = f"over TCP {failure.note}".strip()
            raise AskFailure(failure.reason, sent, note, failure.said_by) from failure
        if data[:2] != number or not belongs(data, asked):
            raise AskFailure(Reason.DNS_MALFORMED, sent, "over TCP: not our question")
        return Answer(data, rtt, sent, "tcp")

    async def close(self) -> None:
        """Close every socket; a question under way runs into its deadline."""
        while self._doors:
            self._doors.popitem()[1].retire()


class AskFailure(Failure):
    """No usable answer; ``sent`` counts the datagrams sent."""

    def __init__(self, reason: Reason, sent: int, note: object = "", said_by: str = "") -> None:
        super().__init__(reason, note, said_by)
        self.sent = sent


async def _over(stream: Stream, message: bytes) -> bytes:
    """One message each way, with the length in front (RFC 1035 section 4.2.2)."""
    await stream.send(struct.pack("!H", len(message)) + message)
    data = await stream.receive()
    while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
        if len(data) >= 2 and int.from_bytes(data[:2], "big") > MAX_MESSAGE:
            raise Failure(Reason.DNS_MALFORMED, "too long")
        more = await stream.receive()
        if not more:
            raise Failure(Reason.CLOSED)
        data += more
    return data[2 : 2 + int.from_bytes(data[:2], "big")]
