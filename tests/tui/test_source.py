"""The desk's way to the cache: what it says when it can no longer answer."""

from __future__ import annotations

import pytest

from monitor.cache.reader import Cursor
from monitor.cache.schema import CacheClosed, CacheError
from monitor.tui.source import Source


async def test_a_question_after_the_end_is_a_cache_error_and_closing_twice_is_none(tmp_path):
    source = Source(tmp_path / "cache.db")
    with pytest.raises(CacheError):
        await source.changes(Cursor())
    source.close()
    source.close()
    with pytest.raises(CacheClosed, match="closed with the desk"):
        await source.changes(Cursor())
