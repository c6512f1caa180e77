"""Log-ratios within blocks, with what is known of why they scatter, and what they come to block after block.

Where the pace of the cores was measured beside both trials of a block, the log-ratios d are regressed on the difference
c of the paces: d = δ + βc + noise. The effect at equal pace is δ, with its t interval of n − 2 degrees of freedom: the
analysis of covariance (Fisher, Statistical Methods for Research Workers, 1932), known to those who run experiments on
web sites as control variates. It is valid where what is compared has no influence on the pace itself.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
import numpy.typing as npt

LEAST_ADJUSTED: Final = 5  # blocks: with fewer, the slope costs more than it brings
LEAST_SPREAD: Final = 1e-9  # of the paces, summed squares: below it they are all the same

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """``logs`` are greater where it is better than the baseline. ``paces`` say by how much the cores were faster in
    that block (logarithms too); None where that is unknown or must not be used."""

    logs: tuple[float, ...]
    paces: tuple[float, ...] | None = None

    def __len__(self) -> int:
        return len(self.logs)

    @cached_property
    def slope(self) -> float:
        """β: what of the pace comes through; 0 where it is not used."""
        return float(Running.of(self).slopes[-1])

    @property
    def is_adjusted(self) -> bool:
        """Whether the effect is that at equal pace."""
        return self.paces is not None and len(self) >= LEAST_ADJUSTED

    @cached_property
    def at_equal_pace(self) -> tuple[float, ...]:
        """The log-ratios less what the pace explains."""
        return tuple((np.asarray(self.logs) - self.slope * np.asarray(self.paces or 0.0)).tolist())


@dataclass(frozen=True)
class Running:
    """What the first n blocks come to, for every n from 1 on: effect (a logarithm), its standard error and degrees of
    freedom, and the slope. The error of a single block is not a number."""

    effects: Floats
    errors: Floats
    freedom: Floats
    slopes: Floats

    @classmethod
    def of(cls, pairs: Paired) -> Self:
        """In one pass."""
        d = np.asarray(pairs.logs, dtype=np.float64)
        c = np.zeros_like(d) if pairs.paces is None else np.asarray(pairs.paces, dtype=np.float64)
        n = np.arange(1, len(d) + 1, dtype=np.float64)
        mean_d, mean_c = np.cumsum(d) / n, np.cumsum(c) / n
        spread_d, spread_c, common = _spread(d, d, n), _spread(c, c, n), _spread(d, c, n)
        uses = (n >= LEAST_ADJUSTED) & (spread_c > LEAST_SPREAD)
        safe_c = np.where(uses, spread_c, 1.0)
        slopes = np.where(uses, common / safe_c, 0.0)
        freedom = n - 1 - uses
        left = np.maximum(spread_d - slopes * common, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.sqrt(left / freedom * (1 / n + np.where(uses, mean_c**2 / safe_c, 0.0)))
        return cls(mean_d - slopes * mean_c, errors, freedom, slopes)


def effect_of(logs: Floats, paces: Floats, axis: int = -1) -> Floats:
    """The effect at equal pace of many samples at once, for the bootstrap; the mean where all paces are the same."""
    mean_d, mean_c = logs.mean(axis=axis, keepdims=True), paces.mean(axis=axis, keepdims=True)
    spread = np.sum((paces - mean_c) ** 2, axis=axis)
    common = np.sum((paces - mean_c) * (logs - mean_d), axis=axis)
    slopes = np.where(spread > LEAST_SPREAD, common / np.maximum(spread, LEAST_SPREAD), 0.0)
    return np.asarray(mean_d.squeeze(axis) - slopes * mean_c.squeeze(axis))


def _spread(one: Floats, other: Floats, n: Floats) -> Floats:
    """Σ (x − x̄)(y − ȳ) of the first n, for every n."""
    return np.asarray(np.cumsum(one * other) - np.cumsum(one) * np.cumsum(other) / n)
