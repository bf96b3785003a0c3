"""Theme files, the remembered choice, the user's keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color

from monitor.tui import settings, themes
from monitor.tui.style import VARIABLES

SHIPPED = ("contrast", "day", "ember", "night")


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2.1)."""

    def luminance(name: str) -> float:
        parts = [part / 255 for part in Color.parse(name).rgb]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_themes_can_be_read_by_tired_eyes(tmp_path: Path, name: str):
    found, problems = themes.load_all(tmp_path)
    assert not problems
    assert set(SHIPPED) <= set(found)
    theme = found[name]
    least = 7.0 if name == "contrast" else 4.5
    for variable in VARIABLES:
        if variable.startswith("state-") or variable in (
            "desk-text",
            "desk-strong",
            "desk-dim",
        ):
            for ground in (theme.background, theme.panel):
                ratio = contrast(theme.variables[variable], ground)
                assert ratio >= (least if ground == theme.background else 4.0), variable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[base]\nprimary = 3\n", "base"),
        ('[base]\nprimary = "#12"\n', "base.primary"),
        ('[base]\nprimary = "#123456"\nsurprise = "red"\n', "base.surprise is not known"),
        ('[base]\nprimary = "red"\n[desk]\nstate-sideways = "red"\n', "desk.state-sideways"),
        ('[base]\nprimary = "red"\n[desk]\nstate-up = "[/x]"\n', "desk.state-up"),
        ('surprise = 1\n[base]\nprimary = "red"\n', "surprise"),
        ("[base]\n", "base.primary is missing"),
        ("not toml", "mine"),
        ("\x00", "mine"),
    ],
)
def test_a_bad_theme_is_one_sentence(tmp_path: Path, text: str, said: str):
    folder = tmp_path / "themes"
    folder.mkdir()
    (folder / "mine.toml").write_text(text)
    found, problems = themes.load_all(tmp_path)
    assert "mine" not in found
    assert len(problems) == 1
    assert said in problems[0]


def test_a_users_theme_wins_over_a_shipped_one(tmp_path: Path):
    folder = tmp_path / "themes"
    folder.mkdir()
    (folder / "night.toml").write_text('[base]\nprimary = "#123456"\n')
    assert themes.load_all(tmp_path)[0]["night"].primary == "#123456"


def test_the_choice_is_remembered_whole(tmp_path: Path):
    folder = tmp_path / "new"
    assert settings.remember(folder, settings.Remembered("ember")) == ""
    assert settings.recall(folder) == (settings.Remembered("ember"), "")
    assert [path.name for path in folder.iterdir()] == ["desk.toml"]
    (folder / "desk.toml").write_text("theme = [")
    assert "desk.toml was not read" in settings.recall(folder)[1]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    assert "could not be remembered" in settings.remember(
        tmp_path / "file" / "config", settings.Remembered("ember")
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('sort = "o"\n', ""),
        ('sort = "o,ctrl+o"\nhelp = "?,f1"\n', ""),
        ('surprise = "o"\n', "no binding"),
        ('sort = "o"\ngroup = "o"\n', "given twice"),
        ('sort = "banana"\n', "not a key"),
        ('sort = ""\n', "not a key"),
        ("sort = 3\n", "not used"),
        ("sort", "not used"),
    ],
)
def test_user_keys_are_taken_whole_or_not_at_all(tmp_path: Path, text: str, said: str):
    (tmp_path / "keymap.toml").write_text(text)
    keys, problem = settings.user_keys(tmp_path)
    assert bool(keys) == (not said)
    assert said in problem
