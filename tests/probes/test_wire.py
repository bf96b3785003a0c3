import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from monitor.probes import wire
from monitor.probes.echo import checksum


def extended_error(offender=b"", origin=2, kind=11, code=0, extensions=0):
    return struct.pack("=IBBBBIHBB", 113, origin, kind, code, 0, 0, extensions, 0, 0) + offender


def test_a_full_error_is_read():
    four = struct.pack("=H2x4s8x", socket.AF_INET, bytes([192, 0, 2, 7]))
    six = struct.pack(
        "=H6x16s4x", socket.AF_INET6, socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    )
    messages = [
        (socket.SOL_SOCKET, wire.SO_TIMESTAMPNS, struct.pack("=qq", 2, 3)),
        (wire.SOL_IP, wire.IP_TTL, struct.pack("=i", 61)),
        (wire.SOL_IP, wire.IP_RECVERR, extended_error(four, extensions=128)),
    ]
    seen = wire.read_ancillary(messages)
    assert seen == wire.Ancillary(wire.IcmpError(11, 0, "192.0.2.7", 128), 2_000_000_003, 61)
    seen = wire.read_ancillary(
        [(wire.SOL_IPV6, wire.IPV6_RECVERR, extended_error(six, 3, 1, 4))]
    )
    assert seen.error == wire.IcmpError(1, 4, "2001:db8::7", 0)


def test_errors_of_our_own_stack_are_not_a_routers():
    local = [(wire.SOL_IP, wire.IP_RECVERR, extended_error(origin=1))]
    assert wire.read_ancillary(local).error is None


levels = st.sampled_from([wire.SOL_IP, wire.SOL_IPV6, socket.SOL_SOCKET, 99])
kinds = st.sampled_from(
    [wire.IP_TTL, wire.IP_RECVERR, wire.IPV6_RECVERR, wire.SO_TIMESTAMPNS, 7]
)


@given(st.lists(st.tuples(levels, kinds, st.binary(max_size=64))))
def test_no_control_message_breaks_the_reader(messages):
    assert isinstance(wire.read_ancillary(messages), wire.Ancillary)


@given(st.binary(max_size=80), st.integers(0, 90))
def test_no_extension_breaks_the_reader(data, start):
    assert all(0 <= label < 1 << 20 for label in wire.mpls_labels(data, start))


@given(st.lists(st.integers(0, (1 << 20) - 1), min_size=1, max_size=6), st.binary(max_size=40))
def test_labels_are_read_back(labels, quoted):
    stack = b"".join(struct.pack("!I", label << 12) for label in labels)
    data = quoted + b"\x20\0\0\0" + struct.pack("!HBB", 4 + len(stack), 1, 1) + stack
    expected = tuple(labels) if quoted else ()
    assert wire.mpls_labels(data, len(quoted)) == expected


@given(st.none() | st.integers(), st.integers(), st.integers(0, 10**12))
def test_rtt_is_never_outside_what_elapsed(stamp, sent, elapsed):
    assert 0 <= wire.rtt_ms(stamp, sent, elapsed) <= elapsed / 1e6


def test_rtt_is_the_kernels_where_it_can_be():
    assert wire.rtt_ms(5_000_000, 2_000_000, 9_000_000) == 3
    assert wire.rtt_ms(1_000_000, 2_000_000, 9_000_000) == 9  # the clock was set back
    assert wire.rtt_ms(None, 2_000_000, 9_000_000) == 9


@given(st.binary(min_size=2).filter(lambda data: len(data) % 2 == 0))
def test_checksum_completes_to_zero(data):
    assert checksum(data + struct.pack("!H", checksum(data))) == 0
