"""What a ratio to the baseline says, in one word."""

import enum
from typing import Final

from harness.stats.estimate import Estimate

MARGIN: Final = 0.02  # differences smaller than this make no difference to anybody


class Verdict(enum.Enum):
    """INCONCLUSIVE means that this run can't tell, which is not the same as "no difference"."""

    FASTER = "faster"
    SLOWER = "slower"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


def judge(ratio: Estimate) -> Verdict:
    """The verdict on a ratio of rates (more is faster) from where its whole interval lies."""
    if ratio.low is None or ratio.high is None:
        return Verdict.INCONCLUSIVE
    if ratio.low > 1 - MARGIN and ratio.high < 1 + MARGIN:
        return Verdict.EQUIVALENT
    if ratio.low > 1:
        return Verdict.FASTER
    if ratio.high < 1:
        return Verdict.SLOWER
    return Verdict.INCONCLUSIVE
