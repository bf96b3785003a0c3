"""The line as a desk shows it: named rightly, soon enough, and with true times."""

import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from monitor.records import TraceFacts

from .live import LAB, LiveDesk, watchlist
from .named import CASES, play, seed, well
from .plan import FAR, PREFIXES, interface

_ROOT = Path(__file__).resolve().parent.parent.parent
TARGETS = {"far": FAR, **{f"h{last}": f"198.18.176.{last}" for last in range(82, 87)}}
# A Linux router says "unreachable" once a second, to all who ask: with more it takes longer.
PAIR = {name: TARGETS[name] for name in ("far", "h82")}
# Walks over the board, opens and leaves pages, sorts and groups: nothing that asks for more.
_KEYS = ("jjkk", "\t", "gs", "jj\r", "\x1b", "kk", "w", "\x1b", "x", "\x1b")
_SCREEN_S = 20.0
_AFTER_S = 1.5


@contextmanager
def open_desk(lab, folder, traced):
    """A desk and its collector on a healthy line, its routes known."""
    desk = LiveDesk(lab, folder, watchlist(traced))
    desk.traced = tuple(traced)
    try:
        desk.started([f"{name}/trace" for name in traced])
        live = desk.until(
            lambda: (feed := desk.rows.get("feed:ris-live")) and feed.state == "live"
        )
        assert live, desk.terminal.text
        seed(lab)
        assert desk.until(lambda: well(desk), 60.0), desk.terminal.text
        yield desk
    finally:
        desk.close()


# --- times while the desk is busy ---------------------------------------------------------


class Capture:
    """Packet capture beside the desk."""

    def __init__(self, lab):
        device = interface("desk-isp", "desk")
        self._process = subprocess.Popen(
            [LAB, "exec", "desk", sys.executable, "-m", "tests.lab.capture", device],
            env={**os.environ, "LAB_DIR": str(lab.directory)},
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout.readline() == b"ready\n"

    def end(self):
        said, _ = self._process.communicate(timeout=_SCREEN_S)
        return json.loads(said)


def type_on(desk, seconds):
    """Press keys without a pause; how many."""
    pressed, begun = 0, desk.now()
    for keys in itertools.cycle(_KEYS):
        if desk.now() - begun > seconds * 1e6:
            return pressed
        desk.terminal.press(keys)
        desk.look()
        pressed += len(keys)
    return pressed


def measured(seen):
    """What an observation says of single packets: (address, TTL or None, RTT)."""
    if not isinstance(seen.facts, TraceFacts):
        return [(seen.address, None, seen.rtt_ms)] if seen.received == 1 else []
    return [
        (seen.address, hop.ttl, hop.rtt_ms)
        for hop in seen.facts.hops
        if (hop.sent, hop.received) == (1, 1)
    ]


def compare(desk, stamps, since):
    """Stored RTT less the kernel's, in ms, by kind of check; matched by who and when."""
    by_target = {}
    for stamp in stamps:
        by_target.setdefault(stamp["to"], []).append(stamp)
    found = {"icmp": [], "trace": []}
    for name in desk.traced:
        for kind, differences in found.items():
            for seen in desk.observations(f"{name}/{kind}", since=since):
                over = seen.at + int(seen.took_ms * 1000) + 1000
                for address, ttl, rtt in measured(seen):
                    same = [
                        stamp
                        for stamp in by_target.get(address, ())
                        if seen.at - 1000 <= stamp["sent"] <= over
                        and (stamp["ttl"] == ttl if ttl else stamp["ttl"] >= 60)
                    ]
                    if len(same) == 1:
                        differences.append(rtt - same[0]["rtt_ms"])
    return found


def busy(lab, desk, seconds):
    """(keys pressed, differences by kind) over ``seconds`` of a busy desk."""
    capture = Capture(lab)
    since = desk.now()
    pressed = type_on(desk, seconds)
    # What is in flight now is written a little later.
    desk.until(lambda: False, _AFTER_S)
    return pressed, compare(desk, capture.end(), since)


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def show_busy(lab, desk, seconds):
    lab("fault", "delay", "isp-t1", "15")
    desk.until(lambda: False, 3.0)
    pressed, found = busy(lab, desk, seconds)
    lab("heal")
    print(f"{pressed} keys pressed in {seconds:.0f} s; stored RTT less the kernel's, ms")
    print(f"{'':8}{'packets':>8}{'p50':>9}{'p95':>9}{'max':>9}{'min':>9}")
    good = True
    for kind, differences in found.items():
        p50, p95 = statistics.median(differences), quantile(differences, 0.95)
        least, most = min(differences), max(differences)
        print(f"{kind:8}{len(differences):8}{p50:9.3f}{p95:9.3f}{most:9.3f}{least:9.3f}")
        good = good and p95 < 0.2
    return good


# --- named rightly ------------------------------------------------------------------------


def show_named(lab, desk):
    good = True
    for case in CASES:
        print(case.name)
        for met, when, what in play(lab, desk, case):
            print(f"  {'ok  ' if met else 'FAIL'} {when}  {what}")
            good = good and bool(met)
    return good


# --- from the feed's message to the screen ------------------------------------------------


def orders():
    """(orders to the lab, is it this message, words of the event and the screen)."""

    def withdrawn(prefix):
        return lambda data: prefix in data.get("withdrawals", ())

    def announced(prefix):
        return lambda data: any(
            prefix in block["prefixes"] for block in data.get("announcements", ())
        )

    for prefix in PREFIXES["bdr"]:
        text = f"1 of 4 prefixes withdrawn: 0 of 4 peers; {prefix}"
        yield ("withdraw", prefix), withdrawn(prefix), text
        text = f"4 of 4 prefixes visible: 3 of 4 peers; {prefix}; withdrawn was"
        yield ("announce", prefix), announced(prefix), text
    for length in range(25, 33):
        prefix = f"198.18.178.0/{length}"
        yield ("hijack", prefix), announced(prefix), f"{prefix}, more specific than"


def delays(lab, desk, given):
    """Yields (order, seconds to the event, to its row in the cache, to the screen)."""
    log = Path(lab.directory) / "ris.jsonl"
    for order, wanted, text in given:
        desk.mark()
        skip = len(log.read_text().splitlines())
        lab("fault", *order)
        shown = desk.until(lambda text=text: desk.shows(text) and time.time(), _SCREEN_S)
        fresh = log.read_text().splitlines()[skip:]
        data = [each for line in fresh if wanted(each := json.loads(line)["data"])]
        event = next((each for each in desk.read if text in each[0].text), None)
        if shown is None or event is None or not data:
            yield order, None
            continue
        # What the event says is true from the last of these messages on; of an alarm, of
        # which the first tells, from the first.
        times = [each["timestamp"] for each in data]
        said = min(times) if order[0] == "hijack" else max(times)
        judged, read = event[0].at / 1e6, event[1]
        yield order, (judged - said, read - said, shown - said)


def show_feed(lab, desk):
    print("from the feed's message, s:      event   in cache  on screen")
    worst, good = 0.0, True
    columns = []
    for order, found in delays(lab, desk, orders()):
        if found is None:
            print(f"{' '.join(order):28}  not told")
            good = False
            continue
        columns.append(found)
        worst = max(worst, found[2])
        print(f"{' '.join(order):28}" + "".join(f"{each:10.2f}" for each in found))
    for name, share in (("median", 0.5), ("p95", 0.95), ("most", 1.0)):
        line = [quantile(column, share) for column in zip(*columns, strict=True)]
        print(f"{name:28}" + "".join(f"{each:10.2f}" for each in line))
    lab("heal")
    return good and worst <= 2.0
