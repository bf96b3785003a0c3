import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.probes.flows import Answer, Shot
from monitor.probes.hops import Trail
from monitor.probes.path import KnownPath
from monitor.probes.turns import Turns
from monitor.records import Outcome, Reason


def trail(*answers):
    """A trail of one shot a TTL: an address, an Answer, or None for silence."""
    made = Trail()
    for ttl, answer in enumerate(answers, 1):
        shot = Shot(ttl)
        shot.answer = Answer(answer, 1.0) if isinstance(answer, str) else answer
        made.add(shot, "icmp")
    return made


@pytest.mark.parametrize(
    ("addresses", "loop"),
    [
        (["a", "b", "c"], ()),
        (["a", "a", "b"], ()),  # forwards what it should drop
        (["a", None, "a"], ()),  # twice over silence may be one long pipe
        (["a", "b", "a"], ("a", "b")),
        (["x", "a", "b", "c", "a"], ("a", "b", "c")),
        (["a", None, "a", None, "a"], ("a",)),
        (["a", "a", "a", "a"], ()),
    ],
)
def test_loops(addresses, loop):
    assert trail(*addresses).loop() == loop


def test_a_target_that_answers_is_no_loop():
    made = trail("a", "b", "a", Answer("t", 1.0, final=True))
    assert made.loop() == ()
    assert made.ending(in_time=True).outcome is Outcome.OK


def test_the_target_counts_more_than_a_refusal():
    made = trail("a", Answer("b", 1.0, 3, 13, refused=Reason.PROHIBITED))
    assert made.ending(in_time=True).said_by == "b"
    late = Shot(3)
    late.answer = Answer("t", 1.0, final=True)
    made.add(late, "udp")
    assert made.ending(in_time=True).outcome is Outcome.OK
    assert made.method() == "icmp+udp"


def test_other_addresses_of_a_hop():
    made = trail("a", "b")
    for source in ("c", "b"):
        shot = Shot(2)
        shot.answer = Answer(source, 3.0)
        made.add(shot, "icmp")
    hop = made.hops()[1]
    assert (hop.address, hop.others, hop.sent, hop.received) == ("b", ("c",), 3, 3)
    assert hop.rtt_ms == 2.0


def test_time_that_ran_out_is_not_a_break():
    assert trail("a", "b", None).ending(in_time=False).reason is Reason.TIMEOUT
    silent = trail("a", *[None] * 5)
    assert silent.ending(in_time=False).reason is Reason.PATH_BREAK


answers = (
    st.none()
    | st.sampled_from("abc")
    | st.builds(
        Answer,
        st.sampled_from("abct"),
        st.floats(0, 100),
        final=st.booleans(),
        refused=st.sampled_from([Reason.NONE, Reason.PROHIBITED]),
    )
)


@given(st.lists(answers, max_size=12), st.booleans())
def test_every_trail_has_hops_and_an_ending(given_answers, in_time):
    made = trail(*given_answers)
    hops = made.hops()
    assert [hop.ttl for hop in hops] == list(range(1, len(hops) + 1))
    ending = made.ending(in_time=in_time)
    assert (ending.outcome is Outcome.OK) == (made.reached is not None)
    assert (ending.reason is Reason.NONE) == (ending.outcome is Outcome.OK)


def round_of(known, **answers):
    """The addresses that ``known`` shows after a round in which these TTLs answered."""
    made = Trail()
    for ttl, name in answers.items():
        shot = Shot(int(ttl[1:]))
        shot.answer = Answer(name, 1.0, final=name == "t")
        made.add(shot, "icmp")
    return [hop.address for hop in known.learn(made, Turns())]


def test_hops_of_two_ways_are_never_shown_together():
    known = KnownPath("h/trace", "v4")
    assert round_of(known, _1="a", _2="b", _3="c", _4="t") == ["a", "b", "c", "t"]
    assert round_of(known, _4="t") == ["a", "b", "c", "t"]
    # Only the third was asked, and it is another: what else is of the new way is not known.
    assert round_of(known, _3="x", _4="t") == ["", "", "x", "t"]
    assert round_of(known, _2="y", _4="t") == ["", "y", "x", "t"]
