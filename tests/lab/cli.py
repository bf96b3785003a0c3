"""The command line of the lab."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from . import __doc__ as usage
from .place import SCRIPT, where, widen_path
from .plan import HOSTS, ROUTERS, WIRES

_UP_S = 60.0
_OPTIONS = ("--rootless", "--no-ris")


def holder():
    """The process ids of unshare and of the lab's process 1, or None when it is down."""
    try:
        outer, inner = map(int, (where() / "holder").read_text().split())
        os.kill(inner, 0)
    except (OSError, ValueError):
        return None
    return outer, inner


def order(command, *args):
    """Give one order to a running lab: ``ok``, ``r`` (its answer) and ``ms``."""
    answer = b""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(where() / "ctl.sock"))
        sock.sendall(json.dumps({"cmd": command, "args": args}).encode() + b"\n")
        while more := sock.recv(65536):
            answer += more
    return json.loads(answer)


def up(*, rootless=False, feed=True):
    """Build a lab and wait for it; 0 when it is ready."""
    if holder():
        sys.exit("already up (lab down first)")
    here = where()
    here.mkdir(parents=True, exist_ok=True)
    for name in ("log", "run"):
        shutil.rmtree(here / name, ignore_errors=True)
    for name in ("ready", "ris.jsonl"):
        (here / name).unlink(missing_ok=True)
    rootless = rootless or os.getuid() != 0
    command = ["unshare", *(["-U", "-r"] if rootless else []), "-m", "-n", "-p", "--fork"]
    command += ["--kill-child", "--mount-proc", "--", sys.executable, SCRIPT, "_hold"]
    begun = time.monotonic()
    with (here / "holder.log").open("w", encoding="utf-8") as log:
        outer = subprocess.Popen(
            [*command, "1" if feed else "0"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "LAB_DIR": str(here)},
        )
    (here / "rootless").write_text("1" if rootless else "")
    known = False
    while time.monotonic() - begun < _UP_S:
        if outer.poll() is not None:
            sys.exit(f"the lab died: {(here / 'holder.log').read_text()[-1500:]}")
        if not known:
            children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
            if children:
                (here / "holder").write_text(f"{outer.pid} {children[0]}\n")
                known = True
        said = (here / "ready").read_text() if (here / "ready").exists() else ""
        if said.endswith("\n"):
            good = said.startswith("ok")
            word = "up" if good else "NOT READY"
            print(
                f"{word} in {time.monotonic() - begun:.2f} s  {said.strip()}", file=sys.stderr
            )
            return 0 if good else 1
        time.sleep(0.02)
    return 1


def down():
    """Kill process 1 of the lab: the kernel ends everything in its pid namespace."""
    found = holder()
    begun = time.monotonic()
    if found:
        outer, inner = found
        for pid in (inner, outer):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        while _lives(inner) and time.monotonic() - begun < 10:
            time.sleep(0.01)
        (where() / "holder").unlink()
    print(f"down in {time.monotonic() - begun:.2f} s", file=sys.stderr)
    return 0


def _lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def enter(namespace):
    """The command prefix that runs something in a namespace of the lab."""
    found = holder() or sys.exit("the lab is not up")
    prefix = ["nsenter", "-t", str(found[1])]
    if (where() / "rootless").read_text():
        prefix += ["-U", "--preserve-credentials"]
    # The namespace files are in the lab's own /run: first its mounts, then the network.
    prefix += ["-m", "-p", "--", "nsenter", f"--net=/run/netns/{namespace}", "--"]
    return [*prefix, "env", f"--chdir={Path.cwd()}"]


def wrap(command, *, rootless=False, feed=True):
    """Run ``command`` at the desk of a lab of its own; its exit code."""
    os.environ["LAB_DIR"] = f"{where()}-wrap{os.getpid()}"
    try:
        if up(rootless=rootless, feed=feed):
            return 1
        return subprocess.call([*enter("desk"), *command])
    finally:
        down()
        shutil.rmtree(where(), ignore_errors=True)


def _ordered(command, args):
    said = order(command, *args)
    answer = said["r"]
    if command == "status":
        print(json.dumps(answer, indent=1))
    else:
        print(answer.rstrip() if isinstance(answer, str) else answer, f"[{said['ms']} ms]")
    return 0 if said["ok"] else 1


def _list_faults():
    from .faults import TEXTS  # noqa: PLC0415 - only here

    for verb, text in TEXTS.items():
        print(f"  lab fault {verb:<62} {text}")
    print("links:", *WIRES, "  namespaces:", *ROUTERS, *HOSTS)
    return 0


def _inner(command, args):
    """The lab's own processes."""
    if command == "_wire":
        from .wires import main as run  # noqa: PLC0415 - each process loads its own
    elif command == "_feed":
        from .feed import main as run  # noqa: PLC0415
    else:
        from .holder import main as hold  # noqa: PLC0415

        return hold(feed=args[0] == "1")
    return run()


def main(argv=None):
    command, *args = (sys.argv[1:] if argv is None else argv) or ["help"]
    widen_path()
    options = {"rootless": "--rootless" in args, "feed": "--no-ris" not in args}
    words = [each for each in args if each not in _OPTIONS]
    if command in ("_wire", "_feed", "_hold"):
        return _inner(command, args)
    if command == "up":
        return up(**options)
    if command == "down":
        return down()
    if command in ("exec", "shell"):
        program = [*enter(args[0] if args else "desk"), *(args[1:] or ["bash"])]
        os.execvp(program[0], program)
    if command == "wrap":
        return wrap(words, **options)
    if command == "netns":
        found = holder() or sys.exit("the lab is not up")
        print(f"/proc/{found[1]}/root/run/netns/{args[0]}")
        return 0
    if command == "faults":
        return _list_faults()
    if command in ("fault", "heal", "status", "birdc", "ready"):
        return _ordered(command, args)
    print(usage)
    return 0 if command in ("-h", "--help", "help") else 2
