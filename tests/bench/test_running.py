"""Made-up tools, really run: what they cost, and how they fail."""

import os
import shlex
from collections.abc import Mapping

import pytest

from bench import running
from bench.readings import read_scripted
from bench.running import Failure, Sample, judge, run
from bench.tools import TOOLS, Load, Tool, asked

LOAD = Load("http://127.0.0.1:1/", connections=40, duration_s=3)
LINE = '{"requests": 10, "requests_per_s": 5.0, "errors": 0, "p50_ms": null, "p99_ms": null}'


@pytest.fixture(autouse=True)
def _any_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests need no second core."""
    monkeypatch.setattr(running, "GENERATOR_CORE", str(min(os.sched_getaffinity(0))))


def shell(script: str, environment: Mapping[str, str] | None = None) -> Tool:
    """A tool that is a shell script."""
    braced = script.replace("{", "{{").replace("}", "}}")
    return Tool("made up", f"sh -c {shlex.quote(braced)}", read_scripted, str, "", environment or {})


def reason(tool: Tool) -> str:
    """Why a run of it failed."""
    outcome = run(tool, LOAD)
    assert isinstance(outcome, Failure)
    return outcome.reason


def test_cpu_is_that_of_the_whole_process_tree() -> None:
    burn = "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done"
    alone, in_a_child = run(shell(f"echo '{LINE}'"), LOAD), run(shell(f"( {burn} ); echo '{LINE}'"), LOAD)
    assert isinstance(alone, Sample)
    assert isinstance(in_a_child, Sample)
    assert in_a_child.cpu_s > alone.cpu_s + 0.005


def test_cpu_that_a_tool_tells_is_taken_instead() -> None:
    sample = judge(shell(""), LINE.replace("}", ', "cpu_s": 0.5}'), cpu_s=2.0)
    assert isinstance(sample, Sample)
    assert sample.cpu_us_per_request == pytest.approx(50_000)


def test_a_tool_gets_its_environment() -> None:
    assert isinstance(run(shell('echo "$WANTED"', {"WANTED": LINE}), LOAD), Sample)


def test_a_tool_that_fails_gives_its_last_word() -> None:
    assert reason(shell("echo figures; echo usage >&2; echo 'no `such` host' >&2; exit 3")) == (
        "exit code 3: no 'such' host"
    )
    assert reason(shell("echo only this; exit 1")) == "exit code 1: only this"


def test_a_tool_that_prints_something_else_has_failed() -> None:
    assert reason(shell("echo all went well")).startswith("its output could not be read: JSONDecodeError(")


def test_a_tool_without_an_answer_has_failed() -> None:
    line = LINE.replace('"requests": 10', '"requests": 0').replace('"errors": 0', '"errors": 3936')
    assert reason(shell(f"echo '{line}'")) == "no request was answered, 3,936 went wrong"


def test_a_tool_that_does_not_end_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PATIENCE_S", -2.9)
    assert "had not ended" in reason(shell("exec sleep 5"))


def test_a_long_reason_is_cut_to_a_line() -> None:
    assert len(reason(shell("printf 'x %.0s' $(seq 500); exit 1"))) < 200


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_tool_is_given_the_whole_load(tool: Tool) -> None:
    line = " ".join(tool.words(LOAD))
    assert LOAD.url in line
    assert "40" in line
    assert "3" in line
    assert "{" not in line


def test_an_absent_tool_is_known_as_such_and_has_no_version() -> None:
    assert not Tool("absent", "no-such-program -c {connections}", read_scripted, str, "").installed
    assert asked("no-such-program --version", r"(\S+)")() == "unknown"
    assert asked("sh -c 'echo tool v1.2.3 >&2; exit 1'", r"v(\S+)")() == "1.2.3"
