"""From what is judged to what people are told, through restarts, kills and our own outages."""

from __future__ import annotations

import asyncio
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitor.cache.reader import Reader
from monitor.cache.says import Says
from monitor.cache.writer import Writer
from monitor.clock import RealClock
from monitor.collect.hush import Hush
from monitor.collect.outbox import Delivery
from monitor.collect.sender import Rehearsal
from monitor.collect.telling import Teller
from monitor.entries import Ack
from monitor.records import (
    MINUTE,
    SECOND,
    AlertsRow,
    EventKind,
    HostRow,
    Reason,
    State,
    Vantage,
    VantageRow,
    Verdict,
)
from monitor.simulation.loop import SimClock, run
from monitor.watchlist.model import Alert, Target, Watchlist
from tests.collect.conftest import START, Stage, watched

DUTY = Target("duty", env="DUTY")
RULE = Alert("r", states=(State.DOWN,), to=("duty", "bell"), together_s=15.0)
RULES = Watchlist("t", targets=(DUTY,), alerts=(RULE,))
HEALTHY = VantageRow("local", Vantage.HEALTHY, total=4)


class Post:
    """A sender that takes a second, and does as it is told."""

    def __init__(self, clock: SimClock) -> None:
        self.clock = clock
        self.got: list[tuple[float, str, str]] = []
        self.says: Any = Delivery.SENT

    async def send(self, target: Target, title: str, body: str, *, bad: bool) -> Delivery:
        await self.clock.sleep(1.0)
        self.got.append((self.clock.monotonic(), title, body))
        if isinstance(self.says, BaseException):
            raise self.says
        return self.says


def with_rules(stage: Stage, watchlist: Watchlist, rules: Watchlist) -> Watchlist:
    """``watchlist`` with rules, told through a :class:`Post` that is ``stage.post``."""

    def tells(put) -> Teller:
        stage.post = Post(stage.clock)
        return Teller(rules, stage.clock, put, stage.rows, stage.post)

    stage.tells = tells
    return watchlist


def down_between(begin: float, end: float, *hosts: str):
    return lambda check, at: (
        Reason.TIMEOUT if begin < at < end and check.host in hosts else Reason.NONE
    )


def told(stage: Stage) -> list[str]:
    return [title for _, title, _ in stage.post.got]


def row_of(stage: Stage) -> AlertsRow:
    row = stage.store.rows["alerts"]
    assert isinstance(row, AlertsRow)
    return row


def test_an_outage_is_one_message_and_its_end_another(stage: Stage):
    stage.answer = down_between(100, 400, "a", "b")
    stage.run(with_rules(stage, watched("a", "b"), RULES), 600)
    begun, over = told(stage)
    assert re.match("✖ 2 hosts DOWN: (a, b|b, a) since 2014-12-22 16:0", begun)
    assert re.match(r"✔ over: 2 hosts DOWN: (a, b|b, a), lasted \d min", over)
    row = row_of(stage)
    assert (row.delivered, row.waiting, row.troubles) == (2, 0, 0)
    assert [(ring.bell, ring.desktop) for ring in row.rings] == [(True, False)] * 2
    lines = [event.text for event in stage.store.events if event.kind is EventKind.ALERT]
    assert f"told duty: {begun} (delivered)" in lines


def test_nothing_of_an_own_outage_is_told_but_the_own_outage_once_after_it(stage: Stage):
    own = Alert("own", own=True, states=(State.DOWN,), to=("duty",), together_s=5.0)
    rules = Watchlist("t", targets=(DUTY,), alerts=(own,))
    everybody = ("a", *(f"far{n}" for n in range(4)))
    stage.answer = down_between(100, 400, *everybody)
    stage.run(with_rules(stage, watched("a"), rules), 700)
    (only,) = stage.post.got
    assert only[0] > 400
    assert only[1].startswith("✔ over: own vantage FAULT, lasted 5 min")
    written = [
        e.at for e in stage.store.events if e.text.startswith("alert own: ✖ own vantage")
    ]
    assert START + 100 * SECOND < written[0] < START + 200 * SECOND


def test_what_was_written_before_our_link_broke_is_delivered_once_after_it_returns(
    stage: Stage,
):
    """The host fails for good, then our own line does before the message is out."""
    rule = msgspec.structs.replace(RULE, together_s=60.0, to=("duty",))
    rules = Watchlist("t", targets=(DUTY,), alerts=(rule,))

    def answer(check, at):
        ours = 170 < at < 500
        return Reason.TIMEOUT if ours or (check.host == "a" and at > 100) else Reason.NONE

    stage.answer = answer
    stage.run(with_rules(stage, watched("a", "b"), rules), 900)
    (only,) = stage.post.got
    assert only[0] > 500
    assert only[1].startswith("✖ a DOWN since 2014-12-22 16:0")


def test_a_target_that_fails_is_tried_again_and_said(stage: Stage):
    stage.answer = down_between(100, 10_000, "a")

    async def mend() -> None:
        await stage.clock.sleep(20)
        stage.post.says = Delivery.REFUSED
        await stage.clock.sleep(250)
        assert row_of(stage).waiting == 1
        assert row_of(stage).problem.startswith("1 messages wait for duty: not accepted")
        assert stage.store.rows["collector"].problem == row_of(stage).problem
        stage.post.says = Delivery.SENT

    stage.run(with_rules(stage, watched("a"), RULES), 300, mend)
    assert len(set(told(stage))) == 1
    assert 3 <= len(told(stage)) <= 6
    loud = [event.text for event in stage.store.events if event.kind is EventKind.HEALTH]
    assert len([text for text in loud if "duty could not be told" in text]) == 1
    assert row_of(stage).problem == ""


def test_a_drill_sends_nothing_and_says_so(stage: Stage):
    stage.answer = down_between(100, 10_000, "a")
    stage.tells = lambda put: Teller(
        RULES, stage.clock, put, {}, Rehearsal(), drill="dprk-2014", rings=False
    )
    stage.run(watched("a"), 200)
    lines = [event.text for event in stage.store.events if event.kind is EventKind.ALERT]
    assert any(
        text.startswith("told duty: SYNTHETIC, drill dprk-2014: ✖ a DOWN")
        and text.endswith("(not sent: this is a drill)")
        for text in lines
    )
    assert (row_of(stage).rings, row_of(stage).delivered) == ((), 0)


# --- through a real cache, and its end at any moment ------------------------------------------


class Life:
    """One run of a teller on a cache of its own, which ends by a kill: nothing is tidied up."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, seconds: int, state: State, says: Any, *, deaf: bool = False) -> list[str]:
        """What the post got, as ``id`` lines; ``deaf``: the end comes before it is noted."""

        async def main(clock: SimClock) -> list[str]:
            writer = Writer(self.path)
            held = Verdict()

            def put(verdict: Verdict) -> None:
                if not (deaf and post.got):
                    held.events.extend(verdict.events)
                    held.rows.update(verdict.rows)

            post = Post(clock)
            post.says = says
            teller = Teller(RULES, clock, put, writer.rows(), post)
            since = START + MINUTE
            row = HostRow("a", "a", state=state, since=since)
            teller.hear(Verdict(rows={"vantage:local": HEALTHY, "host:a": row}))
            for _ in range(seconds):
                await teller.step()
                batch = teller.unwritten()
                writer.commit([], held.events, held.rows, clock.wall())
                teller.written(batch)
                held.events.clear()
                held.rows.clear()
                await clock.sleep(1.0)
            await teller.close()
            writer.close()
            return [body.rpartition("id ")[2] for _, _, body in post.got]

        return run(main, START + 10 * MINUTE).result

    def row(self) -> AlertsRow:
        reader = Reader(self.path)
        row = reader.row("alerts")
        reader.close()
        assert isinstance(row, AlertsRow)
        return row


def test_a_kill_between_delivery_and_its_note_repeats_one_message_under_its_id(tmp_path: Path):
    life = Life(tmp_path / "cache.db")
    first = life.run(22, State.DOWN, Delivery.SENT, deaf=True)
    assert first == ["r-20141222-1.1"]
    assert life.row().waiting == 1
    assert life.run(22, State.DOWN, Delivery.SENT) == first
    assert life.run(12, State.DOWN, Delivery.SENT) == []
    assert life.run(12, State.UP, Delivery.SENT) == ["r-20141222-1.2"]
    assert life.row().delivered == 2


def test_what_could_not_be_delivered_outlives_us(tmp_path: Path):
    life = Life(tmp_path / "cache.db")
    assert life.run(19, State.DOWN, Delivery.REFUSED) == ["r-20141222-1.1"]
    row = life.row()
    assert (row.waiting, row.troubles, row.delivered) == (1, 1, 0)
    assert life.run(40, State.DOWN, Delivery.SENT) == ["r-20141222-1.1"]
    assert life.row().waiting == 0


def test_a_kill_before_anything_was_written_loses_nothing(tmp_path: Path):
    life = Life(tmp_path / "cache.db")
    assert life.run(3, State.DOWN, Delivery.SENT) == []
    assert life.run(22, State.DOWN, Delivery.SENT) == ["r-20141222-1.1"]


async def test_closing_waits_a_moment_and_then_leaves_the_rest_for_later(tmp_path: Path):
    began = asyncio.Event()

    class Hanging:
        async def send(self, target, title, body, *, bad):
            began.set()
            await asyncio.sleep(3600)

    taken = Verdict()
    teller = Teller(
        msgspec.structs.replace(RULES, alerts=(msgspec.structs.replace(RULE, together_s=0.0),)),
        RealClock(),
        lambda verdict: taken.rows.update(verdict.rows),
        {},
        Hanging(),
    )
    teller.hear(Verdict(rows={"v": HEALTHY, "h": HostRow("a", "a", state=State.DOWN, since=1)}))
    await teller.step()
    teller.written(teller.unwritten())
    await teller.step()
    await began.wait()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitor.collect.telling.LEAVE_S", 0.0)
        await teller.close()
    row = taken.rows["alerts"]
    assert isinstance(row, AlertsRow)
    assert row.waiting == 1


def test_what_a_person_has_acknowledged_is_not_told(tmp_path: Path):
    """Through the cache, as a desk would say it."""
    path = tmp_path / "cache.db"
    writer = Writer(path)
    since = START - MINUTE
    down = [HostRow(name, name, state=State.DOWN, since=since) for name in ("a", "b")]
    with closing(Says(path)) as says:
        says.say(START, "duty", "host:a", Ack(state="DOWN"))

    async def main(clock: SimClock) -> list[str]:
        post = Post(clock)
        teller = Teller(RULES, clock, lambda _: None, {}, post, hush=Hush(path))
        teller.hear(Verdict(rows={"vantage:local": HEALTHY, "a": down[0], "b": down[1]}))
        for _ in range(30):
            await teller.step()
            teller.written(teller.unwritten())
            await clock.sleep(1.0)
        await teller.close()
        return [title for _, title, _ in post.got]

    (only,) = run(main, START + SECOND).result
    writer.close()
    assert only.startswith("✖ b DOWN")
