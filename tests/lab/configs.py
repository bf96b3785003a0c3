"""Configuration files of every daemon, and the certificates of the web servers."""

import ipaddress
import sys

from .place import SCRIPT, sh, where, write
from .plan import (
    AS,
    COUNTRIES,
    EXTRA,
    FEED,
    MANAGEMENT,
    NAMES,
    PREFIXES,
    RESOLVER,
    ROUTER_IDS,
    ROUTERS,
    SESSIONS,
    SITES,
    link_addresses,
)

_TRANSITS = ("t1", "t2")
_INFRA = FEED[0]


def policy(*, ecmp=False, prefer="t1"):
    """Local preferences towards the transits, included by isp and bdr."""
    return "".join(
        f"define LP_{name} = {150 if ecmp or name == prefer else 100};\n" for name in _TRANSITS
    )


def bird(router):
    own = "export all" if router in _TRANSITS else "export where source = RTS_STATIC"
    lines = [
        f'log "{where()}/log/bird-{router}.log" {{ info, warning, error, fatal, bug, trace }};',
        f"router id {ROUTER_IDS[router]};",
        "timeformat protocol iso long ms;",
        f'include "{where()}/bird/{router}.pol";',
        "protocol device { scan time 3; }",
        (
            'protocol bfd { interface "to-*" {'
            " min rx interval 250 ms; min tx interval 250 ms; multiplier 5; }; }"
        ),
        (
            "protocol kernel { merge paths yes; scan time 10;"
            " ipv4 { import none; export where source = RTS_BGP; }; }"
        ),
    ]
    lines += [
        f"protocol static S{number} {{ ipv4; route {prefix} unreachable; }}"
        for number, prefix in enumerate(PREFIXES[router])
    ]
    if router == "out":
        included = f'include "{where()}/bird/hijack.inc";'
        lines.append(f"protocol static HIJACK {{\n disabled; ipv4;\n{included}\n}}")
    for pair in SESSIONS:
        if router not in pair:
            continue
        peer = pair[1] if router == pair[0] else pair[0]
        mine, theirs = link_addresses(router, peer)
        prefer = "" if router in _TRANSITS else f"bgp_local_pref = LP_{peer};"
        lines.append(
            f"protocol bgp b_{peer} {{ local {mine} as {AS[router]};"
            f" neighbor {theirs} as {AS[peer]}; direct; bfd on;\n"
            "  hold time 9; keepalive time 3; connect delay time 0; connect retry time 1;"
            " error wait time 1,2; error forget time 3;\n"
            f"  ipv4 {{ import filter {{ {prefer} accept; }}; {own}; next hop self; }}; }}"
        )
    lines.append(
        f"protocol bgp ris {{ local 100.64.0.{MANAGEMENT[router]} as {AS[router]};"
        " neighbor 100.64.0.1 as 12654; direct; passive yes; hold time 90;\n"
        f"  ipv4 {{ import none; {own}; next hop keep; add paths off; }}; }}"
    )
    return "\n".join(lines) + "\n"


def origin_zone():
    """Origin AS by address, as Team Cymru serves it."""
    lines = ["$TTL 60", "@ IN SOA ns.cymru.lab. h.lab. 1 60 60 600 5", "@ NS ns.cymru.lab."]
    for router, prefixes in PREFIXES.items():
        number = AS[router]
        tail = f"{COUNTRIES[number]} | apnic | 2009-12-21"
        for prefix in prefixes:
            for part in ipaddress.ip_network(prefix).subnets(new_prefix=24):
                a, b, c, _ = str(part.network_address).split(".")
                name = f"*.{c}.{b}.{a}"
                lines.append(f'{name}.origin IN TXT "{number} | {prefix} | {tail}"')
                lines.append(f'{name}.peer IN TXT "4837 20485 | {prefix} | {tail}"')
    lines += [
        f'AS{number} IN TXT "{number} | {COUNTRIES[number]} | apnic | 2009-12-21 | {name}"'
        for number, name in NAMES.items()
    ]
    return "\n".join(lines) + "\n"


def site_zone(serial, records):
    lines = [
        "$TTL 5",
        f"@ IN SOA ns1.kp.lab. hostmaster.kp.lab. {serial} 60 60 600 2",
        "@ NS ns1.kp.lab.",
        "@ NS ns2.kp.lab.",
        "ns1 A 198.18.177.53",
        "ns2 A 198.51.100.53",
        "@ MX 10 mail",
        "mail A 198.18.176.80",
        '@ TXT "v=spf1 -all"',
    ]
    for name, found in records.items():
        addresses = found if isinstance(found, list) else [found]
        lines += [f"{name} A {address}" for address in addresses]
    return "\n".join(lines) + "\n"


def nsd(namespace, address, zones):
    here = where()
    listed = "\n".join(f'zone:\n  name: "{name}"\n  zonefile: "{file}"' for name, file in zones)
    return f"""server:
  ip-address: {address}
  username: ""
  chroot: ""
  zonesdir: "{here}/zones"
  pidfile: "{here}/run/nsd-{namespace}.pid"
  database: ""
  xfrdfile: "{here}/run/nsd-{namespace}.xfrd"
  xfrdir: "{here}/run"
  zonelistfile: "{here}/run/nsd-{namespace}.list"
  xfrd-reload-timeout: 0
  server-count: 1
  rrl-ratelimit: 0
  logfile: "{here}/log/nsd-{namespace}.log"
remote-control:
  control-enable: no
{listed}
"""


def unbound():
    here = where()
    return f"""server:
  interface: {RESOLVER}
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: "{here}"
  pidfile: "{here}/run/unbound.pid"
  logfile: "{here}/log/unbound.log"
  use-syslog: no
  do-daemonize: no
  module-config: "iterator"
  root-hints: "{here}/root.hints"
  do-ip6: no
  num-threads: 1
  outgoing-range: 200
  num-queries-per-thread: 100
  infra-host-ttl: 5
  infra-keep-probing: yes
  cache-max-negative-ttl: 2
  serve-expired: no
remote-control:
  control-enable: no
"""


def nginx(namespace, addresses):
    run = f"{where()}/run"
    listen = "".join(f"    listen {each}:80; listen {each}:443 ssl;\n" for each in addresses)
    temporary = "".join(
        f"  {kind}_temp_path {run}/ng-{namespace}-{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""user root root; daemon on; master_process off; worker_processes 1;
pid {run}/nginx-{namespace}.pid; error_log {where()}/log/nginx-{namespace}.err;
events {{ worker_connections 512; }}
http {{ access_log {where()}/log/nginx-{namespace}.log; server_tokens off;
{temporary}  ssl_certificate {where()}/pki/site-{namespace}.pem;
  ssl_certificate_key {where()}/pki/site.key;
  server {{
{listen}    root {where()}/www/{namespace};
    location / {{ if (-f {run}/http-{namespace}-503) {{ return 503; }}
      try_files $uri /index.html; add_header X-Lab-Site {namespace}; }} }} }}
"""


def exabgp():
    neighbors = "\n".join(
        f"neighbor 100.64.0.{last} {{ router-id 100.64.0.1; local-address 100.64.0.1;"
        f" local-as 12654; peer-as {AS[router]}; hold-time 90; family {{ ipv4 unicast; }}"
        " api { processes [ ris ]; neighbor-changes; receive { parsed; update; } } }"
        for router, last in MANAGEMENT.items()
    )
    return (
        f"process ris {{ run {sys.executable} {SCRIPT} _feed; encoder json; }}\n{neighbors}\n"
    )


WEB = {
    "web": [each.split("/")[0] for each in EXTRA["web"]] + ["198.18.176.80"],
    "far": ["198.18.179.80"],
    "out": ["198.51.100.80"],
}
_NSD = {
    "infra": ("198.19.48.80", [(".", "root"), ("asn.cymru.com", "cymru")]),
    "dns": ("198.18.177.53", [("kp.lab", "kp")]),
    "out": ("198.51.100.53", [("kp.lab", "kp")]),
}


def write_all():
    """Every file the daemons read."""
    write("resolv.conf", f"nameserver {RESOLVER}\noptions timeout:1 attempts:1\n")
    write("bird/hijack.inc", "route 192.0.2.0/24 unreachable;\n")
    for router in ROUTERS:
        write(f"bird/{router}.pol", policy())
        write(f"bird/{router}.conf", bird(router))
    write(
        "zones/root",
        "$TTL 60\n. IN SOA a.root. h.lab. 1 60 60 600 5\n. NS a.root.\n"
        f"a.root. A {_INFRA}\nkp.lab. NS ns1.kp.lab.\nkp.lab. NS ns2.kp.lab.\n"
        "ns1.kp.lab. A 198.18.177.53\nns2.kp.lab. A 198.51.100.53\n"
        f"asn.cymru.com. NS ns.cymru.lab.\nns.cymru.lab. A {_INFRA}\n",
    )
    write("root.hints", f". 60 NS a.root.\na.root. 60 A {_INFRA}\n")
    write("zones/cymru", origin_zone())
    write("zones/kp", site_zone(1, SITES))
    for name, (address, zones) in _NSD.items():
        write(f"nsd-{name}.conf", nsd(name, address, zones))
        write(f"nsd-{name}-empty.conf", nsd(name, address, []))
    write("unbound.conf", unbound())
    write("exabgp.conf", exabgp())
    for name, addresses in WEB.items():
        page = f"<html><title>lab {name}</title><body>hello from {name}</body></html>\n"
        write(f"www/{name}/index.html", page)
        write(f"nginx-{name}.conf", nginx(name, addresses))


def make_certificates():
    """A certificate authority, a good and an expired certificate; kept between labs."""
    place = where() / "pki"
    place.mkdir(parents=True, exist_ok=True)
    if (place / "site.pem").exists():
        return
    write(
        "pki/ca.cnf",
        "[ca]\ndefault_ca=c\n[c]\ndatabase=ca.d/idx\nserial=ca.d/ser\nnew_certs_dir=ca.d\n"
        "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n",
    )
    write("pki/names", "subjectAltName=DNS:*.kp.lab,DNS:kp.lab\n")
    key = "openssl ecparam -name prime256v1 -genkey -noout -out"
    sh(f"""cd {place}; {key} ca.key; {key} site.key
openssl req -x509 -new -key ca.key -days 3650 -subj '/CN=lab ca' -out ca.pem
openssl req -new -key site.key -subj '/CN=www.kp.lab' -out s.csr
openssl x509 -req -in s.csr -CA ca.pem -CAkey ca.key -set_serial 1 -days 365 -extfile names \\
  -out site.pem
mkdir -p ca.d; : > ca.d/idx; echo 02 > ca.d/ser
openssl ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -in s.csr -out expired.pem \\
  -startdate 20200101000000Z -enddate 20210101000000Z -extfile names -notext""")
