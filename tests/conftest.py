"""What tests of every room share: the program as a person runs it, in a home of its own."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The same examples each time, whatever the speed of the machine: what a property finds is
# found by who changes something.  To search further: pytest --hypothesis-profile search
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("suite", _PATIENT, derandomize=True, database=None)
settings.register_profile("search", _PATIENT)
settings.load_profile("suite")

# A simulated world makes records by the million and hardly a cycle.
_COLLECT_EVERY = 20_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: started last, one would go on alone when all else is done."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """What is imported by now stays: going through it for garbage takes a sixth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY, 10, 10)


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

    def run(self, *arguments: object, seconds: float = 120) -> subprocess.CompletedProcess[str]:
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
            process.wait(90)
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture
def program(tmp_path: Path):
    found = Program(tmp_path)
    yield found
    found.end()
