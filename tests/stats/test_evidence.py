"""What rounds show: p-values of ratios, of differences and of shares of errors."""

from collections.abc import Sequence
from math import comb, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.evidence import Differences, Evidence, Ratios, Shares
from harness.stats.paired import Paired
from harness.stats.sequential import SINGLE_LOOK, looks_until
from harness.stats.verdict import Verdict, judge

shares = st.floats(0.0, 1.0)
MARGIN = 0.001  # of shares: a tenth of a per cent of the requests


def shares_of(before: list[float], after: list[float]) -> Shares:
    return Shares(tuple(before), tuple(after), MARGIN)


@pytest.mark.parametrize("n", [2, 3, 5, 7])
def test_shares_that_are_apart_have_the_p_value_of_the_two_ways_to_deal_them_so(n: int) -> None:
    found = shares_of([1.0 - index / 1e4 for index in range(n)], [0.5 - index / 1e4 for index in range(n)])
    assert found.p_different(n) == pytest.approx(2 / comb(2 * n, n))
    assert found.gain == pytest.approx(-0.5)


def test_shares_that_are_all_the_same_differ_in_nothing() -> None:
    none = shares_of([1.0] * 6, [1.0] * 6)
    assert none.is_constant
    assert none.p_different(6) == 1.0
    assert judge({"errors": none}, SINGLE_LOOK)["errors"].verdict is Verdict.EQUIVALENT


def test_one_bad_trial_is_no_worse_server() -> None:
    """A t test of the differences would not either, but one of requests, taken to be independent, would."""
    found = shares_of([1.0] * 8, [1.0] * 7 + [0.5])
    assert found.p_different(8) == 1.0
    assert judge({"errors": found}, SINGLE_LOOK)["errors"].verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("rate", "expected"), [(0.01, Verdict.WORSE), (0.4, Verdict.WORSE), (0.0001, Verdict.EQUIVALENT)]
)
def test_a_server_that_fails_in_every_trial_is_worse_and_one_that_hardly_ever_does_is_not(
    rate: float, expected: Verdict
) -> None:
    failed = np.random.default_rng(1).binomial(50_000, rate, 8) / 50_000
    found = shares_of([1.0] * 8, [1.0 - float(part) for part in failed])
    assert judge({"errors": found}, SINGLE_LOOK)["errors"].verdict is expected


@given(st.lists(st.tuples(shares, shares), min_size=2, max_size=6))
def test_the_other_way_round_shares_have_the_same_p_value(pairs: list[tuple[float, float]]) -> None:
    before, after = ([pair[side] for pair in pairs] for side in (0, 1))
    one, other = shares_of(before, after), shares_of(after, before)
    assert one.p_different(len(pairs)) == pytest.approx(other.p_different(len(pairs)))
    assert one.gain == pytest.approx(-other.gain)


def test_shares_that_do_not_differ_are_hardly_ever_called_different() -> None:
    """Both sides fail alike, the more so in some rounds, and mostly not at all: 300 runs of ten rounds."""
    dice = np.random.default_rng(2)
    wrong = 0
    for _ in range(300):
        rates = dice.choice([0.0, 0.0, 0.001, 0.02], 7)
        before, after = (dice.binomial(2000, rates) / 2000 for _side in range(2))
        wrong += shares_of((1 - before).tolist(), (1 - after).tolist()).p_different(7) <= 0.05
    assert wrong / 300 <= 0.05


def test_differences_may_be_of_either_sign_and_of_figures_that_are_none() -> None:
    assert judge({"it": Differences((5.0, 6.0, 5.5, 4.5, 6.5, 5.2), 1.0)}, SINGLE_LOOK)["it"].verdict is Verdict.BETTER
    assert judge({"it": Differences((-5.0, -6.0, -5.5, -4.5, -6.5), 1.0)}, SINGLE_LOOK)["it"].verdict is Verdict.WORSE
    assert (
        judge({"it": Differences((0.1, -0.1, 0.05, 0.0, -0.02), 1.0)}, SINGLE_LOOK)["it"].verdict is Verdict.EQUIVALENT
    )
    assert judge({"it": Differences((3.0, -3.0, 0.5, -0.5), 1.0)}, SINGLE_LOOK)["it"].verdict is Verdict.INCONCLUSIVE
    assert Differences((0.0, 0.0), 1.0).is_constant


def test_what_can_not_differ_takes_nothing_from_the_others() -> None:
    """p is about 0.01: enough for one of four, and not for one of six."""
    values = np.random.default_rng(1).standard_normal(12)
    logs = 0.026 + 0.03 * (values - values.mean()) / values.std(ddof=1)
    it, noise = Ratios(Paired(tuple(logs.tolist())), 0.02), Ratios(Paired((0.3, -0.3) * 6), 0.02)
    same = Ratios(Paired((log(1.0),) * 12), 0.02)

    def verdict_among(others: Sequence[Evidence]) -> Verdict:
        return judge({"it": it} | {f"other {n}": other for n, other in enumerate(others)}, SINGLE_LOOK)["it"].verdict

    assert verdict_among([noise] * 5) is Verdict.INCONCLUSIVE
    assert verdict_among([noise] * 2 + [same] * 3) is Verdict.BETTER


def test_a_whole_family_of_kinds_keeps_its_level() -> None:
    """Nine metrics of two equal servers, correlated as they are, looked at again and again: 150 runs."""
    dice, looks, wrong = np.random.default_rng(3), looks_until(20), 0
    for _ in range(150):
        common = dice.normal(0, 0.07, 20)
        ratios = [
            common * weight + dice.normal(0, own, 20)
            for weight, own in ((1, 0), (0.9, 0.02), (0.5, 0.1), (0.2, 0.02), (0, 0.01), (0, 0.2))
        ]
        growth = dice.normal(0, 50, 20)
        before, after = (1 - dice.binomial(3000, dice.choice([0.0, 0.002], 20)) / 3000 for _side in range(2))
        for n in looks.after:
            found = judge(
                {f"ratio {index}": Ratios(Paired(tuple(each[:n].tolist())), 0.05) for index, each in enumerate(ratios)}
                | {"growth": Differences(tuple(growth[:n].tolist()), 64.0)}
                | {"errors": shares_of(before[:n].tolist(), after[:n].tolist())}
                | {"body": Ratios(Paired((0.0,) * n), 0.01)},
                looks,
            )
        wrong += any(each.verdict in (Verdict.BETTER, Verdict.WORSE) for each in found.values())
    assert wrong <= 14  # 5 % would be 7.5; more than 14 happen once in a hundred
