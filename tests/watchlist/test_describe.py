"""The summary counts what is there and warns of what is too much."""

from __future__ import annotations

import pytest

from monitor.watchlist.describe import by_prefix, packets, prefix_of, summary, warnings
from monitor.watchlist.loader import parse

FAR = "".join(
    f'[[control]]\nid = "c{i}"\naddress = "198.51.{i}.1"\nside = "far"\nasn = {64500 + i}\n'
    'checks = [{ kind = "icmp", count = 1 }]\n'
    for i in range(4)
)


def watch(checks: str, address: str = "192.0.2.1"):
    text = f'[[host]]\nid = "a"\naddress = "{address}"\nchecks = [{checks}]\n{FAR}'
    return parse(text.encode(), "desk.toml")


@pytest.mark.parametrize(
    ("check", "count"),
    [
        ('{ kind = "icmp", count = 7 }', 7),
        ('{ kind = "dns", query = ". NS" }', 1),
        ('{ kind = "tcp", port = 80 }', 3),
        ('{ kind = "tcp", port = 443, tls = true }', 6),
        ('{ kind = "http", url = "http://a/" }', 8),
        ('{ kind = "http", url = "https://a/", follow = 1 }', 22),
        ('{ kind = "trace", max_ttl = 20 }', 20),
    ],
)
def test_packets_of_one_run(check, count):
    assert packets(watch(check).checks()[0]) == count


def test_prefixes_are_those_of_the_budget():
    assert prefix_of("175.45.176.15") == "175.45.176.0/24"
    assert prefix_of("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert prefix_of("a.kp") == ""


def test_a_prefix_over_its_budget_is_warned_of():
    icmp = '{ kind = "icmp", count = 20, interval = "10s" }'
    found = watch(icmp)
    assert by_prefix(found)["192.0.2.0/24"] == 120
    (warning,) = warnings(found)
    assert warning.startswith("120 packets a minute to 192.0.2.0/24, whose budget is 60")
    assert f"warning: {warning}" in summary(found)
    # Where a name leads is not known here, so nothing is said about it.
    assert warnings(watch(icmp, "a.kp")) == ()


def test_too_few_far_controls_are_warned_of():
    text = b'[[host]]\nid = "a"\naddress = "a.kp"\nchecks = [{ kind = "icmp" }]\n'
    (warning,) = warnings(parse(text, "x"))
    assert warning.startswith("0 far controls with 0 stated AS")


def test_the_summary_in_full():
    text = (
        '[[network]]\nid = "net"\nprefixes = ["192.0.2.0/24"]\norigin_asns = [64500]\n'
        '[[host]]\nid = "a"\naddress = "192.0.2.1"\naffiliation = "net"\n'
        'checks = [{ kind = "icmp" }, { kind = "dns", query = ". NS" }]\n'
        '[[host]]\nid = "b"\naddress = "b.kp"\nhistoric = true\n'
        '[[host]]\nid = "c"\naddress = "c.kp"\nchecks = [{ kind = "icmp" }]\n'
    )
    assert summary(parse((text + FAR).encode(), "desk.toml")).splitlines() == [
        "watchlist desk",
        "networks  1",
        "  net: 1 prefixes, AS64500, UTC, 1 hosts affiliated",
        "hosts     3, 1 of them historic",
        "controls  4: 4 far, 0 near",
        "checks    7: 1 dns, 6 icmp",
        "packets   35 a minute in total",
        "  192.0.2.0/24: 6.0 a minute",
        "  198.51.0.0/24: 6.0 a minute",
        "  198.51.1.0/24: 6.0 a minute",
        "  198.51.2.0/24: 6.0 a minute",
        "  198.51.3.0/24: 6.0 a minute",
        "  names, whose addresses are looked up at each run: 5.0 a minute",
    ]


def test_many_prefixes_are_summed_up():
    hosts = "".join(
        f'[[host]]\nid = "h{i}"\naddress = "10.0.{i}.1"\nchecks = [{{ kind = "icmp" }}]\n'
        for i in range(20)
    )
    assert "  … and 10 more prefixes with less" in summary(parse(hosts.encode(), "x"))


def test_feeds_are_named_when_they_are_asked():
    text = '[feeds]\nris = true\n[[network]]\nid = "n"\nprefixes = ["192.0.2.0/24"]\n' + FAR
    assert "feeds     RIS Live, RIPEstat: asked for 1 prefixes" in summary(
        parse(text.encode(), "x")
    )
    alone = text.replace("ris = true", "ris = true\nripestat = false")
    assert "feeds     RIS Live: asked for" in summary(parse(alone.encode(), "x"))
    assert "feeds" not in summary(parse(FAR.encode(), "x"))
    asked = "ris = true\norigins = true\nnames = true\nioda = true"
    more = text.replace("ris = true", asked).replace('id = "n"', 'id = "n"\ncountry = "KP"')
    said = summary(parse(more.encode(), "x"))
    assert "origins   Team Cymru: asked" in said
    assert "names     reverse DNS: asked" in said
    assert "witness   IODA: asked about 1 countries and AS" in said
