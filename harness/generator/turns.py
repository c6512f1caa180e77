"""The turns of several loads that are measured at the same time: whose they are, and when."""

import random
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from harness.generator.messages import Turns


class Turn(NamedTuple):
    """One turn: of the load at this place, from one time of the system's monotonic clock to another."""

    place: int
    begin_ns: int
    end_ns: int


def iter_turns(turns: Turns, begin_ns: int) -> Iterator[Turn]:
    """Yield the turns of all loads as they follow each other from a time on. In every cycle each has one, in an order
    drawn anew: all who have these ``turns`` draw the same."""
    dice, order = random.Random(turns.seed), list(range(turns.of))
    for cycle in count():
        dice.shuffle(order)
        for number, place in enumerate(order, start=cycle * turns.of):
            at_ns = begin_ns + number * turns.length_ns
            yield Turn(place, at_ns, at_ns + turns.length_ns - turns.gap_ns)
