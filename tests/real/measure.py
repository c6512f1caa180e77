"""Measure the data that the tests beside it judge: ``python -m tests.real.measure same|slower COMPARISONS [MAX_TIME]``.

Appends a line to ``same.jsonl`` or ``slower.jsonl`` for each comparison: the log-ratios within blocks by metric and
those of the pace, the looks, and the verdicts. *Slower* means 5 % more CPU per request, calibrated when the script
begins.
"""

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from rich.console import Console

from harness.analysis.comparison import compare_topologies
from harness.analysis.trials import valid_trials
from harness.cli.progress import PlainDisplay
from harness.measure.compare import compare
from harness.measure.preparation import prepare
from harness.record import Run, read_run
from harness.scenario import Scenario, load_scenario
from harness.stats.sequential import InterimLooks
from harness.units import NS_PER_MS
from tests.real.slower_cart import work

HERE: Final = Path(__file__).parent
SLOWDOWN: Final = 0.05
CALIBRATING: Final = 10_000  # rounds of work


def main(kind: str, comparisons: int, max_time: str) -> None:
    """Make the comparisons, one after another."""
    scenario = load_scenario(HERE / "quick.toml", {"max_time": max_time})
    if kind == "slower":
        scenario = slowed(scenario, extra_rounds(scenario))
    for seed in range(comparisons):
        run = made(scenario, seed)
        line = json.dumps(entry(run, seed))
        with (HERE / f"{kind}.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)


def made(scenario: Scenario, seed: int) -> Run:
    """One comparison."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        prepared = prepare(scenario, seed)
        display = stack.enter_context(PlainDisplay(Console(quiet=True), prepared))
        return read_run(compare(prepared, Path(folder), "python -m tests.real.measure", display))


def entry(run: Run, seed: int) -> dict[str, object]:
    """What is kept of it."""
    comparisons = compare_topologies(run.scenario, InterimLooks(run.info.looks), run.records)
    known = {name: each.logs for (_, name), each in comparisons.items() if each.logs}
    return {
        "seed": seed,
        "ended": run.ending.reason if run.ending else None,
        "looks": run.info.looks,
        "log_ratios": {name: _rounded(logs.logs) for name, logs in known.items()},
        "paces": _rounded(next(iter(known.values())).paces or ()),
        "verdicts": {name: each.verdict.value for (_, name), each in comparisons.items()},
    }


def _rounded(logs: tuple[float, ...]) -> list[float]:
    return [round(log, 6) for log in logs]


def extra_rounds(scenario: Scenario) -> int:
    """How many rounds of work are 5 % of the CPU time of a request."""
    trials = valid_trials(made(scenario.model_copy(update={"rounds": 5}), seed=0).records, scenario.baseline.name)
    request_ns = median(trial.cpu_ms_per_request for trial in trials) * NS_PER_MS
    return round(SLOWDOWN * request_ns / median(round_ns() for _ in range(101)))


def round_ns() -> float:
    """How much CPU time a round of the work takes here and now."""
    begin_ns = time.thread_time_ns()
    work(CALIBRATING)
    return (time.thread_time_ns() - begin_ns) / CALIBRATING


def slowed(scenario: Scenario, rounds: int) -> Scenario:
    """The scenario whose other topology does so much more."""
    baseline, other = scenario.topologies
    command = tuple(str(rounds) if word == "0" else word for word in other.command)
    return scenario.model_copy(update={"topologies": (baseline, other.model_copy(update={"command": command}))})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "60s")
