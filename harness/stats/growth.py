"""The growth of a level that is read again and again, such as memory, with an interval that no random walk fools.

The level is taken at the ends of blocks of readings, and the growth is the mean difference from end to end, with
Student's t. Where the level wanders by itself, as the memory of a process does, these differences are independent, and
a straight line through the readings would be far too sure. Where it only scatters about a line, the interval is too
wide, and never too narrow.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from harness.stats.estimate import Estimate, difference_of

BLOCKS: Final = 20
MIN_PER_BLOCK: Final = 6  # readings
AT_END: Final = 3  # of which these are averaged: much fewer, since means of whole blocks would not be independent

Floats = npt.NDArray[np.float64]


def estimate_growth(times_s: Sequence[float] | Floats, levels: Sequence[float] | Floats) -> Estimate | None:
    """Return the growth per second of a level that was read at these times, ascending; None for too few readings."""
    if len(times_s) < BLOCKS * MIN_PER_BLOCK:
        return None
    at_s, level = (_read_ends(np.asarray(values, dtype=np.float64)) for values in (times_s, levels))
    return difference_of((np.diff(level) / np.diff(at_s)).tolist())


def _read_ends(values: Floats) -> Floats:
    """Return the means of the first few readings, and of the last few of each block."""
    blocks = np.array_split(values, BLOCKS)
    return np.array([blocks[0][:AT_END].mean(), *(block[-AT_END:].mean() for block in blocks)])
