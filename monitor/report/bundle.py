"""The evidence bundle: a report with all it rests on, in one archive with its checksums.

Flat, with plain names, and in the order of the manifest.  ``MANIFEST.json`` is the last
member: the SHA-256 of every other one, where the chains of events and entries stand, and a
digest of itself.  ``LINES.json`` holds the first four bytes of the SHA-256 of every line, so
that what was altered can be named.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from monitor.cache import chain
from monitor.cache.archive import EXPORT_SCHEMA, dump
from monitor.cache.lines import Said, Sealed, Told
from monitor.report.situation import Situation
from monitor.report.situation_forms import render
from monitor.report.times import moment

SCHEMA: Final = 1
MANIFEST: Final = "MANIFEST.json"
LINES: Final = "LINES.json"
EXPORT: Final = "export.jsonl"
# The format of ZIP without its extension for large files ends here (APPNOTE 4.4.8).
MAX_BYTES: Final = (1 << 32) - (1 << 20)
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_LEVEL: Final = 6
_README: Final = """\
{title}
{mark}
report.md, report.html, report.json  the situation report, three forms of one record
export.jsonl    observations, events, entries of the ledger and what the board said, one JSON
                record a line; times are microseconds of UTC since 1970
{watchlist}
LINES.json      the beginning of the SHA-256 of every line of every file
MANIFEST.json   the SHA-256 of every file, where the chains stand, versions

Is it as it was written?      watchdesk verify BUNDLE.zip
Look at it on the desk:       watchdesk import export.jsonl --cache evidence.db
                              watchdesk --cache evidence.db --at {at}
The digest of the manifest, noted elsewhere when the bundle was made, proves that the bundle
as a whole was not made anew.
"""


class BundleError(Exception):
    """The bundle cannot be written; one sentence for people."""


class Member(msgspec.Struct, frozen=True):
    """A file of the bundle: its size in bytes and its SHA-256 in hex."""

    name: str
    bytes: int
    sha256: str


class Link(msgspec.Struct, frozen=True):
    """Where a chain stands: how many rows the export has of it, and the link of the last."""

    rows: int
    head: str


class Manifest(msgspec.Struct, frozen=True):
    """What is in the bundle.  ``digest`` is the SHA-256 of this record with an empty one."""

    schema: int
    network: str
    since: int
    until: int
    synthetic: str
    export_schema: int
    watchlist_hash: str
    versions: dict[str, str]
    chains: dict[str, Link]
    files: tuple[Member, ...]
    digest: str = ""


def encode_manifest(found: Manifest) -> bytes:
    """The one way in which a manifest is written."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


def digest_of(found: Manifest) -> str:
    empty = msgspec.structs.replace(found, digest="")
    return hashlib.sha256(encode_manifest(empty)).hexdigest()


def line_mark(line: bytes) -> str:
    """What LINES.json holds of a line, its newline included."""
    return hashlib.sha256(line).hexdigest()[:8]


def write_bundle(cache: Path, found: Situation, path: Path, watchlist: bytes | None) -> str:
    """Write the bundle of a report; the digest of its manifest.

    Nothing stands at ``path`` until all of it is there.  Raises BundleError, CacheError.
    """
    if path.exists():
        raise BundleError(f"{path} exists already; evidence is never written over")
    making = path.with_name(path.name + ".part")
    try:
        with zipfile.ZipFile(making, "w", allowZip64=False) as archive:
            digest = _fill(archive, cache, found, watchlist)
        making.rename(path)
    except (OSError, zipfile.LargeZipFile) as error:
        said = getattr(error, "strerror", None) or "it would be too large: name a shorter span"
        raise BundleError(f"{path} cannot be written ({said})") from error
    finally:
        with suppress(OSError):
            making.unlink(missing_ok=True)
    return digest


def _fill(
    archive: zipfile.ZipFile, cache: Path, found: Situation, watchlist: bytes | None
) -> str:
    packer = _Packer(archive)
    packer.add("README.txt", _readme(found, watchlist).encode().splitlines(keepends=True))
    for form in ("md", "html", "json"):
        text = render(found, form).encode()
        packer.add(f"report.{form}", text.splitlines(keepends=True))
    links = _Links()
    packer.add(EXPORT, links.watch(dump(cache, found.since, found.until)))
    if watchlist is not None:
        packer.add("watchlist.toml", watchlist.splitlines(keepends=True))
    marks = msgspec.json.format(msgspec.json.encode(packer.marks), indent=0)
    packer.add(LINES, [marks + b"\n"])
    manifest = Manifest(
        schema=SCHEMA,
        network=found.id,
        since=found.since,
        until=found.until,
        synthetic=found.synthetic,
        export_schema=EXPORT_SCHEMA,
        watchlist_hash=found.versions.watchlist_hash,
        versions={
            "watchdesk": found.versions.watchdesk,
            "collector": found.versions.collector,
        },
        chains=links.found(),
        files=tuple(packer.members),
    )
    digest = digest_of(manifest)
    signed = msgspec.structs.replace(manifest, digest=digest)
    packer.add(MANIFEST, [encode_manifest(signed)])
    return digest


def _readme(found: Situation, watchlist: bytes | None) -> str:
    kept = "watchlist.toml  the watchlist in use, as the collector read it"
    lost = "(the watchlist in use is no longer there: only its SHA-256 is in the manifest)"
    return _README.format(
        title=f"Evidence bundle: {found.name}",
        mark=f"DRILL, SYNTHETIC DATA ({found.synthetic})\n" if found.synthetic else "",
        watchlist=lost if watchlist is None else kept,
        at=f"{moment(found.until - 1):%Y-%m-%dT%H:%M:%S}",
    )


def info_of(name: str) -> zipfile.ZipInfo:
    """The head of a member: the same whenever and wherever it is written."""
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    info.create_system = 3
    return info


class _Packer:
    """Writes members, and remembers what they are."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members: list[Member] = []
        self.marks: dict[str, list[str]] = {}

    def add(self, name: str, lines: Iterable[bytes]) -> None:
        whole, size, marks = hashlib.sha256(), 0, []
        with self._archive.open(info_of(name), "w") as file:
            for line in lines:
                file.write(line)
                whole.update(line)
                size += len(line)
                marks.append(line_mark(line))
                if size > MAX_BYTES:
                    raise zipfile.LargeZipFile
        self.members.append(Member(name, size, whole.hexdigest()))
        self.marks[name] = marks


class _Links:
    """Where the chains stand in the lines that pass."""

    def __init__(self) -> None:
        self._rows = dict.fromkeys((chain.EVENTS, chain.ENTRIES), 0)
        self._heads = dict.fromkeys((chain.EVENTS, chain.ENTRIES), "")

    def watch(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        for raw in lines:
            line = chained(raw)
            if isinstance(line, Said | Told):
                name = chain.EVENTS if isinstance(line, Said) else chain.ENTRIES
                self._rows[name] += 1
                self._heads[name] = line.link
            yield raw

    def found(self) -> dict[str, Link]:
        return {name: Link(self._rows[name], self._heads[name]) for name in self._rows}


_CHAINED: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(Said | Told | Sealed)
_TAGS: Final = tuple(f'{{"type":"{tag}",'.encode() for tag in ("event", "said", "seal"))


def chained(raw: bytes) -> Said | Told | Sealed | None:
    """A line of an export that belongs to a chain, None for any other.

    Raises msgspec.MsgspecError when it should be one and is not.
    """
    if not raw.startswith(_TAGS):
        return None
    line: Said | Told | Sealed = _CHAINED.decode(raw)
    return line
