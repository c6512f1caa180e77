"""``python -m bench.validity.estimators``: which estimate of a ratio keeps its level where launches differ by modes.

The same simulated rounds are judged by each of five methods, after 5, 8, 13, 20 and 30 of them and by the interim looks
of a run: false differences, how often the 95 % interval holds the truth, how wide it is, and what is seen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from scipy import stats

from bench.checking import Row, run_checks
from bench.validity.sliced import QUIET, REST, ROTATIONS, SLICED, Dice, Floats, SlicedWorld, make, normal, quiet
from harness.stats.paired import Paired, Running
from harness.stats.sequential import looks_until

RUNS: Final = 3000
SIZES: Final = (5, 8, 13, 20, 30)
RESAMPLES: Final = 1999  # of the bootstrap, and of the signs where there are more ways
EFFECT: Final = 0.02
UNLIKE: Final = (((0.0, 0.1), 0.06), ((0.0, 0.3), 0.05), ((0.1, 0.3), 0.05), ((0.1, 0.5), 0.05), ((0.5, 0.1), 0.11))
LEVEL: Final = 0.02  # at which each method judges
TOO_OFTEN: Final = LEVEL + 3 * (LEVEL / RUNS) ** 0.5  # beyond chance


@dataclass(frozen=True)
class Found:
    """The results of a method for each run: the p-value of no difference, and the ends of the 95 % interval."""

    p: Floats
    low: Floats
    high: Floats


Method = Callable[[Floats], Found]


def mean_t(d: Floats) -> Found:
    """Student's t test of the mean: what the harness uses."""
    n, mean, error = d.shape[1], d.mean(axis=1), stats.sem(d, axis=1)
    half = error * stats.t.isf(0.025, n - 1)
    return Found(2 * stats.t.sf(np.abs(mean) / error, n - 1), mean - half, mean + half)


def hodges_lehmann(d: Floats) -> Found:
    """Wilcoxon's signed-rank test, and the interval of the Hodges-Lehmann estimate that belongs to it."""
    first, second = np.triu_indices(d.shape[1])
    walsh = np.sort((d[:, first] + d[:, second]) / 2, axis=1)
    return _by_counts(walsh, _signed_rank_cdf(d.shape[1]))


def median(d: Floats) -> Found:
    """The sign test, and the interval of the median that belongs to it."""
    n = d.shape[1]
    return _by_counts(np.sort(d, axis=1), stats.binom.cdf(np.arange(n + 1), n, 0.5))


def permutation(d: Floats) -> Found:
    """The mean against those with all, or many, ways to turn the signs; the interval are the shifts not rejected."""
    signs = _signs(d.shape[1])
    p = np.mean(np.abs(signs @ d.T) >= np.abs(d.sum(axis=1)) - 1e-12, axis=0)
    turned = (signs < 0) & (signs < 0).any(axis=1, keepdims=True)
    means = np.sort((turned[1:] @ d.T) / turned[1:].sum(axis=1, keepdims=True), axis=0)
    rank = int(0.025 * len(signs)) - 1  # the observed signs are one of the ways
    ends = (means[rank], means[-1 - rank]) if rank >= 0 else _nowhere(len(d))
    return Found(np.asarray(p, dtype=np.float64), *ends)


def bootstrap_t(d: Floats) -> Found:
    """The mean, with the quantiles of Student's t taken from resamples of the rounds."""
    n = d.shape[1]
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), RESAMPLES)
    mean, error = d.mean(axis=1), stats.sem(d, axis=1)
    centred = d - mean[:, None]
    means = drawn @ centred.T / n
    errors = np.sqrt(np.maximum(drawn @ (centred**2).T / n - means**2, 1e-30) / (n - 1))
    quotients = means / errors
    low, high = np.quantile(quotients, (0.025, 0.975), axis=0)
    t = mean / error
    p = 2 * np.minimum(np.mean(quotients >= t, axis=0), np.mean(quotients <= t, axis=0))
    return Found(p, mean - high * error, mean - low * error)


METHODS: Final[dict[str, Method]] = {
    "mean, t": mean_t,
    "Hodges-Lehmann": hodges_lehmann,
    "median": median,
    "permutation": permutation,
    "bootstrap-t": bootstrap_t,
}


def _by_counts(sorted_values: Floats, cdf: Floats) -> Found:
    """Return what follows from how many of the values are above zero, whose distribution is symmetric."""
    above = np.sum(sorted_values > 0, axis=1)
    most = sorted_values.shape[1]
    p = np.minimum(1.0, 2 * cdf[np.minimum(above, most - above)])
    rank = int(np.searchsorted(cdf, 0.025, side="right")) - 1
    if rank < 0:
        return Found(p, *_nowhere(len(p)))
    return Found(p, sorted_values[:, rank], sorted_values[:, most - 1 - rank])


def _nowhere(runs: int) -> tuple[Floats, Floats]:
    """Return the interval of a test that cannot reject at 5 %."""
    return np.full(runs, -np.inf), np.full(runs, np.inf)


@cache
def _signed_rank_cdf(n: int) -> Floats:
    """Return the distribution of the sum of the ranks above zero."""
    counts = np.ones(1)
    for rank in range(1, n + 1):
        counts = np.convolve(counts, [1, *[0] * (rank - 1), 1])
    return np.cumsum(counts).astype(np.float64) / 2.0**n


@cache
def _signs(n: int) -> Floats:
    """Return the ways to turn n signs, the observed one first: all of them, or as many as are drawn."""
    if 2**n <= RESAMPLES:
        return np.asarray(1.0 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1), dtype=np.float64)
    drawn = np.random.default_rng(0).choice([-1.0, 1.0], (RESAMPLES, n))
    return np.concatenate([np.ones((1, n)), drawn])


def same_shares() -> Iterator[Row]:
    """Two servers of which neither is better, and the same with one better by 2 %."""
    for name, world in SLICED.items():
        rounds = _rounds_of(world)
        widths = _widths([mean_t(rounds[:, :n]) for n in SIZES])
        for method_name, method in METHODS.items():
            found = [method(rounds[:, :n]) for n in SIZES]
            wrong = [float(np.mean(each.p <= LEVEL)) for each in found]
            seen = [float(np.mean(method(rounds[:, :n] + EFFECT).p <= LEVEL)) for n in SIZES]
            narrower = [width / usual for width, usual in zip(_widths(found), widths, strict=True)]
            said = f"false {_percents(wrong)}; held {_held(found, 0.0)}; "
            said += f"width {_factors(narrower)}; 2 % seen {_percents(seen)}"
            is_met = method is not mean_t or max(wrong) <= TOO_OFTEN
            yield Row(f"{name}: {method_name}", said, f"≤ {TOO_OFTEN:.1%} false" if method is mean_t else "–", is_met)


def looked_at() -> Iterator[Row]:
    """The same, by the interim looks of a run of 30 rounds: false differences, what is seen, and after how many."""
    looks = looks_until(SIZES[-1])
    for name, world in SLICED.items():
        rounds = _rounds_of(world)
        for method_name in ("mean, t", "Hodges-Lehmann"):
            said = []
            for effect in (0.0, 0.01, 0.02, 0.05, 0.08):
                p_values = np.array([METHODS[method_name](rounds[:, :n] + effect).p for n in looks.after])
                levels = np.array([looks.nominal_level(LEVEL, n) for n in looks.after])
                is_seen = p_values <= levels[:, None]
                ends = np.where(is_seen.any(axis=0), np.array(looks.after)[is_seen.argmax(axis=0)], looks.after[-1])
                said.append(f"{effect:.0%}: {is_seen.any(axis=0).mean():.1%} ({np.mean(ends):.0f} rounds)")
            yield Row(f"{name}: {method_name}, with looks", "; ".join(said), "–", is_met=True)


def other_shares() -> Iterator[Row]:
    """Servers that differ in how many of their launches are slow: whether the interval holds what they cost."""
    for slow, gap in (
        ((0.0, 0.1), 0.06),
        ((0.0, 0.3), 0.05),
        ((0.1, 0.3), 0.05),
        ((0.1, 0.5), 0.05),
        ((0.5, 0.1), 0.11),
    ):
        world = partial(make, launches=partial(_unlike, slow=slow, gap=gap), machine=quiet, own=0.0)
        rounds, truth = _rounds_of(world), -gap * (slow[1] - slow[0])
        for method_name, method in METHODS.items():
            held = _held([method(rounds[:, :n]) for n in SIZES], truth)
            what = f"slow {slow[0]:.0%} and {slow[1]:.0%}, by {gap:.0%}: {method_name}"
            yield Row(what, f"held {held}", "–", is_met=True)


def strata() -> Iterator[Row]:
    """The ratio within a mode, where page faults name the mode of each launch: analysis of covariance."""
    for slow, gap in (((0.1, 0.1), 0.06), ((0.3, 0.3), 0.05), ((0.5, 0.5), 0.11), ((0.1, 0.5), 0.05)):
        dice, noise = np.random.default_rng(7), (2 * (REST**2 + QUIET**2 / ROTATIONS)) ** 0.5
        is_slow = dice.random((RUNS, SIZES[-1], 2)) < slow
        modes = is_slow[..., 1].astype(np.float64) - is_slow[..., 0]
        rounds = dice.normal(0, noise, modes.shape) - gap * modes
        running = [Running.of(Paired(tuple(d), tuple(mode))) for d, mode in zip(rounds, modes, strict=True)]
        said = []
        for n, usual in zip(SIZES, _widths([mean_t(rounds[:, :n]) for n in SIZES]), strict=True):
            effects, errors, freedom = (
                np.array([getattr(each, part)[n - 1] for each in running]) for part in ("effects", "errors", "freedom")
            )
            half = errors * stats.t.isf(0.025, freedom)
            held, truth = np.mean(np.abs(effects) <= half), -gap * (slow[1] - slow[0])
            whole = np.mean(np.abs(effects - truth) <= half)
            said.append(f"{n}: {held:.1%}, {whole:.1%}, {2 * np.median(half) / usual:.2f}")
        what = f"slow {slow[0]:.0%} and {slow[1]:.0%}, by {gap:.0%}: holds the ratio in a mode, that of all, width"
        yield Row(what, "; ".join(said), "–", is_met=True)


def _unlike(dice: Dice, shape: tuple[int, ...], slow: tuple[float, float], gap: float) -> Floats:
    return normal(dice, shape) - gap * (dice.random(shape) < slow)


def _rounds_of(world: SlicedWorld) -> Floats:
    """Return the log-ratios in throughput, (runs, rounds)."""
    most = SIZES[-1]
    made = (world(np.random.default_rng([8, run]), most, ROTATIONS) for run in range(RUNS))
    return np.array([each.differences([ROTATIONS] * most).metrics[:, 0] for each in made])


def _widths(found: Sequence[Found]) -> list[float]:
    return [float(np.median(each.high - each.low)) for each in found]


def _held(found: Sequence[Found], truth: float) -> str:
    return _percents([float(np.mean((each.low <= truth) & (truth <= each.high))) for each in found])


def _percents(parts: Sequence[float]) -> str:
    return " ".join(f"{100 * part:.1f}" for part in parts) + " %"


def _factors(factors: Sequence[float]) -> str:
    return " ".join("–" if np.isinf(factor) else f"{factor:.2f}" for factor in factors)


CHECKS: Final = {
    "same-shares": same_shares,
    "looks": looked_at,
    "other-shares": other_shares,
    "strata": strata,
}


def main(
    only: Annotated[str | None, typer.Option(metavar="CHECK,CHECK", help=f"Of {', '.join(CHECKS)}.")] = None,
    out: Annotated[Path, typer.Option(help="The Markdown file.")] = Path("results/bench/estimators.md"),
) -> None:
    """Compare estimates by simulation; the exit code is 1 where the one that is used is wrong too often."""
    run_checks(CHECKS, only, out)


if __name__ == "__main__":
    typer.run(main)
