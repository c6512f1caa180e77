"""The law of the server that sleeps and locks, by hand and by the other way to derive it."""

from math import perm

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.machine_repairman import throughput_per_s

TIMES_S = st.floats(1e-4, 10.0)


@pytest.mark.parametrize(
    ("workers", "rate_per_s"),
    [
        (1, 1 / 4),  # 3 s asleep, 1 s with the lock
        (2, 2 / (3 + 5 / 4)),  # the lock takes 1 s · (1 + 1/4), as one worker alone holds it a quarter of the time
        (3, 3 / (3 + 27 / 17)),  # two workers alone: 8/17 per s, so 8/17 · 5/4 = 10/17 of them at the lock
    ],
)
def test_hand_worked_rates(workers: int, rate_per_s: float) -> None:
    assert throughput_per_s(workers, sleep_s=3.0, lock_s=1.0) == pytest.approx(rate_per_s)


@given(workers=st.integers(1, 50), sleep_s=TIMES_S, lock_s=TIMES_S)
def test_the_lock_is_held_as_the_states_of_the_markov_chain_say(workers: int, sleep_s: float, lock_s: float) -> None:
    """Erlang's birth and death process: k workers at the lock with a weight of N! / (N − k)! · (L/S)^k."""
    weights = [perm(workers, k) * (lock_s / sleep_s) ** k for k in range(workers + 1)]
    assert throughput_per_s(workers, sleep_s, lock_s) * lock_s == pytest.approx(1 - weights[0] / sum(weights))
