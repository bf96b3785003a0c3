"""Who is connected to whom: only ranges of RFC 2544, 3849, 5737 and 6598 are used.

desk - isp AS64500 - {t1 AS4837, t2 AS20485} - border AS131279 - web, far, dns; and an
outside hoster AS64510 behind both transits.
"""

AS = {"isp": 64500, "t1": 4837, "t2": 20485, "bdr": 131279, "out": 64510}
NAMES = {
    64500: "DESK-ISP, ZZ",
    4837: "LAB-CN-BACKBONE, CN",
    20485: "LAB-TTK, RU",
    131279: "LAB-STAR, KP",
    64510: "LAB-HOSTER, DE",
}
COUNTRIES = {64500: "ZZ", 4837: "CN", 20485: "RU", 131279: "KP", 64510: "DE"}
ROUTERS = ("isp", "t1", "t2", "bdr", "out")
HOSTS = ("desk", "infra", "web", "far", "dns")
ROUTER_IDS = {
    "isp": "203.0.113.1",
    "t1": "198.19.16.1",
    "t2": "198.19.32.1",
    "bdr": "198.18.176.1",
    "out": "198.51.100.1",
}
PREFIXES = {
    "isp": ["203.0.113.0/24", "198.19.48.0/24"],
    "t1": ["198.19.16.0/20"],
    "t2": ["198.19.32.0/20"],
    "bdr": ["198.18.176.0/24", "198.18.177.0/24", "198.18.178.0/24", "198.18.179.0/24"],
    "out": ["198.51.100.0/24"],
}
# Links that can be impaired: name: (namespace a, its address, namespace b, its address).
WIRES = {
    "desk-isp": ("desk", "203.0.113.10/25", "isp", "203.0.113.1/25"),
    "isp-t1": ("isp", "198.19.16.0/31", "t1", "198.19.16.1/31"),
    "isp-t2": ("isp", "198.19.32.0/31", "t2", "198.19.32.1/31"),
    "t1-bdr": ("t1", "198.19.17.0/31", "bdr", "198.19.17.1/31"),
    "t2-bdr": ("t2", "198.19.33.0/31", "bdr", "198.19.33.1/31"),
    "bdr-far": ("bdr", "198.18.179.1/24", "far", "198.18.179.80/24"),
}
# Links that are only there.
PLAIN = {
    "isp-infra": ("isp", "198.19.48.1/24", "infra", "198.19.48.53/24"),
    "t1-t2": ("t1", "198.19.18.0/31", "t2", "198.19.18.1/31"),
    "t1-out": ("t1", "198.19.19.0/31", "out", "198.19.19.1/31"),
    "t2-out": ("t2", "198.19.34.0/31", "out", "198.19.34.1/31"),
    "bdr-web": ("bdr", "198.18.176.1/24", "web", "198.18.176.80/24"),
    "bdr-dns": ("bdr", "198.18.177.1/24", "dns", "198.18.177.53/24"),
}
EXTRA = {
    "web": [f"198.18.176.{last}/24" for last in range(81, 121)],
    "out": ["198.51.100.80/32", "198.51.100.53/32"],
    "isp": ["203.0.113.200/32"],
    "infra": ["198.19.48.80/24"],
}
EXTRA_DEVICES = {"web": "to-bdr", "infra": "to-isp"}
GATEWAYS = {
    "desk": "203.0.113.1",
    "infra": "198.19.48.1",
    "web": "198.18.176.1",
    "dns": "198.18.177.1",
    "far": "198.18.179.1",
}
# IPv6 has one way, by static routes through t1: link: the addresses at both ends.
SIX = {
    "desk-isp": ("2001:db8:0:1::10", "2001:db8:0:1::1"),
    "isp-t1": ("2001:db8:0:2::a", "2001:db8:0:2::b"),
    "t1-bdr": ("2001:db8:0:3::a", "2001:db8:0:3::b"),
    "bdr-far": ("2001:db8:0:4::1", "2001:db8:0:4::80"),
}
SIX_ROUTES = {
    "desk": (("default", SIX["desk-isp"][1]),),
    "isp": (("default", SIX["isp-t1"][1]),),
    "t1": (("default", SIX["t1-bdr"][1]), ("2001:db8:0:1::/64", SIX["isp-t1"][0])),
    "bdr": (("default", SIX["t1-bdr"][0]),),
    "far": (("default", SIX["bdr-far"][0]),),
}
SESSIONS = (
    ("isp", "t1"),
    ("isp", "t2"),
    ("t1", "t2"),
    ("t1", "bdr"),
    ("t2", "bdr"),
    ("t1", "out"),
    ("t2", "out"),
)
# 100.64.0.N, out of band, only towards the collector of the routing feed.
MANAGEMENT = {"isp": 11, "t1": 12, "t2": 13, "bdr": 14, "out": 15}
SITES = {
    "www": "198.18.176.80",
    "news": "198.18.176.81",
    "air": "198.18.179.80",
    "outside": "198.51.100.80",
    **{f"h{last:02d}": f"198.18.176.{last}" for last in range(82, 121)},
}
PLACES = {"home": "198.18.176.80", "far": "198.18.179.80", "out": "198.51.100.80"}
DESK, FAR, RESOLVER = "203.0.113.10", "198.18.179.80", "198.19.48.53"
FAR_SIX = SIX["bdr-far"][1]
FEED = ("198.19.48.80", 8080)


def link_addresses(here, there):
    """The addresses at both ends of the link between two namespaces."""
    for links in (WIRES, PLAIN):
        for a, at_a, b, at_b in links.values():
            ends = {a: at_a.split("/")[0], b: at_b.split("/")[0]}
            if {a, b} == {here, there}:
                return ends[here], ends[there]
    raise KeyError((here, there))


def interface(link, namespace):
    """The interface of ``link`` inside ``namespace`` is named after the far end."""
    a, b = link.split("-")
    return "to-" + (b if namespace == a else a)
