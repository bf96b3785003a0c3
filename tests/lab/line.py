"""What is promised of the line, shown in a lab of its own with figures.

    python -m tests.lab.line [PART...] [--rounds N] [--seconds N]

    hops    the hop list is that of mtr and traceroute, IPv4 and IPv6
    agree   loss and times of --rounds rounds (300) beside mtr, two-sample tests
    ecmp    no false link over 40 rounds of 20 flows, ICMP and UDP
    shared  20 targets behind the same routers: no false loss, and the naive way
    named   what breaks is named rightly by the collector and on the desk
    feed    from the feed's message to the event and the screen
    busy    stored times against packet capture while the desk is busy, --seconds (60)

All of them without a name, about ten minutes.  Needs what the lab needs, mtr and
traceroute.  Exit code 1 when anything is not as promised.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from . import line_desk, line_probes
from .conftest import RunningLab
from .place import widen_path

PROBES = ("hops", "agree", "ecmp", "shared")
DESK = ("named", "feed", "busy")


def _probes(lab, part, asked):
    if part == "agree":
        return line_probes.show_agree(lab, asked.rounds)
    return getattr(line_probes, f"show_{part}")(lab)


def _desk(lab, part, asked, folder):
    """A desk for each part: what it remembers of one is not the next one's business."""
    traced = line_desk.PAIR if part == "named" else line_desk.TARGETS
    with line_desk.open_desk(lab, folder / part, traced) as desk:
        if part == "busy":
            return line_desk.show_busy(lab, desk, asked.seconds)
        return getattr(line_desk, f"show_{part}")(lab, desk)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="*", choices=[*PROBES, *DESK, []])
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args()
    widen_path()
    bad = []
    with tempfile.TemporaryDirectory(prefix="lab-line-") as made:
        folder = Path(made)
        lab = RunningLab(folder / "lab")
        lab("up")
        try:
            for part in asked.part or (*PROBES, *DESK):
                print(f"== {part}", flush=True)
                if part in PROBES:
                    good = _probes(lab, part, asked)
                else:
                    good = _desk(lab, part, asked, folder)
                bad += [] if good else [part]
        finally:
            lab("down")
    print("all as promised" if not bad else f"not as promised: {' '.join(bad)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
