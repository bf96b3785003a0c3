"""Servers on loopback that behave well, badly, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


# --- TCP ------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def tcp_server(
    handler: Handler, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Serve ``handler``; yields the port.  Connections are cut when the block ends."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader, writer):
        task = asyncio.current_task()
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        try:
            with contextlib.suppress(
                OSError, asyncio.IncompleteReadError, asyncio.CancelledError
            ):
                await handler(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, host, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def closed_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port on which nobody listens."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port whose backlog is full: a SYN gets no answer."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(address)
        yield address[1]


async def reset(reader, writer) -> None:
    """Close with a RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silence(reader, writer) -> None:
    """Accept and read, and say nothing."""
    await reader.read()
    await asyncio.Event().wait()


async def goodbye(reader, writer) -> None:
    """Read something and close."""
    await reader.read(16_384)


def says(*pieces: bytes, pause_s: float = 0.0, hang: bool = False) -> Handler:
    """Answer a request with these bytes, piece by piece."""

    async def handler(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
        if hang:
            await asyncio.Event().wait()
        writer.write_eof() if writer.can_write_eof() else writer.close()
        await reader.read()

    return handler


def endless(start: bytes, piece: bytes, pause_s: float = 0.0) -> Handler:
    """Answer with ``start`` and then ``piece`` for ever."""

    async def handler(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(start)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return handler


def page(
    body: bytes = b"<title>Hello</title>", status: str = "200 OK", headers: str = ""
) -> bytes:
    """A whole HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nServer: test\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def routes(pages: dict[str, bytes]) -> Handler:
    """Answer by path; the request itself is kept in ``handler.seen``."""

    async def handler(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        handler.seen.append(request.decode())
        writer.write(pages[request.split()[1].decode()])
        await writer.drain()
        writer.write_eof()
        await reader.read()

    handler.seen = []
    return handler


# --- certificates -----------------------------------------------------------------------


class Authority:
    """A certificate authority of the test's own, and servers' contexts signed by it."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.cert = self._sign(self.name, self.key.public_key(), self.name, self.key, ca=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.cert.public_bytes(serialization.Encoding.PEM))

    @staticmethod
    def _sign(
        subject, public, issuer, key, *, ca=False, names=(), start=-1, end=90, for_clients=False
    ):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + start * DAY)
            .not_valid_after(NOW + end * DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if for_clients:
            usage = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH])
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(key, hashes.SHA256())

    def context(
        self,
        name: str = "www.example.test",
        *,
        start: int = -1,
        end: int = 90,
        self_signed: bool = False,
        for_clients: bool = False,
    ) -> ssl.SSLContext:
        """A server's context with a certificate for ``name`` and 127.0.0.9."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]
        issuer, signer = (subject, key) if self_signed else (self.name, self.key)
        cert = self._sign(
            subject,
            key.public_key(),
            issuer,
            signer,
            names=names,
            start=start,
            end=end,
            for_clients=for_clients,
        )
        file = self.folder / f"{cert.serial_number}.pem"
        file.write_bytes(
            cert.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


# --- DNS --------------------------------------------------------------------------------

ZONE = {
    ("example.test.", "SOA"): ["ns1.example.test. host.example.test. 2024 3600 600 86400 60"],
    ("example.test.", "NS"): ["ns1.example.test.", "ns2.example.test."],
    ("www.example.test.", "A"): ["192.0.2.80", "192.0.2.8"],
    ("alias.example.test.", "CNAME"): ["www.example.test."],
    ("txt.example.test.", "TXT"): ['"\\027[31mred\\226\\128\\174"'],
    ("big.example.test.", "TXT"): [f'"{i:03}{"x" * 200}"' for i in range(20)],
    ("only6.example.test.", "AAAA"): ["2001:db8::6"],
}


class DnsServer(asyncio.DatagramProtocol):
    """An authority (and, where RD is set, a resolver) for ``example.test`` on UDP and TCP.

    ``mode`` changes how it behaves; ``asked`` holds the names asked for, ``first`` is set
    with the first of them; ``drop`` is how many datagrams are lost before one is answered.
    """

    def __init__(self, mode: str = "good", drop: int = 0) -> None:
        self.mode = mode
        self.drop = drop
        self.asked: list[str] = []
        self.first = asyncio.Event()
        self.port = 0
        self.ttl = 60

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        query = dns.message.from_wire(data)
        self.asked.append(str(query.question[0].name))
        self.first.set()
        if self.drop > 0:
            self.drop -= 1
            return
        for wire in self.answers(query, tcp=False):
            self.transport.sendto(wire, addr)

    async def serve_tcp(self, reader, writer):
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        query = dns.message.from_wire(await reader.readexactly(length))
        for wire in self.answers(query, tcp=True):
            writer.write(struct.pack("!H", len(wire)) + wire)
        await writer.drain()
        await reader.read()

    def answers(self, query, *, tcp):
        good = self.answer(query)
        wire = good.to_wire(max_size=65_535)
        match self.mode:
            case "silent":
                return []
            case "wrong-id":
                return [bytes([wire[0] ^ 1]) + wire[1:]]
            case "wrong-question":
                return [wire[:13] + b"X" + wire[14:]]
            case "spoof-first":
                return [b"", b"x", wire[:11], bytes([wire[0] ^ 1]) + wire[1:], wire]
            case "garbage":
                return [wire[:12] + b"\xff" * 40]
            case "echo":
                return [query.to_wire()]
            case "cut":
                return [wire[:-7]]
            case "loop":
                end = 12 + len(query.question[0].name.to_wire()) + 4
                pointer = struct.pack("!H", 0xC000 | end)
                record = pointer + struct.pack("!HHIH", 1, 1, 60, 4) + b"\x01\x02\x03\x04"
                return [wire[:6] + b"\0\1\0\0\0\0" + wire[12:end] + record]
            case "records":
                return [wire[:6] + b"\xff\xff" + wire[8:]]
            case "oversized":
                return [wire + b"\0" * 3000]
            case "truncated" if not tcp:
                good.flags |= dns.flags.TC
                good.answer.clear()
                return [good.to_wire()]
            case "tcp-wrong-id" if tcp:
                return [bytes([wire[0] ^ 1]) + wire[1:]]
            case "tcp-wrong-id":
                good.flags |= dns.flags.TC
                return [good.to_wire()]
        return [wire]

    def answer(self, query):
        answer = dns.message.make_response(query)
        if self.mode in ("servfail", "refused", "formerr", "nxdomain"):
            answer.set_rcode(dns.rcode.from_text(self.mode.upper()))
        if self.mode == "formerr":
            answer.question.clear()
        if self.mode in ("servfail", "refused", "formerr"):
            return answer
        if self.mode != "lame" and not query.flags & dns.flags.RD:
            answer.flags |= dns.flags.AA
        question = query.question[0]
        self.fill(answer, question.name, question.rdtype)
        return answer

    def fill(self, answer, name, rdtype):
        kind = dns.rdatatype.to_text(rdtype)
        for wanted in ("CNAME", kind):
            found = ZONE.get((str(name).lower(), wanted))
            if found is None:
                continue
            answer.answer.append(dns.rrset.from_text(name, self.ttl, "IN", wanted, *found))
            if wanted == "CNAME":
                self.fill(answer, dns.name.from_text(found[0]), rdtype)
            return
        if not answer.answer and not any(str(name) == owner for owner, _ in ZONE):
            answer.set_rcode(dns.rcode.NXDOMAIN)


@contextlib.asynccontextmanager
async def dns_server(mode: str = "good", drop: int = 0) -> AsyncIterator[DnsServer]:
    """A DNS server on UDP and TCP of the same port."""
    loop = asyncio.get_running_loop()
    server = DnsServer(mode, drop)
    async with tcp_server(server.serve_tcp) as port:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: server, local_addr=("127.0.0.1", port)
        )
        server.port = port
        try:
            yield server
        finally:
            transport.close()
            await asyncio.sleep(0)  # the socket itself is closed a turn later
