from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.cache import codec
from monitor.cache.reader import Cursor, Reader
from monitor.cache.writer import Writer
from monitor.records import Observation, Outcome, Row, decode_row, encode, subject_of
from tests import strategies as some


@settings(max_examples=40, deadline=None)
@given(
    observations=st.lists(
        some.observations, max_size=8, unique_by=lambda seen: (seen.check, seen.at)
    ),
    events=st.lists(some.events, max_size=4),
    rows=st.lists(some.rows, max_size=6, unique_by=subject_of),
)
def test_every_record_comes_back_as_it_was_given(observations, events, rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cache.db"
        given_rows = {subject_of(row): row for row in rows}
        with closing(Writer(path)) as writer, closing(Reader(path)) as reader:
            kept = writer.commit(observations, events, given_rows)
            assert [msgspec.structs.replace(event, id=0) for event in kept] == events
            assert writer.rows() == given_rows
            assert reader.events() == kept[::-1]
            for observation in observations:
                found = reader.observations(
                    observation.check, since=observation.at, until=observation.at + 1
                )
                assert found == [observation]
            for subject, row in given_rows.items():
                assert reader.row(subject) == row
            changes = reader.changes(Cursor())
            assert changes.events == kept
            assert {subject_of(row) for row in changes.rows} == given_rows.keys()
            assert writer.bad == reader.bad == changes.bad == writer.refused == 0


@given(some.rows)
def test_a_row_without_its_memory_is_still_a_row(row):
    record, memory = codec.row_blobs(row)
    subject = subject_of(row)
    assert codec.row_of(subject, record, memory) == row
    bare = codec.row_of(subject, record)
    assert bare == codec.without_memory(row)
    assert getattr(bare, "memory", None) is None


@given(some.rows)
def test_a_row_decodes_from_its_own_encoding(row):
    assert decode_row(subject_of(row), encode(row)) == row


@given(st.one_of(some.observations, some.events, some.rows))
def test_what_comes_from_probes_can_be_kept(record):
    assert codec.keepable(record)


def test_every_kind_of_row_has_a_strategy():
    assert some.rows_by_kind.keys() == set(get_args(Row))


def test_what_no_file_can_hold_is_told():
    good = Observation(check="a/icmp", at=1, outcome=Outcome.OK)
    for field, value in (("at", 2**63), ("sent", -(2**63) - 1), ("note", "\ud800")):
        assert not codec.keepable(msgspec.structs.replace(good, **{field: value}))
