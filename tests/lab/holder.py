"""Process 1 of a lab: builds it, keeps its daemons, obeys orders on a Unix socket."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time

from . import build, configs
from .place import SCRIPT, Namespace, namespace_path, sh, where, write
from .plan import FAR, RESOLVER, ROUTERS, SITES, link_addresses

_READY_S = 30.0


class Lab:
    """The daemons, what was broken, and what is announced in the zone."""

    def __init__(self, *, feed):
        self.feed = feed
        self.processes = {}
        self.broken = []
        self.serial = 1
        self.records = dict(SITES)
        self.background = set()
        self.marks = []
        self._begun = time.monotonic()

    def mark(self, what):
        self.marks.append((what, round(time.monotonic() - self._begun, 3)))

    def spawn(self, name, namespace, command, **options):
        with (where() / "log" / f"{name}.out").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                ["nsenter", f"--net={namespace_path(namespace)}", "--", *command],
                **{"stdout": log, "stdin": subprocess.DEVNULL, **options},
                stderr=log,
                start_new_session=True,
            )
        return self.processes[name]

    def build(self):
        for name in ("log", "run", "bird", "zones", "pki", "www"):
            (where() / name).mkdir(parents=True, exist_ok=True)
        configs.write_all()
        build.own_run_and_resolver()
        for step in (build.namespaces, build.links, build.addresses):
            step()
            self.mark(step.__name__)

    def start(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        wire = self.spawn("wire", "wire", [SCRIPT, "_wire"], **pipes)
        if wire.stdout.readline().strip() != b"ready":
            raise RuntimeError("the wires failed, see log/wire.out")
        self.mark("wires")
        for router in ROUTERS:
            self.start_router(router)
        for name in ("infra", "dns", "out"):
            self.start_nsd(name)
        self.start_resolver()
        configs.make_certificates()
        for name in configs.WEB:
            shutil.copy(where() / "pki/site.pem", where() / f"pki/site-{name}.pem")
            sh(["nsenter", f"--net={namespace_path(name)}", *self.nginx(name)])
        if self.feed:
            settings = {"user": "root", "drop": "false"}
            env = {
                **os.environ,
                **{f"exabgp.daemon.{key}": value for key, value in settings.items()},
                "exabgp.log.level": "WARNING",
                "exabgp.api.cli": "false",
                "exabgp.api.ack": "false",
                "exabgp.tcp.delay": "0",
            }
            self.spawn("exabgp", "infra", ["exabgp", f"{where()}/exabgp.conf"], env=env)
        self.mark("daemons")

    def start_router(self, name):
        here = where()
        command = [
            "bird",
            "-f",
            "-c",
            f"{here}/bird/{name}.conf",
            "-s",
            f"{here}/run/{name}.ctl",
        ]
        self.stop(f"bird-{name}")
        self.spawn(f"bird-{name}", name, command)

    def start_nsd(self, name, *, empty=False):
        self.stop(f"nsd-{name}")
        config = f"{where()}/nsd-{name}{'-empty' if empty else ''}.conf"
        self.spawn(f"nsd-{name}", name, ["nsd", "-d", "-c", config])

    def start_resolver(self):
        self.stop("unbound")
        self.spawn("unbound", "infra", ["unbound", "-d", "-c", f"{where()}/unbound.conf"])

    @staticmethod
    def nginx(name):
        here = where()
        return [
            "nginx",
            "-c",
            f"{here}/nginx-{name}.conf",
            "-e",
            f"{here}/log/nginx-{name}.err",
        ]

    def stop(self, name):
        """Kill a daemon and wait until its children are gone and their ports free."""
        process = self.processes.pop(name, None)
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGCONT)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            # Its children are ours now: we are process 1.
            with contextlib.suppress(ChildProcessError):
                while True:
                    os.waitpid(-process.pid, 0)
        (where() / "run" / f"{name}.pid").unlink(missing_ok=True)

    async def run(self, *command, namespace=None, given=None):
        """Run a command; returns its code and what it said."""
        if namespace:
            command = ("nsenter", f"--net={namespace_path(namespace)}", "--", *command)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await process.communicate(None if given is None else given.encode())
        return process.returncode, said.decode()

    async def birdc(self, router, command):
        """Ask a router's daemon over its control socket."""
        reader, writer = await asyncio.open_unix_connection(f"{where()}/run/{router}.ctl")
        lines = []

        async def answer():
            while line := (await reader.readline()).decode():
                lines.append(line)
                if re.match(r"^\d{4} ", line):
                    return

        await answer()
        lines.clear()
        writer.write(command.encode() + b"\n")
        await answer()
        writer.close()
        return "".join(lines)

    async def wire(self, **order):
        process = self.processes["wire"]
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        loop = asyncio.get_running_loop()
        answer = json.loads(await loop.run_in_executor(None, process.stdout.readline))
        if isinstance(answer, str) and answer.startswith("error"):
            raise RuntimeError(answer)
        return answer

    def zone(self, **changes):
        """Change records and make both authoritative servers read them."""
        self.records.update(changes)
        self.serial += 1
        write("zones/kp", configs.site_zone(self.serial, self.records))
        for name in ("dns", "out"):
            # A server that is itself broken reads the zone when it is started again.
            with contextlib.suppress(OSError, ValueError):
                os.kill(int((where() / f"run/nsd-{name}.pid").read_text()), signal.SIGHUP)

    async def sessions_up(self):
        for router in ROUTERS:
            try:
                said = await self.birdc(router, "show protocols")
            except OSError:
                return False
            lines = [line.split() for line in said.splitlines()]
            found = [line for line in lines if "BGP" in line and line[0] != "ris"]
            if not found or not all("Established" in line for line in found):
                return False
        return True

    async def settled(self):
        """Whether traffic takes the transit it takes when nothing is broken."""
        said = await self.run("ip", "-n", "isp", "route", "get", FAR)
        return f"via {link_addresses('t1', 'isp')[0]}" in said[1]

    async def ready(self, seconds=_READY_S, *, healthy=False):
        """Wait until BGP is up, the far host answers, and names resolve.

        ``healthy`` waits for the usual path as well, which a fault may have moved.
        """
        loop = asyncio.get_running_loop()
        until = time.monotonic() + seconds
        stages = {
            "bgp": self.sessions_up,
            **({"path": self.settled} if healthy else {}),
            "ping": lambda: loop.run_in_executor(None, _ping),
            "dns": lambda: loop.run_in_executor(None, _resolves),
        }
        for name, stage in stages.items():
            while not await stage():
                if time.monotonic() > until:
                    return False
                await asyncio.sleep(0.05)
            self.mark(name)
        return True

    async def status(self):
        sessions = {}
        for router in ROUTERS:
            if f"bird-{router}" in self.processes:
                said = await self.birdc(router, "show protocols")
                lines = [line.split() for line in said.splitlines() if "BGP" in line]
                sessions[router] = {line[0]: line[-1] for line in lines}
        return {
            "marks": self.marks,
            "procs": {
                name: process.pid if process.poll() is None else f"exit {process.returncode}"
                for name, process in self.processes.items()
            },
            "wire": await self.wire(op="stat"),
            "active": self.broken,
            "bgp": sessions,
            "isp_fib": (await self.run("ip", "-n", "isp", "route"))[1].splitlines(),
        }


def _ping():
    """Whether the far host answers an echo from the desk."""
    with Namespace(namespace_path("desk")):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    with sock:
        sock.settimeout(0.5)
        try:
            sock.sendto(struct.pack("!BBHHH", 8, 0, 0, 0, 1), (FAR, 0))
            return sock.recv(64)[0] == 0
        except OSError:
            return False


def _resolves():
    """Whether the resolver knows www.kp.lab."""
    question = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"\x03www\x02kp\x03lab\0\0\1\0\1"
    with Namespace(namespace_path("desk")):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.settimeout(0.5)
        try:
            sock.sendto(question, (RESOLVER, 53))
            answer = sock.recv(512)
            return answer[3] & 15 == 0 and answer[7] > 0
        except OSError:
            return False


def reap(lab):
    """Collect orphans, as process 1 must; our own children are left to who started them."""
    own = {process.pid for process in lab.processes.values()}
    with contextlib.suppress(ChildProcessError, ProcessLookupError):
        while True:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if not found or found.si_pid in own or os.getpgid(found.si_pid) == os.getpgrp():
                return
            os.waitpid(found.si_pid, 0)


async def hold(*, feed):
    """Build a lab and serve orders for as long as we live."""
    from .faults import Faults  # noqa: PLC0415 - the two know each other

    lab = Lab(feed=feed)
    faults = Faults(lab)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        lab.build()
        lab.start()
    except Exception as failed:
        write("ready", f"FAILED {failed!r}\n")
        raise
    orders = {
        "fault": faults.inject,
        "heal": faults.heal,
        "status": lab.status,
        "ready": lab.ready,
        "birdc": lab.birdc,
    }

    async def obey(reader, writer):
        begun = time.monotonic()
        try:
            order = json.loads(await reader.readline())
            answer, fine = await orders[order["cmd"]](*order.get("args", [])), True
        except Exception as failed:  # noqa: BLE001 - whoever gave the order is told
            answer, fine = f"{type(failed).__name__}: {failed}", False
        took = round((time.monotonic() - begun) * 1e3, 1)
        with contextlib.suppress(OSError):
            writer.write(json.dumps({"ok": fine, "r": answer, "ms": took}).encode() + b"\n")
            await writer.drain()
        writer.close()

    (where() / "ctl.sock").unlink(missing_ok=True)
    server = await asyncio.start_unix_server(obey, where() / "ctl.sock")
    async with server:
        good = await lab.ready(healthy=True)
        write("ready", f"{'ok' if good else 'FAILED'} {json.dumps(lab.marks)}\n")
        while True:
            await asyncio.sleep(1)
            reap(lab)


def main(*, feed):
    asyncio.run(hold(feed=feed))
    return 0
