"""Where a series of figures changed its level, and stayed there for a while.

The segmentation is the one for which the squares about the segments' means, and a penalty for each change, add up to
the least: PELT (Killick, Fearnhead and Eckley, JASA 107, 2012), as in ``ruptures`` (Truong, Oudre and Vayatis, Signal
Processing 167, 2020). For a dozen figures the usual penalties, 2σ² log n and the like, are too small: with σ estimated,
they find a change in one of five series of mere noise. So the penalty is what an F test asks for. K changes whose
statistic is F take the part KF / (KF + ν) of the squares away, with ν degrees of freedom left, and F has to be what
chance reaches with any of the segmentations into so many in at most α of series (Bonferroni; for one change the test
of Worsley, JASA 74, 1979; for several, of Bai and Perron, Econometrica 66, 1998). The level of 5 % is spent on one
change, on two at once, since one that is taken back hardly shows alone, and on three: a half, a quarter, an eighth.
Once changes are found, the noise is what is left about their levels, and more are looked for, until there are none.

By simulation, a change is told of steady noise of 6 to 40 figures in 1 to 4 % of series, normal or of Student's t with
three degrees of freedom; but of noise with a memory (AR(1), φ = 0.3) in 5 to 12 %, and of a slow drift always, for
which there is no other word here. A step of four standard deviations is found in 59 % of series of 6 figures, 86 % of 8
and nearly always from 10 on; one that is taken back in 70 % of 14 and nearly always from 20 on, one of eight in 78 %
of 6.
"""

from collections.abc import Sequence
from math import comb
from typing import Final

import numpy as np
import numpy.typing as npt
from ruptures import Pelt
from scipy import stats

from harness.stats.verdict import FAMILY_LEVEL

LEAST_FIGURES: Final = 6
LEAST_KEPT: Final = 2  # figures at a level: a single one is an outlier
MOST_AT_ONCE: Final = 3
RESOLUTION: Final = 1e-6  # of a logarithm: a smaller deviation is rounding

Floats = npt.NDArray[np.float64]


def change_points(figures: Sequence[float]) -> list[int]:
    """The indices of the first figures at a new level, of positive figures in the order of time; none among fewer than
    six. What is judged are their logarithms, since figures vary by factors."""
    if len(figures) < LEAST_FIGURES:
        return []
    logs, changes = np.log(figures), list[int]()
    while (more := _with_more(logs, changes)) is not None:
        changes = more
    return changes


def levels(figures: Sequence[float], changes: Sequence[int]) -> list[float]:
    """The geometric mean of each segment."""
    return [float(stats.gmean(segment)) for segment in np.split(np.asarray(figures, dtype=np.float64), changes)]


def _with_more(logs: Floats, changes: Sequence[int]) -> list[int] | None:
    """The segmentation with more changes; None where no more of them are shown."""
    squares = sum(float(segment.var()) * len(segment) for segment in np.split(logs, changes))
    if squares <= len(logs) * RESOLUTION**2:
        return None
    search = Pelt(model="l2", min_size=LEAST_KEPT, jump=1).fit(logs)
    for count in range(1, MOST_AT_ONCE + 1):
        part = _part(count, len(logs), len(logs) - len(changes) - 1)
        if part is not None:
            found: list[int] = search.predict(pen=part * squares)[:-1]  # the last is where the series ends
            if len(found) >= len(changes) + count:
                return found
    return None


def _part(count: int, figures: int, freedom: int) -> float | None:
    """The part of the squares that each of so many changes has to take away, all of them together; None where there is
    no room for them. ``freedom`` is what there is before they are made."""
    segmentations = comb(figures - (count + 1) * LEAST_KEPT + count, count)
    left = freedom - count
    if segmentations == 0 or left < 1:
        return None
    f = float(stats.f.isf(FAMILY_LEVEL / 2**count / segmentations, count, left))
    return f / (count * f + left)
