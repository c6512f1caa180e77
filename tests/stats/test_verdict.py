"""Verdicts: where each comes from, and how seldom a wrong one does."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats.evidence import Ratios
from harness.stats.paired import Paired
from harness.stats.power import detectable_difference, effect_size, minimum_detectable_effect, rounds_to_settle
from harness.stats.sequential import SINGLE_LOOK, InterimLooks, looks_until
from harness.stats.verdict import MARGIN, Verdict, judge


def noise(mean: float, scatter: float, n: int, seed: int = 1) -> list[float]:
    """Log-ratios of exactly this mean and scatter."""
    values = np.random.default_rng(seed).standard_normal(n)
    return [float(value) for value in mean + scatter * (values - values.mean()) / values.std(ddof=1)]


def ratios(logs: Sequence[float], margin: float = MARGIN) -> Ratios:
    return Ratios(Paired(tuple(logs)), margin)


def verdict(logs: Sequence[float], looks: InterimLooks = SINGLE_LOOK, margin: float = MARGIN) -> Verdict:
    return judge({"it": ratios(logs, margin)}, looks)["it"].verdict


@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        (noise(0.10, 0.02, 5), Verdict.BETTER),
        (noise(-0.10, 0.02, 5), Verdict.WORSE),
        (noise(0.0, 0.005, 8), Verdict.EQUIVALENT),
        (noise(0.008, 0.005, 12), Verdict.EQUIVALENT),  # there is a difference, and it makes none
        (noise(0.0, 0.1, 8), Verdict.INCONCLUSIVE),
        (noise(0.05, 0.1, 8), Verdict.INCONCLUSIVE),
        ([0.5], Verdict.INCONCLUSIVE),
        ([0.0, 0.0], Verdict.EQUIVALENT),
        ([0.5, 0.5, 0.5], Verdict.BETTER),
    ],
)
def test_a_verdict_is_what_the_tests_can_show(logs: list[float], expected: Verdict) -> None:
    assert verdict(logs) is expected


def test_the_margin_decides_what_is_equivalent() -> None:
    logs = noise(0.03, 0.01, 10)
    assert verdict(logs) is Verdict.BETTER
    assert verdict(logs, margin=0.05) is Verdict.EQUIVALENT


def test_each_comparison_pays_for_the_others() -> None:
    """p is about 0.01: enough for one, too much for one of six; and enough again where the others are decided."""
    logs, clear, nothing = noise(0.026, 0.03, 12), noise(0.5, 0.02, 12), noise(0.0, 0.1, 12)
    assert verdict(logs) is Verdict.BETTER
    it = ratios(logs)
    among_nothing = judge({"it": it} | {f"other {n}": ratios(nothing) for n in range(5)}, SINGLE_LOOK)
    assert among_nothing["it"].verdict is Verdict.INCONCLUSIVE
    among_clear = judge({"it": it} | {f"other {n}": ratios(clear) for n in range(5)}, SINGLE_LOOK)
    assert among_clear["it"].verdict is Verdict.BETTER


def test_looking_early_takes_more_to_be_sure() -> None:
    logs = noise(0.06, 0.03, 5)
    assert verdict(logs) is Verdict.BETTER
    assert verdict(logs, looks_until(30)) is Verdict.INCONCLUSIVE


def test_what_was_shown_at_a_look_stays_shown_unless_all_data_speak_against_it() -> None:
    looks = looks_until(30)
    shown = noise(0.3, 0.02, 7)
    assert verdict(shown, looks) is Verdict.BETTER
    assert verdict([*shown, *noise(0.3, 0.4, 3)], looks) is Verdict.BETTER
    assert verdict([*shown, *noise(-0.3, 0.1, 7)], looks) is Verdict.INCONCLUSIVE


@settings(deadline=None)  # the levels of the looks are computed once
@given(
    st.lists(st.floats(-2, 2), min_size=1, max_size=40),
    st.sampled_from([SINGLE_LOOK, looks_until(12), looks_until(40)]),
)
def test_the_other_way_round_the_verdict_is_too(logs: list[float], looks: InterimLooks) -> None:
    opposite = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}
    there = verdict(logs, looks)
    assert verdict([-log for log in logs], looks) is opposite.get(there, there)


def test_identical_systems_are_hardly_ever_called_different() -> None:
    """200 runs of up to 30 blocks and four comparisons, stopped as soon as all are settled."""
    dice, looks = np.random.default_rng(8), looks_until(30)
    wrong = np.zeros(4)
    for _ in range(200):
        logs = dice.normal(0, [0.07, 0.07, 0.15, 0.02], (30, 4))
        for n in looks.after:
            found = judge({key: ratios(logs[:n, key].tolist()) for key in range(4)}, looks)
            if all(each.verdict is not Verdict.INCONCLUSIVE for each in found.values()):
                break
        wrong += [found[key].verdict in (Verdict.BETTER, Verdict.WORSE) for key in range(4)]
    assert wrong.max() <= 10  # 2 % would be 4; more than 10 of them happen once in 300


def test_the_smallest_effect_is_seen_nine_times_out_of_ten() -> None:
    level, n, scatter = 0.02, 12, 0.07
    effect = np.log1p(detectable_difference(scatter, n, level))
    dice = np.random.default_rng(9)
    seen = sum(verdict(dice.normal(effect, scatter, n).tolist(), margin=1e-6) is Verdict.BETTER for _ in range(2000))
    assert seen / 2000 == pytest.approx(0.9, abs=0.03)
    assert minimum_detectable_effect(noise(0.0, scatter, n), level) == pytest.approx(
        detectable_difference(scatter, n, level)
    )
    assert effect_size(30, 0.05) < effect_size(10, 0.05)


def test_the_rounds_to_go_are_as_many_as_the_power_asks_for() -> None:
    near, far = (rounds_to_settle(noise(mean, 0.07, 10), MARGIN, 0.02) for mean in (0.05, 0.10))
    assert near is not None
    assert far is not None
    assert near > far >= 1
    assert rounds_to_settle(noise(0.0, 0.01, 10), MARGIN, 0.02) is not None  # equivalence is an end too
    assert rounds_to_settle(noise(0.02, 0.5, 10), MARGIN, 0.02) is None
