"""The bottlenecks of the trials of a topology, in words."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.bottleneck import Bottleneck
from harness.analysis.summary import TopologySummary
from harness.stats.steady import MIN_ROWS, Settled
from harness.units import duration_text


@dataclass(frozen=True)
class LimitRow:
    """One bottleneck of one topology: the number of its trials that it limited, and the figures of the first of
    them."""

    topology: str
    limit: Bottleneck
    trials: int
    of: int
    why: str


def limit_rows(summaries: list[TopologySummary]) -> Iterator[LimitRow]:
    """Yield the bottlenecks of each topology, the most frequent first."""
    for summary in summaries:
        found = [trial.limiting for trial in summary.trials]
        for limit, trials in Counter(each.limit for each in found).most_common():
            why = next(each.why for each in found if each.limit is limit)
            yield LimitRow(summary.name, limit, trials, len(found), why)


def usual_limit(summary: TopologySummary) -> Bottleneck:
    """Return the most frequent bottleneck of the topology, which must have a trial that counts."""
    return next(limit_rows([summary])).limit


def limit_text(summary: TopologySummary) -> str:
    """Return ``server-bound``, or ``server-bound, 2 of 5 machine-bound``."""
    usual, *others = limit_rows([summary])
    return ", ".join([usual.limit.value, *(f"{row.trials} of {row.of} {row.limit.value}" for row in others)])


def steady_text(summaries: list[TopologySummary]) -> str:
    """Return how many trials were steady, and how many seconds are left out of those that were not at first."""
    trials = [trial for summary in summaries for trial in summary.trials]
    found = [trial.steady.settled for trial in trials if trial.steady]
    if Settled.YES not in found and Settled.NEVER not in found:
        return (
            f"Whether trials were steady can't be told from windows of less than {MIN_ROWS} s,"
            " or of a load that changes: nothing but the warm-up is left out."
        )
    late = [trial.discarded_s for trial in trials if trial.discarded_rows]
    left_out = (
        f"; of {len(late)}, up to {duration_text(round(max(late)))} at the beginning are left out" if late else ""
    )
    return (
        f"{found.count(Settled.YES)} of {len(trials)} trials came to a steady state (MSER over seconds){left_out}."
        f" {found.count(Settled.NEVER)} never settled."
    )
