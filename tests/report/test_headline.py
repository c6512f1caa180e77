"""The headline answers the question, and says no more than the run can tell."""

from pathlib import Path

from harness.report.run_report import RunReport
from harness.scenario import Topology
from tests.made_runs import made_run, record, scenario_of, topology

RAW = topology("raw", baseline=True)
ONE, TWO, FOUR = (topology(f"cluster-{n}", workers=n) for n in (1, 2, 4))


def headline_of(tmp_path: Path, rates: dict[str, list[float]], *topologies: Topology) -> str:
    rounds = max(map(len, rates.values()))
    by_name = {each.name: each for each in topologies}
    records = [
        record(block, by_name[name], rate) for name, each in rates.items() for block, rate in enumerate(each, start=1)
    ]
    run = made_run(tmp_path, scenario_of(list(topologies), rounds), records)
    return RunReport(run).headline


def test_the_smallest_cluster_that_is_as_good_as_the_best_is_chosen(tmp_path: Path) -> None:
    text = headline_of(
        tmp_path,
        {
            "raw": [100, 101, 99, 100],
            "cluster-1": [95, 96, 94, 95],
            "cluster-2": [180, 182, 178, 181],
            "cluster-4": [181, 182, 178, 182],
        },
        RAW, ONE, TWO, FOUR,
    )  # fmt: skip
    assert text.startswith("**Run `cluster-2`**: it serves 1.80×")
    assert "`cluster-4` serves as much" in text


def test_more_workers_are_chosen_when_they_serve_more(tmp_path: Path) -> None:
    text = headline_of(
        tmp_path,
        {"raw": [100, 101, 99], "cluster-2": [180, 182, 178], "cluster-4": [300, 303, 298]},
        RAW, TWO, FOUR,
    )  # fmt: skip
    assert text.startswith("**Run `cluster-4`**")


def test_one_process_is_enough_when_clusters_serve_less(tmp_path: Path) -> None:
    text = headline_of(tmp_path, {"raw": [100, 101, 99], "cluster-2": [80, 82, 79]}, RAW, TWO)
    assert text.startswith("**Stay with `raw`**")


def test_noise_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    text = headline_of(tmp_path, {"raw": [100, 101, 99], "cluster-2": [80, 160, 110]}, RAW, TWO)
    assert text.startswith("**No answer yet**")


def test_one_round_is_not_an_answer(tmp_path: Path) -> None:
    text = headline_of(tmp_path, {"raw": [100], "cluster-2": [200]}, RAW, TWO)
    assert "One round has no interval" in text
    assert "**Run" not in text


def test_without_a_baseline_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert "nothing to compare with" in headline_of(tmp_path, {"cluster-2": [200, 201]}, RAW, TWO)
