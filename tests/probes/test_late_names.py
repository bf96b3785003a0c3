"""A name that is looked up slowly, or not at all, never counts against its host."""

import asyncio

import pytest
from servers import dns_server, silent_port

from monitor.clock import RealClock
from monitor.probes.dns import DnsProbe
from monitor.probes.http import HttpProbe
from monitor.probes.resolve import Resolved
from monitor.probes.tcp import TcpProbe
from monitor.records import Kind, Outcome, Reason
from monitor.watchlist.model import Check, DnsParams, HttpParams, TcpParams

_TIMEOUT_S = 0.4


class SlowNames:
    """A resolver whose answers take their time."""

    def __init__(self, seconds):
        self._seconds = seconds

    async def address(self, name, family, deadline_s):
        # A name that never comes: as long as the whole run, to the millisecond.
        await asyncio.sleep(min(self._seconds, deadline_s))
        if self._seconds >= deadline_s:
            return Resolved("", deadline_s * 1000, Reason.RESOLVER_TIMEOUT)
        return Resolved("127.0.0.1", self._seconds * 1000)


def _probes(port):
    return {
        Kind.TCP: (TcpProbe, TcpParams(port)),
        Kind.HTTP: (HttpProbe, HttpParams(f"http://www.example.test:{port}/")),
    }


_CASES = pytest.mark.parametrize(
    ("seconds", "outcome", "reason"),
    [
        (9.0, Outcome.ERROR, Reason.RESOLVER_TIMEOUT),
        (0.9 * _TIMEOUT_S, Outcome.ERROR, Reason.RESOLVER_TIMEOUT),
        (0.0, Outcome.FAIL, Reason.TIMEOUT),
    ],
)


async def _look(made, kind, params, seconds):
    check = Check("h/x", "h", kind, "www.example.test", params, timeout_s=_TIMEOUT_S)
    probe = made(RealClock(), SlowNames(seconds))
    try:
        return await probe.probe(check)
    finally:
        await probe.close()


@_CASES
@pytest.mark.parametrize("kind", [Kind.TCP, Kind.HTTP])
async def test_a_silent_port(kind, seconds, outcome, reason):
    with silent_port() as port:
        made, params = _probes(port)[kind]
        seen = await _look(made, kind, params, seconds)
    assert (seen.outcome, seen.reason) == (outcome, reason)


@_CASES
async def test_a_silent_name_server(seconds, outcome, reason):
    async with dns_server("silent") as server:
        params = DnsParams("www.example.test", "A", port=server.port)
        seen = await _look(DnsProbe, Kind.DNS, params, seconds)
    assert (seen.outcome, seen.reason) == (outcome, reason)
