"""The rules of judgement in plain sentences, with the constants they work with.

An event carries the name of the rule that fired; here is what that rule says.  Nothing is
decided on these texts.  The number in brackets is the rule's in the rules of judgement.
"""

from __future__ import annotations

from typing import Final

from monitor.assess.explain import BASE_RATES
from monitor.assess.path import AGREE
from monitor.assess.rules import RULES, Rules
from monitor.records import HOUR, MINUTE, SECOND, Micros, Phase, RulesRow, State, Vantage


def span(time: Micros) -> str:
    """A constant of judgement as people say it: ``10 s``, ``5 min``, ``6 h``."""
    for unit, name in ((HOUR, "h"), (MINUTE, "min")):
        if time >= unit and time % unit == 0:
            return f"{time // unit} {name}"
    return f"{time / SECOND:g} s"


def _percent(share: float) -> str:
    return f"{share * 100:g} %"


def _vantage(rules: Rules) -> dict[str, str]:
    share, rounds = _percent(rules.vantage_share), rules.vantage_rounds
    back = _percent(rules.vantage_back_share)
    return {
        "vantage": (
            f"When under {share} of the far controls answer in {rounds} rounds of "
            f"{span(rules.round)}, our own vantage is at fault and nothing seen from here "
            f"counts; once {back} do so in {rules.vantage_back_rounds} rounds, everything is "
            f"looked at anew for {span(rules.recheck)} before anything is said. A control "
            f"that loses {_percent(rules.loss)} or more does not count as answering (rule 1)."
        ),
        "own-resolver": (
            "The gateway and the resolvers of this machine are asked every "
            f"{span(rules.round)} and never counted with the far controls. Names cannot be "
            "looked up when each resolver failed twice in a row while enough far controls "
            "answered (rule 1)."
        ),
        "stale": (
            f"Without trusted data for {rules.stale_intervals:g} intervals nothing is known "
            "(rule 9)."
        ),
        "gap": (
            f"The clock jumped or stood still by over {span(rules.clock_jump)}, or nobody was "
            "looking: nothing is known of that span, and counts of failures start anew "
            "(rule 9)."
        ),
    }


def _states(rules: Rules) -> dict[str, str]:
    loss, slow = _percent(rules.loss), _percent(rules.slow_factor)
    return {
        "soft": (
            f"A first failure is on probation: it is looked at again every {rules.retry_s:g} s "
            f"and holds once {rules.attempts} attempts in a row have failed (rule 2)."
        ),
        "hard": (
            f"After {rules.attempts} failures in a row it is DOWN or UNREACHABLE, "
            f"after {rules.goods_to_recover} good results in a row it is well again; a loss of "
            f"{loss} or a time of {slow} of the last day's median in 2 of 3 rounds makes "
            "DEGRADED. A host is DOWN when every check that can speak says so, DEGRADED when "
            "some do (rule 2)."
        ),
        "first-look": (
            "This is what was found when we first looked: it is no change that anybody saw "
            "(rule 9)."
        ),
        "as-before": (
            "After a time without trusted data the state is found as it was before: it goes "
            "on as if never left, and is no news (rule 9)."
        ),
        "where": (
            "It stays out of reach, but two results in a row now say otherwise where the way "
            "ends: at the host, or before its network (rule 4)."
        ),
        "flap": (
            f"Flapping begins when over {rules.flap_start:g} % of the last "
            f"{rules.flap_slots} results differed from the one before (newer ones weigh more), "
            f"or at {rules.flicker_count} hard changes in {span(rules.flicker_span)}; it ends "
            f"under {rules.flap_stop:g} % (rule 3; the ring is Icinga 2's)."
        ),
        "hosting": (
            "The name now leads to another address; where a host is hosted is measured at "
            "every look, never taken from what was said of it (rule 5)."
        ),
    }


def _phases(rules: Rules) -> dict[str, str]:
    lost, well = _percent(rules.lost_share), _percent(rules.well_share)
    return {
        "share": (
            f"Fewer than {well} of the hosts inside that usually answer did so for "
            f"{rules.bad_rounds} rounds of {span(rules.network_round)}, or, several of them at "
            f"once, for {span(rules.doubt)} in which our own line was proven well, or for one "
            "round in which no name server inside answered either (rule 5)."
        ),
        "lost": (
            f"Under {lost} of the hosts inside that usually answer did so for "
            f"{span(rules.lost_for)}, counted from the last answer heard; a refusal or an "
            "error counts as an answer (rule 5)."
        ),
        "partial": (
            f"After a loss, between {lost} and {well} of the hosts inside answer again, for "
            f"{rules.good_rounds} rounds (rule 5)."
        ),
        "restored": (
            f"After a loss, at least {well} of what usually answers does so again, for "
            f"{rules.good_rounds} rounds (rule 5)."
        ),
        "settled": f"It has stayed restored for {span(rules.restored_for)} (rule 5).",
        "clear": (
            f"There were {rules.good_rounds} good rounds, no packet loss at most hosts and no "
            f"flicker; one ends {span(rules.flicker_quiet)} after the last change at the "
            "latest (rules 3 and 5)."
        ),
        "usual": (
            "Some hosts inside were silent from our first look on. What then answered for "
            f"{span(rules.settle)} without a change is what is usual, and at least {well} of "
            "it answers (rule 5)."
        ),
        "flicker": (
            f"In {span(rules.flicker_span)} at least {rules.flicker_hosts} hosts and "
            f"{_percent(rules.flicker_host_share)} of those inside changed "
            f"{rules.flicker_host_changes} times or more, or most of them fell silent "
            f"together {rules.flicker_dips} times (rule 3)."
        ),
        "loss": (
            f"The hosts inside together lost {_percent(rules.loss)} of their packets, and more "
            "than chance and our own line's loss would have, in "
            f"{rules.bad_rounds} rounds; at least {_percent(rules.lossy_share)} of their "
            "checks lost something (rule 5)."
        ),
    }


def _routes(rules: Rules) -> dict[str, str]:
    seen, gone = _percent(rules.route_visible), _percent(rules.route_withdrawn)
    confirm, hour = span(rules.route_confirm), span(rules.route_span)
    return {
        "feed": (
            "A feed of routes came, went or failed: no data, an error and zero are three "
            "different things (rule 6)."
        ),
        "route-provisional": (
            f"A prefix is visible while over {seen} of the connected peers hold its route, "
            f"partly visible down to {gone} and withdrawn below; what is measured is said at "
            f"once and holds when it has lasted {confirm} (rule 6)."
        ),
        "route-confirmed": f"It has been measured for {confirm} without a break (rule 6).",
        "route-back": f"It did not last {confirm}: the route is as it was before (rule 6).",
        "route-no-data": (
            f"For {span(rules.route_grace)} no feed was live, or fewer than "
            f"{rules.route_min_peers} peers were connected: nothing is known of the route, "
            "which is not the same as withdrawn (rule 6)."
        ),
        "route-unstable": (
            f"The route came or went {rules.route_crossings} times or more in {hour} (rule 6)."
        ),
        "route-calm": (
            f"It came or went fewer than {rules.route_crossings} times in {hour} (rule 6)."
        ),
        "route-disagrees": (
            f"For {confirm} routes and probes contradict each other: announced with no host "
            "that answers, or withdrawn with one that does. Both stand (rule 6)."
        ),
        "route-agrees": "Routes and probes no longer contradict each other (rule 6).",
        "route-origin": (
            f"Somebody else than expected originates the prefix; confirmed after {confirm}, "
            "over when away for as long (rule 6)."
        ),
        "route-more-specific": (
            f"A part of the prefix is announced by itself; confirmed after {confirm}, over "
            "when away for as long (rule 6)."
        ),
    }


def _paths() -> dict[str, str]:
    return {
        "path-change": (
            f"Another way than the usual one was found {AGREE} rounds in a row, and not one "
            "between arms that balance one load (rule 4)."
        ),
        "path-break": (
            f"The host was not reached {AGREE} rounds in a row: named are the last hop that "
            "answers and the first of the usual ones that does not. A hop that is silent or "
            "answers rarely while others behind it answer is no break (rule 4)."
        ),
        "path-end": (
            f"Every usual hop on the way answered and the host did not, {AGREE} rounds in a "
            "row (rule 4)."
        ),
        "path-loop": (
            f"The way led past the same routers again, {AGREE} rounds in a row (rule 4)."
        ),
        "path-whole": f"The host was reached again {AGREE} rounds in a row (rule 4).",
    }


def rule_texts(rules: Rules = RULES) -> dict[str, str]:
    """One plain sentence for each name of a rule that an event may carry."""
    return {**_vantage(rules), **_states(rules), **_phases(rules), **_routes(rules), **_paths()}


def next_texts(rules: Rules = RULES) -> dict[str, str]:
    """What would change a state next, by ``host:STATE``, ``network:PHASE`` and so on."""
    lost, well = _percent(rules.lost_share), _percent(rules.well_share)
    tries, goods = rules.attempts, rules.goods_to_recover
    recovers = f"{goods} good results in a row"
    states = {
        State.UP: f"{tries} failures in a row, or loss or slowness in 2 of 3 rounds",
        State.DEGRADED: f"{recovers} clear it; {tries} failures in a row make it DOWN",
        State.DOWN: recovers,
        State.UNREACHABLE: f"{recovers}, or two that find the way whole and the host silent",
        State.UNKNOWN: f"one good result, or {tries} failures in a row, that may be trusted",
    }
    fall = f"under {well} answering for {rules.bad_rounds} rounds"
    gone = f"LOST after {span(rules.lost_for)} with under {lost} answering"
    back = f"RESTORED after {rules.good_rounds} rounds with {well} or more answering"
    phases = {
        Phase.STABLE: f"UNSTABLE at {fall}; {gone}",
        Phase.UNSTABLE: (
            f"STABLE after {rules.good_rounds} good rounds once no flicker is left (one ends "
            f"{span(rules.flicker_quiet)} after the last change at the latest); {gone}"
        ),
        Phase.PARTIAL: f"{back}; {gone}",
        Phase.LOST: f"{back}; PARTIAL after as many with {lost} to {well}",
        Phase.RESTORED: (
            f"STABLE once it has held for {span(rules.restored_for)}; PARTIAL at {fall}"
        ),
        Phase.UNKNOWN: (
            f"fresh, trusted data of at least {_percent(rules.known_share)} of the hosts inside"
        ),
    }
    share, rounds = _percent(rules.vantage_share), rules.vantage_rounds
    back_share = _percent(rules.vantage_back_share)
    vantage = {
        Vantage.HEALTHY: (
            f"FAULT when under {share} of the far controls answer in {rounds} rounds"
        ),
        Vantage.FAULT: (
            f"{rules.vantage_back_rounds} rounds in which {back_share} or more of the far "
            "controls answer"
        ),
        Vantage.RECHECK: f"HEALTHY after {span(rules.recheck)} in which they go on answering",
        Vantage.UNKNOWN: "a round in which far controls are heard",
    }
    return {
        **{
            f"{who}:{state}": text
            for who in ("host", "check")
            for state, text in states.items()
        },
        **{f"network:{phase}": text for phase, text in phases.items()},
        **{f"vantage:{health}": text for health, text in vantage.items()},
    }


RULE_TEXTS: Final = rule_texts()


def rules_row(rules: Rules = RULES) -> RulesRow:
    """The rules as the cache keeps them, for readers that never judge."""
    return RulesRow(rule_texts(rules), next_texts(rules), BASE_RATES)
