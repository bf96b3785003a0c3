import asyncio
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import (
    closed_port,
    endless,
    goodbye,
    page,
    reset,
    routes,
    says,
    silence,
    silent_port,
    tcp_server,
)

from monitor import __version__
from monitor.probes.http import HttpProbe
from monitor.probes.http_exchange import MAX_BODY, Answer
from monitor.probes.http_expect import Page, status_is_expected, title_of
from monitor.records import Kind, Outcome, Reason
from monitor.watchlist.model import Check, HttpParams

HOST = "www.example.test"


@pytest.fixture
def look(clock, resolver):
    """Run one HTTP check of a loopback port."""

    async def run(port, path="/", scheme="http", timeout_s=20.0, address=HOST, **params):
        url = f"{scheme}://{HOST}:{port}{path}"
        check = Check(
            id="h/http",
            host="h",
            kind=Kind.HTTP,
            address=address,
            params=HttpParams(url=url, **params),
            timeout_s=timeout_s,
        )
        return await HttpProbe(clock, resolver).probe(check)

    return run


async def test_good_page(look):
    async with tcp_server(says(page())) as port:
        seen = await look(port)
    assert (seen.outcome, seen.reason, seen.address) == (Outcome.OK, Reason.NONE, "127.0.0.1")
    facts = seen.facts
    assert (facts.status, facts.version, facts.title) == (200, "1.1", "Hello")
    assert (facts.server, facts.content_type, facts.size) == ("test", "text/html", 20)
    phases = facts.phases
    assert phases.connect + phases.first_byte <= phases.total
    assert phases.tls is None
    assert 0 < seen.rtt_ms <= phases.connect


async def test_what_is_sent(look):
    handler = routes({"/a?b=%20c": page()})
    async with tcp_server(handler) as port:
        await look(port, "/a?b= c", headers=(("X-Token", "t"), ("Accept", "text/html")))
    head, *lines = handler.seen[0].strip().split("\r\n")
    assert head == "GET /a?b=%20c HTTP/1.1"
    assert {line.lower() for line in lines} == {
        f"host: {HOST}:{port}",
        f"user-agent: watchdesk/{__version__}",
        "accept: text/html",
        "accept-encoding: gzip, deflate",
        "connection: close",
        "x-token: t",
    }


async def test_head(look):
    async with tcp_server(says(page()[:-20])) as port:
        seen = await look(port, method="HEAD")
    assert (seen.outcome, seen.facts.status, seen.facts.size) == (Outcome.OK, 200, 0)


async def test_https(look, trusted):
    async with tcp_server(says(page()), trusted.context()) as port:
        seen = await look(port, scheme="https")
        pinned = await look(port, scheme="https", address="127.0.0.1")
    for one in (seen, pinned):
        assert (one.outcome, one.reason) == (Outcome.OK, Reason.NONE)
        assert one.facts.tls.version == "TLSv1.3"
        assert one.facts.phases.tls > 0


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        ({"end": 0}, Reason.CERT_EXPIRED),
        ({"start": 1}, Reason.CERT_NOT_YET_VALID),
        ({"name": "other.example.test"}, Reason.CERT_WRONG_NAME),
        ({"self_signed": True}, Reason.CERT_SELF_SIGNED),
    ],
)
async def test_bad_certificate(look, trusted, certificate, reason):
    async with tcp_server(says(page()), trusted.context(**certificate)) as port:
        seen = await look(port, scheme="https")
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, reason)
    assert seen.facts.tls.subject
    assert seen.facts.status is None


async def test_expires_soon(look, trusted):
    async with tcp_server(says(page()), trusted.context(end=3)) as port:
        seen = await look(port, scheme="https")
    assert (seen.outcome, seen.reason) == (Outcome.WARN, Reason.CERT_EXPIRES_SOON)


async def test_unmet_expectation_weighs_more_than_expiry(look, trusted):
    async with tcp_server(says(page()), trusted.context(end=3)) as port:
        seen = await look(port, scheme="https", body="absent")
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.HTTP_CONTENT)


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (silence, Reason.HTTP_HEADERS_TIMEOUT),
        (says(b"HTTP/1.1 200 OK\r\nX: ", hang=True), Reason.HTTP_HEADERS_TIMEOUT),
        (says(b"HTTP/1.1 100 Continue\r\n\r\n", hang=True), Reason.HTTP_HEADERS_TIMEOUT),
        (says(page()[:-3], hang=True), Reason.HTTP_BODY_TIMEOUT),
        (says(page()[:-3]), Reason.HTTP_PROTOCOL),
        (goodbye, Reason.CLOSED),
        (reset, Reason.RESET),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), Reason.HTTP_PROTOCOL),
        (says(bytes(range(256)) * 8), Reason.HTTP_PROTOCOL),
        (says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), Reason.HTTP_PROTOCOL),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), Reason.HTTP_PROTOCOL),
        (endless(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 9999), Reason.HTTP_TOO_LARGE),
        (endless(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 999), Reason.HTTP_TOO_LARGE),
        (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99), Reason.HTTP_TOO_LARGE),
        (endless(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", 0.02), Reason.HTTP_HEADERS_TIMEOUT),
        (endless(page()[:-20], b"d", 0.05), Reason.HTTP_BODY_TIMEOUT),
    ],
)
async def test_bad_server(look, handler, reason):
    # Only what has to run into its deadline has a short one, for the machine may be slow.
    slow = reason in (Reason.HTTP_HEADERS_TIMEOUT, Reason.HTTP_BODY_TIMEOUT)
    async with tcp_server(handler) as port:
        seen = await look(port, timeout_s=0.8 if slow else 30.0)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, reason)
    assert seen.rtt_ms is not None
    assert seen.received == 1


async def test_tiny_chunks_for_ever(look):
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with tcp_server(endless(start, b"1\r\na\r\n" * 500)) as port:
        seen = await look(port, timeout_s=10.0)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.HTTP_PROTOCOL)


async def test_nobody_there(look):
    seen = await look(closed_port())
    assert (seen.reason, seen.facts.phases.connect) == (Reason.REFUSED, None)
    with silent_port() as port:
        seen = await look(port, timeout_s=0.2)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.TIMEOUT)


async def test_endless_body_is_cut(look):
    start = b"HTTP/1.1 200 OK\r\n\r\n<title>Radio</title>"
    async with tcp_server(endless(start, b"a" * 65_536)) as port:
        plain = await look(port, timeout_s=10.0)
        beyond = await look(port, timeout_s=10.0, body="absent")
        within = await look(port, timeout_s=10.0, body="Radio")
    assert (plain.outcome, plain.facts.title) == (Outcome.OK, "Radio")
    assert plain.note
    assert plain.facts.size <= MAX_BODY + 65_536
    assert (beyond.outcome, beyond.reason) == (Outcome.FAIL, Reason.HTTP_TOO_LARGE)
    assert within.outcome is Outcome.OK


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)],
)
async def test_content_codings(look, coding, pack):
    body = pack(b"<title>Packed</title>")
    async with tcp_server(says(page(body, headers=f"Content-Encoding: {coding}\r\n"))) as port:
        seen = await look(port, body="Packed")
    assert (seen.outcome, seen.facts.title) == (Outcome.OK, "Packed")
    assert seen.facts.size == len(body)


async def test_bomb_is_cut(look):
    bomb = gzip.compress(b"\0" * (64 << 20))
    async with tcp_server(says(page(bomb, headers="Content-Encoding: gzip\r\n"))) as port:
        seen = await look(port, timeout_s=10.0, body="absent")
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.HTTP_TOO_LARGE)


async def test_broken_coding(look):
    broken = page(b"nothing packed", headers="Content-Encoding: gzip\r\n")
    async with tcp_server(says(broken)) as port:
        seen = await look(port)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.HTTP_PROTOCOL)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"status": ("5xx",)}, Reason.HTTP_STATUS),
        ({"status": ("404", "200")}, Reason.NONE),
        ({"body": '"up"'}, Reason.NONE),
        ({"body": "down"}, Reason.HTTP_CONTENT),
        ({"regex": "(?i)UP"}, Reason.NONE),
        ({"regex": r'"a":\s*\[1, *2'}, Reason.NONE),
        ({"regex": r"x+y+\n"}, Reason.HTTP_CONTENT),
        (
            {"json": (("state", "up"), ("a.1", "2"), ("ok", "true"), ("no", "null"))},
            Reason.NONE,
        ),
        ({"json": (("a.2", "2"),)}, Reason.HTTP_CONTENT),
        ({"json": (("state.deep", "up"),)}, Reason.HTTP_CONTENT),
    ],
)
async def test_expectations(look, params, reason):
    body = b'{"state": "up", "a": [1, 2.0], "ok": true, "no": null}'
    async with tcp_server(says(page(body))) as port:
        seen = await look(port, timeout_s=5.0, **params)
    assert seen.reason is reason
    assert bool(seen.facts.expected) == (reason is not Reason.NONE)


async def test_json_from_hell(look):
    async with tcp_server(says(page(b"[" * 500_000))) as port:
        seen = await look(port, timeout_s=5.0, json=(("a", "b"),))
    assert seen.reason is Reason.HTTP_CONTENT


async def test_pattern_that_never_ends_costs_its_own_probe_only(look):
    async with tcp_server(says(page(b"a" * 64))) as port:
        slow = asyncio.create_task(look(port, timeout_s=2.0, regex="(a+)+b"))
        await asyncio.sleep(0.2)
        other = await look(port, timeout_s=5.0)
        assert not slow.done()
        seen = await slow
    assert other.outcome is Outcome.OK
    assert (seen.outcome, seen.reason) == (Outcome.ERROR, Reason.LOCAL_LIMIT)


def moved(to, status="302 Found"):
    return page(b"", status, f"Location: {to}\r\n")


async def test_redirect_is_an_answer_unless_followed(look):
    async with tcp_server(says(moved("/there"))) as port:
        seen = await look(port)
    assert (seen.outcome, seen.facts.status) == (Outcome.OK, 302)


async def test_redirects_are_followed_and_recorded(look):
    handler = routes({"/": moved("/b"), "/b": moved("c?d#e"), "/c?d": page()})
    async with tcp_server(handler) as port:
        seen = await look(port, follow=2, headers=(("x-token", "t"),))
    assert (seen.outcome, seen.facts.status) == (Outcome.OK, 200)
    base = f"http://{HOST}:{port}"
    assert seen.facts.redirects == (f"{base}/b", f"{base}/c?d")
    assert seen.facts.url == f"{base}/c?d"
    assert all("x-token: t" in request for request in handler.seen)


async def test_a_token_stays_at_home(look):
    away = routes({"/": page()})
    async with (
        tcp_server(away) as there,
        tcp_server(says(moved(f"http://other.example.test:{there}/"))) as here,
    ):
        seen = await look(here, follow=1, headers=(("x-token", "secret"),))
    assert seen.outcome is Outcome.OK
    assert "secret" not in away.seen[0]


@pytest.mark.parametrize(
    ("location", "follow"),
    [("/", 5), ("/b", 1), ("ftp://www.example.test/", 5), ("http://[nonsense/", 5)],
)
async def test_redirects_that_lead_nowhere(look, location, follow):
    async with tcp_server(routes({"/": moved(location), "/b": moved("/c")})) as port:
        seen = await look(port, follow=follow)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.HTTP_REDIRECTS)
    assert seen.facts.status == 302


async def test_redirect_to_an_unknown_name(look):
    async with tcp_server(says(moved("http://gone.example.test/"))) as port:
        seen = await look(port, follow=1)
    assert (seen.outcome, seen.reason) == (Outcome.ERROR, Reason.RESOLVER_FAILED)


async def test_hostile_headers_are_made_harmless(look):
    body = "<title>\u202e\x1b[2Jevil &#27;[31m</title>".encode()
    async with tcp_server(says(page(body, headers="X: y\r\n"))) as port:
        seen = await look(port)
    assert seen.facts.title.isprintable()
    assert "evil" in seen.facts.title


async def test_password_in_the_url_is_not_recorded(look, clock, resolver):
    async with tcp_server(says(page())) as port:
        params = HttpParams(url=f"http://me:secret@{HOST}:{port}/")
        check = Check("h/http", "h", Kind.HTTP, "127.0.0.1", params)
        seen = await HttpProbe(clock, resolver).probe(check)
    assert seen.outcome is Outcome.OK
    assert "secret" not in repr(seen)


def test_status_classes():
    assert status_is_expected(204, ("2xx",))
    assert status_is_expected(404, ("200", "404"))
    assert not status_is_expected(500, ("2xx", "3xx", "404"))


@given(
    st.binary(max_size=400),
    st.sampled_from(["utf-8", "EUC-KR", "utf-16", "punycode", "zip", "unicode-escape", ""]),
)
def test_any_body_has_a_title_or_none(noise, charset):
    answer = Answer()
    answer.headers = {"content-type": f'text/html; charset="{charset}"'}
    answer.body += b"<title " + noise + b"</title>"
    title = title_of(Page(answer))
    assert title == "" or title.isprintable()


def test_korean_title():
    answer = Answer()
    answer.headers = {"content-type": "text/html; charset=EUC-KR"}
    answer.body += "<TITLE lang=ko>\n 조선중앙통신 \n</TITLE>".encode("euc-kr")
    assert title_of(Page(answer)) == "조선중앙통신"
