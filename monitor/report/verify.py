"""Whether a bundle, or a cache, is as it was written; else the first thing that is not.

A bundle comes from outside: nothing is unpacked, no name in it becomes a path, and no more is
read of a member than the manifest promises.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from monitor.cache import chain, codec, said
from monitor.cache.archive import MAX_LINE
from monitor.cache.lines import Said, Sealed, Told
from monitor.cache.reader import Reader
from monitor.records import clean_text
from monitor.report.bundle import (
    EXPORT,
    LINES,
    MANIFEST,
    MAX_BYTES,
    SCHEMA,
    Link,
    Manifest,
    Member,
    chained,
    digest_of,
    encode_manifest,
    info_of,
    line_mark,
)

_ZIP: Final = b"PK\x03\x04"
# SQLite file format, section 1.3.1.
_SQLITE: Final = b"SQLite format 3\0"
_MOST_MEMBERS: Final = 16
_MAX_MANIFEST: Final = 1 << 20
# Text of ours shrinks to a tenth; DEFLATE cannot shrink anything to under a thousandth.
_MOST_SHRUNK: Final = 300
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# The head that stands before each member, and the end of all (APPNOTE 4.3.7, 4.3.16).
_HEAD: Final = struct.Struct("<4sHHHHHLLLHH")
_END: Final = struct.Struct("<4sHHHHLLH")
# 1980-01-01 in the form of MS-DOS (APPNOTE 4.4.6).
_DOS_DAY: Final = (1 << 5) | 1
_SPARE: Final = 1 << 10
_CHUNK: Final = 1 << 16
_BROKEN_ZIP: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    struct.error,
)


class Altered(Exception):  # noqa: N818 - says what is the case
    """It is not as it was written, or cannot be what it should be; one sentence."""


def verify(path: Path) -> list[str]:
    """What was checked and holds, in sentences.

    Raises Altered with the first thing that does not hold; CacheError when a cache cannot be
    read.
    """
    try:
        with path.open("rb") as file:
            begins = file.read(len(_SQLITE))
    except OSError as error:
        raise Altered(f"{path} cannot be read ({error.strerror})") from error
    if begins == _SQLITE:
        return _verify_cache(path)
    if begins[: len(_ZIP)] == _ZIP:
        return _verify_bundle(path)
    raise Altered(f"{path} begins neither as a bundle nor as a state cache does")


def _verify_cache(path: Path) -> list[str]:
    with closing(Reader(path)) as reader:
        chains = reader.chains()
    for each in chains:
        if each.broken is not None:
            one = each.name.removesuffix("s").replace("entrie", "entry")
            raise Altered(f"{path}: {one} {each.broken.id}: {each.broken.why}")
    lines = [
        f"{each.length} {each.name} hold, the last link is {each.head.hex()}" for each in chains
    ]
    for each in chains:
        lines += [
            f"  {each.name} from {seal.id} on: {seal.why}" for seal in each.seals if seal.at
        ]
    return lines


def _verify_bundle(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as raw:
            infos = _members(archive, raw)
            manifest = _manifest(archive, infos[-1])
            _names(manifest, infos)
            marks: dict[str, list[str]] = {}
            for member in sorted(manifest.files, key=lambda one: one.name != LINES):
                marks = _check(archive, member, marks)
            _chains(archive, manifest)
    except _BROKEN_ZIP as error:
        raise Altered(f"{path} is a damaged archive: {clean_text(error)}") from error
    except OSError as error:
        raise Altered(f"{path} cannot be read ({error.strerror})") from error
    rows = ", ".join(f"{link.rows} {name}" for name, link in manifest.chains.items())
    mark = f"DRILL, SYNTHETIC DATA ({manifest.synthetic})" if manifest.synthetic else ""
    lines = [
        f"{len(manifest.files)} files are as the manifest says",
        f"the chains hold: {rows}",
        f"the manifest is {manifest.digest}: compare it with the number noted when it was made",
    ]
    return [clean_text(mark), *lines] if mark else lines


def _members(archive: zipfile.ZipFile, raw: IO[bytes]) -> list[zipfile.ZipInfo]:
    """The members, each as we write one, one behind the other, with nothing between."""
    infos = archive.infolist()
    if not 0 < len(infos) <= _MOST_MEMBERS:
        raise Altered(f"the archive has {len(infos)} members, which no bundle has")
    reached = 0
    seen: set[str] = set()
    for info in infos:
        name = clean_text(info.filename)
        if not _PLAIN.fullmatch(info.filename):
            raise Altered(f"a member is called {name!r}: a bundle has plain names only")
        if name in seen:
            raise Altered(f"{name} is in the archive twice")
        seen.add(name)
        if info.file_size > MAX_BYTES or info.file_size > _MOST_SHRUNK * (
            info.compress_size + _SPARE
        ):
            raise Altered(f"{name} would unpack to {info.file_size} bytes: it is refused")
        reached = _head(raw, info, reached)
    if not _ends(raw, len(infos), reached):
        raise Altered("the archive has something in it that belongs to no member")
    return infos


def _ends(raw: IO[bytes], count: int, reached: int) -> bool:
    """Whether the directory begins behind the last member and ends the archive."""
    size = raw.seek(0, 2)
    raw.seek(max(0, size - _END.size))
    directory = size - _END.size - reached
    wanted = (b"PK\x05\x06", 0, 0, count, count, directory, reached, 0)
    return _END.unpack(raw.read(_END.size)) == wanted


def _head(raw: IO[bytes], info: zipfile.ZipInfo, reached: int) -> int:
    """Where the next member begins; the head of this one says what the directory says."""
    name = info.filename
    ours = info_of(name)
    wanted = (
        "date_time",
        "compress_type",
        "external_attr",
        "create_system",
        "extra",
        "comment",
    )
    alike = all(getattr(info, field) == getattr(ours, field) for field in wanted)
    if not alike or info.flag_bits or info.header_offset != reached:
        raise Altered(f"the entry of {name} in the archive is not as we write it")
    raw.seek(reached)
    found = _HEAD.unpack(raw.read(_HEAD.size))
    told = (info.CRC, info.compress_size, info.file_size, len(name), 0)
    if found[0] != _ZIP or found[6:] != told or raw.read(len(name)) != name.encode():
        raise Altered(f"the head of {name} in the archive was altered")
    if found[1:6] != (info.extract_version, 0, info.compress_type, 0, _DOS_DAY):
        raise Altered(f"the head of {name} in the archive was altered")
    return reached + _HEAD.size + len(name) + info.compress_size


def _manifest(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Manifest:
    if info.filename != MANIFEST:
        raise Altered(f"{MANIFEST} is missing, or is not the last member")
    if info.file_size > _MAX_MANIFEST:
        raise Altered(f"{MANIFEST} has {info.file_size} bytes, which no manifest has")
    raw = archive.read(info)
    try:
        found = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise Altered(f"{MANIFEST} was altered: {clean_text(error)}") from error
    if found.schema > SCHEMA:
        raise Altered("the bundle was made by a newer watchdesk; update this one")
    if encode_manifest(found) != raw or digest_of(found) != found.digest:
        raise Altered(f"{MANIFEST} was altered: its digest is not that of its content")
    return found


def _names(manifest: Manifest, infos: list[zipfile.ZipInfo]) -> None:
    promised = {member.name for member in manifest.files}
    there = {info.filename for info in infos[:-1]}
    for name in sorted(promised - there):
        raise Altered(f"{clean_text(name)} is missing")
    for name in sorted(there - promised):
        raise Altered(f"{name} is not in the manifest: it was put in later")
    for name in (EXPORT, LINES):
        if name not in promised:
            raise Altered(f"{name} is missing, which every bundle has")


def _check(
    archive: zipfile.ZipFile, member: Member, marks: dict[str, list[str]]
) -> dict[str, list[str]]:
    """Compare a member with the manifest; the marks of lines once LINES.json was read."""
    size, whole = 0, hashlib.sha256()
    kept = bytearray()
    with archive.open(member.name) as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > member.bytes:
                break
            whole.update(chunk)
            if member.name == LINES:
                kept += chunk
    if size != member.bytes or whole.hexdigest() != member.sha256:
        raise Altered(_where(archive, member.name, marks))
    if member.name != LINES:
        return marks
    try:
        return msgspec.json.decode(bytes(kept), type=dict[str, list[str]])
    except msgspec.MsgspecError as error:
        raise Altered(f"{LINES} is not what it should be: {clean_text(error)}") from error


def _where(archive: zipfile.ZipFile, name: str, marks: dict[str, list[str]]) -> str:
    """Name the first line of a member that differs, and the event in it."""
    known = marks.get(name)
    if known is None:
        return f"{name} was altered"
    number = 0
    with archive.open(name) as file:
        for number, raw in enumerate(_lines(file), start=1):
            if number > len(known):
                return f"{name}, line {number}: it was added"
            if line_mark(raw) != known[number - 1]:
                return f"{name}, line {number}: it was altered{_event(name, raw)}"
    return f"{name}, line {number + 1}: it was taken out"


def _event(name: str, raw: bytes) -> str:
    if name != EXPORT:
        return ""
    try:
        line = chained(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
    match line:
        case Said(event):
            return f" (event {event.id})"
        case Told(entry):
            return f" (entry {entry.id})"
        case _:
            return ""


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE + 1):
        yield line


def _chains(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Follow both chains of the export, and compare their ends with the manifest."""
    seals: dict[str, list[chain.Seal]] = {chain.EVENTS: [], chain.ENTRIES: []}
    for _, line in _chained(archive):
        if isinstance(line, Sealed) and line.chain in seals:
            ends = bytes.fromhex(line.before), bytes.fromhex(line.link)
            seals[line.chain].append(chain.Seal(line.chain, line.id, line.at, line.why, *ends))
    for name, rows in ((chain.EVENTS, _event_rows), (chain.ENTRIES, _entry_rows)):
        length, head, broken = chain.follow(seals[name], rows(archive))
        one = "event" if name == chain.EVENTS else "entry"
        if broken is not None:
            raise Altered(f"{EXPORT}: {one} {broken.id}: {broken.why}")
        promised = manifest.chains.get(name, Link(0, ""))
        found = Link(length, head.hex() if length else "")
        if found != promised:
            raise Altered(f"{EXPORT}: the {name} do not end where the manifest says")


def _chained(archive: zipfile.ZipFile) -> Iterator[tuple[int, Said | Told | Sealed]]:
    with archive.open(EXPORT) as file:
        for number, raw in enumerate(_lines(file), start=1):
            try:
                line = chained(raw)
            except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
                raise Altered(f"{EXPORT}, line {number}: {clean_text(error)}") from error
            if line is not None:
                yield number, line


def _event_rows(archive: zipfile.ZipFile) -> Iterator[tuple[Any, ...]]:
    for number, line in _chained(archive):
        if isinstance(line, Said):
            columns = (line.event.id, *codec.event_columns(line.event))
            yield (*columns, _link(number, line.link))


def _entry_rows(archive: zipfile.ZipFile) -> Iterator[tuple[Any, ...]]:
    for number, line in _chained(archive):
        if isinstance(line, Told):
            yield (*said.columns_of(line.entry), _link(number, line.link))


def _link(number: int, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Altered(f"{EXPORT}, line {number}: its link is no link") from error
