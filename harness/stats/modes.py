"""Two modes of the launches of one server: clusters in a figure that names them, and a test of what the mode costs.

The clusters lie on both sides of the widest gap in the figure, such as page faults for each request, on the scale of
log(1 + x): a difference between 0.1 and 0.3 is none, one between 2 and 20 is. They count as two where that gap is wider
than either cluster (so that there is no continuum of launches), and the figures on both sides of it differ by a whole
one and by a half.

That a mode costs something is another matter, and takes another figure, which had no part in finding the clusters. Were
the mode of no account, each choice of so many launches would be as likely to be the dearer ones: the exact test of
Wilcoxon and of Mann and Whitney (Annals of Mathematical Statistics 18, 1947), on one side, since only more cost is
looked for. It asks nothing of the shape of the noise. Three dear launches of six, or two of seven, are the fewest that
it can show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import mannwhitneyu

MIN_LAUNCHES: Final = 2  # in a mode: a single one is an outlier
MIN_DIFFERENCE: Final = 1.0  # between the nearest figures of the two
MIN_RATIO: Final = 1.5
LEVEL: Final = 0.05


@dataclass(frozen=True)
class Modes:
    """The launches of a server in two modes, by their places: those with a low figure, and the ``dear`` ones.

    ``low`` and ``high`` are the medians of the figure in each. ``cost_ratio`` is the geometric mean of the cost in the
    dear mode, as a multiple of that in the other. ``scatter`` is the standard deviation of the logarithm of the cost
    over all launches, ``scatter_within`` that within the modes.
    """

    dear: tuple[int, ...]
    launches: int
    low: float
    high: float
    cost_ratio: float
    p_value: float
    scatter: float
    scatter_within: float


def find_modes(figures: Sequence[float], costs: Sequence[float]) -> Modes | None:
    """Return the two modes of launches with these figures (at least 0) and costs (above 0); None where there are no two
    clusters, or where nothing shows that the one costs more."""
    is_dear = _split(np.asarray(figures, dtype=np.float64))
    if is_dear is None:
        return None
    values, logs = np.asarray(figures, dtype=np.float64), np.log(costs)
    p_value = float(mannwhitneyu(logs[is_dear], logs[~is_dear], alternative="greater", method="exact").pvalue)
    if p_value > LEVEL:
        return None
    within = sum(float(logs[mode].var()) * np.count_nonzero(mode) for mode in (is_dear, ~is_dear))
    return Modes(
        dear=tuple(int(place) for place in np.flatnonzero(is_dear)),
        launches=len(figures),
        low=float(np.median(values[~is_dear])),
        high=float(np.median(values[is_dear])),
        cost_ratio=float(np.exp(logs[is_dear].mean() - logs[~is_dear].mean())),
        p_value=p_value,
        scatter=float(logs.std(ddof=1)),
        scatter_within=float(np.sqrt(within / (len(logs) - 2))),
    )


def _split(figures: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_] | None:
    """Return which figures are above the widest gap; None where the two sides of it are no clusters."""
    if len(figures) < 2 * MIN_LAUNCHES:
        return None
    ordered = np.sort(figures)
    logs = np.log1p(ordered)
    gaps = np.diff(logs)
    last = int(np.argmax(gaps))  # of the lower cluster
    below, above = float(ordered[last]), float(ordered[last + 1])
    widest = max(logs[last] - logs[0], logs[-1] - logs[last + 1])
    are_few = min(last + 1, len(ordered) - last - 1) < MIN_LAUNCHES
    if are_few or gaps[last] <= widest or above - below < MIN_DIFFERENCE or above < MIN_RATIO * below:
        return None
    return figures >= above
