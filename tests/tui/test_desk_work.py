"""What people say through the desk: forms, marks, pages, and what was seen before."""

from __future__ import annotations

from contextlib import closing

import pytest
from msgspec import structs

from monitor.cache.reader import Reader
from monitor.cache.says import Says
from monitor.entries import Ack, End, Inference, Likelihood, Maintenance, Note, Seen, Statement
from monitor.records import HOUR, MINUTE, State, subject_of
from monitor.tui.lines import HostTarget
from monitor.tui.widgets.linelist import PageList
from tests.tui.desk_situation import NOW

HOST, OTHER = "ns1-kptc-kp", "ns2-kptc-kp"


@pytest.fixture
def say(writer, cache):
    """Says something in the ledger, as somebody."""
    says = Says(cache)

    def said(body, subject="network:north-korea", at=NOW - MINUTE, who="lee", **more):
        return says.say(at, who, subject, body, **more)

    yield said
    says.close()


def ledger(cache):
    with closing(Reader(cache)) as reader:
        return reader.entries()


async def fill(screen, *texts):
    """Type one text a line, and enter after each."""
    for text in texts:
        for key in text:
            await screen.pilot.press("space" if key == " " else key)
        await screen.pilot.press("enter")
    await screen.loaded()
    await screen.settle()
    return screen.text


async def test_a_host_is_acknowledged(desk, look, cache):
    async with look(desk) as screen:
        host = screen.desk.screen.hosts.host
        assert "acknowledge" in await screen.press("a")
        text = await fill(screen, "", "8h", "provider knows")
        (entry,) = ledger(cache)
        assert entry.body == Ack(host.state, False, NOW + 8 * HOUR, "provider knows")
        assert entry.subject == f"host:{host.id}"
        assert f"{desk.marks.acked} {host.name}"[:10] in text
        # A second time it can be taken back.
        await screen.press("a")
        await screen.pilot.press("left")
        await fill(screen, "", "", "")
        assert isinstance(ledger(cache)[-1].body, End)
        assert desk.live.book.acks == {}


async def test_what_is_refused_stays_to_be_put_right(desk, look, cache):
    async with look(desk, (80, 24)) as screen:
        await screen.press("a")
        text = await fill(screen, "", "soon", "")
        assert "'soon' is no moment" in text
        assert "acknowledge" in text
        assert ledger(cache) == []
        assert "acknowledge" not in await screen.press("escape")


async def test_a_note_a_claim_and_an_inference_stand_on_one_timeline(desk, look, cache):
    async with look(desk, (160, 50)) as screen:
        await screen.press("1", "n")
        await fill(screen, "called the operator")
        await screen.press("c")
        await fill(screen, "State Department", "press briefing", "2014-12-22", "", "no comment")
        await screen.press("i")
        await fill(screen, "", "power", "", "all routes went at once", "")
        kinds = [type(entry.body) for entry in ledger(cache)]
        assert kinds == [Note, Statement, Inference]
        assert ledger(cache)[2].body.likelihood is Likelihood.ROUGHLY_EVEN
        text = await screen.press("l")
        for word in ("observed", "claimed", "inferred", "noted", "State Department (press"):
            assert word in text
        text = await screen.press("escape", "1", "enter")
        assert "not observed; what people say of it" in text
        assert "undetermined" not in text


async def test_an_entry_is_amended_and_withdrawn_never_edited(desk, look, cache, say):
    first = say(Note("wrogn"), subject=f"host:{HOST}")
    async with look(desk, (120, 50)) as screen:
        desk.open_target(HostTarget(HOST))
        await screen.settle()
        page = desk.screen.query_one("#page", PageList)
        page.move_to(page.index_of(f"entry:{first.id}"))
        await screen.press("enter")
        await screen.press("n")
        for _ in range(5):
            await screen.pilot.press("backspace")
        text = await fill(screen, "right")
        assert "wrogn" in text
        assert "amended" in text
        await screen.press("X")
        assert "ended" in await fill(screen, "")
    assert [entry.refers for entry in ledger(cache)] == [0, 1, 2]


async def test_maintenance_keeps_a_host_from_being_unread(desk, look, writer, say):
    say(Maintenance(NOW - HOUR, NOW + HOUR, text="announced"), subject=f"host:{HOST}")
    async with look(desk) as screen:
        assert f"{desk.marks.upkeep} ns1" in screen.text
        turned = [
            structs.replace(desk.live.hosts[name], state=State.UP) for name in (HOST, OTHER)
        ]
        writer.commit([], [], {subject_of(row): row for row in turned})
        await screen.settle()
        assert OTHER in desk.live.unread_hosts
        assert HOST not in desk.live.unread_hosts


async def test_nothing_is_said_by_a_viewer_or_into_the_past(make_desk, writer, look, cache):
    async with look(make_desk(read_only=True)) as screen:
        assert "not written" in await screen.press("n")
    async with look(make_desk(at=NOW - HOUR)) as screen:
        await screen.loaded()
        assert "cannot be written into" in await screen.press("n")
    assert ledger(cache) == []


async def test_who_comes_back_is_told_what_is_new(make_desk, writer, look, cache):
    async with look(make_desk(who="kim")) as screen:
        await screen.press("q")
    (mark,) = ledger(cache)
    assert (mark.who, type(mark.body)) == ("kim", Seen)
    with closing(Reader(cache)) as reader:
        newest = reader.events(limit=1)[0]
    writer.commit([], [newest, newest], {})
    for who, count in (("kim", 2), ("lee", 0)):
        desk = make_desk(who=who)
        async with look(desk) as screen:
            assert desk.live.unread_events(soft=True) == count
            if count:
                assert "since kim left" in screen.text
                await screen.press("v")
                assert desk.live.unread_events(soft=True) == 0
    assert [entry.who for entry in ledger(cache)] == ["kim", "kim"]


async def test_an_acknowledgement_that_runs_out_is_told(desk, look, say):
    say(Ack("LOST", expires=NOW + 10 * MINUTE))
    async with look(desk) as screen:
        assert "acknowledged by lee, runs out in" in screen.text
        assert f"North Korea {desk.marks.acked} " in screen.text
        assert "acked lee" in screen.text
