from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import monitor.assess
from monitor.assess.rules import RULES
from monitor.assess.words import RULE_TEXTS, next_texts, rule_texts, rules_row, span
from monitor.records import (
    HOUR,
    MINUTE,
    SECOND,
    AlarmKind,
    Phase,
    State,
    Vantage,
    decode_row,
    encode,
)

FOLDER = Path(monitor.assess.__file__).parent
TREES = [ast.parse(path.read_text()) for path in sorted(FOLDER.glob("*.py"))]


def strings(node: ast.AST | None) -> Iterator[str]:
    """String constants a value may be, either side of a condition."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from strings(one)
            yield from strings(other)
        case ast.JoinedStr(values=[ast.Constant(value=str(head)), ast.FormattedValue()]):
            # The only part of a name that varies is the kind of a route alarm.
            yield from (f"{head}{kind}" for kind in AlarmKind)
        case ast.BoolOp(values=values):
            for value in values:
                yield from strings(value)


def places(*trees: ast.Module) -> dict[str, int]:
    """By the name of a function or class, the position at which ``rule`` is given."""
    found = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                names = [each.arg for each in node.args.args]
                if "rule" in names:
                    found[node.name] = names.index("rule") - (names[0] == "self")
            elif isinstance(node, ast.ClassDef):
                fields = [
                    each.target.id
                    for each in node.body
                    if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
                ]
                if "rule" in fields:
                    found[node.name] = fields.index("rule")
    return found


def named(call: ast.Call) -> str:
    func = call.func
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def rules_in(node: ast.AST, where: dict[str, int]) -> Iterator[str]:
    """Every string that may become the rule of an event."""
    match node:
        case ast.Call():
            for keyword in node.keywords:
                if keyword.arg == "rule":
                    yield from strings(keyword.value)
            place = where.get(named(node))
            if place is not None and place < len(node.args):
                yield from strings(node.args[place])
        case ast.Assign(targets=[ast.Name(id="rule")], value=value):
            yield from strings(value)
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            for target, value in zip(targets, values, strict=True):
                if isinstance(target, ast.Name) and target.id == "rule":
                    yield from strings(value)
        case ast.FunctionDef(returns=ast.expr() as returns) if "Phase, str" in ast.unparse(
            returns
        ):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Tuple) and len(inner.elts) == 3:
                    yield from strings(inner.elts[1])


def used() -> set[str]:
    everywhere = places(*TREES)
    found = set()
    for tree in TREES:
        where = {**everywhere, **places(tree)}
        for node in ast.walk(tree):
            found.update(rules_in(node, where))
    return found - {""}


def test_the_search_finds_rules_however_they_are_given():
    assert {"hard", "soft", "where", "first-look", "as-before", "flap"} <= used()
    assert {"vantage", "stale", "gap", "hosting"} <= used()
    assert {"share", "lost", "partial", "restored", "settled", "clear", "usual"} <= used()
    assert {"flicker", "loss"} <= used()


def test_every_rule_an_event_may_carry_has_a_sentence_and_no_other_has():
    assert set(RULE_TEXTS) == used()


@pytest.mark.parametrize("name", sorted(RULE_TEXTS))
def test_a_sentence_is_plain_and_names_its_source(name):
    text = RULE_TEXTS[name]
    assert text[0].isupper()
    assert text.endswith(".")
    assert text.isprintable()
    assert "rule" in text


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("lost", {"lost_for": 7 * MINUTE, "lost_share": 0.07}, ("7 min", "7 %")),
        ("settled", {"restored_for": 77 * MINUTE}, ("77 min",)),
        ("soft", {"retry_s": 17.0, "attempts": 9}, ("17 s", "9 attempts")),
        ("hard", {"loss": 0.33, "goods_to_recover": 4}, ("33 %", "4 good")),
        ("flap", {"flap_start": 44.0, "flicker_span": 9 * HOUR}, ("44 %", "9 h")),
        ("vantage", {"round": 11 * SECOND, "vantage_share": 0.55}, ("11 s", "55 %")),
        (
            "vantage",
            {"vantage_back_share": 0.91, "vantage_back_rounds": 8},
            ("91 %", "8 rounds"),
        ),
        ("route-confirmed", {"route_confirm": 5 * MINUTE}, ("5 min",)),
        ("stale", {"stale_intervals": 3.5}, ("3.5 intervals",)),
    ],
)
def test_constants_are_those_of_the_rules(name, change, said):
    text = rule_texts(msgspec.structs.replace(RULES, **change))[name]
    for part in said:
        assert part in text


def test_every_state_says_what_would_change_it():
    words = next_texts()
    for who, states in (
        ("host", State),
        ("check", State),
        ("network", Phase),
        ("vantage", Vantage),
    ):
        for state in states:
            assert words[f"{who}:{state}"]
    assert words["host:DOWN"] == "2 good results in a row"


def test_a_span_is_said_in_the_unit_it_fits():
    assert [span(each) for each in (10 * SECOND, 90 * SECOND, 5 * MINUTE, 6 * HOUR)] == [
        "10 s",
        "90 s",
        "5 min",
        "6 h",
    ]
    assert span(SECOND // 2) == "0.5 s"


def test_the_row_survives_the_cache():
    row = rules_row()
    assert decode_row("rules", encode(row)) == row
    assert "463 stayed unknown" in row.base_rates
