"""The runs of a tool on one target to one row of figures: medians, and ratios to wrk within rounds."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.running import Failure, Run, Sample

Figure = Callable[[Sample], float]


@dataclass(frozen=True)
class Ratio:
    """How many times wrk's, over the rounds in which both went well."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One tool on one target; medians over its runs. None is what the tool does not report or was never measured."""

    tool: str
    version: str
    cpu_us: float | None  # for one request
    cpu_ratio: Ratio | None
    requests_per_s: float | None
    rate_ratio: Ratio | None
    p50_ms: float | None
    p99_ms: float | None
    errors: int  # of all runs together
    runs: int
    failures: tuple[str, ...]  # the reason of each run that failed


def summarise(tool: str, version: str, runs: Sequence[Run], wrk: Sequence[Run]) -> Row:
    """The row of ``runs``, one for each round; ``wrk`` holds those of the same rounds, or none when it was left out."""
    samples = [run for run in runs if isinstance(run, Sample)]
    readings = [sample.reading for sample in samples]
    return Row(
        tool=tool,
        version=version,
        cpu_us=_median(sample.cpu_us_per_request for sample in samples),
        cpu_ratio=_ratio(runs, wrk, lambda sample: sample.cpu_us_per_request),
        requests_per_s=_median(reading.requests_per_s for reading in readings),
        rate_ratio=_ratio(runs, wrk, lambda sample: sample.reading.requests_per_s),
        p50_ms=_median(reading.p50_ms for reading in readings),
        p99_ms=_median(reading.p99_ms for reading in readings),
        errors=sum(reading.errors for reading in readings),
        runs=len(runs),
        failures=tuple(run.reason for run in runs if isinstance(run, Failure)),
    )


def _median(figures: Iterable[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return statistics.median(known) if known else None


def _ratio(runs: Sequence[Run], wrk: Sequence[Run], figure: Figure) -> Ratio | None:
    """Within rounds, so that what the machine did to a whole round cancels out."""
    ratios = [
        figure(run) / figure(base)
        for run, base in zip(runs, wrk, strict=False)  # no wrk, no ratios
        if isinstance(run, Sample) and isinstance(base, Sample)
    ]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios)) if ratios else None
