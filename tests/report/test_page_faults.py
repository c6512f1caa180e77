"""Launches that pay for page faults, some of them or all, are a finding where the run shows it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from harness.record import Allocator, Run, TrialRecord
from harness.report.run_report import RunReport
from harness.scenario import Topology
from tests.made_runs import made_run, record, scenario_of, topology, with_faults

RAW: Final = topology("raw", baseline=True)
OTHER: Final = topology("other")
SLOW: Final = (2, 5, 9)  # rounds
COSTS: Final = (1.0, 1.05, 1.004, 0.996, 1.06, 0.99, 1.01, 1.002, 1.04, 0.998)

FLAT: Final = (1.0, 1.005) * 5


def launches(
    faults: Sequence[float], costs: Sequence[float] = COSTS, of: Topology = RAW, cpu_s: float = 0.2
) -> list[TrialRecord]:
    """A trial of 100 requests in each round, with so many page faults a request, and so much more CPU."""
    return [
        with_faults(record(block, of, 100), paid, cost * cpu_s)
        for block, (paid, cost) in enumerate(zip(faults, costs, strict=True), start=1)
    ]


def modal(low: float = 2.0, high: float = 20.0) -> list[float]:
    """Page faults of ten launches, of which three are in the dear mode."""
    return [high if block in SLOW else low for block in range(1, 11)]


def run_of(results: Path, records: Sequence[TrialRecord], *topologies: Topology) -> Run:
    """Ten rounds."""
    return made_run(results, scenario_of(list(topologies or (RAW,)), 10), list(records))


def said(run: Run) -> list[str]:
    """The findings on page faults, as they are read."""
    texts = [f"{finding.what} {finding.advice}" for finding in RunReport(run).findings]
    return [text for text in texts if "page fault" in text]


def with_allocator(records: Sequence[TrialRecord], allocator: Allocator) -> list[TrialRecord]:
    return [each.model_copy(update={"allocator": allocator}) for each in records]


def test_launches_in_two_modes_are_named_with_what_it_costs(tmp_path: Path) -> None:
    (text,) = said(run_of(tmp_path, launches(modal())))
    assert (
        "3 of 10 launches of `raw` (rounds 2, 5 and 9) paid 20 minor page faults a request and 5.0 % more CPU than the"
        " others, which paid 2.0 (p = 0.0083)."
    ) in text
    assert "gives memory back to the kernel and takes it again, or does not, by chance" in text
    assert "MALLOC_TRIM_THRESHOLD_=268435456 MALLOC_MMAP_THRESHOLD_=33554432, only both of them together" in text
    assert "jemalloc" in text
    assert "`--malloc both`" in text


def test_what_modes_do_to_the_length_of_a_comparison_is_told(tmp_path: Path) -> None:
    (text,) = said(run_of(tmp_path, launches(modal())))
    assert "scatters by 2.5 % from launch to launch, and by 0.7 % within a mode" in text
    assert "some 11 times fewer rounds" in text


def test_modes_that_hardly_lengthen_a_comparison_are_not_said_to(tmp_path: Path) -> None:
    costs = (1.0, 1.02, 1.004, 0.85, 1.03, 0.99, 1.01, 1.002, 1.02, 0.998)
    (text,) = said(run_of(tmp_path, launches(modal(), costs)))
    assert "3 of 10 launches" in text
    assert "fewer rounds" not in text


def test_modes_that_cost_no_cpu_are_not_told(tmp_path: Path) -> None:
    assert said(run_of(tmp_path, launches(modal(), [*reversed(COSTS)]))) == []


def test_a_page_of_three_bytes_is_not_told_of(tmp_path: Path) -> None:
    """Its launches differ as others do, and pay no page faults."""
    assert said(run_of(tmp_path, launches([0.0] * 10))) == []
    assert said(run_of(tmp_path, launches(modal(0.0, 0.1)))) == []


def test_older_records_are_not_told_of(tmp_path: Path) -> None:
    assert said(run_of(tmp_path, [record(block, RAW, 100) for block in range(1, 11)])) == []


def test_drift_that_all_topologies_share_hides_no_modes(tmp_path: Path) -> None:
    """The cores are up to a third slower in some rounds, for both."""
    drift = [1.0, 1.02, 1.3, 1.25, 1.01, 1.2, 1.05, 1.32, 1.0, 1.1]
    drifting = [cost * more for cost, more in zip(COSTS, drift, strict=True)]
    alone, both = tmp_path / "alone", tmp_path / "both"
    assert said(run_of(alone, launches(modal(), drifting))) == []
    others = launches([2.0] * 10, drift, OTHER)
    (text,) = said(run_of(both, [*launches(modal(), drifting), *others], RAW, OTHER))
    assert "3 of 10 launches of `raw` (rounds 2, 5 and 9)" in text
    assert "5.0 % more CPU" in text


def test_page_faults_of_workers_that_begin_are_of_their_start(tmp_path: Path) -> None:
    """As of a server that replaces its workers, or begins a process for each request."""
    made = [_lived(each, 0.5) for each in launches(modal())]
    assert said(run_of(tmp_path, made)) == []
    assert len(said(run_of(tmp_path / "all", [_lived(each, 1.0) for each in launches(modal())]))) == 1


def _lived(made: TrialRecord, lived_s: float) -> TrialRecord:
    assert made.usage is not None
    processes = [process.model_copy(update={"lived_s": lived_s}) for process in made.usage.processes]
    return made.model_copy(update={"usage": made.usage.model_copy(update={"processes": processes})})


def test_what_all_launches_pay_is_told_as_something_to_try(tmp_path: Path) -> None:
    (text,) = said(run_of(tmp_path, launches([44.0] * 9 + [46.0])))
    assert (
        "Every launch had to pay for minor page faults: `raw` 44 to 46 a request (1.1 % of its CPU), at 0.5 µs" in text
    )
    assert '`--malloc both` shows what `malloc = "keep"`' in text
    assert "only both of them together" in text


@pytest.mark.parametrize(
    ("faults", "cpu_s"),
    [([9.0] + [44.0] * 9, 0.2), ([44.0] * 10, 0.5)],
    ids=["one launch pays few", "it is little of the CPU"],
)
def test_what_costs_little_is_not_told(faults: list[float], cpu_s: float, tmp_path: Path) -> None:
    assert said(run_of(tmp_path, launches(faults, cpu_s=cpu_s))) == []


def test_where_malloc_keeps_its_memory_nobody_is_told_to_have_it_keep_it(tmp_path: Path) -> None:
    keeping = topology("raw").with_malloc("keep")
    base = RAW.model_copy(update={"name": "raw-default"})
    kept = keeping.model_copy(update={"name": "raw-keep"})
    records = [*launches([44.0] * 10, of=base), *launches([44.0] * 10, of=kept)]
    assert said(run_of(tmp_path / "pays", records, base, kept)) == []
    records = [*launches([0.0] * 10, FLAT, base), *launches(modal(), of=kept)]
    (text,) = said(run_of(tmp_path / "modes", records, base, kept))
    assert "keeps its memory already" in text
    assert "THRESHOLD" not in text
    records = [*launches(modal(), of=base), *launches([0.0] * 10, FLAT, kept)]
    (text,) = said(run_of(tmp_path / "both", records, base, kept))
    assert "`raw-default`" in text
    assert "THRESHOLD" not in text


def test_of_another_allocator_glibcs_variables_are_not_advised(tmp_path: Path) -> None:
    (text,) = said(run_of(tmp_path / "modes", with_allocator(launches(modal()), "jemalloc")))
    assert "not from glibc's malloc" in text
    assert "THRESHOLD" not in text
    assert said(run_of(tmp_path / "pays", with_allocator(launches([44.0] * 10), "musl"))) == []
    assert len(said(run_of(tmp_path / "glibc", with_allocator(launches([44.0] * 10), "glibc")))) == 1


def test_the_threshold_for_trimming_is_never_advised_alone(tmp_path: Path) -> None:
    """It freezes the other one at 128 KiB, which makes it worse."""
    for number, faults in enumerate((modal(), [44.0] * 10)):
        (text,) = said(run_of(tmp_path / str(number), launches(faults)))
        assert text.count("MALLOC_TRIM_THRESHOLD_") == text.count("MALLOC_MMAP_THRESHOLD_") == 1
