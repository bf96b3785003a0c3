"""The process behind every impairable link: forwards frames, or delays, loses, repeats them.

A clean link is forwarded by the kernel (tc mirred); only an impaired one passes through
here.  Orders come as JSON lines on standard input, each is answered with one line.
"""

import contextlib
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import time

from .place import sh
from .plan import WIRES

_SIOCETHTOOL = 0x8946
_OFFLOADS = (0x17, 0x1F, 0x24, 0x2C, 0x19, 0x15)  # STXCSUM STSO SGSO SGRO SSG SRXCSUM
_PACKET_OUTGOING = 4
_BGP = b"\x00\xb3"
_BFD = (b"\x0e\xc8", b"\x0e\xc9", b"\x12\xb0")
_OTHER = {"a": "b", "b": "a"}


def offloads_off(device):
    """Turn off what would hand us frames no wire ever carried; unknown ones stay."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for operation in _OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack("II", operation, 0))
            request = struct.pack("16sP", device.encode(), ctypes.addressof(value))
            with contextlib.suppress(OSError):
                fcntl.ioctl(sock, _SIOCETHTOOL, request)


def is_control(frame):
    """BGP, BFD and what is no IPv4 pass untouched: loss must not flap the routing."""
    if frame[12:14] != b"\x08\x00":
        return True
    ports = 14 + (frame[14] & 15) * 4
    if frame[23] == socket.IPPROTO_TCP:
        return _BGP in (frame[ports : ports + 2], frame[ports + 2 : ports + 4])
    if frame[23] == socket.IPPROTO_UDP:
        return frame[ports + 2 : ports + 4] in _BFD
    return False


class Direction:
    """One direction of a link, and what is wrong with it."""

    def __init__(self, link, receive, send):
        self.link, self.receive, self.send = link, receive, send
        self.frames = self.dropped = 0
        self.reset()

    def reset(self):
        self.loss = self.delay = self.jitter = self.dup = self.rate = self.burst = 0.0
        self.mtu = 0
        self.hard = self.unlucky = False
        self.ramp = None
        self.free = 0.0

    @property
    def impaired(self):
        wrong = (self.loss, self.delay, self.jitter, self.dup, self.rate, self.mtu)
        return any(wrong) or self.hard or self.ramp is not None

    def change(self, values):
        for name, value in values.items():
            setattr(self, name, (time.monotonic(), *value) if name == "ramp" else value)

    def lost(self, frame):
        """Whether a frame is dropped; bursts follow a two-state (Gilbert) model."""
        if self.mtu and len(frame) - 14 > self.mtu:
            return True
        if not self.burst:
            return random.random() < self.loss
        if self.unlucky:
            self.unlucky = random.random() > 1 / self.burst
        else:
            worsen = self.loss / max(1e-9, (1 - self.loss) * self.burst)
            self.unlucky = random.random() < worsen
        return self.unlucky

    def due(self, now, size):
        """When a frame of ``size`` bytes comes out at the other end."""
        delay = self.delay
        if self.ramp:
            start, low, high, seconds = self.ramp
            delay += low + (high - low) * min(1.0, (now - start) / seconds)
        if self.jitter:
            delay = max(0.0, random.gauss(delay, self.jitter))
        at = now + delay
        if self.rate:
            self.free = at = max(at, self.free) + size * 8 / self.rate
        return at

    def put(self, frame):
        try:
            self.send.send(frame)
        except OSError:
            self.dropped += 1


class Wires:
    """All links."""

    def __init__(self):
        self._links = {}
        self._by_fd = {}
        self._waiting = []
        self._order = 0
        self._in_kernel = {}
        self._kernel_can = os.environ.get("LAB_WIRE") != "user"
        for link in WIRES:
            ends = {end: self._open(f"{link}.{end}") for end in "ab"}
            pair = {
                "ab": Direction(link, ends["a"], ends["b"]),
                "ba": Direction(link, ends["b"], ends["a"]),
            }
            self._links[link] = pair
            self._by_fd.update({each.receive.fileno(): each for each in pair.values()})
        try:
            for link in WIRES:
                self._mirred(link, self._kernel_can)
        except RuntimeError:
            self._kernel_can = False
            for link in WIRES:
                self._mirred(link, False)

    @staticmethod
    def _open(device):
        offloads_off(device)
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        sock.bind((device, 0))
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        return sock

    def _mirred(self, link, on):
        for end, other in _OTHER.items():
            device = f"{link}.{end}"
            sh(f"tc qdisc del dev {device} ingress", check=False)
            if on:
                sh(f"tc qdisc add dev {device} ingress")
                sh(
                    f"tc filter add dev {device} parent ffff: protocol all prio 1 u32 "
                    f"match u32 0 0 action mirred egress redirect dev {link}.{other}"
                )
        self._in_kernel[link] = on

    def _settle(self, link):
        clean = not any(each.impaired for each in self._links[link].values())
        wanted = clean and self._kernel_can
        if wanted != self._in_kernel[link]:
            self._mirred(link, wanted)

    def order(self, message):
        """Carry out one order."""
        if message["op"] == "set":
            for name, direction in self._links[message["link"]].items():
                if message.get("dir") in (None, name):
                    direction.change(message["v"])
            self._settle(message["link"])
        elif message["op"] == "reset":
            for link in [message["link"]] if message.get("link") else self._links:
                for direction in self._links[link].values():
                    direction.reset()
                self._settle(link)
        elif message["op"] == "stat":
            return {
                link: {
                    "kernel": self._in_kernel[link],
                    **{
                        name: {
                            key: getattr(each, key)
                            for key in ("frames", "dropped", "loss", "delay")
                        }
                        for name, each in pair.items()
                    },
                }
                for link, pair in self._links.items()
            }
        return "ok"

    def _forward(self, direction):
        for _ in range(64):
            try:
                frame, address = direction.receive.recvfrom(65600)
            except OSError:
                return
            if address[2] == _PACKET_OUTGOING or self._in_kernel[direction.link]:
                continue
            direction.frames += 1
            if direction.hard:
                direction.dropped += 1
            elif is_control(frame):
                direction.put(frame)
            elif direction.lost(frame):
                direction.dropped += 1
            else:
                self._pass_on(direction, frame)

    def _pass_on(self, direction, frame):
        now = time.monotonic()
        due = direction.due(now, len(frame))
        for _ in range(2 if direction.dup and random.random() < direction.dup else 1):
            if due <= now:
                direction.put(frame)
            else:
                self._order += 1
                heapq.heappush(self._waiting, (due, self._order, direction, frame))

    def run(self):
        """Forward and obey until standard input ends."""
        os.set_blocking(0, False)
        print("ready", flush=True)
        unread = b""
        while True:
            now = time.monotonic()
            while self._waiting and self._waiting[0][0] <= now:
                _, _, direction, frame = heapq.heappop(self._waiting)
                direction.put(frame)
            rest = self._waiting[0][0] - time.monotonic() if self._waiting else 1.0
            # select() sleeps a little too long: wake early and look again.
            for fd in select.select([0, *self._by_fd], (), (), max(0.0, rest - 0.00006))[0]:
                if fd:
                    self._forward(self._by_fd[fd])
                    continue
                read = os.read(0, 65536)
                if not read:
                    return
                *orders, unread = (unread + read).split(b"\n")
                for order in orders:
                    print(json.dumps(self._answer(order)), flush=True)

    def _answer(self, order):
        try:
            return self.order(json.loads(order))
        except (ValueError, KeyError, RuntimeError, AttributeError) as failed:
            return f"error {failed!r}"


def main():
    Wires().run()
    return 0
