"""The harness as a library and as a fixture of pytest."""

from pathlib import Path
from typing import Final

import pytest

import harness
from harness.measure.base_and_head import DEFAULT_GATES
from harness.stats.verdict import Verdict
from tests.made_runs import made_run, record, scenario_of, topology
from tests.rehearsal.stage import put_on_testbed
from tests.rehearsal.testbed import VirtualTestbed
from tests.revisions.repository import with_server

pytestmark = [pytest.mark.compares, pytest.mark.usefixtures("undrawn")]

pytest_plugins = ["pytester"]

RAW: Final = topology("raw", baseline=True)
TWO: Final = topology("cluster-2", workers=2)
TEST: Final = """
def test_two_workers_pay(harness_run):
    run = harness_run("scenario.toml", rounds=1, seed=1)
    assert harness_run("scenario.toml", rounds=1, seed=1) is run
    assert run.verdict("other").baseline == "one"
    assert len(run.trials) == 2
"""
SCENARIO: Final = """
name = "pair"
[load]
connections = 4
threads = 2
warmup = "50ms"
duration = "200ms"
[[topology]]
name = "one"
command = ["{harness_python}", "-m", "http.server", "{port}", "--bind", "{host}"]
[[topology]]
name = "other"
command = ["{harness_python}", "-m", "http.server", "{port}", "--bind", "{host}"]
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, undrawn: None) -> harness.Result:
    """Cluster-2 at twice the speed."""
    records = [record(block, each, rate) for block in (1, 2, 3) for each, rate in ((RAW, 100 + block), (TWO, 200))]
    return harness.read(made_run(tmp_path_factory.mktemp("results"), scenario_of([RAW, TWO], 3), records).path)


def test_a_verdict_has_its_ratio_and_figures(result: harness.Result) -> None:
    found = result.verdict("cluster-2")
    assert found.ratio is not None
    assert found.ratio.low is not None
    assert 1.9 < found.ratio.low < found.ratio.value < 2.0
    assert found.verdict is Verdict.BETTER
    assert found.before is not None
    assert found.before.value == pytest.approx(102, rel=0.01)
    assert result.verdict("cluster-2", "errors").after is not None
    assert result.verdict("raw").ratio is None


def test_tables_are_frames(result: harness.Result) -> None:
    assert list(result.summary["topology"]) == ["raw", "cluster-2"]
    assert len(result.trials) == 6
    assert result.passed
    assert (result.path / "report.md").exists()


@pytest.mark.parametrize(("name", "metric"), [("cluster-4", None), ("cluster-2", "speed")])
def test_what_there_is_not_is_named_beside_what_there_is(result: harness.Result, name: str, metric: str | None) -> None:
    with pytest.raises(KeyError, match=r"there are throughput, p50, .* of raw, cluster-2"):
        result.verdict(name, metric)


def test_two_commits_are_measured_and_asked_for_by_the_names_of_the_scenario(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_testbed(monkeypatch, VirtualTestbed())
    repository = with_server(tmp_path / "service")
    repository.write("new.txt", "not committed")
    monkeypatch.chdir(repository.path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = harness.ab("page.toml", base="main", rounds=1, seed=1, out=tmp_path / "results")
    assert found.verdict("raw").baseline == "base"
    assert set(found.trials["topology"]) == {"raw-base", "raw-head"}
    assert (found.path / "report.html").exists()
    assert [revision.ref for revision in found.run.info.revisions] == ["main", "working tree"]
    assert found.run.info.command == "harness ab page.toml --base main --seed 1"
    assert [ruling.gate.text for ruling in found.rulings] == list(DEFAULT_GATES)
    assert repository.worktrees() == 1


def test_how_the_load_alternates_and_what_malloc_does_are_taken_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_testbed(monkeypatch, VirtualTestbed())
    (file := tmp_path / "pair.toml").write_text(SCENARIO)
    chosen = harness.compare(
        file, only=["one"], rounds=2, interleave="trials", slice_s=0.25, malloc="both", seed=1, out=tmp_path
    )
    scenario = chosen.run.scenario
    assert (scenario.interleave, scenario.slice_s) == ("trials", 0.25)
    assert chosen.verdict("one-keep").baseline == "one"
    told = "--interleave trials --slice 0.25s --malloc both --seed 1"
    assert chosen.run.info.command == f"harness compare {file} {told}"


def test_the_package_has_what_it_says_and_nothing_else() -> None:
    assert all(hasattr(harness, name) for name in harness.__all__)
    with pytest.raises(AttributeError, match="no attribute 'judge'"):
        harness.judge  # noqa: B018  # type: ignore[attr-defined]


def test_a_services_own_tests_can_measure_it(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, which has imported already what takes seconds, and in which trials are simulated."""
    put_on_testbed(monkeypatch, VirtualTestbed())
    pytester.makefile(".toml", scenario=SCENARIO)
    pytester.makepyfile(test_service=TEST)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
