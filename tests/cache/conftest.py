"""A cache of its own for each test, and everything closed at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "cache.db"


@pytest.fixture
def opened() -> Iterator[Callable[[T], T]]:
    """``opened(Writer(path))``: the same, closed when the test ends."""
    with ExitStack() as stack:

        def keep(thing: T) -> T:
            stack.enter_context(closing(thing))
            return thing

        yield keep
