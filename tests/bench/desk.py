"""How quick the desk is under the keys while hosts report, on a real pty.

``python -m tests.bench.desk [--hosts 500] [--interval 10] [--keys 200]`` starts a collector
with that many TCP checks of a server on loopback, opens a desk of 120x36, presses ``j`` and
``k`` and measures the time from the key to the first bytes painted after it.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import statistics
import tempfile
import time
from pathlib import Path

from monitor.cache.lock import CollectorLock
from tests.conftest import Program
from tests.terminal import Terminal


def write_watchlist(path: Path, hosts: int, interval: float, port: int) -> None:
    lines = [
        "[budget]\nin_flight = 256\n",
        '[[network]]\nid = "loop"\nname = "Loopback"\nprefixes = ["127.1.0.0/16"]\n',
    ]
    check = f'{{ kind = "tcp", port = {port}, interval = "{interval:g}s", timeout = "900ms" }}'
    for number in range(hosts):
        address = f"127.1.{number // 250}.{number % 250 + 1}"
        lines.append(
            f'[[host]]\nid = "h{number:05d}"\naddress = "{address}"\nchecks = [{check}]\n'
        )
    path.write_text("".join(lines))


def press(terminal: Terminal, key: str) -> float:
    """Seconds from a key to the first output after it; the screen is quiet before."""
    fd = terminal._master
    terminal.read(0.01)
    began = time.perf_counter()
    os.write(fd, key.encode())
    if not select.select([fd], [], [], 2.0)[0]:
        return 2.0
    took = time.perf_counter() - began
    terminal.read(0.03)
    return took


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--hosts", type=int, default=500)
    options.add_argument("--interval", type=float, default=10.0)
    options.add_argument("--keys", type=int, default=200)
    found = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("", 0)) as server:
        server.listen(4096)
        program = Program(Path(folder))
        path = Path(folder) / "watch.toml"
        write_watchlist(path, found.hosts, found.interval, server.getsockname()[1])
        terminal = Terminal(
            program.command("-w", path, "--cache", program.cache), program.env, 120, 36
        )
        try:
            measure(terminal, program, server, found)
        finally:
            terminal.close()
            program.run("collect", "--stop", "--cache", program.cache)


def measure(
    terminal: Terminal, program: Program, server: socket.socket, found: argparse.Namespace
) -> None:
    server.setblocking(False)
    terminal.until("UP", 60)
    holder = CollectorLock.holder(program.cache)
    assert holder is not None
    end = time.monotonic() + 15
    while time.monotonic() < end:
        terminal.read(0.1)
        drain(server)
    before = cpu_of(terminal.process.pid), cpu_of(holder.pid), time.monotonic()
    took = []
    for number in range(found.keys):
        took.append(press(terminal, "j" if number % 40 < 30 else "k"))
        drain(server)
        terminal.read(0.05)
    spent = time.monotonic() - before[2]
    desk = (cpu_of(terminal.process.pid) - before[0]) / spent
    collector = (cpu_of(holder.pid) - before[1]) / spent
    took.sort()
    print(
        f"{found.hosts} hosts at {found.interval:g} s: key to paint"
        f" p50 {statistics.median(took) * 1e3:.0f} ms,"
        f" p95 {took[int(len(took) * 0.95)] * 1e3:.0f} ms, max {took[-1] * 1e3:.0f} ms;"
        f" desk {desk:.0%}, collector {collector:.0%} of a core"
    )


def drain(server: socket.socket) -> None:
    """Accept and close what has come, so that the backlog never fills."""
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return


if __name__ == "__main__":
    main()
