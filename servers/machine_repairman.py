"""The law that `sleep_lock.py` follows: the machine repairman's.

N machines run for a time S, and then wait for the one repairman, who needs L for each, exponentially distributed. With
as many workers, which sleep for S and then want the one lock, it is the closed queueing network of a delay and a
first-come-first-served station, whose throughput is known exactly; that of a delay depends on its mean alone (Baskett,
Chandy, Muntz and Palacios, JACM 22, 1975).
"""


def throughput_per_s(workers: int, sleep_s: float, lock_s: float) -> float:
    """Requests per second of `workers` that are never without one, by exact mean value analysis (Reiser and Lavenberg,
    JACM 27, 1980): who arrives at the lock sees it as it is on average with one worker less."""
    rate_per_s = queue = 0.0
    for number in range(1, workers + 1):
        response_s = lock_s * (1 + queue)
        rate_per_s = number / (sleep_s + response_s)
        queue = rate_per_s * response_s
    return rate_per_s
