"""What waits, what is tried again, what is given up: nothing silently."""

from __future__ import annotations

from itertools import pairwise

from monitor.collect.outbox import (
    GIVE_UP,
    MOST,
    RETRY,
    UNWRITTEN,
    Delivery,
    Message,
    Outbox,
    Posted,
)
from monitor.records import MINUTE, SECOND, Micros

T0: Micros = 1_419_264_000_000_000


def message(incident: str, target: str = "duty", at: Micros = T0) -> Message:
    return Message(f"{incident}.1", incident, target, f"title {incident}", "body", at)


def box(*messages: Message) -> Outbox:
    found = Outbox(Posted())
    for each in messages:
        found.add(each)
    found.written(found.unwritten)
    return found


def test_what_is_not_in_the_cache_waits_but_not_for_a_cache_that_is_broken():
    found = Outbox(Posted())
    found.add(message("a"))
    assert found.due(T0 + SECOND) == []
    batch = found.unwritten
    found.add(message("b", "other"))
    found.written(batch)
    assert [each.incident for each in found.due(T0 + SECOND)] == ["a"]
    assert [each.incident for each in found.due(T0 + UNWRITTEN)] == ["b"]


def test_one_message_a_target_is_on_its_way_at_a_time():
    found = box(message("a"), message("b"), message("c", "other"))
    going = found.due(T0)
    assert [each.incident for each in going] == ["a", "c"]
    assert found.due(T0) == []
    found.ended(going[0], Delivery.SENT, T0)
    assert [each.incident for each in found.due(T0)] == ["b"]
    assert found.posted.delivered == 1


def test_a_failure_is_tried_again_ever_less_often_and_given_up_after_a_day():
    found = box(message("a"))
    now, tries = T0, []
    while found.posted.messages:
        (going,) = found.due(now)
        tries.append(now)
        gone = found.ended(going, Delivery.REFUSED, now)
        assert found.due(now) == []
        assert gone or "1 messages wait for duty: not accepted" in found.problem()
        now += RETRY[min(len(tries), len(RETRY)) - 1]
    assert tries[-1] - tries[0] >= GIVE_UP
    assert [b - a for a, b in pairwise(tries[:4])] == list(RETRY[:3])
    assert found.posted.given_up == 1
    assert found.problem() == ""


def test_a_target_that_is_gone_is_given_up_at_once():
    found = box(message("a"))
    assert found.ended(found.due(T0)[0], Delivery.NO_TARGET, T0)


def test_one_that_fails_does_not_hold_up_the_next():
    found = box(message("a"), message("b"))
    found.ended(found.due(T0)[0], Delivery.REFUSED, T0)
    assert [each.incident for each in found.due(T0 + SECOND)] == ["b"]


def test_newer_news_of_an_incident_takes_the_place_of_older():
    found = box(message("a"))
    found.ended(found.due(T0)[0], Delivery.TIMEOUT, T0)
    found.add(message("a", at=T0 + MINUTE))
    found.written(found.unwritten)
    (waiting,) = found.posted.messages
    assert (waiting.at, waiting.tries) == (T0 + MINUTE, 1)
    (going,) = found.due(T0 + MINUTE)
    found.add(message("a", at=T0 + 2 * MINUTE))
    assert len(found.posted.messages) == 2  # one may have arrived already
    found.ended(going, Delivery.SENT, T0 + 2 * MINUTE)
    assert [each.at for each in found.posted.messages] == [T0 + 2 * MINUTE]


def test_too_much_drops_the_oldest_and_counts_it():
    found = box(*(message(f"i{n}") for n in range(MOST)))
    (going,) = found.due(T0)
    dropped = found.add(message("last"))
    assert dropped is not None
    assert dropped.incident == "i1"
    assert found.posted.dropped == 1
    assert len(found.posted.messages) == MOST
    found.interrupted(going)
    assert found.due(T0) == [going]
