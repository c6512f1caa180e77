"""The one value of a sample that is too far from all others to be of their kind.

The value that lies farthest from the mean of the others, in standard deviations of these, has Student's t distribution
if all are from one normal distribution. Since it is the farthest of n, its p-value is multiplied by n: the test of
Grubbs (Technometrics 11, 1969), on both sides.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import stdtr

MIN_VALUES: Final = 5  # with fewer, the scatter of the others is hardly known


def find_outlier(values: Sequence[float], level: float) -> int | None:
    """Return the place of the outlier; None where chance explains the farthest value, or of fewer than five. Of normal
    samples, the part ``level`` has one."""
    n = len(values)
    if n < MIN_VALUES:
        return None
    farthest = int(np.argmax(np.abs(np.asarray(values) - np.mean(values))))
    others = np.delete(np.asarray(values, dtype=np.float64), farthest)
    error = float(np.std(others, ddof=1)) * (1 + 1 / len(others)) ** 0.5
    if error == 0:
        return None if values[farthest] == others[0] else farthest
    t = abs(values[farthest] - float(np.mean(others))) / error
    return farthest if n * 2 * float(stdtr(n - 2, -t)) <= level else None
