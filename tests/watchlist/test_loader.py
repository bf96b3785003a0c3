"""What is right becomes the model; what is wrong is reported whole and in order."""

from __future__ import annotations

import hashlib
import os

import pytest

from monitor.records import Kind
from monitor.watchlist.errors import WatchlistError
from monitor.watchlist.loader import MAX_BYTES, MAX_HOSTS, load, parse
from monitor.watchlist.model import (
    DnsParams,
    Feeds,
    HttpParams,
    IcmpParams,
    TcpParams,
    TraceParams,
)

from .samples import GOOD, ICMP, check, host, network, ok, problems


def test_all_mistakes_come_at_once_in_the_order_of_the_file():
    text = (
        'timezone = "Nowhere"\n\n[[control]]\nid = "c"\naddress = "9.9.9.9"\nside = "up"\n'
        f'{ICMP}\n[[host]]\nid = "b"\naddress = "b.kp"\nparnts = []\nchecks = [\n'
        '  { kind = "icmp", interval = 0 },\n  # a comment with ]\n'
        '  { kind = "http", url = "x" },\n]\n'
    )
    found = problems(text)
    assert [(problem.line, problem.path, problem.subject) for problem in found] == [
        (1, "timezone", ""),
        (6, "control[0].side", "c"),
        (12, "host[0].parnts", "b"),
        (14, "host[0].checks[0].interval", "b"),
        (16, "host[0].checks[1].url", "b"),
    ]
    assert str(found[3]) == (
        'desk.toml:14: host[0].checks[0].interval (id "b"): found 0;'
        ' allowed: 1s to 1d, as "60s", "5m", "500ms" or "1h"'
    )


@pytest.mark.parametrize(
    ("data", "found", "line"),
    [
        (b"\xff\xfea\x00", "UTF-16", 0),
        (b"\xfe\xff\x00a", "UTF-16", 0),
        (b"a = 1\nb = '\xed'\n", "byte 0xed at offset 11", 2),
        (b"\xef\xbb\xbfa = '\xff'", "byte 0xff at offset 8", 1),
        (b"a = 1\nb = = 2\n", "no TOML", 2),
        (b'a = "', "no TOML", 1),
        (b"a = 1\na = 2\n", "no TOML", 2),
        (b"a\x00b", "no TOML", 1),
        (b"a = " + b"[" * 100_000, "too deep", 0),
        (b"a = " + b"9" * 5_000, "no TOML", 0),
        (b"a" + b".a" * 100_000 + b" = 1", "256 parts", 0),
        (b"#" * (MAX_BYTES + 1), "bytes", 0),
    ],
)
def test_what_is_no_toml_is_refused_with_its_place(data, found, line):
    (problem,) = problems(data)
    assert found in problem.found
    assert problem.line == line


def test_a_syntax_error_names_its_column():
    (problem,) = problems("a = 1\nb = = 2\n")
    assert str(problem).startswith("desk.toml:2:5: found no TOML (")


def test_a_byte_order_mark_of_utf8_is_no_mistake():
    assert parse(b"\xef\xbb\xbf" + GOOD.encode(), "x").hosts[0].id == "a"


def test_too_many_hosts_are_refused_before_they_are_read():
    (problem,) = problems("host = [" + "{}," * (MAX_HOSTS + 1) + "]")
    assert f"{MAX_HOSTS + 1} hosts" in problem.found


def test_a_great_many_mistakes_are_shown_in_part():
    with pytest.raises(WatchlistError) as caught:
        parse(("host = [" + "{}," * 1_000 + "]").encode(), "x")
    assert len(caught.value.problems) == 3_000
    assert str(caught.value).endswith("… and 2950 more")


def test_parents_in_a_loop_over_others_are_refused():
    text = "".join(
        f'[[host]]\nid = "h{i}"\naddress = "h{i}"\nparents = ["h{(i + 1) % 3}"]\n{ICMP}'
        for i in range(3)
    )
    assert [problem.path for problem in problems(text)] == [
        f"host[{i}].parents" for i in (0, 1, 2)
    ]


# --- what is right ------------------------------------------------------------------------


def test_the_design_example_becomes_the_model():
    found = ok(
        '[defaults]\ninterval = "90s"\ntimeout = "4s"\n'
        '[[network]]\nid = "net"\nname = "Net"\nprefixes = ["192.0.2.0/24"]\n'
        'origin_asns = [64500]\nupstream_asns = [64501]\ntimezone = "Asia/Pyongyang"\n'
        '[[host]]\nid = "ns"\naddress = "192.0.2.15"\naffiliation = "net"\n'
        "claims = [{ hosted_in = 'JP', source = 'S', date = 2014-12-24 }]\n"
        'checks = [{ kind = "dns", query = "KP. soa", expect = { rcode = "NOERROR" } },\n'
        '  { kind = "trace", interval = "10m" }]\n'
        '[[control]]\nid = "q"\naddress = "9.9.9.9"\nside = "far"\nasn = 19281\n' + ICMP
    )
    assert found.name == "desk"
    host, control = found.hosts
    assert host.claims[0].date == "2014-12-24"
    dns, trace = host.checks
    assert (dns.id, dns.kind, dns.interval_s, dns.timeout_s) == ("ns/dns", Kind.DNS, 90.0, 4.0)
    assert dns.params == DnsParams(name="kp.", rdtype="SOA")
    assert trace.params == TraceParams()
    assert trace.interval_s == 600.0
    assert (control.role, control.asn, found.controls("far")) == ("control", 19281, (control,))
    assert found.networks[0].holds(host.address)


def test_a_far_control_is_asked_every_ten_seconds_unless_it_says_otherwise():
    def control(side: str, interval: str) -> float:
        text = network("") + (
            f'[[control]]\nid = "c"\naddress = "9.9.9.9"\n{side}\n'
            f'checks = [{{ kind = "icmp"{interval} }}]\n'
        )
        return ok(text).controls()[0].checks[0].interval_s

    assert control('side = "far"', "") == 10.0
    assert control('side = "far"', ", interval = 30") == 30.0
    assert control('side = "near"\nnear = ["net"]', "") == 60.0


def test_both_families_make_two_checks_and_an_address_fixes_its_own():
    text = check('kind = "icmp", family = "both"').replace("192.0.2.1", "a.kp")
    assert [(c.id, c.family) for c in ok(text).checks()] == [
        ("a/icmp", "ipv4"),
        ("a/icmp6", "ipv6"),
    ]
    assert ok(GOOD.replace("192.0.2.1", "2001:DB8::1")).checks()[0].family == "ipv6"
    assert ok(GOOD.replace("192.0.2.1", "2001:DB8::1")).checks()[0].address == "2001:db8::1"


@pytest.mark.parametrize(
    ("written", "ascii_form", "name"),
    [
        ("조선.kp", "xn--6i4bt7k.kp", "조선.kp"),
        ("bücher.example", "xn--bcher-kva.example", "bücher.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", "bücher.example"),
        ("Naenara.COM.kp.", "naenara.com.kp", "naenara.com.kp"),
        ("xn--ls8h.example", "xn--ls8h.example", "xn--ls8h.example"),
        ("a_b.example", "a_b.example", "a_b.example"),
    ],
)
def test_a_name_in_any_script_is_probed_in_ascii(written, ascii_form, name):
    found = ok(
        f'[[host]]\nid = "a"\naddress = "{written}"\n'
        f'checks = [{{ kind = "http", url = "http://{written}/ü?q=1#part" }}]\n'
    ).hosts[0]
    assert (found.address, found.name) == (ascii_form, name)
    params = found.checks[0].params
    assert isinstance(params, HttpParams)
    assert params.url == f"http://{ascii_form}/%C3%BC?q=1"


def test_parameters_of_every_kind():
    found = ok(
        '[[host]]\nid = "a"\naddress = "a.kp"\nchecks = [\n'
        '{ kind = "icmp", count = 3, spacing = "500ms", size = 8 },\n'
        '{ kind = "tcp", port = 443, tls = true, expiry_warn = "21d", verify = false },\n'
        '{ kind = "tcp", label = "plain", port = 25 },\n'
        '{ kind = "dns", query = ". NS", recursive = true, port = 5353,'
        ' expect = { answers = ["x"], authoritative = false } },\n'
        '{ kind = "dns", label = "soa", query = "조선. SOA", expect = { min_serial = 7 } },\n'
        '{ kind = "http", url = "https://[2001:db8::1]:8443", method = "GET", follow = 3,'
        ' headers = { Accept = "*/*" }, expect = { status = [200, "3xx"], body = "b",'
        ' regex = "^x", json = { a.b = true, "c.d" = 1.5, e = "f" } } },\n'
        '{ kind = "trace", method = "tcp", port = 80, max_ttl = 20 },\n]\n'
    )
    assert [c.params for c in found.checks()] == [
        IcmpParams(count=3, spacing_s=0.5, size=8),
        TcpParams(port=443, tls=True, server_name="a.kp", verify=False, expiry_warn_days=21),
        TcpParams(port=25),
        DnsParams(".", "NS", recursive=True, port=5353, answers=("x",), authoritative=False),
        DnsParams("xn--6i4bt7k.", "SOA", min_serial=7),
        HttpParams(
            "https://[2001:db8::1]:8443/",
            status=("200", "3xx"),
            body="b",
            regex="^x",
            json=(("c.d", "1.5"), ("e", "f"), ("a.b", "true")),
            headers=(("Accept", "*/*"),),
            follow=3,
        ),
        TraceParams(method="tcp", port=80, max_ttl=20),
    ]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ('"60s"', 60),
        ('"5m"', 300),
        ('"1500ms"', 1.5),
        ('"1h"', 3600),
        ("2.5", 2.5),
        ('"1d"', 86400),
    ],
)
def test_durations(written, seconds):
    text = check(f'kind = "icmp", interval = {written}')
    assert ok(text).checks()[0].interval_s == seconds


def test_a_timeout_nobody_wrote_never_reaches_the_interval():
    found = ok(check('kind = "icmp", interval = "2s", count = 20')).checks()[0]
    assert found.timeout_s == 1.0
    assert isinstance(found.params, IcmpParams)
    assert 19 * found.params.spacing_s < found.timeout_s


def test_a_historic_host_needs_no_checks_and_gets_none():
    found = ok(GOOD + '[[host]]\nid = "b"\naddress = "b.kp"\nhistoric = true\n')
    assert [c.host for c in found.checks()] == ["a"]


def test_notes_may_have_lines_but_nothing_worse():
    found = ok(host('note = """one\n two\n"""'))
    assert found.hosts[0].note == "one  two"
    (problem,) = problems(host('note = "a\\u009bm"'))
    assert problem.path == "host[0].note"


# --- files --------------------------------------------------------------------------------


def test_load_knows_path_name_and_hash(tmp_path):
    path = tmp_path / "my-desk.toml"
    path.write_text(GOOD)
    found = load(path)
    assert (found.path, found.name) == (str(path), "my-desk")
    assert found.hash == hashlib.sha256(GOOD.encode()).hexdigest()


def refused(path) -> str:
    with pytest.raises(WatchlistError) as caught:
        load(path)
    (problem,) = caught.value.problems
    return problem.found


def test_files_that_are_none(tmp_path):
    assert refused(tmp_path / "none.toml") == "no such file"
    assert refused(tmp_path) == "a directory"
    assert "cannot be opened" in refused(tmp_path / ("x" * 300))
    assert "cannot be opened" in refused(tmp_path / "a\0b")
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe") == "a device or pipe"
    (tmp_path / "loop").symlink_to("loop")
    assert "cannot be opened" in refused(tmp_path / "loop")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights(tmp_path):
    path = tmp_path / "closed.toml"
    path.touch(0o000)
    assert "cannot be opened" in refused(path)


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.toml"
    with path.open("wb") as file:
        file.truncate(10 * 1024 * 1024 * 1024)
    assert refused(path) == "10737418240 bytes"


def test_feeds_are_off_unless_asked_for():
    assert ok(GOOD).feeds == Feeds()
    assert not ok(GOOD).feeds.ris
    assert not ok("[feeds]\n" + GOOD).feeds.ris
    found = ok('[feeds]\nris = true\nurl = "http://127.0.0.1:9/v1"\nripestat = false\n' + GOOD)
    assert found.feeds == Feeds(ris=True, url="http://127.0.0.1:9/v1", ripestat=False)
