"""What HTTP feeds share: waiting times, causes, lines."""

from __future__ import annotations

import socket
import ssl

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.records import SECOND, FeedReason
from monitor.routing.web import FeedFailure, Lines, failure_of, retry_after

NOW = 1_700_000_000 * SECOND


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("9" * 400, 3600.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2022 22:14:20 GMT", 0.0),
        ("Tue, 14 Nov 9999 22:14:20 GMT", 3600.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("٣", 0.0),
        ("", 0.0),
    ],
)
def test_retry_after(value, seconds):
    assert retry_after(value, NOW) == seconds


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_retry_after(value):
    assert 0 <= retry_after(value, NOW) <= 3600


def caused_by(cause: Exception) -> Exception:
    error = httpx.ConnectError("no")
    error.__cause__ = OSError("all attempts failed")
    error.__cause__.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (caused_by(socket.gaierror(-2, "x")), FeedReason.NAME),
        (caused_by(ssl.SSLError("x")), FeedReason.TLS),
        (caused_by(ConnectionRefusedError()), FeedReason.REFUSED),
        (caused_by(ConnectionResetError()), FeedReason.CLOSED),
        (caused_by(OSError(113, "no route")), FeedReason.UNREACHABLE),
        (caused_by(ExceptionGroup("x", [ConnectionRefusedError()])), FeedReason.REFUSED),
        (httpx.ReadError("x"), FeedReason.CLOSED),
        (httpx.ConnectTimeout("x"), FeedReason.TIMEOUT),
        (TimeoutError(), FeedReason.TIMEOUT),
        (httpx.UnsupportedProtocol("x"), FeedReason.PROTOCOL),
        (FeedFailure(FeedReason.NOT_JSON), FeedReason.NOT_JSON),
        (KeyError("x"), FeedReason.CRASHED),
    ],
)
def test_causes(error, reason):
    assert failure_of(error).reason is reason


@settings(deadline=None)
@given(st.binary(max_size=60), st.lists(st.integers(1, 9), min_size=1))
def test_lines_are_the_same_in_any_pieces(data, sizes):
    lines = Lines(100)
    found, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found += lines.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    assert found == data.split(b"\n")[:-1]
    assert lines.unfinished == (not data.endswith(b"\n") and data != b"")


def test_a_line_too_long():
    lines = Lines(4)
    assert lines.feed(b"1234\n12") == [b"1234"]
    with pytest.raises(FeedFailure):
        lines.feed(b"345\n")
    with pytest.raises(FeedFailure):
        Lines(4).feed(b"12345")
