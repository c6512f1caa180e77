"""Races on a simulated machine: who gets no more rounds, and that an interrupted one goes on as it would have."""

from collections import Counter
from pathlib import Path

import pytest

from harness.analysis.race import find_dropped
from harness.record import read_run
from tests.rehearsal.service import Service
from tests.rehearsal.stage import rehearse
from tests.rehearsal.testbed import VirtualTestbed

SCENARIO = """
name = "grid"
max_time = "20m"
[load]
connections = 8
warmup = "1s"
duration = "2s"
[[topology]]
name = "shop-{workers}x{threads}"
command = ["python3", "{workers}", "{threads}", "{port}"]
[topology.grid]
workers = [1, 2]
threads = [1, 4, 8, 16]
"""
TIMES_MS = {1: 20.0, 4: 14.0, 8: 10.0, 16: 10.0}


def two_cores(**changes: object) -> VirtualTestbed:
    """A machine of two cores, on which eight threads are best, and sixteen as good."""
    services = {f"shop-{w}x{t}": Service(mean_ms=ms, is_constant=True) for w in (1, 2) for t, ms in TIMES_MS.items()}
    return VirtualTestbed(services=services, cores=2, scatter=0.01, **changes)  # type: ignore[arg-type]


def raced(folder: Path, *options: str, interrupt_at: int | None = None) -> dict[str, int]:
    """How many rounds each cell got, also of a run that was interrupted and resumed."""
    folder.mkdir()
    with rehearse(folder, two_cores(interrupt_at=interrupt_at)) as stage, stage.undrawn():
        stage.write("grid.toml", SCENARIO)
        stage.call("compare", "grid.toml", "--seed", "1", *options)
        (path,) = (folder / "results").glob("*-grid")
        if interrupt_at is not None:
            stage.call("resume", path)
    run = read_run(path)
    assert run.ending is not None
    dropped = {each.candidate: each.after_round for each in find_dropped(run.scenario, run.records)}
    rounds = Counter(record.topology for record in run.records)
    last = max(rounds.values())
    assert all(rounds[name] == min(after, last) for name, after in dropped.items())
    assert all(rounds[name] == last for name in rounds.keys() - dropped.keys())
    return dict(rounds)


def test_rounds_go_to_the_best_cells(tmp_path: Path) -> None:
    rounds = raced(tmp_path / "race")
    assert rounds["shop-2x8"] == rounds["shop-2x16"] == rounds["shop-1x1"] == max(rounds.values())
    assert {rounds[name] for name in rounds.keys() - {"shop-2x8", "shop-2x16", "shop-1x1"}} == {3}


def test_without_a_race_all_get_as_many(tmp_path: Path) -> None:
    assert len(set(raced(tmp_path / "all", "--race", "off").values())) == 1


@pytest.mark.parametrize("at", [3, 25, 30])
def test_a_race_that_was_interrupted_goes_on_as_it_would_have(tmp_path: Path, at: int) -> None:
    assert raced(tmp_path / "resumed", interrupt_at=at) == raced(tmp_path / "whole")


def test_rounds_that_are_over_before_the_time_are_told_as_planned(tmp_path: Path) -> None:
    """The third best is dropped late, so that the last rounds are shorter than they were planned."""
    services = {name: Service(mean_ms=ms, is_constant=True) for name, ms in {"a": 10.0, "b": 10.3, "c": 10.7}.items()}
    tables = "".join(f'[[topology]]\nname = "{name}"\ncommand = ["python3", "{{port}}"]\n' for name in services)
    testbed = VirtualTestbed(services=services, cores=2, scatter=0.02, seed=2)
    with rehearse(tmp_path, testbed) as stage, stage.undrawn():
        stage.write("few.toml", SCENARIO.split("[[topology]]")[0] + tables)
        stage.call("compare", "few.toml", "--seed", "1", "--race", "on", "--max-time", "3m")
        (path,) = (tmp_path / "results").glob("*-grid")
    run = read_run(path)
    assert run.ending is not None
    assert run.ending.reason == "planned rounds"
    assert testbed.elapsed_s < 160
    assert ", as many as were planned for the time (max_time)" in (path / "report.md").read_text(encoding="utf-8")


def test_no_more_rounds_is_told_as_it_happens(tmp_path: Path) -> None:
    with rehearse(tmp_path, two_cores()) as stage, stage.undrawn():
        stage.write("grid.toml", SCENARIO)
        result = stage.call("compare", "grid.toml", "--seed", "1")
    assert "no more rounds for shop-1x4: 0." in result.output
    assert "Shown to be behind, and without further rounds: after round 3 " in result.output.replace("\n   ", " ")
    assert result.exit_code == 0
