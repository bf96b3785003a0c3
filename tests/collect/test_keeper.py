"""A collector that died is replaced, not for ever, and never one that was stopped."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from monitor.cache.lock import CollectorLock
from monitor.cache.writer import Writer
from monitor.collect.keeper import DELAYS_S, SERVICE_S, SILENT_S, STEADY_S, Keeper, watch
from monitor.collect.launch import log_path
from monitor.records import CollectorRow

SLEEPS, ENDS = ("sleep", "60"), ("false",)


class Ward:
    """A cache, its lock, and a keeper with a clock of its own that starts real processes."""

    def __init__(self, cache: Path, watchlist: str | None = "mine.toml") -> None:
        self.cache = cache
        self.now = 0.0
        self.program: tuple[str, ...] = SLEEPS
        self.started: list[tuple[str | None, bool]] = []
        self.children: list[subprocess.Popen[bytes]] = []
        self.lock = CollectorLock(cache)
        self.keeper = Keeper(cache, watchlist, start=self._start, now=lambda: self.now)

    def _start(self, cache, watchlist, *, by_desk):
        assert cache == self.cache
        self.started.append((watchlist, by_desk))
        child = subprocess.Popen(self.program)
        self.children.append(child)
        if self.program == ENDS:
            child.wait(10)
        return child

    def says(self, **row) -> None:
        row = {"pid": 7, "beat": 10, "watchlist": "w", "by_desk": True} | row
        with closing(Writer(self.cache)) as writer:
            writer.commit([], [], {"collector": CollectorRow(**row)})

    def after(self, seconds: float, *, silent: bool = False):
        self.now += seconds
        return self.keeper.step(silent)


@pytest.fixture
def ward(tmp_path: Path):
    found = Ward(tmp_path / "cache.db")
    found.says()
    assert found.lock.acquire()
    yield found
    found.lock.release()
    for child in found.children:
        child.kill()
        child.wait(10)


def test_while_somebody_collects_nothing_is_done(ward: Ward) -> None:
    for _ in range(3):
        assert ward.after(1) == ("", "")
    assert ward.started == []


def test_one_that_died_is_replaced_after_a_moment_and_said(ward: Ward) -> None:
    ward.after(1)
    ward.lock.release()
    assert "starts another in 2 s" in ward.after(1).standing
    assert ward.started == []
    notice, standing = ward.after(2)
    assert notice == "the collector (process 7) ended without notice: this desk starts another"
    assert "being started" in standing
    assert ward.started == [("mine.toml", True)]
    assert "being started" in ward.after(1).standing
    ward.lock.acquire()
    notice, standing = ward.after(1)
    assert "collects now" in notice
    assert standing == ""
    assert ward.after(1) == ("", "")


def test_one_that_dies_again_and_again_is_given_up_with_what_to_do(ward: Ward) -> None:
    ward.program = ENDS
    log_path(ward.cache).write_text("Traceback\nwatchdesk: \x1b[1mno memory\n")
    ward.lock.release()
    waits = []
    for _ in range(int(sum(DELAYS_S)) // 20 + 20):
        before = len(ward.started)
        said = ward.after(20)
        waits += [ward.now] * (len(ward.started) - before)
    assert len(ward.started) == len(DELAYS_S)
    gaps = [after - before for before, after in zip([0.0, *waits], waits, strict=False)]
    assert all(gap >= least for gap, least in zip(gaps, DELAYS_S, strict=True))
    assert "given up after 5 starts" in said.standing
    assert "watchdesk collect" in said.standing
    assert "·[1mno memory" in said.standing


def test_one_that_has_held_out_is_replaced_at_once_again(ward: Ward) -> None:
    ward.program = ENDS
    ward.lock.release()
    while len(ward.started) < len(DELAYS_S):
        ward.after(50)
    assert ward.lock.acquire()
    ward.after(1)
    ward.after(STEADY_S)
    ward.lock.release()
    ward.after(1)
    ward.after(DELAYS_S[0])
    assert len(ward.started) == len(DELAYS_S) + 1


def test_one_that_was_stopped_stays_stopped(ward: Ward) -> None:
    ward.says(beat=10, stopped=10)
    ward.lock.release()
    assert "stopped on purpose" in ward.after(1).standing
    ward.after(999)
    assert ward.started == []


def test_a_drills_collector_is_the_drills(ward: Ward) -> None:
    ward.says(drill="dprk-2014")
    ward.lock.release()
    ward.after(1)
    assert "drill" in ward.after(999).standing
    assert ward.started == []


def test_a_service_is_left_to_who_looks_after_it_for_a_while(ward: Ward) -> None:
    ward.says(by_desk=False)
    ward.lock.release()
    ward.after(1)
    ward.after(SERVICE_S - 1)
    assert ward.started == []
    ward.after(1)
    assert ward.started == [("mine.toml", False)]


@pytest.mark.parametrize(
    ("row", "started"),
    [
        ({"watchlist_path": "/etc/list.toml"}, ["/etc/list.toml"]),
        ({"watchlist": "north-korea", "watchlist_path": "north-korea.toml"}, ["north-korea"]),
        ({"watchlist": "mine", "watchlist_path": "mine.toml"}, []),
    ],
)
def test_what_it_watched_is_watched_on_or_nothing(tmp_path, row, started) -> None:
    ward = Ward(tmp_path / "cache.db", watchlist=None)
    ward.says(**row)
    said = [ward.after(seconds) for seconds in (1, 2)][-1]
    assert [watchlist for watchlist, _ in ward.started] == started
    assert started or "watchdesk collect -w FILE" in said.standing
    for child in ward.children:
        child.kill()
        child.wait(10)


def test_one_that_holds_the_cache_and_is_silent_is_named(ward: Ward) -> None:
    ward.after(1, silent=True)
    assert ward.after(1, silent=True).standing == ""
    assert "is silent; end it" in ward.after(SILENT_S, silent=True).standing
    assert ward.after(1) == ("", "")


def test_one_that_cannot_write_is_not_silent_but_in_trouble(ward: Ward) -> None:
    ward.lock.say("no space left for the cache")
    said = "the collector goes on from memory: no space left for the cache"
    assert ward.after(1).standing == said
    assert ward.after(2 * SILENT_S, silent=True).standing == said
    look = watch(ward.cache)
    assert look(True).standing == said
    ward.lock.say("")
    assert ward.after(1) == ("", "")
    assert look(True) == ("", "")
    ward.lock.release()
    assert look(True) == ("", "")
    assert ward.started == []


def test_one_that_hangs_before_it_collects_is_ended(ward: Ward) -> None:
    ward.lock.release()
    ward.after(1)
    ward.after(2)
    (child,) = ward.children
    ward.after(999)
    assert child.poll() is not None


def test_a_desk_that_is_left_takes_along_what_does_not_collect_yet(ward: Ward) -> None:
    ward.keeper.leave()
    ward.lock.release()
    ward.after(1)
    ward.after(2)
    ward.keeper.leave()
    assert ward.children[0].wait(10) != 0


def test_what_cannot_be_started_is_one_sentence(ward: Ward) -> None:
    def broken(cache, watchlist, *, by_desk):
        raise OSError("no processes left")

    keeper = Keeper(ward.cache, "w", start=broken, now=lambda: ward.now)
    ward.lock.release()
    keeper.step(False)
    ward.now += 2
    assert keeper.step(False).standing == "no collector can be started: no processes left"
