"""The ways a message can take: through Apprise in a process of its own, or nowhere.

A target's URL is read when it is needed, from its environment variable or file, and kept
nowhere.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from monitor.collect.courier import Parcel
from monitor.collect.outbox import Delivery
from monitor.watchlist.model import Target

# Apprise itself gives a server 4 s to take a connection and 4 s to answer; several redirects
# or tries later this ends it.
DEADLINE_S: Final = 30.0
_MAX_URL: Final = 4_096


class Sender(Protocol):
    """Delivers one message."""

    async def send(self, target: Target, title: str, body: str, *, bad: bool) -> Delivery:
        """Returns how it ended; never raises but when cancelled."""
        ...


class Rehearsal:
    """What a drill does instead of sending."""

    async def send(self, target: Target, title: str, body: str, *, bad: bool) -> Delivery:
        del target, title, body, bad
        return Delivery.REHEARSED


class AppriseSender:
    """Sends through Apprise; an attempt is killed after ``deadline_s`` of real time."""

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s

    async def send(self, target: Target, title: str, body: str, *, bad: bool) -> Delivery:
        url = await asyncio.to_thread(url_of, target)
        if not url:
            return Delivery.NO_URL
        try:
            child = await asyncio.to_thread(_start)
        except OSError:
            return Delivery.CRASHED
        parcel = msgspec.json.encode(Parcel(url, title, body, bad))
        try:
            return await asyncio.to_thread(_await, child, parcel, self._deadline_s)
        finally:
            # Cancelled: the thread that waits for the process comes back at once.
            if child.poll() is None:
                child.kill()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "monitor.collect.courier"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _await(child: subprocess.Popen[bytes], parcel: bytes, seconds: float) -> Delivery:
    try:
        said, _ = child.communicate(parcel, timeout=seconds)
        return Delivery(said.decode("ascii", "replace"))
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return Delivery.TIMEOUT
    except (OSError, ValueError):
        return Delivery.CRASHED


def url_of(target: Target) -> str:
    """The URL of a target, or '' where there is none."""
    if target.env:
        return os.environ.get(target.env, "").strip()
    with suppress(OSError, UnicodeDecodeError, RuntimeError):
        path = Path(target.file).expanduser()
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            lines = os.read(handle, _MAX_URL).decode("utf-8").splitlines()
        finally:
            os.close(handle)
        return lines[0].strip() if lines else ""
    return ""
