"""Check every verb of a running lab against what it should do; about 70 s, as root.

tests/lab/lab up && python -m tests.lab.check; tests/lab/lab down
"""

import contextlib
import socket
import subprocess
import sys
import time

from .check_tools import Feed, Ping, announces, dns, http, namespace, wait, withdraws
from .cli import order
from .place import widen_path
from .plan import FAR

_PREFIX = "198.18.179.0/24"
_WEB, _NS1, _OUTSIDE = "198.18.176.80", "198.18.177.53", "198.51.100.80"


class Check:
    """Runs the checks and keeps count."""

    def __init__(self):
        self.results = []
        self.ping = Ping(FAR)

    def report(self, name, good, text=""):
        self.results.append((name, bool(good)))
        print(f"{'ok  ' if good else 'FAIL'} {name:<34} {text}", flush=True)

    def fault(self, *words):
        """Break something; returns when the order was given."""
        begun = time.monotonic()
        said = order("fault", *words)
        if not said["ok"]:
            self.report(" ".join(words), False, said["r"])
        return begun

    def baseline(self):
        time.sleep(0.5)
        found = self.ping.since(0)
        self.report("baseline ping", len(found) > 20, f"median {self.ping.median_ms(0):.2f} ms")

    def routes(self):
        feed, begun = Feed(), self.fault("withdraw", _PREFIX)
        dark = wait(self.ping.silent_since)
        seen = feed.first(lambda each: withdraws(each, _PREFIX))
        refused = self.ping.refusals(begun)
        self.report("withdraw", dark and seen and refused, f"refusals {refused}")
        feed, begun = Feed(), self.fault("announce", _PREFIX)
        back = wait(lambda: self.ping.since(begun))
        seen = feed.first(lambda each: announces(each, _PREFIX))
        self.report("announce", back and seen, f"path {seen and seen['path']}")
        feed = Feed()
        self.fault("flap", _PREFIX, "3", "1")
        time.sleep(4)
        found = feed.messages()
        gone = sum(withdraws(each, _PREFIX) for each in found)
        came = sum(announces(each, _PREFIX) for each in found)
        self.report(
            "flap 3 x 1 s", gone == 3 and came >= 3, f"{gone} withdrawn, {came} announced"
        )
        more = "198.18.179.0/25"
        feed, begun = Feed(), self.fault("hijack", more)
        seen = feed.first(lambda each: announces(each, more))
        time.sleep(0.4)
        diverted = not self.ping.since(time.monotonic() - 0.1)
        self.report("hijack more specific", seen and diverted, f"path {seen and seen['path']}")
        self.heal()

    def heal(self):
        begun = time.monotonic()
        said = order("heal")
        back = wait(lambda: self.ping.since(begun))
        self.report("heal", said["r"] is True and back, f"{said['ms']:.0f} ms")

    def links(self):
        for verb, limit in (("cut", 1000), ("silent", 3000)):
            begun = self.fault(verb, "t1-bdr")
            time.sleep(4)
            outage, count = self.ping.outage_ms(begun - 0.1), len(self.ping.since(begun))
            self.report(
                f"{verb} t1-bdr", outage < limit and count > 50, f"{outage:.0f} ms dark"
            )
            begun = self.fault("mend", "t1-bdr")
            time.sleep(3)
            outage = self.ping.outage_ms(begun)
            self.report("mend", len(self.ping.since(begun)) > 100, f"{outage:.0f} ms dark")
            order("ready")

    def loss(self):
        for words, expected, slack in (
            (("40",), 64, 14),
            (("40", "ab"), 40, 14),
            (("20", "5"), 36, 25),
        ):
            begun = self.fault("loss", "bdr-far", *words)
            time.sleep(6)
            sent = {n for at, n in self.ping.sent if begun + 0.05 < at < begun + 5.8}
            lost = 100 - 100 * len(sent & {n for *_, n in self.ping.since(begun)}) / len(sent)
            text = f"{lost:.0f} % of {len(sent)}, expected {expected} %"
            self.report(f"loss {' '.join(words)}", abs(lost - expected) < slack, text)
            self.fault("mend", "bdr-far")
        before = order("birdc", "t1", "show protocols b_bdr")["r"]
        self.fault("loss", "t1-bdr", "60")
        time.sleep(11)
        after = order("birdc", "t1", "show protocols b_bdr")["r"]
        self.report("BGP untouched by loss", before == after and "Established" in after)
        self.fault("mend", "t1-bdr")

    def delays(self):
        for words, low, high in ((("60", "5"), 115, 126), (("10",), 19.5, 30)):
            begun = self.fault("delay", "isp-t1", *words)
            time.sleep(1.5)
            median = self.ping.median_ms(begun + 0.3)
            self.report(f"delay {' '.join(words)}", low < median < high, f"{median:.1f} ms")
            self.fault("mend", "isp-t1")
        begun = self.fault("ramp", "isp-t1", "0", "150", "5")
        time.sleep(5.8)
        early, late = (
            [ms for at, ms, _ in self.ping.since(begun) if from_s < at - begun < from_s + 0.4]
            for from_s in (0.8, 4.8)
        )
        self.report(
            "ramp", early and late and late[0] > 3 * early[0], f"{early[:1]} to {late[:1]}"
        )
        self.fault("mend", "isp-t1")
        big = Ping(FAR, size=1400, every=0.05)
        time.sleep(0.4)
        begun = self.fault("mtu", "isp-t1", "1300")
        time.sleep(1)
        small, large = self.ping.since(begun + 0.2), big.since(begun + 0.2)
        self.report("mtu 1300", len(small) > 20 and not large, f"{len(small)}, {len(large)}")
        big.stop()
        self.fault("mend", "isp-t1")

    def forwarding(self):
        for kind, said in (("blackhole", None), ("unreachable", "3/1"), ("prohibit", "3/13")):
            begun = self.fault("blackhole", FAR, kind)
            time.sleep(0.6)
            found = self.ping.refusals(begun)
            right = not found if said is None else any(each.startswith(said) for each in found)
            self.report(f"blackhole {kind}", right and not self.ping.since(begun + 0.15), found)
            self.heal()
        short = Ping(FAR, ttl=2)
        time.sleep(0.3)
        before, begun = short.refusals(0), self.fault("filter", "t1")
        time.sleep(0.5)
        after = short.refusals(begun + 0.1)
        short.stop()
        self.report("filter t1", before and not after and self.ping.since(begun + 0.1), before)
        self.fault("drop", "t1", "tcp", "dport", "443")
        self.fault("reset", "t1", "tcp", "dport", "80")
        dropped, reset = http("air.kp.lab", FAR, 443, 0.7), http("air.kp.lab", FAR, 80, 0.7)
        self.report("drop, reset", "timed out" in dropped and "Refused" in reset, reset)
        self.heal()

    def balancing(self):
        self.fault("ecmp", "on")
        time.sleep(0.6)
        found = self._second_hops()
        self.report("ecmp on", len(found) == 2, sorted(found))
        self.fault("prefer", "t2")
        time.sleep(0.6)
        found = self._second_hops()
        self.report("prefer t2", found == {"198.19.32.1"}, sorted(found))
        self.fault("ecmp", "off")
        begun = self.fault("router", "stop", "t1")
        time.sleep(3)
        outage, count = self.ping.outage_ms(begun), len(self.ping.since(begun))
        self.report("router stop t1", count > 30, f"{outage:.0f} ms dark")
        self.fault("router", "start", "t1")
        self.heal()

    @staticmethod
    def _second_hops():
        found = set()
        with namespace("desk"):
            errors = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with errors, sender:
            errors.settimeout(0.3)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 2)
            for port in range(33434, 33466):
                sender.sendto(b"x", (FAR, port))
            until = time.monotonic() + 1
            while time.monotonic() < until:
                with contextlib.suppress(TimeoutError):
                    data, peer = errors.recvfrom(200)
                    if data[20] == 11 and data[28 + 9] == socket.IPPROTO_UDP:
                        found.add(peer[0])
        return found

    def names(self):
        self.report("dns", dns("www.kp.lab").startswith("NOERROR"), dns("www.kp.lab", _NS1))
        self.fault("dns", "stop", "dns")
        direct, other = dns("www.kp.lab", _NS1), dns("h90.kp.lab", seconds=4)
        good = direct == "port-unreachable" and other.startswith("NOERROR")
        self.report("dns stop", good, f"{direct}; by the resolver {other}")
        self.fault("dns", "start", "dns")
        wait(lambda: dns("www.kp.lab", _NS1).startswith("NOERROR"))
        self.fault("dns", "hang", "dns")
        self.report("dns hang", dns("www.kp.lab", _NS1, 0.5) == "timeout")
        self.fault("dns", "refused", "both")
        refused = wait(lambda: dns("www.kp.lab", _NS1) == "REFUSED")
        self.report("dns refused both", refused, f"resolver {dns('h83.kp.lab', seconds=3)}")
        self.fault("dns", "start", "both")
        self.fault("dns", "stop", "resolver")
        self.report("resolver stop", dns("www.kp.lab") == "port-unreachable")
        self.fault("dns", "start", "resolver")
        wait(lambda: dns("news.kp.lab", seconds=4).startswith("NOERROR"))
        begun = self.fault("move", "news", "out")
        moved = wait(lambda: _OUTSIDE in dns("news.kp.lab"))
        took = time.monotonic() - begun
        self.report("move news out", moved, f"{took:.1f} s; {http('news.kp.lab', _OUTSIDE)}")
        self.fault("nxdomain", "h99")
        self.report("nxdomain", wait(lambda: dns("h99.kp.lab", _NS1) == "NXDOMAIN"))

    def web(self):
        status = http("www.kp.lab", _WEB, 443)
        self.report("https", "200" in status, status)
        for action, port, expected in (
            ("503", 80, "503"),
            ("expired", 443, "expired"),
            ("stop", 80, "Refused"),
            ("start", 80, "200"),
            ("hang", 80, "timed out"),
            ("start", 443, "200"),
        ):
            self.fault("web", action)
            status = http("www.kp.lab", _WEB, port, 0.7)
            self.report(f"web {action}", expected in status, status)

    def feed(self):
        """The HTTP door of the routing feed."""
        with namespace("desk"):
            reader = subprocess.Popen(
                [sys.executable, "-c", _READER], stdout=subprocess.PIPE, text=True
            )
        reader.stdout.readline()
        self.fault("withdraw", _PREFIX)
        line = reader.stdout.readline()
        reader.wait(10)
        reader.stdout.close()
        self.report("feed stream", _PREFIX in line and "ris_message" in line, line.strip()[:80])
        self.heal()


_READER = f"""
import http.client, json
link = http.client.HTTPConnection("198.19.48.80", 8080, timeout=8)
asked = json.dumps({{"type": "UPDATE", "prefix": ["{_PREFIX}"]}})
link.request("GET", "/v1/stream/?format=json", headers={{"X-RIS-Subscribe": asked}})
answer = link.getresponse()
print(answer.status, flush=True)
print(answer.readline().decode().strip(), flush=True)
"""


def main():
    widen_path()
    check = Check()
    parts = ("baseline", "routes", "links", "loss", "delays", "forwarding", "balancing")
    for part in (*parts, "names", "web", "feed"):
        getattr(check, part)()
    check.ping.stop()
    bad = [name for name, good in check.results if not good]
    print(f"{len(check.results) - len(bad)} passed, {len(bad)} failed", *bad)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
