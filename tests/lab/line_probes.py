"""The line as the probes see it, beside mtr and traceroute at the same time."""

import json
import math
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor

import msgspec

from monitor.records import Observation

from .plan import FAR, FAR_SIX, SIX

ISP, T1, BORDER_T1 = "203.0.113.1", "198.19.16.1", "198.19.17.1"
WAY = [ISP, T1, BORDER_T1, FAR]
WAY_SIX = [*(SIX[link][1] for link in ("desk-isp", "isp-t1", "t1-bdr")), FAR_SIX]
ARMS = {(T1, BORDER_T1), ("198.19.32.1", "198.19.33.1")}
WEB = [f"198.18.176.{last}" for last in range(82, 102)]
_LIMIT = "/proc/sys/net/ipv4/icmp_ratelimit"
_ROUTERS = ("isp", "t1", "t2", "bdr")
# Two-sided, 1 in 1,000: eight comparisons are made.
_Z = 3.3


def walk(lab, addresses, rounds, every=1.0, **more):
    """Observations of ``rounds`` rounds over each path, in the order they came."""
    order = json.dumps({"addresses": addresses, "rounds": rounds, "every": every, **more})
    patience_s = 90 + 2 * rounds * every
    said = lab(
        "exec", "desk", sys.executable, "-m", "tests.lab.walk", order, patience_s=patience_s
    )
    return msgspec.json.decode(said, type=list[Observation])


def hop_list(seen):
    return [hop.address for hop in seen.facts.hops]


def mtr(lab, *options, to=FAR, patience_s=90.0):
    """mtr's hubs."""
    command = ("exec", "desk", "mtr", "--json", "-n", *options, to)
    return json.loads(lab(*command, patience_s=patience_s))["report"]["hubs"]


def traceroute(lab, to):
    said = lab("exec", "desk", "traceroute", "-n", "-I", "-q", "1", to).splitlines()[1:]
    return [line.split()[1] for line in said]


def show_hops(lab):
    good = True
    for to, way in ((FAR, WAY), (FAR_SIX, WAY_SIX)):
        lists = {
            "watchdesk": hop_list(walk(lab, [to], 2)[-1]),
            "mtr": [hub["host"] for hub in mtr(lab, "-c", "1", "-G", "1", to=to)],
            "traceroute": traceroute(lab, to),
        }
        for name, hops in lists.items():
            good = good and hops == way
            print(f"{'ok  ' if hops == way else 'FAIL'} {name:11} {' '.join(hops)}")
    return good


# --- loss and times beside mtr ------------------------------------------------------------


def figures(seen):
    """(sent, received, RTTs) by TTL over all rounds."""
    found = {}
    for each in seen:
        for hop in each.facts.hops:
            sent, received, rtts = found.setdefault(hop.ttl, [0, 0, []])
            found[hop.ttl][:2] = [sent + hop.sent, received + hop.received]
            if hop.received:
                rtts.append(hop.rtt_ms)
    return found


def loss_z(lost, sent, lost_there, sent_there):
    """Two proportions, pooled: how many standard errors they are apart."""
    pooled = (lost + lost_there) / (sent + sent_there)
    error = math.sqrt(pooled * (1 - pooled) * (1 / sent + 1 / sent_there))
    return (lost / sent - lost_there / sent_there) / error if error else 0.0


def mean_z(rtts, mean, deviation, count):
    """Welch: how many standard errors two means are apart."""
    error = math.sqrt(statistics.variance(rtts) / len(rtts) + deviation**2 / count)
    return (statistics.fmean(rtts) - mean) / error if error else 0.0


def beside_mtr(lab, rounds, every):
    """Both at once over a lossy, jittery line: by hop (sent, loss, mean, loss there, mean
    there, z of loss, z of mean).
    """
    lab("fault", "loss", "isp-t1", "5", "ab")
    lab("fault", "loss", "bdr-far", "10", "ab")
    lab("fault", "delay", "t1-bdr", "20", "2")
    options = ("-c", str(rounds), "-i", str(every), "-G", "1")
    with ThreadPoolExecutor() as pool:
        theirs = pool.submit(mtr, lab, *options, patience_s=120 + 2 * rounds * every)
        ours = figures(walk(lab, [FAR], rounds, every))
        hubs = theirs.result()
    rows = []
    for ttl, hub in enumerate(hubs, 1):
        sent, received, rtts = ours[ttl]
        count = hub["Snt"]
        lost = round(count * hub["Loss%"] / 100)
        z_loss = loss_z(sent - received, sent, lost, count)
        z_mean = mean_z(rtts, hub["Avg"], hub["StDev"], count - lost)
        loss, mean = 1 - received / sent, statistics.fmean(rtts)
        rows.append((ttl, sent, loss, mean, count, lost / count, hub["Avg"], z_loss, z_mean))
    return rows


def show_agree(lab, rounds):
    rows = beside_mtr(lab, rounds, 1.0)
    lab("heal")
    print(f"{rounds} rounds each at the same time, one a second; z: standard errors apart")
    print("hop   sent   loss     mean   mtr: sent   loss     mean    z loss   z mean")
    good = True
    for ttl, sent, loss, mean, count, loss_there, mean_there, z_loss, z_mean in rows:
        # A tenth of a millisecond is what mtr's own clock adds.
        same = abs(z_loss) < _Z and (abs(z_mean) < _Z or abs(mean - mean_there) < 0.2)
        good = good and same
        print(
            f"{ttl:3}{sent:7}{loss:7.1%}{mean:9.3f}{count:12}{loss_there:7.1%}"
            f"{mean_there:9.3f}{z_loss:10.2f}{z_mean:9.2f}  {'ok' if same else 'FAIL'}"
        )
    return good


# --- balanced load ------------------------------------------------------------------------


def links(seen):
    """How often each link between the second and third hop was shown."""
    found = {}
    for each in seen:
        hops = [hop.address for hop in each.facts.hops[1:3]]
        if len(hops) == 2 and all(hops):
            found[tuple(hops)] = found.get(tuple(hops), 0) + 1
    return found


def show_ecmp(lab, rounds=40):
    lab("fault", "ecmp", "on")
    lab("exec", "web", "sh", "-c", f"echo 0 > {_LIMIT}")
    good = True
    for method in ("icmp", "udp"):
        params = {"method": method}
        seen = walk(lab, WEB, rounds, 0.5, apart=True, params=params)
        found = links(seen)
        false = sum(times for link, times in found.items() if link not in ARMS)
        good = good and not false and set(found) == ARMS
        shown = ", ".join(f"{a}-{b} {times}" for (a, b), times in sorted(found.items()))
        print(f"{method}: {len(WEB)} flows, {rounds} rounds: {false} false links; {shown}")
    lab("heal")
    return good


# --- many paths behind the same routers ---------------------------------------------------


def missing(seen):
    """(sent, unanswered) at the hops before the target, as the last round of each path
    shows them.
    """
    last = {each.check: each for each in seen}.values()
    hops = [hop.window for each in last for hop in each.facts.hops[:-1] if hop.window]
    sent, received = sum(hop.sent for hop in hops), sum(hop.received for hop in hops)
    return sent, sent - received


def show_shared(lab, rounds=15):
    for router in _ROUTERS:
        lab("exec", router, "sh", "-c", f"echo 1000 > {_LIMIT}")
    print(f"{len(WEB)} paths behind the same routers, one round a second")
    for name, more in (("one schedule of hops", {}), ("each by itself", {"apart": True})):
        seen = walk(lab, WEB, rounds, **more)
        sent, lost = missing(seen)
        targets = [each for each in seen if each.facts.reached]
        print(
            f"  {name:21}{lost:6} of {sent:5} hop answers missing, {lost / sent:6.1%};"
            f" {len(targets)} of {len(seen)} rounds reached the target"
        )
        if not more:
            good = lost / sent < 0.02
    for router in _ROUTERS:
        lab("exec", router, "sh", "-c", f"echo 0 > {_LIMIT}")
    return good
