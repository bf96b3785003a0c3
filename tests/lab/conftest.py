"""A running lab for the tests of this folder, or a reason why there is none."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from monitor.records import Observation

_ROOT = Path(__file__).resolve().parent.parent.parent
_LAB = str(Path(__file__).resolve().parent / "lab")
_NEEDED = {
    "bird": "bird2",
    "nsd": "nsd",
    "unbound": "unbound",
    "nginx": "nginx-light",
    "nft": "nftables",
    "ip": "iproute2",
    "openssl": "openssl",
    "unshare": "util-linux",
}


class RunningLab:
    """Orders for a lab, and looks from its desk."""

    def __init__(self, directory):
        self.directory = directory
        self._env = {**os.environ, "LAB_DIR": str(directory)}

    def __call__(self, *words, patience_s=90.0):
        done = subprocess.run(
            [_LAB, *words],
            env=self._env,
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=patience_s,
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def look(self, *looks):
        """Observations of several looks, made one after the other by one process."""
        said = self("exec", "desk", sys.executable, "-m", "tests.lab.look", json.dumps(looks))
        return msgspec.json.decode(said, type=list[Observation])

    def trace(self, address, method="auto", **more):
        given = {"kind": "trace", "address": address, "params": {"method": method}, **more}
        return self.look(given)[0]

    def echo(self, address, count=3, spacing_s=0.02, **more):
        params = {"count": count, "spacing_s": spacing_s}
        return self.look({"kind": "icmp", "address": address, "params": params, **more})[0]


def _lack():
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    lacking = [
        package for tool, package in _NEEDED.items() if not shutil.which(tool, path=path)
    ]
    if lacking:
        return "not installed: " + " ".join(lacking)
    options = ["-m", "-n", "-p", "--fork"] if os.getuid() == 0 else ["-U", "-r", "-m", "-n"]
    tried = subprocess.run(["unshare", *options, "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "no permission to make network namespaces"


@pytest.fixture(scope="session")
def running_lab(tmp_path_factory):
    lack = _lack()
    if lack:
        pytest.skip(lack)
    made = RunningLab(tmp_path_factory.mktemp("lab"))
    made("up", "--no-ris")
    yield made
    made("down")


@pytest.fixture
def lab(running_lab):
    """The lab, healed after the test."""
    yield running_lab
    running_lab("heal")
