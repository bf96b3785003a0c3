"""Rules and targets: what they read as, and what is said of one that is wrong."""

from __future__ import annotations

import pytest

from monitor.records import Phase, State
from monitor.watchlist import describe
from monitor.watchlist.loader import parse
from monitor.watchlist.model import Quiet, Target

from .samples import GOOD, network, problems

TARGET = '[[target]]\nid = "duty"\nenv = "DUTY"\n'


def alert(rest: str, told: str = 'phases = ["LOST"]\nto = ["bell"]\n') -> str:
    return network("") + TARGET + '[[alert]]\nid = "r"\n' + told + rest


CASES = [
    (alert('phase = ["LOST"]'), "alert[0].phase", "unknown", 'did you mean "phases"?'),
    (alert("", 'phases = ["LOSS"]\nto = ["bell"]\n'), "alert[0].phases[0]", "LOSS", "LOST"),
    (alert("", 'states = ["UNKNOWN"]\nto = ["bell"]\n'), "alert[0].states[0]", "UNK", "DOWN"),
    (
        alert("", 'routes = ["gone"]\nto = ["bell"]\n'),
        "alert[0].routes[0]",
        "gone",
        "withdrawn",
    ),
    (alert("", 'phases = ["LOST"]\n'), "alert[0]", "nobody", "to ="),
    (alert("", 'to = ["bell"]\n'), "alert[0]", "nothing to be told of", "states"),
    (alert("", 'own = true\nto = ["dutty"]\n'), "alert[0].to[0]", "dutty", '"duty"?'),
    (alert('hosts = ["b*"]'), "alert[0].hosts[0]", "b*", "fits a host id"),
    (alert('networks = ["nett"]'), "alert[0].networks[0]", "nett", 'did you mean "net"?'),
    (alert('hosts = ["A b"]'), "alert[0].hosts[0]", "A b", "a pattern"),
    (alert('after = "8d"'), "alert[0].after", "8d", "to 7d"),
    (alert('reminder = "1s"'), "alert[0].reminder", "1s", "5m to 30d"),
    (alert('quiet = { from = "22:00" }'), "alert[0].quiet", "no to", "07:00"),
    (alert('quiet = { from = "24:00", to = "07:00" }'), "alert[0].quiet.from", "24", "time of"),
    (alert('quiet = { from = "07:00", to = "07:00" }'), "alert[0].quiet.to", "length", "other"),
    (alert("own = 1"), "alert[0].own", "1", "true or false"),
    (
        alert("") + '[[alert]]\nid = "r"\nown = true\nto = ["bell"]\n',
        "alert[1].id",
        'a second "r"',
        "once",
    ),
    (TARGET + TARGET + GOOD, "target[1].id", "a second", "once"),
    ('[[target]]\nid = "bell"\nenv = "X"\n' + GOOD, "target[0].id", "bell", "terminal"),
    ('[[target]]\nid = "x"\n' + GOOD, "target[0]", "no env and no file", "one of them"),
    ('[[target]]\nid = "x"\nenv = "A"\nfile = "/b"\n' + GOOD, "target[0]", "both", "one of"),
    ('[[target]]\nid = "x"\nfile = "b"\n' + GOOD, "target[0].file", '"b"', "a whole path"),
    ('[[target]]\nid = "x"\nenv = "1 2"\n' + GOOD, "target[0].env", "1 2", "environment"),
]


@pytest.mark.parametrize(("text", "path", "found", "allowed"), CASES)
def test_a_mistake_is_named_at_its_place(text, path, found, allowed):
    said = [each for each in problems(text) if each.path == path]
    assert said, [str(each) for each in problems(text)]
    assert found in said[0].found
    assert allowed in f"{said[0].allowed} {said[0].hint}"


@pytest.mark.parametrize("key", ["url", "env", "file"])
def test_a_url_in_the_watchlist_is_refused_and_not_repeated(key):
    text = f'[[target]]\nid = "x"\n{key} = "slack://s3cret/s3cret"\n' + GOOD
    said = problems(text)
    assert [each.path for each in said] == [f"target[0].{key}"]
    assert "s3cret" not in " ".join(map(str, said))


def test_a_rule_is_read_with_its_defaults():
    text = 'timezone = "Asia/Seoul"\n' + alert('quiet = { from = 22:00:00, to = "07:30" }')
    found = parse(text.encode(), "a.toml")
    assert found.targets == (Target("duty", env="DUTY"),)
    (rule,) = found.alerts
    assert rule.phases == (Phase.LOST,)
    assert (rule.after_s, rule.together_s, rule.reminder_s, rule.recovery) == (0, 30, 0, True)
    assert rule.quiet == Quiet(22 * 60, 7 * 60 + 30, "Asia/Seoul")


def test_patterns_and_states_are_read():
    text = alert(
        'hosts = ["*"]\nnetworks = ["n?t"]\nafter = "5m"\nreminder = 3600\n',
        'states = ["DOWN", "UNREACHABLE"]\nto = ["bell", "duty"]\n',
    )
    (rule,) = parse(text.encode(), "a.toml").alerts
    assert rule.states == (State.DOWN, State.UNREACHABLE)
    assert (rule.hosts, rule.networks) == (("*",), ("n?t",))
    assert (rule.after_s, rule.reminder_s) == (300, 3600)


def test_the_summary_counts_rules_and_warns_of_a_target_nobody_names():
    found = parse(alert("").encode(), "a.toml")
    assert "alerts    1 rules: bell by 1" in describe.summary(found)
    assert "target duty is told nothing" in describe.summary(found)
