"""The evidence bundle: whatever is altered in it is found and named, and nothing gets out."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import struct
import zipfile
from contextlib import closing

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor import cli
from monitor.cache.archive import load
from monitor.cache.reader import Reader
from monitor.cache.says import Says
from monitor.entries import Note
from monitor.records import MINUTE
from monitor.report.bundle import (
    EXPORT,
    LINES,
    MANIFEST,
    BundleError,
    Manifest,
    Member,
    digest_of,
    encode_manifest,
    info_of,
    line_mark,
    write_bundle,
)
from monitor.report.situation_facts import gather
from monitor.report.verify import Altered, verify
from tests.report.test_situation import T, small, told_of


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    path = small(tmp_path_factory.mktemp("bundle") / "c.db")
    with closing(Says(path)) as says:
        says.say(T + MINUTE, "kim", "network:nk", Note("spoke to them"))
    return path


@pytest.fixture(scope="module")
def bundle(cache):
    path = cache.with_name("b.zip")
    write_bundle(cache, told_of(cache), path, b"# the watchlist\n[defaults]\n")
    return path


def members(bundle):
    with zipfile.ZipFile(bundle) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def packed(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(info_of(name), data)
    return path


def signed(files):
    """What somebody who alters a file and makes LINES and MANIFEST anew has to show."""
    manifest = msgspec.json.decode(files[MANIFEST], type=Manifest)
    texts = {name: data for name, data in files.items() if name not in (LINES, MANIFEST)}
    marks = {
        name: [line_mark(line) for line in data.splitlines(keepends=True)]
        for name, data in texts.items()
    }
    texts[LINES] = msgspec.json.encode(marks)
    told = tuple(
        Member(name, len(data), hashlib.sha256(data).hexdigest())
        for name, data in texts.items()
    )
    manifest = msgspec.structs.replace(manifest, files=told)
    manifest = msgspec.structs.replace(manifest, digest=digest_of(manifest))
    return texts | {MANIFEST: encode_manifest(manifest)}


def refused(path):
    with pytest.raises(Altered) as caught:
        verify(path)
    told = str(caught.value)
    assert "\n" not in told
    assert len(told) < 300
    return told


def test_a_bundle_holds_all_its_report_rests_on(cache, bundle, tmp_path):
    lines = verify(bundle)
    assert "2 events, 1 entries" in lines[1]
    found = members(bundle)
    assert list(found)[-1] == MANIFEST
    assert found["watchlist.toml"].startswith(b"# the watchlist")
    manifest = json.loads(found[MANIFEST])
    assert manifest["digest"] in lines[-1]
    for one in manifest["files"]:
        assert hashlib.sha256(found[one["name"]]).hexdigest() == one["sha256"]
    again = tmp_path / "again.db"
    load(found[EXPORT].splitlines(keepends=True), again)
    with closing(Reader(again)) as reader:
        assert [chain.broken for chain in reader.chains()] == [None, None]
        assert len(reader.events()) == 2
    # What was packed can be reported on again, with the same words.
    report = gather(again, "nk", T, T + 60 * MINUTE)
    assert report.chapters[:2] == told_of(cache).chapters[:2]
    assert report.ledger == told_of(cache).ledger


def test_the_same_cache_makes_the_same_bundle_and_none_is_written_over(cache, bundle, tmp_path):
    other = tmp_path / "b.zip"
    write_bundle(cache, told_of(cache), other, b"# the watchlist\n[defaults]\n")
    assert other.read_bytes() == bundle.read_bytes()
    with pytest.raises(BundleError, match="never written over"):
        write_bundle(cache, told_of(cache), other, None)
    with pytest.raises(BundleError, match="cannot be written"):
        write_bundle(cache, told_of(cache), tmp_path / "none" / "b.zip", None)
    assert [path.name for path in tmp_path.iterdir()] == ["b.zip"]


@settings(max_examples=25)
@given(st.data())
def test_any_byte_altered_in_any_member_is_found_and_the_member_named(bundle, data):
    files = members(bundle)
    name = data.draw(st.sampled_from(sorted(files)))
    at = data.draw(st.integers(0, len(files[name]) - 1))
    byte = data.draw(st.integers(1, 255))
    altered = bytearray(files[name])
    altered[at] ^= byte
    files[name] = bytes(altered)
    told = refused(packed(bundle.with_name("altered.zip"), files))
    assert name in told
    if name not in (LINES, MANIFEST):
        line = bytes(members(bundle)[name][:at]).count(b"\n") + 1
        assert f"line {line}:" in told


@settings(max_examples=40)
@given(st.data())
def test_any_byte_of_the_archive_is_found_or_alters_nothing(bundle, data):
    raw = bytearray(bundle.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    path = bundle.with_name("flipped.zip")
    path.write_bytes(raw)
    try:
        verify(path)
    except Altered:
        return
    # DEFLATE leaves a few bits at the end of a member unused.
    assert members(path) == members(bundle)


def test_an_altered_event_is_named_even_when_all_sums_are_made_anew(bundle, tmp_path):
    files = members(bundle)
    files[EXPORT] = files[EXPORT].replace(b'"new":"LOST"', b'"new":"DOWN"')
    assert "(event 1)" in refused(packed(tmp_path / "a.zip", files))
    told = refused(packed(tmp_path / "b.zip", signed(files)))
    assert told.startswith("export.jsonl: event 1: it is not what was written")


def test_an_event_or_entry_taken_out_is_missed(bundle, tmp_path):
    files = members(bundle)
    lines = files[EXPORT].splitlines(keepends=True)
    for number, tag in enumerate((b'{"type":"event"', b'{"type":"said"')):
        kept = [line for line in lines if not line.startswith(tag)]
        files[EXPORT] = b"".join(kept)
        told = refused(packed(tmp_path / f"{number}.zip", files))
        assert told.startswith("export.jsonl, line ")
        told = refused(packed(tmp_path / f"{number}s.zip", signed(files)))
        assert "do not end where the manifest says" in told


def test_files_put_in_taken_out_or_named_as_paths_are_refused(bundle, tmp_path):
    files = members(bundle)
    last = {MANIFEST: files.pop(MANIFEST)}
    cases = {
        "evil.txt is not in the manifest": {**files, "evil.txt": b"x", **last},
        "report.md is missing": {k: v for k, v in files.items() if k != "report.md"} | last,
        "MANIFEST.json is missing": files,
        "'../../evil' : a bundle has plain": {"../../evil": b"x", **files, **last},
        "'/etc/evil' : a bundle has plain": {"/etc/evil": b"x", **files, **last},
    }
    for number, (words, made) in enumerate(cases.items()):
        assert words.replace(" :", ":") in refused(packed(tmp_path / f"{number}.zip", made))


def test_a_bomb_is_refused_before_it_is_unpacked(bundle, tmp_path):
    files = members(bundle)
    files["report.md"] = bytes(8 << 20)
    told = refused(packed(tmp_path / "bomb.zip", files))
    assert told == "report.md would unpack to 8388608 bytes: it is refused"


def test_what_hides_beside_the_members_is_found(bundle, tmp_path):
    raw = bundle.read_bytes()
    for number, made in enumerate((b"hidden" + raw, raw + b"x", raw[:-30], b"PK\x03\x04", b"")):
        path = tmp_path / f"{number}.zip"
        path.write_bytes(made)
        assert refused(path)
    buffer = io.BytesIO(raw)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"a word"
    (tmp_path / "comment.zip").write_bytes(buffer.getvalue())
    assert "belongs to no member" in refused(tmp_path / "comment.zip")
    end = raw.rindex(b"PK\x05\x06")
    moved = struct.pack("<L", struct.unpack_from("<L", raw, end + 16)[0] + 3)
    shifted = raw[: end + 16] + moved + raw[end + 20 :]
    (tmp_path / "moved.zip").write_bytes(shifted)
    assert refused(tmp_path / "moved.zip")


def test_an_altered_cache_names_the_event(cache, tmp_path):
    path = tmp_path / "c.db"
    path.write_bytes(cache.read_bytes())
    assert verify(path)[0].startswith("2 events hold")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE events SET text = 'nothing happened' WHERE id = 2")
    assert "event 2: it is not what was written" in refused(path)


def test_from_the_command_line(cache, tmp_path, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["watchdesk", *map(str, arguments)])
        return cli.main(), *capsys.readouterr()

    place = ("--cache", cache)
    code, out, _ = run("report", "nk", *place, "--format", "json")
    assert (code, json.loads(out)["id"]) == (0, "nk")
    page = tmp_path / "r.html"
    assert run("report", "nk", *place, "--format", "html", "--output", page)[0] == 0
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert "no network 'x'" in run("report", "x", *place)[2]
    output = tmp_path / "out.zip"
    assert run("bundle", "nk", *place, "--output", output)[0] == 0
    assert "never written over" in run("bundle", "nk", *place, "--output", output)[2]
    assert run("verify", output)[0] == 0
    files = members(output)
    files["report.html"] = files["report.html"].replace(b"LOST", b"lost", 1)
    code, out, told = run("verify", packed(tmp_path / "forged.zip", files))
    assert (code, out) == (1, "")
    assert told.startswith("watchdesk: report.html, line ")
    code, _, told = run("verify", tmp_path / "none.zip")
    assert (code, "cannot be read" in told) == (1, True)
