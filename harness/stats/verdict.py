"""The verdicts on the differences from the baseline, one word each, with a common error rate for all of them."""

import enum
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from harness.stats.evidence import Evidence
from harness.stats.sequential import InterimLooks

MARGIN: Final = 0.02  # smaller differences have no practical relevance
FAMILY_LEVEL: Final = 0.05  # the probability of any false difference among all comparisons of a run
SINGLE_LEVEL: Final = 0.016  # of a single comparison: launches in modes add up to a fifth to it, and stay below 2 %
DECISIVE_WEIGHT: Final = 4  # how many times the level of another comparison a decisive one has

Key = TypeVar("Key")


class Verdict(enum.Enum):
    """The verdict on one comparison. INCONCLUSIVE means that the run can't decide, which is not "no difference"."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Judgement:
    """The verdict on one comparison, with its evidence. ``level`` is the level that the p-value must not exceed at this
    look, ``last_level`` the one at the last look. Both are stricter than that of the evidence's 95 % interval, since
    this is one of many looks at one of many comparisons."""

    evidence: Evidence
    verdict: Verdict
    level: float
    last_level: float


def judge(
    comparisons: Mapping[Key, Evidence], looks: InterimLooks, decisive: Collection[Key] = ()
) -> dict[Key, Judgement]:
    """Return the verdict on each comparison (at least one round each), all of them together. On those that are
    ``decisive`` the answer of the run depends: they have a greater share of the level. Which they are must not follow
    from the data.

    Differences and equivalences are two families of tests. Holm's weighted step-down procedure (Scand. J. Statist. 6,
    1979) is applied to each at every scheduled look, which keeps it valid: Ye, Li, Liu and Yao, Stat. Med. 32 (2013). A
    result of an earlier look is withdrawn unless it is significant at 5 % by all the data. Where a significant
    difference is within the margin, the verdict is EQUIVALENT. Constant comparisons, such as those of no errors with
    none, can't be rejected, and take no part of the level away from the others.
    """
    different, levels = _step_down(comparisons, lambda evidence, n: evidence.p_different(n), looks, decisive)
    # Two one-sided tests at a level are one two-sided at twice that level.
    equivalent, _ = _step_down(comparisons, lambda evidence, n: 2 * evidence.p_beyond(n), looks, decisive, sides=2)
    judgements = {}
    for key, evidence in comparisons.items():
        n = len(evidence)
        if key in equivalent and evidence.p_beyond(n) <= FAMILY_LEVEL:
            verdict = Verdict.EQUIVALENT
        elif key in different and evidence.p_different(n) <= FAMILY_LEVEL:
            verdict = Verdict.BETTER if evidence.gain > 0 else Verdict.WORSE
        else:
            verdict = Verdict.INCONCLUSIVE
        nominal = (looks.nominal_level(levels[key], rounds) for rounds in (n, looks.after[-1]))
        judgements[key] = Judgement(evidence, verdict, *nominal)
    return judgements


def share_level(keys: Iterable[Key], decisive: Collection[Key], undecided: Collection[Key]) -> dict[Key, float]:
    """Return the level of each comparison while these are undecided: its share by its weight."""
    weights = {key: DECISIVE_WEIGHT if key in decisive else 1 for key in keys}
    open_weight = sum(weights[key] for key in undecided)
    return {key: min(SINGLE_LEVEL, FAMILY_LEVEL * weight / max(weight, open_weight)) for key, weight in weights.items()}


def _step_down(
    comparisons: Mapping[Key, Evidence],
    p_value: Callable[[Evidence, int], float],
    looks: InterimLooks,
    decisive: Collection[Key],
    sides: int = 1,
) -> tuple[set[Key], dict[Key, float]]:
    """Return the comparisons that Holm's procedure rejects, look after look, and the level of each in the end. A
    comparison is rejected when its p-value does not exceed its share of the level among all that are not rejected yet.
    The last round of a comparison is a look too."""
    ends = {len(evidence) for evidence in comparisons.values()}
    testable = {key for key, evidence in comparisons.items() if not evidence.is_constant}
    rejected: set[Key] = set()

    def share() -> dict[Key, float]:
        return {key: sides * level for key, level in share_level(comparisons, decisive, testable - rejected).items()}

    levels = share()
    for n in sorted(ends.union(looks.after)):
        p_values = {
            key: p_value(evidence, n)
            for key, evidence in comparisons.items()
            if len(evidence) == n or (n in looks.after and len(evidence) > n)
        }
        while more := {
            key for key, p in p_values.items() if key not in rejected and p <= looks.nominal_level(levels[key], n)
        }:
            rejected |= more
            levels = share()
    return rejected, levels
