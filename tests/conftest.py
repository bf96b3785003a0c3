"""What tests of every room share: the program as a person runs it, in a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


class Program:
    """Runs ``watchdesk`` as a process of its own, far from the user's own files."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cache = home / "state" / "cache.db"
        self.config = home / "config"
        self.env = {
            **os.environ,
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "xdg"),
            "WATCHDESK_CONFIG": str(self.config),
            "TERM": "xterm-256color",
            "PYTHONUTF8": "1",
        }
        self.started: list[subprocess.Popen[bytes]] = []

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "monitor", *map(str, arguments)]

    def run(self, *arguments: object, seconds: float = 30) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self.command(*arguments),
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.started.append(process)
        return process

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture
def program(tmp_path: Path):
    found = Program(tmp_path)
    yield found
    found.end()
