"""Is the page what it should be: status, text, pattern, JSON values, and its title.

A pattern that repeats may take exponential time on a text made for it, and Python's engine
can neither be stopped nor run beside the event loop.  So what repeats is matched in a
process of its own (15 ms), within the check's deadline, on at most 64 KiB.
"""

from __future__ import annotations

import asyncio
import html
import re
import sys
from typing import Any, Final

import msgspec

from monitor.probes.failures import Failure
from monitor.probes.http_exchange import MAX_BODY, Answer
from monitor.records import Reason, clean_text
from monitor.watchlist.model import HttpParams

REGEX_TEXT: Final = 65_536
_TITLE_TEXT: Final = 65_536
_MATCHERS: Final = 2
_MATCHED, _NOT_MATCHED = b"1", b"0"
_MATCHER: Final = """\
import re, sys
pattern = sys.stdin.buffer.readline()[:-1].decode("unicode-escape", "surrogatepass")
text = sys.stdin.buffer.read().decode("utf-8", "surrogatepass")
sys.stdout.write("1" if re.search(pattern, text) else "0")
"""
# Text encodings only: names such as "punycode" or "unicode-escape" would run for a server.
_CHARSETS: Final = frozenset(
    (
        *("utf-8", "utf8", "us-ascii", "ascii", "latin-1", "utf-16", "koi8-r", "johab"),
        *("iso-8859-1", "iso-8859-2", "iso-8859-5", "iso-8859-15"),
        *("windows-1250", "windows-1251", "windows-1252", "cp1251"),
        *("euc-kr", "ks_c_5601-1987", "cp949", "iso-2022-kr", "gb2312", "gbk", "gb18030"),
        *("big5", "shift_jis", "euc-jp", "iso-2022-jp"),
    )
)


class Unmet(msgspec.Struct, frozen=True):
    """An expectation that was not met."""

    reason: Reason
    expected: str


def status_is_expected(status: int, accepted: tuple[str, ...]) -> bool:
    """Whether ``status`` is among codes and classes such as ``200`` and ``2xx``."""
    return any(entry in (str(status), f"{status // 100}xx") for entry in accepted)


class Page:
    """The content of an answer, unpacked once.  Raises Failure when it is broken."""

    def __init__(self, answer: Answer) -> None:
        self.content = answer.content()
        # Only after unpacking: a small body may hold a large page.
        self.cut = answer.cut
        kind = answer.headers.get("content-type", "text/html").lower()
        self.is_html = "html" in kind
        charset = kind.partition("charset=")[2].split(";")[0].strip("\"' ")
        self._charset = charset if charset in _CHARSETS else "utf-8"

    def text(self, limit: int = MAX_BODY) -> str:
        """The first ``limit`` bytes as text, by the charset of the header, else as UTF-8."""
        return self.content[:limit].decode(self._charset, "replace")


def title_of(page: Page) -> str:
    """The page's title, clean; empty when it has none."""
    head = page.text(_TITLE_TEXT) if page.is_html else ""
    lower = head.lower()
    if len(lower) != len(head):
        # A few characters grow in lower case: positions would no longer agree.
        lower = head
    start = lower.find(">", lower.find("<title")) if "<title" in lower else -1
    end = lower.find("</title", start) if start >= 0 else -1
    if end < 0:
        return ""
    return clean_text(" ".join(html.unescape(head[start + 1 : end][:1024]).split()))


async def first_unmet(status: int, page: Page, params: HttpParams) -> Unmet | None:
    """The first expectation that is not met, or None; the caller holds the deadline."""
    if not status_is_expected(status, params.status):
        return Unmet(Reason.HTTP_STATUS, f"status {' '.join(params.status)}")
    # What a longer body says further on cannot be known.
    missing = Reason.HTTP_TOO_LARGE if page.cut else Reason.HTTP_CONTENT
    if params.body and params.body not in page.text():
        return Unmet(missing, f"body {params.body!r}")
    if params.regex and not await _matches(params.regex, page.text()[:REGEX_TEXT]):
        return Unmet(missing, f"regex {params.regex!r}")
    if params.json:
        return _unmet_json(page.content, params.json, missing)
    return None


def _unmet_json(
    content: bytes, pairs: tuple[tuple[str, str], ...], missing: Reason
) -> Unmet | None:
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Unmet(missing, "json")
    for path, expected in pairs:
        if not _equals(_at(document, path), expected):
            return Unmet(Reason.HTTP_CONTENT, f"{path} == {expected!r}")
    return None


_NOTHING: Final = object()


def _at(document: Any, path: str) -> Any:
    """The value at a dotted path; list elements by their number."""
    found = document
    for key in path.split("."):
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            return _NOTHING
    return found


def _equals(value: Any, expected: str) -> bool:
    """Whether a JSON value is what the watchlist writes as text."""
    if isinstance(value, str):
        return value == expected
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value] == expected
    if isinstance(value, int | float):
        try:
            return float(expected) == value
        except ValueError:
            return False
    return False


async def _matches(pattern: str, text: str) -> bool:
    """Whether ``pattern`` occurs.  Raises Failure when that cannot be found out."""
    if not any(sign in pattern for sign in "*+?{"):
        return re.search(pattern, text) is not None
    async with _turns():
        return await _matches_apart(pattern, text)


_turns_of_loop: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


def _turns() -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    if loop not in _turns_of_loop:
        _turns_of_loop.clear()
        _turns_of_loop[loop] = asyncio.Semaphore(_MATCHERS)
    return _turns_of_loop[loop]


async def _matches_apart(pattern: str, text: str) -> bool:
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-ISE",
            "-c",
            _MATCHER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise Failure(Reason.LOCAL_LIMIT, error.strerror) from error
    try:
        line = pattern.encode("unicode-escape") + b"\n"
        said, _ = await process.communicate(line + text.encode("utf-8", "surrogatepass"))
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())
    if said not in (_MATCHED, _NOT_MATCHED):
        raise Failure(Reason.PROBE_CRASHED, f"not a pattern: {pattern}")
    return said == _MATCHED
