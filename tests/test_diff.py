"""Two runs beside each other."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.analysis.difference import RunDifference
from harness.cli import app
from harness.record import Program, Run, read_run
from tests.made_runs import LOAD, environment, made_run, record, scenario_of, topology

RAW = topology("raw", baseline=True)
TWO = topology("cluster-2", workers=2)


def run_at(results: Path, rates: tuple[int, ...], programs: Sequence[Program] = (), **changes: object) -> Run:
    """A run in which raw served so much, trial by trial, and cluster-2 twice as much."""
    scenario = scenario_of([RAW, TWO], len(rates)).model_copy(update=changes)
    records = [
        record(block, each, rate * (each.workers or 1))
        for block, rate in enumerate(rates, start=1)
        for each in (RAW, TWO)
    ]
    return made_run(results, scenario, records, programs=programs)


FAST, SLOW = (1000, 1010, 990, 1005), (800, 810, 790, 805)


def diff(base: Run, head: Run, *options: str) -> tuple[int, str]:
    """How it ended, and all that it said on one line."""
    done = CliRunner().invoke(app, ["diff", str(base.path), str(head.path), *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, " ".join((done.stdout + done.stderr).split())


def test_a_slower_run_is_told_and_fails_its_gate(tmp_path: Path) -> None:
    base, head = run_at(tmp_path, FAST), run_at(tmp_path, SLOW)
    code, said = diff(base, head, "--fail-on", "throughput < -5%")
    assert code == 3
    assert "Worse: requests/s, CPU/request." in said
    assert "−20.0 %" in said
    assert "not made in turn" in said
    assert diff(base, head)[0] == 0  # nobody set a limit


def test_the_metrics_that_decide_have_four_times_the_level(tmp_path: Path) -> None:
    """Of two runs that can't be told apart: of a change, requests/s and CPU per request decide."""
    noisy = (1000, 1300, 700, 1100)
    rows = RunDifference(run_at(tmp_path, noisy), run_at(tmp_path, (1100, 700, 1200, 900))).rows
    levels = {row.metric.name: row.comparison.judgement.level for row in rows if row.comparison}
    assert levels["throughput"] == levels["cpu_per_request"] == pytest.approx(4 * levels["p50"])
    assert levels["p50"] == levels["p99"] == levels["memory"]


def test_memory_is_compared_in_the_way_that_both_runs_know(tmp_path: Path) -> None:
    """A record from before shared pages were counted once is no base for one from after."""

    def held(pss_bytes: int | None) -> Run:
        records = [record(block, RAW, 1000, pss_bytes=pss_bytes) for block in (1, 2, 3)]
        return made_run(tmp_path, scenario_of([RAW], 3), records)

    before, after, less = held(None), held(2**24), held(2**23)
    for base, head, ratio in [(before, after, 1.0), (after, before, 1.0), (after, less, 0.5)]:
        rows = {row.metric.name: row for row in RunDifference(base, head).rows}
        assert rows["memory"].change is not None
        assert rows["memory"].change.value == pytest.approx(ratio)


def test_turns_of_one_of_them_are_told(tmp_path: Path) -> None:
    plain, turned = run_at(tmp_path, FAST), run_at(tmp_path, FAST)
    file = turned.path / "run.json"
    info = json.loads(file.read_text())
    info["interleaving"] |= {"kind": "slices", "slice_s": 0.5, "turn_s": 0.01}
    file.write_text(json.dumps(info))
    turned = read_run(turned.path)
    told = "stopped between turns take more CPU: they had no turns then, turns of 10ms now."
    assert told in diff(plain, turned)[1]
    assert "between turns" not in diff(turned, turned)[1]


def test_another_malloc_is_told(tmp_path: Path) -> None:
    keeping = run_at(tmp_path, FAST, topologies=(RAW.with_malloc("keep"), TWO))
    _, said = diff(run_at(tmp_path, FAST), keeping)
    assert "raw had another malloc: default then, keep now." in said
    assert "cluster-2 had" not in said
    assert "another malloc" not in diff(keeping, keeping)[1]


def test_a_run_beside_itself_is_no_different(tmp_path: Path) -> None:
    code, said = diff(run_at(tmp_path, FAST), run_at(tmp_path, FAST), "--fail-on", "throughput < -5%", "--strict")
    assert code == 0
    assert "No difference that matters in errors, requests/s" in said
    assert "not measured: memory growth/request." in said


def test_other_loads_are_refused_unless_lenient(tmp_path: Path) -> None:
    more = LOAD.model_copy(update={"connections": 400})
    base, head = run_at(tmp_path, FAST), run_at(tmp_path, SLOW, load=more)
    code, said = diff(base, head)
    assert code == 2
    assert "different loads connections: 40 and 400" in said
    code, said = diff(base, head, "--lenient")
    assert code == 0
    assert "The loads differ: connections: 40 and 400." in said


def test_another_machine_is_named(tmp_path: Path) -> None:
    base = run_at(tmp_path, FAST)
    scenario, records = base.scenario, base.records
    other = environment(cores=4).model_copy(update={"cpu_model": "Another <b>CPU</b>", "git_commit": "f" * 40})
    code, said = diff(base, made_run(tmp_path, scenario, records, machine=other), "--format", "markdown")
    assert code == 0
    assert "not made on the same machine: cpu model: Test \\| CPU then, Another \\<b\\>CPU\\</b\\> now" in said
    assert "cores: 8 then, 4 now" in said
    assert "git commit" not in said


def test_another_version_of_a_program_is_named(tmp_path: Path) -> None:
    old, new = (Program(name="ruby", path="/usr/bin/ruby", version=version) for version in ("3.1.2", "3.4.0"))
    same = Program(name="nginx", path="/usr/sbin/nginx", version="1.22.1")
    _, said = diff(run_at(tmp_path, FAST, [old, same]), run_at(tmp_path, FAST, [same, new]))
    assert "not run the same programs: ruby 3.1.2 (/usr/bin/ruby) then, 3.4.0 (/usr/bin/ruby) now." in said
    assert "nginx" not in said
    assert "same programs" not in diff(run_at(tmp_path, FAST), run_at(tmp_path, FAST, [new]))[1]  # of an older version


def test_a_topology_that_one_of_them_lacks_is_not_measured(tmp_path: Path) -> None:
    base = run_at(tmp_path, FAST)
    head = made_run(tmp_path, scenario_of([RAW], 1), [record(1, RAW, 1000)])
    code, said = diff(base, head, "--fail-on", "throughput < -5%")
    assert code == 5
    assert "cluster-2 not measured" in said


def test_one_trial_each_tells_nothing_and_fails_when_strict(tmp_path: Path) -> None:
    base, head = run_at(tmp_path, (1000,)), run_at(tmp_path, (900,))
    code, said = diff(base, head, "--fail-on", "throughput < -5%", "--strict")
    assert code == 3
    assert "Can't tell: errors, requests/s" in said
    assert diff(base, head, "--fail-on", "throughput < -5%")[0] == 4


def test_runs_of_nothing_in_common_are_refused(tmp_path: Path) -> None:
    other = made_run(tmp_path, scenario_of([topology("else", baseline=True)], 1), [])
    assert diff(run_at(tmp_path, FAST), other)[0] == 2


@pytest.mark.parametrize("form", ["json", "csv", "junit", "github", "markdown"])
def test_other_forms_are_printed_alone(tmp_path: Path, form: str) -> None:
    base, head = run_at(tmp_path, FAST), run_at(tmp_path, SLOW)
    arguments = ["diff", str(base.path), str(head.path), "--format", form, "--fail-on", "p99 < 1s"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    starts = {"json": "{", "csv": "topology,", "junit": "<?xml", "github": "<!-- harness", "markdown": "<!-- harness"}
    assert done.stdout.startswith(starts[form])
    if form == "json":
        assert json.loads(done.stdout)["changes"][0]["verdict"] == "slower"
