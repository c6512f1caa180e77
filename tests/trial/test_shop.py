"""A shop as people run it: Django, PostgreSQL, and nginx before gunicorn, as a grid of workers and threads."""

import shutil
from pathlib import Path

import pytest

from harness.analysis.run import RunAnalysis
from harness.measure.compare import compare
from harness.measure.observer import Observer
from harness.measure.preparation import prepare
from harness.record import read_run
from harness.report.grid import grid_texts
from harness.scenario import load_scenario
from tests.trial.shops import ROOT, path_with_postgres, shop_text

pytestmark = [pytest.mark.compares, pytest.mark.stacks]


def test_a_grid_of_a_shop_with_its_database_and_its_front_has_a_best_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", path_with_postgres())
    monkeypatch.chdir(ROOT)
    for program in ("postgres", "nginx", "gunicorn"):
        assert shutil.which(program) or program == "gunicorn", f"apt install {program}"
    assert len((ROOT / "scenarios" / "shop.toml").read_text().splitlines()) <= 60
    (tmp_path / "shop.toml").write_text(shop_text())
    # Over one connection, so that a small machine has time left for the generator.
    scenario = load_scenario(tmp_path / "shop.toml", {"rounds": 3, "load.duration": "500ms", "load.connections": 1})
    run = read_run(compare(prepare(scenario, 1), tmp_path / "results", "test", Observer()))
    assert [(record.status, record.reason) for record in run.records] == [("ok", None)] * 18
    analysis = RunAnalysis(run)
    (grid,) = analysis.grids
    assert grid.best is not None
    of_whom = " of those that can be told" if grid.untold else ""  # where the generator had to wait for a core
    assert grid_texts(analysis, grid)[0].startswith(f"Best{of_whom}: `{grid.best.name}`, with ")
    assert grid.best.name.startswith("shop-")
    roles = {record.topology: [each.role for each in record.processes] for record in run.records}
    assert {name: found.count("worker") for name, found in roles.items()} == {
        topology.name: topology.workers for topology in scenario.topologies
    }
    assert all(found.count("front") == 1 for found in roles.values())
    held = [
        sum((process.connections_to or {}).get("postgres", 0) for process in record.usage.processes)
        for record in run.records
        if record.usage
    ]
    assert all(number >= 1 for number in held)
