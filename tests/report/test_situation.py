"""The situation report: every number is in the cache, and no word in it is a cause."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from html.parser import HTMLParser

import msgspec
import pytest

from monitor.cache.says import Says
from monitor.cache.schema import CacheMissing
from monitor.cache.writer import Writer
from monitor.entries import End, Inference, Likelihood, Note, Statement
from monitor.records import (
    HOUR,
    MINUTE,
    SECOND,
    CollectorRow,
    Event,
    EventKind,
    Explanation,
    HostRow,
    NetworkRow,
    Phase,
    State,
    Vantage,
    VantageRow,
    subject_of,
)
from monitor.report.situation import Level, Source, as_json
from monitor.report.situation_facts import NothingKnown, gather
from monitor.report.situation_forms import render
from monitor.report.times import local, span
from monitor.report.why import UnknownSubject
from tests.report.samples import LOST_AT, NETWORK, SINCE, UNTIL

EVIL = "</td><script>alert(1)</script> | `x` [a](javascript:b) *c* &lt;"
T = LOST_AT
# Where a number of the record is not looked up by itself: the record's form, and edges of
# buckets, whose figures are.
FORM = {"schema", "asked", "asked_until", "since", "until"}
EDGES = {"counts.*.since", "counts.*.until"}


@pytest.fixture(scope="module")
def found(lost_evening):
    return gather(lost_evening, NETWORK, SINCE, UNTIL)


@pytest.fixture(scope="module")
def db(lost_evening):
    with closing(sqlite3.connect(lost_evening)) as opened:
        yield opened


def one(db, query, *values):
    return db.execute(query, values).fetchone()


def rows_of(db, subject, since, until):
    """What the board said of a subject in a span, with what held at its beginning."""
    found = db.execute(
        "SELECT h.at, h.record, h.sampled FROM history AS h JOIN subjects AS s"
        " ON s.no = h.subject_no WHERE s.subject = ? AND h.at < ? ORDER BY h.at",
        (subject, until),
    ).fetchall()
    before = [row for row in found if row[0] <= since][-1:]
    kept = [*before, *(row for row in found if row[0] > since)]
    return [
        msgspec.msgpack.decode(record) | msgspec.msgpack.decode(sampled or b"\x80")
        for _, record, sampled in kept
    ]


def test_what_stands_at_the_end_is_the_last_that_was_said_of_it(found, db):
    last = rows_of(db, f"network:{NETWORK}", UNTIL, UNTIL)[-1]
    assert found.phase == last["phase"] == "LOST"
    for name in ("inside_up", "outside_up", "inside_known", "inside_total", "outside_total"):
        assert getattr(found, name) == last.get(name, 0)
    assert (found.phase_since, found.routes_visible, found.routes_total) == (
        last["since"],
        0,
        0,
    )
    for host in found.hosts:
        told = rows_of(db, f"host:{host.id}", UNTIL, UNTIL)[-1]
        assert (host.state, host.since) == (told.get("state", "UNKNOWN"), told.get("since", 0))
        assert host.asn is None
    (own,) = found.own
    told = rows_of(db, "vantage:local", UNTIL, UNTIL)[-1]
    names = ("since", "answering", "known", "asns")
    assert [getattr(own, name) for name in names] == [told[name] for name in names]
    assert own.total == 9
    assert own.faults == ()


def test_counts_and_chapters_are_those_of_the_history(found, db):
    for bucket in found.counts[::7]:
        said = rows_of(db, f"network:{NETWORK}", bucket.since, bucket.until)
        ups = [row.get("inside_up", 0) for row in said]
        assert (bucket.low, bucket.high) == (min(ups), max(ups))
        assert {bucket.known, bucket.total} <= {
            row[name] for row in said for name in ("inside_known", "inside_total")
        }
        assert bucket.outside_low == min(row.get("outside_up", 0) for row in said)
        assert bucket.outside_total == said[0]["outside_total"]
    assert [chapter.phase for chapter in found.chapters][-1] is Phase.LOST
    for chapter in found.chapters:
        if chapter.event:
            told = one(db, "SELECT new, since, at FROM events WHERE id = ?", chapter.event)
            assert told == (chapter.phase, chapter.since, chapter.told)
        if chapter.low is not None:
            said = rows_of(db, f"network:{NETWORK}", chapter.told, chapter.until)
            ups = [row.get("inside_up", 0) for row in said]
            assert (chapter.low, chapter.high) == (min(ups), max(ups))
            assert chapter.known in {row["inside_known"] for row in said}
            assert chapter.outside_low == min(row["outside_up"] for row in said)
            assert chapter.outside_total == said[0]["outside_total"]
    assert found.chapters[-1].until == UNTIL
    edges = [at for band in found.band for at in (band.since, band.until)]
    told = {at for (at,) in db.execute("SELECT at FROM events WHERE kind = 'transition'")}
    assert set(edges) <= {*told, SINCE, UNTIL}


def test_the_timeline_sums_up_events_of_the_log_each_once(found, db):
    hosts = {host.id for host in found.hosts}
    query = (
        "SELECT id, subject, kind FROM events WHERE at >= ? AND at < ? AND hard = 1"
        " AND (quiet = 0 OR subject = ?) ORDER BY id"
    )
    wanted = [
        number
        for number, subject, kind in db.execute(query, (SINCE, UNTIL, f"network:{NETWORK}"))
        if subject == f"network:{NETWORK}"
        or kind in ("vantage", "gap", "collector", "watchlist")
        or (subject.startswith("host:") and subject[5:] in hosts)
    ]
    assert sum(line.count for line in found.timeline) == len(wanted)
    for line in found.timeline:
        first = one(db, "SELECT at FROM events WHERE id = ?", line.first)
        last = one(db, "SELECT at FROM events WHERE id = ?", line.last)
        assert (first, last) == ((line.at,), (line.until,))
        assert line.source is Source.OBSERVED
    whole = "SELECT count(*), sum(hard) FROM events WHERE at >= ? AND at < ?"
    assert (found.figures.events, found.figures.hard) == one(db, whole, SINCE, UNTIL)


def test_observations_and_the_link_are_those_of_the_cache(found, db):
    names = [f"{host.id}/%" for host in found.hosts]
    likes = " OR ".join(["check_id LIKE ?"] * len(names))
    told = dict(
        db.execute(
            f"SELECT outcome, count(*) FROM observed WHERE ({likes}) AND at >= ? AND at < ?"
            " GROUP BY outcome",
            (*names, SINCE, UNTIL),
        )
    )
    assert found.figures.outcomes == told
    assert found.figures.observations == sum(told.values())
    begin = f"SELECT min(at) FROM observed WHERE ({likes}) AND at >= ?"
    assert (found.figures.raw_since,) == one(db, begin, *names, SINCE)
    checks = db.execute(
        f"SELECT count(*) FROM checks WHERE {likes.replace('check_id', 'id')}", names
    )
    assert found.figures.checks >= checks.fetchone()[0] > 25
    last = one(db, "SELECT id, hex(link) FROM events WHERE at < ? ORDER BY id DESC", UNTIL)
    assert (found.versions.last_event, found.versions.last_link.upper()) == last


def test_paths_and_evidence_are_those_of_the_board_then(found, db):
    assert found.path is not None
    usual, during, end = found.path.ways
    row = rows_of(db, f"path:{found.path.check}", UNTIL, UNTIL)[-1]
    assert [hop.ttl for hop in end.hops] == [hop["ttl"] for hop in row["current"]]
    assert [hop.asn for hop in usual.hops][-1] == usual.asns[-1] == 131279
    assert end.asns[-1] == 4837
    assert during.at < end.at == UNTIL
    assert "before AS131279" in end.why
    broke = one(
        db,
        "SELECT count(*) FROM events WHERE subject = ? AND kind = 'path' AND new = 'broken'"
        " AND hard = 1 AND at >= ? AND at < ?",
        *(f"host:{found.path.host}", SINCE, UNTIL),
    )
    assert (found.path.breaks,) == broke
    matrix = found.matrix
    assert matrix is not None
    assert matrix.at == during.at
    for line in matrix.rows:
        assert len(line.cells) == len(matrix.evidence)
        assert line.inconsistent == line.cells.count("inconsistent")
    ranks = [(line.inconsistent, line.rank) for line in matrix.rows]
    assert ranks == sorted(ranks)


def test_no_number_of_the_record_is_without_its_check(found):
    """A new number of the record needs a check above, and a line here."""
    told = set()

    def walk(value, path):
        if isinstance(value, dict):
            for key, each in value.items():
                walk(each, f"{path}.{key}" if path else key)
        elif isinstance(value, list):
            for each in value:
                walk(each, f"{path}.*")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            told.add(path)

    walk(json.loads(as_json(found)), "")
    checked = {
        *("phase_since", "inside_up", "inside_known", "inside_total", "outside_up"),
        *("outside_total", "routes_visible", "routes_total", "hosts.*.since"),
        *(f"own.*.{name}" for name in ("since", "answering", "known", "total", "asns")),
        *(f"counts.*.{name}" for name in ("low", "high", "known", "total")),
        *("counts.*.outside_low", "counts.*.outside_total"),
        *(f"chapters.*.{name}" for name in ("since", "told", "until", "event", "low", "high")),
        *(f"chapters.*.{name}" for name in ("known", "outside_low", "outside_total")),
        *("band.*.since", "band.*.until", "matrix.at", "matrix.rows.*.rank"),
        *(f"timeline.*.{name}" for name in ("at", "until", "count", "first", "last", "entry")),
        *("matrix.rows.*.inconsistent", "path.breaks", "path.ways.*.at"),
        *("path.ways.*.hops.*.ttl", "path.ways.*.hops.*.asn", "path.ways.*.asns.*"),
        *(f"figures.{name}" for name in ("checks", "observations", "events", "hard")),
        *("figures.raw_since", "versions.last_event"),
        *(f"figures.outcomes.{name}" for name in found.figures.outcomes),
    }
    assert told - FORM - EDGES == checked


@pytest.mark.parametrize("form", ["md", "html", "json"])
def test_the_same_cache_makes_the_same_report_marked_in_every_form(found, lost_evening, form):
    told = render(found, form)
    assert told == render(gather(lost_evening, NETWORK, SINCE, UNTIL), form)
    if form == "json":
        assert json.loads(told)["synthetic"] == "dprk-2014"
    else:
        assert "DRILL, SYNTHETIC DATA (dprk-2014)" in told
        assert "22 of 22" in told
        assert "ndetermined" in told
    if form == "md":
        assert told.count("DRILL, SYNTHETIC") == told.count("\n## ") + 1


def test_what_comes_later_is_not_in_it(lost_evening):
    early = gather(lost_evening, NETWORK, SINCE, LOST_AT - 5 * MINUTE)
    assert early.phase is not Phase.LOST
    assert all(line.until < early.until for line in early.timeline)
    assert "LOST" not in {chapter.phase for chapter in early.chapters}


def test_where_the_cache_ends_and_begins_is_said(lost_evening):
    found = gather(lost_evening, NETWORK, SINCE - HOUR, UNTIL + 9 * HOUR)
    assert found.until < found.asked_until
    assert found.asked < found.since
    told = " ".join(each.text for each in found.summary)
    assert "Nothing was written after 2014-12-22 16:4" in told
    assert "Nothing is remembered of before 2014-12-22 15:45:00Z" in told


def test_what_cannot_be_told_is_one_sentence(lost_evening, tmp_path):
    with pytest.raises(
        UnknownSubject, match="knows no network 'atlantis'; it knows north-korea"
    ):
        gather(lost_evening, "atlantis", SINCE, UNTIL)
    with pytest.raises(NothingKnown, match="holds nothing of that span"):
        gather(lost_evening, NETWORK, SINCE - 9 * HOUR, SINCE - 8 * HOUR)
    with pytest.raises(CacheMissing):
        gather(tmp_path / "none.db", NETWORK, SINCE, UNTIL)


# --- a cache of a few rows ---------------------------------------------------------------


def small(path, name="North", *, gap=False):
    """Lost for ten minutes of an hour, with a gap of half an hour if so wanted."""
    writer = Writer(path)

    def tell(at, phase, up, events=()):
        row = NetworkRow("nk", name, timezone="Asia/Pyongyang", phase=phase, since=at)
        row.inside_up, row.inside_known, row.inside_total = up, 4, 4
        row.explanations = (
            Explanation("cable", f"cable {name}", consistent=("routes gone",), rank=1),
            Explanation("ours", "our own line", inconsistent=("routes gone",), rank=2),
        )
        rows = [
            row,
            VantageRow("local", health=Vantage.HEALTHY, since=T, answering=4, known=4, total=4),
            HostRow("a", f"a {name}", network="nk", affiliation="nk", state=State.UP, since=T),
            CollectorRow(pid=1, started=T, beat=at, version="0", timezone="Asia/Seoul"),
        ]
        writer.commit([], list(events), {subject_of(one): one for one in rows}, at)

    def turn(at, old, new):
        return Event(at, EventKind.TRANSITION, "network:nk", f"why {name}", old, new, since=at)

    tell(T, Phase.STABLE, 4)
    tell(T + 10 * MINUTE, Phase.LOST, 0, [turn(T + 10 * MINUTE, "STABLE", "LOST")])
    tell(T + 20 * MINUTE, Phase.STABLE, 4, [turn(T + 20 * MINUTE, "LOST", "STABLE")])
    ends = T + HOUR
    blind = Event(
        ends, EventKind.GAP, "vantage:local", "suspended", since=ends - HOUR // 2, until=ends
    )
    tell(ends, Phase.STABLE, 4, [blind] if gap else [])
    writer.close()
    return path


def told_of(path):
    return gather(path, "nk", T, T + HOUR)


def test_the_cause_is_undetermined_until_somebody_says_so_and_then_theirs(tmp_path):
    path = small(tmp_path / "c.db")
    assert ("Cause", "undetermined") in facts(path)
    with closing(Says(path)) as says:
        at = T + 30 * MINUTE
        claim = says.say(at, "kim", "network:nk", Statement("Dyn", "cable cut", where="NYT"))
        word = Inference("lee", Likelihood.LIKELY, "routes went first", explanation="cable")
        says.say(at, "lee", "network:nk", word)
        says.say(at, "kim", "host:a", Note("spoke to them"))
    found = told_of(path)
    quoted = {each.source: each.text for each in found.summary if each.source != "observed"}
    assert quoted[Source.CLAIMED].startswith("Dyn (NYT): cable cut")
    assert quoted[Source.INFERRED].startswith("lee: likely (55-80 %): cable North; because")
    assert any(each.lead == "Cause." and "Undetermined" in each.text for each in found.summary)
    assert [line.source for line in found.timeline][-3:] == ["claimed", "inferred", "said"]
    assert [voice.kind for voice in found.ledger] == ["claim", "inference", "note"]
    with closing(Says(path)) as says:
        says.say(
            T + 40 * MINUTE, "kim", "network:nk", End("they took it back"), refers=claim.id
        )
    found = told_of(path)
    assert not [each for each in found.summary if each.source is Source.CLAIMED]
    assert "they took it back" in found.ledger[0].ended


def facts(path):
    from monitor.report.situation_doc import document  # noqa: PLC0415 - only here

    return document(told_of(path)).facts


def test_a_gap_is_a_gap_and_thins_the_ground(tmp_path):
    clear, blind = (small(tmp_path / name, gap=name == "b") for name in ("a", "b"))
    assert [one.low for one in told_of(clear).counts].count(None) == 0
    found = told_of(blind)
    unknown = [one.since for one in found.counts if one.low is None]
    assert unknown
    assert min(unknown) >= T + 29 * MINUTE
    assert found.confidence.level is Level.LOW
    assert 'class="gap"' in render(found, "html")
    assert "one gap in the observations" in render(found, "md")


def test_every_clock_has_the_offset_of_its_time(tmp_path):
    found = told_of(small(tmp_path / "c.db"))
    assert [zone.role for zone in found.zones] == ["UTC", "desk"]
    assert local(T, "Asia/Pyongyang").endswith("23 Dec 01:15:00 +09:00")
    assert local(T + 2 * 365 * 24 * HOUR, "Asia/Pyongyang").endswith("+08:30")
    assert local(T, "No/Where").endswith("+00:00")
    assert [span(at * SECOND) for at in (5, 400, 34_260, 90_000)] == [
        *("5 s", "6 min 40 s", "9 h 31 min", "1 d 1 h")
    ]


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.data = set(), []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

    def handle_data(self, data):
        self.data.append(data)


def test_a_hostile_name_stays_text_and_the_page_asks_nobody(tmp_path, found):
    path = small(tmp_path / "c.db", EVIL)
    with closing(Says(path)) as says:
        says.say(T + MINUTE, EVIL[:40], "network:nk", Statement(EVIL, EVIL, link=EVIL))
    for told in (told_of(path), found):
        page = render(told, "html")
        tags = Tags()
        tags.feed(page)
        assert tags.seen <= {
            *("html", "head", "meta", "title", "style", "body", "div", "main", "h1", "h2", "p"),
            *("b", "table", "thead", "tbody", "tr", "th", "td", "section", "figure"),
            *("figcaption", "svg", "rect", "path", "text"),
        }
        assert not re.search(r"https?:|url\(|@import", page)
    assert any(EVIL in data for data in tags_data(told_of(path)))
    text = render(told_of(path), "md")
    assert "<script" not in text.replace("\\<", "")
    assert "](" not in text.replace("\\]", "")
    widths = {
        len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if EVIL[5:9] in line
    }
    # No cell of it makes another: tables keep their columns.
    assert widths <= {0, 3, 5, 6, 7}


def tags_data(told):
    tags = Tags()
    tags.feed(render(told, "html"))
    return ["".join(tags.data)]
