"""What leaves the cache for other programs: the event log, metrics, and word to people."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import prometheus_client.openmetrics.parser as openmetrics
import prometheus_client.parser as plain
import pytest

from monitor.cache.writer import Writer
from monitor.commands.common import Refused
from monitor.commands.metrics import address
from monitor.records import (
    HOUR,
    SECOND,
    AlertsRow,
    CollectorRow,
    HostRow,
    Micros,
    NetworkRow,
    Phase,
    State,
    Vantage,
    VantageRow,
)
from tests.cache.samples import host, said, seen
from tests.collect.test_sender import Receiver, receiver
from tests.conftest import Program

__all__ = ["receiver"]
PATIENCE_S = 55.0
NOON: Micros = 1_419_249_600_000_000  # 2014-12-22T12:00:00Z


def filled(program: Program, **collector: str) -> Writer:
    writer = Writer(program.cache)
    rows = {
        "collector": CollectorRow(
            pid=1, started=NOON, beat=NOON, done=7, missed=2, **collector
        ),
        "host:alpha": msgspec.structs.replace(host(), state=State.DOWN, rtt_ms=41.5, loss=0.25),
        "network:kp": NetworkRow(
            "kp", 'North "K"', phase=Phase.LOST, inside_total=14, inside_known=13, inside_up=0
        ),
        "vantage:local": VantageRow("local", Vantage.HEALTHY, known=8, answering=7, total=8),
        "alerts": AlertsRow(troubles=1, waiting=2, oldest=NOON, delivered=3, dropped=4),
    }
    for hour in range(4):
        event = msgspec.structs.replace(said(at=NOON + hour * HOUR), text=f"event {hour}")
        writer.commit([seen(at=event.at)], [event], rows, event.at)
    soft = msgspec.structs.replace(event, at=event.at + SECOND, hard=False, text="soft one")
    writer.commit([], [soft], {}, soft.at)
    return writer


@contextmanager
def running(program: Program, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    # Tests that were started in the background pass on that ctrl+c is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    child = subprocess.Popen(
        program.command(*arguments),
        env=program.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


# --- events ----------------------------------------------------------------------------------


def test_events_are_lines_and_json_lines(program: Program) -> None:
    filled(program).close()
    ran = program.run("events", "--cache", program.cache)
    assert ran.returncode == 0
    lines = ran.stdout.splitlines()
    assert [line.rpartition("  ")[2] for line in lines] == [f"event {n}" for n in range(4)]
    assert lines[0].startswith("2014-12-22 12:00:00Z  transition")
    ran = program.run(
        "events", "--json", "--all", "--since", "2014-12-22T14", "--cache", program.cache
    )
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [each["text"] for each in found] == ["event 2", "event 3", "soft one"]
    assert found[0]["at"] == "2014-12-22T14:00:00.000000Z"
    other = program.run("events", "--subject", "host:none", "--cache", program.cache)
    assert (other.returncode, other.stdout) == (0, "")
    wrong = program.run("events", "--subject", "alpha", "--cache", program.cache)
    assert wrong.returncode == 2
    assert "host:alpha" in wrong.stderr


def test_events_are_followed_until_ctrl_c(program: Program) -> None:
    with closing(filled(program)) as writer:
        with running(program, "events", "--follow", "--cache", program.cache) as child:
            for number in range(4):
                assert child.stdout.readline().endswith(f"event {number}\n")
            late = msgspec.structs.replace(said(at=NOON + 9 * HOUR), text="late")
            writer.commit([], [late], {}, late.at)
            assert child.stdout.readline().endswith("late\n")
            child.send_signal(signal.SIGINT)
            rest, problems = child.communicate(timeout=PATIENCE_S)
        assert (child.returncode, rest, problems) == (0, "", "")


def test_following_ends_when_nobody_reads_any_more(program: Program) -> None:
    filled(program).close()
    with running(program, "events", "--follow", "--cache", program.cache) as child:
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(timeout=PATIENCE_S) == 141
        assert child.stderr.read() == ""


def test_a_drills_events_say_what_they_are(program: Program) -> None:
    filled(program, drill="dprk-2014").close()
    ran = program.run("events", "--cache", program.cache)
    assert ran.stdout.startswith("DRILL, SYNTHETIC DATA (dprk-2014)\n")
    ran = program.run("events", "--json", "--cache", program.cache)
    assert all(json.loads(line)["synthetic"] == "dprk-2014" for line in ran.stdout.splitlines())


# --- metrics ---------------------------------------------------------------------------------


def scraped(url: str, accept: str) -> dict[str, float]:
    """Samples by ``name{labels}``, as a real parser of the answer's own format reads them."""
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        text = answer.read().decode()
        kind = answer.headers["Content-Type"]
    parser = openmetrics if "openmetrics" in kind else plain
    found = {}
    for family in parser.text_string_to_metric_families(text):
        assert family.name.startswith("watchdesk_")
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


@pytest.mark.parametrize(
    "accept", ["text/plain", "application/openmetrics-text; version=1.0.0"]
)
def test_a_scraper_reads_what_the_cache_says(program: Program, accept: str) -> None:
    with (
        closing(filled(program)) as writer,
        running(
            program, "metrics", "--listen", "127.0.0.1:0", "--cache", program.cache
        ) as child,
    ):
        url = child.stderr.readline().split()[-1]
        assert url.startswith("http://127.0.0.1:")
        found = scraped(url, accept)
        who = "affiliation=net,host=alpha,name=Alpha,network=,role=host"
        assert found[f"watchdesk_host_rtt_seconds{{{who}}}"] == 0.0415
        assert found[f"watchdesk_host_loss_ratio{{{who}}}"] == 0.25
        state = "watchdesk_host_state{" + who + ",watchdesk_host_state="
        assert found[f"{state}DOWN}}"] == 1
        assert found[f"{state}UP}}"] == 0
        net = 'name=North "K",network=kp'
        assert found[f"watchdesk_network_inside_hosts{{{net}}}"] == 14
        assert found[f"watchdesk_network_inside_hosts_answering{{{net}}}"] == 0
        phase = f"watchdesk_network_phase{{{net},watchdesk_network_phase=LOST}}"
        assert found[phase] == 1
        assert f"watchdesk_network_routes{{{net}}}" not in found
        assert found["watchdesk_collector_missed_runs_total{}"] == 2
        assert found["watchdesk_outbox_messages{}"] == 2
        assert found["watchdesk_outbox_dropped_messages_total{}"] == 4
        assert found["watchdesk_cache_readable{}"] == 1
        assert found["watchdesk_data_age_seconds{}"] > 0
        gone = HostRow("alpha", "alpha", removed=True)
        writer.commit([], [], {"host:alpha": gone}, NOON + 9 * HOUR)
        assert f"{state}DOWN}}" not in scraped(url, accept)
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=PATIENCE_S) == 0


def test_metrics_of_a_cache_that_is_not_there_yet_say_so(program: Program) -> None:
    with running(
        program, "metrics", "--listen", "127.0.0.1:0", "--cache", program.cache
    ) as child:
        url = child.stderr.readline().split()[-1]
        assert scraped(url, "text/plain") == {"watchdesk_cache_readable{}": 0}


@pytest.mark.parametrize("wrong", ["nowhere", "127.0.0.1:99999", "127.0.0.1:x", ":"])
def test_where_to_listen_is_checked(wrong: str) -> None:
    with pytest.raises(Refused, match=r"write it like 127\.0\.0\.1:9819"):
        address(wrong)


def test_where_to_listen_is_read() -> None:
    assert address("[::1]:80") == ("::1", 80)
    assert address(":80") == ("127.0.0.1", 80)


# --- word to people --------------------------------------------------------------------------


def test_a_test_reaches_a_target_and_says_which_it_does_not(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    path = tmp_path / "w.toml"
    path.write_text(
        '[[host]]\nid = "a"\naddress = "192.0.2.1"\nchecks = [{ kind = "icmp" }]\n'
        '[[target]]\nid = "duty"\nenv = "DUTY"\n[[target]]\nid = "other"\nenv = "NONE"\n'
        '[[alert]]\nid = "r"\nown = true\nto = ["duty", "other", "bell"]\n'
    )
    program.env["DUTY"] = receiver.url
    ran = program.run("notify", "--test", "-w", path)
    assert ran.returncode == 1
    assert "duty: delivered" in ran.stdout
    assert "other: its environment variable is not set" in ran.stdout
    assert "bell: this is no terminal" in ran.stdout
    assert [got["title"] for got in receiver.got] == ["watchdesk: a test"]
    ran = program.run("notify", "--test", "dutty", "-w", path)
    assert ran.returncode == 2
    assert "it has: duty, other" in ran.stderr
    assert program.run("notify", "--test", "duty", "-w", path).returncode == 0


def test_what_waits_is_said(program: Program) -> None:
    filled(program).close()
    ran = program.run("notify", "--cache", program.cache)
    assert ran.returncode == 1
    assert (
        "1 troubles told of; 3 messages delivered, 2 waiting, 0 given up, 4 dropped"
        in ran.stdout
    )
    facts = json.loads(program.run("notify", "--json", "--cache", program.cache).stdout)
    assert (facts["waiting"], facts["dropped"], facts["outbox"]) == (2, 4, [])


def test_an_extra_that_is_missing_is_said_with_the_way_to_it(
    program: Program, tmp_path: Path
) -> None:
    (tmp_path / "prometheus_client.py").write_text("raise ImportError\n")
    program.env["PYTHONPATH"] = str(tmp_path)
    ran = program.run("metrics", "--cache", program.cache)
    assert ran.returncode == 2
    assert "pip install 'watchdesk[metrics]'" in ran.stderr
