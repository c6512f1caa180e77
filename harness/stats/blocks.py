"""Figures that were measured in rounds, without what all of a round have in common; some may be missing."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Blocks(NamedTuple):
    """The normal equations of an effect for each column, where each round has an effect of its own, which is removed
    beforehand (Frisch, Waugh and Lovell). ``centred`` are the figures less the mean of their round, 0 where there is
    none; the rounds are those with two figures or more, since one tells nothing."""

    there: npt.NDArray[np.bool_]
    centred: Floats
    gram: Floats


def centre(figures: Floats) -> Blocks:
    """Return the figures, (rounds, columns), NaN where one was not measured, without the effects of rounds."""
    there = ~np.isnan(figures)
    enough = there.sum(axis=1) > 1
    there, values = there[enough], np.nan_to_num(figures[enough])
    of_round = there.sum(axis=1, keepdims=True)
    centred = np.where(there, values - values.sum(axis=1, keepdims=True) / of_round, 0.0)
    return Blocks(there, centred, np.diag(there.sum(axis=0)) - there.T.astype(float) @ (there / of_round))


def solve(gram: Floats, moments: Floats) -> tuple[Floats, int, float]:
    """Return the solution of the normal equations, their rank, and the sum of squares that it explains."""
    found, _, rank, _ = np.linalg.lstsq(gram, moments, rcond=1e-9)
    return found.astype(np.float64), int(rank), float(found @ moments)
