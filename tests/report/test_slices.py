"""What reports make of trials in slices: their figures, the findings on them, the way in which they took turns."""

import io
from math import isnan
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from harness.analysis.metrics import CPU, THROUGHPUT
from harness.analysis.rotations import core_speed_slope, pair_rounds
from harness.analysis.trials import valid_trials
from harness.record import Interleaving, Run, Slice, TrialRecord
from harness.report.charts.timeline import timeline_data
from harness.report.comment import render_comment
from harness.report.findings import collect_findings
from harness.report.html.page import render_html
from harness.report.markdown import render_markdown
from harness.report.run_report import RunReport
from harness.report.terminal import render_terminal
from harness.scenario import Topology
from harness.stats.verdict import Verdict
from tests.made_runs import latencies, made_run, record, scenario_of, topology

RAW, TWO = topology("raw", baseline=True), topology("other")
ROTATIONS = 6


def sliced(block: int, of: Topology, rates_per_s: list[float], **changes: float) -> TrialRecord:
    """A trial with a slice of half a second at each of these rates, of which the record's load is the mean."""
    counts = [round(rate / 2) for rate in rates_per_s]
    slices = [
        Slice.model_validate(
            {
                "begin_s": 2 * number + (of is not RAW),
                "lead_in_s": 0.1,
                "duration_s": 0.5,
                "requests": count,
                "requests_per_s": rate,
                "answered": round(1.2 * count),
                "cpu_s": 0.3,
                "idle_s": 1.4,
            }
            | changes
        )
        for number, (rate, count) in enumerate(zip(rates_per_s, counts, strict=True))
    ]
    made = record(block, of, sum(counts))
    assert made.load
    assert made.usage
    rows = [
        made.load.series[0].model_copy(
            update={
                "end_s": 0.5 * (number + 1),
                "requests": count,
                "requests_per_s": rate,
                "histogram": latencies(count)[1],
            }
        )
        for number, (rate, count) in enumerate(zip(rates_per_s, counts, strict=True))
    ]
    duration_s = 0.5 * len(rates_per_s)
    load = made.load.model_copy(
        update={"series": rows, "duration_s": duration_s, "requests_per_s": sum(counts) / duration_s}
    )
    answered = sum(part.answered for part in slices)
    usage = made.usage.model_copy(update={"requests": answered, "series": made.usage.series * len(rows)})
    return made.model_copy(update={"slices": slices, "load": load, "usage": usage})


def run_of(results: Path, records: list[TrialRecord], interleaving: Interleaving | None = None) -> Run:
    run = made_run(results, scenario_of([RAW, TWO], 8), records)
    info = run.info.model_copy(update={"interleaving": interleaving or Interleaving(kind="slices", slice_s=0.5)})
    return run.model_copy(update={"info": info})


def findings_of(run: Run) -> list[str]:
    return [finding.what for finding in collect_findings(RunReport(run))]


def steady(dice: np.random.Generator, level: float = 1000.0) -> list[float]:
    return [level * float(np.exp(noise)) for noise in dice.normal(0, 0.002, ROTATIONS)]


def test_a_steady_run_in_slices_has_no_finding_on_them(tmp_path: Path) -> None:
    dice = np.random.default_rng(1)
    records = [sliced(block, each, steady(dice)) for block in range(1, 9) for each in (RAW, TWO)]
    said = " ".join(findings_of(run_of(tmp_path, records)))
    assert not any(word in said for word in ("slice", "beside", "cores busy while"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"idle_cpu_s": 0.42},
            "`other` kept 0.30 cores busy while others had the load (0.50 under its own), so that it slowed them down.",
        ),
        (
            {"undrained": 2},
            "96 requests to `other` had no answer a second after the end of their slice, and were given up.",
        ),
        (
            {"outlasting": 2},
            "96 of 28,803 requests to `other` took longer than a slice, and so are in none of its response times: p99"
            " may be higher.",
        ),
        (
            {"stalled_s": 0.03},
            "In 48 of 48 slices of `other` the generator was kept from running for more than a twentieth of the time.",
        ),
    ],
)
def test_what_weakens_slices_is_said_of_the_topology(change: dict[str, float], said: str, tmp_path: Path) -> None:
    dice = np.random.default_rng(1)
    records = [
        sliced(block, each, steady(dice), **(change if each is TWO else {}))
        for block in range(1, 9)
        for each in (RAW, TWO)
    ]
    found = findings_of(run_of(tmp_path, records))
    assert [what for what in found if "slice" in what or "cores busy" in what] == [said]


def test_what_goes_on_getting_faster_is_not_called_equivalent(tmp_path: Path) -> None:
    """Its mean is that of the baseline, by chance, since it warms up for the whole round."""
    dice = np.random.default_rng(1)
    warming = np.exp(np.linspace(-0.05, 0.05, ROTATIONS))
    rates = {
        False: [[steady(dice), steady(dice)] for _ in range(8)],
        True: [[steady(dice), (warming * steady(dice)).tolist()] for _ in range(8)],
    }
    for is_warming, rounds in rates.items():
        folder = tmp_path / str(is_warming)
        records = [
            sliced(block, each, of)
            for block, pair in enumerate(rounds, 1)
            for each, of in zip((RAW, TWO), pair, strict=True)
        ]
        report = RunReport(run_of(folder, records))
        verdict = report.comparisons["other", "throughput"].verdict
        assert verdict is (Verdict.INCONCLUSIVE if is_warming else Verdict.EQUIVALENT)
        assert report.comparisons["other", "body"].verdict is Verdict.EQUIVALENT
        trends = [what for what in findings_of(report.run) if "from the first slice" in what]
        assert len(trends) == is_warming
        assert all("`other` became 10 % faster beside `raw`" in what or "11 %" in what for what in trends)


@pytest.mark.parametrize(("factor", "said"), [(1.0, "that is the same"), (1.1, "chance does not explain")])
def test_slices_and_whole_trials_are_held_against_each_other(factor: float, said: str, tmp_path: Path) -> None:
    dice = np.random.default_rng(1)
    records = []
    for block in range(1, 9):
        before, after = steady(dice), steady(dice)
        if block % 2:
            records += [sliced(block, RAW, before), sliced(block, TWO, after)]
        else:
            records += [record(block, RAW, before[0]), record(block, TWO, factor * after[0])]
    found = [
        what
        for what in findings_of(run_of(tmp_path, records, Interleaving(kind="both", slice_s=0.5)))
        if "By slices" in what
    ]
    assert len(found) == 1
    assert said in found[0]


def test_cpu_for_a_request_is_that_of_the_whole_slice_for_all_that_it_answered(tmp_path: Path) -> None:
    made = record(1, RAW, 1000, cpu_s=0.6)
    assert made.usage
    of_slices = made.model_copy(update={"usage": made.usage.model_copy(update={"requests": 1200})})
    (whole,), (cut,) = valid_trials([made], "raw"), valid_trials([of_slices], "raw")
    assert whole.cpu_ms_per_request == pytest.approx(0.6)
    assert cut.cpu_ms_per_request == pytest.approx(0.5)


def test_the_timeline_shows_where_each_slice_lay_in_the_round(tmp_path: Path) -> None:
    records = [sliced(1, each, [1000.0, 900.0]) for each in (RAW, TWO)]
    data = timeline_data(RunReport(run_of(tmp_path, records)))
    raw, other = data.rate.topologies
    assert data.time_label == "seconds into the round"
    assert raw.bold == raw.trials[0]
    assert [time for time in raw.bold.times_s if not isnan(time)] == [0.1, 0.6, 2.1, 2.6]
    assert [time for time in other.bold.times_s if not isnan(time)] == [1.1, 1.6, 3.1, 3.6]
    assert [value for value in raw.bold.values if not isnan(value)] == [1000.0, 1000.0, 900.0, 900.0]
    assert sum(map(isnan, raw.bold.values)) == 2


def test_the_timeline_shows_slices_in_turns_at_the_same_time(tmp_path: Path) -> None:
    records = [sliced(1, each, [1000.0], in_turns_s=1.3, begin_s=0.0) for each in (RAW, TWO)]
    taking = Interleaving(kind="slices", slice_s=0.5, turn_s=0.02)
    data = timeline_data(RunReport(run_of(tmp_path, records, taking)))
    assert data.time_label == "seconds into the round, in turns of 20ms"
    for curves in data.rate.topologies:
        assert [time for time in curves.bold.times_s if not isnan(time)] == [0.0, 1.3]


WHYS = [
    (
        Interleaving(kind="slices", slice_s=0.5, turn_s=0.01),
        "The topologies of a round were up together, and measured at the same time, in turns of 10ms between which they"
        " were stopped: each for 6 times 500ms in a round.",
    ),
    (
        Interleaving(kind="slices", slice_s=0.5),
        "The topologies of a round were up together, and load alternated between them",
    ),
    (Interleaving(kind="both", slice_s=0.5), "Rounds in slices of 500ms and rounds of whole trials took turns."),
    (Interleaving(kind="trials", why="port 1 is fixed"), "whole, one after the other, and not in slices: port 1 is"),
]


@pytest.mark.parametrize(("interleaving", "said"), WHYS)
def test_every_form_says_how_trials_took_turns(interleaving: Interleaving, said: str, tmp_path: Path) -> None:
    dice = np.random.default_rng(1)
    records = [sliced(block, each, steady(dice)) for block in range(1, 9) for each in (RAW, TWO)]
    report = RunReport(run_of(tmp_path, records, interleaving))
    for text in (render_markdown(report), render_html(report), render_comment(report)):
        assert said in text
    console = Console(file=io.StringIO(), width=300)
    console.print(render_terminal(report))
    assert isinstance(console.file, io.StringIO)
    assert (said in console.file.getvalue()) is (interleaving.why is not None)


def test_of_whole_trials_nothing_is_said(tmp_path: Path) -> None:
    run = run_of(tmp_path, [record(1, RAW, 1000), record(1, TWO, 1000)], Interleaving())
    for render in (render_markdown, render_html, render_comment):
        assert "one after the other" not in render(RunReport(run))


def test_the_core_speed_of_each_slice_is_taken_out_of_the_change(tmp_path: Path) -> None:
    """The cores change their speed from slice to slice, and the other topology is 5 % slower at equal speed."""
    dice, records = np.random.default_rng(1), []
    for block in range(1, 5):
        for each, level in ((RAW, 1000.0), (TWO, 950.0)):
            speeds = np.exp(dice.choice([-0.2, 0.2], ROTATIONS))
            made = sliced(block, each, [level * float(speed) for speed in speeds])
            slices = [
                part.model_copy(update={"pace_us": 200 / speed})
                for part, speed in zip(made.slices, speeds, strict=True)
            ]
            assert made.usage
            usage = made.usage.model_copy(update={"pace_us": 200 * float(np.mean(1 / speeds**-1)) ** -1})
            records.append(made.model_copy(update={"slices": slices, "usage": usage}))
    comparison = RunReport(run_of(tmp_path, records)).comparisons["other", "throughput"]
    assert comparison.logs is not None
    assert comparison.logs.given_slope == pytest.approx(1.0, abs=0.01)
    assert comparison.is_at_equal_core_speed
    assert comparison.change.value == pytest.approx(0.95, abs=0.005)
    assert comparison.change.low is not None
    assert comparison.change.low > 0.93


def test_slices_in_turns_have_no_core_speed_of_their_own(tmp_path: Path) -> None:
    """All met every speed. What was read of it meanwhile says nothing of a difference."""
    dice, records = np.random.default_rng(1), []
    for block in range(1, 13):
        for each, level in ((RAW, 1000.0), (TWO, 950.0)):
            made = sliced(block, each, [level * float(np.exp(dice.normal(0, 0.01))) for _ in range(ROTATIONS)])
            read_us = 200 * np.exp(dice.normal(0, 0.2, ROTATIONS))
            slices = [
                part.model_copy(update={"in_turns_s": 1.2, "pace_us": us, "window_pace_us": us})
                for part, us in zip(made.slices, read_us.tolist(), strict=True)
            ]
            assert made.usage
            usage = made.usage.model_copy(update={"pace_us": float(read_us.mean())})
            records.append(made.model_copy(update={"slices": slices, "usage": usage}))
    report = RunReport(run_of(tmp_path, records))
    for metric in (THROUGHPUT, CPU):
        assert core_speed_slope(metric, pair_rounds(report.trials["raw"], report.trials["other"])) is None
        assert not report.comparisons["other", metric.name].is_at_equal_core_speed
    assert report.comparisons["other", "throughput"].change.value == pytest.approx(0.95, abs=0.005)


def test_both_ways_take_turns_round_by_round() -> None:
    both = Interleaving(kind="both", slice_s=0.5)
    assert [both.has_slices(block) for block in (1, 2, 3, 4)] == [True, False, True, False]
    assert Interleaving(kind="slices", slice_s=0.5).has_slices(2)
    assert not Interleaving().has_slices(1)
