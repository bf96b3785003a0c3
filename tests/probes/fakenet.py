"""A made-up internet behind a TUN device: real kernel sockets, scripted routers and hosts.

Everything happens in a network namespace of the test's own; the far side of the device is
read and answered on the test's event loop, so a test can let a router quote as little, or a
stranger lie as much, as it wants.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import ipaddress
import os
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from monitor.probes.echo import checksum

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_TUN_NO_PI = 0x1001
_LIBC = ctypes.CDLL(None, use_errno=True)
PING_RANGE = Path("/proc/sys/net/ipv4/ping_group_range")
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58


@contextlib.contextmanager
def namespace(ping_range="0 2147483647"):
    """This thread in a network namespace of its own, loopback up; skips where not permitted."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if _LIBC.unshare(_CLONE_NEWNET):
            pytest.skip("needs CAP_SYS_ADMIN for a network namespace: unshare -rn pytest")
        try:
            _prepare(ping_range)
            yield
        finally:
            assert _LIBC.setns(home, _CLONE_NEWNET) == 0
    finally:
        os.close(home)


def _prepare(ping_range):
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    except FileNotFoundError:
        pytest.skip("needs iproute2")
    for value in (ping_range, "0 0"):  # in a user namespace only mapped groups are valid
        try:
            PING_RANGE.write_text(value)
        except OSError:
            continue
        return


@dataclass
class Router:
    address: str
    silent: bool = False
    deaf: int = 0  # so many packets unanswered first
    quote: int | None = None  # bytes quoted, all if None
    labels: tuple[int, ...] = ()
    refuse: tuple[int, int] | None = None  # answers everything with this type and code
    passes: int | None = None  # the protocol it does not refuse


@dataclass
class Host:
    routers: list[Router] = field(default_factory=list)
    icmp: bool = True
    udp: bool = True
    tcp: bool = False
    copies: int = 1
    lose: frozenset[int] = frozenset()  # echoes left out, by number
    liar: object = None  # called with the packet before the answer; returns packets
    seen: list = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Packet:
    raw: bytes

    @property
    def version(self):
        return self.raw[0] >> 4

    @property
    def ttl(self):
        return self.raw[8] if self.version == 4 else self.raw[7]

    @property
    def protocol(self):
        return self.raw[9] if self.version == 4 else self.raw[6]

    @property
    def source(self):
        at = (12, 16) if self.version == 4 else (8, 24)
        return str(ipaddress.ip_address(self.raw[slice(*at)]))

    @property
    def destination(self):
        at = (16, 20) if self.version == 4 else (24, 40)
        return str(ipaddress.ip_address(self.raw[slice(*at)]))

    @property
    def inner(self):
        return self.raw[20 if self.version == 4 else 40 :]


def build(source, destination, protocol, inner, ttl=60):
    """An IP packet with its checksums; ``inner``'s are made here for ICMPv6 and TCP."""
    src, dst = (ipaddress.ip_address(each).packed for each in (source, destination))
    if protocol in (ICMP6, TCP):
        pseudo = src + dst + (struct.pack("!II", len(inner), protocol) if len(src) == 16 else
                              struct.pack("!HH", protocol, len(inner)))  # fmt: skip
        at = 2 if protocol == ICMP6 else 16
        inner = inner[:at] + b"\0\0" + inner[at + 2 :]
        inner = inner[:at] + struct.pack("!H", checksum(pseudo + inner)) + inner[at + 2 :]
    if len(src) == 16:
        return struct.pack("!IHBB", 0x60000000, len(inner), protocol, ttl) + src + dst + inner
    head = (
        struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(inner), 7, 0, ttl, protocol, 0) + src + dst
    )
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + inner


def icmp(source, destination, kind, code, rest, ttl=60):
    """An ICMP message; ``rest`` starts behind the checksum."""
    body = struct.pack("!BBH", kind, code, 0) + rest
    if ":" in source:
        return build(source, destination, ICMP6, body, ttl)
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    return build(source, destination, ICMP, body, ttl)


def error(router, packet, kind, code, ttl=60):
    """The ICMP error ``router`` sends about ``packet``, with RFC 4884 labels if it has any."""
    header = 20 if packet.version == 4 else 40
    quoted = packet.raw if router.quote is None else packet.raw[: header + router.quote]
    length = 0
    if router.labels:
        quoted = quoted[:128].ljust(128, b"\0")
        stack = b"".join(struct.pack("!I", label << 12 | 64) for label in router.labels)
        object_ = struct.pack("!HBB", 4 + len(stack), 1, 1) + stack
        structure = b"\x20\0\0\0" + object_
        structure = b"\x20\0" + struct.pack("!H", checksum(structure)) + object_
        quoted += structure
        length = 32 if packet.version == 4 else 16
    unused = (
        struct.pack("!BBH", 0, length, 0)
        if packet.version == 4
        else struct.pack("!BBH", length, 0, 0)
    )
    return icmp(router.address, packet.source, kind, code, unused + quoted, ttl)


class Internet:
    """Hosts by address, each behind its routers."""

    def __init__(self, device):
        self.hosts = {}
        self._device = device
        asyncio.get_running_loop().add_reader(device, self._read)

    def host(self, address, routers=(), **kind):
        made = Host(
            [each if isinstance(each, Router) else Router(each) for each in routers], **kind
        )
        self.hosts[address] = made
        return made

    def send(self, packet):
        os.write(self._device, packet)

    def _read(self):
        with contextlib.suppress(BlockingIOError):
            for _ in range(64):
                packet = Packet(os.read(self._device, 4096))
                host = self.hosts.get(packet.destination)
                if host is not None and packet.protocol in (ICMP, ICMP6, UDP, TCP):
                    for answer in _answers(host, packet):
                        self.send(answer)

    def close(self):
        asyncio.get_running_loop().remove_reader(self._device)
        os.close(self._device)


def _answers(host, packet):
    host.seen.append(packet)
    host.asked.set()
    expired = (11, 0) if packet.version == 4 else (3, 0)
    for away, router in enumerate(host.routers, 1):
        refuses = router.refuse is not None and packet.protocol != router.passes
        if not refuses and away < packet.ttl:
            continue
        if router.deaf:
            router.deaf -= 1
            return []
        if router.silent:
            return []
        return [error(router, packet, *(router.refuse if refuses else expired), ttl=64 - away)]
    out = list(host.liar(packet)) if host.liar else []
    return out + _from_host(host, packet)


def _from_host(host, packet):
    me, you = packet.destination, packet.source
    if packet.protocol in (ICMP, ICMP6) and host.icmp:
        if len(host.seen) - 1 in host.lose:
            return []
        kind = 0 if packet.version == 4 else 129
        return [icmp(me, you, kind, 0, packet.inner[4:])] * host.copies
    if packet.protocol == UDP and host.udp:
        return [error(Router(me), packet, *((3, 3) if packet.version == 4 else (1, 4)))]
    if packet.protocol == TCP and host.tcp:
        sport, dport, seq = struct.unpack_from("!HHI", packet.inner)
        reset = struct.pack("!HHIIBBHHH", dport, sport, 0, seq + 1, 0x50, 0x14, 0, 0, 0)
        return [build(me, you, TCP, reset)]
    return []


def _device():
    try:
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", b"far", _TUN_NO_PI))
    except OSError as failed:
        pytest.skip(f"needs /dev/net/tun: {failed}")
    commands = (
        "addr add 192.0.2.1/24 dev far",
        "-6 addr add 2001:db8::1/64 dev far nodad",
        "link set far up",
        "route add default dev far",
        "-6 route add default dev far",
    )
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True)
    return device


@contextlib.asynccontextmanager
async def internet(ping_range="0 2147483647"):
    """A namespace whose default route leads into an :class:`Internet`."""
    with namespace(ping_range):
        device = _device()
        net = Internet(device)
        try:
            yield net
        finally:
            net.close()
