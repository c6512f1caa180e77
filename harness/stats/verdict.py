"""What the ratios to the baseline say, in one word each, so that all of them together can be relied on."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from harness.stats.estimate import Estimate, ratio_of
from harness.stats.paired import Paired, Running
from harness.stats.sequential import Looks

MARGIN: Final = 0.02  # differences smaller than this make no difference to anybody
FAMILY_LEVEL: Final = 0.05  # the probability of any false difference among all comparisons of a run
SINGLE_LEVEL: Final = 0.02  # and of one in any single comparison, however many others are already decided

Key = TypeVar("Key")
Floats = npt.NDArray[np.float64]


class Verdict(enum.Enum):
    """INCONCLUSIVE means that this run can't tell, which is not the same as "no difference"."""

    FASTER = "faster"
    SLOWER = "slower"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Rules:
    """By what a run is judged: the margin of equivalence (0.02 is ±2 %) and the looks that were planned."""

    margin: float
    looks: Looks


@dataclass(frozen=True)
class Judgement:
    """One comparison. ``ratio`` has the plain 95 % interval; the verdict is stricter, since it is one of many looks at
    one of many comparisons: ``level`` is what the p-value had to undercut now, ``last_level`` at the last look."""

    ratio: Estimate
    verdict: Verdict
    level: float
    last_level: float

    @property
    def precision(self) -> float | None:
        """By how much the interval's ends lie from its middle, relative to it; None without an interval."""
        if self.ratio.low is None or self.ratio.high is None:
            return None
        return float(np.sqrt(self.ratio.high / self.ratio.low)) - 1


def judge(comparisons: Mapping[Key, Paired], rules: Rules) -> dict[Key, Judgement]:
    """The verdict on each comparison, from its log-ratios to the baseline within blocks, in the order of the blocks (at
    least one each).

    A difference is shown by Student's paired t test (at equal pace, where the pace is known), equivalence by two
    one-sided ones against the margin (TOST; Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987). Both families of tests
    are stepped down by Holm's procedure (Scand. J. Statist. 6, 1979) at every look that was planned, which keeps it
    valid: Ye, Li, Liu and Yao, Stat. Med. 32 (2013). What was shown at one look must still be likely (5 %) by all the
    data, or it is withdrawn. Where a difference is shown and is within the margin, the verdict is EQUIVALENT.
    """
    tests = {key: _Tests.of(pairs, float(np.log1p(rules.margin))) for key, pairs in comparisons.items()}
    different, level = _step_down({key: test.difference for key, test in tests.items()}, rules.looks)
    # Two one-sided tests at a level are one two-sided at twice that level.
    equivalent, _ = _step_down({key: 2 * test.equivalence for key, test in tests.items()}, rules.looks, sides=2)
    judgements = {}
    for key, pairs in comparisons.items():
        test, ratio = tests[key], ratio_of(pairs)
        if key in equivalent and test.equivalence[-1] <= FAMILY_LEVEL:
            verdict = Verdict.EQUIVALENT
        elif key in different and test.difference[-1] <= FAMILY_LEVEL:
            verdict = Verdict.FASTER if ratio.value > 1 else Verdict.SLOWER
        else:
            verdict = Verdict.INCONCLUSIVE
        levels = (rules.looks.nominal_level(level, n) for n in (len(pairs), rules.looks.after[-1]))
        judgements[key] = Judgement(ratio, verdict, *levels)
    return judgements


@dataclass(frozen=True)
class _Tests:
    """The p-values of one comparison after each block, the first block's first: of a difference (two-sided), and of
    the mean lying outside the margin (one-sided, the greater of two)."""

    difference: Floats
    equivalence: Floats

    @classmethod
    def of(cls, pairs: Paired, margin: float) -> Self:
        found = Running.of(pairs)
        effects = np.abs(found.effects)
        with np.errstate(divide="ignore", invalid="ignore"):  # one block has no scatter: its p-values are set to 1
            difference = 2 * stdtr(found.freedom, -effects / found.errors)
            equivalence = stdtr(found.freedom, -(margin - effects) / found.errors)
        return cls(_known(difference), _known(equivalence))


def _known(p_values: npt.NDArray[np.floating]) -> Floats:
    return np.nan_to_num(p_values.astype(np.float64), nan=1.0)


def _step_down(p_values: Mapping[Key, Floats], looks: Looks, sides: int = 1) -> tuple[set[Key], float]:
    """Holm, look after look: those whose p-value undercuts the level shared among all that are not rejected yet, and
    that level at the end, for those that are left. The last block of a comparison is a look too."""
    ends = {len(p) for p in p_values.values()}
    rejected: set[Key] = set()
    for n in sorted(ends.union(looks.after)):
        while True:
            left = [key for key in p_values if key not in rejected]
            level = sides * min(SINGLE_LEVEL, FAMILY_LEVEL / max(1, len(left)))
            seen = [key for key in left if len(p_values[key]) == n or (n in looks.after and len(p_values[key]) > n)]
            more = {key for key in seen if p_values[key][n - 1] <= looks.nominal_level(level, n)}
            if not more:
                break
            rejected |= more
    return rejected, level
