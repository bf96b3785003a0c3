"""What a probe costs: ``python tests/bench/probes.py [probes of each kind]``.

Prints milliseconds of CPU a probe for HTTP, HTTPS, TCP and DNS against servers on loopback
in a process of their own, eight in flight, each with a new connection.  Beside them stands
prometheus-blackbox-exporter where it is installed, asked the same over its own ``/probe``,
so that its figure holds serving that request as well.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "probes"))

from servers import Authority, dns_server, page, says, silence, tcp_server

from monitor.clock import RealClock
from monitor.probes.base import RealProber
from monitor.probes.resolve import Resolver
from monitor.records import Kind, Outcome
from monitor.watchlist.model import Check, DnsParams, HttpParams, TcpParams

IN_FLIGHT = 8
RIVAL = "prometheus-blackbox-exporter"
NAME = "www.example.test"
MODULES = """\
modules:
  http: {prober: http, http: {preferred_ip_protocol: ip4}}
  https:
    prober: http
    http:
      preferred_ip_protocol: ip4
      tls_config: {ca_file: "CA_FILE", server_name: www.example.test}
  tcp: {prober: tcp, tcp: {preferred_ip_protocol: ip4}}
  dns:
    prober: dns
    dns: {query_name: www.example.test, query_type: A, preferred_ip_protocol: ip4}
"""


async def serve(folder: Path) -> None:
    """Serve until the standard input ends; prints the ports."""
    authority = Authority(folder)
    answer = says(page(b"<title>Hello</title>" + b"x" * 2000))
    async with (
        tcp_server(answer) as http,
        tcp_server(answer, authority.context()) as https,
        tcp_server(silence) as tcp,
        dns_server() as dns,
    ):
        print(http, https, tcp, dns.port, authority.file, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def checks(http: int, https: int, tcp: int, dns: int) -> list[Check]:
    def check(name: str, kind: Kind, params: HttpParams | TcpParams | DnsParams) -> Check:
        return Check(f"h/{name}", "h", kind, "127.0.0.1", params, label=name)

    return [
        check("http", Kind.HTTP, HttpParams(f"http://{NAME}:{http}/")),
        check("https", Kind.HTTP, HttpParams(f"https://{NAME}:{https}/")),
        check("tcp", Kind.TCP, TcpParams(tcp)),
        check("dns", Kind.DNS, DnsParams(NAME, "A", port=dns)),
    ]


async def many(count: int, once: Callable[[], Awaitable[None]]) -> None:
    """Do it ``count`` times, IN_FLIGHT at a time."""

    async def some(times: int) -> None:
        for _ in range(times):
            await once()

    await asyncio.gather(*(some(count // IN_FLIGHT) for _ in range(IN_FLIGHT)))


def own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_s(pid: int) -> float:
    """CPU seconds of a process (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def ours(check: Check, count: int) -> float:
    """CPU milliseconds a probe."""
    clock = RealClock()
    prober = RealProber(clock, Resolver(clock))

    async def once() -> None:
        seen = await prober.probe(check)
        assert seen.outcome is Outcome.OK, seen

    await many(IN_FLIGHT, once)
    before = own_cpu_s()
    await many(count, once)
    used = own_cpu_s() - before
    await prober.close()
    return used / count * 1000


async def rivals(pid: int, port: int, name: str, target: str, count: int) -> float:
    """CPU milliseconds the exporter takes a probe."""

    async def once() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        request = f"GET /probe?module={name}&target={target} HTTP/1.0\r\n\r\n"
        writer.write(request.encode())
        answer = await reader.read(-1)
        writer.close()
        assert b"\nprobe_success 1" in answer, answer.decode()

    await many(IN_FLIGHT, once)
    before = cpu_s(pid)
    await many(count, once)
    return (cpu_s(pid) - before) / count * 1000


async def measure(ports: list[int], ca_file: str, count: int, folder: Path) -> None:
    os.environ["SSL_CERT_FILE"] = ca_file
    rival, port = start_rival(ca_file, folder)
    print(f"{'CPU ms a probe':16}{'watchdesk':>12}{'blackbox':>12}")
    try:
        for check, its_port in zip(checks(*ports), ports, strict=True):
            scheme = f"{check.label}://" if check.kind is Kind.HTTP else ""
            figure = f"{await ours(check, count):12.3f}"
            if rival is not None:
                target = f"{scheme}127.0.0.1:{its_port}"
                taken = await rivals(rival.pid, port, check.label, target, count)
                figure += f"{taken:12.3f}"
            print(f"{check.label:16}{figure}")
    finally:
        if rival is not None:
            rival.terminate()
            rival.wait()


def start_rival(ca_file: str, folder: Path) -> tuple[subprocess.Popen[bytes] | None, int]:
    path = shutil.which(RIVAL)
    if path is None:
        print(f"{RIVAL} is not installed: no figures beside ours")
        return None, 0
    config = folder / "blackbox.yml"
    config.write_text(MODULES.replace("CA_FILE", ca_file))
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    process = subprocess.Popen(
        [path, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"],
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return process, port
    raise SystemExit(f"{RIVAL} ended at once")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        if sys.argv[1:2] == ["--serve"]:
            asyncio.run(serve(Path(name)))
            return
        count = int(sys.argv[1]) if sys.argv[1:] else 2000
        with subprocess.Popen(
            [sys.executable, __file__, "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stdout is not None
            *ports, ca_file = server.stdout.readline().strip().split(" ", 4)
            asyncio.run(measure([int(port) for port in ports], ca_file, count, Path(name)))
            assert server.stdin is not None
            server.stdin.close()


if __name__ == "__main__":
    main()
