"""Every mistake is reported at its place, with what is allowed."""

from __future__ import annotations

import pytest

from .samples import GOOD, HOST, ICMP, check, host, http, network, problems

# text, key path, part of what was found, part of the allowed and the hint
CASES = [
    # the whole
    ("", "", "empty watchlist", "[[host]]"),
    ("# nothing\n", "", "empty watchlist", "[[host]]"),
    ('name = "x"\n', "", "no hosts", "[[host]]"),
    ("hots = 1\n" + GOOD, "hots", 'unknown key "hots"', 'did you mean "host"?'),
    ("host = 3\n", "host", "3", "an array"),
    ("host = [3]\n", "host[0]", "3", "a table"),
    ('defaults = "x"\n' + GOOD, "defaults", '"x"', "a table"),
    ('timezone = "Asia/Soul"\n' + GOOD, "timezone", "Soul", 'did you mean "Asia/Seoul"?'),
    ('timezone = "../etc"\n' + GOOD, "timezone", "../etc", "a time zone"),
    ('timezone = "Asia"\n' + GOOD, "timezone", "Asia", "a time zone"),
    ("timezone = 9\n" + GOOD, "timezone", "9", "a time zone"),
    ('[defaults]\ninterval = "0s"\n' + GOOD, "defaults.interval", '"0s"', "1s to 1d"),
    ('[defaults]\nintervall = "5s"\n' + GOOD, "defaults.intervall", "unknown", '"interval"'),
    (
        '[defaults]\ninterval = "5s"\ntimeout = "5s"\n' + GOOD,
        "defaults.timeout",
        "timeout 5s",
        "less than the interval",
    ),
    ("[budget]\nin_flight = 0\n" + GOOD, "budget.in_flight", "0", "from 1 to"),
    ("[budget]\nprefix_rate = nan\n" + GOOD, "budget.prefix_rate", "nan", "0.1 to 100"),
    ('[keep]\nraw = "1h"\n' + GOOD, "keep.raw", "1h", "1d to"),
    ('[keep]\nraw = "9d"\nfive_minutes = "8d"\n' + GOOD, "keep.five_minutes", "8d", "9d"),
    ('[keep]\nhourly = "8d"\n' + GOOD, "keep.hourly", "8d", "at least 90d"),
    ("[budget]\nprefix_rate = true\n" + GOOD, "budget.prefix_rate", "true", "0.1 to 100"),
    # feeds
    ("feeds = true\n" + GOOD, "feeds", "true", "a table"),
    ("[feeds]\nris = 1\n" + GOOD, "feeds.ris", "1", "true or false"),
    ('[feeds]\nripestat = "no"\n' + GOOD, "feeds.ripestat", '"no"', "true or false"),
    ('[feeds]\nurl = "wss://a.example/"\n' + GOOD, "feeds.url", "wss:", "http://"),
    ('[feeds]\nurl = "https://me:pw@a.example/"\n' + GOOD,
     "feeds.url", "credentials", "no secrets"),
    ("[feeds]\nripestat_url = 5\n" + GOOD, "feeds.ripestat_url", "5", "quotes"),
    ("[feeds]\nriss = true\n" + GOOD, "feeds.riss", "unknown", 'did you mean "ris"?'),
    # ids
    ('[[host]]\naddress = "192.0.2.1"\n' + ICMP, "host[0]", "no id", "id ="),
    (GOOD.replace('"a"', '"A b"'), "host[0].id", '"A b"', "a-z"),
    (GOOD.replace('"a"', f'"{"a" * 65}"'), "host[0].id", "aaa", "at most 64"),
    (GOOD.replace('"a"', "7"), "host[0].id", "7", "a-z"),
    (GOOD + GOOD, "host[1].id", 'a second "a"', "once"),
    (GOOD + '[[control]]\nid = "a"\naddress = "9.9.9.9"\nside = "far"\n' + ICMP,
     "control[0].id", 'a second "a"', "once"),
    (network("") + '[[network]]\nid = "net"\norigin_asns = [1]\n',
     "network[1].id", 'a second "net"', "once"),
    # references
    (network("").replace(ICMP, 'affiliation = "nett"\n' + ICMP),
     "host[0].affiliation", '"nett"', 'did you mean "net"?'),
    (host('parents = ["aa"]'), "host[0].parents[0]", '"aa"', 'did you mean "a"?'),
    (host('parents = ["a"]'), "host[0].parents", "loop", "without"),
    (host('parents = "a"'), "host[0].parents", '"a"', "an array"),
    # names and addresses
    (host('name = "a\\u001b[2J"'), "host[0].name", "a·[2J", "control"),
    (host('name = "\\u202eabc"'), "host[0].name", "·abc", "invisible"),
    (host('name = ""'), "host[0].name", '""', "not empty"),
    (host("name = 5"), "host[0].name", "5", "text"),
    ('[[host]]\nid = "a"\n' + ICMP, "host[0]", "no address", "address ="),
    *(
        (GOOD.replace('"192.0.2.1"', found), "host[0].address", shown, allowed)
        for found, shown, allowed in [
            ('"192.0.2.300"', "192.0.2.300", "no IP address"),
            ('"192.0.2"', "192.0.2", "no IP address"),
            ('"2001:db8::g"', "2001:db8::g", "no IP address"),
            ('"0.0.0.0"', "0.0.0.0", "one host"),
            ('"ff02::1"', "ff02::1", "one host"),
            ('"http://a.kp/"', "http://a.kp/", "check of kind http"),
            ('"a..kp"', "a..kp", "labels"),
            ('"-a.kp"', "-a.kp", "labels"),
            ('"a b.kp"', "a b.kp", "labels"),
            ('"' + "a" * 64 + '.kp"', "aaa", "63"),
            ('"' + "a." * 140 + 'kp"', "a.a.", "253"),
            ('"a.kp\\u0007"', "a.kp·", "control"),
            ('"💩.kp"', "💩", "IDNA 2008"),
            ('""', '""', "an IP address or a host name"),
            ("1", "1", "in quotes"),
        ]
    ),
    # networks
    (network('country = "Korea"'), "network[0].country", "Korea", "two capital letters"),
    (network('timezone = "Asia/Pyongyan"'), "network[0].timezone", "Pyongyan", "Pyongyang"),
    (network("origin_asns = [0]"), "network[0].origin_asns[0]", "0", "4294967294"),
    (network("upstream_asns = [7, 7]"), "network[0].upstream_asns[1]", "7", "once"),
    (GOOD + '[[network]]\nid = "n"\n', "network[0]", "no prefixes", "one of them"),
    (GOOD + '[[network]]\nid = "n"\nprefixes = ["175.45.176.15/22"]\n',
     "network[0].prefixes[0]", "175.45.176.15/22", 'did you mean "175.45.176.0/22"?'),
    (GOOD + '[[network]]\nid = "n"\nprefixes = ["175.45.176.0"]\n',
     "network[0].prefixes[0]", "175.45.176.0", "with its length"),
    (GOOD + '[[network]]\nid = "n"\nprefixes = ["x/8"]\n',
     "network[0].prefixes[0]", '"x/8"', "a network"),
    # claims
    (host('claims = [{ source = "x", date = "2014-12-24", text = "y" }]'),
     "host[0].claims[0].date", "2014-12-24", "without quotes"),
    (host('claims = [{ source = "x", date = 2014-12-24T00:00:00Z, text = "y" }]'),
     "host[0].claims[0].date", "2014-12-24", "without quotes"),
    (host('claims = [{ source = "x", date = 2014-12-24 }]'),
     "host[0].claims[0]", "says nothing", "hosted_in"),
    (host('claims = [{ source = "x", date = 2014-12-24, hosted_in = "jp" }]'),
     "host[0].claims[0].hosted_in", '"jp"', "ISO 3166"),
    (host('claims = [{ source = "x", date = 2014-12-24, text = "y", link = "ftp://a/" }]'),
     "host[0].claims[0].link", "ftp://a/", "a URL"),
    (host('claims = [{ date = 2014-12-24, text = "y" }]'),
     "host[0].claims[0]", "no source", "source ="),
    # controls
    ('[[control]]\nid = "c"\naddress = "9.9.9.9"\n' + ICMP, "control[0]", "no side", "far"),
    ('[[control]]\nid = "c"\naddress = "9.9.9.9"\nside = "fra"\n' + ICMP,
     "control[0].side", '"fra"', 'did you mean "far"?'),
    ('[[control]]\nid = "c"\naddress = "9.9.9.9"\nside = "near"\n' + ICMP,
     "control[0].near", "a near control", "near ="),
    ('[[control]]\nid = "c"\naddress = "9.9.9.9"\nside = "near"\nnear = ["n"]\n' + ICMP,
     "control[0].near[0]", '"n"', "an id of this watchlist"),
    # checks of any kind
    (HOST, "host[0]", "no checks", "at least one"),
    (HOST + "checks = []\n", "host[0]", "no checks", "at least one"),
    (HOST + "checks = [1]\n", "host[0].checks[0]", "1", "a table"),
    (check("interval = 5"), "host[0].checks[0]", "no kind", "kind ="),
    (check('kind = "htp"'), "host[0].checks[0].kind", '"htp"', 'did you mean "http"?'),
    (check('kind = "icmp", intreval = 3'), "host[0].checks[0].intreval",
     'unknown key "intreval"', 'did you mean "interval"?'),
    *(
        (check(f'kind = "icmp", interval = {value}'), "host[0].checks[0].interval", "", "1s to")
        for value in ("0", "-1", '"0.5s"', "86401", '"2d"', '"5 min"', "true", "nan", "inf",
                      "[]", "0x" + "f" * 300)
    ),
    (check('kind = "icmp", interval = "5s", timeout = "5s"'), "host[0].checks[0].timeout",
     "timeout 5s", "less than the interval of 5s"),
    (check('kind = "icmp", timeout = 0'), "host[0].checks[0].timeout", "0", "10ms to"),
    (check('kind = "icmp", family = "ipv6"'), "host[0].checks[0].family", '"ipv6"', "ipv4"),
    (check('kind = "icmp", family = "both"'), "host[0].checks[0].family", '"both"', "ipv4"),
    (check('kind = "icmp", family = "v4"'), "host[0].checks[0].family", '"v4"', "ipv4"),
    (check('kind = "icmp", label = "A"'), "host[0].checks[0].label", '"A"', "a-z"),
    (check('kind = "icmp" }, { kind = "icmp"'), "host[0].checks[1]",
     'a second "icmp"', "label"),
    # checks of one kind
    (check('kind = "icmp", count = 0'), "host[0].checks[0].count", "0", "1 to 20"),
    (check('kind = "icmp", size = 1473'), "host[0].checks[0].size", "1473", "1472"),
    (check('kind = "icmp", count = 20, spacing = "1s"'), "host[0].checks[0].spacing",
     "20 packets 1s apart", "timeout"),
    (check('kind = "tcp"'), "host[0].checks[0]", "no port", "port ="),
    (check('kind = "tcp", port = 65536'), "host[0].checks[0].port", "65536", "65535"),
    (check('kind = "tcp", port = 0'), "host[0].checks[0].port", "0", "65535"),
    (check('kind = "tcp", port = 1, verify = false'), "host[0].checks[0].verify",
     "without tls", "tls = true"),
    (check('kind = "tcp", port = 1, tls = true, server_name = "1.2.3.4"'),
     "host[0].checks[0].server_name", "1.2.3.4", "a host name"),
    (check('kind = "tcp", port = 1, tls = true, expiry_warn = "2w"'),
     "host[0].checks[0].expiry_warn", "2w", "days"),
    (check('kind = "dns"'), "host[0].checks[0]", "no query", "query ="),
    (check('kind = "dns", query = "kp."'), "host[0].checks[0].query", "kp.", "record type"),
    (check('kind = "dns", query = "kp. SAO"'), "host[0].checks[0].query", "SAO", '"SOA"'),
    (check('kind = "dns", query = "k\\\\p. SOA"'),
     "host[0].checks[0].query", "", "domain name"),
    (check('kind = "dns", query = "kp. NS", expect = { min_serial = 1 }'),
     "host[0].checks[0].expect.min_serial", "NS", "SOA"),
    (check('kind = "dns", query = "kp. NS", expect = { rcode = "NOEROR" }'),
     "host[0].checks[0].expect.rcode", "NOEROR", "NOERROR"),
    (check('kind = "dns", query = "kp. NS", expect = { rcod = "X" }'),
     "host[0].checks[0].expect.rcod", "rcod", 'did you mean "rcode"?'),
    (check('kind = "http"'), "host[0].checks[0]", "no url", "url ="),
    *(
        (check(f'kind = "http", url = "{url}"'), "host[0].checks[0].url", "", "a URL")
        for url in ("ftp://a/", "http://", "a.kp", "http://a b/", "http://a/b c", "http://[::1",
                    "http://u:p@a/", "http://a:99999/")
    ),
    (http('method = "POST"'), "host[0].checks[0].method", '"POST"', "GET, HEAD"),
    (http('method = "HEAD", expect = { body = "x" }'), "host[0].checks[0].expect", "HEAD", ""),
    (http("follow = 11"), "host[0].checks[0].follow", "11", "10"),
    (http("expect = { status = 600 }"), "host[0].checks[0].expect.status", "600", "2xx"),
    (http('expect = { status = [200, "9xx"] }'),
     "host[0].checks[0].expect.status[1]", "9xx", ""),
    (http('expect = { regex = "(" }'), "host[0].checks[0].expect.regex", "(", "unterminated"),
    (http('expect = { json = { "a" = [] } }'), "host[0].checks[0].expect.json.a", "array", ""),
    (http('headers = { "a b" = "x" }'), 'host[0].checks[0].headers."a b"', "", "header name"),
    (http('headers = { A = "x\\r\\nB: y\\u0000" }'),
     "host[0].checks[0].headers.A", "", "control"),
    (http('headers = { Authorization = "x" }'), "host[0].checks[0].headers.Authorization",
     "a secret", "without secrets"),
    (check('kind = "trace", method = "sctp"'), "host[0].checks[0].method", "sctp", "auto"),
    (check('kind = "trace", max_ttl = 65'), "host[0].checks[0].max_ttl", "65", "64"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "found", "allowed"), CASES)
def test_each_mistake_is_named_with_its_place(text, path, found, allowed):
    for problem in problems(text):
        if problem.path == path and found in problem.found:
            assert allowed in f"{problem.allowed} {problem.hint}"
            assert problem.file == "desk.toml"
            assert problem.line > 0 or path == ""
            return
    pytest.fail(f"not among {[str(problem) for problem in problems(text)]}")


@pytest.mark.parametrize("text", [case[0] for case in CASES])
def test_one_mistake_makes_one_message(text):
    assert len(problems(text)) == 1


def test_no_message_repeats_a_secret():
    for text in (
        http('headers = { Authorization = "hush" }'),
        check('kind = "http", url = "http://hush:hush@a.kp/"'),
    ):
        assert "hush" not in str(problems(text)[0])
