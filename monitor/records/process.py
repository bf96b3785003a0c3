"""Current rows of the collector and of what it keeps for itself."""

from __future__ import annotations

import msgspec

from monitor.records.times import Micros


class CollectorRow(msgspec.Struct, omit_defaults=True):
    """Current row of the collector: its own health, recorded like any other fact.

    ``lag_*`` are milliseconds of event-loop lag over the last minute.  ``timezone`` is the
    desk's own (empty: the machine's); ``by_desk`` that a desk started it; ``drill`` is the
    name of the drill this is, ``speed`` simulated seconds in a real one, ``ends`` the
    drill's end.  ``problem`` is one
    sentence about what is wrong with the collector itself or its watchlist, or empty.
    """

    pid: int = 0
    started: Micros = 0
    beat: Micros = 0
    stopped: Micros = 0
    version: str = ""
    watchlist: str = ""
    watchlist_path: str = ""
    watchlist_hash: str = ""
    timezone: str = ""
    problem: str = ""
    checks: int = 0
    in_flight: int = 0
    done: int = 0
    missed: int = 0
    skipped: int = 0
    dropped: int = 0
    lag_p50_ms: float = 0.0
    lag_p99_ms: float = 0.0
    clock: str = "real"
    by_desk: bool = False
    drill: str = ""
    speed: float = 1.0
    paused: bool = False
    ends: Micros = 0


class RulesRow(msgspec.Struct, omit_defaults=True):
    """What the rules of judgement mean, so that a reader can say why without judging.

    ``sentences`` by the name of the rule an event carries; ``nexts`` what would change a
    state, by ``host``, ``check``, ``network`` or ``vantage`` and the state: ``host:DOWN``;
    ``base_rates`` what is known of how often which cause was found, bearing on none.
    """

    sentences: dict[str, str] = {}
    nexts: dict[str, str] = {}
    base_rates: str = ""


class OriginsRow(msgspec.Struct, omit_defaults=True):
    """What origin look-ups have found, so that a restart asks nobody again.

    ``kept`` is a :class:`monitor.routing.cymru.Kept` as MessagePack.
    """

    kept: bytes = b""
    at: Micros = 0


class NamesRow(msgspec.Struct, omit_defaults=True):
    """What reverse DNS has said, so that a restart asks nobody again.

    ``kept`` are pairs of an address and its :class:`monitor.routing.reverse.Name`, as
    MessagePack.
    """

    kept: bytes = b""
    at: Micros = 0


class Ring(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something the people at an open desk are to be told of at once: by its ``bell``, by a
    ``desktop`` notice, or both.
    """

    id: str
    at: Micros
    text: str
    bell: bool = False
    desktop: bool = False


class AlertsRow(msgspec.Struct, omit_defaults=True):
    """What is told to whom, as far as it has come.

    ``troubles`` count what has been told of and is not over.  ``waiting`` messages are not
    delivered yet, the oldest written at ``oldest`` (0: none waits); ``delivered``, ``given_up``
    (not accepted for a day) and ``dropped`` (too many waited) count since the cache began.
    ``problem`` is one sentence about what hinders delivery, or empty.  ``kept`` is a
    :class:`monitor.collect.alerts.Kept` as MessagePack: no URL of a target is in it.
    """

    troubles: int = 0
    waiting: int = 0
    oldest: Micros = 0
    delivered: int = 0
    given_up: int = 0
    dropped: int = 0
    problem: str = ""
    rings: tuple[Ring, ...] = ()
    kept: bytes = b""
    at: Micros = 0
