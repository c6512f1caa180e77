"""A round that by itself keeps a comparison from a verdict is named, with what would be without it."""

from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import Final

import pytest

from harness.record import Run
from harness.report.run_report import RunReport
from tests.made_runs import made_run, record, scenario_of, topology

RAW: Final = topology("raw", baseline=True)
CLUSTERS: Final = [topology(f"cluster-{workers}", workers=workers) for workers in (1, 2)]
RATES: Final = (1000, 1004, 997, 1001, 995, 1003, 999, 1002)


def run_of(results: Path, slowed: Mapping[tuple[str, int], float], rigs: Mapping[int, str] | None = None) -> Run:
    """Eight rounds of topologies that are alike, in which some launches are faster or slower by a factor; or as many as
    were made by these machines, of which ``far`` is three times as fast."""
    records, rounds = [], len(rigs or RATES)
    for block, rate in zip(range(1, rounds + 1), cycle(RATES), strict=False):
        rig = rigs and rigs[block]
        for place, each in enumerate([RAW, *CLUSTERS]):
            factor = slowed.get((each.name, block), 1.0) * (3 if rig == "far" else 1)
            rate_per_s = round(rate * factor) + block * place % 5
            made = record(block, each, rate_per_s, cpu_s=rate_per_s / 2000)
            records.append(made.model_copy(update={"rig": rig}))
    return made_run(results, scenario_of([RAW, *CLUSTERS], rounds), records)


def said(run: Run) -> list[str]:
    return [finding.what for finding in RunReport(run).findings if "by itself" in finding.what]


@pytest.mark.parametrize(("factor", "there"), [(0.7, "−29.8 %"), (1.4, "+40.2 %")])
def test_a_round_that_widens_an_interval_is_named_with_the_change_without_it(
    tmp_path: Path, factor: float, there: str
) -> None:
    (text,) = said(run_of(tmp_path, {("cluster-2", 6): factor}))
    assert text.startswith(
        f"Round 6 by itself makes the interval of `cluster-2` wide: requests/s {there} there, and ±0.0 % to +0.4 % in"
        f" the other rounds (`raw` 1,003/s and `cluster-2` {round(1003 * factor) + 2:,}/s there, 1,000/s and 1,003/s"
        " usually). Without it: +0.2 % "
    )


def test_what_a_launch_of_the_baseline_does_to_each_comparison_is_told(tmp_path: Path) -> None:
    (text,) = said(run_of(tmp_path, {("raw", 3): 1.4}))
    assert text.count("Round 3 by itself makes the interval of") == 2
    assert "`raw` 1,396/s and `cluster-1` 1,000/s there" in text
    assert "`raw` 1,396/s and `cluster-2` 998/s there" in text


def test_two_rounds_of_a_kind_are_no_outlier(tmp_path: Path) -> None:
    assert said(run_of(tmp_path, {("cluster-1", 2): 0.8, ("cluster-1", 7): 0.8})) == []


def test_a_round_that_was_slow_for_all_is_none(tmp_path: Path) -> None:
    assert said(run_of(tmp_path, {(each.name, 4): 0.6 for each in [RAW, *CLUSTERS]})) == []


def test_where_there_is_a_verdict_nothing_is_kept_from_one(tmp_path: Path) -> None:
    """All are equivalent, though one round is unlike the others."""
    assert said(run_of(tmp_path, {("cluster-1", 5): 1.02})) == []


def test_what_is_usual_is_that_of_the_same_machine(tmp_path: Path) -> None:
    rigs = {block: "far" if block % 2 else "near" for block in range(1, 25)}
    texts = said(run_of(tmp_path, {("cluster-2", 6): 0.5}, rigs))
    assert texts
    assert all("(`raw` 1,003/s and `cluster-2` 504/s there, 1,00" in text for text in texts)
