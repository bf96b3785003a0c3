from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.assess import signs
from monitor.assess.picture import Count, Edge, Picture, PrefixRoute
from monitor.assess.rules import RULES
from monitor.assess.signs import BEYOND, SIGNS, TABLE, Cause
from monitor.records import MINUTE, SECOND, Phase, Reason, Vantage

T0 = 1_419_264_900 * SECOND  # 2014-12-22 16:15:00Z
BY_ID = {sign.id: sign for sign in SIGNS}


def picture(**known: object) -> Picture:
    return Picture(at=T0 + 5 * MINUTE, **known)  # type: ignore[arg-type]


def routes(*shares: int, gone: tuple[int, ...] = ()) -> dict[str, PrefixRoute]:
    times = gone or (0,) * len(shares)
    return {
        f"192.0.{n}.0/24": PrefixRoute(seen, 100, at)
        for n, (seen, at) in enumerate(zip(shares, times, strict=True))
    }


LOST = {"inside_reached": 0, "inside_known": 14, "phase": Phase.LOST}
WELL = {"inside_reached": 14, "inside_known": 14, "phase": Phase.STABLE}
TOGETHER = routes(0, 0, 0, 3, gone=(T0, T0 + SECOND, T0 + 4 * SECOND, T0 + 2 * SECOND))
APART = routes(0, 0, gone=(T0, T0 + 5 * MINUTE))
STEPS = {"loss_at": T0, "silent_at": T0 + 10 * MINUTE}

CASES = [
    ("sudden-withdrawal", {"routes": TOGETHER, "unstable_min": 0.0}, True),
    ("sudden-withdrawal", {"routes": TOGETHER, "unstable_min": 300.0}, False),
    ("sudden-withdrawal", {"routes": TOGETHER}, None),
    ("sudden-withdrawal", {"routes": APART, "unstable_min": 0.0}, False),
    ("sudden-withdrawal", {"routes": routes(99, 0, gone=(0, T0)), "unstable_min": 0.0}, False),
    ("sudden-withdrawal", {"unstable_min": 0.0}, None),
    ("flapping-then-loss", {**LOST, "unstable_min": 1_200.0}, True),
    ("flapping-then-loss", {**LOST, "unstable_min": 61.0}, False),
    ("flapping-then-loss", {**WELL, "unstable_min": 1_200.0}, False),
    ("flapping-then-loss", LOST, None),
    ("slow-death", {**STEPS, "routes": {}, "withdrawn_at": T0 + 30 * MINUTE}, True),
    ("slow-death", {**STEPS, "routes": {}}, False),
    ("slow-death", STEPS, None),
    ("slow-death", {"loss_at": T0, "silent_at": T0 + SECOND}, False),
    ("slow-death", {}, False),
    ("loss-alone", {**WELL, "loss_at": T0}, True),
    ("loss-alone", {**LOST, "loss_at": T0}, False),
    ("loss-alone", WELL, False),
    ("loss-alone", {"loss_at": T0}, None),
    ("announced-dead", {**LOST, "routes": routes(100, 98)}, True),
    ("announced-dead", {**LOST, "routes": routes(100, 30)}, False),
    ("announced-dead", {**WELL, "routes": routes(100, 98)}, False),
    ("announced-dead", LOST, None),
    ("announced-dead", {**LOST, "routes": {"192.0.2.0/24": PrefixRoute(0, 0)}}, None),
    ("one-upstream-lost", {"upstreams": {1: Edge(0.0, 0.6), 2: Edge(0.9, 0.4)}}, True),
    ("one-upstream-lost", {"upstreams": {1: Edge(0.0, 0.6), 2: Edge(0.0, 0.4)}}, False),
    ("one-upstream-lost", {"upstreams": {1: Edge(0.9, 0.9), 2: Edge(0.0, 0.0)}}, False),
    ("one-upstream-lost", {}, None),
    ("all-upstreams-lost", {"upstreams": {1: Edge(0.0, 0.6), 2: Edge(0.0, 0.4)}}, True),
    ("all-upstreams-lost", {"upstreams": {1: Edge(0.0, 1.0), 2: Edge(0.0, 0.0)}}, False),
    ("all-upstreams-lost", {}, None),
    ("only-dns", {**WELL, "dns": Count(0, 2)}, True),
    ("only-dns", {**WELL, "dns": Count(1, 2)}, False),
    ("only-dns", {**LOST, "dns": Count(0, 2)}, False),
    ("only-dns", WELL, None),
    ("tampered", {"reasons": {Reason.RESET: 3, Reason.TIMEOUT: 1}}, True),
    ("tampered", {"reasons": {Reason.CERT_WRONG_NAME: 1, Reason.TIMEOUT: 9}}, False),
    ("tampered", {}, False),
    ("server-errors", {"reasons": {Reason.HTTP_STATUS: 2}}, True),
    ("server-errors", {"reasons": {Reason.HTTP_STATUS: 1, Reason.TIMEOUT: 4}}, False),
    ("moved", {"moves": 1}, True),
    ("moved", {}, False),
    ("own-fault", {"vantage": Vantage.FAULT}, True),
    ("own-fault", {"vantage": Vantage.RECHECK}, True),
    ("own-fault", {"vantage": Vantage.HEALTHY}, False),
    ("own-fault", {}, None),
    ("outside-up-inside-down", {**LOST, "outside": Count(5, 5)}, True),
    ("outside-up-inside-down", {**LOST, "outside": Count(1, 5)}, False),
    ("outside-up-inside-down", {**WELL, "outside": Count(5, 5)}, False),
    ("outside-up-inside-down", LOST, None),
    ("outside-down-inside-up", {**WELL, "outside": Count(4, 5)}, True),
    ("outside-down-inside-up", {**WELL, "outside": Count(5, 5)}, False),
    ("outside-down-inside-up", {**LOST, "outside": Count(4, 5)}, False),
    ("outside-down-inside-up", WELL, None),
    ("all-down", {**LOST, "outside": Count(0, 5)}, True),
    ("all-down", {**LOST, "outside": Count(1, 5)}, False),
    ("near-silent", {**LOST, "near": {"nk": Count(0, 2)}}, True),
    ("near-silent", {**LOST, "near": {"nk": Count(2, 2)}}, False),
    ("near-silent", LOST, None),
    ("half-hour", {"began": T0 + 15 * MINUTE}, True),
    ("half-hour", {"began": T0 - 16 * MINUTE}, True),
    ("half-hour", {"began": T0}, False),
    ("half-hour", {}, False),
    ("inside-silent", LOST, True),
    ("inside-silent", {**LOST, "inside_reached": 1}, False),
    ("inside-silent", {}, None),
    ("all-withdrawn", {"routes": routes(9, 0)}, True),
    ("all-withdrawn", {"routes": routes(10, 0)}, False),
    ("all-withdrawn", {}, None),
    ("controls-answer", {"vantage": Vantage.HEALTHY}, True),
    ("controls-answer", {}, None),
    ("nothing-moved", {}, True),
    ("nothing-moved", {"moves": 2}, False),
    ("trouble", LOST, True),
    ("trouble", WELL, False),
]


@pytest.mark.parametrize(("name", "known", "said"), CASES)
def test_what_a_sign_sees(name, known, said):
    assert BY_ID[name].test(picture(**known)) is said


def test_every_sign_is_tried_above():
    assert {name for name, _, _ in CASES} == set(BY_ID)


def test_ids_and_texts_are_each_its_own():
    assert len(BY_ID) == len(SIGNS) == len({sign.text for sign in SIGNS})
    assert len(TABLE) == 13


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.id)
def test_a_sign_never_fits_and_weakens_the_same(sign):
    assert not sign.consistent & sign.weakens
    assert sign.consistent | sign.weakens <= set(Cause)
    assert sign.consistent or sign.weakens


def test_every_cause_has_signs_for_it_and_all_but_the_rarest_some_against_it():
    assert all(
        any(cause in sign.consistent for sign in TABLE)
        for cause in set(Cause) - {Cause.OUTLETS}
    )
    assert any(Cause.OUTLETS in sign.consistent for sign in BEYOND)
    assert all(any(cause in sign.weakens for sign in SIGNS) for cause in Cause)


def test_an_empty_picture_shows_nothing():
    seen = {sign.id for sign in SIGNS if sign.test(picture())}
    assert seen == {"nothing-moved"}


def test_the_thresholds_leave_room_between_them():
    assert signs.CALM_MIN < 60 < signs.FLAPPED_MIN
    assert signs.WITHDRAWN < signs.VISIBLE
    assert RULES.lost_share < RULES.well_share


@given(
    st.integers(0, 30), st.integers(0, 30), st.integers(0, 9), st.integers(0, 9), st.booleans()
)
def test_inside_and_outside_never_contradict(reached, known, up, total, routed):
    seen = picture(
        inside_reached=min(reached, known),
        inside_known=known,
        outside=Count(min(up, total), total),
        routes=routes(100) if routed else None,
    )
    shown = {sign.id for sign in SIGNS if sign.test(seen)}
    assert len(shown & {"outside-up-inside-down", "outside-down-inside-up", "all-down"}) <= 1
    assert not {"announced-dead", "all-withdrawn"} <= shown
