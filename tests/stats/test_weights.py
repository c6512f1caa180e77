"""The share of the level that the comparisons have on which the answer depends: what it brings, and what it costs."""

import numpy as np
import numpy.typing as npt
import pytest

from harness.stats.evidence import Ratios
from harness.stats.paired import Paired
from harness.stats.sequential import SINGLE_LOOK, looks_until
from harness.stats.verdict import MARGIN, Judgement, Verdict, judge
from tests.stats.test_verdict import noise, ratios

DIFFERENT = (Verdict.BETTER, Verdict.WORSE)
DECISIVE = ("requests/s", "CPU/request")
SCATTER = 0.03  # of a round
OTHERS = {"memory": (0.003, 0.05), "growth": (0.1, 0.05), "ready": (0.1, 0.25), "CPU until ready": (0.08, 0.25)}
LOOKS = looks_until(12)


def metrics(dice: np.random.Generator, rounds: int, effect: float) -> dict[str, Ratios]:
    """Return eight metrics as one server has them: those of speed have nearly the same noise."""
    common = effect + dice.normal(0, SCATTER, rounds)

    def beside(scatter: float, margin: float = MARGIN) -> Ratios:
        return log_ratios(common + dice.normal(0, scatter, rounds), margin)

    of_speed = {"requests/s": beside(0.0), "p50": beside(0.005), "p99": beside(0.06, 0.1), "CPU/request": beside(0.01)}
    others = {name: log_ratios(dice.normal(0, scatter, rounds), margin) for name, (scatter, margin) in OTHERS.items()}
    return of_speed | others


def log_ratios(logs: npt.NDArray[np.float64], margin: float) -> Ratios:
    return Ratios(Paired(tuple(logs.tolist())), margin)


def share_of(runs: list[dict[str, Judgement]], metric: str, *verdicts: Verdict) -> float:
    return sum(run[metric].verdict in verdicts for run in runs) / len(runs)


def test_a_slowdown_is_seen_far_more_often_in_few_rounds() -> None:
    """5 % in six rounds that scatter by 3 %, beside metrics of which most do not change."""
    dice = np.random.default_rng(1)
    made = [metrics(dice, 6, -0.05) for _ in range(600)]
    plain, weighted = ([judge(each, SINGLE_LOOK, decisive) for each in made] for decisive in ((), DECISIVE))
    assert share_of(plain, "requests/s", Verdict.WORSE) < 0.55
    assert share_of(weighted, "requests/s", Verdict.WORSE) > 0.65
    assert share_of(weighted, "CPU/request", Verdict.WORSE) > share_of(plain, "CPU/request", Verdict.WORSE) + 0.1
    assert share_of(weighted, "p50", Verdict.WORSE) > share_of(plain, "p50", Verdict.WORSE) - 0.02


def test_equal_servers_are_hardly_ever_called_different() -> None:
    """Looked at after 5, 8 and 12 rounds: any metric in 5 %, one that is decisive in 2 %, but for chance."""
    dice = np.random.default_rng(2)
    found = [judge(metrics(dice, 12, 0.0), LOOKS, DECISIVE) for _ in range(1000)]
    for metric in DECISIVE:
        assert share_of(found, metric, *DIFFERENT) <= 0.034  # more than three standard errors above 2 %
    assert sum(any(each.verdict in DIFFERENT for each in run.values()) for run in found) / len(found) <= 0.071


@pytest.mark.parametrize("kind", ["p", "equivalence"])
def test_what_is_decisive_pays_less_for_the_others_and_these_pay_for_it(kind: str) -> None:
    """One of six comparisons, with a p that a sixth of the level does not allow, and four ninths of it do."""
    it = ratios(noise(0.026, 0.03, 12) if kind == "p" else noise(0.0, 0.027, 12))
    sought = Verdict.BETTER if kind == "p" else Verdict.EQUIVALENT
    others = {f"other {n}": ratios(noise(0.0, 0.1, 12)) for n in range(5)}
    assert judge({"it": it} | others, SINGLE_LOOK)["it"].verdict is Verdict.INCONCLUSIVE
    assert judge({"it": it} | others, SINGLE_LOOK, ["it"])["it"].verdict is sought
    assert judge({"it": it} | others, SINGLE_LOOK, ["other 0", "other 1"])["it"].verdict is Verdict.INCONCLUSIVE


def test_the_level_of_each_is_its_share_of_what_is_left() -> None:
    """Weights of 4 and three times 1; when one of the latter is decided, 4 and twice 1; 1.6 % at the most."""
    open_ones = {name: ratios(noise(0.0, 0.1, 12)) for name in ("decisive", "other", "another")}
    decided = {"decided": ratios(noise(0.5, 0.02, 12))}
    found = judge(open_ones | decided, SINGLE_LOOK, ["decisive"])
    assert found["decisive"].level == pytest.approx(0.016)
    assert found["other"].level == found["another"].level == pytest.approx(0.05 / 6)
