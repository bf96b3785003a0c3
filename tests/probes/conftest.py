"""What the probes' tests share: a clock, a resolver that asks nobody, an authority."""

from __future__ import annotations

import pytest
from servers import Authority

from monitor.clock import RealClock
from monitor.probes.resolve import Resolver


@pytest.fixture
def clock():
    return RealClock()


@pytest.fixture
async def resolver(clock, tmp_path):
    """Knows localhost and www.example.test from a hosts file, and no server to ask."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost www.example.test other.example.test\n")
    found = Resolver(clock, resolv_conf=tmp_path / "none", hosts=hosts)
    yield found
    await found.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def trusted(authority, monkeypatch):
    """The authority, trusted in this test as OpenSSL's environment says."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority
