"""What limited the trials of a topology, in words."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.bottleneck import Bottleneck
from harness.report.summary import TopologySummary
from harness.stats.steady import LEAST_ROWS, Settled
from harness.units import duration_text


@dataclass(frozen=True)
class LimitRow:
    """One limit of one topology: in how many of its trials, and the figures of the first of them."""

    topology: str
    limit: Bottleneck
    trials: int
    of: int
    why: str


def limit_rows(summaries: list[TopologySummary]) -> Iterator[LimitRow]:
    """The most frequent limit of each topology first."""
    for summary in summaries:
        found = [trial.limiting for trial in summary.trials]
        for limit, trials in Counter(each.limit for each in found).most_common():
            why = next(each.why for each in found if each.limit is limit)
            yield LimitRow(summary.name, limit, trials, len(found), why)


def usual_limit(summary: TopologySummary) -> Bottleneck:
    """That of most of its trials, of which there must be some."""
    return next(limit_rows([summary])).limit


def limit_text(summary: TopologySummary) -> str:
    """``server-bound``, or ``server-bound, 2 of 5 machine-bound``."""
    usual, *others = limit_rows([summary])
    return ", ".join([usual.limit.value, *(f"{row.trials} of {row.of} {row.limit.value}" for row in others)])


def steady_text(summaries: list[TopologySummary]) -> str:
    """Whether the trials were steady, and what of them is left out because they were not yet."""
    trials = [trial for summary in summaries for trial in summary.trials]
    found = [trial.steady.settled for trial in trials if trial.steady]
    if Settled.YES not in found and Settled.NEVER not in found:
        return (
            f"Whether trials were steady can't be told from windows of less than {LEAST_ROWS} s,"
            " or of a load that changes: nothing but the warm-up is left out."
        )
    late = [trial.discard_s for trial in trials if trial.discard_s]
    left_out = f"; of {len(late)}, up to {duration_text(max(late))} at the beginning are left out" if late else ""
    return (
        f"{found.count(Settled.YES)} of {len(trials)} trials came to a steady state (MSER over seconds){left_out}."
        f" {found.count(Settled.NEVER)} never settled."
    )
