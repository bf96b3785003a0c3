"""A collector on the lab's routing feed: prints what its event log gets, a line an event."""

import asyncio
import sys

import msgspec

from monitor.clock import RealClock
from monitor.collect.collector import Collector, Tempo
from monitor.collect.service import routes_for
from monitor.collect.sink import Sink
from monitor.probes.base import RealProber
from monitor.watchlist.model import Feeds, Network, Watchlist

from .plan import AS, FEED


class Aloud:
    """A store that says each event as it is written."""

    def commit(self, observations, events, rows, at):
        del observations, rows, at
        for event in events:
            print(msgspec.json.encode(event).decode(), flush=True)
        return events

    def requests(self, after):
        del after
        return []

    def maintain(self, now):
        del now
        return False


async def hear(prefix):
    clock = RealClock()
    feeds = Feeds(ris=True, url="http://{}:{}/v1/stream/".format(*FEED), ripestat=False)
    network = Network("kp", "KP", (prefix,), (AS["bdr"],))
    watchlist = Watchlist("lab", networks=(network,), feeds=feeds)
    collector = Collector(
        watchlist,
        RealProber(clock),
        clock,
        Sink(Aloud(), clock, threaded=False),
        {},
        pid=0,
        tempo=Tempo(batch_s=0.1),
        routes=lambda found: routes_for(found, clock),
    )
    await collector.run()


if __name__ == "__main__":
    asyncio.run(hear(sys.argv[1]))
