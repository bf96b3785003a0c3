"""Namespaces, links, addresses and sysctls of the lab."""

import contextlib
from pathlib import Path

from .place import Namespace, namespace_path, sh, where
from .plan import (
    EXTRA,
    EXTRA_DEVICES,
    GATEWAYS,
    HOSTS,
    MANAGEMENT,
    PLAIN,
    ROUTERS,
    SIX,
    SIX_ROUTES,
    WIRES,
    interface,
)
from .wires import offloads_off

EVERY = (*ROUTERS, *HOSTS, "wire")
_IPV4 = Path("/proc/sys/net/ipv4")
_IPV6 = Path("/proc/sys/net/ipv6")
_ROUTER_SYSCTLS = {
    "ip_forward": "1",
    # Policy 3 hashes the packet's own fields (addresses, protocol, ports); policy 1 reuses a
    # hash that crosses the veth with the packet.
    "fib_multipath_hash_policy": "3",
    "fib_multipath_hash_fields": "55",  # 0x37
    "icmp_errors_use_inbound_ifaddr": "1",
    "icmp_ratelimit": "0",
    "icmp_msgs_per_sec": "10000",
    "conf/all/rp_filter": "0",
}
_ROUTER_SYSCTLS_SIX = {"conf/all/forwarding": "1", "icmp/ratelimit": "0"}


def own_run_and_resolver():
    """A /run of the lab's own, and its resolver in place of the machine's."""
    sh("mount -t tmpfs lab /run && mkdir -p /run/netns /run/bird")
    named = Path("/etc/resolv.conf")
    target = named.resolve() if named.exists() else named
    sh(f"mount --bind {where()}/resolv.conf {target}", check=False)


def namespaces():
    sh(["ip", "-batch", "-"], given="".join(f"netns add {name}\n" for name in EVERY))


def links():
    """Wires have their middle in namespace ``wire``; plain links are one veth pair."""
    commands = [
        f"link add {link}.{end} type veth peer name {interface(link, name)} netns {name}"
        for link, (a, _, b, _) in WIRES.items()
        for end, name in (("a", a), ("b", b))
    ]
    commands += [
        f"link add {interface(link, a)} netns {a} type veth"
        f" peer name {interface(link, b)} netns {b}"
        for link, (a, _, b, _) in PLAIN.items()
    ]
    commands.append("link add br0 netns infra type bridge")
    commands += [
        f"link add mg-{router} netns infra type veth peer name mgmt netns {router}"
        for router in ROUTERS
    ]
    commands += [f"link set {link}.{end} up" for link in WIRES for end in "ab"]
    sh(["ip", "-n", "wire", "-batch", "-"], given="\n".join(commands) + "\n")


def addresses():
    commands = {name: ["link set lo up"] for name in EVERY}
    for link, (a, at_a, b, at_b) in {**WIRES, **PLAIN}.items():
        for name, address in ((a, at_a), (b, at_b)):
            device = interface(link, name)
            commands[name] += [f"addr add {address} dev {device}", f"link set {device} up"]
    for name, more in EXTRA.items():
        device = EXTRA_DEVICES.get(name, "lo")
        commands[name] += [f"addr add {address} dev {device}" for address in more]
    commands["infra"] += ["link set br0 up", "addr add 100.64.0.1/24 dev br0"]
    for router, last in MANAGEMENT.items():
        commands["infra"].append(f"link set mg-{router} master br0 up")
        commands[router] += [f"addr add 100.64.0.{last}/24 dev mgmt", "link set mgmt up"]
    for name, gateway in GATEWAYS.items():
        commands[name].append(f"route add default via {gateway}")
    six = _six()
    for name in EVERY:
        sh(["ip", "-n", name, "-batch", "-"], given="\n".join(commands[name]) + "\n")
        with Namespace(namespace_path(name)):
            _sysctls(name)
        # A kernel without IPv6 has the rest of the lab.
        if name in six and _IPV6.exists():
            sh(["ip", "-6", "-n", name, "-batch", "-"], given="\n".join(six[name]) + "\n")


def _six():
    """The commands of IPv6: addresses first, then the routes over them."""
    commands = {}
    for link, addresses in SIX.items():
        a, _, b, _ = WIRES[link]
        for name, address in zip((a, b), addresses, strict=True):
            device = interface(link, name)
            commands.setdefault(name, []).append(f"addr add {address}/64 dev {device} nodad")
    for name, routes in SIX_ROUTES.items():
        commands[name] += [f"route add {to} via {gateway}" for to, gateway in routes]
    return commands


def _sysctls(name):
    if name in ROUTERS:
        for base, wanted in ((_IPV4, _ROUTER_SYSCTLS), (_IPV6, _ROUTER_SYSCTLS_SIX)):
            for key, value in wanted.items():
                with contextlib.suppress(OSError):
                    (base / key).write_text(value)
    for value in ("0 2147483647", "0 0"):  # only group 0 is mapped in a rootless lab
        try:
            (_IPV4 / "ping_group_range").write_text(value)
        except OSError:
            continue
        break
    for device in (_IPV4 / "conf").iterdir():
        if device.name.startswith("to-"):
            offloads_off(device.name)
