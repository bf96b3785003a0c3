"""Writes what is on the screen, or the report of a network, into a file of its own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from monitor.cache.schema import CacheError
from monitor.records import Micros, NetworkRow, clean_text
from monitor.report.situation import SYNTHETIC
from monitor.report.situation_facts import NothingKnown, gather
from monitor.report.situation_forms import render
from monitor.report.times import moment, stamp
from monitor.report.why import UnknownSubject

if TYPE_CHECKING:
    from monitor.tui.app import Desk

# A report of weeks on a slow disk; whoever waits longer asks on the command line.
DEADLINE_S: Final = 60.0
_MOST_NAMES: Final = 1_000


def folder() -> Path:
    """Where exports go: found again wherever the desk was started, readable by its user."""
    return Path(platformdirs.user_state_dir("watchdesk")) / "exports"


def screen_svg(desk: Desk) -> str:
    """What is on the screen, as a picture."""
    drill = _drill(desk)
    title = f"watchdesk, as of {stamp(desk.now())}"
    return desk.export_screenshot(title=f"{drill}: {title}" if drill else title)


def screen_text(desk: Desk) -> str:
    """What is on the screen, line by line."""
    drill = _drill(desk)
    head = [drill] if drill else []
    head.append(f"watchdesk, as of {stamp(desk.now())}")
    # Textual has no public way to what it shows as text.
    strips = desk.screen._compositor.render_strips()  # noqa: SLF001
    return "\n".join([*head, "", *(strip.text.rstrip() for strip in strips)]) + "\n"


def keep(desk: Desk, name: str, ending: str, text: str) -> str:
    """Write a file of its own; the sentence for the person at the desk."""
    try:
        path = _write(name, ending, text, desk.now(), synthetic=bool(_drill(desk)))
    except OSError as error:
        return f"not written: {folder()} ({error.strerror})"
    return f"wrote {path}"


async def keep_report(desk: Desk, network: NetworkRow) -> str:
    """Write the report of a network as one HTML file; the sentence for the person."""
    until: Micros | None = desk.then.at if desk.then is not None else None

    def make() -> str:
        return render(gather(desk.source.cache, network.id, None, until), "html")

    try:
        text = await asyncio.wait_for(asyncio.to_thread(make), DEADLINE_S)
    except (CacheError, NothingKnown, UnknownSubject) as error:
        return f"no report: {error}"
    except TimeoutError:
        return "no report yet: it takes too long; run 'watchdesk report' with a shorter span"
    return await asyncio.to_thread(keep, desk, f"report-{network.id}", "html", text)


def _drill(desk: Desk) -> str:
    """The mark of a drill, '' for real data."""
    # A drill's cache is one at every moment of it, before its collector has said so too.
    rows = (desk.board.collector, desk.live.collector)
    name = next((row.drill for row in rows if row is not None and row.drill), "")
    return f"{SYNTHETIC} ({clean_text(name)})" if name else ""


def _write(name: str, ending: str, text: str, at: Micros, *, synthetic: bool) -> Path:
    where = folder()
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark = "-SYNTHETIC" if synthetic else ""
    stem = f"{name}-{moment(at):%Y%m%dT%H%M%SZ}{mark}"
    for number in range(1, _MOST_NAMES):
        path = where / (f"{stem}.{ending}" if number == 1 else f"{stem}-{number}.{ending}")
        try:
            # What was exported before is never written over.
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(file, "wb") as out:
            out.write(text.encode())
        return path
    raise FileExistsError(0, "too many of that name", str(where))
