from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.assess.explain import BASE_RATES, TITLES, explain, is_diagnostic
from monitor.assess.picture import Count, Edge, Picture, PrefixRoute
from monitor.assess.signs import SIGNS, Cause
from monitor.records import HOUR, MINUTE, SECOND, Micros, Phase, Reason, Vantage

DEC_22 = 1_419_264_900 * SECOND  # 2014-12-22 16:15:00Z
DEC_27 = 1_419_676_200 * SECOND  # 2014-12-27 10:30:00Z
TEXT = {sign.id: sign.text for sign in SIGNS}


def four(at: Micros = 0, seen: int = 312) -> dict[str, PrefixRoute]:
    """The four prefixes, withdrawn within seconds of ``at`` or seen by all peers."""
    return {
        f"175.45.{number}.0/24": PrefixRoute(0, 312, at + number % 4 * SECOND)
        if at
        else PrefixRoute(seen, 312)
        for number in range(176, 180)
    }


def after(at: Micros, **known: object) -> Picture:
    """Five minutes into a loss, sites outside up, our own line well."""
    values: dict[str, object] = {
        "phase": Phase.LOST,
        "inside_known": 14,
        "outside": Count(5, 5),
        "dns": Count(0, 2),
        "reasons": {Reason.TIMEOUT: 14},
        "began": at,
        "silent_at": at,
        "vantage": Vantage.HEALTHY,
        "near": {"north-korea": Count(2, 2)},
        "unstable_min": 0.0,
    }
    return Picture(at=at + 5 * MINUTE, **{**values, **known})  # type: ignore[arg-type]


OVERLOADED = after(
    DEC_22,
    unstable_min=1_440.0,
    loss_at=DEC_22 - 40 * HOUR,
    silent_at=DEC_22 - 3 * HOUR,
    routes=four(DEC_22),
    withdrawn_at=DEC_22,
    upstreams={4837: Edge(0.0, 1.0)},
)
SUDDEN = after(DEC_27, routes=four(DEC_27), withdrawn_at=DEC_27)
WELL = {"phase": Phase.STABLE, "inside_reached": 14, "reasons": {}, "began": 0, "silent_at": 0}

STORY = [
    ("hours of flapping, then loss", OVERLOADED, ["overload", "power"], 2),
    ("no instability before", SUDDEN, ["deliberate", "link"], 2),
    (
        "only the name servers",
        after(DEC_27, **{**WELL, "dns": Count(0, 2), "routes": four()}),
        ["dns"],
        1,
    ),
    (
        "a site hosted outside",
        after(DEC_27, **{**WELL, "dns": Count(2, 2), "outside": Count(4, 5)}),
        ["hosting-elsewhere"],
        1,
    ),
    (
        "our own line",
        after(
            DEC_27,
            vantage=Vantage.FAULT,
            inside_known=0,
            phase=Phase.UNKNOWN,
            outside=Count(0, 5),
            near={},
            dns=Count(0, 0),
            began=0,
        ),
        ["own-line"],
        1,
    ),
    (
        "one of two upstreams",
        after(
            DEC_22,
            **{**WELL, "dns": Count(2, 2), "phase": Phase.UNSTABLE, "routes": four()},
            upstreams={4837: Edge(0.0, 0.7), 20485: Edge(0.9, 0.3)},
        ),
        ["cable", "upstream"],
        2,
    ),
    ("announced but dead", after(DEC_22, routes=four()), ["overload", "filtering"], 2),
    (
        "both upstreams at once",
        after(
            DEC_22,
            routes=four(DEC_22),
            unstable_min=None,
            upstreams={4837: Edge(0.0, 0.7), 20485: Edge(0.0, 0.3)},
        ),
        ["deliberate", "link", "power"],
        3,
    ),
    (
        "reset by somebody",
        after(
            DEC_22,
            phase=Phase.PARTIAL,
            inside_reached=10,
            dns=Count(2, 2),
            reasons={Reason.RESET: 4},
        ),
        ["filtering", "middlebox"],
        2,
    ),
    (
        "HTTP errors",
        after(
            DEC_22,
            phase=Phase.STABLE,
            inside_reached=14,
            dns=Count(2, 2),
            reasons={Reason.HTTP_STATUS: 3},
        ),
        ["server"],
        1,
    ),
]


@pytest.mark.parametrize(("name", "picture", "expected", "among"), STORY)
def test_what_stands_on_top(name, picture, expected, among):
    top = [found.id for found in explain(picture)[:among]]
    assert set(expected) <= set(top), name


def named(picture: Picture) -> dict[str, object]:
    return {found.id: found for found in explain(picture)}


def test_hours_of_flapping_weaken_a_cable_cut_and_an_upstream_cut_off():
    found = explain(OVERLOADED)
    assert [each.id for each in found[:2]] == ["overload", "power"]
    by_id = {each.id: each for each in found}
    for weakened in ("cable", "upstream"):
        assert TEXT["flapping-then-loss"] in by_id[weakened].inconsistent
        assert by_id[weakened].rank > by_id["deliberate"].rank
    assert TEXT["slow-death"] in by_id["link"].inconsistent


def test_without_instability_before_overload_is_weakened():
    found = explain(SUDDEN)
    assert [each.id for each in found[:2]] == ["deliberate", "link"]
    by_id = {each.id: each for each in found}
    assert TEXT["sudden-withdrawal"] in by_id["overload"].inconsistent
    assert TEXT["half-hour"] in by_id["deliberate"].consistent


def test_announced_but_dead_weakens_a_withdrawal():
    by_id = named(after(DEC_22, routes=four()))
    for weakened in ("deliberate", "link"):
        assert by_id[weakened].inconsistent == (TEXT["announced-dead"],)


def test_all_outlets_are_weakened_by_sites_outside_that_answer():
    assert TEXT["outside-up-inside-down"] in named(SUDDEN)["all-outlets"].inconsistent


def test_all_outlets_down_leaves_an_attack_on_all_of_them_standing():
    found = {each.id: each for each in explain(after(DEC_22, outside=Count(0, 5)))}
    assert found["all-outlets"].inconsistent == ()
    assert TEXT["all-down"] in found["all-outlets"].consistent


def test_what_fits_everything_is_marked_and_counts_for_none():
    [sign] = [sign for sign in SIGNS if not is_diagnostic(sign)]
    for found in explain(OVERLOADED):
        assert found.neutral == (sign.text,)
        assert sign.text not in found.consistent + found.inconsistent + found.missing


def test_missing_data_are_said_where_they_would_bear():
    by_id = named(after(DEC_22, routes=None, upstreams=None, near={}))
    assert TEXT["all-withdrawn"] in by_id["filtering"].missing
    assert TEXT["one-upstream-lost"] in by_id["upstream"].missing
    assert TEXT["near-silent"] in by_id["cable"].missing
    assert by_id["own-line"].missing == ()


def test_equal_evidence_has_the_same_rank():
    found = explain(after(DEC_22, routes=None, unstable_min=None))
    assert found[0].rank == 1
    weights = [(len(each.inconsistent), -len(each.consistent)) for each in found]
    assert weights == sorted(weights)
    for (one, weight), (other, heavier) in zip(
        list(zip(found, weights, strict=True)),
        list(zip(found, weights, strict=True))[1:],
        strict=False,
    ):
        assert (one.rank == other.rank) == (weight == heavier)


@pytest.mark.parametrize(
    "picture",
    [
        Picture(at=DEC_22),
        after(DEC_22, **WELL, dns=Count(2, 2)),
    ],
)
def test_where_all_is_well_nothing_is_explained(picture):
    assert explain(picture) == []


def test_nothing_is_decided_in_words():
    for title in TITLES.values():
        assert not {"caused", "because", "likely", "certain"} & set(title.split())
    assert list(TITLES) == list(Cause)
    assert "counts for none" in BASE_RATES


shares = st.floats(0.0, 1.0)
pictures = st.builds(
    Picture,
    at=st.just(DEC_22),
    phase=st.sampled_from(Phase),
    inside_reached=st.integers(0, 14),
    inside_known=st.integers(0, 14),
    outside=st.builds(Count, st.integers(0, 2), st.just(2)),
    dns=st.builds(Count, st.integers(0, 2), st.sampled_from([0, 2])),
    reasons=st.dictionaries(st.sampled_from(Reason), st.integers(1, 9), max_size=3),
    began=st.sampled_from([0, DEC_22, DEC_27]),
    loss_at=st.sampled_from([0, DEC_22 - HOUR]),
    silent_at=st.sampled_from([0, DEC_22]),
    routes=st.none() | st.sampled_from([four(), four(DEC_22), {}]),
    upstreams=st.none()
    | st.dictionaries(st.sampled_from([4837, 20485]), st.builds(Edge, shares, shares)),
    near=st.dictionaries(st.just("nk"), st.builds(Count, st.integers(0, 2), st.just(2))),
    vantage=st.sampled_from(Vantage),
    moves=st.integers(0, 2),
    unstable_min=st.none() | st.floats(0.0, 1_440.0),
)


@given(pictures)
def test_every_explanation_once_in_order_with_each_sign_in_one_place(picture):
    before = msgspec.json.encode(picture)
    found = explain(picture)
    assert msgspec.json.encode(picture) == before
    if not found:
        return
    assert {each.id for each in found} == set(Cause)
    assert len(found) == len(Cause)
    assert [each.rank for each in found] == sorted(each.rank for each in found)
    for each in found:
        texts = each.consistent + each.inconsistent + each.missing + each.neutral
        assert len(texts) == len(set(texts))


@given(pictures, st.randoms())
def test_the_order_of_the_signs_makes_no_difference_to_the_ranks(picture, random):
    shuffled = list(SIGNS)
    random.shuffle(shuffled)
    ranks = [(each.id, each.rank) for each in explain(picture, shuffled)]
    assert ranks == [(each.id, each.rank) for each in explain(picture)]
