"""Does something listen: a TCP connect, with a TLS handshake when asked.

``rtt_ms`` of the observation is the kernel's own (TCP_INFO) where there is one; ``sent``
counts SYNs, so a connect that needed a second one shows its loss.
"""

from __future__ import annotations

import asyncio

from monitor.clock import Clock
from monitor.probes import tls
from monitor.probes.failures import Failure
from monitor.probes.resolve import Resolver
from monitor.probes.run import Run
from monitor.probes.stream import Stream
from monitor.records import Observation, Reason, TcpFacts
from monitor.watchlist.model import Check, TcpParams


class TcpProbe:
    """Probes of kind ``tcp``."""

    def __init__(self, clock: Clock, resolver: Resolver) -> None:
        self._clock = clock
        self._resolver = resolver

    async def probe(self, check: Check) -> Observation:
        assert isinstance(check.params, TcpParams)
        params = check.params
        run = Run(self._clock, check)
        stream: Stream | None = None
        try:
            async with asyncio.timeout(check.timeout_s):
                await run.resolve(self._resolver)
                stream = await Stream.connect(run.address, params.port, self._clock)
                if params.tls:
                    context = await tls.context(verify=params.verify)
                    await stream.secure(context, params.server_name or check.address)
        except TimeoutError:
            reason = Reason.TIMEOUT if stream is None else Reason.TLS_TIMEOUT
            return self._failed(run, run.late(Failure(reason)), params, stream)
        except Failure as failure:
            return self._failed(run, failure, params, stream)
        finally:
            if stream is not None:
                stream.close()
        outcome, reason, note = tls.expiry(stream.tls, run.at, params.expiry_warn_days)
        return run.ended(
            outcome,
            reason,
            rtt_ms=stream.rtt_ms,
            sent=stream.syns,
            received=1,
            note=note,
            facts=_facts(params, stream),
        )

    @staticmethod
    def _failed(
        run: Run, failure: Failure, params: TcpParams, stream: Stream | None
    ) -> Observation:
        if stream is None:
            return run.failed(failure, facts=TcpFacts(port=params.port))
        return run.failed(
            failure,
            rtt_ms=stream.rtt_ms,
            sent=stream.syns,
            received=1,
            facts=_facts(params, stream),
        )

    async def close(self) -> None:
        """Nothing outlives a probe."""


def _facts(params: TcpParams, stream: Stream) -> TcpFacts:
    return TcpFacts(
        port=params.port,
        connect_ms=stream.connect_ms,
        kernel_rtt_ms=stream.kernel_rtt_ms,
        tls_ms=stream.tls_ms,
        tls=stream.tls,
    )
