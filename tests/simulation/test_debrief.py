"""What the desk said, beside what the script's author knows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.records import MINUTE, SECOND, Event, EventKind, Phase
from monitor.simulation.debrief import debrief, render
from monitor.simulation.script import Truth, TruthChange

TRUTH = Truth(
    "test",
    0,
    100 * MINUTE,
    (
        TruthChange("north", 0, Phase.STABLE, "nothing"),
        TruthChange("north", 40 * MINUTE, Phase.LOST, "a cable"),
        TruthChange("north", 80 * MINUTE, Phase.RESTORED, "nothing"),
    ),
    own_faults=((10 * MINUTE, 20 * MINUTE),),
)


def said(minute: float, phase: Phase, subject: str = "network:north", *, hard: bool = True):
    return Event(
        at=round(minute * MINUTE),
        kind=EventKind.TRANSITION,
        subject=subject,
        text="",
        new=str(phase),
        hard=hard,
    )


def test_a_change_said_late_with_others_before() -> None:
    events = [
        said(1, Phase.STABLE),
        said(42, Phase.PARTIAL),
        said(43, Phase.LOST, hard=False),
        said(44, Phase.UNSTABLE),
        said(45, Phase.LOST),
        said(81, Phase.RESTORED, "network:south"),
    ]
    found = debrief(events, TRUTH)
    first, lost, back = found.reviews
    assert (first.delay_s, first.between) == (60.0, ())
    assert (lost.said_at, lost.delay_s) == (45 * MINUTE, 300.0)
    assert lost.between == ("PARTIAL", "UNSTABLE")
    assert (back.said_at, back.between) == (None, ())
    # What the rules take to confirm is left out: 2:30 of 40, 6 of 40, 2:30 of 20 minutes.
    assert found.agreement == {"north": (37.5 + 34) / 89}
    assert [review.in_time for review in found.reviews] == [True, True, False]


def test_what_creeps_in_is_owed_once_it_is_plain() -> None:
    changes = (
        TruthChange("north", 0, Phase.STABLE, "nothing"),
        TruthChange("north", 20 * MINUTE, Phase.UNSTABLE, "a load", plain=30 * MINUTE),
    )
    truth = Truth("creeping", 0, 100 * MINUTE, changes)
    for minute, in_time in ((25, True), (32, True), (32.1, False)):
        found = debrief([said(0, Phase.STABLE), said(minute, Phase.UNSTABLE)], truth)
        assert found.reviews[1].in_time is in_time
    assert "plain from 00:30:00Z" in "\n".join(render(found))


def test_the_end_of_flapping_is_owed_only_after_an_hour_of_calm() -> None:
    changes = (
        TruthChange("north", 0, Phase.UNSTABLE, "a storm"),
        TruthChange("north", 100 * MINUTE, Phase.STABLE, "nothing"),
    )
    truth = Truth("test", 0, 200 * MINUTE, changes)
    for minute, in_time in ((162, True), (163, False)):
        events = [said(0, Phase.UNSTABLE), said(minute, Phase.STABLE)]
        assert debrief(events, truth).reviews[1].in_time is in_time


def test_what_the_desk_said_already_has_no_delay() -> None:
    early = [said(0, Phase.STABLE), said(39, Phase.LOST)]
    review = debrief(early, TRUTH).reviews[1]
    assert (review.said_at, review.delay_s) == (40 * MINUTE, 0.0)


def test_hosts_called_down_during_our_own_faults_are_false_alarms() -> None:
    def host(minute: float, state: str, *, hard: bool = True) -> Event:
        return Event(
            at=round(minute * MINUTE),
            kind=EventKind.TRANSITION,
            subject="host:ns",
            text="",
            new=state,
            hard=hard,
        )

    events = [
        host(9, "DOWN"),
        host(11, "DOWN", hard=False),
        host(12, "UNKNOWN"),
        host(15, "DOWN"),
        host(20.5, "UNREACHABLE"),
        host(30, "DOWN"),
    ]
    found = debrief(events, TRUTH)
    assert [event.at / MINUTE for event in found.false_alarms] == [15, 20.5]


def test_the_text_says_when_what_and_how_late() -> None:
    events = [said(0, Phase.STABLE), said(42, Phase.PARTIAL), said(45.5, Phase.LOST)]
    lines = render(debrief(events, TRUTH))
    text = "\n".join(lines)
    assert "drill test" in lines[0]
    assert "simulated" in lines[0]
    assert "said 1970-01-01 00:45:30Z, 5 min 30 s later, in time; before that PARTIAL" in text
    assert "never said before the next change" in text
    assert "the desk was saying so already" in text
    assert "false" not in text
    assert "Hosts called down during faults of our own: 0" in text
    assert all("\n" not in line for line in lines)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 100 * 60), st.sampled_from(list(Phase)))))
def test_agreement_is_the_share_of_seconds_in_which_both_say_the_same(
    steps: list[tuple[int, Phase]],
) -> None:
    steps.sort(key=lambda step: step[0])
    events = [said(second / 60, phase) for second, phase in steps]
    found = debrief(events, TRUTH)

    def phase_at(second: int) -> str:
        return next((str(p) for s, p in reversed(steps) if s <= second), "UNKNOWN")

    def true_at(second: int) -> str:
        return next(str(c.phase) for c in reversed(TRUTH.changes) if c.at <= second * SECOND)

    owed = [*range(150), *range(2400, 2760), *range(4800, 4950)]
    counts = sorted({*range(6000)} - {*owed})
    own = range(600, 1300)
    agreed = sum(
        phase_at(s) == true_at(s) or (s in own and phase_at(s) == "UNKNOWN") for s in counts
    )
    assert abs(found.agreement["north"] - agreed / len(counts)) < 1e-9
    assert all(r.delay_s is None or r.delay_s >= 0 for r in found.reviews)


def test_a_drill_without_truth_has_nothing_to_review() -> None:
    found = debrief([said(1, Phase.LOST)], Truth("empty", 0, MINUTE))
    assert (found.reviews, found.agreement) == ((), {})
    assert render(found)
