"""A launch that was unlike its others, and by itself makes an interval wide, is named with what would be without it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from harness.record import Run
from harness.report.run_report import RunReport
from tests.made_runs import made_run, record, scenario_of, topology

RAW: Final = topology("raw", baseline=True)
CLUSTERS: Final = [topology(f"cluster-{workers}", workers=workers) for workers in (1, 2)]
RATES: Final = (1000, 1004, 997, 1001, 995, 1003, 999, 1002)


def run_of(results: Path, slowed: Mapping[tuple[str, int], float]) -> Run:
    """Eight rounds, in which some launches of some topologies are faster or slower by a factor."""
    records = [
        record(
            block,
            each,
            round(rate * slowed.get((each.name, block), 1.0)) + block * place % 5,
            cpu_s=0.5,
        )
        for block, rate in enumerate(RATES, start=1)
        for place, each in enumerate([RAW, *CLUSTERS])
    ]
    return made_run(results, scenario_of([RAW, *CLUSTERS], len(RATES)), records)


def said(run: Run) -> list[str]:
    return [finding.what for finding in RunReport(run).findings if "unlike its others" in finding.what]


def test_a_launch_that_widens_an_interval_is_named_with_the_change_without_it(tmp_path: Path) -> None:
    (text,) = said(run_of(tmp_path, {("cluster-2", 6): 0.7}))
    assert text.startswith(
        "The launch of `cluster-2` in round 6 was unlike its others: requests/s 704/s, where they had"
    )
    assert "995/s to 1,008/s" in text
    assert "Without that round: requests/s of `cluster-2` +0." in text
    assert " instead of −4." in text


def test_a_launch_of_the_baseline_is_named_once_for_all_that_it_is_compared_with(tmp_path: Path) -> None:
    (text,) = said(run_of(tmp_path, {("raw", 3): 1.4}))
    assert text.startswith("The launch of `raw` in round 3")
    assert "requests/s of `cluster-1`" in text
    assert "requests/s of `cluster-2`" in text


def test_two_launches_of_a_kind_are_no_outlier(tmp_path: Path) -> None:
    assert said(run_of(tmp_path, {("cluster-1", 2): 0.8, ("cluster-1", 7): 0.8})) == []


def test_a_whole_round_that_was_slow_is_none_of_one_launch(tmp_path: Path) -> None:
    assert said(run_of(tmp_path, {(each.name, 4): 0.6 for each in [RAW, *CLUSTERS]})) == []
