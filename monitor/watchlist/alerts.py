"""Who is to be told of what: ``[[target]]`` and ``[[alert]]``.

    [[target]]  id env file
    [[alert]]   id states phases routes own feeds | hosts networks affiliations
                after together reminder recovery quiet to

Hosts, networks and affiliations are ids, or patterns with ``*`` and ``?``; all that are given
must fit.  ``to`` names targets, or ``bell`` and ``desktop``: the desk's own terminal.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection
from fnmatch import fnmatchcase
from functools import partial
from typing import Final

from monitor.records import Phase, State
from monitor.watchlist import values
from monitor.watchlist.errors import Wrong, shown
from monitor.watchlist.model import LOCAL_TARGETS, ROUTE_WORDS, Alert, Host, Quiet, Target
from monitor.watchlist.reader import Table

_MAX: Final = 200
_STATES: Final = (State.DEGRADED, State.DOWN, State.UNREACHABLE)
_PHASES: Final = (Phase.UNSTABLE, Phase.PARTIAL, Phase.LOST)
_PATTERN: Final = re.compile(r"[a-z0-9._*?-]{1,64}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_WHERE: Final = 'env = "VARIABLE" or file = "/path"'
_plain: Final = Alert("")


def read_targets(top: Table) -> tuple[Target, ...]:
    """Every target; where its URL is to be found, never the URL itself."""
    seen: set[str] = set()
    return tuple(_read_target(table, seen) for table in top.tables("target", _MAX))


def _read_target(table: Table, seen: set[str]) -> Target:
    found = _read_id(table, seen)
    if found in LOCAL_TARGETS:
        table.wrong("id", shown(found), f"another word: {found} is the desk's own terminal")
    target = Target(
        id=found,
        env=table.read("env", _variable, ""),
        file=table.read("file", _file, ""),
    )
    table.read("url", _no_url, "")
    given = [key for key in ("env", "file") if key in table]
    if len(given) != 1 and "url" not in table:
        said = "both env and file" if given else "no env and no file"
        table.wrong(None, said, f"one of them: {_WHERE}")
    table.finish()
    return target


def read_alerts(
    top: Table, networks: Collection[str], hosts: tuple[Host, ...], zone: str
) -> tuple[Alert, ...]:
    """Every rule; ``zone`` is that of quiet hours which name none."""
    targets = {str(table.raw("id")) for table in top.tables("target", _MAX)}
    known = frozenset((*targets, *LOCAL_TARGETS))
    ids = frozenset(host.id for host in hosts)
    voices = frozenset(host.affiliation for host in hosts if host.affiliation)
    scopes = {"hosts": ids, "networks": frozenset(networks), "affiliations": voices}
    seen: set[str] = set()
    return tuple(
        _read_alert(table, seen, scopes, known, zone) for table in top.tables("alert", _MAX)
    )


def _read_alert(
    table: Table,
    seen: set[str],
    scopes: dict[str, frozenset[str]],
    targets: frozenset[str],
    zone: str,
) -> Alert:
    span = partial(values.seconds, low=0.0, high=7 * 86_400.0)

    def target(value: object) -> str:
        if isinstance(value, str) and value in targets:
            return value
        hint = table.sink.meant(value, targets)
        raise Wrong("bell, desktop, or the id of a [[target]]", hint)

    alert = Alert(
        id=_read_id(table, seen),
        states=table.each("states", lambda value: State(values.one_of(value, _STATES))),
        phases=table.each("phases", lambda value: Phase(values.one_of(value, _PHASES))),
        routes=table.each("routes", lambda value: values.one_of(value, ROUTE_WORDS)),
        own=table.read("own", values.truth, False),
        feeds=table.read("feeds", values.truth, False),
        hosts=table.each("hosts", _pattern(scopes["hosts"], "host")),
        networks=table.each("networks", _pattern(scopes["networks"], "network")),
        affiliations=table.each("affiliations", _pattern(scopes["affiliations"], "host's")),
        after_s=table.read("after", span, _plain.after_s),
        together_s=table.read(
            "together", partial(values.seconds, low=0.0, high=3_600.0), _plain.together_s
        ),
        reminder_s=table.read(
            "reminder", partial(values.seconds, low=300.0, high=30 * 86_400.0), 0.0
        ),
        recovery=table.read("recovery", values.truth, _plain.recovery),
        quiet=_read_quiet(table, zone),
        to=table.each("to", target),
    )
    if not any(table.raw(key) for key in ("states", "phases", "routes", "own", "feeds")):
        table.wrong(
            None, "nothing to be told of", "states, phases, routes, own = true or feeds = true"
        )
    if not table.raw("to"):
        table.wrong(None, "nobody to tell", 'to, as to = ["bell"]')
    table.finish()
    return alert


def _read_id(table: Table, seen: set[str]) -> str:
    found = table.need("id", values.identifier, "", '"duty"')
    table.subject = found
    if found and found in seen:
        table.wrong("id", f"a second {shown(found)}", "each id once")
    seen.add(found)
    return found


def _read_quiet(alert: Table, zone: str) -> Quiet | None:
    if "quiet" not in alert:
        return None
    table = alert.table("quiet")
    quiet = Quiet(
        begin_min=table.need("from", _minute, 0, '"22:00"'),
        end_min=table.need("to", _minute, 0, '"07:00"'),
        timezone=table.read("timezone", values.timezone, zone or "UTC"),
    )
    if table.raw("from") is not None and table.raw("from") == table.raw("to"):
        table.wrong("to", "quiet hours without length", "another time than from")
    table.finish()
    return quiet


def _minute(value: object) -> int:
    """Minutes since midnight, of ``"22:00"`` or TOML's own 22:00:00."""
    if isinstance(value, dt.time) and value.second == value.microsecond == 0:
        return value.hour * 60 + value.minute
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Wrong('a time of day, as "22:00"')
    return int(match[1]) * 60 + int(match[2])


def _pattern(ids: frozenset[str], what: str) -> Callable[[object], str]:
    """A pattern that fits at least one of ``ids``: one that fits none is a slip of the pen."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or not _PATTERN.fullmatch(value):
            raise Wrong("an id, or a pattern of one with * and ?")
        if not any(fnmatchcase(found, value) for found in ids):
            close = values.meant(value, sorted(ids)[:1_000])
            raise Wrong(f"a pattern that fits a {what} id of this watchlist", close)
        return value

    return parse


def _variable(value: object) -> str:
    if isinstance(value, str) and _VARIABLE.fullmatch(value):
        return value
    raise Wrong('the name of an environment variable, as "WATCHDESK_DUTY"', found=_shape(value))


def _file(value: object) -> str:
    found = values.text(value, values.MAX_TEXT)
    if found.startswith(("/", "~/")) and "://" not in found:
        return found
    raise Wrong('a whole path, as "/etc/watchdesk/duty"', found=_shape(value))


def _shape(value: object) -> str:
    """A value as a message may show it: what looks like a URL may be a secret."""
    return "a URL" if isinstance(value, str) and "://" in value else shown(value)


def _no_url(_: object) -> str:
    wanted = f"{_WHERE}: a target's URL holds secrets, and a watchlist keeps none"
    raise Wrong(wanted, found="a URL")
