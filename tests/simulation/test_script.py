"""Scripts: what they may say, and everything that is wrong with one at once."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from monitor.records import HOUR, MINUTE, Kind, Phase
from monitor.simulation.events import Event, Scope
from monitor.simulation.script import Script, Truth, TruthChange, parse
from monitor.watchlist.errors import WatchlistError
from monitor.watchlist.model import Watchlist
from tests.simulation.samples import NOON

HEAD = """
name = "test"
title = "A test"
watchlist = "small"
start = 2014-12-22T12:00:00Z
end = 2014-12-22T18:00:00Z
seed = 9
"""
AT = "at = 2014-12-22T13:00:00Z\n"


def read(text: str, watchlist: Watchlist) -> tuple[Script, Truth]:
    return parse((HEAD + text).encode(), "test.toml", watchlist)


def one(text: str, watchlist: Watchlist) -> Event:
    return read(f"[[event]]\n{AT}{text}", watchlist)[0].events[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('fault = "withdraw"\ntarget = "network:north"\nfor = "1h"', {"scope": Scope.NETWORK}),
        ('fault = "withdraw"\ntarget = "prefix:175.45.176.0/24"', {"until": NOON + 6 * HOUR}),
        ('fault = "cut"\ntarget = "edge:4837-131279"\nroutes = false', {"routes": False}),
        ('fault = "cut"\ntarget = "as:4837"', {"target": "4837"}),
        ('fault = "loss"\ntarget = "own"\nloss = 0.3', {"first": 0.3, "last": 0.3}),
        ('fault = "loss"\ntarget = "host:ns"\nfrom = 0\nto = 1', {"first": 0.0, "last": 1.0}),
        (
            'fault = "flap"\ntarget = "host:ns"\nperiod = "5m"\nduty = 0.4\nhow = "withdraw"',
            {"period_s": 300.0, "duty": 0.4, "how": "withdraw"},
        ),
        (
            'fault = "overload"\ntarget = "network:north"\nlatency = "300ms"\ngrow = "10m"',
            {"latency_ms": 300.0, "grow_s": 600.0, "last": 0.8},
        ),
        ('fault = "dns-dead"\ntarget = "host:ns"\nhow = "lame"', {"how": "lame"}),
        ('fault = "server-5xx"\ntarget = "host:site"\nstatus = 502', {"status": 502}),
        ('fault = "certificate"\ntarget = "host:site"', {"how": "expired"}),
        (
            'fault = "hosting-move"\ntarget = "host:site"\nasn = 4134\ncountry = "CN"',
            {"asn": 4134, "country": "CN"},
        ),
        ('fault = "own-link-down"', {"scope": Scope.OWN, "how": "no-route"}),
        ('fault = "resolver-down"\ntarget = "own"\nhow = "failed"', {"how": "failed"}),
        ('fault = "suspend"\nfor = "20m"', {"seconds": 1200.0}),
        ('fault = "clock-step"\nseconds = -3600', {"seconds": -3600.0}),
        (
            'fault = "upstream-change"\ntarget = "network:north"\nto = [20485, 4837]',
            {"upstreams": (20485, 4837)},
        ),
        ('fault = "refuse"\ntarget = "host:site"\nhow = "reset"', {"how": "reset"}),
        ('fault = "cut"\ntarget = "host:ns"\nsource = "Dyn"', {"source": "Dyn"}),
        (
            'fault = "cut"\ntarget = "host:ns"\nuntil = 2014-12-22T13:05:00Z',
            {"until": NOON + 65 * MINUTE},
        ),
        (
            'fault = "cut"\ntarget = "host:ns"\nuntil = 2014-12-22T22:05:00+09:00',
            {"until": NOON + 65 * MINUTE},
        ),
    ],
)
def test_what_an_event_may_say(
    text: str, expected: dict[str, Any], watchlist: Watchlist
) -> None:
    event = one(text, watchlist)
    assert event.at == NOON + HOUR
    assert {name: getattr(event, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ('fault = "witdraw"\ntarget = "network:north"', "event[0].fault", '"withdraw"?'),
        ('target = "network:north"', "event[0]", "no fault"),
        ('fault = "withdraw"', "event[0]", "no target"),
        ('fault = "withdraw"\ntarget = "host:ns"', "event[0].target", "network:ID"),
        ('fault = "withdraw"\ntarget = "network:nort"', "event[0].target", '"north"?'),
        ('fault = "cut"\ntarget = "hots:ns"', "event[0].target", '"host"?'),
        ('fault = "cut"\ntarget = "host:nobody"', "event[0].target", "of the watchlist"),
        ('fault = "cut"\ntarget = "prefix:10.0.0.0/8"', "event[0].target", "of the watchlist"),
        ('fault = "cut"\ntarget = "as:x"', "event[0].target", "as:64496"),
        ('fault = "cut"\ntarget = "as:64999"', "event[0].target", "AS64999"),
        ('fault = "cut"\ntarget = "edge:4837-64999"', "event[0].target", "AS64999"),
        ('fault = "cut"\ntarget = "edge:4837"', "event[0].target", "edge:"),
        ('fault = "cut"\ntarget = "edge:4837-4837"', "event[0].target", "edge:"),
        ('fault = "cut"\ntarget = 7', "event[0].target", "network:ID"),
        ('fault = "cut"\ntarget = "host:ns"\nduty = 0.5', "event[0].duty", "unknown key"),
        ('fault = "flap"\ntarget = "host:ns"\nduti = 0.5', "event[0].duti", '"duty"?'),
        ('fault = "flap"\ntarget = "host:ns"\nduty = 5', "event[0].duty", "fraction"),
        ('fault = "loss"\ntarget = "host:ns"', "event[0]", "no loss"),
        ('fault = "certificate"\ntarget = "host:ns"\nhow = "old"', "event[0].how", "expired"),
        ('fault = "server-5xx"\ntarget = "host:ns"\nstatus = 200', "event[0].status", "400"),
        ('fault = "suspend"', "event[0]", "no for"),
        ('fault = "clock-step"\nseconds = 0', "event[0].seconds", "not 0"),
        ('fault = "upstream-change"\ntarget = "network:north"', "event[0]", "no to"),
        ('fault = "hosting-move"\ntarget = "host:ns"', "event[0]", "no asn"),
        (
            'fault = "hosting-move"\ntarget = "host:ns"\nasn = 1\naddress = "::1"',
            "event[0].address",
            "IPv4",
        ),
        (
            'fault = "cut"\ntarget = "host:ns"\nfor = "1h"\nuntil = 2014-12-22T14:00:00Z',
            "event[0].for",
            "one of them",
        ),
        (
            'fault = "cut"\ntarget = "host:ns"\nuntil = 2014-12-22T12:30:00Z',
            "event[0].until",
            "a later time",
        ),
        (
            'fault = "cut"\ntarget = "host:ns"\nuntil = 2014-12-23T12:30:00Z',
            "event[0].until",
            "start to its end",
        ),
        (
            'fault = "cut"\ntarget = "host:ns"\nuntil = 2014-12-22T14:00:00',
            "event[0].until",
            "with its zone",
        ),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(
    text: str, path: str, said: str, watchlist: Watchlist
) -> None:
    with pytest.raises(WatchlistError) as caught:
        one(text, watchlist)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert said in str(problem)
    assert problem.line > 0


def test_everything_is_said_at_once_and_in_order(watchlist: Watchlist) -> None:
    text = """
name = "x"
title = ""
watchlist = "small"
start = 2014-12-22T12:00:00Z
end = 2014-12-21T12:00:00Z
seed = -1
colour = "red"
alive = ["odl"]
[[event]]
fault = "cut"
[[place]]
host = "ns"
[[truth]]
network = "north"
from = 2014-12-22T12:00:00Z
phase = "GONE"
"""
    with pytest.raises(WatchlistError) as caught:
        parse(text.encode(), "bad.toml", watchlist)
    said = str(caught.value)
    lines = [problem.line for problem in caught.value.problems]
    assert lines == sorted(lines)
    for word in (
        "title",
        "end",
        "seed",
        "colour",
        '"old"?',
        "no at",
        "no target",
        "GONE",
        "no at_fault",
    ):
        assert word in said, word


@pytest.mark.parametrize("data", [b"\xff", b"name = ", b"a" * 300_000, b"[" * 5000])
def test_what_is_no_toml_is_refused(data: bytes, watchlist: Watchlist) -> None:
    with pytest.raises(WatchlistError):
        parse(data, "bad.toml", watchlist)


def test_an_unknown_watchlist_is_refused() -> None:
    with pytest.raises(WatchlistError, match='"north-korea"'):
        parse(HEAD.replace("small", "north-corea").encode(), "test.toml")


def test_too_many_flaps_are_refused(watchlist: Watchlist) -> None:
    text = HEAD.replace("end = 2014-12-22", "end = 2014-12-31")
    text += f'[[event]]\n{AT}fault = "flap"\ntarget = "network:north"\nperiod = "1s"\n'
    with pytest.raises(WatchlistError, match="flaps"):
        parse(text.encode(), "test.toml", watchlist)


def test_a_host_can_be_alive_again(watchlist: Watchlist) -> None:
    script, _ = read('alive = ["old"]', watchlist)
    applied = script.applied(watchlist)
    old = next(host for host in applied.hosts if host.id == "old")
    assert not old.historic
    assert [check.kind for check in old.checks] == [Kind.HTTP]
    assert [c.id for c in applied.checks()] != [c.id for c in watchlist.checks()]


TRUTH = """
[[truth]]
network = "north"
from = 2014-12-22T13:00:00Z
phase = "LOST"
at_fault = "the secret cause"
[[truth]]
network = "north"
from = 2014-12-22T12:00:00Z
phase = "STABLE"
at_fault = "nothing"
[[event]]
at = 2014-12-22T14:00:00Z
fault = "own-link-down"
for = "5m"
"""


def test_the_truth_is_in_order_and_knows_our_own_faults(watchlist: Watchlist) -> None:
    _, truth = read(TRUTH, watchlist)
    assert [change.phase for change in truth.changes] == [Phase.STABLE, Phase.LOST]
    assert truth.own_faults == ((NOON + 2 * HOUR, NOON + 2 * HOUR + 5 * MINUTE),)


def test_the_truth_cannot_be_reached_from_the_world(watchlist: Watchlist) -> None:
    script, truth = read(TRUTH, watchlist)
    world = script.world(watchlist)
    world.at(NOON + HOUR)
    seen: set[int] = set()
    waiting: list[Any] = [world, script]
    while waiting:
        found = waiting.pop()
        if id(found) in seen or isinstance(found, type) or callable(found):
            continue
        seen.add(id(found))
        assert not isinstance(found, Truth | TruthChange)
        assert found != "the secret cause"
        waiting += gc.get_referents(found)
        fields = getattr(found, "__struct_fields__", ())
        waiting += [getattr(found, name) for name in fields]
    assert len(seen) > 100
    assert truth.changes[-1].at_fault == "the secret cause"
