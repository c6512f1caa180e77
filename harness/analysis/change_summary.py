"""All metrics of a change together: what got worse, what got better, and what is open."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.analysis.metric_rows import MetricComparison
from harness.analysis.metrics import BODY, ERRORS, Scale, decisive_metrics
from harness.stats.verdict import Verdict


@dataclass(frozen=True)
class ChangeSummary:
    """The rows that were compared, grouped by their verdicts; in each group, errors come first.

    A body of another size is ``unlike``, neither better nor worse: the two sides may not do the same work. Where more
    requests fail, shorter response times are no improvement, since those of errors are among them: such rows are
    ``open``, like those without a verdict. ``failing`` are the rows of errors where a side has any. Where it
    ``is_as_fast``, every row by a metric of the speed and its price is the same.
    """

    unlike: tuple[MetricComparison, ...]
    worse: tuple[MetricComparison, ...]
    better: tuple[MetricComparison, ...]
    open: tuple[MetricComparison, ...]
    same: tuple[MetricComparison, ...]
    unmeasured: tuple[MetricComparison, ...]
    failing: tuple[MetricComparison, ...]
    is_as_fast: bool

    @classmethod
    def of(cls, rows: Sequence[MetricComparison]) -> "ChangeSummary":
        """Return the summary of the rows that have a baseline."""
        compared = sorted((row for row in rows if row.baseline is not None), key=lambda row: row.metric is not ERRORS)
        fails_more = {
            row.topology for row in compared if row.metric.scale is Scale.SHARE and row.verdict is Verdict.WORSE
        }
        decisive = [row for row in compared if row.metric in decisive_metrics([row.metric for row in rows])]
        blurred = [
            row
            for row in compared
            if row.topology in fails_more and row.metric.is_latency and row.verdict is Verdict.BETTER
        ]

        def having(verdict: Verdict | None, body: bool = False) -> tuple[MetricComparison, ...]:
            return tuple(row for row in compared if row.verdict is verdict and (row.metric is BODY) is body)

        return cls(
            unlike=having(Verdict.WORSE, body=True) + having(Verdict.BETTER, body=True),
            worse=having(Verdict.WORSE),
            better=tuple(row for row in having(Verdict.BETTER) if row not in blurred),
            open=tuple(blurred) + having(Verdict.INCONCLUSIVE) + having(Verdict.INCONCLUSIVE, body=True),
            same=having(Verdict.EQUIVALENT) + having(Verdict.EQUIVALENT, body=True),
            unmeasured=having(None) + having(None, body=True),
            failing=tuple(row for row in compared if row.metric is ERRORS and _is_failing(row)),
            is_as_fast=all(row.verdict is Verdict.EQUIVALENT for row in decisive),
        )

    @property
    def has_verdicts(self) -> bool:
        """True if anything was compared at all."""
        return any((self.unlike, self.worse, self.better, self.open, self.same))


def _is_failing(row: MetricComparison) -> bool:
    return any(side is not None and side.value > 0 for side in (row.before, row.after))
