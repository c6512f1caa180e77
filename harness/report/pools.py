"""Workers that came and went, or whose number was not declared, in words."""

from collections import Counter
from collections.abc import Iterator
from statistics import median
from typing import Final

from harness.analysis.summary import TopologySummary
from harness.record import Run, TrialRecord
from harness.units import ms_text

# The options that have workers replaced, by the name of a process.
REPLACING_OPTIONS: Final = {
    "apache2": "MaxConnectionsPerChild, or a pool's limits,",
    "httpd": "MaxConnectionsPerChild, or a pool's limits,",
    "granian": "--workers-lifetime",
    "gunicorn": "--max-requests",
    "hypercorn": "--max-requests",
    "php-fpm": "pm.max_requests, or a pool's limits,",
    "uvicorn": "--limit-max-requests",
    "uwsgi": "max-requests or max-worker-lifetime",
}
ANY_OPTION: Final = "An option such as --max-requests, or a pool's limits,"
MIN_SECONDS: Final = 3  # with a change, and without one, to compare the two


def replaced_text(run: Run, summary: TopologySummary) -> str | None:
    """Return how often workers were replaced within the window, and what that cost; None where none was."""
    records = _good_records(run, summary)
    counts = [record.worker_counts for record in records if record.worker_counts]
    ended = sum((Counter(each.ended) for each in counts), Counter[str]())
    if not ended:
        return None
    trials = sum(each.number_ended > 0 for each in counts)
    how = ", ".join(f"{how}: {number}" for how, number in ended.most_common())
    came = sum(each.started for each in counts)
    failed = sum(record.load.errors.failed for record in records if record.load)
    again = sum(record.load.reconnected for record in records if record.load)
    what = "were replaced" if came else "ended, and none came in their place,"
    return (
        f"Workers of `{summary.name}` {what} within the window, in {trials} of {len(records)} trials:"
        f" {ended.total()} ended ({how}) and {came} came; {failed} requests failed and {again} had to be sent again"
        f"{_slowdown_text(records)}."
    )


def growth_text(run: Run, summary: TopologySummary) -> str | None:
    """Return how the number of workers changed under load; None where it did not, or workers were replaced."""
    counts = [record.worker_counts for record in _good_records(run, summary) if record.worker_counts]
    if not counts or any(each.is_replacing for each in counts):
        return None
    ready, found, at_end = (
        _range_text(getattr(each, name) for each in counts) for name in ("ready", "found", "at_end")
    )
    if ready == found == at_end:
        return None
    return (
        f"The number of workers of `{summary.name}` changed under load: {ready} when ready, {found} as the window began"
        f" and {at_end} as it ended."
    )


def replacing_option(run: Run, summary: TopologySummary) -> str:
    """Return the option that probably has its workers replaced, by the names of its processes."""
    names = {process.name for record in _good_records(run, summary) for process in record.processes}
    known = (option for name, option in REPLACING_OPTIONS.items() if any(each.startswith(name) for each in names))
    return next(known, ANY_OPTION)


def changed_within(run: Run, summary: TopologySummary) -> bool:
    """Return True if the number of workers at the end of a window was another than at its beginning."""
    counts = [record.worker_counts for record in _good_records(run, summary) if record.worker_counts]
    return any(each.found != each.at_end for each in counts)


def _good_records(run: Run, summary: TopologySummary) -> list[TrialRecord]:
    return [record for record in run.records if record.topology == summary.name and record.status == "ok"]


def _slowdown_text(records: list[TrialRecord]) -> str:
    """Return p99 in the seconds with a change, beside that in the others, where there are enough of both."""
    during, otherwise = list[float](), list[float]()
    for record in records:
        if record.load and record.worker_counts:
            for number, second in enumerate(record.load.series):
                if second.p99_ms is not None:
                    is_during = number in record.worker_counts.changed_seconds
                    (during if is_during else otherwise).append(second.p99_ms)
    if min(len(during), len(otherwise)) < MIN_SECONDS:
        return ""
    return f", and p99 was {ms_text(median(during))} in seconds with a change, {ms_text(median(otherwise))} in others"


def _range_text(numbers: Iterator[int]) -> str:
    listed = sorted(set(numbers))
    return str(listed[0]) if len(listed) == 1 else f"{listed[0]} to {listed[-1]}"
