"""Two sets of trials that share no rounds, such as those of two runs, and how they differ.

Nothing of what the machine did cancels out between them, so they are independent samples, whose scatter may differ too:
Welch's t test (Biometrika 34, 1947), on logarithms. It answers for the trials alone. Whether the machine was as fast on
the one day as on the other no statistic of them can tell.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from harness.stats.estimate import CONFIDENCE, Estimate
from harness.stats.verdict import SINGLE_LEVEL, Verdict

METHOD: Final = "ratio of geometric means, Welch's t interval of logarithms"


@dataclass(frozen=True)
class Unpaired:
    """``ratio`` is how many times the baseline's figure; its ``n`` is that of the smaller side. With a single trial on
    either side there is no interval, and nothing can be told."""

    ratio: Estimate
    verdict: Verdict


def judge_unpaired(baseline: Sequence[float], figures: Sequence[float], margin: float) -> Unpaired:
    """The verdict on one comparison, from a positive figure for each trial (at least one each), the greater the better.

    A difference is shown by the two-sided test, equivalence by two one-sided ones against the margin (TOST, Schuirmann
    1987), which reject where the interval of twice their level lies within it; each has a level of 2 %. Where a
    difference is shown and is within the margin, the verdict is EQUIVALENT.
    """
    before, after = np.log(baseline), np.log(figures)
    value, n = float(np.exp(after.mean() - before.mean())), min(len(before), len(after))
    if n < 2:
        return Unpaired(Estimate(value, None, None, n, METHOD), Verdict.INCONCLUSIVE)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Precision loss")  # of figures that are all the same, whose scatter is none
        difference = stats.ttest_ind(after, before, equal_var=False)
    interval, inner = difference.confidence_interval(CONFIDENCE), difference.confidence_interval(1 - 2 * SINGLE_LEVEL)
    ratio = Estimate(value, float(np.exp(interval.low)), float(np.exp(interval.high)), n, METHOD)
    if max(-inner.low, inner.high) <= np.log1p(margin):
        return Unpaired(ratio, Verdict.EQUIVALENT)
    if difference.pvalue <= SINGLE_LEVEL:
        return Unpaired(ratio, Verdict.FASTER if value > 1 else Verdict.SLOWER)
    return Unpaired(ratio, Verdict.INCONCLUSIVE)
