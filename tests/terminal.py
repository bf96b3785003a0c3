"""A terminal for tests: a pty with an emulator behind it, as a person would see it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

import pyte


class Terminal:
    """Runs a program on a pty of its own and shows what its screen shows."""

    def __init__(
        self, command: list[str], env: dict[str, str], width: int = 120, height: int = 36
    ) -> None:
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        self._size(slave, width, height)
        self.process = subprocess.Popen(
            command,
            env={**env, "COLUMNS": "", "LINES": ""},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # Opening it is not enough in a session made by setsid: the hang-up must reach it.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        os.close(slave)

    @staticmethod
    def _size(fd: int, width: int, height: int) -> None:
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def read(self, seconds: float = 0.05) -> None:
        """Take in what the program writes for a moment."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._master], [], [], left)[0]:
                return
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if not data:
                return
            self._stream.feed(data)

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def until(self, wanted: str, seconds: float = 90.0) -> str:
        """The screen's text once it shows ``wanted``; fails at the deadline."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read()
            if wanted in self.text:
                return self.text
            if self.process.poll() is not None:
                break
        raise AssertionError(f"{wanted!r} was not shown within {seconds} s:\n{self.text}")

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())
        self.read(0.1)

    def wait(self, seconds: float = 90.0) -> int:
        """The exit code, with the terminal read on until then."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read()
        return self.process.wait(0.1)

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(90)
        if self._master >= 0:
            os.close(self._master)
