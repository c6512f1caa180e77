"""The command line as people call it: what it prints, what it writes, how it exits."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.record import read_run
from tests.interrupts import heeding_interrupts
from tests.rehearsal.stage import put_on_testbed
from tests.rehearsal.testbed import VirtualTestbed

pytestmark = [pytest.mark.compares, pytest.mark.usefixtures("undrawn")]

HARNESS = [sys.executable, "-m", "harness"]
TWICE = """
name = "twice"
rounds = 1
[load]
connections = 4
threads = 2
warmup = "100ms"
duration = "300ms"
[[topology]]
name = "one"
command = ["{harness_python}", "-m", "http.server", "{port}", "--bind", "{host}", "--directory", "tests"]
[[topology]]
name = "other"
command = ["{harness_python}", "-m", "http.server", "{port}", "--bind", "{host}", "--directory", "tests"]
"""


def harness(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*HARNESS, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def refused(*arguments: str | Path) -> str:
    """The message of a call that can't be carried out, on one line; in this process, which is quicker."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


class Hello(BaseHTTPRequestHandler):
    """Twelve bytes, and the connection stays open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "12")
        self.send_header("X-Worker", "7")
        self.end_headers()
        self.wfile.write(b"hello world\n")

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    """Where a server that is not ours answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def twice(tmp_path: Path) -> Path:
    """A scenario of the same server twice."""
    file = tmp_path / "twice.toml"
    file.write_text(TWICE)
    return file


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is started: the trials are simulated."""
    put_on_testbed(monkeypatch, VirtualTestbed())


@pytest.mark.usefixtures("rehearsed")
def test_a_comparison_reports_and_can_be_reported_again(twice: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["compare", str(twice), "--out", str(tmp_path / "results"), "--seed", "5"])
    assert done.exit_code == 0, done.output
    assert "[2/2] round 1" in done.stdout  # plain lines: nobody watches
    assert "\x1b" not in done.stdout
    assert "verdict" in done.stdout
    latest = tmp_path / "results" / "latest"
    assert "--seed 5" in (latest / "report.md").read_text()
    (latest / "report.md").unlink()
    again = CliRunner().invoke(app, ["report", str(latest)])
    assert again.exit_code == 0, again.stderr
    assert (latest / "report.md").exists()


@pytest.mark.usefixtures("rehearsed")
def test_a_server_against_itself_shows_the_noise_and_keeps_it(twice: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    done = CliRunner().invoke(app, ["aa", str(twice), "--in-place", "--rounds", "2", "--out", str(results)])
    assert done.exit_code == 0, done.output
    assert "Each round measured one twice, in one folder" in done.stdout
    assert set(json.loads((results / "latest/noise.json").read_text())["scatter"]) >= {"throughput", "cpu_per_request"}


@pytest.mark.usefixtures("rehearsed")
@pytest.mark.parametrize("verb", [["compare"], ["aa", "--in-place"]])
def test_options_take_the_place_of_how_the_scenario_alternates_and_keeps_memory(
    twice: Path, tmp_path: Path, verb: list[str]
) -> None:
    twice.write_text('interleave = "slices"\n' + TWICE + 'malloc = "default"')
    options = ["--interleave", "trials", "--slice", "2s", "--malloc", "keep", "--rounds", "2"]
    done = CliRunner().invoke(app, [*verb, str(twice), *options, "--out", str(tmp_path / "results")])
    assert done.exit_code == 0, done.output
    scenario = read_run(tmp_path / "results" / "latest").scenario
    assert (scenario.interleave, scenario.slice_s) == ("trials", 2.0)
    assert [topology.malloc for topology in scenario.topologies] == ["keep", "keep"]
    assert "The malloc keeps its memory (MALLOC_TRIM_THRESHOLD_=268435456" in " ".join(done.stdout.split())


@pytest.mark.usefixtures("rehearsed")
def test_both_mallocs_are_compared_in_pairs(twice: Path, tmp_path: Path) -> None:
    options = ["--malloc", "both", "--rounds", "3", "--interleave", "trials"]
    done = CliRunner().invoke(app, ["compare", str(twice), *options, "--out", str(tmp_path / "results")])
    assert done.exit_code == 0, done.output
    latest = tmp_path / "results" / "latest"
    for _ in range(2):  # also when it is read from the folder again
        run = read_run(latest)
        assert [(before.name, after.name) for before, after in run.scenario.pairs] == [
            ("one", "one-keep"),
            ("other", "other-keep"),
        ]
        report = (latest / "report.md").read_text()
        assert "what does it bring that malloc keeps its memory?" in report
        assert "The malloc of `one-keep`, `other-keep` keeps its memory" in report
        assert CliRunner().invoke(app, ["report", str(latest)]).exit_code == 0


def test_a_dry_run_prints_the_plan_and_starts_nothing(twice: Path, tmp_path: Path) -> None:
    arguments = ["compare", str(twice), "--dry-run", "--rounds", "9", "--seed", "3", "--out", str(tmp_path / "out")]
    first, second = (CliRunner().invoke(app, arguments) for _ in range(2))
    assert first.exit_code == 0
    assert "18 trials" in first.stdout
    assert first.stdout == second.stdout
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_what_is_run_beside_the_servers(twice: Path) -> None:
    """Also where it looks like markup."""
    beside = """
[[service]]
name = "db"
scope = "round"
command = ["{harness_python}", "[bold]", "{port}"]
[hooks.setup]
command = ["{harness_python}", "seed"]
"""
    twice.write_text(twice.read_text() + beside)
    done = CliRunner().invoke(app, ["compare", str(twice), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "service db, one for each round: {harness_python} [bold] {port}" in done.stdout
    assert "hook setup: {harness_python} seed" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare", "nowhere.toml"], "nowhere.toml: No such file"),
        (["compare", "scenarios/cart.toml", "--rounds", "0"], "rounds: expected greater than or equal to 1"),
        (["compare", "scenarios/cart.toml", "--rounds", "many"], "expected a number of rounds or 'auto', got 'many'"),
        (["compare", "scenarios/cart.toml", "--precision", "fine"], "precision: expected"),
        (["compare", "scenarios/cart.toml", "--margin", "-1%"], "margin: expected"),
        (["compare", "scenarios/cart.toml", "--expect-body", "matches:("], "load.expect_body: expected"),
        (["compare", "scenarios/cart.toml", "--max-time", "0s"], "max_time: expected"),
        (["aa", "nowhere.toml"], "nowhere.toml: No such file"),
        (["compare", "scenarios/cart.toml", "--duration", "soon"], "expected a duration"),
        (["compare", "scenarios/cart.toml", "--duration", "0s"], "load.duration"),
        (["compare", "scenarios/cart.toml", "--interleave", "often"], "'often' is not one of"),
        (["compare", "scenarios/cart.toml", "--slice", "0s"], "slice: expected greater than 0"),
        (["aa", "scenarios/cart.toml", "--slice", "soon"], "expected a duration"),
        (["compare", "scenarios/cart.toml", "--malloc", "none"], "'none' is not one of"),
        (["aa", "scenarios/cart.toml", "--malloc", "both"], "'both' is not one of"),
        (["ab", "scenarios/cart.toml", "--base", "HEAD", "--malloc", "both"], "'both' is not one of"),
        (["compare", "scenarios/cart.toml", "--only", "raw,clutser-2"], "no topology named clutser-2"),
        (["compare", "pyproject.toml"], "topology: expected, but missing"),
        (["compare", "LICENSE"], "not TOML"),
        (["report", "tests"], "not a run folder"),
        (["load", "ftp://127.0.0.1/"], "expected a URL"),
        (["load", "http://127.0.0.1:1/"], "unable to connect to 127.0.0.1:1: Connection refused"),
        (["load", "http://127.0.0.1:1/", "-t", "4", "-c", "3"], "as many connections as threads"),
        (["load", "http://127.0.0.1:1/", "-H", "nonsense"], "expected headers as 'Name: value'"),
        (["load", "http://127.0.0.1:1/", "-d", "0"], "duration_s"),
        (["load", "http://no.such.host.invalid/"], "unable to connect to no.such.host.invalid"),
        (["lode"], "lode"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(arguments: list[str], words: str) -> None:
    assert words in refused(*arguments)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ('["no-such-program", "{port}"]', "no-such-program not found on PATH; install no-such-program"),
        ('["{harness_python}", "-c", "raise SystemExit(3)", "{port}"]', "the server exited with 3"),
        (
            '["{harness_python}", "-c", "import socket, sys\\n'
            "s = socket.create_server(('127.0.0.1', int(sys.argv[1])))\\n"
            'while True: s.accept()[0].sendall(b\'SSH-2.0-none\\\\r\\\\n\\\\r\\\\n\')", "{port}"]',
            "does not speak HTTP",
        ),
    ],
)
def test_a_server_that_cannot_be_measured_is_exit_code_2(tmp_path: Path, command: str, words: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(f'name = "bad"\nrounds = 1\n[[topology]]\nname = "only"\ncommand = {command}\n')
    assert words in refused("compare", file, "--out", tmp_path / "results")


def test_a_fixed_port_in_use_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = tmp_path / "taken.toml"
        file.write_text(
            f'name = "taken"\n[[topology]]\nname = "only"\nport = {port}\ncommand = ["{{harness_python}}"]\n'
        )
        message = refused("compare", file, "--out", tmp_path / "results")
    assert f"port {port} of 127.0.0.1: Address already in use" in message
    assert not (tmp_path / "results").exists()


def test_some_failed_trials_are_exit_code_1(twice: Path, tmp_path: Path) -> None:
    twice.write_text(TWICE + '[[topology]]\nname = "dies"\ncommand = ["{harness_python}", "-c", "{port}; 1/0"]\n')
    done = CliRunner().invoke(app, ["compare", str(twice), "--out", str(tmp_path / "results")])
    assert done.exit_code == 1
    assert "dies           failed: the server exited with 1" in done.stdout
    assert "ZeroDivisionError" in (tmp_path / "results/latest/report.md").read_text()


BAD_STATUS = "got a status that is not good (500: "


@pytest.mark.parametrize(
    ("verb", "server", "ended"),
    [
        (["compare"], "exhausted", BAD_STATUS),
        (["compare"], "stalls", "4 had no answer when the window closed"),
        (["aa", "--in-place", "--rounds", "1"], "exhausted", BAD_STATUS),
        (["capacity", "--slo", "p99 < 1s"], "exhausted", BAD_STATUS),
    ],
)
def test_answers_that_are_all_bad_end_with_the_reason_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: list[str], server: str, ended: str
) -> None:
    monkeypatch.setattr("harness.measure.capacity.setting.MIN_WINDOW_S", 0.2)
    monkeypatch.setattr("harness.measure.capacity.setting.MIN_WARMUP_S", 0.2)
    command = f'command = ["{{harness_python}}", "-m", "tests.server.servers.{server}", "--port", "{{port}}"]'
    file = tmp_path / "bad.toml"
    load = '[load]\nconnections = 4\nthreads = 2\nwarmup = "200ms"\nduration = "200ms"'
    file.write_text(f'name = "bad"\nrounds = 1\n{load}\n[[topology]]\nname = "only"\n{command}\n')
    done = CliRunner().invoke(app, [verb[0], str(file), *verb[1:], "--out", str(tmp_path / "results")])
    assert done.exit_code == 1, done.output
    assert "harness: no trial counts: no request got a good response: " in done.stderr
    assert re.search(r"^Logs: .*/results/.*/logs$", done.stdout, re.MULTILINE)
    assert ended in done.stderr
    assert (tmp_path / "results" / "latest" / "trials.jsonl").exists()


def test_load_prints_what_wrk_prints(url: str) -> None:
    done = harness("load", url, "-t", "2", "-c", "4", "-d", "300ms", "--latency")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith(f"test @ {url}")
    assert lines[1] == "  2 threads and 4 connections"
    assert lines[5] == "  Latency Distribution"
    end = lines.index("")
    assert lines[end - 2].startswith("Requests/sec: ")
    assert lines[end + 1].split() == ["time", "p50", "p99", "p99.9", "p99.99", "max"]
    assert any(line.startswith("Closed loop: ") for line in lines)


def test_load_prints_one_json_object(url: str) -> None:
    done = CliRunner().invoke(app, ["load", url, "-c", "4", "-d", "300ms", "--json"])
    result = json.loads(done.stdout)
    errors = result["errors"]
    assert result["started"] == result["ok"] + sum(errors.values()) + result["unfinished"]
    assert result["requests"] == result["ok"] > 0
    assert result["workers"] == {"7": result["requests"]}
    assert set(errors) == {"connect", "read", "write", "stale", "timeout", "status", "body", "protocol"}
    assert {"mean", "stdev", "max", "p50", "p90", "p99", "p99_9"} <= set(result["latency_ms"])
    assert {"duration_s", "requests_per_s", "bytes_per_s", "generator_cpu_s"} <= set(result)


def test_ctrl_c_ends_a_load_early_and_prints_it(url: str) -> None:
    with heeding_interrupts():
        process = subprocess.Popen([*HARNESS, "load", url, "-d", "60s", "--json"], stdout=subprocess.PIPE, text=True)
    try:
        _wait_until_loaded(url)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert 0 < json.loads(out)["duration_s"] < 60


def _wait_until_loaded(url: str) -> None:
    """Until the server has more threads than one request needs: the load has begun."""
    deadline = threading.Event()
    for _ in range(300):
        if threading.active_count() > 8:
            return
        deadline.wait(0.05)
    raise TimeoutError(f"nothing loads {url}")
