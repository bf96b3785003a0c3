"""What a collector says of each fault of the lab, on real packets and in real time.

    python -m tests.lab.situation [FAULT...]      all of them without a name; about half an hour

For every fault a `watchdesk collect` of its own watches a healthy lab, the fault is made,
and its cache is followed until everything expected was said, or too late; then the lab is
healed and followed until it is said to be well.  Prints for each what was expected, what
was said after how many seconds, and the explanations; exit code 1 when anything is missing
or wrong.
"""

import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from monitor.records import SECOND

from .cli import down, order, up
from .expected import FAULTS
from .follow import Collecting, Desk
from .place import widen_path
from .plan import ROUTERS

WATCHLIST = Path(__file__).with_name("situation.toml")
# A collector that starts: controls, a first look, a round of the network.
_USUAL_S = 120.0
# What is usual is learned in the round of a network that follows its first look.
_LEARN_S = 35.0
_TOP = 3


@dataclass
class Finding:
    """What one fault made a collector say."""

    name: str
    lines: list[str] = field(default_factory=list)
    good: bool = True

    def say(self, good, what, passed, said=""):
        """One expectation; ``passed`` is seconds since the fault, None for never."""
        self.good = self.good and good
        when = "     -" if passed is None else f"{passed:5.1f}s"
        self.lines.append(f"  {'ok  ' if good else 'FAIL'} {when}  {what:<52} {said}".rstrip())


def is_usual(desk):
    """Everything answers, the network is well and its routes are known."""
    network = desk.network()
    return (
        network is not None
        and desk.vantage() == "HEALTHY"
        and network.phase == "STABLE"
        and network.routes_visible == network.routes_total > 0
        and set(desk.states().values()) == {"UP"}
    )


def is_back(desk):
    """Everything answers again; a network takes half an hour to be STABLE."""
    return (
        desk.vantage() == "HEALTHY"
        and desk.phase() in ("STABLE", "RESTORED", "UNSTABLE")
        and desk.network().inside_up == desk.network().inside_total
        and set(desk.states().values()) == {"UP"}
    )


def announce_all():
    """The feed tells changes only: let every peer announce once what it holds."""
    for router in ROUTERS:
        order("birdc", router, "reload out ris")


def begin(desk, patience_s=_USUAL_S):
    """Wait until the collector finds everything well; whether it did."""
    desk.until(lambda d: "feed:ris-live" in d.rows, patience_s)
    desk.until(lambda d: d.rows["feed:ris-live"].state == "live", patience_s)
    announce_all()
    if desk.until(is_usual, patience_s) is None:
        return False
    desk.until(lambda _: False, _LEARN_S)
    return is_usual(desk)


def explained(desk):
    """The best explanations, and what the silent hosts share."""
    network = desk.network()
    best = [f"{each.rank}. {each.title}" for each in network.explanations[:_TOP]]
    lines = [f"       explanations: {'; '.join(best)}"] if best else []
    return lines + ([f"       shared fate: {network.fate}"] if network.fate else [])


def play(fault, desk, finding):
    """Break the lab, follow what is said of it, heal it."""
    desk.mark()
    begun = time.time()
    for words in fault.orders:
        said = order("fault", *words)
        if not said["ok"]:
            finding.say(good=False, what=" ".join(words), passed=None, said=said["r"])
            return
    for expected in fault.expects:
        left = expected.within_s - (time.time() - begun)
        met = desk.until(expected.met, max(0.0, left))
        passed = None if met is None else time.time() - begun
        finding.say(met is not None, expected.what, passed, expected.said(desk))
    for what, complaint in fault.never.items():
        wrong = complaint(desk)
        finding.say(not wrong, what, None, wrong)
    finding.lines += explained(desk)
    finding.lines += told(desk, begun)
    desk.mark()
    healed = time.time()
    order("heal")
    for expected in fault.afterwards:
        left = expected.within_s - (time.time() - healed)
        met = desk.until(expected.met, max(0.0, left))
        passed = None if met is None else time.time() - healed
        finding.say(met is not None, f"healed: {expected.what}", passed, expected.said(desk))
    back = desk.until(is_back, fault.back_s)
    said = "" if back is not None else f"{desk.phase()} {desk.states()}"
    passed = None if back is None else time.time() - healed
    finding.say(back is not None, "healed: everything answers again", passed, said)
    finding.lines += told(desk, healed)


def told(desk, begun):
    """The event log since the mark, as a desk shows it."""
    lines = ["       the log:"]
    for event in desk.told():
        seconds = event.at / SECOND - begun
        turn = f"{event.old} -> {event.new}: " if event.new else ""
        lines.append(f"         {seconds:+6.1f}s {event.subject:<16} {turn}{event.text}")
    return lines if len(lines) > 1 else ["       the log: nothing"]


def judge(fault, folder):
    """One fault from a fresh cache; its finding."""
    finding = Finding(fault.name)
    cache = folder / f"{fault.name}.db"
    program = ["tests.lab.collect", "collect", "-w", str(WATCHLIST), "--cache", str(cache)]
    collecting, desk = Collecting(folder, program), Desk(cache)
    try:
        if begin(desk):
            play(fault, desk, finding)
        else:
            finding.say(False, "a healthy lab is found well", None, str(desk.states()))
        finding.say(collecting.alive(), "the collector still runs", None)
    finally:
        desk.close()
        collecting.stop(cache)
    return finding


def main():
    names = sys.argv[1:] or list(FAULTS)
    unknown = [name for name in names if name not in FAULTS]
    if unknown:
        sys.exit(f"no such fault: {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    widen_path()
    good = True
    with tempfile.TemporaryDirectory(prefix="situation-") as folder:
        os.environ["LAB_DIR"] = folder
        try:
            if up():
                sys.exit("the lab does not come up")
            for name in names:
                finding = judge(FAULTS[name], Path(folder))
                good = good and finding.good
                word = "named rightly" if finding.good else "NOT named rightly"
                print(f"{FAULTS[name].title}: {word}", *finding.lines, sep="\n", flush=True)
        finally:
            down()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
