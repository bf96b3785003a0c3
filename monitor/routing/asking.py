"""Questions to DNS about addresses that are seen: through the machine's resolvers, on a
budget, each with a deadline, and none about an address that is nobody's in the world.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.clock import Clock
from monitor.routing.origin import Lookup

if TYPE_CHECKING:
    import dns.message

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_LINE: Final = 64  # who may wait for the budget
_SERVERS: Final = 3


class NoAnswer(Exception):  # noqa: N818 - an answer, not an error
    """Nothing was learnt; ``lookup`` says why."""

    def __init__(self, lookup: Lookup) -> None:
        super().__init__(lookup)
        self.lookup = lookup


def askable(address: str) -> Address:
    """``address`` (a zone is dropped, an IPv4 one mapped into IPv6 is itself) as one that
    may be asked about; raises NoAnswer with BAD_ADDRESS or PRIVATE.
    """
    try:
        found: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        raise NoAnswer(Lookup.BAD_ADDRESS) from None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if not found.is_global or found.is_multicast:
        raise NoAnswer(Lookup.PRIVATE)
    return found


class Asker:
    """Asks one resolver after the other, at most ``rate`` questions a second."""

    def __init__(
        self,
        clock: Clock,
        servers: Sequence[str] | None,
        *,
        port: int,
        timeout_s: float,
        rate: float,
    ) -> None:
        """``servers`` are resolver addresses (None: those of /etc/resolv.conf);
        ``timeout_s`` bounds one question to all of them.
        """
        self._clock = clock
        self._servers = None if servers is None else tuple(servers)
        self._port = port
        self._timeout_s = timeout_s
        self._gap_s = 1.0 / rate
        self._turn = 0.0

    async def ask(self, name: str, rdtype: str) -> dns.message.Message:
        """An answer with NOERROR or NXDOMAIN; raises NoAnswer."""
        await self._wait_turn()
        try:
            async with asyncio.timeout(self._timeout_s):
                servers = self._servers
                if servers is None:
                    servers = await asyncio.to_thread(system_servers)
                return await self._ask_each(name, rdtype, servers)
        except TimeoutError:
            raise NoAnswer(Lookup.TIMEOUT) from None

    async def _ask_each(
        self, name: str, rdtype: str, servers: Sequence[str]
    ) -> dns.message.Message:
        none = NoAnswer(Lookup.UNAVAILABLE)
        for server in servers:
            try:
                return await self._ask(name, rdtype, server, self._timeout_s / len(servers))
            except NoAnswer as failure:
                none = failure
        raise none

    async def _ask(
        self, name: str, rdtype: str, server: str, timeout_s: float
    ) -> dns.message.Message:
        import dns.asyncquery  # noqa: PLC0415 - only who asks pays for it
        import dns.exception  # noqa: PLC0415
        import dns.message  # noqa: PLC0415
        import dns.rcode  # noqa: PLC0415

        query = dns.message.make_query(name, rdtype, use_edns=0, payload=1_232)
        try:
            answer, _ = await dns.asyncquery.udp_with_fallback(
                query,
                server,
                timeout=timeout_s,
                port=self._port,
                ignore_unexpected=True,
                ignore_errors=True,
            )
        except dns.exception.Timeout:
            raise NoAnswer(Lookup.TIMEOUT) from None
        except dns.exception.DNSException:
            raise NoAnswer(Lookup.MALFORMED) from None
        except (OSError, EOFError, ValueError):
            raise NoAnswer(Lookup.UNAVAILABLE) from None
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise NoAnswer(Lookup.UNAVAILABLE)
        return answer

    async def _wait_turn(self) -> None:
        """Keep to the budget; raises NoAnswer when the line is too long."""
        now = self._clock.monotonic()
        wait = max(0.0, self._turn - now)
        if wait > _LINE * self._gap_s:
            raise NoAnswer(Lookup.BUSY)
        self._turn = now + wait + self._gap_s
        if wait > 0:
            await self._clock.sleep(wait)


def system_servers(path: Path = Path("/etc/resolv.conf")) -> tuple[str, ...]:
    """The name servers of resolv.conf(5), three at most; none where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                ipaddress.ip_address(words[1].partition("%")[0])
            except ValueError:
                continue
            found.append(words[1])
    return tuple(found[:_SERVERS])
