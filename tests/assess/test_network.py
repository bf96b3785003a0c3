"""The phase of a network: counts of what is inside, in rounds, never mistaken for sites."""

from __future__ import annotations

import pytest

from monitor.assess.network import fell_at
from monitor.assess.rules import RULES
from monitor.records import (
    Event,
    EventKind,
    NetworkRow,
    Observation,
    Outcome,
    Phase,
    Reason,
)
from tests.assess.conftest import World, host, watchlist

N = 10
MIN = 60.0


class Country(World):
    """Ten hosts inside and one affiliated outside; ``down(at)`` says how many are silent."""

    def __init__(self) -> None:
        inside = [host(f"h{n}", f"192.0.2.{n + 1}", affiliation="nk") for n in range(N)]
        super().__init__(watchlist(*inside, host("out", "203.0.113.1", affiliation="nk")))
        self.at = 0.0
        self.good = 5

    def live(
        self, seconds: float, down: int = 0, reason: Reason = Reason.TIMEOUT, **more
    ) -> None:
        """Every host once a minute (15 s while failing), controls every 10 s."""
        end = self.at + seconds
        while self.at < end:
            self.controls(self.at, self.good)
            for n in range(N):
                failing = n < down
                if (failing and self.at % 15 < 10) or self.at % 60 == n // 2 * 10:
                    if failing:
                        self.see(f"h{n}", self.at + 1, reason, **more)
                    else:
                        self.see(f"h{n}", self.at + 1)
            self.at += 10
            self.tick(self.at)

    @property
    def row(self) -> NetworkRow:
        row = self.rows["network:nk"]
        assert isinstance(row, NetworkRow)
        return row

    def phases(self) -> list[str]:
        return [e.new for e in self.turns()]

    def turns(self) -> list[Event]:
        return [e for e in self.events if e.subject == "network:nk"]


@pytest.fixture
def nk() -> Country:
    country = Country()
    country.live(10 * MIN)
    return country


def test_all_well_is_stable_and_no_news(nk: Country) -> None:
    assert nk.row.phase is Phase.STABLE
    assert (nk.row.inside_up, nk.row.inside_total) == (10, 10)
    assert nk.loud() == []


def test_an_outage_is_seen_in_a_minute_lost_after_five_and_dated_to_its_start(
    nk: Country,
) -> None:
    start = nk.at
    nk.live(90, down=N)
    assert nk.row.phase is Phase.UNSTABLE
    assert "if it lasts" in nk.row.why
    nk.live(6 * MIN, down=N)
    assert nk.row.phase is Phase.LOST
    assert abs(nk.row.since - World.us(start)) <= 31_000_000
    nk.live(60 * MIN, down=N)
    nk.live(5 * MIN)
    assert nk.row.phase is Phase.RESTORED
    nk.live(31 * MIN)
    assert nk.phases()[1:] == ["UNSTABLE", "LOST", "RESTORED", "STABLE"]


def test_a_partial_return_is_partial_and_then_restored(nk: Country) -> None:
    nk.live(10 * MIN, down=N)
    nk.live(10 * MIN, down=5)
    assert nk.row.phase is Phase.PARTIAL
    nk.live(10 * MIN)
    assert nk.phases()[-2:] == ["PARTIAL", "RESTORED"]


def test_one_or_two_lost_sites_are_no_phase(nk: Country) -> None:
    nk.live(60 * MIN, down=2)
    assert nk.phases() == ["STABLE"]
    assert ("host:h0", "UP", "DOWN") in nk.loud()


@pytest.mark.parametrize(
    "reason", [Reason.REFUSED, Reason.HTTP_STATUS, Reason.CERT_EXPIRED, Reason.DNS_SERVFAIL]
)
def test_sites_that_refuse_have_a_line(nk: Country, reason: Reason) -> None:
    nk.live(30 * MIN, down=N, reason=reason)
    assert nk.row.phase is Phase.STABLE
    assert nk.row.inside_up == N
    assert nk.host("h0").state == "DOWN"


def test_hosts_outside_never_move_the_phase(nk: Country) -> None:
    for _ in range(20):
        nk.see("out", nk.at + 2, Reason.TIMEOUT)
        nk.live(15)
    assert nk.phases() == ["STABLE"]
    assert (nk.row.outside_up, nk.row.outside_total) == (0, 1)


def test_our_own_fault_is_unknown_and_afterwards_as_before(nk: Country) -> None:
    nk.good = 0
    nk.live(10 * MIN, down=N)
    assert nk.row.phase is Phase.UNKNOWN
    nk.good = 5
    nk.live(10 * MIN)
    assert nk.row.phase is Phase.STABLE
    assert not [told for told in nk.loud() if not told[0].startswith("vantage")]
    assert nk.turns()[-1].rule == "as-before"


def test_a_flicker_of_several_hosts_is_unstable_and_ends_an_hour_after_the_last(
    nk: Country,
) -> None:
    for _ in range(3):
        nk.live(3 * MIN, down=2)
        nk.live(4 * MIN)
    assert nk.row.phase is Phase.UNSTABLE
    nk.live(70 * MIN)
    assert nk.row.phase is Phase.STABLE
    assert nk.phases() == ["STABLE", "UNSTABLE", "STABLE"]


def test_one_flapping_site_is_not_the_network(nk: Country) -> None:
    for _ in range(6):
        nk.live(3 * MIN, down=1)
        nk.live(4 * MIN)
    assert nk.phases() == ["STABLE"]


def test_heavy_loss_at_most_hosts_is_unstable(nk: Country) -> None:
    lossy = {"outcome": Outcome.WARN, "sent": 5, "received": 3}
    nk.live(10 * MIN, down=8, reason=Reason.LOSS, **lossy)
    assert nk.row.phase is Phase.UNSTABLE
    nk.live(20 * MIN)
    assert nk.row.phase is Phase.STABLE


def test_a_desk_that_starts_in_an_outage_does_not_call_it_usual() -> None:
    late = Country()
    late.live(20 * MIN, down=N)
    assert late.row.phase is Phase.LOST
    half = Country()
    half.live(20 * MIN, down=5)
    assert half.row.phase is Phase.PARTIAL


def test_what_has_been_silent_for_a_day_is_not_missed_any_more() -> None:
    nk = Country()
    nk.live(23 * 3600, down=5)
    assert nk.row.phase is Phase.PARTIAL
    nk.live(2 * 3600, down=5)
    assert nk.row.phase is Phase.STABLE
    assert "(5 usually do)" in nk.row.why


def test_every_phase_change_carries_evidence(nk: Country) -> None:
    nk.live(10 * MIN, down=N)
    for turn in nk.turns():
        assert turn.kind is EventKind.TRANSITION
        assert turn.evidence
        assert "of 10 inside answer" in turn.text


def test_a_lasting_loss_of_some_is_partial_though_it_never_was_total(nk: Country) -> None:
    nk.live(3 * MIN, down=5)
    assert nk.row.phase is Phase.UNSTABLE
    nk.live(4 * MIN, down=5)
    assert nk.row.phase is Phase.PARTIAL


def test_a_return_within_a_flicker_is_no_recovery(nk: Country) -> None:
    for _ in range(4):
        nk.live(8 * MIN, down=N)
        nk.live(12 * MIN)
    assert nk.row.phase is Phase.UNSTABLE
    assert nk.phases()[-2:] == ["LOST", "UNSTABLE"]
    nk.live(70 * MIN)
    assert nk.row.phase is Phase.STABLE


def test_a_network_that_is_unstable_as_before_our_own_fault_is_no_news(nk: Country) -> None:
    nk.live(3 * MIN, down=4)
    assert nk.row.phase is Phase.UNSTABLE
    nk.good = 0
    nk.live(2 * MIN, down=10)
    assert nk.row.phase is Phase.UNKNOWN
    nk.good = 5
    nk.live(4 * MIN, down=4)
    assert nk.row.phase is Phase.UNSTABLE
    assert [e.quiet for e in nk.turns()[-2:]] == [True, True]


def test_a_fall_of_many_is_told_between_two_rounds_once_it_has_lasted(nk: Country) -> None:
    nk.live(20)
    start = nk.at
    nk.live(50, down=N)
    (turn,) = nk.turns()[1:]
    assert turn.new == Phase.UNSTABLE
    assert 20 <= (turn.at - World.us(start)) / 1e6 <= 50
    assert turn.at % 30_000_000, "between two rounds"


def test_a_fall_shorter_than_a_second_try_is_no_fall(nk: Country) -> None:
    nk.live(10, down=N)
    for n in range(N):
        nk.see(f"h{n}", nk.at + 1)
    nk.live(10 * MIN)
    assert nk.phases() == ["STABLE"]


def test_a_fall_is_not_told_before_the_controls_have_answered_since(nk: Country) -> None:
    nk.good = 0
    nk.live(60, down=N)
    assert "UNSTABLE" not in nk.phases()


def test_in_doubt_everybody_inside_and_the_far_controls_are_looked_at(nk: Country) -> None:
    nk.judge.take()
    looks: list[str] = []
    for second in range(0, 40, 10):
        for n in range(N):
            nk.judge.observe(silence(f"h{n}/icmp", nk.us(nk.at + second + n / 10)))
        nk.judge.tick(nk.us(nk.at + second + 10))
        looks += nk.judge.take().look
    assert looks.count("h9") == looks.count("far1") == 1


def test_when_so_many_had_fallen_that_too_few_were_left() -> None:
    assert fell_at([], 10, RULES) == 0
    assert fell_at([30, 10], 10, RULES) == 0
    assert fell_at([30, 10, 20, 40], 10, RULES) == 30
    assert fell_at([7], 1, RULES) == 7


def silence(check: str, at: int) -> Observation:
    return Observation(check=check, at=at, outcome=Outcome.FAIL, reason=Reason.TIMEOUT, sent=5)


def test_a_lost_echo_here_and_there_is_no_loss_of_the_network(nk: Country) -> None:
    nk.live(10 * MIN, down=6, reason=Reason.LOSS, outcome=Outcome.WARN, sent=5, received=4)
    assert nk.phases() == ["STABLE"]
