"""The trend within rounds: whether one topology goes on getting faster, beside another, while both are measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import stdtr

MIN_ROUNDS: Final = 4  # with fewer, the scatter of the trends can hardly be estimated
MIN_ROTATIONS: Final = 3
LEVEL: Final = 0.005


@dataclass(frozen=True)
class Trend:
    """The mean change of a log-ratio from the begin of a round to its end, by straight lines, and its p-value."""

    change: float
    p_value: float

    @property
    def is_shown(self) -> bool:
        """True if chance does not explain it."""
        return self.p_value <= LEVEL


def find_trend(rounds: Sequence[Sequence[float]]) -> Trend | None:
    """Return the trend in the log-ratios of rounds, each with those of its rotations in order of time; None where there
    is too little to tell.

    The line of a round is fitted by least squares. Rotations are no independent values, rounds are: so the changes of
    the rounds are tested, by Student's t.
    """
    changes = [_fit_change(logs) for logs in rounds if len(logs) >= MIN_ROTATIONS]
    if len(changes) < MIN_ROUNDS:
        return None
    mean, error = float(np.mean(changes)), float(np.std(changes, ddof=1)) / len(changes) ** 0.5
    if error == 0:
        return Trend(mean, 0.0 if mean else 1.0)
    return Trend(mean, float(2 * stdtr(len(changes) - 1, -abs(mean) / error)))


def _fit_change(logs: Sequence[float]) -> float:
    """Return by how much the line through these values rises from the first to the last."""
    return float(np.polyfit(np.linspace(0, 1, len(logs)), logs, 1)[0])
