"""Everything that can be broken, one method a verb; ``heal`` undoes all of it."""

import asyncio
import contextlib
import os
import re
import shutil
import signal

from . import configs
from .holder import Lab
from .place import where, write
from .plan import PLACES, PREFIXES, ROUTERS, SITES, WIRES, link_addresses

TEXTS = {
    "withdraw PREFIX": "the origin AS withdraws the prefix",
    "announce PREFIX": "and announces it again",
    "flap PREFIX [N=5] [PERIOD=2]": "withdraw and announce N times, in the background",
    "hijack PREFIX": "AS64510 announces PREFIX (the same or more specific) too",
    "cut LINK": "cable pulled: carrier lost at both ends",
    "silent LINK": "everything dropped, carrier stays (BFD notices in about 1.3 s)",
    "mend LINK": "undo cut, silent and any impairment of a link",
    "loss LINK PCT [ab|ba] [BURST]": "random or bursty loss; BGP, BFD and ARP are exempt",
    "delay LINK MS [JITTER_MS] [ab|ba]": "extra delay in each direction, or in one",
    "ramp LINK FROM_MS TO_MS SECONDS": "one-way delay rises linearly",
    "rate LINK KBIT": "serialise at KBIT: a queue grows",
    "mtu LINK N": "silently drop what is bigger than N",
    "dup LINK PCT": "duplicate packets",
    "blackhole ADDR|PREFIX [NS=bdr] [blackhole|unreachable|prohibit]": "discard, or refuse",
    "loop ADDR": "isp and t1 hand it to each other",
    "filter NS": "a router forwards but never answers",
    "limit NS N": "a router says time exceeded at most N times a minute",
    "drop NS EXPR...": "nft forward drop, e.g. drop t1 tcp dport 443",
    "reset NS EXPR...": "nft reject with a TCP reset",
    "ecmp on|off": "isp and bdr use both transits equally",
    "prefer t1|t2": "move traffic to that transit",
    "dns stop|hang|refused|start [dns|out|infra|resolver|both]": "port closed, silent, REFUSED",
    "move NAME home|far|out|ADDR": "hosting move: the A record changes (TTL 5)",
    "nxdomain NAME": "the record is removed",
    "web stop|hang|503|expired|start [web|far|out]": "web server faults",
    "router stop|start NS": "kill or restart the BGP daemon of a router",
}
_KINDS = ("blackhole", "unreachable", "prohibit")
_RULES = {
    "filter": "chain o {{ type filter hook output priority 0; icmp type"
    " {{ time-exceeded, destination-unreachable, echo-reply }} drop; }}",
    "limit": "chain o {{ type filter hook output priority 0; icmp type time-exceeded"
    " limit rate over {}/minute burst 1 packets drop; }}",
    "drop": "chain f {{ type filter hook forward priority 0; {} drop; }}",
    "reset": "chain f {{ type filter hook forward priority 0; {} reject with tcp reset; }}",
}


class Faults:
    """Breaks a lab and heals it."""

    def __init__(self, lab: Lab):
        self._lab = lab

    async def inject(self, verb, *args):
        method = getattr(self, f"_{verb}", None)
        if verb not in {text.split()[0] for text in TEXTS} or method is None:
            raise ValueError(f"unknown fault {verb}; see lab faults")
        return await method(*args)

    # --- routes

    async def _switch(self, prefix, word):
        for router, prefixes in PREFIXES.items():
            if prefix in prefixes:
                return await self._lab.birdc(router, f"{word} S{prefixes.index(prefix)}")
        raise ValueError(f"no such prefix {prefix}; have {PREFIXES}")

    async def _withdraw(self, prefix):
        return await self._switch(prefix, "disable")

    async def _announce(self, prefix):
        return await self._switch(prefix, "enable")

    async def _flap(self, prefix, times="5", period="2"):
        async def flapping():
            for _ in range(int(times)):
                await self._withdraw(prefix)
                await asyncio.sleep(float(period) / 2)
                await self._announce(prefix)
                await asyncio.sleep(float(period) / 2)

        task = asyncio.create_task(flapping())
        self._lab.background.add(task)
        task.add_done_callback(self._lab.background.discard)
        return f"flapping {times} x {period} s"

    async def _hijack(self, prefix):
        write("bird/hijack.inc", f"route {prefix} unreachable;\n")
        await self._lab.birdc("out", "configure")
        return await self._lab.birdc("out", "enable HIJACK")

    async def _policy(self, **wanted):
        for router in ("isp", "bdr"):
            write(f"bird/{router}.pol", configs.policy(**wanted))
            said = await self._lab.birdc(router, "configure")
        return said

    async def _ecmp(self, switch):
        return await self._policy(ecmp=switch == "on")

    async def _prefer(self, transit):
        return await self._policy(prefer=transit)

    async def _router(self, action, name):
        if action == "stop":
            self._lab.stop(f"bird-{name}")
        else:
            self._lab.start_router(name)
        return "ok"

    # --- links

    async def _carrier(self, link, state):
        for end in "ab":
            await self._lab.run("ip", "-n", "wire", "link", "set", f"{link}.{end}", state)

    async def _cut(self, link):
        await self._carrier(link, "down")
        return "cut"

    async def _mend(self, link):
        await self._carrier(link, "up")
        return await self._lab.wire(op="reset", link=link)

    async def _impair(self, link, args, **values):
        direction = next((each for each in args if each in ("ab", "ba")), None)
        return await self._lab.wire(op="set", link=link, dir=direction, v=values)

    async def _silent(self, link):
        return await self._impair(link, (), hard=True)

    async def _loss(self, link, *args):
        percent, burst, *_ = *_numbers(args), 0.0
        return await self._impair(link, args, loss=percent / 100, burst=burst)

    async def _delay(self, link, *args):
        delay, jitter, *_ = *_numbers(args), 0.0
        return await self._impair(link, args, delay=delay / 1e3, jitter=jitter / 1e3)

    async def _ramp(self, link, *args):
        low, high, seconds = _numbers(args)
        return await self._impair(link, args, ramp=[low / 1e3, high / 1e3, seconds])

    async def _rate(self, link, *args):
        return await self._impair(link, args, rate=_numbers(args)[0] * 1e3)

    async def _mtu(self, link, *args):
        return await self._impair(link, args, mtu=int(_numbers(args)[0]))

    async def _dup(self, link, *args):
        return await self._impair(link, args, dup=_numbers(args)[0] / 100)

    # --- forwarding

    async def _blackhole(self, prefix, *args):
        name = next((each for each in args if each in ROUTERS), "bdr")
        kind = next((each for each in args if each in _KINDS), "blackhole")
        self._lab.broken.append(("route", name, kind, prefix))
        route = ("route", "replace", kind, prefix, "metric", "1")
        return await self._must("ip", "-n", name, *route)

    async def _loop(self, address):
        back = link_addresses("isp", "t1")[0]
        self._lab.broken.append(("route", "t1", address))
        route = ("route", "replace", address, "via", back, "metric", "1")
        return await self._must("ip", "-n", "t1", *route)

    async def _limit(self, name, times):
        return await self._rules(name, _RULES["limit"].format(times))

    async def _filter(self, name):
        return await self._rules(name, _RULES["filter"].format())

    async def _drop(self, name, *words):
        return await self._rules(name, _RULES["drop"].format(" ".join(words)))

    async def _reset(self, name, *words):
        return await self._rules(name, _RULES["reset"].format(" ".join(words)))

    async def _rules(self, name, rules):
        table = f"lab{len(self._lab.broken)}"
        self._lab.broken.append(("nft", name, table))
        text = f"table ip {table} {{\n{rules}\n}}\n"
        return await self._must("nft", "-f", "-", namespace=name, given=text)

    async def _must(self, *command, **options):
        code, said = await self._lab.run(*command, **options)
        if code:
            raise RuntimeError(said)
        return "ok"

    # --- names and web

    async def _dns(self, action, target="dns"):
        for name in ("dns", "out") if target == "both" else (target,):
            process = "unbound" if name == "resolver" else f"nsd-{name}"
            if action == "stop":
                self._lab.stop(process)
            elif action == "hang":
                os.killpg(self._lab.processes[process].pid, signal.SIGSTOP)
            elif name == "resolver":
                self._lab.start_resolver()
            else:
                self._lab.start_nsd(name, empty=action == "refused")
        return "ok"

    async def _move(self, name, place):
        self._lab.zone(**{name: PLACES.get(place, place)})
        return f"{name} -> {self._lab.records[name]} serial {self._lab.serial}"

    async def _nxdomain(self, name):
        self._lab.records.pop(name, None)
        self._lab.zone()
        return "ok"

    async def _web(self, action, name="web"):
        here = where()
        flag = here / f"run/http-{name}-503"
        pid_file = here / f"run/nginx-{name}.pid"
        if action == "503":
            flag.touch()
            return "ok"
        if action == "hang":
            os.kill(int(pid_file.read_text()), signal.SIGSTOP)
            return "ok"
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(pid_file.read_text()), signal.SIGKILL)
        await asyncio.sleep(0.02)
        if action == "stop":
            return "ok"
        flag.unlink(missing_ok=True)
        certificate = "expired" if action == "expired" else "site"
        shutil.copy(here / f"pki/{certificate}.pem", here / f"pki/site-{name}.pem")
        return await self._must(*self._lab.nginx(name), namespace=name)

    async def heal(self):
        """Undo everything; True once the lab is whole again."""
        lab = self._lab
        for task in list(lab.background):
            task.cancel()
        for link in WIRES:
            await self._carrier(link, "up")
        await lab.wire(op="reset")
        for kind, name, *what in lab.broken:
            if kind == "route":
                await lab.run("ip", "-n", name, "route", "del", *what, "metric", "1")
            else:
                await lab.run("nft", "delete", "table", "ip", what[0], namespace=name)
        lab.broken.clear()
        for router in ROUTERS:
            if f"bird-{router}" not in lab.processes:
                lab.start_router(router)
                await asyncio.sleep(0.3)
            for number in range(len(PREFIXES[router])):
                await lab.birdc(router, f"enable S{number}")
        await lab.birdc("out", "disable HIJACK")
        await self._ecmp("off")
        lab.records = dict(SITES)
        lab.zone()
        for name in ("dns", "out", "infra"):
            lab.start_nsd(name)
        lab.start_resolver()
        for name in configs.WEB:
            await self._web("start", name)
        return await lab.ready(20, healthy=True)


def _numbers(args):
    return [float(each) for each in args if re.fullmatch(r"\d+(\.\d+)?", each)]
