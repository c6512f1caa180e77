"""An outlying round is told where the interval would be much narrower without it."""

import numpy as np
import pytest

from harness.analysis.comparison import Comparison, Pairs
from harness.analysis.metrics import THROUGHPUT
from harness.analysis.outlying import find_outlying_rounds
from harness.stats.evidence import Ratios
from harness.stats.paired import Paired
from harness.stats.verdict import Judgement, Verdict


def open_comparison(logs: list[float]) -> Comparison:
    """One without a verdict."""
    evidence = Ratios(Paired(tuple(logs)), 0.02)
    figures, rounds = tuple(np.exp(logs)), tuple(range(1, len(logs) + 1))
    pairs = Pairs(THROUGHPUT, (1.0,) * len(logs), figures, evidence, rounds)
    return Comparison("raw-head", pairs, Judgement(evidence, Verdict.INCONCLUSIVE, 0.02, 0.02))


@pytest.mark.parametrize(("rounds", "is_told"), [(8, True), (60, False)])
def test_of_many_rounds_one_decides_less(rounds: int, is_told: bool) -> None:
    """It is as far from the others either way: seven of their standard deviations."""
    logs = np.random.default_rng(2).normal(0, 0.01, rounds)
    logs[3] = logs[[number for number in range(rounds) if number != 3]].std(ddof=1) * 7
    found = list(find_outlying_rounds([open_comparison(logs.tolist())]))
    assert [each.number for each in found] == ([4] if is_told else [])
