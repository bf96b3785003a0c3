"""The desk's way to the cache: what it says when it can no longer answer."""

from __future__ import annotations

import pytest

from monitor.cache.reader import Cursor
from monitor.cache.schema import CacheClosed, CacheError, CacheReadOnly
from monitor.cache.writer import Writer
from monitor.tui.source import Source


async def test_a_question_after_the_end_is_a_cache_error_and_closing_twice_is_none(tmp_path):
    source = Source(tmp_path / "cache.db")
    with pytest.raises(CacheError):
        await source.changes(Cursor())
    source.close()
    source.close()
    with pytest.raises(CacheClosed, match="closed with the desk"):
        await source.changes(Cursor())


async def test_a_desk_that_only_reads_writes_nothing_by_any_way(tmp_path):
    path = tmp_path / "cache.db"
    Writer(path).close()
    source = Source(path, refuses="this desk only reads")
    with pytest.raises(CacheReadOnly, match="this desk only reads"):
        await source.request(1, "probe", "host:a")
    source.close()
