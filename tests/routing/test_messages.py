"""Every recorded message is understood; nothing raises, whatever it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.routing.messages import (
    Flaw,
    Malformed,
    MessageKind,
    Notice,
    NoticeKind,
    RouteMessage,
    parse_line,
    path_text,
)
from monitor.simulation import routes as simulated

from .samples import AT, NET, line, recorded, update

quick = settings(deadline=None)


def test_recorded_messages():
    lines = recorded("ris-live/20-msg").splitlines()
    found = [parse_line(each) for each in lines]
    assert len([each for each in found if isinstance(each, RouteMessage)]) == 20
    first = found[0]
    assert first.peer == "2a02:38::2"
    assert (first.peer_asn, first.host, first.kind) == (6881, "rrc00", MessageKind.UPDATE)
    assert first.path == (6881, 6939, 395453)
    assert first.announced == ("2620:3:a000::/48",)
    assert first.at == 1573622213_110_000


def test_a_recorded_as_set_and_a_prefix_under_two_next_hops():
    found = parse_line(recorded("ris-live/fail-as-set").splitlines()[0])
    assert found.path == (2497, 6453, 18705, 26281, (13340,))
    assert found.announced == ("2607:ffc0:1000::/36",)
    assert path_text(found.path) == "2497 6453 18705 26281 {13340}"


def test_quirks():
    found = parse_line(line(update("2001:DB8:0:0:0:0:0:1", announce=["2001:db8:0:0::/48"])))
    assert found.peer == "2001:db8::1"
    assert found.announced == ("2001:db8::/48",)
    assert found.host == "rrc00"
    empty = update("192.0.2.1", withdraw=[NET], path=[], announcements=[])
    found = parse_line(line(empty))
    assert (found.announced, found.withdrawn, found.path) == ((), (NET,), ())
    nothing = update("192.0.2.1", withdraw=[NET], path=None)
    nothing |= {"path": None, "announcements": None, "host": None, "med": 7, "new": {}}
    assert parse_line(line(nothing)).withdrawn == (NET,)
    untyped = update("192.0.2.1", announce=[NET])
    del untyped["type"]
    assert parse_line(line(untyped)).kind is MessageKind.UPDATE
    assert parse_line(line(untyped, kind=None)).announced == (NET,)
    assert parse_line(line(update("192.0.2.1", peer_asn=64500))).peer_asn == 64500


@pytest.mark.parametrize(
    ("state", "up"), [("connected", True), ("down", False), ("Down", False), ("odd", None)]
)
def test_peer_states(state, up):
    data = {"timestamp": AT, "peer": "192.0.2.1", "type": "RIS_PEER_STATE", "state": state}
    assert parse_line(line(data)).up is up
    del data["type"]
    assert parse_line(line(data)).kind is MessageKind.PEER_STATE


def test_what_the_service_says():
    error = parse_line(line({"message": "too slow \x1b[2J"}, "ris_error"))
    assert error == Notice(NoticeKind.ERROR, "too slow ·[2J")
    assert parse_line(line({"message": 5}, "ris_error")) == Notice(NoticeKind.ERROR)
    assert parse_line(line({"subscription": {}}, "ris_subscribe_ok")).kind == "ris_subscribe_ok"
    assert parse_line(b'{"type":"ris_rrc_list","data":["rrc00"]}').kind == "ris_rrc_list"
    assert parse_line(b'{"type":"pong","data":null}').kind is NoticeKind.PONG
    assert parse_line(b"") is parse_line(b" \r\n") is None


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        (b"<html>", Flaw.JSON),
        (b"{", Flaw.JSON),
        (b"\xff\xfe", Flaw.JSON),
        (b'{"type":"ris_message","data":{"x":' + b"[" * 100_000, Flaw.JSON),
        (b"[]", Flaw.SHAPE),
        (b'{"type":7}', Flaw.SHAPE),
        (b'{"type":"ris_message"}', Flaw.SHAPE),
        (b'{"type":"news","data":{}}', Flaw.KIND),
        (b'{"type":"ris_message","data":{}}', Flaw.KIND),
        (line(update("192.0.2.1", type="STATE")), Flaw.KIND),
        (line(update("192.0.2.1", at=-5)), Flaw.TIME),
        (line(update("192.0.2.1", at=1e300)), Flaw.TIME),
        (line(update("192.0.2.1", at="now")), Flaw.SHAPE),
        (line(update("192.0.2.300")), Flaw.PEER),
        (line(update("192.0.2.1", peer_asn="AS5")), Flaw.PEER),
        (line(update("192.0.2.1", peer_asn=2**32)), Flaw.PEER),
        (line(update("192.0.2.1", peer_asn="9" * 5000)), Flaw.PEER),
        (line(update("192.0.2.1", announce=[NET], path=[1, "2"])), Flaw.PATH),
        (line(update("192.0.2.1", announce=[NET], path=[1, [[2]]])), Flaw.PATH),
        (line(update("192.0.2.1", announce=[NET], path=[True])), Flaw.PATH),
        (line(update("192.0.2.1", announce=[NET], path=[2**32])), Flaw.PATH),
        (line(update("192.0.2.1", announce=[NET], path=[1] * 5000)), Flaw.PATH),
        (line(update("192.0.2.1", announce=["198.18.0.1/24"])), Flaw.PREFIX),
        (line(update("192.0.2.1", withdraw=["198.18.0.0"])), Flaw.PREFIX),
        (line(update("192.0.2.1", withdraw=["1" * 100])), Flaw.PREFIX),
        (line(update("192.0.2.1", withdraw=[5])), Flaw.SHAPE),
    ],
)
def test_malformed(text, flaw):
    found = parse_line(text)
    assert isinstance(found, Malformed)
    assert found.flaw is flaw
    assert len(found.text) <= 80
    assert found.text.isprintable()


@quick
@given(st.binary(max_size=200))
def test_any_bytes(data):
    assert isinstance(parse_line(data), Malformed | Notice | RouteMessage | None)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
keys = st.sampled_from([*update("192.0.2.1", announce=[NET], withdraw=[NET]), "state"])


@quick
@given(st.dictionaries(keys, junk), st.none() | junk)
@example({"peer": "::ffff:1.2.3.4%eth0"}, None)
def test_any_value_anywhere(wrong, kind):
    data = update("192.0.2.1", announce=[NET], withdraw=[NET]) | wrong
    text = json.dumps({"type": "ris_message" if kind is None else kind, "data": data})
    found = parse_line(text.encode("utf-8", "surrogatepass"))
    assert isinstance(found, Malformed | Notice | RouteMessage)
    if isinstance(found, RouteMessage):
        assert found.at >= 0
        assert len(set(found.announced)) == len(found.announced)


def test_what_the_simulation_says_is_understood():
    said = simulated.RouteMessage(
        at=AT * 1_000_000, peer="203.0.113.1", prefix=NET, host="rrc07", peer_asn=64600,
        path=(64600, 4837, 131279),
    )  # fmt: skip
    found = parse_line(json.dumps(simulated.ris_live(said)).encode())
    assert (found.at, found.peer, found.host) == (said.at, said.peer, said.host)
    assert (found.path, found.announced) == (said.path, (NET,))
