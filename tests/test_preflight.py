"""What a machine has too little of is said before the run, and every request that fails for it is counted."""

import multiprocessing
import os
import resource
import socket
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.generator.process import Generator
from harness.load.result import LoadResult
from harness.record import read_run
from tests.generator.accounting import assert_adds_up
from tests.generator.loads import short_load
from tests.generator.scripted_server import HOST

pytestmark = pytest.mark.compares

OPEN_FILES: Final = 200
MANY: Final = 5_000
SCENARIO: Final = """
name = "hungry"
rounds = 1
[load]
connections = 1000
warmup = 0
duration = "200ms"
[[topology]]
name = "one"
command = ["{harness_python}", "-m", "http.server", "{port}", "--bind", "{host}"]
[[topology]]
name = "other"
command = ["{harness_python}", "-m", "http.server", "{port}", "--bind", "{host}"]
"""


def compared(results: Path) -> tuple[int, str]:
    """How a comparison ends, and what it prints."""
    file = results / "hungry.toml"
    file.write_text(SCENARIO)
    done = CliRunner().invoke(app, ["compare", str(file), "--out", str(results)])
    return done.exit_code, done.output


def test_too_few_open_files_are_told_before_the_run_and_fail_the_trials(tmp_path: Path) -> None:
    """In a forked process, which need not import anything."""
    few = (resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    forking = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, forking, initializer=resource.setrlimit, initargs=few) as pool:
        code, told = pool.submit(compared, tmp_path).result(timeout=60)
    assert code == 2, told
    warning, first_trial = (told.index(words) for words in ("open files: 200 a process, 1,064", "[1/2]"))
    assert warning < first_trial
    reasons = {record.reason for record in read_run(tmp_path / "latest").records}
    assert reasons == {
        "1000 connections need 1064 open files in a process, and the system allows 200 (ulimit -Hn): allow more, or"
        " give it 8 processes",
    }


def loaded_with_few_ports(ports: int, connections: int, host: str) -> tuple[str, LoadResult]:
    """What the doctor says beforehand, and the result."""
    words = ["unshare", "--net", sys.executable, "-m", "tests.generator.few_ports", str(ports), str(connections), host]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    told, result_line = done.stdout.splitlines()
    result = LoadResult.model_validate_json(result_line)
    assert_adds_up(result)
    assert result.ok > 0
    return told, result


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network")
def test_ports_that_are_used_up_are_told_and_counted() -> None:
    ports, connections = 20, 32
    told, result = loaded_with_few_ports(ports, connections, "::1")
    assert told == f"warn: {ports} for {connections} connections"
    assert result.errors.connect == result.errors.total >= connections - ports
    assert result.unfinished == ports


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network")
def test_ports_do_not_run_out_where_there_are_more_addresses() -> None:
    ports, connections = 20, 65
    told, result = loaded_with_few_ports(ports, connections, "127.0.0.1")
    assert told.startswith("ok: ")
    assert result.errors.total == 0
    assert result.unfinished == connections


def test_a_full_backlog_costs_time_outs_and_each_is_counted() -> None:
    """The kernel completes 129 connections, and leaves the others to try again."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert most > MANY, "this test takes many descriptors (ulimit -Hn)"
    with socket.create_server((HOST, 0), backlog=128) as listener, Generator.here() as generator:
        generator.begin(short_load(listener.getsockname()[1], connections=MANY, duration_s=1.5, timeout_s=0.5))
        result = generator.result()
    assert_adds_up(result)
    assert result.started > MANY
    assert result.errors.timeout == result.errors.total == result.started - result.unfinished > 0
    assert result.requests == 0
