"""A withdrawal at the origin AS, from real BGP through the feed into a collector's log."""

import json
import os
import select
import subprocess
import sys
import time

import msgspec
import pytest

from monitor.collect.routes import STEP_S
from monitor.records import SECOND, Event

from .conftest import _LAB, _ROOT, RunningLab, _lack
from .plan import PREFIXES

pytestmark = pytest.mark.lab

PREFIX = PREFIXES["bdr"][0]
# Between the feed's message and the next time the routes are judged.
SLACK_S = 2.0


@pytest.fixture
def feeding(tmp_path):
    lack = _lack()
    if lack:
        pytest.skip(lack)
    made = RunningLab(tmp_path / "lab")
    made("up")
    yield made
    made("down")


class Log:
    """The event log of a collector in the lab, line by line."""

    def __init__(self, lab):
        self._process = subprocess.Popen(
            [_LAB, "exec", "desk", sys.executable, "-m", "tests.lab.hear", PREFIX],
            env={**os.environ, "LAB_DIR": str(lab.directory)},
            cwd=_ROOT,
            stdout=subprocess.PIPE,
        )
        self._rest = b""
        self._told = []

    def until(self, wanted, patience_s=30.0):
        deadline = time.monotonic() + patience_s
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._process.stdout], [], [], left)[0]:
                more = os.read(self._process.stdout.fileno(), 65_536)
                assert more, "the collector ended"
                *lines, self._rest = (self._rest + more).split(b"\n")
                for event in (msgspec.json.decode(each, type=Event) for each in lines):
                    self._told.append(event.text)
                    if wanted(event):
                        return event
        raise AssertionError(f"not told in time, but {self._told}")

    def end(self):
        self._process.terminate()
        self._process.wait(20)
        self._process.stdout.close()


def test_a_withdrawal_reaches_the_log(feeding):
    log = Log(feeding)
    try:
        log.until(lambda e: e.subject == "feed:ris-live" and e.new == "live")
        # The feed tells changes only: let every peer announce it once.
        feeding("fault", "withdraw", PREFIX)
        time.sleep(1)
        feeding("fault", "announce", PREFIX)
        log.until(lambda e: e.new == "visible")
        begun = time.time()
        feeding("fault", "withdraw", PREFIX)
        told = log.until(lambda e: e.new == "withdrawn")
    finally:
        log.end()
    said = map(json.loads, (feeding.directory / "ris.jsonl").read_text().splitlines())
    gone = [
        each["data"]["timestamp"]
        for each in said
        if PREFIX in each["data"].get("withdrawals", [])
    ]
    last = max(at for at in gone if at >= begun - 1)
    print(f"told {told.at / SECOND - last:.2f} s after the last peer's withdrawal")
    assert -1.0 <= told.at / SECOND - last <= STEP_S + SLACK_S
    assert "1 of 1 prefixes withdrawn: 0 of " in told.text
