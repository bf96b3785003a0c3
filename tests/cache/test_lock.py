from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from monitor.cache.lock import CollectorLock, Holder
from monitor.cache.schema import CacheError

HOLD = (
    "import sys, pathlib; from monitor.cache.lock import CollectorLock;"
    " lock = CollectorLock(pathlib.Path(sys.argv[1])); print(lock.acquire(), flush=True);"
    " sys.stdin.read()"
)


@pytest.fixture
def other(path):
    """Another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


def test_one_holds_it_and_says_who(path):
    lock, second = CollectorLock(path), CollectorLock(path)
    assert CollectorLock.holder(path) is None
    assert lock.acquire()
    assert lock.acquire()
    assert not second.acquire()
    assert CollectorLock.holder(path) == Holder(os.getpid())
    lock.release()
    lock.release()
    assert CollectorLock.holder(path) is None
    assert second.acquire()
    second.release()


def test_a_killed_holder_lets_go_and_its_stale_file_misleads_nobody(path, other):
    lock = CollectorLock(path)
    assert not lock.acquire()
    assert CollectorLock.holder(path) == Holder(other.pid)
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    file = path.with_name(path.name + ".lock")
    assert int(file.read_text()) == other.pid
    assert CollectorLock.holder(path) is None
    inode = file.stat().st_ino
    assert lock.acquire()
    assert int(file.read_text()) == os.getpid()
    lock.release()
    assert file.stat().st_ino == inode


def test_a_holder_that_cannot_write_the_cache_says_why(path):
    lock = CollectorLock(path)
    lock.say("nobody holds it: nobody says it")
    assert lock.acquire()
    lock.say("no space left for the \x1b[31mcache")
    told = Holder(os.getpid(), "no space left for the ·[31mcache")
    assert CollectorLock.holder(path) == told
    lock.say("é" * 999)
    assert CollectorLock.holder(path).pid == os.getpid()
    assert path.with_name(path.name + ".lock").stat().st_size <= 512
    lock.say("")
    assert CollectorLock.holder(path) == Holder(os.getpid())
    lock.release()


def test_asking_for_the_holder_keeps_nobody_out(path):
    """Many desks ask, each holding it shared for an instant, while a collector starts."""
    stop = threading.Event()
    first = CollectorLock(path)
    assert first.acquire()
    first.release()

    def ask():
        while not stop.is_set():
            CollectorLock.holder(path)
            stop.wait(0.001)

    desks = [threading.Thread(target=ask) for _ in range(3)]
    for desk in desks:
        desk.start()
    try:
        for _ in range(50):
            lock = CollectorLock(path)
            assert lock.acquire()
            lock.release()
    finally:
        stop.set()
        for desk in desks:
            desk.join()


def test_a_file_that_makes_no_sense_is_a_holder_without_a_pid(path, other):
    path.with_name(path.name + ".lock").write_text("nonsense")
    assert CollectorLock.holder(path) == Holder(0)


def test_a_link_is_not_followed(path, tmp_path):
    path.parent.mkdir()
    target = tmp_path / "precious"
    target.write_text("data")
    path.with_name(path.name + ".lock").symlink_to(target)
    with pytest.raises(CacheError):
        CollectorLock(path).acquire()
    assert target.read_text() == "data"
