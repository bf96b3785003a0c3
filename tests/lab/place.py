"""Where a lab lives: its directory, its namespaces, and how to run things in them."""

import ctypes
import os
import subprocess
from pathlib import Path

SCRIPT = str(Path(__file__).resolve().parent / "lab")
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def where():
    """The directory of the lab that LAB_DIR picks."""
    return Path(os.environ.get("LAB_DIR", f"/tmp/lab-{os.getuid()}")).absolute()


def widen_path():
    """Daemons live in sbin, which is not in everybody's PATH."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"


def write(name, text):
    path = where() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def sh(command, *, check=True, given=None):
    """Run a command line or list; raises RuntimeError with what it said."""
    done = subprocess.run(
        command,
        shell=isinstance(command, str),
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode:
        said = f"{done.stderr.strip()[:400]} {done.stdout.strip()[:200]}"
        raise RuntimeError(f"{command!r}: code {done.returncode}: {said}")
    return done.stdout


def namespace_path(name):
    return f"/run/netns/{name}"


class Namespace:
    """Within it, sockets and devices that this thread opens belong to that namespace."""

    def __init__(self, path):
        self._path = path

    def __enter__(self):
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(self._path, os.O_RDONLY)
        try:
            if _LIBC.setns(there, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(there)

    def __exit__(self, *_exc):
        _LIBC.setns(self._home, _CLONE_NEWNET)
        os.close(self._home)
