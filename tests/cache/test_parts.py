from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.cache import parts
from monitor.cache.history import squeeze, unsqueeze
from monitor.records import HostRow, NetworkRow, State, subject_of
from tests import strategies as some
from tests.cache.samples import host
from tests.cache.test_asof import judged


@given(some.rows)
def test_a_row_is_put_together_from_its_parts(row):
    cut = parts.cut(row)
    joined = parts.join(subject_of(row), parts.still_record(cut), cut.turning, cut.sampled)
    left = parts.KINDS.get(type(row), parts.Kinds()).left
    for name in row.__struct_fields__:
        if name not in left:
            assert getattr(joined, name) == getattr(row, name)
    assert judged(joined) == judged(row)
    assert parts.cut(joined) == cut


@given(some.host_rows, some.states)
def test_a_turned_row_differs_where_it_was_turned(row, state):
    cut = parts.cut(row)
    turning = parts.turned(cut.turning, HostRow, state=state, soft=None, phase="no such field")
    then = parts.join("host:x", parts.still_record(cut), turning)
    assert then.state is state
    assert then.soft is None
    assert then.why == row.why
    assert parts.turned(cut.turning, HostRow) == cut.turning
    assert parts.turned(turning, HostRow, state=state) == turning


@given(st.binary(max_size=3_000))
def test_a_sketch_comes_back(record):
    assert unsqueeze(squeeze(record)) == record


def test_long_sketches_are_squeezed_and_damage_is_told():
    assert len(squeeze(b"the same again " * 200)) < 200
    with pytest.raises(ValueError, match="damaged"):
        unsqueeze(b"\1not zlib")
    with pytest.raises(ValueError, match="map"):
        parts.join("host:x", b"\x93")


def test_figures_of_observations_are_no_part():
    plain, busy = host(), host()
    busy.rtt_ms, busy.beats, busy.last_at = 99.0, b"XXX", 5
    assert parts.cut(plain) == parts.cut(busy)
    busy.state = State.DOWN
    assert parts.cut(plain) != parts.cut(busy)


@given(some.rows)
def test_a_subject_names_the_kind_of_its_row(row):
    """Exports tell by it which record a line holds."""
    kind = type(row).__name__.removesuffix("Row").lower()
    assert subject_of(row).partition(":")[0] == kind


def test_a_field_nobody_named_is_a_matter_of_the_history():
    one = NetworkRow(id="n", name="N", fate="one upstream")
    assert parts.cut(one).turning != parts.cut(NetworkRow(id="n", name="N")).turning
