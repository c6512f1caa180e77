"""The effects of factors on figures that were measured in rounds, and whether they add up.

The logarithms are analysed as a factorial design in blocks: each round is a block, each cell a combination of levels
(Montgomery, Design and Analysis of Experiments, ch. 5). Least squares fit one effect for each level of each factor
beyond its first, whatever the other factors are; cells and rounds may be missing. Whether more than that is there, an
interaction, is tested by the extra sum of squares of a model with an effect for each cell (F test).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import f, t

from harness.stats.blocks import Floats, centre, solve
from harness.stats.estimate import CONFIDENCE, Estimate

MIN_FREEDOM: Final = 3  # of the residuals, below which intervals would be mere digits


@dataclass(frozen=True)
class Factorial:
    """The effects of factors, and how far they are from adding up.

    ``effects`` has for each factor the ratio of each level to the first, on average over the other factors.
    ``p_interaction`` is the p-value of all effects adding up, None where every combination would. ``departures`` has
    for each cell the logarithm of its figure over the one that the effects add up to, NaN where it has no figure.
    """

    effects: tuple[tuple[Estimate, ...], ...]
    p_interaction: float | None
    departures: tuple[float, ...]


def fit_effects(logs: Floats, levels: Sequence[Sequence[int]]) -> Factorial | None:
    """Return the effects on the logarithms of a figure, (rounds, cells), NaN where one was not measured. ``levels`` has
    the level of each cell on each factor, from 0. None where there are too few figures for that."""
    there, centred, gram = centre(logs)
    moments, per_cell = centred.sum(axis=0), _code_levels(levels)
    cells, cells_rank, whole = solve(gram, moments)
    effects, effects_rank, additive = solve(per_cell.T @ gram @ per_cell, per_cell.T @ moments)
    freedom = int(there.sum()) - len(there) - cells_rank
    if effects_rank < per_cell.shape[1] or freedom < MIN_FREEDOM:
        return None
    left = max(0.0, float((centred**2).sum()) - whole)
    variance = left / freedom
    covariance = variance * np.linalg.inv(per_cell.T @ gram @ per_cell)
    beyond = np.where(gram.diagonal() > 0, cells - per_cell @ effects, np.nan)
    extra = cells_rank - effects_rank
    return Factorial(
        tuple(_split(effects, np.sqrt(np.diag(covariance)), freedom, levels, len(logs))),
        _p_interaction(whole - additive, extra, variance, freedom),
        tuple((beyond - np.nanmean(beyond)).tolist()),
    )


def _code_levels(levels: Sequence[Sequence[int]]) -> Floats:
    """Return a column for each level beyond the first of each factor: 1 for the cells that have it, else 0."""
    table = np.asarray(levels)
    columns = [
        table[:, factor] == level for factor in range(table.shape[1]) for level in range(1, _count(table, factor))
    ]
    return np.array(columns, dtype=np.float64).reshape(-1, len(table)).T


def _count(table: npt.NDArray[np.int_], factor: int) -> int:
    return int(table[:, factor].max()) + 1


def _p_interaction(extra: float, number: int, variance: float, freedom: int) -> float | None:
    """Return the p-value of so great an extra sum of squares by chance; None where the models are the same."""
    if number <= 0:
        return None
    return float(f.sf(max(0.0, extra) / number / variance, number, freedom)) if variance else float(extra <= 0)


def _split(
    effects: Floats, errors: Floats, freedom: int, levels: Sequence[Sequence[int]], n: int
) -> list[tuple[Estimate, ...]]:
    """Return the effects factor by factor, as ratios to the first level, which has none."""
    table, reach = np.asarray(levels), float(t.ppf((1 + CONFIDENCE) / 2, freedom))
    found, at = [], 0
    for factor in range(table.shape[1]):
        of = range(at, at := at + _count(table, factor) - 1)
        found.append(tuple(_ratio(effects[each], reach * errors[each], n) for each in of))
    return found


def _ratio(effect: float, half_width: float, n: int) -> Estimate:
    ends = float(np.exp(effect - half_width)), float(np.exp(effect + half_width))
    return Estimate(float(np.exp(effect)), *ends, n, "least squares over rounds, t interval of logarithms")
