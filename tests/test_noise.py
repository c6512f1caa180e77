"""The noise floor: what two measurements of the same thing differ by, and who quotes it."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from harness.analysis.noise import compute_noise_floor, find_noise_floor, make_aa_scenario
from harness.analysis.run import RunAnalysis
from harness.machine.environment import Environment
from harness.record import Interleaving, NoiseFloor, Run, RunFolderError, read_noise_floor, read_run
from harness.report.noise import detectable_texts, render_noise_terminal
from harness.scenario import Scenario
from tests.made_runs import environment, made_run, record, scenario_of, topology
from tests.rehearsal.forms import SCENARIO as SHOP
from tests.rehearsal.forms import set_up_testbed
from tests.rehearsal.stage import rehearse
from tests.revisions.repository import Repository

RAW, TWO = topology("raw", baseline=True), topology("cluster-2", workers=2)
SCENARIO = scenario_of([RAW, TWO], 3)
RATES = [(100, 104), (110, 107), (105, 99)]


def measured_twice(results: Path, machine: Environment | None = None) -> Run:
    """A run of :func:`make_aa_scenario`."""
    scenario = make_aa_scenario(SCENARIO)
    records = [
        record(block, each, rate)
        for block, rates in enumerate(RATES, start=1)
        for each, rate in zip(scenario.topologies, rates, strict=True)
    ]
    return made_run(results, scenario, records, machine=machine)


@pytest.fixture
def floor(tmp_path: Path) -> NoiseFloor:
    """One that lies in a run folder of ``tmp_path``."""
    run = measured_twice(tmp_path)
    found = compute_noise_floor(RunAnalysis(run))
    (run.path / "noise.json").write_text(found.model_dump_json())
    return found


def test_the_baseline_is_measured_against_itself_under_another_name() -> None:
    baseline, again = make_aa_scenario(SCENARIO).topologies
    assert (baseline.baseline, again.baseline) == (True, False)
    assert (baseline.name, again.name) == ("raw", "raw-again")
    assert baseline.command == again.command


def test_the_scatter_is_that_of_the_differences_within_rounds(floor: NoiseFloor) -> None:
    logs = [np.log(again / once) for once, again in RATES]
    assert floor.scatter["throughput"] == pytest.approx(np.std(logs, ddof=1))
    assert set(floor.scatter) == {"throughput", "p50", "p99", "cpu_per_request"}
    assert floor.rounds == 3


def test_one_round_has_no_scatter(tmp_path: Path) -> None:
    scenario = make_aa_scenario(SCENARIO)
    run = made_run(tmp_path, scenario, [record(1, each, 100) for each in scenario.topologies])
    with pytest.raises(RunFolderError, match="two rounds"):
        compute_noise_floor(RunAnalysis(run))


def test_it_is_quoted_by_runs_of_the_same_load_and_baseline_on_the_same_machine(
    tmp_path: Path, floor: NoiseFloor
) -> None:
    assert find_noise_floor(tmp_path, SCENARIO, Interleaving(), environment()) == floor
    other_load = SCENARIO.model_copy(update={"load": SCENARIO.load.model_copy(update={"connections": 41})})
    other_server = Scenario.model_validate_json(SCENARIO.model_dump_json(by_alias=True).replace('"x"', '"y"'))
    assert find_noise_floor(tmp_path, other_load, Interleaving(), environment()) is None
    assert find_noise_floor(tmp_path, other_server, Interleaving(), environment()) is None
    assert find_noise_floor(tmp_path, SCENARIO, Interleaving(), environment(cores=2)) is None
    assert find_noise_floor(tmp_path, SCENARIO.with_malloc("keep"), Interleaving(), environment()) is None
    assert find_noise_floor(tmp_path, SCENARIO, Interleaving(kind="slices"), environment()) is None


def test_one_that_can_not_be_read_is_none(tmp_path: Path, floor: NoiseFloor) -> None:
    for file in tmp_path.glob("*/noise.json"):
        file.write_text("{")
    assert find_noise_floor(tmp_path, SCENARIO, Interleaving(), environment()) is None
    assert find_noise_floor(tmp_path / "nowhere", SCENARIO, Interleaving(), environment()) is None


def test_the_longer_one_measures_the_less_can_be_seen() -> None:
    floor = NoiseFloor.model_validate(
        {"measured_at": "2026-01-02T00:00:00Z", "rounds": 9, "block_s": 10.0, "scatter": {}}
    )
    texts = list(detectable_texts(floor, 0.05, 0.02))
    effects = [float(text.removesuffix(" %")) for text in texts]
    assert effects == sorted(effects, reverse=True)
    assert 1.0 < effects[-1] < 2.0  # 180 rounds: (2.33 + 1.28) · 5 % / √180
    slow = floor.model_copy(update={"block_s": 30.0})
    assert next(detectable_texts(slow, 0.05, 0.02)) == "–"  # two rounds in a minute tell nothing


def test_the_report_has_a_line_for_each_metric(tmp_path: Path) -> None:
    analysis = RunAnalysis(measured_twice(tmp_path))
    console = Console(width=100)
    with console.capture() as capture:
        console.print(render_noise_terminal(analysis, compute_noise_floor(analysis)))
    text = capture.get()
    metrics = [line.split()[0] for line in text.splitlines() if " % " in line]
    assert metrics == ["requests/s", "p50", "p99", "CPU/request"]
    assert "30 min" in text


@pytest.mark.parametrize(
    ("options", "where", "names"),
    [
        ([], "from two checkouts, as two commits are", {"raw-base", "raw-head"}),
        (["--in-place"], "in one folder, so that two commits may scatter more", {"raw", "raw-again"}),
    ],
)
def test_in_a_repository_it_is_measured_from_two_checkouts_and_quoted_later(
    tmp_path: Path, options: list[str], where: str, names: set[str]
) -> None:
    repository = Repository(tmp_path / "service")
    with rehearse(repository.path, set_up_testbed()) as stage, stage.undrawn():
        stage.write("shop.toml", SHOP)
        repository.commit("Serve carts")
        done = stage.call("aa", "shop.toml", "--seed", "1", "--out", "../results", *options)
        assert done.exit_code == 0, done.output
        assert where in " ".join(done.output.split())
        noise = read_run(tmp_path / "results" / "latest")
        assert {each.topology for each in noise.records} == names
        floor = read_noise_floor(noise.path)
        for verb in (["compare"], ["ab", "--base", "main"]):
            stage.call(*verb, "shop.toml", "--seed", "1", "--rounds", "1", "--out", "../results")
            assert read_run(tmp_path / "results" / "latest").info.noise == floor
    assert repository.worktrees() == 1


def test_where_there_is_no_repository_the_reason_is_told(tmp_path: Path) -> None:
    with rehearse(tmp_path, set_up_testbed()) as stage, stage.undrawn():
        stage.write("shop.toml", SHOP)
        done = stage.call("aa", "shop.toml", "--seed", "1", "--rounds", "2")
    assert "Both sides run in this folder" in done.output
    assert "not a git repository" in done.output


def test_what_the_pace_explains_is_told_apart(tmp_path: Path) -> None:
    """Rates that follow the pace exactly, but for a thousandth."""
    scenario = make_aa_scenario(scenario_of([RAW, TWO], 5))
    records = []
    for block, (pace_us, other_us) in enumerate([(200, 380), (390, 210), (250, 255), (380, 390), (220, 400)], start=1):
        for each, us in zip(scenario.topologies, (pace_us, other_us), strict=True):
            made = record(block, each, round(20_000_000 / us))
            assert made.usage is not None
            records.append(made.model_copy(update={"usage": made.usage.model_copy(update={"pace_us": float(us)})}))
    floor = compute_noise_floor(RunAnalysis(made_run(tmp_path, scenario, records)))
    assert floor.scatter["throughput"] > 0.4
    assert floor.scatter_at_equal_pace["throughput"] < 0.001
