"""What the state cache costs: ``python tests/bench/cache.py [folder]``.

Prints observations a second and CPU for two sizes of batch, bytes an observation on disk,
reading 24 h of one host among 1,000, an idle look for changes, and loading 10,000 rows; then
the cost of rolling up, the longest stall of a writer beside it, plots of four spans, and the
board of 1,000 hosts as of 60 days back.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from monitor.cache.reader import Cursor, Reader
from monitor.cache.rollup import FIVE, ROLL_COLUMNS
from monitor.cache.upkeep import Retention
from monitor.cache.writer import Writer
from monitor.records import (
    DAY,
    HOUR,
    MINUTE,
    CheckRow,
    Claim,
    DnsFacts,
    Hosting,
    HostRow,
    HttpFacts,
    IcmpFacts,
    Kind,
    Memory,
    Observation,
    Outcome,
    Phases,
    State,
    TlsFacts,
    subject_of,
)

START = 1_700_000_000_000_000
TLS = TlsFacts(
    version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    subject="CN=www.example.net",
    issuer="CN=Example CA 3, O=Example Trust Services, C=US",
    names=("www.example.net", "example.net", "mail.example.net"),
    not_before=START,
    not_after=START + 90 * DAY,
    fingerprint="ab" * 32,
    chain_length=3,
)


def facts(kind: Kind, ms: float):
    match kind:
        case Kind.ICMP:
            return IcmpFacts(rtts_ms=(ms, ms + 0.1, ms + 0.2, ms + 0.3, ms), reply_ttl=53)
        case Kind.DNS:
            return DnsFacts(
                server="192.0.2.53",
                query="example.net. SOA",
                rcode="NOERROR",
                flags=("qr", "aa"),
                answers=("ns1.example.net. admin.example.net. 2024010101 7200 3600 1 300",),
                serial=2024010101,
                size=98,
            )
        case _:
            return HttpFacts(
                url="https://www.example.net/",
                status=200,
                version="1.1",
                phases=Phases(dns=1.5, connect=ms, tls=ms * 2, first_byte=ms, total=ms * 5),
                size=15_321,
                server="nginx",
                content_type="text/html; charset=utf-8",
                title="Welcome to Example",
                tls=TLS,
            )


def stream(checks: int, total: int, kinds: tuple[Kind, ...]) -> Iterator[Observation]:
    """``total`` observations in the order a collector makes them: check after check."""
    for number in range(total):
        turn, check = divmod(number, checks)
        kind, ms = kinds[check % len(kinds)], 40.0 + (number % 977) / 31
        yield Observation(
            check=f"host-{check:05}/{kind}",
            at=START + turn * MINUTE + check * 977,
            outcome=Outcome.OK,
            rtt_ms=ms,
            sent=1,
            received=1,
            took_ms=ms + 1.25,
            address=f"192.0.{check // 256 % 256}.{check % 256}",
            facts=facts(kind, ms),
        )


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def write(path: Path, batch: int, kinds: tuple[Kind, ...], checks: int, total: int) -> None:
    writer, waiting, spent, used = Writer(path), [], 0.0, 0.0
    worst = 0.0
    for seen in stream(checks, total, kinds):
        waiting.append(seen)
        if len(waiting) == batch:
            began, burnt = time.perf_counter(), cpu()
            writer.commit(waiting, [], {})
            took = time.perf_counter() - began
            used += cpu() - burnt
            spent += took
            worst = max(worst, took)
            waiting.clear()
    writer.close()
    names = "+".join(kinds)
    print(
        f"{names:14} batch {batch:4}: {total / spent:9,.0f} observations/s,"
        f" {used / total * 1e6:5.1f} us CPU each, worst commit {worst * 1e3:5.1f} ms,"
        f" {path.stat().st_size / total:5.0f} bytes each on disk"
    )


def day_of_one_host(path: Path) -> None:
    reader = Reader(path)
    took = []
    for check in range(0, 900, 90):
        began = time.perf_counter()
        found = reader.observations(f"host-{check:05}/icmp", limit=2_000)
        took.append(time.perf_counter() - began)
    print(f"{len(found)} observations of one host among 1,000: {min(took) * 1e3:.1f} ms")
    reader.close()


def rows(path: Path, hosts: int) -> None:
    kept = {}
    for number in range(hosts):
        name = f"host-{number:05}"
        host = HostRow(
            id=name,
            name=f"Host {number}",
            address=f"host{number}.example.net",
            affiliation="north-korea",
            network="north-korea",
            claims=(Claim(source="A newspaper", date="2014-12-24", hosted_in="JP"),),
            hosting=Hosting(
                address="192.0.2.1", prefix="192.0.2.0/24", asn=64500, country="CN"
            ),
            since=START,
            rtt_ms=40.5,
            loss=0.0,
            last_at=START,
            beats=b"U" * 60,
            checks=(f"{name}/icmp", f"{name}/http", f"{name}/trace"),
        )
        kept[subject_of(host)] = host
    for number in range(hosts):
        check = CheckRow(
            id=f"host-{number:05}/icmp",
            host=f"host-{number:05}",
            kind=Kind.ICMP,
            beats=b"U" * 60,
            last=next(stream(1, 1, (Kind.ICMP,))),
            memory=Memory(hours=[40.5] * 24, samples=[41.5] * 60),
        )
        kept[subject_of(check)] = check
    writer = Writer(path)
    hosts_only = {name: row for name, row in kept.items() if name.startswith("host:")}
    began = time.perf_counter()
    writer.commit([], [], hosts_only)
    print(f"keeping {hosts:,} host rows: {(time.perf_counter() - began) * 1e3:.0f} ms")
    reader = Reader(path)
    for _ in range(3):
        began = time.perf_counter()
        changes = reader.changes(Cursor())
        took = time.perf_counter() - began
        reader.close()
    print(f"loading {len(changes.rows):,} host rows from the start: {took * 1e3:.0f} ms")
    reader.changes(changes.cursor)
    began = time.perf_counter()
    for _ in range(10_000):
        reader.changes(changes.cursor)
    print(f"a look that finds nothing new: {(time.perf_counter() - began) * 100:.1f} us")
    writer.commit([], [], kept)
    some = dict(list(kept.items())[:100])
    cursor = reader.changes(changes.cursor).cursor
    writer.commit([], [], some)
    began = time.perf_counter()
    found = reader.changes(cursor)
    took = time.perf_counter() - began
    print(f"a look that finds {len(found.rows)} of {2 * hosts:,} rows: {took * 1e3:.1f} ms")
    began = time.perf_counter()
    restored = writer.rows()
    took = time.perf_counter() - began
    print(f"restoring {len(restored):,} rows with memory: {took * 1e3:.0f} ms")
    reader.close()
    writer.close()


def slices(writer: Writer, now: int) -> list[float]:
    took = []
    while True:
        began = time.perf_counter()
        busy = writer.maintain(now)
        took.append(time.perf_counter() - began)
        if not busy:
            return took


def told(what: str, took: list[float]) -> None:
    took.sort()
    print(
        f"{what}: {len(took):,} slices, median {took[len(took) // 2] * 1e3:.1f} ms,"
        f" p99 {took[len(took) * 99 // 100] * 1e3:.1f}, the longest {took[-1] * 1e3:.1f}"
    )


def upkeep(path: Path, checks: int, hours: int) -> None:
    writer, total = Writer(path), checks * hours * 60
    waiting = []
    for seen in stream(checks, total, (Kind.ICMP,)):
        waiting.append(seen)
        if len(waiting) == 1_000:
            writer.commit(waiting, [], {})
            waiting.clear()
    now = START + (hours + 2) * HOUR
    burnt = cpu()
    took = slices(writer, now)
    print(f"rolling up: {(cpu() - burnt) / total * 1e6:.1f} us CPU an observation")
    told("rolling up", took)
    slots = writer._db.execute("SELECT count(*) FROM fives").fetchone()[0]
    print(f"{slots:,} slots of five minutes")
    writer.retention = Retention(raw=2 * HOUR)
    for turn, beside in enumerate((False, True)):
        stalls(writer, now + turn * DAY, checks, beside=beside)
    writer.close()


def stalls(writer: Writer, now: int, checks: int, *, beside: bool) -> None:
    """Commits of 100 observations every 20 ms, alone and beside roll-up and purge."""
    took: list[float] = []
    done = threading.Event()

    def work() -> None:
        later = now + 2 * DAY
        while not done.is_set():
            if not writer.maintain(later):
                later += 5 * MINUTE
            # As a caller does: whoever waits for the writer has its turn between two slices.
            time.sleep(0.002)

    worker = threading.Thread(target=work)
    if beside:
        worker.start()
    end, turn = time.monotonic() + 6.0, 0
    while time.monotonic() < end:
        batch = [
            Observation(
                check=f"host-{(turn * 100 + n) % checks:05}/icmp",
                at=now + turn * MINUTE + n,
                outcome=Outcome.OK,
                rtt_ms=40.0,
                received=1,
            )
            for n in range(100)
        ]
        began = time.perf_counter()
        writer.commit(batch, [], {})
        took.append(time.perf_counter() - began)
        turn += 1
        time.sleep(0.02)
    done.set()
    if beside:
        worker.join()
    told("commits beside roll-up and purge" if beside else "commits alone", took)


def long_memory(path: Path, hosts: int) -> None:
    """A cache of 90 days: the board's history, and slots around the days that are asked."""
    writer = Writer(path)
    now = START // HOUR * HOUR + 90 * DAY
    names = [f"host-{number:05}" for number in range(hosts)]
    for turn in range(60):
        kept = {}
        at = now - 90 * DAY + turn * 36 * HOUR
        for number, name in enumerate(names):
            state = State.DOWN if (number + turn) % 7 == 0 else State.UP
            check = CheckRow(
                id=f"{name}/icmp", host=name, kind=Kind.ICMP, state=state, since=at
            )
            host = HostRow(
                id=name,
                name=name.title(),
                state=state,
                since=at,
                why="icmp: no answer" if state is State.DOWN else "",
                checks=(check.id,),
            )
            kept |= {subject_of(check): check, subject_of(host): host}
        writer.commit([], [], kept, at)
    db = writer._db
    seen = [next(stream(1, 1, (Kind.ICMP,)))]
    writer.commit(seen, [], {})
    db.execute("BEGIN")
    db.executemany(
        "INSERT OR IGNORE INTO checks (id) VALUES (?)", [(f"{n}/icmp",) for n in names]
    )
    numbers = dict(db.execute("SELECT id, no FROM checks"))
    ok = db.execute("SELECT no FROM words WHERE word = 'ok'").fetchone()[0]
    marks = ",".join("?" * 14)
    for table, width, spans in (
        ("fives", FIVE, ((now - 61 * DAY, now - 59 * DAY), (now - DAY, now))),
        ("hours", HOUR, ((now - 90 * DAY, now),)),
    ):
        for name in names:
            number = numbers[f"{name}/icmp"]
            slot = (5, 5, 5, 5, 40_000, 41_000, 42_000, 240_000, 42, ok, None, "U5")
            db.executemany(
                f"INSERT INTO {table} ({ROLL_COLUMNS}) VALUES ({marks})",
                [
                    (number, at // width, *slot)
                    for since, until in spans
                    for at in range(since, until, width)
                ],
            )
    db.executemany(
        "INSERT OR REPLACE INTO rolled VALUES (?,?)", [(n, now) for n in numbers.values()]
    )
    db.execute("INSERT OR REPLACE INTO marks VALUES ('purged', ?)", (now - 7 * DAY,))
    db.execute("COMMIT")
    writer.close()
    reader = Reader(path)
    for days in (60, 30, 1):
        at, took, burnt = now - days * DAY + 7 * MINUTE, [], []
        for _ in range(5):
            began, used = time.perf_counter(), cpu()
            board = reader.board_at(at)
            took.append(time.perf_counter() - began)
            burnt.append(cpu() - used)
        beats = sum(len(row.beats) for row in board if isinstance(row, HostRow))
        print(
            f"the board of {hosts:,} hosts as of {days} days back: {len(board):,} rows,"
            f" {beats:,} beats, {min(took) * 1e3:.0f} ms ({min(burnt) * 1e3:.0f} ms of CPU)"
        )
        began = time.perf_counter()
        reader.row_at(f"host:{names[7]}", at)
        print(f"  one row of it: {(time.perf_counter() - began) * 1e3:.2f} ms")
    for text, span in (("24 h", DAY), ("7 d", 7 * DAY), ("90 d", 90 * DAY)):
        began = time.perf_counter()
        reader.series(f"{names[7]}/icmp", now - span, now, 200)
        print(f"a plot of {text} in 200 buckets: {(time.perf_counter() - began) * 1e3:.1f} ms")
    reader.close()


def main() -> None:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=root) as folder:
        base = Path(folder)
        for kinds in ((Kind.ICMP,), (Kind.DNS,), (Kind.HTTP,)):
            for batch in (100, 250):
                write(base / f"{kinds[0]}{batch}.db", batch, kinds, 1_000, 100_000)
        write(base / "day.db", 100, (Kind.ICMP,), 1_000, 288_000)
        day_of_one_host(base / "day.db")
        rows(base / "rows.db", 10_000)
        upkeep(base / "upkeep.db", 1_000, 4)
        long_memory(base / "long.db", 1_000)


if __name__ == "__main__":
    main()
