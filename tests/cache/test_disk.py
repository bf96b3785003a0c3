"""A disk that is really full: a small tmpfs in a mount namespace of the test's own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cache.crashing import ROOT

SCRIPT = r"""
import pathlib, sqlite3, subprocess, sys
from monitor.cache.lock import CollectorLock
from monitor.cache.reader import Cursor, Reader
from monitor.cache.schema import CacheError, CacheFull
from monitor.cache.writer import Writer
from tests.cache.samples import host, said, seen

folder = pathlib.Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], check=True)
ballast, path = folder / "ballast", folder / "cache.db"
ballast.write_bytes(b"x" * 1_000_000)
lock = CollectorLock(path)
assert lock.acquire()
writer = Writer(path)
reader = Reader(path)

def write(number):
    batch = [seen(f"h{n}/icmp", at=number, note="x" * 100) for n in range(50)]
    writer.commit(batch, [said(at=number)], {"host:alpha": host(since=number)})

kept, refused = 0, []
for number in range(1, 2_000):
    try:
        write(number)
        kept = number
    except CacheError as error:
        refused.append(type(error))
        if len(refused) == 5:
            break
assert refused == [CacheFull] * 5, refused
assert kept > 3
while ballast.stat().st_size < 3_000_000:
    try:
        with ballast.open("ab", buffering=0) as file:
            file.write(b"x")
    except OSError:
        break
lock.say("no space left for the cache")
assert CollectorLock.holder(path).problem == "no space left for the cache", "nor for this"
lock.release()
changes = reader.changes(Cursor())
assert changes.rows == [host(since=kept)], "reading goes on"
assert changes.events[-1].at == kept
ballast.unlink()
write(kept + 1)
assert reader.row("host:alpha") == host(since=kept + 1), "writing goes on with space"
assert [event.at for event in reader.events(limit=9_999)] == [*range(kept + 1, 0, -1)]
reader.close()
writer.close()
db = sqlite3.connect(path)
assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
db.close()
print("healed")
"""


FAILING = r"""
import pathlib, resource, sys
from monitor.cache.reader import Reader
from monitor.cache.schema import CacheError, CacheFull
from monitor.cache.writer import Writer
from tests.cache.samples import said, seen

path = pathlib.Path(sys.argv[1]) / "cache.db"
writer = Writer(path)
writer.commit([seen(at=1)], [said(at=1)], {})
# The kernel refuses to write beyond this with EFBIG, which SQLite knows as an I/O error.
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
told = set()
for at in range(2, 200):
    try:
        writer.commit([seen(at=at, note="x" * 250)] * 50, [said(at=at)], {})
    except CacheError as error:
        told.add((type(error), str(error)))
        last = at
        if len(told) == 1 and at > 100:
            break
((kind, text),) = told
assert kind is CacheError, kind
assert "cannot be used (disk I/O error)" in text, text
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.commit([seen(at=last)], [said(at=last)], {})
reader = Reader(path)
assert reader.events(limit=1)[0].at == last
reader.close()
writer.close()
print("healed")
"""


def namespace() -> list[str]:
    for command in (["unshare", "-m"], ["unshare", "-rm"]):
        try:
            subprocess.run(
                [*command, "sh", "-c", "mount -t tmpfs tmpfs /mnt"],
                check=True,
                capture_output=True,
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return command
    pytest.skip("no mount namespaces here")


def test_an_error_of_the_disk_is_said_and_heals(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FAILING, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stdout == "healed\n", done.stderr


def test_a_full_disk_is_said_and_heals_with_space(tmp_path):
    command = [*namespace(), sys.executable, "-W", "error", "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.stdout == "healed\n", done.stderr
