"""The scenarios of the repository that need more than a server run against the real software, in short."""

import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from harness.analysis.run import RunAnalysis
from harness.measure.compare import compare
from harness.measure.observer import Observer
from harness.measure.preparation import prepare
from harness.record import Run, read_run
from harness.scenario import load_scenario
from tests.trial.shops import ROOT, path_with_postgres

pytestmark = [pytest.mark.compares, pytest.mark.stacks]

SHORT: Final[dict[str, Any]] = {"rounds": 1, "load.duration": "500ms", "load.warmup": "300ms"}
RELOADED: Final[dict[str, Any]] = {
    "rounds": 1,
    "load.duration": "3s",
    "event": [{"at": "1.5s", "signal": "HUP"}],
}


def made(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **overrides: Any) -> Run:
    """A run of the scenario with these changes, all of whose trials count."""
    monkeypatch.setenv("PATH", path_with_postgres())
    monkeypatch.chdir(ROOT)
    scenario = load_scenario(ROOT / "scenarios" / f"{name}.toml", {**SHORT, **overrides})
    run = read_run(compare(prepare(scenario, 1), tmp_path, "test", Observer()))
    assert [(record.topology, record.status, record.reason) for record in run.records if record.status != "ok"] == []
    assert {record.topology for record in run.records} == {topology.name for topology in scenario.topologies}
    return run


def test_nginx_before_several_uvicorns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shutil.which("nginx", path=path_with_postgres()), "apt install nginx"
    run = made("nginx", tmp_path, monkeypatch)
    roles = {record.topology: [process.role for process in record.processes] for record in run.records}
    assert (roles["nginx-2"].count("worker"), roles["nginx-2"].count("front")) == (2, 1)


def test_replicas_beside_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made("replicas", tmp_path, monkeypatch)
    (record,) = (each for each in run.records if each.topology == "replicas-2")
    assert record.load is not None
    assert sorted(record.load.open_by_port.values()) == [20, 20]


def test_workers_and_threads_of_gunicorn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made("grid", tmp_path, monkeypatch, **{"load.connections": 8, "load.threads": 4})
    (grid,) = RunAnalysis(run).grids
    assert len(grid.cells) == 12


def test_what_a_reload_of_gunicorn_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made("reload", tmp_path, monkeypatch, **RELOADED)
    analysis = RunAnalysis(run)
    assert all(each.event_cost is not None for trials in analysis.trials.values() for each in trials)
    metrics = {row.metric.name: row.after for row in analysis.rows}
    assert metrics.keys() >= {"lost", "late", "recovery"}
    assert metrics["lost"] is not None  # the others may be in doubt, where the generator was late


def test_the_cart_over_several_numbers_of_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made("cart", tmp_path, monkeypatch, **{"load.grid.connections": [2, 16], "load.processes": 1})
    connections = {record.topology: record.load.connections for record in run.records if record.load}
    assert (connections["raw-c2"], connections["cluster-4-c16"]) == (2, 16)
