"""The board as Prometheus metrics, read from the cache at each scrape.

Names and units follow OpenMetrics 1.0: base units, ``_total`` for counters, one time series
a state for what is one of several (StateSet).  What is not known has no sample: no data is
not zero.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
)
from prometheus_client.registry import Collector

from monitor.cache.reader import Cursor, Reader
from monitor.cache.schema import CacheError
from monitor.records import (
    SECOND,
    AlertsRow,
    CheckRow,
    CollectorRow,
    FeedRow,
    FeedState,
    HostRow,
    Micros,
    NetworkRow,
    Phase,
    Routed,
    RouteRow,
    Row,
    State,
    Vantage,
    VantageRow,
    subject_of,
)

_PREFIX: Final = "watchdesk_"
_HOST: Final = ("host", "name", "network", "affiliation", "role")
_CHECK: Final = ("check", "host", "kind")


class BoardMetrics(Collector):
    """Gives what the cache says now; a cache that cannot be read is a metric, not an error."""

    def __init__(self, cache: Path, now: Callable[[], Micros]) -> None:
        self._cache = cache
        self._now = now
        self._reader: Reader | None = None
        self._cursor = Cursor()
        self._rows: dict[str, Row] = {}
        # Two scrapes at once share one connection to the cache.
        self._turn = threading.Lock()

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is depends on the watchlist."""
        return ()

    def collect(self) -> Iterator[Metric]:
        with self._turn:
            readable = self._read()
            rows = list(self._rows.values()) if readable else []
        yield _gauge("cache_readable", "Whether the cache can be read (0 or 1).", readable)
        yield from _of_collector(rows, self._now())
        yield from _of_vantages(rows)
        yield from _of_networks(rows)
        yield from _of_hosts(rows)
        yield from _of_checks(rows)
        yield from _of_routes(rows)
        yield from _of_alerts(rows)

    def _read(self) -> bool:
        try:
            if self._reader is None:
                self._reader = Reader(self._cache)
            found = self._reader.changes(self._cursor, 1)
        except CacheError:
            return False
        if found.fresh:
            self._rows.clear()
        self._cursor = found.cursor
        for row in found.rows:
            if getattr(row, "removed", False):
                self._rows.pop(subject_of(row), None)
            else:
                self._rows[subject_of(row)] = row
        return True


def _gauge(name: str, said: str, value: float, unit: str = "") -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, said, value=float(value), unit=unit)


def _gauges(name: str, said: str, labels: Sequence[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, said, labels=labels)


def _states(name: str, said: str, labels: Sequence[str]) -> StateSetMetricFamily:
    return StateSetMetricFamily(_PREFIX + name, said, labels=labels)


def _one_of(words: type[StrEnum], now: str) -> dict[str, bool]:
    return {word.value: word == now for word in words}


def _add(family: GaugeMetricFamily, labels: list[str], value: float | None) -> None:
    """A sample, unless nothing is known."""
    if value is not None:
        family.add_metric(labels, value)


def _time(at: Micros) -> float | None:
    return at / SECOND if at else None


# --- ourselves -------------------------------------------------------------------------------


def _of_collector(rows: list[Row], now: Micros) -> Iterator[Metric]:
    row = next((each for each in rows if isinstance(each, CollectorRow)), None)
    if row is None:
        return
    said = {"version": row.version, "watchlist": row.watchlist, "drill": row.drill}
    yield InfoMetricFamily(f"{_PREFIX}collector", "Which collector writes the cache.", said)
    yield _gauge("synthetic_data", "Whether all of it is a drill's (0 or 1).", bool(row.drill))
    if not row.drill:
        # A drill's time is its own.
        age = max(0.0, (now - row.beat) / SECOND)
        yield _gauge("data_age_seconds", "Since the collector last wrote its health.", age)
    beat = _time(row.beat)
    if beat is not None:
        yield _gauge("collector_beat_timestamp_seconds", "When it last did.", beat)
    yield _gauge("collector_checks", "Checks that are scheduled.", row.checks)
    yield _gauge("collector_checks_in_flight", "Checks that run now.", row.in_flight)
    begun = _time(row.started)
    for name, said_of, count in (
        ("collector_runs", "Check runs that ended.", row.done),
        ("collector_missed_runs", "Check runs that were late and left out.", row.missed),
        ("collector_skipped_runs", "Check runs shed to protect the others.", row.skipped),
        ("collector_dropped_observations", "Observations not written.", row.dropped),
    ):
        family = CounterMetricFamily(_PREFIX + name, said_of, labels=())
        family.add_metric((), float(count), created=begun)
        yield family
    for name, lag in (("median", row.lag_p50_ms), ("p99", row.lag_p99_ms)):
        said_of = "Lag of the collector's event loop over the last minute."
        yield _gauge(f"collector_loop_lag_{name}_seconds", said_of, lag / 1000)


def _of_vantages(rows: list[Row]) -> Iterator[Metric]:
    health = _states("vantage_health", "May what is seen from here be trusted?", ("vantage",))
    counts = {
        name: _gauges(f"vantage_controls{name}", f"Far controls{said}.", ("vantage",))
        for name, said in (
            ("", ""),
            ("_known", " with fresh data"),
            ("_answering", " that answer"),
        )
    }
    for row in rows:
        if isinstance(row, VantageRow):
            health.add_metric([row.id], _one_of(Vantage, row.health))
            counts[""].add_metric([row.id], row.total)
            counts["_known"].add_metric([row.id], row.known)
            counts["_answering"].add_metric([row.id], row.answering)
    yield health
    yield from counts.values()


def _of_alerts(rows: list[Row]) -> Iterator[Metric]:
    row = next((each for each in rows if isinstance(each, AlertsRow)), None)
    if row is None:
        return
    yield _gauge("alert_troubles", "Troubles told of that are not over.", row.troubles)
    yield _gauge("outbox_messages", "Messages that wait to be delivered.", row.waiting)
    oldest = _time(row.oldest)
    if oldest is not None:
        said = "When the oldest of them was written."
        yield _gauge("outbox_oldest_message_timestamp_seconds", said, oldest)
    for name, said, count in (
        ("delivered", "Messages delivered.", row.delivered),
        ("given_up", "Messages not accepted for a day.", row.given_up),
        ("dropped", "Messages dropped, as too many waited.", row.dropped),
    ):
        yield CounterMetricFamily(f"{_PREFIX}outbox_{name}_messages", said, value=count)


# --- what is watched -------------------------------------------------------------------------


def _of_networks(rows: list[Row]) -> Iterator[Metric]:
    labels = ("network", "name")
    phase = _states("network_phase", "Phase of a network.", labels)
    since = _gauges("network_phase_since_timestamp_seconds", "Since when.", labels)
    counts = {
        name: _gauges(f"network_inside_hosts{name}", f"Hosts measured inside{said}.", labels)
        for name, said in (
            ("", ""),
            ("_known", " with fresh, trusted data"),
            ("_answering", " that gave any answer"),
            ("_usual", " that answer when all is well"),
        )
    }
    routes = _gauges("network_routes", "Prefixes of which the feeds tell.", labels)
    visible = _gauges("network_routes_visible", "Prefixes that are visible.", labels)
    for row in rows:
        if not isinstance(row, NetworkRow):
            continue
        who = [row.id, row.name]
        phase.add_metric(who, _one_of(Phase, row.phase))
        _add(since, who, _time(row.since))
        counts[""].add_metric(who, row.inside_total)
        counts["_known"].add_metric(who, row.inside_known)
        counts["_answering"].add_metric(who, row.inside_up)
        counts["_usual"].add_metric(who, row.usual)
        if row.routes_state is FeedState.LIVE:
            routes.add_metric(who, row.routes_total)
            visible.add_metric(who, row.routes_visible)
    yield from (phase, since, *counts.values(), routes, visible)


def _of_hosts(rows: list[Row]) -> Iterator[Metric]:
    state = _states("host_state", "Hard state of a host or control.", _HOST)
    since = _gauges("host_state_since_timestamp_seconds", "Since when.", _HOST)
    rtt = _gauges("host_rtt_seconds", "Round trip of the last run of its main check.", _HOST)
    loss = _gauges("host_loss_ratio", "Fraction lost in that run.", _HOST)
    last = _gauges("host_last_run_timestamp_seconds", "When it was last looked at.", _HOST)
    flapping = _gauges("host_flapping", "Whether it flaps (0 or 1).", _HOST)
    for row in rows:
        if not isinstance(row, HostRow) or row.historic:
            continue
        who = [row.id, row.name, row.network, row.affiliation, row.role]
        state.add_metric(who, _one_of(State, row.state))
        _add(since, who, _time(row.since))
        _add(rtt, who, None if row.rtt_ms is None else row.rtt_ms / 1000)
        _add(loss, who, row.loss)
        _add(last, who, _time(row.last_at))
        flapping.add_metric(who, row.flapping)
    yield from (state, since, rtt, loss, last, flapping)


def _of_checks(rows: list[Row]) -> Iterator[Metric]:
    state = _states("check_state", "Hard state of a check.", _CHECK)
    rtt = _gauges("check_rtt_seconds", "Round trip of its last run.", _CHECK)
    took = _gauges("check_run_duration_seconds", "How long its last run took.", _CHECK)
    last = _gauges("check_last_run_timestamp_seconds", "When its last run began.", _CHECK)
    for row in rows:
        if not isinstance(row, CheckRow):
            continue
        who = [row.id, row.host, row.kind]
        state.add_metric(who, _one_of(State, row.state))
        if row.last is not None:
            seen = row.last
            _add(rtt, who, None if seen.rtt_ms is None else seen.rtt_ms / 1000)
            _add(took, who, seen.took_ms / 1000)
            _add(last, who, _time(seen.at))
    yield from (state, rtt, took, last)


def _of_routes(rows: list[Row]) -> Iterator[Metric]:
    labels = ("prefix", "network")
    state = _states("route_state", "How far a prefix is seen, confirmed.", labels)
    peers = _gauges("route_peers", "Baseline peers that are connected.", labels)
    seen = _gauges("route_peers_seeing", "Baseline peers that hold the route.", labels)
    feeds = _states("feed_state", "What may be said from a routing feed.", ("feed",))
    fresh = _gauges(
        "feed_last_data_timestamp_seconds", "When it last said anything.", ("feed",)
    )
    for row in rows:
        if isinstance(row, RouteRow):
            who = [row.prefix, row.network]
            state.add_metric(who, _one_of(Routed, row.state))
            if row.feed is FeedState.LIVE:
                peers.add_metric(who, row.peers)
                seen.add_metric(who, row.seen)
        elif isinstance(row, FeedRow):
            feeds.add_metric([row.name], _one_of(FeedState, row.state))
            _add(fresh, [row.name], _time(row.at))
    yield from (state, peers, seen, feeds, fresh)
