"""The constants of judgement, in one place, each with its source (DESIGN section 4)."""

from __future__ import annotations

from typing import Final

import msgspec

from monitor.records import HOUR, MINUTE, SECOND, Micros


class Rules(msgspec.Struct, frozen=True):
    """Every threshold that a verdict depends on.  Times are Micros unless named ``_s``."""

    # own vantage (DESIGN 4.1)
    round: Micros = 10 * SECOND
    vantage_share: float = 0.6
    vantage_rounds: int = 2
    # Coming back takes more than going: a lossy line of our own must not flicker.
    vantage_back_share: float = 0.8
    vantage_back_rounds: int = 3
    vantage_min_controls: int = 4
    vantage_min_asns: int = 3
    recheck: Micros = 60 * SECOND
    # soft and hard (DESIGN 4.2)
    attempts: int = 3
    retry_s: float = 15.0
    goods_to_recover: int = 2
    # Silence so long after a refusal from the way is still the way's (RFC 1812, 4.3.2.8:
    # routers limit the rate of their ICMP errors).
    refusal_holds: Micros = 10 * MINUTE
    loss: float = 0.20
    slow_factor: float = 1.5
    # Under this the difference is scheduling noise, on a LAN above all.
    slow_floor_ms: float = 5.0
    slow_min_hours: int = 3
    back_off_after: Micros = 30 * MINUTE
    back_off_s: float = 300.0
    # flapping (Icinga 2, checkable-flapping.cpp; the wall-clock rule is our own)
    flap_slots: int = 20
    flap_start: float = 30.0
    flap_stop: float = 20.0
    flicker_count: int = 6
    flicker_span: Micros = 6 * HOUR
    # staleness and gaps (DESIGN 4.9)
    stale_intervals: float = 2.5
    clock_jump: Micros = 5 * SECOND
    evidence_kept: int = 6
    # phases of a network (DESIGN 4.5)
    network_round: Micros = 30 * SECOND
    lost_share: float = 0.05
    lost_for: Micros = 5 * MINUTE
    well_share: float = 0.80
    restored_for: Micros = 30 * MINUTE
    bad_rounds: int = 2
    good_rounds: int = 3
    # A fall that is seen between two rounds and lasts this long, longer than a second try
    # takes, weighs as much as two bad rounds.
    doubt: Micros = 20 * SECOND
    # Enough of the hosts inside must be known before anything is said of them together.
    known_share: float = 0.5
    # A flicker is the network's when several hosts come and go twice, or when most of them
    # go together three times; it is over when nothing has changed for an hour.
    flicker_hosts: int = 2
    flicker_host_share: float = 0.2
    flicker_host_changes: int = 4
    flicker_dips: int = 3
    flicker_quiet: Micros = HOUR
    # A handful of packets measures no percentage: of the newest burst of every host, or of
    # all of the last minutes, so many standard deviations more than ``loss`` must be lost
    # (binomial), and this share of the checks must have lost something.
    lossy_sigmas: float = 2.0
    lossy_window: Micros = 5 * MINUTE
    lossy_share: float = 1 / 3
    # While it seems so and too few were sent to tell, everybody is asked this often.
    lossy_ask: Micros = MINUTE
    # What has been losing must lose clearly less before that is over.
    lossy_clear: float = 0.15
    # What answers for a day without a change is what is usual.
    settle: Micros = 24 * HOUR
    # routes (DESIGN 4.6; BGPalerter collects withdrawals over 360 s)
    route_visible: float = 0.50
    route_withdrawn: float = 0.10
    route_confirm: Micros = 360 * SECOND
    route_crossings: int = 3
    route_span: Micros = HOUR
    # Fewer peers than this say nothing of the Internet.
    route_min_peers: int = 3
    # A feed that reconnects within this changes no state.
    route_grace: Micros = 3 * MINUTE


RULES: Final = Rules()
