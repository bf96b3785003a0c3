from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.assess.fate import Fate, Member, Trait, elements_of, path_of, shared_fate

DESK = ("192.0.2.1", 64500)
DACOM = ("198.51.100.9", 3786)
UNICOM = ("203.0.113.130", 4837)
TTK = ("203.0.113.200", 20485)
STAR = 131279


def member(name: str, asn: int | None, *hops: tuple[str, int | None], **more: object) -> Member:
    return Member(name, asn=asn, hops=hops, **more)  # type: ignore[arg-type]


def inside(number: int, *hops: tuple[str, int | None], **more: object) -> Member:
    address = f"175.45.{176 + number % 4}.{number}"
    values = {"prefix": f"175.45.{176 + number % 4}.0/24", "address": address, **more}
    return member(f"nk{number}", STAR, *(hops or (DESK, DACOM, UNICOM)), **values)


def control(number: int, asn: int, *hops: tuple[str, int | None]) -> Member:
    return member(f"control{number}", asn, *(hops or (DESK, DACOM)))


NINE = [inside(n) for n in range(9)]
BEHIND_TTK = [inside(n, DESK, DACOM, TTK) for n in (20, 21)]
IN_CHINA = [control(n, 4837, DESK, DACOM, UNICOM) for n in range(5)]


def named(failing: list[Member], answering: list[Member]) -> Fate:
    found = shared_fate(failing, answering)
    assert found is not None
    return found


def test_the_edge_that_the_lost_hosts_share():
    found = named(NINE, BEHIND_TTK)
    assert (found.trait, found.name) == (Trait.EDGE, "AS4837→AS131279")
    assert found.text == (
        "all 9 lost hosts lie behind AS4837→AS131279; 2 hosts behind AS20485 answer"
    )
    assert (found.failing, found.behind, found.elsewhere) == (9, 0, 2)


def test_hosts_that_answer_up_to_the_edge_are_the_contrast():
    assert named(NINE, IN_CHINA).text == (
        "all 9 lost hosts lie behind AS4837→AS131279; 5 hosts behind AS4837 answer"
    )


def test_a_prefix_when_others_of_the_same_way_answer():
    found = named([inside(0), inside(4)], [inside(1), inside(2)])
    assert (found.trait, found.name) == (Trait.PREFIX, "175.45.176.0/24")
    assert found.text == "both lost hosts lie in 175.45.176.0/24; 2 hosts elsewhere answer"


def test_an_as_when_its_ways_differ():
    failing = [inside(0), inside(1, DESK, DACOM, TTK)]
    found = named(failing, [control(1, 15169)])
    assert (found.trait, found.name) == (Trait.AS, "AS131279")


def test_a_router_when_nothing_larger_tells_them_apart():
    odd = ("203.0.113.131", 4837)
    failing = [inside(n, DESK, DACOM, UNICOM, odd) for n in range(3)]
    found = named(failing, [inside(n, DESK, DACOM, UNICOM) for n in (8, 9, 10, 11)])
    assert (found.trait, found.name) == (Trait.HOP, "203.0.113.131")


def test_of_edges_that_fit_alike_the_one_where_the_answers_end():
    far = [control(1, 15169, DESK)]
    assert named(NINE, far).name == "AS4837→AS131279"
    broken = [inside(n, last_asn=3786) for n in range(9)]
    assert named(broken, far).name == "AS3786→AS4837"


def test_one_that_answers_behind_it_is_told():
    found = named(NINE, [inside(30), *BEHIND_TTK])
    assert found.text.endswith("; 2 hosts behind AS20485 answer; 1 host behind it answers too")
    assert (found.behind, found.elsewhere) == (1, 2)


@pytest.mark.parametrize(
    ("failing", "answering"),
    [
        ([], NINE),
        ([inside(1)], BEHIND_TTK),
        (NINE, []),
        ([inside(0), inside(4)], [inside(8), inside(12)]),
        ([member("a", None), member("b", None)], BEHIND_TTK),
        ([inside(0), control(1, 15169, ("198.18.0.1", 7018))], BEHIND_TTK),
    ],
    ids=["none", "one", "no contrast", "answering alike", "nothing known", "nothing shared"],
)
def test_nothing_is_named_where_nothing_tells_them_apart(failing, answering):
    assert shared_fate(failing, answering) is None


def test_a_host_without_a_path_is_no_contrast_to_an_edge():
    unknown = [Member("x", asn=STAR, prefix="175.45.179.0/24")]
    found = shared_fate([inside(0), inside(4)], unknown)
    assert found is not None
    assert found.trait is Trait.PREFIX


def test_a_path_names_each_as_once_and_ends_at_the_host():
    hops = (DESK, ("", None), DACOM, ("198.51.100.10", 3786), UNICOM)
    assert path_of(member("a", STAR, *hops)) == (64500, 3786, 4837, STAR)
    assert path_of(member("a", 4837, *hops)) == (64500, 3786, 4837)
    assert path_of(Member("a")) == ()


asns = st.none() | st.sampled_from([1, 2, 3, 4])
hops = st.tuples(st.sampled_from(["", "10.0.0.1", "10.0.0.2", "10.0.0.3"]), asns)
members = st.builds(
    Member,
    host=st.text("abc", max_size=3),
    address=st.sampled_from(["", "10.0.0.3", "10.9.9.9"]),
    prefix=st.sampled_from(["", "10.0.0.0/24", "10.9.9.0/24"]),
    asn=asns,
    hops=st.lists(hops, max_size=5).map(tuple),
    last_asn=asns,
)


@given(st.lists(members, max_size=5), st.lists(members, max_size=5), st.randoms())
def test_the_element_covers_all_that_fail_and_no_order_changes_it(failing, answering, random):
    found = shared_fate(failing, answering)
    one, other = failing[:], answering[:]
    random.shuffle(one)
    random.shuffle(other)
    assert shared_fate(one, other) == found
    if found is None:
        return
    names = [
        {(element.trait, _said(element.key)) for element in elements_of(each)}
        for each in failing
    ]
    assert all((found.trait, found.name) in each for each in names)
    assert found.failing == len(failing) > found.behind
    assert 0 < found.elsewhere <= len(answering) - found.behind


def _said(key: tuple[int, ...] | str) -> str:
    return key if isinstance(key, str) else "→".join(f"AS{asn}" for asn in key)
