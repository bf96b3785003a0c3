"""What commands share."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import platformdirs

from monitor.records import SECOND, Micros

EXIT_USAGE: Final = 2
BANNER: Final = "DRILL, SYNTHETIC DATA"
WHO: Final = "who is at the desk (default: the user of this machine)"


class Refused(Exception):  # noqa: N818 - it is said to people, not raised at programmers
    """One clear sentence for people; the command ends with exit code 2."""


def config_dir() -> Path:
    """Where the user's watchlist, themes and keymap live."""
    return Path(os.environ.get("WATCHDESK_CONFIG") or platformdirs.user_config_dir("watchdesk"))


def state_dir() -> Path:
    """Where caches live."""
    return Path(platformdirs.user_state_dir("watchdesk"))


def default_cache() -> Path:
    """Where the state cache lives when ``--cache`` does not say."""
    return state_dir() / "cache.db"


def moment(text: str) -> Micros:
    """A moment as people write it: ISO 8601, UTC unless it says otherwise.

    Raises Refused.
    """
    try:
        found = datetime.fromisoformat(text.strip().replace(" ", "T"))
    except ValueError as error:
        raise Refused(
            f"{text!r} is no moment; write it like 2014-12-22T16:15 (UTC) or with an offset"
        ) from error
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return int(found.timestamp() * SECOND)
