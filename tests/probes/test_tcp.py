import asyncio

import pytest
from servers import closed_port, goodbye, reset, silence, silent_port, tcp_server

from monitor.probes.tcp import TcpProbe
from monitor.records import Kind, Outcome, Reason
from monitor.watchlist.model import Check, TcpParams


@pytest.fixture
def look(clock, resolver):
    """Run one TCP check."""

    async def run(port, address="127.0.0.1", timeout_s=2.0, **params):
        check = Check(
            id="h/tcp",
            host="h",
            kind=Kind.TCP,
            address=address,
            params=TcpParams(port, **params),
            timeout_s=timeout_s,
        )
        return await TcpProbe(clock, resolver).probe(check)

    return run


async def test_open_port(look):
    async with tcp_server(silence) as port:
        seen = await look(port, address="localhost")
    assert (seen.outcome, seen.reason, seen.address) == (Outcome.OK, Reason.NONE, "127.0.0.1")
    assert seen.received == 1
    assert seen.facts.port == port
    assert 0 < seen.facts.kernel_rtt_ms == seen.rtt_ms
    assert seen.facts.connect_ms <= seen.took_ms


async def test_closed_port(look):
    seen = await look(closed_port())
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.REFUSED)
    assert (seen.sent, seen.received, seen.rtt_ms) == (1, 0, None)


async def test_closed_port_over_ipv6(look):
    seen = await look(closed_port(), address="::1")
    assert seen.reason in (Reason.REFUSED, Reason.NO_FAMILY)


async def test_silent_port(look):
    with silent_port() as port:
        seen = await look(port, timeout_s=0.3)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.TIMEOUT)
    assert seen.facts.connect_ms is None


async def test_unknown_name_is_our_resolver(look):
    seen = await look(1, address="nowhere.example.test")
    assert (seen.outcome, seen.reason) == (Outcome.ERROR, Reason.RESOLVER_FAILED)


async def test_no_descriptor_left_is_a_limit_of_ours(look):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        seen = await look(1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (seen.outcome, seen.reason) == (Outcome.ERROR, Reason.LOCAL_LIMIT)


async def test_tls_facts(look, trusted):
    async with tcp_server(silence, trusted.context()) as port:
        seen = await look(port, tls=True, server_name="www.example.test")
    assert (seen.outcome, seen.reason) == (Outcome.OK, Reason.NONE)
    shown = seen.facts.tls
    assert (shown.version, shown.subject) == ("TLSv1.3", "CN=www.example.test")
    assert shown.issuer == "CN=Test CA"
    assert shown.names == ("www.example.test", "127.0.0.9")
    assert shown.not_before < seen.at < shown.not_after
    assert len(bytes.fromhex(shown.fingerprint)) == 32
    assert (shown.chain_length, shown.problem) == (1, Reason.NONE)
    assert seen.facts.tls_ms > 0


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        ({"end": 0}, Reason.CERT_EXPIRED),
        ({"start": 1}, Reason.CERT_NOT_YET_VALID),
        ({"name": "other.example.test"}, Reason.CERT_WRONG_NAME),
        ({"self_signed": True}, Reason.CERT_SELF_SIGNED),
        ({"for_clients": True}, Reason.CERT_INVALID),
    ],
)
async def test_bad_certificate(look, trusted, certificate, reason):
    async with tcp_server(silence, trusted.context(**certificate)) as port:
        seen = await look(port, tls=True, server_name="www.example.test")
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, reason)
    assert seen.facts.tls.problem is reason
    assert seen.facts.tls.not_after > 0
    assert seen.facts.tls.subject.startswith("CN=")
    assert seen.rtt_ms is not None


async def test_unknown_authority(look, authority):
    async with tcp_server(silence, authority.context()) as port:
        seen = await look(port, tls=True, server_name="www.example.test")
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.CERT_UNTRUSTED)
    assert seen.facts.tls.issuer == "CN=Test CA"


async def test_certificate_for_an_address(look, trusted):
    async with tcp_server(silence, trusted.context()) as port:
        good = await look(port, tls=True, server_name="127.0.0.9")
        bad = await look(port, tls=True, server_name="127.0.0.8")
    assert (good.reason, bad.reason) == (Reason.NONE, Reason.CERT_WRONG_NAME)


async def test_unverified_passes_and_says_so(look, authority):
    async with tcp_server(silence, authority.context(self_signed=True)) as port:
        seen = await look(port, tls=True, verify=False)
    assert seen.outcome is Outcome.OK
    assert seen.facts.tls.problem_text == "not verified"
    assert seen.facts.tls.subject == "CN=www.example.test"


@pytest.mark.parametrize(
    ("end", "verify", "reason"),
    [(5, True, Reason.CERT_EXPIRES_SOON), (0, False, Reason.CERT_EXPIRED)],
)
async def test_expiry_is_warned_of(look, trusted, end, verify, reason):
    async with tcp_server(silence, trusted.context(end=end)) as port:
        seen = await look(port, tls=True, verify=verify, server_name="www.example.test")
    assert (seen.outcome, seen.reason) == (Outcome.WARN, reason)


async def test_no_warning_when_not_wanted(look, trusted):
    async with tcp_server(silence, trusted.context(end=5)) as port:
        seen = await look(port, tls=True, server_name="www.example.test", expiry_warn_days=0)
    assert seen.outcome is Outcome.OK


async def test_hostile_names_are_made_harmless(look, authority):
    async with tcp_server(silence, authority.context("a.test\x1b[31m")) as port:
        seen = await look(port, tls=True, verify=False)
    assert "\x1b" not in seen.facts.tls.subject
    assert seen.facts.tls.subject == "CN=a.test·[31m"
    assert seen.facts.tls.names[0] == "a.test·[31m"


async def plain_text(reader, writer):
    await reader.read(1)
    writer.write(b"220 mail.example.test ESMTP\r\n")
    await reader.read()


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (silence, Reason.TLS_TIMEOUT),
        (goodbye, Reason.CLOSED),
        (reset, Reason.RESET),
        (plain_text, Reason.TLS_HANDSHAKE),
    ],
)
async def test_broken_handshake(look, trusted, handler, reason):
    async with tcp_server(handler) as port:
        seen = await look(port, tls=True, server_name="www.example.test", timeout_s=0.5)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, reason)
    assert seen.facts.connect_ms is not None
    assert seen.received == 1


async def test_cancelled_probe_leaves_nothing_open(look):
    with silent_port() as port:
        probe = asyncio.create_task(look(port))
        await asyncio.sleep(0.01)
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
