"""What the check of the lab looks with: a raw pinger, DNS and HTTP questions, the feed."""

import itertools
import json
import os
import select
import socket
import ssl
import struct
import threading
import time
from pathlib import Path

from .cli import holder
from .place import Namespace, where
from .plan import RESOLVER

_CODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED")


def namespace(name):
    """A namespace of the running lab, from inside it or from the machine's own."""
    inside = Path(f"/run/netns/{name}")
    outside = f"/proc/{holder()[1]}/root/run/netns/{name}"
    return Namespace(str(inside) if inside.exists() else outside)


def wait(condition, seconds=15.0):
    """The first true value of ``condition()``, or None after ``seconds``."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.005)
    return None


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class Ping(threading.Thread):
    """Echoes from the desk in a steady beat; ``replies`` are (time, ms, number)."""

    def __init__(self, target, *, every=0.02, ttl=64, size=32):
        super().__init__(daemon=True)
        self._target, self._every, self._size = target, every, size
        self._number = int.from_bytes(os.urandom(2), "big")
        self.sent, self.replies, self.errors = [], [], []
        self._going = True
        with namespace("desk"):
            self._sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        self.start()

    def run(self):
        number, due, when = 0, time.monotonic(), {}
        while self._going:
            if time.monotonic() >= due:
                number += 1
                when[number] = time.monotonic()
                self._send(number)
                self.sent.append((when[number], number))
                due += self._every
            if select.select([self._sock], [], [], max(0, due - time.monotonic()))[0]:
                self._receive(when)

    def _send(self, number):
        packet = struct.pack("!BBHHH", 8, 0, 0, self._number, number).ljust(self._size, b"x")
        packet = packet[:2] + struct.pack("!H", _checksum(packet)) + packet[4:]
        try:
            self._sock.sendto(packet, (self._target, 0))
        except OSError as failed:
            self.errors.append((time.monotonic(), f"send {failed.errno}", ""))

    def _receive(self, when):
        data, peer = self._sock.recvfrom(65535)
        now, at = time.monotonic(), (data[0] & 15) * 4
        kind, code, _, ident, number = struct.unpack_from("!BBHHH", data, at)
        if kind == 0 and ident == self._number and number in when:
            self.replies.append((now, (now - when[number]) * 1e3, number))
        elif kind in (3, 11):
            inner = at + 8 + (data[at + 8] & 15) * 4
            if struct.unpack_from("!H", data, inner + 4)[0] == self._number:
                self.errors.append((now, f"{kind}/{code}", peer[0]))

    def since(self, moment):
        return [each for each in list(self.replies) if each[0] >= moment]

    def refusals(self, moment):
        return {f"{what} {who}" for at, what, who in list(self.errors) if at > moment}

    def outage_ms(self, moment):
        """The longest pause between two replies."""
        times = [at for at, *_ in self.since(moment)]
        return max((b - a for a, b in itertools.pairwise(times)), default=0.0) * 1e3

    def median_ms(self, moment):
        found = sorted(ms for _, ms, _ in self.since(moment))
        return found[len(found) // 2] if found else 0.0

    def silent_since(self):
        """The time of the last reply, once nothing came for 150 ms."""
        last = self.replies[-1][0] if self.replies else 0.0
        return last if last and time.monotonic() - last > 0.15 else None

    def stop(self):
        self._going = False
        self.join(1)
        self._sock.close()


class Feed:
    """The messages of the routing feed that came after it was opened."""

    def __init__(self):
        self._path = where() / "ris.jsonl"
        self._skip = len(self._path.read_text().splitlines())

    def messages(self):
        lines = self._path.read_text().splitlines()[self._skip :]
        return [json.loads(line)["data"] for line in lines]

    def first(self, wanted):
        return wait(lambda: next(filter(wanted, self.messages()), None), 5.0)


def announces(message, prefix, peer="4837"):
    blocks = message.get("announcements", [])
    return message["peer_asn"] == peer and any(prefix in each["prefixes"] for each in blocks)


def withdraws(message, prefix, peer="4837"):
    return message["peer_asn"] == peer and prefix in message.get("withdrawals", [])


def dns(name, server=RESOLVER, seconds=1.0):
    """The answer's code, and its last address if there is one; or what went wrong."""
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
    question = os.urandom(2) + struct.pack(">5H", 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    with namespace("desk"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.settimeout(seconds)
        sock.connect((server, 53))
        try:
            sock.send(question)
            answer = sock.recv(2048)
        except TimeoutError:
            return "timeout"
        except ConnectionRefusedError:
            return "port-unreachable"
    address = f" {socket.inet_ntoa(answer[-4:])}" if answer[7] else ""
    return _CODES[answer[3] & 15] + address


def http(host, address, port=80, seconds=2.0):
    """The status line, or what went wrong."""
    with namespace("desk"):
        sock = socket.socket()
    with sock:
        sock.settimeout(seconds)
        try:
            sock.connect((address, port))
            if port == 443:
                context = ssl.create_default_context(cafile=str(where() / "pki/ca.pem"))
                sock = context.wrap_socket(sock, server_hostname=host)
            sock.sendall(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            return sock.recv(100).split(b"\r\n")[0].decode()
        except OSError as failed:
            return f"{type(failed).__name__} {failed}"
